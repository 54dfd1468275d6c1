"""The slow twins of the kernels that number identifiers; see `_reference`."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from margin._checks import check_codes, check_length, check_start, dtypes

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy.typing as npt

    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt8 = npt.NDArray[np.uint8]


class Numbering:
    """Codes of byte strings in order of first occurrence, over as many pieces of a column as come, one after the other."""

    def __init__(self) -> None:
        self._codes: dict[Hashable, int] = {}
        self._first: list[int] = []
        self._seen = 0

    def __len__(self) -> int:
        return len(self._codes)

    def add_bytes(self, data: UInt8, offsets: Int32 | Int64, codes: Int32) -> None:
        """Codes of byte strings; those that are new get the next ones."""
        strings = _strings("offsets", data, offsets)
        dtypes(codes=(codes, "i4", 1))
        check_length("codes", codes, len(strings))
        codes[:] = self.add(strings)

    def add_dictionary(self, index: Int32, data: UInt8, offsets: Int32 | Int64, codes: Int32) -> None:
        """Codes of byte strings that are given by their places among others; those that do not occur are not numbered."""
        dtypes(index=(index, "i4", 1), codes=(codes, "i4", 1))
        check_length("codes", codes, len(index))
        strings = _strings("offsets", data, offsets)
        check_codes("index", index, len(strings))
        codes[:] = self.add([strings[i] for i in index.tolist()])

    def add(self, keys: Sequence[Hashable]) -> Int32:
        """Codes of any keys."""
        for position, key in enumerate(keys, self._seen):
            if key not in self._codes:
                self._codes[key] = len(self._first)
                self._first.append(position)
        self._seen += len(keys)
        return np.array([self._codes[key] for key in keys], np.int32)

    def first(self) -> Int64:
        """Position, among all strings added, at which each code came first."""
        return np.array(self._first, np.int64)

    def vocabulary(self) -> tuple[UInt8, Int64]:
        """Bytes and offsets of the distinct strings."""
        return _joined([string for string in self._codes if isinstance(string, bytes)])


def encode_bytes(data: UInt8, offsets: Int32 | Int64) -> tuple[Int32, Int64]:
    """Number distinct byte strings in order of first occurrence; returns the codes and each code's first position."""
    numbering = Numbering()
    return numbering.add(_strings("offsets", data, offsets)), numbering.first()


def encode_int64(values: Int64) -> tuple[Int32, Int64]:
    """Number distinct integers in order of first occurrence; returns the codes and each code's first position."""
    dtypes(values=(values, "i8", 1))
    numbering = Numbering()
    return numbering.add(values.tolist()), numbering.first()


def lookup_bytes(
    vocabulary_data: UInt8, vocabulary_offsets: Int32 | Int64, data: UInt8, offsets: Int32 | Int64
) -> Int32:
    """Position of each byte string in a vocabulary, the first if it is there twice, -1 if it is missing."""
    vocabulary = _strings("vocabulary_offsets", vocabulary_data, vocabulary_offsets)
    return _lookup(vocabulary, _strings("offsets", data, offsets))


def lookup_int64(vocabulary: Int64, values: Int64) -> Int32:
    """Position of each integer in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(vocabulary=(vocabulary, "i8", 1), values=(values, "i8", 1))
    return _lookup(vocabulary.tolist(), values.tolist())


def take_bytes(data: UInt8, offsets: Int64, at: Int64) -> tuple[UInt8, Int64]:
    """Bytes and offsets of the strings at some positions."""
    dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1), at=(at, "i8", 1))
    strings = _strings("offsets", data, offsets)
    for position, place in enumerate(at.tolist()):
        if not 0 <= place < len(strings):
            message = f"at[{position}] is {place}; expected 0 <= at[{position}] < {len(strings)}"
            raise ValueError(message)
    return _joined([strings[place] for place in at.tolist()])


def _lookup(vocabulary: Sequence[Hashable], keys: Sequence[Hashable]) -> Int32:
    known: dict[Hashable, int] = {}
    for position, key in enumerate(vocabulary):
        known.setdefault(key, position)
    return np.array([known.get(key, -1) for key in keys], np.int32)


def _strings(name: str, data: UInt8, offsets: Int32 | Int64) -> list[bytes]:
    dtypes(data=(data, "u1", 1))
    kind = "i4" if getattr(offsets, "dtype", None) == np.int32 else "i8"
    dtypes(**{name: (offsets, kind, 1)})
    check_start(name, offsets, len(data))
    text = data.tobytes()
    return [text[begin:end] for begin, end in pairwise(offsets.tolist())]


def _joined(strings: Sequence[bytes]) -> tuple[UInt8, Int64]:
    offsets = np.cumsum([0, *map(len, strings)]).astype(np.int64)
    return np.frombuffer(b"".join(strings), np.uint8).copy(), offsets
