"""P&L of one unit of every row under every scenario: the table that all accounts share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import coin_per_contract, is_option
from margin.market import Market
from margin.models.scenarios import ScenarioTable
from margin.models.shocks import RelativeVolShock
from margin.pricing import black76

Array = NDArray[np.float64]


def pnl_table(
    market: Market,
    scenarios: ScenarioTable,
    shock: RelativeVolShock,
    *,
    unit: NDArray[np.int32],
    units: tuple[str, ...],
    in_usd: bool,
    used: NDArray[np.bool_],
) -> Array:
    """P&L of one contract (or of one unit of currency) under each scenario, in the pool's currency.

    Futures gain ``x / (1 + x)`` of their size in coin (inverse) or ``x`` of their value (linear). Options are repriced by
    Black-76 at the shocked forward and volatility with unchanged time, against their own model value at the recorded volatility.
    Coin counted in USD is valued at the shocked index. A unit of currency gains ``x`` of its USD price.

    Parameters
    ----------
    market : Market
        n instruments, m currencies.
    scenarios : ScenarioTable
    shock : RelativeVolShock
    unit : ndarray of int32, shape (n + m,)
        Unit of each row, -1 where it has none.
    units : tuple of str
    in_usd : bool
        Count in USD, else in settlement currency.
    used : ndarray of bool, shape (n + m,)
        Rows to price; the others stay zero.

    Returns
    -------
    ndarray of float64, shape (n + m, W)
        W is the number of scenarios padded as `kernels.aligned_table` does; the padding is zero.
    """
    n, n_scenarios = len(market), scenarios.n_scenarios
    table = kernels.aligned_table(len(used), n_scenarios)
    options = is_option(market) & used[:n]
    futures = np.flatnonzero(~is_option(market) & used[:n])
    rows = np.flatnonzero(options)
    table[futures, :n_scenarios] = _futures(market, scenarios, futures, unit[futures])
    if len(rows):
        table[rows, :n_scenarios] = _options(market, scenarios, shock, rows, unit[rows], units)
    _count_in_pool_currency(table[:n, :n_scenarios], market, scenarios, np.flatnonzero(used[:n]), unit, in_usd=in_usd)
    for row in np.flatnonzero(used[n:]) + n:
        at = unit[row]
        if at >= 0:
            table[row, :n_scenarios] = market.usd[row - n] * scenarios.move[at] * scenarios.weight[at]
    return table


def _futures(market: Market, scenarios: ScenarioTable, rows: NDArray[np.int64], unit: NDArray[np.int32]) -> Array:
    """P&L of futures and perpetuals in settlement currency, shape (len(rows), S)."""
    move = scenarios.move[unit]
    coin = coin_per_contract(market)[rows, None]
    mark = market.mark[rows, None]
    return np.where(market.inverse[rows, None], coin * (move / (1.0 + move)), coin * mark * move)


def _options(
    market: Market,
    scenarios: ScenarioTable,
    shock: RelativeVolShock,
    rows: NDArray[np.int64],
    unit: NDArray[np.int32],
    units: tuple[str, ...],
) -> Array:
    """P&L of options in settlement currency, shape (len(rows), S)."""
    forward, strike, years, vol, sign = (
        np.ascontiguousarray(a[rows])
        for a in (market.forward, market.strike, market.years, market.vol, market.option_sign)
    )
    days = (market.expiry[rows] - market.time) / np.timedelta64(1, "D")
    vols = np.ascontiguousarray(shock.shocked(vol, days, unit, units))
    price = kernels.black76_grid(forward, strike, years, sign, vols, unit, scenarios.move, scenarios.vol)
    base = black76(forward, strike, years, vol, sign).price
    shocked_forward = forward[:, None] * (1.0 + scenarios.move[unit])
    inverse = price / shocked_forward - (base / forward)[:, None]
    linear = price - base[:, None]
    per_coin: Array = np.where(market.inverse[rows, None], inverse, linear)
    return market.contract_size[rows, None] * per_coin


def _count_in_pool_currency(
    pnl: Array, market: Market, scenarios: ScenarioTable, rows: NDArray[np.int64], unit: NDArray[np.int32], *, in_usd: bool
) -> None:
    """Turn P&L in settlement currency into what counts in the pool, in place."""
    at = unit[rows]
    shocked = 1.0 + scenarios.move[at]
    if in_usd:
        coin = market.index_price[rows, None] * shocked
        money = market.usd[market.settlement[rows], None]
    else:
        coin = shocked / (1.0 + scenarios.conversion[at])
        money = np.ones((len(rows), 1))
    pnl[rows] *= scenarios.weight[at] * np.where(market.inverse[rows, None], coin, money)
