"""Margin rates that depend on size: flat, size-scaled, tiers on the whole amount, incremental tiers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin import kernels

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RateTable:
    """Requirement of an amount ``a`` in tier k: ``a * (rate[k] + slope[k] * a) - deduction[k]``.

    Attributes
    ----------
    floor : tuple of float
        Lower bound of each tier, ascending, the first 0. Unit of the amount.
    rate : tuple of float
        Fraction.
    slope : tuple of float
        Fraction per unit of the amount.
    deduction : tuple of float
        Unit of the amount.

    Examples
    --------
    >>> RateTable.size_scaled(0.02, 0.00005).requirement(np.array([25.0]))
    array([0.53125])
    >>> RateTable.whole((0, 10), (0.01, 0.02)).requirement(np.array([5.0, 20.0]))
    array([0.05, 0.4 ])
    >>> RateTable.incremental((0, 10), (0.01, 0.02)).requirement(np.array([5.0, 20.0]))
    array([0.05, 0.3 ])
    """

    floor: tuple[float, ...]
    rate: tuple[float, ...]
    slope: tuple[float, ...]
    deduction: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.floor), len(self.rate), len(self.slope), len(self.deduction)}
        if len(sizes) != 1 or not self.floor:
            raise ValueError("a rate table needs the same number (at least one) of floors, rates, slopes and deductions")
        if self.floor[0] != 0 or any(b <= a for a, b in zip(self.floor, self.floor[1:], strict=False)):
            raise ValueError(f"tier bounds {self.floor} must ascend from 0")
        if not all(np.isfinite((*self.floor, *self.rate, *self.slope, *self.deduction))):
            raise ValueError("a rate table holds a value that is not finite")

    @classmethod
    def flat(cls, rate: float) -> RateTable:
        """The same rate for every amount."""
        return cls((0.0,), (float(rate),), (0.0,), (0.0,))

    @classmethod
    def size_scaled(cls, base: float, slope: float) -> RateTable:
        """A rate that grows with the whole amount: ``base + slope * amount``."""
        return cls((0.0,), (float(base),), (float(slope),), (0.0,))

    @classmethod
    def whole(cls, floor: Sequence[float], rate: Sequence[float]) -> RateTable:
        """The rate of the amount's tier applies to the whole amount."""
        zeros = (0.0,) * len(floor)
        return cls(tuple(map(float, floor)), tuple(map(float, rate)), zeros, zeros)

    @classmethod
    def incremental(cls, floor: Sequence[float], rate: Sequence[float]) -> RateTable:
        """The rate of each tier applies to the part of the amount inside it."""
        steps = np.diff(np.asarray(rate, dtype=np.float64), prepend=rate[0])
        deduction = np.cumsum(steps * np.asarray(floor, dtype=np.float64))
        return cls(tuple(map(float, floor)), tuple(map(float, rate)), (0.0,) * len(floor), tuple(deduction.tolist()))

    @classmethod
    def leverage(cls, floor: Sequence[float], leverage: Sequence[float], *, scale: float = 1.0) -> RateTable:
        """Tiers on the whole amount whose rate is ``scale / leverage``."""
        return cls.whole(floor, [scale / x for x in leverage])

    @classmethod
    def steps(cls, floor: Sequence[float], value: Sequence[float]) -> RateTable:
        """The value of the amount's tier, whatever the amount."""
        zeros = (0.0,) * len(floor)
        return cls(tuple(map(float, floor)), zeros, zeros, tuple(-float(x) for x in value))

    def requirement(self, amount: Array) -> Array:
        """Requirement of each amount >= 0."""
        return RateTables.of([self]).requirement(amount, np.zeros(len(amount), dtype=np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class RateTables:
    """Several rate tables behind each other, as the kernel reads them."""

    start: NDArray[np.int32]
    floor: Array
    rate: Array
    slope: Array
    deduction: Array
    closed: Literal["left", "right"]

    @classmethod
    def of(cls, tables: Sequence[RateTable], *, closed: Literal["left", "right"] = "left") -> RateTables:
        """Pack tables.

        Parameters
        ----------
        tables : sequence of RateTable
        closed : {"left", "right"}
            Whether an amount at a bound belongs to the tier above it ("left") or below it ("right").
        """

        def column(name: str) -> Array:
            return np.array([value for table in tables for value in getattr(table, name)], dtype=np.float64)

        start = np.cumsum([0, *(len(table.floor) for table in tables)]).astype(np.int32)
        return cls(start, column("floor"), column("rate"), column("slope"), column("deduction"), closed)

    def requirement(self, amount: Array, table: NDArray[np.int32]) -> Array:
        """Requirement of each amount >= 0 under its table."""
        return kernels.tiers(
            np.ascontiguousarray(amount, dtype=np.float64),
            np.ascontiguousarray(table, dtype=np.int32),
            self.start,
            self.floor,
            self.rate,
            self.slope,
            self.deduction,
            self.closed,
        )
