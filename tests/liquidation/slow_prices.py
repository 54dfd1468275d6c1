"""Liquidation prices the slow way: whole assessments of moved markets, a scan outwards, then bisection."""

from __future__ import annotations

import numpy as np

FAR = 1e4


def moved(market, factor, *, instrument=None, coin=None, index_follows=True):
    """The market with one instrument's mark and its index, or all futures of a coin and the coin itself, times a factor."""
    if coin is None:
        marks = np.arange(len(market)) == instrument
        indices = (market.index == market.index[instrument]) & index_follows
    else:
        marks = indices = market.base == market.currencies.index(coin)
    mark, index_price = (
        np.where(chosen, factor, 1.0) * price for chosen, price in ((marks, market.mark), (indices, market.index_price))
    )
    changes = {"mark": mark, "index_price": index_price}
    if coin is not None:
        changes["usd"] = market.usd * np.where(np.array(market.currencies) == coin, factor, 1.0)
    return market.with_(**changes)


def state(regime, book, market, pool, factor, **what):
    """Whether a pool of an account is in liquidation, and its excess, where the price is times a factor."""
    result = regime.assess(book, moved(market, factor, **what))
    row = list(map(str, result.columns()["pool"])).index(pool)
    return result.status[row] == 2, result.excess[row]


def first_change(regime, book, market, pool, *, up, points=120, **what):
    """Factor nearest to 1 at which the pool's state changes; nan where it does not within a factor of `FAR`."""
    now = state(regime, book, market, pool, 1.0, **what)[0]
    inner = 1.0
    for step in np.geomspace(1.0, FAR, points)[1:]:
        outer = step if up else 1.0 / step
        if state(regime, book, market, pool, outer, **what)[0] != now:
            break
        inner = outer
    else:
        return np.nan
    for _ in range(60):
        middle = (inner + outer) / 2
        if state(regime, book, market, pool, middle, **what)[0] == now:
            inner = middle
        else:
            outer = middle
    return outer
