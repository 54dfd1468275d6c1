"""The slow twin of the kernel in which one more line comes to a stored sum; see `_reference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from margin._checks import check_length, dtypes
from margin._reference_scenarios import stress

if TYPE_CHECKING:
    import numpy.typing as npt

    Float = npt.NDArray[np.float64]


def stress_after(
    total: Float, row: int, quantity: float, table: Float, relief: Float, unit: int, n_scenarios: int
) -> tuple[float, int]:
    """Worst loss of a group whose P&L is `total` after one more line, and the scenario that gives it, as `stress` counts them.

    `total`, `table` and `relief` are padded alike.
    """
    dtypes(total=(total, "f8", 1), table=(table, "f8", 2), relief=(relief, "f8", 2))
    width = table.shape[1]
    if width % 8 or not 0 <= n_scenarios <= width:
        message = f"table has {width} columns for {n_scenarios} scenarios; expected a multiple of 8, at least as many"
        raise ValueError(message)
    check_length("total", total, width)
    if relief.shape[1] != width:
        message = f"relief has {relief.shape[1]} columns; expected {width}, as many as table"
        raise ValueError(message)
    if not 0 <= row < len(table):
        message = f"row is {row}; expected 0 <= row < {len(table)}"
        raise ValueError(message)
    if not 0 <= unit < len(relief):
        message = f"unit is {unit}; expected 0 <= unit < {len(relief)}"
        raise ValueError(message)
    if n_scenarios == 0:
        return 0.0, -1
    both = np.vstack((total, table[row]))  # the sum as a line of its own
    lines = np.array([0, 1], np.int32), np.array([1.0, quantity])
    worst, scenario = stress(np.array([0, 2]), np.array([unit], np.int32), *lines, both, relief, n_scenarios)
    return float(worst[0]), int(scenario[0])
