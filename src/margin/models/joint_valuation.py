"""P&L of one unit of every row under joint scenarios: the table that all accounts of a historical model share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.market import Market
from margin.models.history import History
from margin.models.scenarios import ScenarioTable
from margin.models.shocks import Quoted
from margin.models.valuation import PLAIN, Rows, Valuation, pnl_table

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Places = NDArray[np.int64]


def underlyings(
    market: Market, history: History, *, collateral_unit: Callable[[str], str | None] | None, used: NDArray[np.bool_]
) -> Codes:
    """Column of the history that moves each row, -1 for rows that are not in use or not shocked, shape (n + m,).

    Parameters
    ----------
    market : Market
        n instruments, m currencies.
    history : History
    collateral_unit : callable or None
        Currency -> coin that moves its equity, None where it is not shocked. Where the argument itself is None, none is.
    used : ndarray of bool, shape (n + m,)

    Raises
    ------
    DataError
        If the history lacks an underlying that is in use.
    """
    n = len(market)
    column = {name: u for u, name in enumerate(history.names)}
    coins: list[str | None] = [market.currencies[c] for c in market.base]
    coins += [None if collateral_unit is None else collateral_unit(c) for c in market.currencies]
    out = np.full(len(used), -1, dtype=np.int32)
    for row in np.flatnonzero(used).tolist():
        coin = coins[row]
        if coin is None:
            continue
        if coin not in column:
            what = f"of {market.instruments[row]!r}" if row < n else f"that moves {market.currencies[row - n]!r}"
            raise DataError(
                f"the underlying {coin!r} {what} is not in the history",
                table="history",
                column="names",
                value=coin,
                hint="Add its returns to the history, or leave out what needs them.",
            )
        out[row] = column[coin]
    return out


def joint_pnl_table(
    market: Market, history: History, underlying: Codes, *, in_usd: bool, valuation: Valuation = PLAIN
) -> Array:
    """P&L of one contract (or of one unit of currency) under each joint scenario, in the pool's currency.

    Every row moves as `pnl_table` says, at the move of its underlying; the change of an option's volatility is read off the
    history at its tenor and moneyness.

    Parameters
    ----------
    market : Market
        n instruments, m currencies.
    history : History
        S scenarios.
    underlying : ndarray of int32, shape (n + m,)
        Column of the history that moves each row, -1 for rows that stay zero.
    in_usd : bool
        Count in the market's money, else in settlement currency.
    valuation : Valuation

    Returns
    -------
    ndarray of float64, shape (n + m, W)
        W is S padded as `kernels.aligned_table` does; the padding is zero.
    """
    moves = np.ascontiguousarray(history.price.T)
    shock = HistoryVolShock(history)
    scenarios = ScenarioTable(
        move=moves,
        vol=shock.columns,
        weight=np.ones_like(moves),
        conversion=moves,
        relief=np.zeros_like(moves),
        n_regular=history.n_scenarios,
        absolute=np.zeros(history.n_scenarios, dtype=np.bool_),
    )
    rows = Rows(underlying, history.names, underlying >= 0)
    return pnl_table(market, scenarios, shock, rows, in_usd=in_usd, valuation=valuation)


@dataclass(frozen=True, slots=True, eq=False)
class HistoryVolShock:
    """Volatility moved as it did in each scenario of a history, whose columns are the units of the options."""

    history: History

    @property
    def columns(self) -> tuple[str, ...]:
        """One move for each scenario, named by its number."""
        return tuple(map(str, range(self.history.n_scenarios)))

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, S); an option that expires now has no moneyness and takes that of the money."""
        root = np.sqrt(options.years)
        moneyness = np.divide(options.log_strike, root, out=np.zeros(len(root)), where=root > 0)
        return options.vol[:, None] * (1.0 + vol_changes(self.history, options.unit, options.days, moneyness))


def vol_changes(history: History, underlying: Codes, days: Array, moneyness: Array) -> Array:
    """Relative changes of volatility at given points of the surface: linear in tenor and in moneyness, flat outside the nodes.

    Parameters
    ----------
    history : History
        S scenarios.
    underlying : ndarray of int32, shape (k,)
        Column of the history.
    days : ndarray of float64, shape (k,)
        To expiry.
    moneyness : ndarray of float64, shape (k,)
        ``ln(strike / forward) / sqrt(years)``.

    Returns
    -------
    ndarray of float64, shape (k, S)
    """
    tenor, later = _between(history.tenors, days)
    node, higher = _between(history.moneyness, moneyness)
    next_tenor, next_node = (np.minimum(at + 1, size - 1) for at, size in zip((tenor, node), history.vol.shape[2:], strict=True))
    out = np.zeros((len(underlying), history.n_scenarios))
    for t, in_time in ((tenor, 1.0 - later), (next_tenor, later)):
        for m, in_strike in ((node, 1.0 - higher), (next_node, higher)):
            out += (in_time * in_strike)[:, None] * history.vol[:, underlying, t, m].T
    return out


def _between(nodes: Array, x: Array) -> tuple[Places, Array]:
    """Last node at or below each x (the first if there is none), and how far x is on the way to the next one, 0 to 1."""
    at = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, max(len(nodes) - 2, 0))
    if len(nodes) == 1:
        return at, np.zeros(len(x))
    return at, np.clip((x - nodes[at]) / (nodes[at + 1] - nodes[at]), 0.0, 1.0)
