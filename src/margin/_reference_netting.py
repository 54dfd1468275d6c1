"""The slow twins of the kernels in which lines net one way only; see `_reference`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from margin._checks import check_length, check_lines, dtypes
from margin._reference_scenarios import segments

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
