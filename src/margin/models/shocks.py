"""How an implied volatility moves under stress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.market import DAYS_A_YEAR

Array = NDArray[np.float64]

UP, SAME, DOWN, SKEW, SMILE = "up", "same", "down", "skew", "smile"
"""What a volatility does: moved up, left, moved down, tilted in log-strike, steepened on both sides."""

UP_BY_FRACTION, DOWN_BY_FRACTION = "up by fraction", "down by fraction"
"""Moves by a fraction where `UP` and `DOWN` are moves by points."""

UP_BY_LARGER, DOWN_BY_LARGER = "up by the larger", "down by the larger"
"""Moves by the larger of both, option by option."""


@dataclass(frozen=True, slots=True, eq=False)
class Quoted:
    """Options whose volatility is shocked; every array has shape (n,).

    Attributes
    ----------
    vol : ndarray of float64
        Per year.
    days : ndarray of float64
        To expiry.
    log_strike : ndarray of float64
        ``ln(strike / forward)``.
    unit : ndarray of int32
        Unit of each option.
    units : sequence of str
        Names of the units.
    """

    vol: Array
    days: Array
    log_strike: Array
    unit: NDArray[np.int32]
    units: Sequence[str]

    @property
    def years(self) -> Array:
        """Time to expiry in years."""
        return self.days / DAYS_A_YEAR


class VolShock(Protocol):
    """A rule for how the volatility of an option moves."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The moves that it knows."""

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, number of moves), one column for each of `columns`."""


def vol_columns(shock: VolShock, vol: Sequence[str]) -> NDArray[np.int32]:
    """Column of each named move; raises `ParameterError` for a move that the shock does not know."""
    known = {name: column for column, name in enumerate(shock.columns)}  # a history has one for each of its scenarios
    for name in vol:
        if name not in known:
            message = f"no volatility move {name!r}; known: {', '.join(known)}"
            raise ParameterError(message, name="vol", scope="scenarios")
    return np.array([known[name] for name in vol], dtype=np.int32)


def scaled_range(vol_range: Array | float, days: Array | float, power: Array | float, *, reference_days: float) -> Array:
    """A volatility range at a reference tenor, scaled to another: ``vol_range * (reference_days / days) ** power``."""
    return np.asarray(vol_range * (reference_days / np.asarray(days)) ** power)


@dataclass(frozen=True, slots=True)
class RelativeVolShock:
    """Volatility moved by a fraction of itself that grows towards expiry.

    With ``r = range * (reference_days / max(days, least_days)) ** power``, where the power is `short_power` up to the reference
    tenor and `long_power` beyond it::

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
    columns: ClassVar[tuple[str, ...]] = (UP, SAME, DOWN)

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, 3)."""
        unit, units, vol = options.unit, options.units, options.vol
        days = np.maximum(options.days, self.least_days)
        near = options.days <= self.reference_days
        power = np.where(near, self.short_power.array(units)[unit], self.long_power.array(units)[unit])
        up = scaled_range(self.range_up.array(units)[unit], days, power, reference_days=self.reference_days)
        down = scaled_range(self.range_down.array(units)[unit], days, power, reference_days=self.reference_days)
        raised = np.maximum(vol * (1.0 + up), self.minimum_up.array(units)[unit])
        lowered = np.maximum(vol * (1.0 - down), 0.0)
        return np.column_stack((raised, vol, lowered))


@dataclass(frozen=True, slots=True)
class UnchangedVol:
    """Volatility as it is."""

    columns: ClassVar[tuple[str, ...]] = (SAME,)

    def shocked(self, options: Quoted) -> Array:
        """The volatility, shape (n, 1)."""
        return options.vol[:, None]


@dataclass(frozen=True, slots=True)
class DeferredVolShock:
    """A shock that is made when the first option is priced, so that its parameters are asked for only then.

    Attributes
    ----------
    columns : tuple of str
    make : callable
        Returns the shock; raises `ParameterError` where a parameter has no value.
    """

    columns: tuple[str, ...]
    make: Callable[[], VolShock]

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, number of moves)."""
        return self.make().shocked(options)


