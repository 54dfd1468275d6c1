"""Worth of one unit of every row under every scenario: the table that all accounts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import coin_per_contract, is_option, settlement_value
from margin.errors import DataError
from margin.market import DAYS_A_YEAR, Market
from margin.models.scenarios import ScenarioTable
from margin.models.shocks import Quoted, VolShock, vol_columns
from margin.pricing import black76, check_rates, discount_factors

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Valuation:
    """How prices move and what options are worth.

    Attributes
    ----------
    moves : {"own", "index"}
        Whether a relative move applies to each price of its own (mark, forward), or is a move of the index that is added to all
        of them.
    discounted : bool
        Whether options are worth their discounted value, at the market's rate.
    """

    moves: Literal["own", "index"] = "own"
    discounted: bool = False

    def share(self, market: Market) -> Array:
        """Part of a relative move by which the price of each instrument moves, shape (n,).

        Only the part of a forward that a settlement average has not fixed yet moves.
        """
        free = 1.0 - market.fixed_forward / market.forward
        return free if self.moves == "own" else free * market.index_price / market.forward


PLAIN = Valuation()


class Rows(NamedTuple):
    """Which rows are priced, and the units whose scenarios apply to them.

    Attributes
    ----------
    unit : ndarray of int32, shape (n_rows,)
        Unit of each row (instruments, then currencies), -1 where it has none.
    units : tuple of str
    used : ndarray of bool, shape (n_rows,)
        Rows to price; the others stay zero.
    """

    unit: Codes
    units: tuple[str, ...]
    used: Flags


class Values(NamedTuple):
    """Shocked worth and worth as things stand, of one contract (or one unit of currency).

    Attributes
    ----------
    shocked : ndarray of float64, shape (n_rows, W)
        Value of an option, P&L of anything else, by scenario; padded with zeros as `kernels.aligned_table` does.
    base : ndarray of float64, shape (n_rows,)
        Model value of an option at its own volatility, 0 for anything else.
    """

    shocked: Array
    base: Array


def pnl_table(
    market: Market,
    scenarios: ScenarioTable,
    shock: VolShock,
    rows: Rows,
    *,
    in_usd: bool,
    valuation: Valuation = PLAIN,
) -> Array:
    """P&L of one contract (or of one unit of currency) under each scenario, weighted, in the pool's currency.

    Futures gain ``x / (1 + x)`` of their size in coin (inverse) or ``x`` of their value (linear). Options are repriced by
    Black-76 at the shocked forward and volatility with unchanged time, against their own model value at the recorded volatility.
    Coin counted in one money is valued at the shocked index. A unit of currency gains ``x`` of its price.

    Parameters
    ----------
    market : Market
        n instruments, m currencies.
    scenarios : ScenarioTable
    shock : VolShock
    rows : Rows
        n + m of them.
    in_usd : bool
        Count in the market's money, else in settlement currency.
    valuation : Valuation

    Returns
    -------
    ndarray of float64, shape (n + m, W)
        W is the number of scenarios padded as `kernels.aligned_table` does; the padding is zero.
    """
    n, unit = scenarios.n_scenarios, rows.unit
    priced = np.flatnonzero(rows.used & (unit >= 0))
    table, base = _settled(market, scenarios, shock, rows, valuation)
    table[:, :n] -= base[:, None]
    instruments = priced[priced < len(market)]
    table[instruments, :n] *= _worth(market, scenarios, instruments, unit, in_usd=in_usd)
    table[priced, :n] *= scenarios.weight[unit[priced]]
    return table


def value_table(
    market: Market,
    scenarios: ScenarioTable,
    shock: VolShock,
    rows: Rows,
    *,
    in_usd: bool,
    valuation: Valuation = PLAIN,
) -> Values:
    """Shocked and unshocked worth of one contract in the pool's currency, not weighted; parameters as in `pnl_table`."""
    n = scenarios.n_scenarios
    priced = np.flatnonzero((rows.used & (rows.unit >= 0))[: len(market)])
    table, base = _settled(market, scenarios, shock, rows, valuation)
    table[priced, :n] *= _worth(market, scenarios, priced, rows.unit, in_usd=in_usd)
    if in_usd:
        base[priced] *= settlement_value(market)[priced]
    return Values(table, base)


def _settled(market: Market, scenarios: ScenarioTable, shock: VolShock, rows: Rows, valuation: Valuation) -> Values:
    """As `value_table`, instruments in their settlement currency, a unit of currency in the market's money.

    Here every option is priced, so here one without a rate is refused where values are discounted: nan would vanish in a minimum.
    """
    n, count, unit = len(market), scenarios.n_scenarios, rows.unit
    table, base = kernels.aligned_table(len(unit), count), np.zeros(len(unit))
    placed = rows.used & (unit >= 0)
    _refuse_worthless_coin(market, scenarios, np.flatnonzero(placed[:n] & market.inverse), unit)
    futures, options = (np.flatnonzero(placed[:n] & kind) for kind in (~is_option(market), is_option(market)))
    if valuation.discounted:
        check_rates(market, placed[:n] & is_option(market))
    share = valuation.share(market)
    table[futures, :count] = _futures(market, share[futures, None] * scenarios.move[unit[futures]], futures)
    if len(options):
        table[options, :count], base[options] = _options(
            market, scenarios, shock, options, unit[options], rows.units, share[options], discounted=valuation.discounted
        )
    currencies = np.flatnonzero(placed[n:])
    table[n + currencies, :count] = market.usd[currencies, None] * scenarios.move[unit[n + currencies]]
    return Values(table, base)


