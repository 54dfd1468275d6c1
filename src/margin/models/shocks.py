"""How an implied volatility moves under stress."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName

Array = NDArray[np.float64]

UP, SAME, DOWN = 0, 1, 2
"""Columns of shocked volatilities."""

VOL_MOVES = ("vol up", "vol same", "vol down")


def scaled_range(vol_range: Array | float, days: Array | float, power: Array | float, *, reference_days: float) -> Array:
    """A volatility range at a reference tenor, scaled to another: ``vol_range * (reference_days / days) ** power``."""
    return np.asarray(vol_range * (reference_days / np.asarray(days)) ** power)


@dataclass(frozen=True, slots=True)
class RelativeVolShock:
    """Volatility moved by a fraction of itself that grows towards expiry.

    With ``r = range * (reference_days / days) ** power``, where the power is `short_power` below the reference tenor and
    `long_power` from it on::

        up   = max(vol * (1 + r_up), minimum_up)
        down = max(vol * (1 - r_down), 0)

    Attributes
    ----------
    range_up, range_down : ByName
        Fraction at the reference tenor, by unit.
    minimum_up : ByName
        Least volatility after an up-move, per year, by unit.
    short_power, long_power : ByName
        Exponents, by unit.
    reference_days : float
    least_days : float
        Floor of the time to expiry, so that the range stays finite.
    """

    range_up: ByName
    range_down: ByName
    minimum_up: ByName
    short_power: ByName
    long_power: ByName
    reference_days: float
    least_days: float

    def shocked(self, vol: Array, days: Array, unit: NDArray[np.int32], units: Sequence[str]) -> Array:
        """Shocked volatilities of options.

        Parameters
        ----------
        vol : ndarray of float64, shape (n,)
            Per year.
        days : ndarray of float64, shape (n,)
            Days to expiry.
        unit : ndarray of int32, shape (n,)
            Unit of each option.
        units : sequence of str
            Names of the units.

        Returns
        -------
        ndarray of float64, shape (n, 3)
            Columns `UP`, `SAME`, `DOWN`.
        """
        days = np.maximum(days, self.least_days)
        power = np.where(days < self.reference_days, self.short_power.array(units)[unit], self.long_power.array(units)[unit])
        up = scaled_range(self.range_up.array(units)[unit], days, power, reference_days=self.reference_days)
        down = scaled_range(self.range_down.array(units)[unit], days, power, reference_days=self.reference_days)
        raised = np.maximum(vol * (1.0 + up), self.minimum_up.array(units)[unit])
        lowered = np.maximum(vol * (1.0 - down), 0.0)
        return np.column_stack((raised, vol, lowered))
