"""Identifiers in Python sequences and numpy arrays, taken to the buffers that `Ids` keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

Buffers = tuple[NDArray[np.int64] | None, NDArray[np.uint8], NDArray[np.int64]]
Rows = NDArray[np.int64] | None

# Rows of fixed-width strings handled at once: a temporary of a byte and more per character.
_BLOCK = 1 << 18


def id_buffers(values: object, rows: Rows = None) -> Buffers:
    """Integers, or the bytes and offsets of strings, of a list, tuple or numpy array.

    Parameters
    ----------
    values : object
    rows : ndarray of int64, optional
        Row numbers of the values, for messages; by default their positions.

    Returns
    -------
    values : ndarray of int64 or None
    data : ndarray of uint8
    offsets : ndarray of int64

    Raises
    ------
    DataError
        If a value is neither a string nor an integer, or if both kinds occur.
    """
    if isinstance(values, np.ndarray):
        if values.ndim != 1:
            problem = f"an array of shape {values.shape} is not a column"
            raise DataError(problem)
        if values.dtype.kind in "iu":
            return _from_integers(values)
        if values.dtype.kind == "U":
            return _from_fixed_width(values)
        if values.dtype.kind not in "OT":
            problem = f"the column holds {values.dtype}, not strings or integers"
            raise DataError(
                problem,
                value=values[0].item() if len(values) else None,
                hint="Give ids as strings or integers.",
            )
        values = values.tolist()
    if not isinstance(values, list | tuple):
        problem = f"{type(values).__name__} is not a column"
        raise DataError(problem, hint="Give a list, a numpy array or an Arrow column.")
    kinds = set(map(type, values))
    if not kinds:
        return None, np.zeros(0, np.uint8), np.zeros(1, np.int64)
    if all(issubclass(kind, str) for kind in kinds):
        return _from_strings(values, rows)
    if all(_is_integer(kind) for kind in kinds):
        return _from_integers(np.array(values, dtype=object), rows)
    raise _mixed(values, rows)


def _is_integer(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and kind is not bool


def _mixed(values: Sequence[Any], rows: Rows) -> DataError:
    """The error about values that are not all strings or all integers."""
    strings = next((isinstance(value, str) for value in values if isinstance(value, str) or _is_integer(type(value))), True)
    wrong = np.flatnonzero([not (isinstance(value, str) if strings else _is_integer(type(value))) for value in values])
    row = int(wrong[0])
    value = values[row]
    if value is None:
        problem = "the id is missing (None)"
    elif isinstance(value, str):
        problem = f"{value!r} is a string where other ids are integers"
    elif _is_integer(type(value)):
        problem = f"{value!r} is an integer where other ids are strings"
    else:
        problem = f"{value!r} ({type(value).__name__}) is neither a string nor an integer"
    return _at(
        problem, row, rows, value=value, count=len(wrong), hint="Give ids as strings or as integers, one kind in a column."
    )


def _at(problem: str, row: int, rows: Rows, **details: Any) -> DataError:
    return DataError(problem, row=row if rows is None else int(rows[row]), **details)


def _from_integers(values: NDArray[Any], rows: Rows = None) -> Buffers:
    if values.dtype != np.int64 and len(values):
        outside = np.flatnonzero((values > np.iinfo(np.int64).max) | (values < np.iinfo(np.int64).min))
        if len(outside):
            value = int(values[outside[0]])
            problem = f"{value} does not fit into 64 bits"
            raise _at(problem, int(outside[0]), rows, value=value, count=len(outside))
    return np.ascontiguousarray(values, dtype=np.int64), np.zeros(0, np.uint8), np.zeros(1, np.int64)


def _from_strings(values: Sequence[str], rows: Rows) -> Buffers:
    """Lengths are those of the encoded strings; where all is ASCII they are the lengths of the strings themselves."""
    text = "".join(values)
    try:
        pieces: Sequence[str | bytes] = values if text.isascii() else [value.encode() for value in values]
        data = text.encode()
    except UnicodeEncodeError:
        row = next(i for i, value in enumerate(values) if any("\ud800" <= c <= "\udfff" for c in value))
        problem = f"{values[row]!r} is not valid Unicode"
        raise _at(problem, row, rows, value=values[row]) from None
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(np.fromiter(map(len, pieces), np.int64, len(values)), out=offsets[1:])
    return None, np.frombuffer(data, np.uint8), offsets


def _from_fixed_width(values: NDArray[np.str_]) -> Buffers:
    """Fixed-width unicode (UCS-4), block by block; by way of Python strings where it is not ASCII."""
    width = values.dtype.itemsize // 4
    if not len(values) or not width:
        return _from_strings(values.tolist(), None)
    offsets = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(np.char.str_len(values), out=offsets[1:])
    data = np.empty(offsets[-1], dtype=np.uint8)
    for a in range(0, len(values), _BLOCK):
        b = min(a + _BLOCK, len(values))
        native = np.ascontiguousarray(values[a:b], dtype=f"=U{width}")
        letters = native.view(np.uint32).reshape(b - a, width)
        if letters.max() >= 128:
            return _from_strings(values.tolist(), None)
        data[offsets[a] : offsets[b]] = letters[np.arange(width) < np.diff(offsets[a : b + 1])[:, None]]
    return None, data, offsets