def _refuse_worthless_coin(market: Market, scenarios: ScenarioTable, inverse: NDArray[np.int64], unit: Codes) -> None:
    """Refuse scenarios that take the price of an inverse contract to zero: its P&L in coin has no bound there."""
    wrong = inverse[(scenarios.move[unit[inverse]] <= -1.0).any(axis=1)]
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            "a scenario takes the price to zero, where an inverse contract has no finite value",
            table="instruments",
            column="contract",
            row=row,
            key={"instrument": market.instruments[row]},
            count=len(wrong),
            hint="Give moves above -1.",
        )


def _futures(market: Market, move: Array, rows: NDArray[np.int64]) -> Array:
    """P&L of futures and perpetuals whose marks move by relative moves, in settlement currency, shape (len(rows), S)."""
    inverse = market.inverse[rows]
    coin = coin_per_contract(market)[rows, None]
    gain = np.asarray(coin * market.mark[rows, None] * move)
    gain[inverse] = coin[inverse] * (move[inverse] / (1.0 + move[inverse]))
    return gain


def _options(
    market: Market,
    scenarios: ScenarioTable,
    shock: VolShock,
    rows: NDArray[np.int64],
    unit: Codes,
    units: tuple[str, ...],
    share: Array,
    *,
    discounted: bool,
) -> tuple[Array, Array]:
    """Shocked value, shape (len(rows), S), and model value, shape (len(rows),), of options in settlement currency."""
    forward, strike, years, vol, sign = (
        np.ascontiguousarray(a[rows])
        for a in (market.forward, market.strike, market.years, market.vol, market.option_sign)
    )
    days = (market.expiry[rows] - market.time) / np.timedelta64(1, "D")
    vols = np.ascontiguousarray(shock.shocked(Quoted(vol, days, np.log(strike / forward), unit, units)))
    moving, code = _moving_forwards(unit, share)
    moves = scenarios.move[moving.astype(np.int32)[:, 0]] * moving[:, 1:]
    column = vol_columns(shock, scenarios.vol)
    price = kernels.black76_grid(forward, strike, years, sign, vols, code, moves, column)
    base = black76(forward, strike, years, vol, sign).price
    inverse = market.inverse[rows]
    size = market.contract_size[rows] * (discount_factors(market)[rows] if discounted else 1.0)
    price[inverse] /= (forward[:, None] * (1.0 + moves[code]))[inverse]  # of a linear option the price may fall to zero
    return size[:, None] * price, size * np.where(inverse, base / forward, base)


def _moving_forwards(unit: Codes, share: Array) -> tuple[Array, Codes]:
    """Distinct pairs (unit, share of a move by which the forward moves), shape (k, 2), and the pair of each option."""
    pairs, code = np.unique(np.column_stack((unit, share)), axis=0, return_inverse=True)
    return pairs, code.reshape(-1).astype(np.int32)


def _worth(market: Market, scenarios: ScenarioTable, rows: NDArray[np.int64], unit: Codes, *, in_usd: bool) -> Array:
    """What a unit of settlement currency is worth in the pool under each scenario, shape (len(rows), S)."""
    at = unit[rows]
    shocked = 1.0 + scenarios.move[at]
    if in_usd:
        coin = market.index_price[rows, None] * shocked
        money = market.usd[market.settlement[rows], None]
    else:
        coin = shocked / (1.0 + scenarios.conversion[at])
        money = np.ones((len(rows), 1))
    return np.where(market.inverse[rows, None], coin, money)


def option_pnl(market: Market, rows: NDArray[np.int64], move: Array, *, in_usd: bool, days: float = 0.0) -> Array:
    """P&L of one contract of options whose forwards move alone, at unchanged volatility and index, in the pool's currency.

    Parameters
    ----------
    market : Market
    rows : ndarray of int64, shape (k,)
        Options.
    move : ndarray of float64, shape (k, S)
        Relative move of each one's forward.
    in_usd : bool
        Count in the market's money, else in settlement currency.
    days : float
        Days that pass; an option does not pass its expiry.

    Returns
    -------
    ndarray of float64, shape (k, S)
    """
    forward, strike, years, vol, sign = (
        column[rows, None] for column in (market.forward, market.strike, market.years, market.vol, market.option_sign)
    )
    base = black76(forward, strike, years, vol, sign).price
    moved = forward * (1.0 + move)
    price = black76(moved, strike, np.maximum(years - days / DAYS_A_YEAR, 0.0), vol, sign).price
    per_coin = np.where(market.inverse[rows, None], price / moved - base / forward, price - base)
    worth = market.contract_size * (settlement_value(market) if in_usd else 1.0)
    return np.asarray(worth[rows, None] * per_coin)
