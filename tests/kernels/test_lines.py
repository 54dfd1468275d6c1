"""Kernels that sort lines and add them up against their slow twins, and against NumPy where it has the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from strategies import anything, both, floats, lines, refused_alike, segments

from margin import _checks, _core
from margin import _reference as twin


def codes(n, bound):
    return hn.arrays(np.int32, n, elements=st.integers(0, bound - 1))


@given(data=st.data(), n=st.integers(0, 300), n_major=st.integers(1, 4), spread=st.sampled_from([3, 2**31 - 1]))
def test_segments_shorter_and_longer_than_a_placed_run_are_sorted_alike(data, n, n_major, spread):
    seed = data.draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    major = random.integers(0, n_major, n).astype(np.int32)
    if data.draw(st.booleans()):
        major.sort()
    minor = random.integers(-spread, spread, n).astype(np.int32)
    _, order = both("group", major, minor, n_major)
    np.testing.assert_array_equal(order, np.lexsort((minor, major)))


@pytest.mark.parametrize("isa", _core.isas())
def test_every_instruction_set_places_equal_keys_in_the_order_given(isa):
    chosen = _core.isa()
    try:
        _core._force(isa)
        for n in (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000):
            minor = np.random.default_rng(n).integers(-4, 4, n).astype(np.int32)
            order = _core.group(np.zeros(n, np.int32), minor, 1)[1]
            np.testing.assert_array_equal(order, np.argsort(minor, kind="stable"))
    finally:
        _core._force(chosen)


@given(data=st.data(), n=st.integers(0, 60), n_codes=st.integers(1, 6), block=st.integers(1, 7), threads=st.integers(1, 4))
def test_columns_are_arranged_by_block(data, n, n_codes, block, threads):
    code = data.draw(codes(n, n_codes))
    columns = [data.draw(floats(n, anything)), data.draw(codes(n, 9)), code.astype(np.int8), data.draw(hn.arrays(np.bool_, n))]
    start, fast = _core.arranged(code, n_codes, block, columns, threads)
    expected, slow = twin.arranged(code, n_codes, block, columns)
    np.testing.assert_array_equal(start, expected)
    for column, one, other in zip(columns, fast, slow, strict=True):
        assert one.dtype == other.dtype == column.dtype
        np.testing.assert_array_equal(one, column[np.argsort(code // block, kind="stable")])
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("isa", _core.isas())
@pytest.mark.parametrize("n_codes", [1, 3, 40])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_whole_cache_lines_are_arranged(isa, n_codes, threads):
    chosen = _core.isa()
    try:
        _core._force(isa)
        for n in (1, 63, 64, 65, 1000, 9999):
            random = np.random.default_rng(n)
            code = np.minimum(random.integers(0, n_codes, n), random.integers(0, n_codes, n)).astype(np.int32)
            columns = [random.normal(size=n).astype(dtype) for dtype in (np.float64, np.int32, np.int8)]
            for column, arranged in zip(columns, _core.arranged(code, n_codes, 1, columns, threads)[1], strict=True):
                np.testing.assert_array_equal(arranged, column[np.argsort(code, kind="stable")])
    finally:
        _core._force(chosen)


@pytest.mark.parametrize("block", [999_983, 1 << 20, 3_000_001, (1 << 31) - 1])
def test_large_codes_are_in_the_block_they_are_in(block):
    most = (1 << 31) - 1
    first = np.arange(0, most, block, dtype=np.int64)
    code = np.unique(np.clip(np.concatenate((first, first + 1, first - 1)), 0, most - 1)).astype(np.int32)
    start, (moved,) = _core.arranged(code, most, block, [code])
    np.testing.assert_array_equal(moved, code)  # which ascends
    np.testing.assert_array_equal(np.diff(start), np.bincount(code // np.int32(block), minlength=-(-most // block)))


def test_more_lines_than_can_be_numbered_are_refused():
    _checks.check_line_count(2**32)
    with pytest.raises(ValueError, match=r"there are 4294967297 lines; expected at most 4294967296"):
        _checks.check_line_count(2**32 + 1)


@pytest.mark.parametrize("name", ["group", "net"])
def test_lines_are_counted_before_they_are_numbered(monkeypatch, name):
    monkeypatch.setattr(_checks, "_MOST_LINES", 2)
    three = np.zeros(3, np.int32)
    arguments = {"group": (three, three, 1), "net": (three, three, np.zeros(3), np.zeros(1, np.int32), 1)}[name]
    refused_alike(name, *arguments)


@given(data=st.data(), n=st.integers(0, 40))
def test_codes_are_translated(data, n):
    code, number = data.draw(codes(n, 7)), data.draw(codes(7, 1000))
    np.testing.assert_array_equal(both("translated", code, number), number[code])


@given(data=st.data(), n=st.integers(0, 30))
def test_bounds_and_occurring(data, n):
    code = data.draw(codes(n, 6))
    if data.draw(st.booleans()):
        code.sort()
    fast, slow = _core.bounds(code, 6), twin.bounds(code, 6)
    assert (fast is None) == (slow is None) == bool((np.diff(code) < 0).any())
    if fast is not None:
        np.testing.assert_array_equal(fast, slow)
        np.testing.assert_array_equal(fast, np.searchsorted(code, np.arange(7)))
    np.testing.assert_array_equal(both("occurring", code, 6), np.isin(np.arange(6), code))


@given(data=st.data(), n=st.integers(0, 60), n_pools=st.integers(1, 5), n_codes=st.integers(1, 7))
def test_netted_lines_are_sorted_and_keep_what_is_held(data, n, n_pools, n_codes):
    pool, code = data.draw(codes(n, n_pools)), data.draw(codes(n, n_codes))
    lowest = data.draw(st.sampled_from([0, -1, -n_codes, -(2**31), 2**31 - n_codes]))
    rank = (np.array(data.draw(st.permutations(range(n_codes)))) + lowest).astype(np.int32)
    quantity = data.draw(floats(n))
    owner, row, total, order, start = both("net", pool, code, quantity, rank, n_pools, True)
    for got, same in zip(both("net", pool, code, quantity, rank, n_pools), (owner, row, total), strict=True):
        np.testing.assert_array_equal(got, same)
    keys = owner.astype(np.int64) * 2**32 + rank[row]
    assert (np.diff(keys) > 0).all()
    np.testing.assert_array_equal(order, np.lexsort((rank[code], pool)))
    np.testing.assert_array_equal(total, [quantity[order[a:b]].cumsum()[-1] for a, b in pairwise(start)])


@given(data=st.data(), n=st.integers(0, 40))
def test_runs(data, n):
    pool, row, code = np.sort(data.draw(codes(n, 3))), data.draw(codes(n, 5)), data.draw(codes(5, 2))
    start, owner, of_run = both("runs", pool, row, code)
    np.testing.assert_array_equal(np.repeat(owner, np.diff(start)), pool)
    np.testing.assert_array_equal(np.repeat(of_run, np.diff(start)), code[row])
    if n:
        assert ((np.diff(owner) != 0) | (np.diff(of_run) != 0)).all()


@given(data=st.data(), held=lines(anything))
def test_split_sums(data, held):
    start, row, quantity, rows = held
    coefficient, column = data.draw(floats(rows, anything)), data.draw(codes(2 * rows, 3)).reshape(rows, 2)
    both("split_sums", start, row, quantity, coefficient, column, 3)


@given(data=st.data(), held=lines(anything), side=st.sampled_from([-1, 0, 1, 2]))
def test_sums_of_lines_that_are_not_finite(data, held, side):
    start, row, quantity, rows = held
    both("line_sums", start, row, quantity, data.draw(floats(rows, anything)), side)


@given(data=st.data(), held=lines(anything), side=st.sampled_from([-1, 0, 1, 2]), within=st.booleans())
def test_leaf_sums_or_the_refusal_of_leaves_that_cross_segments(data, held, side, within):
    leaf_start, row, quantity, rows = held
    cuts = data.draw(st.lists(st.sampled_from(leaf_start.tolist()) if within else st.integers(0, len(row)), max_size=5))
    arguments = np.array([min([*cuts, 0]), *sorted(cuts)], np.int64), leaf_start, row, quantity, data.draw(floats(rows, anything))
    fast, slow = (result(kernels.leaf_sums, *arguments, side) for kernels in (_core, twin))
    assert isinstance(fast, str) == isinstance(slow, str) == (not nested(arguments[0], leaf_start))
    np.testing.assert_array_equal(fast, slow)


def result(kernel, *arguments):
    """What a kernel gives, or the words in which it refuses."""
    try:
        return kernel(*arguments)
    except ValueError as refusal:
        return str(refusal)


def nested(start, leaf_start):
    """Whether every segment that has lines, or segments with lines after it, begins where a leaf with lines does."""
    return set(start[start < start[-1]]) <= set(leaf_start[:-1][np.diff(leaf_start) > 0])


@given(data=st.data(), n=st.integers(0, 40), n_codes=st.integers(1, 5))
def test_code_sums_equal_numpy(data, n, n_codes):
    code, values = data.draw(codes(n, n_codes)), data.draw(floats(n, anything))
    expected = np.bincount(code, weights=values, minlength=n_codes)
    np.testing.assert_array_equal(both("code_sums", code, values, n_codes), expected)


@given(data=st.data(), n=st.integers(0, 40), n_codes=st.integers(1, 5))
def test_cell_sums_equal_numpy(data, n, n_codes):
    code, row, column = data.draw(codes(n, n_codes)), data.draw(codes(n, 6)), data.draw(codes(6, 3))
    values = [data.draw(floats(n, anything)) for _ in range(data.draw(st.integers(0, 3)))]
    sums = both("cell_sums", code, row, column, values, n_codes, 3)
    for total, of in zip(sums, values, strict=True):
        expected = np.bincount(code * 3 + column[row], weights=of, minlength=3 * n_codes).reshape(n_codes, 3)
        np.testing.assert_array_equal(total, expected)


@given(data=st.data(), n=st.integers(0, 40), n_codes=st.integers(1, 5))
def test_cell_products_are_the_cell_sums_of_products(data, n, n_codes):
    code, row, column = data.draw(codes(n, n_codes)), data.draw(codes(n, 6)), data.draw(codes(6, 3))
    quantity, coefficient = data.draw(floats(n, anything)), data.draw(floats(6, anything))
    with np.errstate(all="ignore"):
        total = both("cell_products", code, row, column, quantity, coefficient, n_codes, 3)
        (expected,) = _core.cell_sums(code, row, column, (_core.products(row, quantity, coefficient),), n_codes, 3)
    np.testing.assert_array_equal(total, expected)


@given(data=st.data(), n=st.integers(0, 30), n_codes=st.integers(1, 5))
def test_peaks_are_the_first_of_equals_and_never_lose_a_nan(data, n, n_codes):
    code, values = data.draw(codes(n, n_codes)), data.draw(floats(n, st.sampled_from([-np.inf, -1.0, 0.0, 1.0, np.inf, np.nan])))
    at = both("peaks", code, values, n_codes)
    for c in range(n_codes):
        mine = np.flatnonzero(code == c)
        assert at[c] == (mine[np.argmax(values[mine])] if len(mine) else -1)


@given(data=st.data(), n=st.integers(0, 30), rows=st.integers(1, 5))
def test_products_and_profits(data, n, rows):
    row, quantity, entry = data.draw(codes(n, rows)), data.draw(floats(n, anything)), data.draw(floats(n, anything))
    size, price, reciprocal = (data.draw(floats(rows, anything)) for _ in range(3))
    inverse = data.draw(hn.arrays(np.bool_, rows))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(both("products", row, quantity, size), quantity * size[row])
    both("profits", row, quantity, entry, size, price, reciprocal, inverse)


I4, I8 = np.dtype("i4"), np.dtype("i8")
ONE, NONE, PAIR = np.zeros(1, I4), np.zeros(1), np.zeros((1, 2), I4)
HOSTILE = {
    "a column too short": ("arranged", np.zeros(2, I4), 1, 1, [NONE]),
    "a column of two dimensions": ("arranged", ONE, 1, 1, [np.zeros((1, 1))]),
    "a block of no codes": ("arranged", ONE, 1, 0, []),
    "a code without a number": ("translated", np.array([0, 2], I4), np.zeros(2, I4)),
    "no threads": ("arranged", ONE, 1, 1, [], 0),
    "a code beyond, on several threads": ("arranged", np.array([0, 0, 5, 7], I4), 5, 1, [], 3),
    "a column of objects": ("arranged", ONE, 1, 1, [np.array([None])]),
    "a column of names": ("arranged", ONE, 1, 1, [np.array(["abc"])]),
    "code beyond": ("bounds", np.array([0, 3], I4), 3),
    "negative code": ("occurring", np.array([-1], I4), 3),
    "negative number of codes": ("occurring", ONE, -1),
    "pool beyond": ("net", np.array([2], I4), ONE, NONE, ONE, 2),
    "code without a rank": ("net", ONE, np.array([1], I4), NONE, ONE, 1),
    "quantity too short": ("net", np.zeros(2, I4), np.zeros(2, I4), NONE, ONE, 1),
    "row without a code": ("runs", ONE, np.array([1], I4), ONE),
    "leaf offsets beyond": ("leaf_sums", np.array([0, 1], I8), np.array([0, 2], I8), ONE, NONE, NONE, 0),
    "unknown side": ("leaf_sums", np.array([0, 1], I8), np.array([0, 1], I8), ONE, NONE, NONE, 3),
    "column beyond": ("split_sums", np.array([0, 1], I8), ONE, NONE, NONE, PAIR + 3, 3),
    "three sides": ("split_sums", np.array([0, 1], I8), ONE, NONE, NONE, np.zeros((1, 3), I4), 3),
    "value of no code": ("code_sums", np.array([4], I4), NONE, 4),
    "peak of no code": ("peaks", np.array([4], I4), NONE, 4),
    "a row that occurs without a column": ("cell_sums", np.zeros(2, I4), np.array([0, 1], I4), np.array([0, -1], I4), [], 1, 1),
    "values too short": ("cell_sums", np.zeros(2, I4), np.zeros(2, I4), ONE, [NONE], 1, 1),
    "values of another type": ("cell_sums", ONE, ONE, ONE, [ONE], 1, 1),
    "a product without a column": ("cell_products", np.zeros(2, I4), np.zeros(2, I4), -ONE - 1, np.zeros(2), NONE, 1, 1),
    "more rows than columns": ("cell_products", np.zeros(2, I4), np.zeros(2, I4), ONE, np.zeros(2), np.zeros(2), 1, 1),
    "quantities too short": ("cell_products", np.zeros(2, I4), np.zeros(2, I4), ONE, NONE, NONE, 1, 1),
    "row beyond the coefficients": ("products", np.array([1], I4), NONE, NONE),
    "entry too short": ("profits", np.zeros(2, I4), np.zeros(2), NONE, NONE, NONE, NONE, np.zeros(1, np.bool_)),
    "prices too short": ("profits", ONE, NONE, NONE, np.zeros(2), NONE, NONE, np.zeros(1, np.bool_)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_input_is_refused_in_the_same_words(case):
    refused_alike(*HOSTILE[case])


@given(data=st.data(), n=st.integers(0, 40))
def test_segments_with_gaps_are_added_up(data, n):
    start = data.draw(segments(n))
    values = data.draw(floats(n, anything))
    both("segment_sum", start[1:].copy(), values)
    both("segment_sum", start[:-1].copy(), values)
