"""A charge for positions whose prices are not sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.errors import DataError
from margin.lines import Lines, Segments
from margin.market import PERPETUAL
from margin.models.charges import GROSS, PreparedCharge, Sensitivities, listed_rows
from margin.models.size_charges import coin_notional

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ConfidenceCharge:
    """A share of the worth of what is held, long or short, where the least confidence of its feeds is below a threshold.

    ``(1 - c) * share * worth`` where ``c < threshold``, else nothing. The feeds of a future or perpetual are its index and, where
    the unit holds a perpetual, the perpetual; of an option these and its forward, rate and volatility; of collateral its own
    price and the index. Worth is the coin size at the index; of collateral its amount at its price.

    Attributes
    ----------
    name : str
    threshold : float
    share : float
    collateral : {"own", "perpetual"}
        Whether collateral stands apart, at its worth in the pool's money, or like a perpetual: its confidence is that of the
        perpetual too, and it counts at its USD price.
    """

    name: str
    threshold: float
    share: float
    collateral: Literal["own", "perpetual"] = "own"

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Charge per contract of each row, for units with and without a perpetual."""
        market, n = sensitivities.market, len(sensitivities.market)
        perpetual = np.append(market.kind == PERPETUAL, np.zeros(len(market.currencies), dtype=np.bool_))
        without, beside = (self._per_contract(sensitivities, perpetual=p) for p in (False, True))
        marker = np.where(perpetual, 1.0, 0.0)
        without[:n][market.kind == PERPETUAL] = beside[:n][market.kind == PERPETUAL]

        if not (without.any() or beside.any()):  # all feeds are sure, as they are nearly always
            return lambda lines, units, leaves: np.zeros(len(units))

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            def gross(coefficient: Array) -> Array:
                return kernels.line_sums(units.start, lines.row, lines.quantity, coefficient, GROSS)

            return np.where(gross(marker) > 0, gross(beside), gross(without))

        return amount

    def _per_contract(self, s: Sensitivities, *, perpetual: bool) -> Array:
        market = s.market
        index, swap = self._by_unit(s)
        of_unit = np.minimum(index, swap) if perpetual else index
        unit = np.where(s.used, s.unit, -1)
        least = of_unit[unit]
        options = s.option[: len(market)]
        feeds = np.minimum.reduce((market.confidence, market.forward_confidence, market.rate_confidence))
        least[: len(market)] = np.where(options, np.minimum(least[: len(market)], feeds), least[: len(market)])
        apart = self.collateral == "own"
        with_perpetual = index if apart else of_unit
        least[len(market) :] = np.minimum(with_perpetual[unit[len(market) :]], market.currency_confidence)
        price = np.nan_to_num(market.usd if apart else market.usd * market.money_usd)
        worth = coin_notional(s)
        worth[len(market) :] = price
        charged = s.used & (unit >= 0) & (least < self.threshold)
        return np.where(charged, (1.0 - least) * self.share * worth, 0.0)

    def _by_unit(self, s: Sensitivities) -> tuple[Array, Array]:
        """Least confidence in the indices and in the perpetuals of each unit; one more entry for rows without a unit."""
        index, swap = np.ones(len(s.units) + 1), np.ones(len(s.units) + 1)
        for u, name in enumerate(s.units):
            rows = listed_rows(s.market, name, in_usd=s.in_usd)
            if not len(rows):
                raise DataError(
                    f"no instrument of {name} says how sure its index is",
                    table="instruments",
                    column="base",
                    value=name,
                    hint="List its perpetual, held or not.",
                )
            index[u] = s.market.index_confidence[rows].min()
            swap[u] = s.market.confidence[rows[s.market.kind[rows] == PERPETUAL]].min(initial=1.0)
        return index, swap