@dataclass(frozen=True, slots=True)
class TenorVolShock:
    """Volatility moved by points, and by a fraction of itself, both read off a table by tenor.

    Linear in days between the tenors and flat outside. A volatility moved down keeps a floor.

    Attributes
    ----------
    tenors : tuple of float
        Days, ascending.
    points, fraction : tuple of float
        Move at each tenor: volatility per year, and fraction of the volatility.
    floor : float
        Least volatility after a move down, per year.
    """

    tenors: tuple[float, ...]
    points: tuple[float, ...]
    fraction: tuple[float, ...]
    floor: float
    columns: ClassVar[tuple[str, ...]] = (
        UP, UP_BY_FRACTION, UP_BY_LARGER, SAME, DOWN, DOWN_BY_FRACTION, DOWN_BY_LARGER,
    )  # fmt: skip

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, 7)."""
        vol = options.vol
        points, part = (np.interp(options.days, self.tenors, table) for table in (self.points, self.fraction))
        moves = (points, vol * part, np.maximum(points, vol * part))
        lowest = np.minimum(vol, self.floor)
        return np.column_stack((*(vol + move for move in moves), vol, *(np.maximum(vol - move, lowest) for move in moves)))


@dataclass(frozen=True, slots=True)
class SkewShock:
    """Volatility moved by a fraction of itself that is linear in log-strike up to a cap.

    With k the log-strike (its absolute value for the smile) and t the years to expiry::

        cap    = base_cap + cap_slope * sqrt(t)
        width  = max(least_width, width_scale * sqrt(t) * (width_vol + width_vol_slope * sqrt(t)))
        factor = 1 + min(k * cap / width, cap)      where k >= 0
                 1 + max(k * cap / width, -cap)     where k < 0
        vol    = vol * max(factor, 0)

    The cap may turn negative for long expiries; the bounds are then the same expressions.

    Attributes
    ----------
    base_cap, cap_slope : float
        Largest fraction at no time to expiry, and its change by square root of a year.
    least_width, width_scale, width_vol, width_vol_slope : float
        Log-strike at which the cap is reached.
    """

    base_cap: float
    cap_slope: float
    least_width: float
    width_scale: float
    width_vol: float
    width_vol_slope: float

    def factor(self, log_strike: Array, years: Array) -> Array:
        """Factor of the volatility, >= 0, shape (n,)."""
        root = np.sqrt(years)
        cap = self.base_cap + self.cap_slope * root
        width = np.maximum(self.least_width, self.width_scale * root * (self.width_vol + self.width_vol_slope * root))
        part = log_strike * cap / width
        return np.maximum(1.0 + np.where(log_strike >= 0, np.minimum(part, cap), np.maximum(part, -cap)), 0.0)


@dataclass(frozen=True, slots=True)
class WithSkew:
    """Parallel moves of the volatility, and behind them a tilt and a steepening of the smile.

    Attributes
    ----------
    parallel : VolShock
    tilt, smile : SkewShock
        Shocks in log-strike (`SKEW`) and in its absolute value (`SMILE`).
    """

    parallel: VolShock
    tilt: SkewShock
    smile: SkewShock

    @property
    def columns(self) -> tuple[str, ...]:
        """The parallel moves, then both of the skew."""
        return (*self.parallel.columns, SKEW, SMILE)

    def shocked(self, options: Quoted) -> Array:
        """Shocked volatilities, shape (n, number of moves)."""
        tilted = options.vol * self.tilt.factor(options.log_strike, options.years)
        steeper = options.vol * self.smile.factor(np.abs(options.log_strike), options.years)
        return np.column_stack((self.parallel.shocked(options), tilted, steeper))
