"""Identifiers as columns, and their encoding to dense codes.

An account or an instrument is named by a string or an integer. Columns of names are long, so strings are kept as Arrow keeps
them (one run of UTF-8 bytes and offsets into it), and everything that follows works on codes 0, 1, 2, ...
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin import _arrow, kernels
from margin._sequences import id_buffers
from margin.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Coded", "Ids", "concat", "merge"]

Codes = NDArray[np.int32]

# Rows handled at once where a temporary of several bytes per character is needed.
_BLOCK = 1 << 18


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ids:
    """A column of identifiers, strings or integers.

    Made by `Ids.of`. Either `values` is given (integers) or `data` and `offsets` (strings).

    Attributes
    ----------
    values : ndarray of int64, shape (n,), or None
    data : ndarray of uint8
        UTF-8 bytes of all strings, one after the other.
    offsets : ndarray of int64, shape (n + 1,)
        String i is ``data[offsets[i]:offsets[i + 1]]``.

    Examples
    --------
    >>> ids = Ids.of(["BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-PERPETUAL"])
    >>> codes, vocabulary = ids.encode()
    >>> codes, vocabulary
    (array([0, 1, 0], dtype=int32), Ids(['BTC-PERPETUAL', 'ETH-PERPETUAL']))
    """

    values: NDArray[np.int64] | None = None
    data: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, dtype=np.uint8))
    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @classmethod
    def of(cls, values: object) -> Ids:
        """Identifiers from a list, tuple or numpy array of strings or integers, an Arrow column, or `Ids`.

        Raises
        ------
        DataError
            If a value is missing or neither a string nor an integer, or if both kinds occur.
        """
        if isinstance(values, Ids):
            return values
        coded = Coded.of(values) if _arrow.is_arrow(values) or isinstance(values, Coded) else None
        if coded is None:
            return cls(*id_buffers(values))
        missing = np.flatnonzero(coded.codes < 0)
        if len(missing):
            problem = "the id is missing (null)"
            raise DataError(problem, row=int(missing[0]), count=len(missing))
        return coded.decode()

    @property
    def is_integer(self) -> bool:
        """Whether the identifiers are integers."""
        return self.values is not None

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.values is None else len(self.values)

    def __getitem__(self, i: int) -> str | int:
        i = range(len(self))[i]
        if self.values is not None:
            return int(self.values[i])
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes().decode(errors="backslashreplace")

    def __iter__(self) -> Iterator[str | int]:
        return iter(self.to_list())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ids):
            return NotImplemented
        if len(self) != len(other) or (len(self) and self.is_integer != other.is_integer):
            return False
        if self.values is not None and other.values is not None:
            return np.array_equal(self.values, other.values)
        return np.array_equal(self.offsets, other.offsets) and np.array_equal(self.data, other.data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(self[i]) for i in range(min(len(self), 5)))
        return f"Ids([{shown}{f', ... {len(self)} ids' if len(self) > 5 else ''}])"

    def to_list(self) -> list[Any]:
        """The identifiers as Python strings or integers."""
        if self.values is not None:
            return list(self.values.tolist())
        blob, offsets = self.data.tobytes(), self.offsets.tolist()
        if blob.isascii():
            text = blob.decode("ascii")
            return [text[a:b] for a, b in pairwise(offsets)]
        return [blob[a:b].decode(errors="backslashreplace") for a, b in pairwise(offsets)]

    def to_numpy(self) -> NDArray[Any]:
        """The identifiers as a numpy array, int64 or fixed-width unicode."""
        if self.values is not None:
            return self.values
        if self.data.max(initial=0) >= 128:
            return np.array(self.to_list(), dtype=np.str_)
        lengths = np.diff(self.offsets)
        width = max(int(lengths.max(initial=0)), 1)
        letters = np.zeros((len(self), width), dtype=np.uint32)
        for a in range(0, len(self), _BLOCK):
            b = min(a + _BLOCK, len(self))
            inside = np.arange(width) < lengths[a:b, None]
            letters[a:b][inside] = self.data[self.offsets[a] : self.offsets[b]]
        return letters.view(f"U{width}").reshape(-1)

    def take(self, indices: NDArray[np.integer[Any]] | Iterable[int]) -> Ids:
        """The identifiers at `indices` (from 0; negative ones are not positions from the end but an error)."""
        at = np.asarray(indices, dtype=np.int64)
        first, last = (int(at.min()), int(at.max())) if len(at) else (0, -1)
        if first < 0 or last >= len(self):
            problem = f"indices must lie in 0 .. {len(self) - 1}; have {first} .. {last}"
            raise IndexError(problem)
        if self.values is not None:
            return Ids(self.values[at])
        offsets = self.offsets[first : last + 2]  # so that taking a block of them does not go through all
        data = self.data[offsets[0] : offsets[-1]]
        return Ids(None, *kernels.take_bytes(data, offsets - offsets[0], at - first))

    def encode(self) -> tuple[Codes, Ids]:
        """Number the distinct identifiers in order of first occurrence.

        Returns
        -------
        codes : ndarray of int32, shape (n,)
        vocabulary : Ids
            ``vocabulary[codes[i]] == ids[i]``.
        """
        if self.values is not None:
            codes, first = kernels.encode_int64(self.values)
        else:
            codes, first = kernels.encode_bytes(self.data, self.offsets)
        return codes, self.take(first)

    def lookup(self, vocabulary: Ids) -> Codes:
        """Position of each identifier in a vocabulary, -1 where it is missing; a string never equals an integer.

        Returns
        -------
        ndarray of int32, shape (n,)
        """
        if not len(self) or not len(vocabulary) or self.is_integer != vocabulary.is_integer:
            return np.full(len(self), -1, dtype=np.int32)
        if 2 * len(self) < len(vocabulary):  # a hash table of the few, and the many looked up in it
            codes, asked = self.encode()
            code = vocabulary.lookup(asked)
            position = np.full(len(asked), -1, dtype=np.int32)
            found = np.flatnonzero(code >= 0)[::-1]  # of equal ones the first is written last
            position[code[found]] = found
            return position[codes]
        if self.values is not None and vocabulary.values is not None:
            return kernels.lookup_int64(vocabulary.values, self.values)
        return kernels.lookup_bytes(vocabulary.data, vocabulary.offsets, self.data, self.offsets)


def concat(a: Ids, b: Ids) -> Ids:
    """One column after the other.

    Raises
    ------
    DataError
        If one holds strings and the other integers.
    """
    if not len(a) or not len(b):
        return a if len(a) else b
    if a.is_integer != b.is_integer:
        words = ["integers" if ids.is_integer else "strings" for ids in (a, b)]
        problem = f"ids are {words[0]} in one place and {words[1]} in another: {a[0]!r}, {b[0]!r}"
        raise DataError(problem)
    if a.values is not None and b.values is not None:
        return Ids(np.concatenate((a.values, b.values)))
    data = np.concatenate((a.data[a.offsets[0] : a.offsets[-1]], b.data))
    return Ids(None, data, np.concatenate((a.offsets, b.offsets[1:] + a.offsets[-1])))


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column of identifiers in dictionary form: what is left of it once its names are encoded.

    Attributes
    ----------
    codes : ndarray of int32, shape (n,)
        -1 where the identifier is missing.
    vocabulary : Ids, shape (k,)
    """

    codes: Codes
    vocabulary: Ids

    @classmethod
    def of(cls, values: object) -> Coded:
        """Encode anything that `Ids.of` takes; missing values (None, NaN among objects, Arrow nulls) are allowed.

        Arrow dictionaries are taken by their codes. Each vocabulary entry is distinct and occurs, in order of first occurrence:
        the result does not depend on how the column came.
        """
        if isinstance(values, Coded):
            return _first_occurrence(values.codes, values.vocabulary)
        if isinstance(values, Ids):
            return cls(*values.encode())
        if _arrow.is_arrow(values):
            return _from_arrow(values)
        if isinstance(values, np.ndarray) and values.dtype.kind in "OT":
            values = values.tolist()
        if isinstance(values, list | tuple) and not {type(None), float}.isdisjoint(map(type, values)):
            return _with_missing(values)
        return cls(*Ids(*id_buffers(values)).encode())

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, i: int) -> str | int | None:
        code = int(self.codes[i])
        return None if code < 0 else self.vocabulary[code]

    def decode(self) -> Ids:
        """The identifiers themselves; none may be missing."""
        return self.vocabulary.take(self.codes)


