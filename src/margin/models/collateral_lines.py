"""Currencies as lines of a model: coin that hedges positions, and debts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, Segments, numbered, pool_sums
from margin.market import Market
from margin.models.charges import ALL, Sensitivities
from margin.rates import RateTable, RateTables

Array = NDArray[np.float64]


def hedging_part(lines: Lines, units: Segments, sensitivities: Sensitivities) -> Lines:
    """Lines with every coin reduced to what hedges the derivatives of its unit.

    With the derivatives' delta d and the coin's equity e: ``min(e, max(-d, 0))`` where e > 0, ``max(e, -max(d, 0))`` where e < 0.

    Parameters
    ----------
    lines : Lines
        A unit has at most one currency line in each pool, the coin it is named by.
    units : Segments
        Runs of lines of one unit.
    sensitivities : Sensitivities
        Deltas in coin by row; currencies have none.
    """
    n = len(sensitivities.market)
    coin = np.flatnonzero(lines.row >= n)
    if not len(coin):
        return lines
    delta = kernels.line_sums(units.start, lines.row, lines.quantity, sensitivities.delta, ALL)
    against = delta[np.searchsorted(units.start, coin, side="right") - 1]
    equity = lines.quantity[coin]
    quantity = lines.quantity.copy()
    quantity[coin] = np.clip(-against, np.minimum(equity, 0.0), np.maximum(equity, 0.0))
    return replace(lines, quantity=quantity)


class BorrowMargin(NamedTuple):
    """Margins of the debts of each pool, in the pool's currency, shape (n_pools,)."""

    initial: Array
    maintenance: Array


@dataclass(frozen=True, slots=True)
class BorrowCharge:
    """Margin of negative balances: a rate of the tier that the debt falls into, on the whole debt.

    Attributes
    ----------
    name : str
    initial, maintenance : callable
        Currency -> `RateTable` over the debt in units of the currency. Raises `ParameterError` where there is none.
    """

    name: str
    initial: Callable[[str], RateTable]
    maintenance: Callable[[str], RateTable]

    def margin(self, lines: Lines, market: Market) -> BorrowMargin:
        """Margins of the pools' debts; the tables of a currency are asked for where somebody owes it."""
        owed = np.flatnonzero((lines.row >= len(market)) & (lines.quantity < 0))
        currency = lines.row[owed] - np.int32(len(market))
        codes, table = numbered(currency, len(market.currencies))
        debt, worth = -lines.quantity[owed], market.usd[currency]

        def by_pool(tables: Callable[[str], RateTable]) -> Array:
            if not len(owed):
                return np.zeros(lines.n_pools)
            packed = RateTables.of([tables(market.currencies[c]) for c in codes])
            return pool_sums(lines.pool[owed], worth * packed.requirement(debt, table), lines.n_pools)

        return BorrowMargin(by_pool(self.initial), by_pool(self.maintenance))
