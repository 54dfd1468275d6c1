"""Identifiers against plain Python lists and dictionaries."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin import DataError, _arrow
from margin import ids as ids_module
from margin.ids import Coded, Ids, concat, merge

STRINGS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6))
FEW = st.lists(st.sampled_from(["", "a", "b", "ab", "é", "BTC-PERPETUAL", "東京"]))
INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(st.integers(0, 5))
COLUMNS = STRINGS | FEW | INTEGERS
WITH_MISSING = st.lists(st.none() | st.sampled_from(["a", "b", "é"])) | st.lists(st.none() | st.integers(-3, 3))


def first_occurrences(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


@given(COLUMNS)
def test_a_column_is_its_list(values: list[Any]) -> None:
    ids = Ids.of(values)
    assert len(ids) == len(values)
    assert list(ids) == [ids[i] for i in range(len(ids))] == values
    assert ids == Ids.of(tuple(values)) == Ids.of(ids)


@given(STRINGS | FEW)
def test_numpy_holds_the_same(values: list[str]) -> None:
    kept = [value.rstrip("\0") for value in values]  # numpy drops trailing zeros
    array = Ids.of(kept).to_numpy()
    assert array.dtype.kind == "U"
    assert array.tolist() == kept
    assert Ids.of(array) == Ids.of(kept)
    assert Ids.of(np.array(values, dtype=object)) == Ids.of(values)
    assert Ids.of(np.array(values, dtype=np.dtypes.StringDType())) == Ids.of(values)


@given(COLUMNS)
def test_encode(values: list[Any]) -> None:
    codes, vocabulary = Ids.of(values).encode()
    assert codes.dtype == np.int32
    assert list(vocabulary) == first_occurrences(values)
    assert [vocabulary[c] for c in codes] == values


@given(COLUMNS, COLUMNS)
def test_lookup(vocabulary: list[Any], values: list[Any]) -> None:
    codes = Ids.of(values).lookup(Ids.of(vocabulary))
    assert codes.dtype == np.int32
    assert codes.tolist() == [vocabulary.index(value) if value in vocabulary else -1 for value in values]


@given(COLUMNS, st.data())
def test_take(values: list[Any], data: st.DataObject) -> None:
    at = data.draw(st.lists(st.integers(0, len(values) - 1)) if values else st.just([]))
    assert list(Ids.of(values).take(at)) == [values[i] for i in at]


@given(STRINGS, STRINGS)
def test_concat(a: list[str], b: list[str]) -> None:
    assert list(concat(Ids.of(a), Ids.of(b))) == a + b


@given(st.one_of(st.tuples(STRINGS, FEW), st.tuples(INTEGERS, INTEGERS)))
def test_merge(columns: tuple[list[Any], list[Any]]) -> None:
    vocabulary, codes = merge(*map(Coded.of, columns))
    assert list(vocabulary) == first_occurrences(columns[0] + columns[1])
    assert [[vocabulary[c] for c in code] for code in codes] == list(columns)


@given(WITH_MISSING)
def test_coded_is_the_same_however_the_column_comes(values: list[Any]) -> None:
    coded = Coded.of(values)
    assert [coded[i] for i in range(len(coded))] == values
    assert list(coded.vocabulary) == first_occurrences([value for value in values if value is not None])
    array = pa.array(values)
    split = pa.chunked_array([array[: len(values) // 2], array[len(values) // 2 :]], array.type)
    for column in (array, split, array.dictionary_encode(), split.dictionary_encode(), pl.Series(values), coded):
        other = Coded.of(column)
        assert other.codes.tolist() == coded.codes.tolist()
        assert other.vocabulary == coded.vocabulary


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a", "b", "a"]),
        pa.array(["a", "b", "a"], pa.large_string()),
        pa.array(["a", "b", "a"], pa.string_view()),
        pa.array(["x", "a", "b", "a", "y"])[1:4],
        pa.chunked_array([["a"], [], ["b", "a"]], pa.string()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([3, 1, 0], pa.int8()), ["a", "b", "unused", "a"]),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.uint16()), pa.array(["a", "b", None], pa.large_string())),
        pl.Series(["a", "b", "a"]),
        pl.Series(["a", "b", "a"], dtype=pl.Categorical),
        pl.Series(["a", "b", "a"], dtype=pl.Enum(["b", "c", "a"])),
        pd.Series(["a", "b", "a"]),
        pd.Series(["a", "b", "a"], dtype="object"),
        pd.Series(["a", "b", "a"], dtype="category"),
        Coded(np.array([2, 0, 2]), Ids.of(["b", "unused", "a"])),
    ],
)
def test_every_kind_of_column(column: Any) -> None:
    assert Ids.of(column) == Ids.of(["a", "b", "a"])
    codes, vocabulary = Coded.of(column).codes, Coded.of(column).vocabulary
    assert codes.tolist() == [0, 1, 0]
    assert vocabulary == Ids.of(["a", "b"])


@pytest.mark.parametrize(
    "column",
    [
        np.array([7, 2, 7], np.uint8),
        np.array([7, 2, 7], np.uint64),
        np.array([7, 2, 7], object),
        [np.int16(7), 2, np.uint64(7)],
        pa.array([7, 2, 7], pa.int8()),
        pa.array([7, 2, 7], pa.uint64()),
        pa.array([7, 2, 7]).dictionary_encode(),
        pl.Series([7, 2, 7]),
        pd.Series([7, 2, 7]),
    ],
)
def test_every_kind_of_integer(column: Any) -> None:
    ids = Ids.of(column)
    assert ids.is_integer
    assert ids.to_numpy().tolist() == [7, 2, 7]
    assert Coded.of(column).codes.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", None], "row 1: the id is missing (None)"),
        (pa.array(["a", None, None]), "row 1: the id is missing (null); 1 more row"),
        ([dt.date(2026, 1, 1)], "row 0: datetime.date(2026, 1, 1) (date) is neither a string nor an integer"),
        ([b"a"], "row 0: b'a' (bytes) is neither a string nor an integer"),
        (np.array([b"a"]), "the column holds |S1, not strings or integers"),
        (pa.array([b"a"]), "the column holds binary, not strings or integers"),
        ("abc", "str is not a column"),
        (Coded(np.array([0.0]), Ids.of(["a"])), "codes must be a column of integers, have float64"),
    ],
)
def test_what_is_no_column_of_ids(values: Any, message: str) -> None:
    with pytest.raises(DataError) as raised:
        Ids.of(values)
    assert str(raised.value).startswith(message)


def test_strings_never_equal_integers() -> None:
    assert Ids.of([1, 2]).lookup(Ids.of(["1", "2"])).tolist() == [-1, -1]
    assert Ids.of([1]) != Ids.of(["1"])
    assert Ids.of([]) == Ids.of(np.zeros(0, int))
    with pytest.raises(DataError, match="ids are integers in one place and strings in another: 1, 'a'"):
        concat(Ids.of([1]), Ids.of(["a"]))


@pytest.mark.parametrize("at", [[-1], [2], [0, 5]])
def test_take_outside(at: list[int]) -> None:
    with pytest.raises(IndexError, match=r"indices must lie in 0 \.\. 1"):
        Ids.of(["a", "b"]).take(at)


def test_repr_and_index() -> None:
    ids = Ids.of([f"i{i}" for i in range(7)])
    assert repr(ids) == "Ids(['i0', 'i1', 'i2', 'i3', 'i4', ... 7 ids])"
    assert ids[-1] == "i6"
    with pytest.raises(IndexError):
        ids[7]


def test_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is handled block by block does not show where the blocks end."""
    monkeypatch.setattr(ids_module, "_BLOCK", 3)
    monkeypatch.setattr("margin._sequences._BLOCK", 3)
    values = ["a", "bcd", "", "ef", "a", "ghij", "k", ""]
    ids = Ids.of(np.array(values))
    assert list(ids) == values
    assert ids.to_numpy().tolist() == values
    assert list(ids.take([7, 5, 5, 0, 1, 2, 3])) == [values[i] for i in [7, 5, 5, 0, 1, 2, 3]]


def test_arrow_strings_are_not_copied() -> None:
    column = pa.array(["alice", "bob"])
    data, offsets = _arrow.string_buffers(column)
    assert np.shares_memory(data, np.frombuffer(column.buffers()[2], np.uint8))
    assert offsets.tolist() == [0, 5, 8]


def damaged(*, offsets: list[int], data: bytes = b"abc") -> pa.Array:
    buffers = [None, pa.py_buffer(np.array(offsets, np.int32)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


@pytest.mark.parametrize(
    "column",
    [
        damaged(offsets=[0, 2, 1]),
        damaged(offsets=[0, 99, 2]),
        damaged(offsets=[0, -5, 2]),
        damaged(offsets=[0, 1, 2], data=b"\xff\xfe"),
        pa.DictionaryArray.from_arrays(pa.array([0, 7]), ["a"], safe=False),
        pa.DictionaryArray.from_arrays(pa.array([0, -7]), ["a"], safe=False),
    ],
)
def test_damaged_arrow_columns_are_refused(column: pa.Array) -> None:
    """What comes through the C interface is unchecked; the kernels trust offsets and codes."""
    with pytest.raises(DataError, match="cannot be read as an Arrow column"):
        Ids.of(column)
