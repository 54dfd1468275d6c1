"""SHA-256 of what the kernels make of fixed numbers, by kind of kernel: the same on every machine, compiler and instruction set.

The numbers come from integers alone, so neither a mathematical library nor a generator of random numbers has a say in them.
Run as a program this prints the digests; with the argument ``aggregation`` only what the plain Python twin shares to the last
bit.
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from margin import kernels

ROWS, GROUPS, SCENARIOS = 300, 120, 33


def numbers(n, salt):
    """Multiples of 2**-20 in [0, 1)."""
    return (np.arange(n, dtype=np.uint64) * np.uint64(2_654_435_761) + np.uint64(salt * 40_503)) % np.uint64(2**20) / 2.0**20


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def aggregation():
    size = 1 + (np.arange(GROUPS) * 7) % 12
    start = np.concatenate(([0], np.cumsum(size))).astype(np.int64)
    n = int(start[-1])
    row = (numbers(n, 1) * ROWS).astype(np.int32)
    quantity = np.round(200 * numbers(n, 2) - 100, 3)
    unit = (np.arange(GROUPS) % 3).astype(np.int32)
    table, relief, pattern = (kernels.aligned_table(rows, SCENARIOS) for rows in (ROWS, 3, 3))
    table[:, :SCENARIOS] = (numbers(ROWS * SCENARIOS, 3) - 0.5).reshape(ROWS, SCENARIOS)
    relief[:, :SCENARIOS] = numbers(3 * SCENARIOS, 4).reshape(3, SCENARIOS)
    pattern[:, :SCENARIOS] = (numbers(3 * SCENARIOS, 5) - 0.5).reshape(3, SCENARIOS)
    coefficient = np.where(np.arange(ROWS) % 10 < 7, 1 + numbers(ROWS, 6), 0.0)
    width = table.shape[1]
    leaf = (np.arange(GROUPS) % 5).astype(np.int32)
    folds = (np.arange(0, GROUPS + 1, 4), unit[: GROUPS // 4], start, leaf, row, quantity, table, numbers(ROWS, 7))
    factors = (1 - numbers(5, 8) / 2, 1 + numbers(5, 9) / 2, (np.arange(width) % 11 == 0).astype(np.float64), 1 + relief)
    return digest(
        *kernels.stress(start, unit, row, quantity, table, relief, SCENARIOS),
        *kernels.stress_structured(start, unit, row, quantity, table, coefficient, pattern, relief, SCENARIOS),
        kernels.accumulate(start, row, quantity, table, SCENARIOS),
        *kernels.stress_folded(*folds, *factors, SCENARIOS),
        *kernels.tail(start, row, quantity, table, 1 + numbers(SCENARIOS, 10), 0.9),
        kernels.line_sums(start, row, quantity, numbers(ROWS, 11), 2),
    )


def pricing():
    n = 400
    forward, strike = 1 + 1e5 * numbers(n, 12), 1 + 1e5 * numbers(n, 13)
    years, vol, sign = 2 * numbers(n, 14), 2 * numbers(n, 15), np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    move, index = (6 * numbers(SCENARIOS, 16) - 0.9)[None], (np.arange(SCENARIOS) % 3).astype(np.int32)
    vols = np.column_stack((vol, vol / 2, 1.5 * vol))
    grid = kernels.black76_grid(forward, strike, years, sign, vols, np.zeros(n, np.int32), move, index)
    return digest(*kernels.black76(forward, strike, years, vol, sign), grid)


if __name__ == "__main__":
    kinds = {"aggregation": aggregation, "pricing": pricing}
    for kind in sys.argv[1:] or kinds:
        print(kinds[kind]())
