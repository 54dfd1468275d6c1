"""Every compiled kernel against its slow twin, on generated inputs, results and errors alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from strategies import anything, both, finite, floats, lines, refused_alike, segments

from margin import _core, kernels
from margin import _reference as twin


@given(st.lists(st.binary(max_size=20), max_size=40))
def test_encode_and_look_up_bytes(strings):
    data = np.frombuffer(b"".join(strings), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, strings)]).astype(np.int64)
    codes, first = both("encode_bytes", data, offsets)
    assert [strings[f] for f in first[codes]] == strings
    half = len(strings) // 2
    both("lookup_bytes", data, offsets[: half + 1].copy(), data, offsets)
    taken, ends = both("take_bytes", data, offsets, first[::-1].copy())
    assert [taken[a:b].tobytes() for a, b in pairwise(ends.tolist())] == [strings[f] for f in first[::-1]]


def packed(strings, kind):
    return np.frombuffer(b"".join(strings), np.uint8), np.cumsum([0, *map(len, strings)]).astype(kind)


STRINGS = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"a", b"a" * 16, b"a" * 17, b"b" * 40])), max_size=30)


@given(pieces=st.lists(st.tuples(STRINGS, st.sampled_from([np.int32, np.int64]), st.booleans()), max_size=5), data=st.data())
def test_numbering_goes_on_from_piece_to_piece(pieces, data):
    fast, slow, seen = _core.Numbering(), twin.Numbering(), []
    for strings, kind, by_index in pieces:
        text, offsets = packed(strings, kind)
        if by_index:
            places = st.integers(0, max(0, len(strings) - 1))
            index = data.draw(hn.arrays(np.int32, st.integers(0, 20 if strings else 0), elements=places))
            new = [strings[i] for i in index]
            codes = [np.empty(len(new), np.int32) for _ in range(2)]
            for numbering, out in zip((fast, slow), codes, strict=True):
                numbering.add_dictionary(index, text, offsets, out)
        else:
            new = strings
            codes = [np.empty(len(new), np.int32) for _ in range(2)]
            for numbering, out in zip((fast, slow), codes, strict=True):
                numbering.add_bytes(text, offsets, out)
        np.testing.assert_array_equal(*codes)
        seen += new
    distinct = list(dict.fromkeys(seen))
    for numbering in (fast, slow):
        vocabulary, ends = numbering.vocabulary()
        assert [vocabulary[a:b].tobytes() for a, b in pairwise(ends.tolist())] == distinct
        assert [seen[i] for i in numbering.first()] == distinct
        assert len(numbering) == len(distinct)


def test_numbering_grows_with_long_and_short_strings():
    random = np.random.default_rng(3)
    strings = [b"%d" % i * (1 + i % 7) for i in random.integers(0, 30_000, 60_000)]
    fast, slow = _core.Numbering(), twin.Numbering()
    for a in range(0, len(strings), 7_000):
        text, offsets = packed(strings[a : a + 7_000], np.int32)
        codes = [np.empty(len(offsets) - 1, np.int32) for _ in range(2)]
        for numbering, out in zip((fast, slow), codes, strict=True):
            numbering.add_bytes(text, offsets, out)
        np.testing.assert_array_equal(*codes)
    for ours, theirs in zip(fast.vocabulary(), slow.vocabulary(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(hn.arrays(np.int64, st.integers(0, 60), elements=st.one_of(st.integers(0, 9), st.integers(-(2**63), 2**63 - 1))))
def test_encode_and_look_up_integers(values):
    codes, first = both("encode_int64", values)
    np.testing.assert_array_equal(values[first[codes]] if len(values) else values, values)
    both("lookup_int64", values[::2].copy(), values)


def test_encoding_grows_past_its_first_table():
    values = np.random.default_rng(0).integers(0, 50_000, 100_000)
    codes, first = _core.encode_int64(values)
    np.testing.assert_array_equal(values[first[codes]], values)
    assert len(first) == len(np.unique(values))
    assert (np.diff(first) > 0).all()


@given(data=st.data(), n=st.integers(0, 200), n_major=st.integers(1, 8), by_minor=st.booleans())
def test_group_is_a_stable_sort(data, n, n_major, by_minor):
    major = data.draw(hn.arrays(np.int32, n, elements=st.integers(0, n_major - 1)))
    minor = data.draw(hn.arrays(np.int32, n, elements=st.integers(-5, 5))) if by_minor else None
    start, order = both("group", major, minor, n_major)
    keys = (major,) if minor is None else (minor, major)
    np.testing.assert_array_equal(order, np.lexsort(keys))
    np.testing.assert_array_equal(np.diff(start), np.bincount(major, minlength=n_major))


def test_group_merges_long_segments():
    random = np.random.default_rng(1)
    major, minor = random.integers(0, 3, 5000).astype(np.int32), random.integers(0, 700, 5000).astype(np.int32)
    np.testing.assert_array_equal(_core.group(major, minor, 3)[1], np.lexsort((minor, major)))


@given(data=st.data(), n=st.integers(0, 40))
def test_segment_sum(data, n):
    both("segment_sum", data.draw(segments(n)), data.draw(floats(n, anything)))


@given(data=st.data(), held=lines(), side=st.sampled_from([-1, 0, 1, 2]))
def test_line_sums(data, held, side):
    start, row, quantity, rows = held
    both("line_sums", start, row, quantity, data.draw(floats(rows)), side)


@given(data=st.data(), n_scenarios=st.integers(0, 45), quantity=anything)
def test_stress_after(data, n_scenarios, quantity):
    table, relief, total = (kernels.aligned_table(rows, n_scenarios) for rows in (4, 2, 1))
    for array in (table, relief, total):
        array[:, :n_scenarios] = data.draw(hn.arrays(np.float64, (len(array), n_scenarios), elements=anything))
        array[:, n_scenarios:] = -1e300  # padding must never win
    row, unit = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 1))
    with np.errstate(all="ignore"):
        arguments = total[0].copy(), row, quantity, table, relief, unit, n_scenarios
        fast, slow = _core.stress_after(*arguments), twin.stress_after(*arguments)
    assert fast == pytest.approx(slow, rel=0, abs=0, nan_ok=True)
    assert [type(x) for x in fast] == [float, int]


@given(data=st.data(), amount=hn.arrays(np.float64, st.integers(0, 30), elements=st.floats(0, 1e6)))
def test_tiers(data, amount):
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    start = np.cumsum([0, *sizes]).astype(np.int32)
    floor = np.concatenate([np.cumsum(data.draw(floats(s, st.floats(0.5, 1e5)))) for s in sizes])
    rate, slope, deduction = (data.draw(floats(len(floor), st.floats(0, 1))) for _ in range(3))
    table = data.draw(hn.arrays(np.int32, len(amount), elements=st.integers(0, len(sizes) - 1)))
    both("tiers", amount, table, start, floor, rate, slope, deduction, data.draw(st.sampled_from(["left", "right"])))


@given(data=st.data(), held=lines(), n_scenarios=st.integers(1, 45))
def test_stress_and_accumulate(data, held, n_scenarios):
    start, row, quantity, rows = held
    table, relief = kernels.aligned_table(rows, n_scenarios), kernels.aligned_table(2, n_scenarios)
    table[:, :n_scenarios] = data.draw(hn.arrays(np.float64, (rows, n_scenarios), elements=finite))
    relief[:, :n_scenarios] = data.draw(hn.arrays(np.float64, (2, n_scenarios), elements=finite))
    table[:, n_scenarios:] = relief[:, n_scenarios:] = -1e300  # padding must never win
    unit = data.draw(hn.arrays(np.int32, len(start) - 1, elements=st.integers(0, 1)))
    worst, scenario = both("stress", start, unit, row, quantity, table, relief, n_scenarios)
    profit = both("accumulate", start, row, quantity, table, n_scenarios)
    for g in np.flatnonzero(scenario >= 0):
        vector = profit[g] + relief[unit[g], :n_scenarios]
        assert worst[g] == max(0.0, -vector.min())
        assert scenario[g] == np.argmin(vector)


@pytest.mark.parametrize("value", [-5.0, np.nan, 5.0])
def test_groups_without_lines_keep_their_relief(value):
    relief = np.full((1, 8), value)
    start, none = np.zeros(3, np.int64), np.zeros(0)
    both("stress", start, np.zeros(2, np.int32), np.zeros(0, np.int32), none, np.zeros((0, 8)), relief, 5)


def test_ties_take_the_first_scenario():
    table = kernels.aligned_table(1, 33)
    table[0, :33] = -1.0
    for where in (0, 7, 8, 31, 32):
        table[0, :33] = 1.0
        table[0, where:33] = -2.0
        start, row = np.array([0, 1], dtype=np.int64), np.zeros(1, dtype=np.int32)
        worst, scenario = _core.stress(start, row, row, np.ones(1), table, kernels.aligned_table(1, 33), 33)
        assert (worst[0], scenario[0]) == (2.0, where)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_lost(value):
    table = kernels.aligned_table(1, 33)
    table[0, :33] = 1.0
    table[0, 20] = value
    start, row = np.array([0, 1], dtype=np.int64), np.zeros(1, dtype=np.int32)
    both("stress", start, row, row, np.ones(1), table, kernels.aligned_table(1, 33), 33)
    if np.isnan(value):
        assert np.isnan(_core.stress(start, row, row, np.ones(1), table, kernels.aligned_table(1, 33), 33)[0][0])


def test_aggregation_equals_scipy_bit_for_bit():
    sparse = pytest.importorskip("scipy.sparse")
    random = np.random.default_rng(2)
    n, rows, n_scenarios = 500, 60, 33
    table = kernels.aligned_table(rows, n_scenarios)
    table[:, :n_scenarios] = random.normal(size=(rows, n_scenarios))
    start = np.arange(0, 20 * n + 1, 20)
    row, quantity = random.integers(0, rows, 20 * n).astype(np.int32), random.normal(size=20 * n)
    expected = sparse.csr_matrix((quantity, row, start), shape=(n, rows)) @ table[:, :n_scenarios]
    np.testing.assert_array_equal(_core.accumulate(start, row, quantity, table, n_scenarios), expected)


I4, I8, U1 = (np.dtype(t) for t in ("i4", "i8", "u1"))
GOOD_LINES = (np.array([0, 2], I8), np.zeros(2, I4), np.ones(2))
TABLE = np.zeros((1, 8))
HOSTILE = {
    "offsets beyond the data": ("encode_bytes", np.zeros(3, U1), np.array([0, 4], I8)),
    "offsets that fall": ("encode_bytes", np.zeros(3, U1), np.array([0, 3, 2], I8)),
    "no offsets": ("encode_bytes", np.zeros(3, U1), np.zeros(0, I8)),
    "position beyond the strings": ("take_bytes", np.zeros(3, U1), np.array([0, 3], I8), np.array([0, 1], I8)),
    "wrong type": ("encode_int64", np.zeros(3)),
    "a list": ("encode_int64", [1, 2]),
    "not contiguous": ("encode_int64", np.zeros(6, I8)[::2]),
    "major out of range": ("group", np.array([0, 2], I4), None, 2),
    "negative major": ("group", np.array([0, -1], I4), None, 2),
    "negative count": ("group", np.zeros(0, I4), None, -1),
    "minor too short": ("group", np.zeros(2, I4), np.zeros(1, I4), 1),
    "start beyond the lines": ("segment_sum", np.array([0, 5], I8), np.zeros(2)),
    "start falls": ("segment_sum", np.array([0, 2, 1], I8), np.zeros(2)),
    "row out of range": ("line_sums", GOOD_LINES[0], np.array([0, 3], I4), np.ones(2), np.zeros(3), 0),
    "a row that is not there": ("stress_after", np.zeros(8), 2, 1.0, TABLE, TABLE, 0, 8),
    "a unit that is not there": ("stress_after", np.zeros(8), 0, 1.0, TABLE, TABLE, -1, 8),
    "a sum that is not padded": ("stress_after", np.zeros(7), 0, 1.0, TABLE, TABLE, 0, 7),
    "relief of another width": ("stress_after", np.zeros(8), 0, 1.0, TABLE, np.zeros((1, 16)), 0, 8),
    "more scenarios than a table has": ("stress_after", np.zeros(8), 0, 1.0, TABLE, TABLE, 0, 9),
    "unknown side": ("line_sums", *GOOD_LINES, np.zeros(3), 3),
    "row beyond the table": ("stress", GOOD_LINES[0], np.zeros(1, I4), np.array([0, 1], I4), np.ones(2), TABLE, TABLE, 8),
    "unit beyond the relief": ("stress", GOOD_LINES[0], np.ones(1, I4), *GOOD_LINES[1:], TABLE, TABLE, 8),
    "more scenarios than columns": ("accumulate", *GOOD_LINES, TABLE, 9),
    "width no multiple of 8": ("accumulate", *GOOD_LINES, np.zeros((1, 7)), 7),
    "unknown closing": ("tiers", np.ones(1), np.zeros(1, I4), np.array([0, 1], I4), *[np.zeros(1)] * 4, "both"),
    "table without tiers": ("tiers", np.ones(1), np.zeros(1, I4), np.array([0, 0, 1], I4), *[np.zeros(1)] * 4, "left"),
    "floors that fall": (
        "tiers", np.ones(1), np.zeros(1, I4), np.array([0, 2], I4), np.array([1.0, 0.0]), *[np.zeros(2)] * 3, "left",
    ),
    "sign of a side": ("black76", *[np.ones(1)] * 4, np.zeros(1)),
    "vol column out of range": (
        "black76_grid", *[np.ones(1)] * 4, np.ones((1, 2)), np.zeros(1, I4), np.zeros((1, 1)), np.array([2], I4),
    ),
    "unit of a move out of range": (
        "black76_grid", *[np.ones(1)] * 4, np.ones((1, 1)), np.ones(1, I4), np.zeros((1, 1)), np.zeros(1, I4),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_input_is_refused_in_the_same_words(case):
    refused_alike(*HOSTILE[case])


def test_empty_input_gives_empty_output():
    none, zero = np.zeros(0), np.zeros(1, I8)
    both("encode_bytes", np.zeros(0, U1), zero)
    both("encode_int64", np.zeros(0, I8))
    both("group", np.zeros(0, I4), None, 0)
    both("segment_sum", zero, none)
    both("line_sums", zero, np.zeros(0, I4), none, none, 0)
    both("stress", zero, np.zeros(0, I4), np.zeros(0, I4), none, np.zeros((0, 8)), np.zeros((0, 8)), 8)
    both("accumulate", zero, np.zeros(0, I4), none, np.zeros((0, 8)), 8)
    both("black76", none, none, none, none, none)


def test_read_only_and_mapped_input(tmp_path):
    path = tmp_path / "values"
    np.arange(5, dtype=np.float64).tofile(path)
    mapped = np.memmap(path, dtype=np.float64, mode="r")
    start = np.array([0, 5], dtype=np.int64)
    start.flags.writeable = False
    assert _core.segment_sum(start, mapped).tolist() == [10.0]
