"""Kernels beside the library that people would use instead. Equality first, then time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from margin import io, kernels, synthetic
from margin.lines import segments
from margin.params import STATUSES
from margin.venues import load

ACCOUNTS, POSITIONS, INSTRUMENTS, SCENARIOS = 200_000, 20, 5_000, 33


@pytest.fixture(scope="module")
def book():
    """Random positions: arguments of the kernel, and the P&L of every instrument without padding."""
    random = np.random.default_rng(0)
    n = ACCOUNTS * POSITIONS
    row, quantity = random.integers(0, INSTRUMENTS, n).astype(np.int32), random.normal(size=n)
    start = np.arange(0, n + 1, POSITIONS)
    table, relief = kernels.aligned_table(INSTRUMENTS, SCENARIOS), kernels.aligned_table(1, SCENARIOS)
    table[:, :SCENARIOS] = random.normal(size=(INSTRUMENTS, SCENARIOS))
    unit = np.zeros(ACCOUNTS, dtype=np.int32)
    return (start, unit, row, quantity, table, relief, SCENARIOS), np.ascontiguousarray(table[:, :SCENARIOS])


NAME = "worst loss, 200,000 accounts x 20, 5,000 instruments, 33 scenarios"


def test_stress_beside_scipy(beside, book):
    sparse = pytest.importorskip("scipy.sparse")
    arguments, dense = book
    start, _, row, quantity, *_ = arguments
    matrix = sparse.csr_matrix((quantity, row, start), shape=(ACCOUNTS, INSTRUMENTS))

    def stress():
        return kernels.stress(*arguments)[0]

    def peer():
        """scipy.sparse CSR @ dense, min"""
        return (matrix @ dense).min(axis=1)

    np.testing.assert_array_equal(stress(), np.maximum(0.0, -peer()))
    assert beside(stress, peer, name=NAME) >= 2.0


def test_stress_beside_numba(beside, book):
    numba = pytest.importorskip("numba")
    arguments, dense = book
    start, _, row, quantity, *_ = arguments

    @numba.njit(parallel=False)
    def fused(start, row, quantity, dense):
        worst = np.empty(len(start) - 1)
        total = np.empty(dense.shape[1])
        for g in range(len(worst)):
            total[:] = 0.0
            for line in range(start[g], start[g + 1]):
                held, values = quantity[line], dense[row[line]]
                for s in range(len(total)):
                    total[s] += held * values[s]
            lowest = total[0]
            for s in range(1, len(total)):
                lowest = min(lowest, total[s])
            worst[g] = max(0.0, -lowest)
        return worst

    def stress():
        return kernels.stress(*arguments)[0]

    def peer():
        """numba, fused loop, parallel=False"""
        return fused(start, row, quantity, dense)

    np.testing.assert_array_equal(stress(), peer())
    assert beside(stress, peer, name="the same") >= 1.3


def test_two_threads_beside_one(beside, book):
    start, unit, *rest = book[0]
    half = ACCOUNTS // 2
    parts = [(start[: half + 1], unit[:half]), (start[half:], unit[half:])]

    def two():
        with ThreadPoolExecutor(2) as pool:
            return np.concatenate([worst for worst, _ in pool.map(lambda part: kernels.stress(*part, *rest), parts)])

    def peer():
        """one thread"""
        return kernels.stress(start, unit, *rest)[0]

    np.testing.assert_array_equal(two(), peer())
    beside(two, peer, name="the same on two threads")


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """The lines of the synthetic exchange by risk unit: small groups, most of them without an option."""
    folder = tmp_path_factory.mktemp("structure") / "exchange"
    synthetic.exchange(accounts=100_000, seed=1).write(folder)
    snapshot = io.read_snapshot(folder)
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=snapshot.params, accept=STATUSES)
    encoded = regime.encode(snapshot.book, snapshot.market)
    prepared = regime.prepare(encoded)
    lines = regime.group(encoded, prepared, 0, len(snapshot.book.accounts))[2]
    lines = lines.take(prepared.unit[lines.row] >= 0)
    return lines, segments(lines, prepared.unit), prepared.stress


@pytest.mark.parametrize("relieved", [False, True])
def test_structured_stress_beside_scipy(beside, grouped, relieved):
    """Without the relief that extended moves have, and with it: both sides do the same."""
    sparse = pytest.importorskip("scipy.sparse")
    lines, units, stress = grouped
    count, patterns = stress.scenarios.n_scenarios, stress.patterns
    relief = stress.relief if relieved else np.zeros_like(stress.relief)
    arguments = (units.start, units.code, lines.row, lines.quantity, stress.pnl, patterns.coefficient, patterns.pattern)
    matrix = sparse.csr_matrix((lines.quantity, lines.row, units.start), shape=(len(units), len(stress.pnl)))
    dense, added = np.ascontiguousarray(stress.pnl[:, :count]), np.ascontiguousarray(relief[:, :count])

    def structured():
        return kernels.stress_structured(*arguments, relief, count)

    def peer():
        """scipy.sparse CSR @ dense, min, argmin"""
        profit = matrix @ dense
        if relieved:
            profit += added[units.code]
        return np.maximum(0.0, -profit.min(axis=1)), profit.argmin(axis=1)

    (worst, scenario), (expected, where) = structured(), peer()
    gross = abs(matrix) @ abs(dense).max(axis=1)
    assert (abs(worst - expected) <= 1e-14 * gross).all()
    other = np.flatnonzero(scenario != where)  # equal but for rounding
    at, pick = matrix[other] @ dense + added[units.code[other]], np.arange(len(other))
    assert (abs(at[pick, scenario[other]] - at[pick, where[other]]) <= 1e-14 * gross[other]).all()
    shared = np.mean(patterns.coefficient[lines.row] != 0)
    name = f"worst loss and its scenario, {len(lines):,} lines in {len(units):,} groups, {shared:.0%} delta-one"
    assert beside(structured, peer, name=name + (", relief" if relieved else "")) >= 4.0


def test_rows_beside_structure(beside, grouped):
    lines, units, stress = grouped
    patterns, count = stress.patterns, stress.scenarios.n_scenarios
    arguments = (units.start, units.code, lines.row, lines.quantity, stress.pnl)

    def structured():
        return kernels.stress_structured(*arguments, patterns.coefficient, patterns.pattern, stress.relief, count)

    def peer():
        """the kernel that reads a row for every line"""
        return kernels.stress(*arguments, stress.relief, count)

    np.testing.assert_allclose(structured()[0], peer()[0], rtol=0, atol=1e-14 * abs(stress.pnl).max() * abs(lines.quantity).max())
    beside(structured, peer, name="the same lines")


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
