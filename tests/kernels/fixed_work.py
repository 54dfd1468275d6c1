"""One call of each kernel that the exchange-wide run spends its time in, on fixed input: what `test_instructions` counts."""

from __future__ import annotations

import numpy as np

from margin import kernels

LINES, GROUPS, ROWS, SCENARIOS, OPTIONS = 40_000, 2_000, 500, 33, 2_000
ELEMENTS = dict.fromkeys(("stress", "stress_structured", "group", "encode_bytes"), LINES) | {"black76_grid": OPTIONS * SCENARIOS}
"""Lines, prices, rows and identifiers that each call goes through."""


def main():
    scattered = np.arange(LINES, dtype=np.int64) * 7919
    start, unit = np.arange(0, LINES + 1, LINES // GROUPS), np.zeros(GROUPS, np.int32)
    row, quantity = (scattered % ROWS).astype(np.int32), 1.0 + np.arange(LINES) % 7
    table, relief = kernels.aligned_table(ROWS, SCENARIOS), kernels.aligned_table(1, SCENARIOS)
    table[:, :SCENARIOS] = np.arange(ROWS * SCENARIOS).reshape(ROWS, SCENARIOS) % 101 - 50.0
    delta_one = np.where(np.arange(ROWS) % 10 < 7, 1.0, 0.0)
    kernels.stress(start, unit, row, quantity, table, relief, SCENARIOS)
    kernels.stress_structured(start, unit, row, quantity, table, delta_one, relief, relief, SCENARIOS)
    step = np.arange(OPTIONS)
    vols, move = np.full((OPTIONS, 3), 0.6), np.linspace(-0.5, 0.5, SCENARIOS)[None]
    kernels.black76_grid(
        np.full(OPTIONS, 5e4), 1e4 + step * 50.0, 0.1 + step / OPTIONS, np.where(step % 2 == 0, 1.0, -1.0), vols,
        np.zeros(OPTIONS, np.int32), move, (np.arange(SCENARIOS) % 3).astype(np.int32),
    )  # fmt: skip
    kernels.group((scattered % 5000).astype(np.int32), (np.arange(LINES) % 13).astype(np.int32), 5000)
    names = np.char.zfill((scattered % 5000).astype("U"), 8).astype("S8")
    kernels.encode_bytes(names.view(np.uint8).reshape(-1), np.arange(0, 8 * LINES + 1, 8))


if __name__ == "__main__":
    main()
