"""Stored sums of one risk unit of a pool: its scenario vector, and what its charges keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, Segments
from margin.models.charge_sums import ChargeSums, charge_sums
from margin.models.prepared_portfolio import WORST_LOSS, PreparedPortfolio, rounded_number
from margin.models.stress import NettedStress

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class UnitSums:
    """Sums of a unit to which one more line comes.

    Attributes
    ----------
    stress : NettedStress
    decimals : int or None
        Rounding of the worst loss.
    unit : int
        Its code.
    total : ndarray of float64, shape (W,)
        P&L by scenario, padded.
    held : Mapping of int to float
        Contracts by row.
    factors : tuple of float
        Of the worst loss in the initial and the maintenance margin.
    charges : tuple of (ChargeSums, float, float)
        Each with its factors.
    """

    stress: NettedStress
    decimals: int | None
    unit: int
    total: Array
    held: Mapping[int, float]
    factors: tuple[float, float]
    charges: tuple[tuple[ChargeSums, float, float], ...]

    @classmethod
    def of(cls, prepared: PreparedPortfolio, lines: Lines, unit: Segments, leaves: Segments) -> UnitSums | None:
        """Add up the lines of one unit, perhaps none; None where the model needs more than these sums."""
        stress = prepared.stress
        more = prepared.competing or prepared.minimum or prepared.order_sets or prepared.hedging_only
        if more or not isinstance(stress, NettedStress):
            return None
        charges = []
        for name, charge in prepared.charges.items():
            sums = charge_sums(charge, lines, unit, leaves, prepared.leaf)
            if sums is None:
                return None
            charges.append((sums, prepared.initial[name], prepared.maintenance[name]))
        total = np.zeros(stress.pnl.shape[1])
        n = stress.scenarios.n_scenarios
        total[:n] = kernels.accumulate(unit.start, lines.row, lines.quantity, stress.pnl, n)[0]
        return cls(
            stress=stress,
            decimals=prepared.worst_decimals,
            unit=int(unit.code[0]),
            total=total,
            held=dict(zip(lines.row.tolist(), lines.quantity.tolist(), strict=True)),
            factors=(prepared.initial[WORST_LOSS], prepared.maintenance[WORST_LOSS]),
            charges=tuple(charges),
        )

    def traded(self, row: int, quantity: float) -> tuple[float, float]:
        """Initial and maintenance margin of the unit after a trade."""
        s = self.stress
        worst, _ = kernels.stress_after(self.total, row, quantity, s.pnl, s.relief, self.unit, s.scenarios.n_scenarios)
        worst = rounded_number(worst, self.decimals)
        initial, maintenance = self.factors[0] * worst, self.factors[1] * worst
        held = self.held.get(row, 0.0)
        for sums, of_initial, of_maintenance in self.charges:
            amount = sums.after(row, quantity, held)
            initial += of_initial * amount
            maintenance += of_maintenance * amount
        return initial, maintenance
