"""Historical expected shortfall beside the libraries that people would use instead. Equality first, then time."""

from __future__ import annotations

import numpy as np
import pytest

from margin import kernels

ACCOUNTS, POSITIONS, INSTRUMENTS, SCENARIOS, LEVEL = 20_000, 20, 5_000, 1_000, 0.975
BLOCK = 500
TAIL = 25
NAME = "expected shortfall 97.5 %, 20,000 accounts x 20, 5,000 instruments, 1,000 scenarios"


@pytest.fixture(scope="module")
def book():
    random = np.random.default_rng(0)
    n = ACCOUNTS * POSITIONS
    row, quantity = random.integers(0, INSTRUMENTS, n).astype(np.int32), random.normal(size=n)
    table = kernels.aligned_table(INSTRUMENTS, SCENARIOS)
    table[:, :SCENARIOS] = random.normal(size=(INSTRUMENTS, SCENARIOS))
    return np.arange(0, n + 1, POSITIONS), row, quantity, table


def shortfall(book):
    """Expected shortfall of every account by the kernel."""
    return kernels.tail(*book, np.full(SCENARIOS, 1 / SCENARIOS), LEVEL)[1]


def tail_mean(profit):
    """Mean of the worst 25 of 1,000 equal scenarios: the same definition, where no scenario counts in part."""
    return -np.partition(profit, TAIL - 1, axis=1)[:, :TAIL].mean(axis=1)


def test_expected_shortfall_beside_numpy(beside, book):
    _, row, quantity, table = book
    rows, held = row.reshape(ACCOUNTS, POSITIONS), quantity.reshape(ACCOUNTS, 1, POSITIONS)
    dense = np.ascontiguousarray(table[:, :SCENARIOS])

    def peer():
        """numpy matmul by blocks, partition"""
        blocks = (slice(first, first + BLOCK) for first in range(0, ACCOUNTS, BLOCK))
        return np.concatenate([tail_mean((held[b] @ dense[rows[b]])[:, 0]) for b in blocks])

    np.testing.assert_allclose(shortfall(book), peer(), rtol=1e-12)
    ratio = beside(lambda: shortfall(book), peer, name=NAME, rounds=3)
    assert ratio >= 2.0


def test_expected_shortfall_beside_scipy(beside, book):
    sparse = pytest.importorskip("scipy.sparse")
    start, row, quantity, table = book
    dense = np.ascontiguousarray(table[:, :SCENARIOS])
    matrix = sparse.csr_matrix((quantity, row, start), shape=(ACCOUNTS, INSTRUMENTS))

    def peer():
        """scipy.sparse CSR @ dense, partition"""
        return tail_mean(matrix @ dense)

    np.testing.assert_allclose(shortfall(book), peer(), rtol=1e-12)
    beside(lambda: shortfall(book), peer, name=NAME, rounds=3)