def _with_missing(values: Sequence[Any]) -> Coded:
    """A column in which None and NaN (as pandas has it among objects) are missing."""
    valid = np.array([value is not None and value == value for value in values], dtype=np.bool_)
    present = [value for value, given in zip(values, valid, strict=True) if given]
    codes, vocabulary = Ids(*id_buffers(present, np.flatnonzero(valid))).encode()
    return Coded(_spread(codes, valid), vocabulary)


def merge(*columns: Coded) -> tuple[Ids, list[Codes]]:
    """One vocabulary for several columns, in order of first occurrence, and the codes of each column in it."""
    named = [column for column in columns if len(column.vocabulary)]
    if len(named) == 1:
        return named[0].vocabulary, [column.codes for column in columns]
    together = Ids()
    for column in columns:
        together = concat(together, column.vocabulary)
    number, vocabulary = together.encode()
    codes, start = [], 0
    for column in columns:
        own = number[start : start + len(column.vocabulary)]
        start += len(own)
        codes.append(_translate(column.codes, own))
    return vocabulary, codes


def _translate(codes: NDArray[np.integer[Any]], number: Codes) -> Codes:
    """``number[codes]``, -1 staying -1."""
    spread: Codes = np.append(number, np.int32(-1))[codes]
    return spread


def _first_occurrence(codes: NDArray[np.integer[Any]], vocabulary: Ids) -> Coded:
    """Codes renumbered so that each vocabulary entry is distinct, occurs, and stands in order of first occurrence."""
    codes = np.asarray(codes)
    if codes.dtype.kind not in "iu" or codes.ndim != 1:
        problem = f"codes must be a column of integers, have {codes.dtype} of {codes.ndim} dimensions"
        raise DataError(problem)
    outside = np.flatnonzero((codes < -1) | (codes >= len(vocabulary)))
    if len(outside):
        row = int(outside[0])
        problem = f"code {codes[row]} is outside the vocabulary of {len(vocabulary)} ids"
        raise DataError(problem, row=row, count=len(outside), value=codes[row])
    distinct, vocabulary = vocabulary.encode()
    codes = _translate(codes, distinct)
    first = _first_rows(codes, len(vocabulary))
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(codes))]
    number = np.full(len(vocabulary), -1, dtype=np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    return Coded(_translate(codes, number), vocabulary.take(order))


def _first_rows(codes: Codes, n: int) -> NDArray[np.int64]:
    """First row of each code 0 .. n - 1, ``len(codes)`` where it does not occur."""
    never = len(codes)
    first = np.full(n + 1, never, dtype=np.int64)
    first[-1] = 0  # the code -1, of missing values
    for a in range(0, len(codes), _BLOCK):
        block = codes[a : a + _BLOCK]
        at = np.flatnonzero(first[block] == never)[::-1]
        first[block[at]] = a + at  # from the last to the first, so that the first stays
        if (first < never).all():
            break
    return first[:-1]


def _from_arrow(values: object) -> Coded:
    """Strings are numbered piece by piece, so that they need not stay."""
    column: Any = values if hasattr(values, "iterchunks") else _arrow.read_column(values)
    numbering, codes, row = kernels.Numbering(), np.empty(len(column), np.int32), 0
    for piece in _arrow.pieces(column):
        if _arrow.pyarrow().types.is_integer(_type_of_values(piece)):
            return _from_integers(_arrow.read_column(column))
        _number(numbering, piece, codes[row : row + len(piece)])
        row += len(piece)
    vocabulary = Ids(None, *numbering.vocabulary())
    wrong = _arrow.not_text(vocabulary.data, vocabulary.offsets)
    if wrong is not None:
        problem = f"{vocabulary[wrong]!r} is not valid UTF-8"
        raise DataError(problem, row=int(np.argmax(codes == wrong)), value=vocabulary[wrong], count=int(np.sum(codes == wrong)))
    return Coded(codes, vocabulary)


def _from_integers(column: Any) -> Coded:
    pa = _arrow.pyarrow()
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    missing = _arrow.is_null(column)
    codes, vocabulary = Ids(_arrow.fill(column.drop_null(), pa.int64(), np.int64, 0)).encode()
    return Coded(codes if missing is None else _spread(codes, ~missing), vocabulary)


def _number(numbering: kernels.Numbering, piece: Any, codes: Codes) -> None:
    """Write the codes of an Arrow array of strings, -1 where it is null."""
    pa = _arrow.pyarrow()
    dictionary = pa.types.is_dictionary(piece.type)
    if pa.types.is_string_view(_type_of_values(piece)):  # which pyarrow can do little with
        strings = (piece.dictionary if dictionary else piece).cast(pa.large_string())
        _number(numbering, pa.DictionaryArray.from_arrays(piece.indices, strings) if dictionary else strings, codes)
    elif piece.null_count or (dictionary and piece.dictionary.null_count):
        decoded = piece.dictionary_decode() if dictionary else piece
        valid = ~_arrow.bits(decoded.is_null())
        present = np.empty(np.count_nonzero(valid), np.int32)
        _number(numbering, decoded.drop_null(), present)
        codes[:] = _spread(present, valid)
    elif not len(piece):
        pass
    elif not _is_text(_type_of_values(piece)):
        problem = f"the column holds {piece.type}, not strings or integers"
        raise DataError(problem, hint="Give ids as strings or integers.")
    elif dictionary:
        index = _arrow.fixed(piece.indices).astype(np.int32, copy=False)
        numbering.add_dictionary(index, *_arrow.string_buffers(piece.dictionary), codes)
    else:
        numbering.add_bytes(*_arrow.string_buffers(piece), codes)


def _type_of_values(array: Any) -> Any:
    return array.type.value_type if _arrow.pyarrow().types.is_dictionary(array.type) else array.type


def _is_text(kind: Any) -> bool:
    types = _arrow.pyarrow().types
    return bool(types.is_string(kind) or types.is_large_string(kind))


def _spread(codes: Codes, valid: NDArray[np.bool_]) -> Codes:
    """Codes at the valid rows, -1 at the others."""
    spread = np.full(len(valid), -1, dtype=np.int32)
    spread[valid] = codes
    return spread
