"""Kernels beside the library that people would use instead. Equality first, then time."""

from __future__ import annotations

import numpy as np
import pytest

from margin import kernels

ACCOUNTS, POSITIONS, INSTRUMENTS, SCENARIOS = 200_000, 20, 5_000, 33


def test_stress_beside_scipy(beside):
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(0)
    n = ACCOUNTS * POSITIONS
    row, quantity = random.integers(0, INSTRUMENTS, n).astype(np.int32), random.normal(size=n)
    start = np.arange(0, n + 1, POSITIONS)
    table, relief = kernels.aligned_table(INSTRUMENTS, SCENARIOS), kernels.aligned_table(1, SCENARIOS)
    table[:, :SCENARIOS] = random.normal(size=(INSTRUMENTS, SCENARIOS))
    unit = np.zeros(ACCOUNTS, dtype=np.int32)
    dense = np.ascontiguousarray(table[:, :SCENARIOS])
    matrix = sparse.csr_matrix((quantity, row, start), shape=(ACCOUNTS, INSTRUMENTS))

    def stress():
        return kernels.stress(start, unit, row, quantity, table, relief, SCENARIOS)[0]

    def peer():
        """scipy.sparse CSR @ dense, min"""
        return (matrix @ dense).min(axis=1)

    np.testing.assert_array_equal(stress(), np.maximum(0.0, -peer()))
    ratio = beside(stress, peer, name="worst loss, 200,000 accounts x 20, 5,000 instruments, 33 scenarios")
    assert ratio >= 2.0


def test_black76_grid_beside_numpy(beside):
    ndtr = pytest.importorskip("scipy.special").ndtr
    random = np.random.default_rng(1)
    n = 30_000
    forward, strike, years = random.uniform(5e4, 7e4, n), random.uniform(1e4, 2e5, n), random.uniform(0.01, 1, n)
    sign, vols = random.choice([-1.0, 1.0], n), random.uniform(0.2, 1.5, (n, 3))
    unit, move = np.zeros(n, dtype=np.int32), random.uniform(-0.5, 1.0, (1, SCENARIOS))
    index = random.integers(0, 3, SCENARIOS).astype(np.int32)

    def grid():
        return kernels.black76_grid(forward, strike, years, sign, vols, unit, move, index)

    def peer():
        """numpy + scipy.special.ndtr, logs hoisted"""
        moneyness = np.log(forward / strike)[:, None] + np.log1p(move)
        deviation = (vols * np.sqrt(years)[:, None])[:, index]
        shocked, side = forward[:, None] * (1.0 + move), sign[:, None]
        d1 = moneyness / deviation + deviation / 2
        return side * (shocked * ndtr(side * d1) - strike[:, None] * ndtr(side * (d1 - deviation)))

    np.testing.assert_allclose(grid(), peer(), rtol=0, atol=4e-15 * 2e5)
    beside(grid, peer, name="Black-76, 30,000 options x 33 scenarios")


def test_group_beside_argsort(beside):
    random = np.random.default_rng(2)
    account = random.integers(0, 500_000, 4_000_000).astype(np.int32)

    def group():
        return kernels.group(account, None, 500_000)[1]

    def peer():
        """numpy argsort(kind='stable')"""
        return np.argsort(account, kind="stable")

    np.testing.assert_array_equal(group(), peer())
    beside(group, peer, name="4,000,000 rows in the order of 500,000 accounts", rounds=3)


@pytest.mark.parametrize(("spread", "kind"), [(1, "close together"), (7_919, "far apart")])
def test_encode_integers_beside_pandas(beside, spread, kind):
    pandas = pytest.importorskip("pandas")
    values = np.random.default_rng(3).integers(0, 1_000_000, 4_000_000) * spread

    def encode():
        return kernels.encode_int64(values)[0]

    def peer():
        """pandas.factorize"""
        return pandas.factorize(values)[0]

    np.testing.assert_array_equal(encode(), peer())
    beside(encode, peer, name=f"4,000,000 integer ids, 1,000,000 distinct, {kind}", rounds=3)


def test_encode_strings_beside_pyarrow(beside):
    pa = pytest.importorskip("pyarrow")
    numbers = np.random.default_rng(4).integers(0, 1_000_000, 4_000_000)
    strings = np.char.add("acct-", np.char.zfill(numbers.astype("U7"), 7)).astype("S12")
    data, offsets = strings.view(np.uint8).reshape(-1), np.arange(0, 12 * len(numbers) + 1, 12)
    column = pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(data))

    def encode():
        return kernels.encode_bytes(data, offsets)[0]

    def peer():
        """pyarrow dictionary_encode"""
        return column.dictionary_encode()

    np.testing.assert_array_equal(encode(), peer().indices.to_numpy())
    beside(encode, peer, name="4,000,000 string ids, 1,000,000 distinct", rounds=3)
