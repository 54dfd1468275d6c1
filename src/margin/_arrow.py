"""The one door to pyarrow below `io`: imported when used, and only asked for buffers.

Nothing here calls what would make pyarrow import pandas (`to_numpy`, `scalar`): that costs a quarter of a second.

Anything that speaks the Arrow C interface (``__arrow_c_stream__``, ``__arrow_c_array__``) comes in here: pyarrow, polars, pandas,
duckdb relations. A stream may be readable only once, so it is read once, into memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from margin.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def pyarrow(purpose: str = "reading Arrow data") -> Any:
    """The module pyarrow; `MissingExtraError` where it is not installed."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingExtraError(purpose, "pyarrow") from error
    return pa


def is_arrow(values: object) -> bool:
    """Whether an object hands out Arrow data."""
    return hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__")


def read_table(source: object) -> Any:
    """All of a stream of record batches as a `pyarrow.Table`."""
    pa = pyarrow()
    if isinstance(source, pa.Table):
        return source
    try:
        return pa.RecordBatchReader.from_stream(source).read_all()
    except DataError:
        raise
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _unreadable(source, "table", error) from error


def read_column(values: object) -> Any:
    """A column as a `pyarrow.ChunkedArray`, its offsets, codes and UTF-8 checked: what follows trusts them."""
    pa = pyarrow()
    try:
        if isinstance(values, pa.ChunkedArray):
            column = values
        elif hasattr(values, "__arrow_c_stream__"):
            column = pa.chunked_array(values)
        else:
            column = pa.chunked_array([pa.array(values)])
        column.validate(full=True)
    except DataError:
        raise
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise _unreadable(values, "column", error) from error
    return column


def _unreadable(values: object, what: str, error: Exception) -> DataError:
    return DataError(f"{type(values).__name__} cannot be read as an Arrow {what}: {error}")


def is_streamed(values: object) -> bool:
    """Whether a column hands out its pieces when they are asked for, and again when they are asked for again."""
    return hasattr(values, "iterchunks") and not isinstance(values, pyarrow().ChunkedArray)


def pieces(values: object) -> Iterator[Any]:
    """Arrays of an Arrow column in order: one that is streamed (`is_streamed`) is never whole in memory.

    What a stream hands out is checked in its outlines only. Who reads offsets or codes checks them; for UTF-8 there is
    `not_text`.
    """
    if not is_streamed(values):
        yield from read_column(values).iterchunks()
        return
    pa = pyarrow()
    for chunk in values.iterchunks():  # type: ignore[attr-defined]
        try:
            chunk.validate()
        except pa.ArrowException as error:
            raise _unreadable(values, "column", error) from error
        yield chunk


def not_text(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> int | None:
    """The first of some strings that is not UTF-8, None where all are."""
    pa = pyarrow()
    try:
        pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data)).validate(full=True)
    except pa.ArrowException:
        for i in range(len(offsets) - 1):
            try:
                data[offsets[i] : offsets[i + 1]].tobytes().decode()
            except UnicodeDecodeError:
                return i
    return None


def is_null(column: Any) -> NDArray[np.bool_] | None:
    """Where a column is null, None if nowhere."""
    return None if column.null_count == 0 else np.concatenate([bits(chunk.is_null()) for chunk in column.chunks])


def bits(array: Any) -> NDArray[np.bool_]:
    """A boolean array without nulls."""
    _, buffer = array.buffers()
    if not len(array):
        return np.zeros(0, dtype=np.bool_)
    first, end = array.offset, array.offset + len(array)
    packed = np.frombuffer(buffer, np.uint8, (end + 7) // 8)
    return np.unpackbits(packed, count=end, bitorder="little")[first:].view(np.bool_)


def fixed(array: Any) -> NDArray[Any]:
    """Values of an array of fixed width, without a copy; whatever stands there where it is null."""
    dtype = np.dtype(array.type.to_pandas_dtype())
    if not len(array):
        return np.zeros(0, dtype=dtype)
    return np.frombuffer(array.buffers()[1], dtype, len(array), array.offset * dtype.itemsize)


def string_buffers(array: Any) -> tuple[NDArray[np.uint8], NDArray[np.int32] | NDArray[np.int64]]:
    """UTF-8 bytes and offsets of an array of type string or large_string, without a copy.

    Returns
    -------
    data : ndarray of uint8
    offsets : ndarray of int32 or int64, shape (n + 1,)
        String i is ``data[offsets[i]:offsets[i + 1]]``.
    """
    kind = np.dtype(np.int64 if pyarrow().types.is_large_string(array.type) else np.int32)
    _, offset_buffer, data_buffer = array.buffers()
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, kind)
    offsets = np.frombuffer(offset_buffer, kind, len(array) + 1, array.offset * kind.itemsize)
    data = np.frombuffer(data_buffer, np.uint8) if offsets[-1] else np.zeros(0, np.uint8)
    return data, offsets


def fill(column: Any, arrow_type: Any, dtype: type[np.generic], missing: object) -> NDArray[Any]:
    """A column cast to `arrow_type` as one numpy array, `missing` where it is null; one chunk without nulls is not copied.

    Raises
    ------
    DataError
        If a value does not survive the cast.
    """
    pa = pyarrow()
    pieces = []
    for chunk in column.chunks:
        try:
            cast = chunk if chunk.type == arrow_type else chunk.cast(arrow_type)
        except pa.ArrowException as error:
            raise DataError(str(error).rstrip(".")) from error
        piece = fixed(cast)
        if cast.null_count:
            piece = np.where(bits(cast.is_null()), np.array(missing, dtype), piece)
        pieces.append(piece)
    if len(pieces) == 1:
        return np.ascontiguousarray(pieces[0], dtype=dtype)
    return np.concatenate([np.zeros(0, dtype), *pieces]).astype(dtype, copy=False)
