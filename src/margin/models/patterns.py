"""Delta-one rows: their P&L is a coefficient times a pattern over the scenarios that all rows of their unit share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import coin_per_contract, is_option
from margin.market import Market
from margin.models.scenarios import ScenarioTable
from margin.models.valuation import Rows, Valuation

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Patterns:
    """What is left of the P&L of delta-one rows once their unit is known.

    Attributes
    ----------
    coefficient : ndarray of float64, shape (n_rows,)
        0 for rows whose P&L is not proportional to the pattern of their unit: options above all.
    pattern : ndarray of float64, shape (n_units, W)
        Weighted, padded as `kernels.aligned_table` does.
    """

    coefficient: Array
    pattern: Array

    @classmethod
    def of(
        cls, market: Market, scenarios: ScenarioTable, rows: Rows, *, in_usd: bool, valuation: Valuation
    ) -> Patterns:
        """Coefficients and patterns of the rows in use; parameters as in `valuation.pnl_table`.

        A linear contract gains ``x`` of its value and a currency ``x`` of its price. An inverse contract gains ``x / (1 + x)`` in
        coin, which is worth ``x`` in money at the shocked index, and ``x / (1 + c)`` of coin at the conversion ``c`` where pools
        count in coin: as far as its own price moves like the index. A unit that counts in coin has the pattern of its inverse
        contracts, and its linear ones, if any, have none.
        """
        n, count, unit = len(market), scenarios.n_scenarios, rows.unit
        placed = rows.used & (unit >= 0)
        share, coin = valuation.share(market), coin_per_contract(market)
        futures = placed[:n] & ~is_option(market)
        inverse, linear = futures & market.inverse & (share == 1.0), futures & ~market.inverse
        pattern = kernels.aligned_table(len(rows.units), count)
        pattern[:, :count] = scenarios.move * scenarios.weight
        coefficient = np.zeros(len(unit))
        money = market.usd[market.settlement] if in_usd else np.ones(n)
        if not in_usd:
            in_coin = np.zeros(len(rows.units), dtype=np.bool_)
            in_coin[unit[:n][inverse]] = True
            pattern[in_coin, :count] /= 1.0 + scenarios.conversion[in_coin]
            linear &= ~np.append(in_coin, False)[unit[:n]]
        coefficient[:n][linear] = (coin * market.mark * share * money)[linear]
        coefficient[:n][inverse] = (coin * (market.index_price if in_usd else 1.0))[inverse]
        coefficient[n:][placed[n:]] = market.usd[placed[n:]]
        return cls(coefficient, pattern)

    def fill(self, pnl: Array, unit: NDArray[np.int32]) -> None:
        """Write the P&L of the rows that have a coefficient into a table of all rows."""
        rows = np.flatnonzero(self.coefficient)
        pnl[rows] = self.coefficient[rows, None] * self.pattern[unit[rows]]
