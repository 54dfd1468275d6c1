"""P&L of one unit of every row under joint scenarios: the table that all accounts of a historical model share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import coin_per_contract, is_option, settlement_value
from margin.errors import DataError
from margin.market import Market
from margin.models.history import History
from margin.pricing import black76

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Rows = NDArray[np.int64]

CELLS = 1 << 21
"""Most (option, scenario) cells repriced at once, which bounds memory beside the table itself."""


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


def joint_pnl_table(market: Market, history: History, underlying: Codes, *, in_usd: bool) -> Array:
    """P&L of one contract (or of one unit of currency) under each joint scenario, in the pool's currency.

    At the relative move x of its underlying a linear future or perpetual gains ``x`` of its value and an inverse one
    ``x / (1 + x)`` of its size in coin. Options are repriced by Black-76 at the shocked forward and volatility with unchanged
    time, against their own model value at the recorded volatility; the change of volatility is read off the history at the
    option's tenor and moneyness. Where pools count in USD, coin is valued at the shocked index, quote currency at its USD price.
    A unit of currency gains ``x`` of its USD price.

    Parameters
    ----------
    market : Market
        n instruments, m currencies.
    history : History
        S scenarios.
    underlying : ndarray of int32, shape (n + m,)
        Column of the history that moves each row, -1 for rows that stay zero.
    in_usd : bool
        Count in USD, else in settlement currency.

    Returns
    -------
    ndarray of float64, shape (n + m, W)
        W is S padded as `kernels.aligned_table` does; the padding is zero.
    """
    n, n_scenarios = len(market), history.n_scenarios
    table = kernels.aligned_table(len(underlying), n_scenarios)
    moves = np.ascontiguousarray(history.price.T)
    coin, worth = coin_per_contract(market), settlement_value(market)
    option = is_option(market)
    for row in np.flatnonzero(underlying[:n] >= 0):
        if not option[row]:
            move = moves[underlying[row]]
            table[row, :n_scenarios] = coin[row] * (move / (1.0 + move) if market.inverse[row] else market.mark[row] * move)
    options = np.flatnonzero(option & (underlying[:n] >= 0))
    for part in np.array_split(options, -(-len(options) * n_scenarios // CELLS) or 1):
        if len(part):
            table[part, :n_scenarios] = _options(market, history, moves, part, underlying[part])
    if in_usd:
        for row in np.flatnonzero(underlying[:n] >= 0):
            table[row, :n_scenarios] *= worth[row] * (1.0 + moves[underlying[row]] if market.inverse[row] else 1.0)
    for row in np.flatnonzero(underlying[n:] >= 0) + n:
        table[row, :n_scenarios] = market.usd[row - n] * moves[underlying[row]]
    return table


def _options(market: Market, history: History, moves: Array, rows: Rows, underlying: Codes) -> Array:
    """P&L of options in settlement currency, shape (len(rows), S)."""
    forward, strike, years, vol, sign = (
        np.ascontiguousarray(a[rows])
        for a in (market.forward, market.strike, market.years, market.vol, market.option_sign)
    )
    days = (market.expiry[rows] - market.time) / np.timedelta64(1, "D")
    moneyness = np.log(strike / forward) / np.sqrt(years)
    vols = vol[:, None] * (1.0 + vol_changes(history, underlying, days, moneyness))
    scenario = np.arange(history.n_scenarios, dtype=np.int32)
    price = kernels.black76_grid(forward, strike, years, sign, vols, underlying, moves, scenario)
    base = black76(forward, strike, years, vol, sign).price
    inverse = market.inverse[rows, None]
    unit = np.where(inverse, forward[:, None], 1.0)  # an inverse option is worth coin: its value over the forward
    shocked = unit * np.where(inverse, 1.0 + moves[underlying], 1.0)
    per_coin: Array = price / shocked - base[:, None] / unit
    return market.contract_size[rows, None] * per_coin


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


def _between(nodes: Array, x: Array) -> tuple[Rows, Array]:
    """Last node at or below each x (the first if there is none), and how far x is on the way to the next one, 0 to 1."""
    at = np.clip(np.searchsorted(nodes, x, side="right") - 1, 0, max(len(nodes) - 2, 0))
    if len(nodes) == 1:
        return at, np.zeros(len(x))
    return at, np.clip((x - nodes[at]) / (nodes[at + 1] - nodes[at]), 0.0, 1.0)
