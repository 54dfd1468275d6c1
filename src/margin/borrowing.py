"""What a requirement becomes where a pool would have to borrow: it depends on what the pool is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.models.requirement import Requirement
from margin.pools.holdings import Partition, PoolValue

Array = NDArray[np.float64]

POSITIONS, BORROWED = "positions_maintenance", "borrowed_for_maintenance"


class Ratio(NamedTuple):
    """Parts of the ratio that decides, arrays of one shape."""

    requirement: Array
    value: Array
    borrowed: Array

    @property
    def ratio(self) -> Array:
        """Requirement over value: 0 where nothing is required, infinite where nothing stands against it."""
        nothing = (self.requirement == 0) & (self.value >= 0)
        ratio = np.divide(self.requirement, self.value, out=np.full(np.shape(self.requirement), np.inf), where=self.value > 0)
        return np.where(nothing, 0.0, ratio)


@dataclass(frozen=True, slots=True)
class BorrowedMargin:
    """Liquidation by the ratio of what is required to what is there, where missing money counts as borrowed on both sides.

    With the maintenance margin M of the positions, the pool's own money E, and what its collateral adds, C::

        B = max(0, M - E)
        ratio = (M + B) / (max(E, M) + C)

    The pool is liquidated where the ratio exceeds `limit`. Its maintenance margin is therefore stated as
    ``(M + (1 - limit) * B) / limit``, which exceeds ``E + C`` exactly then. M and B are components.

    Attributes
    ----------
    limit : float
        Between 0 and 1.
    offset : float
        Least M of a pool that borrows, or what is added to it.
    offset_is : {"least", "added"}
    """

    limit: float
    offset: float
    offset_is: Literal["least", "added"] = "least"

    def of(self, maintenance: Array, equity: Array, credit: Array) -> Ratio:
        """The ratio and its parts.

        Parameters
        ----------
        maintenance, equity, credit : ndarray of float64
            M, E and C, in one currency.
        """
        borrows = equity < maintenance
        least = np.maximum(maintenance, self.offset) if self.offset_is == "least" else maintenance + self.offset
        required = np.where(borrows, least, maintenance)
        borrowed = np.where(borrows, required - equity, 0.0)
        return Ratio(required + borrowed, np.maximum(equity, required) + credit, borrowed)

    def applied(self, requirement: Requirement, value: PoolValue, partition: Partition) -> Requirement:
        """The requirement of every pool; isolated pools do not borrow and keep theirs."""
        maintenance = requirement.maintenance
        credit = value.maintenance_collateral - value.equity
        found = self.of(maintenance, value.equity, credit)
        borrowed = found.borrowed
        stated = (found.requirement - self.limit * borrowed) / self.limit
        if partition.isolated is not None:
            borrowed = np.where(partition.isolated, 0.0, borrowed)
            stated = np.where(partition.isolated, maintenance, stated)
        components = {**requirement.components, POSITIONS: maintenance, BORROWED: borrowed}
        return replace(requirement, maintenance=stated, components=components)
