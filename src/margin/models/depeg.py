"""A charge for positions that hedge each other across settlement currencies whose prices may part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, Segments
from margin.models.charges import ALL, PreparedCharge, Sensitivities
from margin.rates import RateTable

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DepegTiers:
    """Incremental factors on a hedging volume that rise as the price of a stablecoin falls.

    Attributes
    ----------
    floor : tuple of float
        Lower bound of each tier, USD, the first 0.
    prices : tuple of float
        Prices of the stablecoin, ascending; between them factors are linear, outside flat.
    factors : tuple of tuple of float
        For each price the factor of each tier.
    """

    floor: tuple[float, ...]
    prices: tuple[float, ...]
    factors: tuple[tuple[float, ...], ...]

    def at(self, price: float) -> RateTable:
        """Incremental rates at a price."""
        columns = np.array(self.factors, dtype=np.float64).T
        return RateTable.incremental(self.floor, [float(np.interp(price, self.prices, column)) for column in columns])


@dataclass(frozen=True, slots=True)
class DepegCharge:
    """Tiers on the volume by which contracts of one coin hedge each other across settlement moneys.

    With the delta of each money's contracts at its price, in USD, the pairs of moneys are taken in their order: deltas of
    opposite sign hedge each other by the smaller of the two, which is charged and then taken off both. Contracts settled in the
    coin itself count as dollars. Options do not enter.

    Attributes
    ----------
    name : str
    pairs : tuple of (str, str)
        Settlement moneys; ``USD`` for dollars.
    tiers : callable
        Returns the tiers; asked for where something is to be charged. Raises `ParameterError` where there are none.
    """

    name: str
    pairs: tuple[tuple[str, str], ...]
    tiers: Callable[[], DepegTiers]

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Deltas by money, and the tiers at the lower price of each pair."""
        s, market = sensitivities, sensitivities.market
        moneys = sorted({money for pair in self.pairs for money in pair})
        n = len(market)
        settled = np.array([*market.currencies, "USD"])[np.where(market.inverse, len(market.currencies), market.settlement)]
        worth = np.where(s.option, 0.0, s.delta * s.at_mark)
        by_money = {m: np.concatenate((np.where(settled == m, worth[:n], 0.0), worth[n:] * 0.0)) for m in moneys}
        price = {m: self._price(sensitivities, m, bool(np.any(by_money[m]))) for m in moneys}

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            left = {
                m: kernels.line_sums(units.start, lines.row, lines.quantity, worth, ALL) if worth.any() else np.zeros(len(units))
                for m, worth in by_money.items()
            }
            total = np.zeros(len(units))
            for a, b in self.pairs:
                hedged = np.where(left[a] * left[b] < 0, np.minimum(np.abs(left[a]), np.abs(left[b])), 0.0)
                if hedged.any():
                    total += self.tiers().at(min(price[a], price[b])).requirement(hedged)
                    left[a], left[b] = (x - np.sign(x) * hedged for x in (left[a], left[b]))
            return total

        return amount

    @staticmethod
    def _price(s: Sensitivities, money: str, used: bool) -> float:
        market = s.market
        if money == "USD" or not used:
            return 1.0
        return float(market.usd[market.currencies.index(money)] * market.money_usd)
