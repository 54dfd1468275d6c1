"""Where a condition first holds along a line, for many lines at once: a scan, then halving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int32]

Holds = Callable[[Codes, Array], Flags]
"""Whether the condition holds on some lines (their numbers) at a point of each."""


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """Where a condition first holds on each of n lines.

    Attributes
    ----------
    before, after : ndarray of float64, shape (n,)
        The last point at which it was seen not to hold, and the first at which it was seen to hold; NaN where there is none.
    evaluations : int
        Calls that were made.
    """

    before: Array
    after: Array
    evaluations: int

    @property
    def found(self) -> Flags:
        """Lines on which the condition holds somewhere on the scan."""
        return ~np.isnan(self.after)


def first_crossing(holds: Holds, points: Array, *, rounds: int) -> Crossing:
    """Find the first crossing on each line up to the resolution of the scan: what lies between two points is not seen.

    Parameters
    ----------
    holds : callable
        Called once with every line at every point, then once a round.
    points : ndarray of float64, shape (n, k)
        Points of the scan, ascending along each line.
    rounds : int
        Times that the interval of the crossing is halved.
    """
    n, k = points.shape
    line = np.repeat(np.arange(n, dtype=np.int32), k)
    held = holds(line, points.reshape(-1)).reshape(n, k) if n else np.zeros((n, k), dtype=np.bool_)
    first = np.argmax(held, axis=1)
    found = held.any(axis=1)
    lines = np.arange(n, dtype=np.int32)
    after = np.where(found, points[lines, first], np.nan)
    before = np.where(found & (first > 0), points[lines, first - 1], np.nan)
    between = np.flatnonzero(found & (first > 0)).astype(np.int32)
    if not len(between):
        return Crossing(before, after, 1)
    for _ in range(rounds):
        middle = 0.5 * (before[between] + after[between])
        inside = holds(between, middle)
        after[between] = np.where(inside, middle, after[between])
        before[between] = np.where(inside, before[between], middle)
    return Crossing(before, after, 1 + rounds)
