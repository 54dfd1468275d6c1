"""What happens to a unit's scenario vector before the worst entry is taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName

Array = NDArray[np.float64]


def dampen(vector: Array, relief: Array) -> Array:
    """Move each entry towards zero by its relief, never across: ``v - sign(v) * min(|v|, relief)``."""
    towards_zero: Array = np.sign(vector) * np.minimum(np.abs(vector), relief)
    return vector - towards_zero


@dataclass(frozen=True, slots=True)
class GainOffset:
    """Gains count in part, up to a cap: ``v -> min(fraction * v, cap)`` where ``v > 0``; losses are left alone.

    Attributes
    ----------
    fraction : ByName
        By unit.
    cap : ByName
        USD, by unit.
    """

    fraction: ByName
    cap: ByName

    def apply(self, vector: Array, unit: str, *, per_usd: float) -> Array:
        """Shape one unit's vector.

        Parameters
        ----------
        vector : ndarray of float64
            P&L by scenario, pool currency.
        unit : str
        per_usd : float
            Pool currency per USD.
        """
        kept = np.minimum(self.fraction.of(unit) * vector, self.cap.of(unit) * per_usd)
        return np.where(vector > 0, kept, vector)


def worst_loss(vector: Array) -> float:
    """The largest loss, zero where every entry is a gain."""
    return max(0.0, -float(vector.min()))
