"""The slow twins of the kernels in which lines net one way only, or one line comes to a stored sum; see `_reference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from margin._checks import check_length, check_lines, dtypes
from margin._reference_scenarios import segments, stress

if TYPE_CHECKING:
    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]


def reduced_sums(start: Int64, row: Int32, quantity: Float, option: Float, other: Float) -> Float:
    """Size of what each segment adds up to, where longs of `option` may only bring the sum of everything else nearer to zero.

    `option` and `other` are coefficients of the rows.
    """
    dtypes(
        start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), option=(option, "f8", 1),
        other=(other, "f8", 1),
    )  # fmt: skip
    check_length("other", other, len(option))
    check_lines(start, row, quantity, len(option))
    sums = []
    for segment in segments(start):
        longs = shorts = rest = 0.0
        for line in segment:
            held, r = quantity[line], row[line]
            rest += held * other[r]
            if not held <= 0:  # a nan counts on both sides
                longs += held * option[r]
            if not held >= 0:
                shorts += held * option[r]
        rest += shorts
        lowest, highest = (rest, 0.0) if rest < 0 else (0.0, rest if rest > 0 else 0.0)
        together = longs + rest
        if together < lowest:
            together = lowest
        elif together > highest:
            together = highest
        sums.append(abs(together))
    return np.array(sums, np.float64)


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
