"""Tiers by the size of a whole family of instruments, positions and orders together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.lines import pool_sums
from margin.market import Market
from margin.rates import RateTable, RateTables

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]

Family = Callable[[Market, int], str]
"""Name of the family of an instrument of a market."""


@dataclass(frozen=True, slots=True)
class PositionTiers:
    """Tiers of one family; the rates of the tier of a size hold for the whole position.

    Attributes
    ----------
    maximum : tuple of float
        Largest size of each tier in contracts, ascending; a size above the last is refused.
    maintenance : tuple of float
        Futures: maintenance margin, fraction of the value. Options: factor of their formula.
    initial : tuple of float
        Futures: least initial margin, fraction of the value. Options: as `maintenance`.
    """

    maximum: tuple[float, ...]
    maintenance: tuple[float, ...]
    initial: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.maximum) == len(self.maintenance) == len(self.initial) > 0:
            raise ValueError("tiers need the same number (at least one) of sizes, maintenance and initial rates")
        if any(b <= a for a, b in zip((0.0, *self.maximum), self.maximum, strict=False)):
            raise ValueError(f"largest sizes {self.maximum} must ascend and be above zero")

    @classmethod
    def flat(cls, maintenance: float, initial: float = 0.0) -> PositionTiers:
        """One tier for every size."""
        return cls((np.inf,), (maintenance,), (initial,))

    @property
    def floor(self) -> tuple[float, ...]:
        """Lower bound of each tier, which belongs to the tier below."""
        return (0.0, *self.maximum[:-1])


class Rates(NamedTuple):
    """Rates of lines, shape (n_lines,), by the tier of their family."""

    initial: Array
    maintenance: Array


@dataclass(frozen=True, slots=True, eq=False)
class FamilyTiers:
    """Tiers of the families of a market's instruments.

    Attributes
    ----------
    market : Market
    family : ndarray of int32, shape (n_rows,)
        Family of each row, -1 where it has none.
    names : tuple of str
    limit : ndarray of float64, shape (n_families,)
        Largest size that has a tier.
    initial, maintenance : RateTables
        One table for each family, which gives the tier's rate itself.
    """

    market: Market
    family: Codes
    names: tuple[str, ...]
    limit: Array
    initial: RateTables
    maintenance: RateTables

    @classmethod
    def of(cls, market: Market, rows: Flags, family: Family, tiers: Callable[[str], PositionTiers]) -> FamilyTiers:
        """Take the tiers of the families of some rows, shape (n_rows,)."""
        code, known = np.full(len(rows), -1, dtype=np.int32), dict[str, int]()
        for row in np.flatnonzero(rows):
            code[row] = known.setdefault(family(market, int(row)), len(known))
        tables = [tiers(name) for name in known]

        def packed(field: str) -> RateTables:
            return RateTables.of([RateTable.steps(t.floor, getattr(t, field)) for t in tables], closed="right")

        limit = np.array([table.maximum[-1] for table in tables])
        return cls(market, code, tuple(known), limit, packed("initial"), packed("maintenance"))

    def rates(self, pool: tuple[Codes, ...], row: tuple[Codes, ...], size: tuple[Array, ...]) -> tuple[Rates, ...]:
        """Rates of several sets of lines, whose sizes count together by pool and family.

        Parameters
        ----------
        pool, row : tuple of ndarray of int32
            Of each set; every row has a family.
        size : tuple of ndarray of float64
            Contracts, >= 0.

        Raises
        ------
        DataError
            If a family is larger than its last tier.
        """
        cuts = np.cumsum([len(part) for part in pool[:-1]])
        family = self.family[np.concatenate(row)]
        key = np.concatenate(pool).astype(np.int64) * max(len(self.names), 1) + family
        _, group = np.unique(key, return_inverse=True)
        total = pool_sums(group.astype(np.int32), np.concatenate(size), len(group))[group]
        wrong = np.flatnonzero(total > self.limit[family])
        if len(wrong):
            name, largest = self.names[family[wrong[0]]], float(total[wrong[0]])
            raise DataError(
                f"{largest:g} contracts of {name} are held and ordered, and its tiers end at {self.limit[family[wrong[0]]]:g}",
                table="positions",
                column="quantity",
                value=largest,
                hint="Give the tiers beyond.",
            )
        parts = (np.split(table.requirement(total, family), cuts) for table in (self.initial, self.maintenance))
        return tuple(Rates(i, m) for i, m in zip(*parts, strict=True))
