"""What charges keep of one unit so that one more line needs no sum over the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, Segments
from margin.models.charges import (
    ALL,
    PreparedCharge,
    PreparedDeltaConcentration,
    PreparedExpiryDelta,
    beyond_threshold,
)

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


class ChargeSums(Protocol):
    """Stored sums of a charge in one unit of one pool."""

    def after(self, row: int, quantity: float, held: float) -> float:
        """The charge after a trade in a row of which `held` contracts are there."""


def charge_sums(charge: PreparedCharge, lines: Lines, unit: Segments, leaves: Segments, leaf: Codes) -> ChargeSums | None:
    """Sums of a charge over the lines of one unit; None where a charge keeps none.

    Parameters
    ----------
    charge : PreparedCharge
    lines : Lines
        All of one unit, perhaps none.
    unit, leaves : Segments
        The one run of all lines, and those of the leaves.
    leaf : ndarray of int32, shape (n_rows,)
        Leaf of each row.
    """
    if isinstance(charge, PreparedExpiryDelta):
        return ExpiryDeltaSums.of(charge, lines, leaves, leaf)
    if isinstance(charge, PreparedDeltaConcentration):
        return DeltaConcentrationSums.of(charge, lines, unit)
    return None


@dataclass(frozen=True, slots=True, eq=False)
class ExpiryDeltaSums:
    """Of `ExpiryDeltaCharge`.

    Attributes
    ----------
    coefficient : ndarray of float64, shape (n_rows,)
    leaf : ndarray of int32, shape (n_rows,)
    net, others : Mapping of int to float
        By leaf: its sum, and the absolute sums of all others.
    every : float
        Absolute sums of all leaves.
    """

    coefficient: Array
    leaf: Codes
    net: Mapping[int, float]
    others: Mapping[int, float]
    every: float

    @classmethod
    def of(cls, charge: PreparedExpiryDelta, lines: Lines, leaves: Segments, leaf: Codes) -> ExpiryDeltaSums:
        """Add up the leaves."""
        sums = kernels.line_sums(leaves.start, lines.row, lines.quantity, charge.coefficient, ALL).tolist()
        net = dict(zip(leaves.code.tolist(), sums, strict=True))
        others = {code: sum(abs(amount) for other, amount in net.items() if other != code) for code in net}
        return cls(charge.coefficient, leaf, net, others, sum(map(abs, sums)))

    def after(self, row: int, quantity: float, held: float) -> float:
        """The charge after a trade."""
        code, change = int(self.leaf[row]), quantity * float(self.coefficient[row])
        return self.others[code] + abs(self.net[code] + change) if code in self.net else self.every + abs(change)


@dataclass(frozen=True, slots=True, eq=False)
class DeltaConcentrationSums:
    """Of `DeltaConcentrationCharge`.

    Attributes
    ----------
    charge : PreparedDeltaConcentration
    parameters : tuple of float
        Those of the unit.
    longs, rest : float
        Delta of long options, and of everything else.
    """

    charge: PreparedDeltaConcentration
    parameters: tuple[float, ...]
    longs: float
    rest: float

    @classmethod
    def of(cls, charge: PreparedDeltaConcentration, lines: Lines, unit: Segments) -> DeltaConcentrationSums:
        """Add up the deltas."""
        linear, bought, sold = kernels.split_sums(
            unit.start, lines.row, lines.quantity, charge.delta, charge.column, 3
        )[:, 0].tolist()
        return cls(charge, tuple(charge.parameters[:, int(unit.code[0])].tolist()), bought, linear + sold)

    def after(self, row: int, quantity: float, held: float) -> float:
        """The charge after a trade."""
        delta, now, longs, rest = float(self.charge.delta[row]), held + quantity, self.longs, self.rest
        if self.charge.column[row, 0] == 0:
            rest += delta * quantity
        else:
            longs += delta * (max(now, 0.0) - max(held, 0.0))
            rest += delta * (min(now, 0.0) - min(held, 0.0))
        size = abs(min(max(longs + rest, min(rest, 0.0)), max(rest, 0.0)))
        return 0.0 if size == 0 else float(beyond_threshold(size, *self.parameters, least=min, most=max))
