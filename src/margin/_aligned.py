"""Tables whose rows start on cache lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_LANES = 8  # float64 in the widest vector register, and in a cache line


def aligned_table(rows: int, n_scenarios: int) -> npt.NDArray[np.float64]:
    """Zeros of shape (rows, n_scenarios rounded up to 8), the first one on a cache line: the table that `stress` reads.

    Examples
    --------
    >>> aligned_table(2, 33).shape
    (2, 40)
    """
    width = -(-n_scenarios // _LANES) * _LANES
    raw = np.zeros(rows * width + _LANES)
    shift = -raw.__array_interface__["data"][0] // raw.itemsize % _LANES
    return raw[shift : shift + rows * width].reshape(rows, width)
