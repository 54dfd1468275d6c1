"""Columns of the engine as Arrow tables and Parquet files."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from margin import _arrow
from margin.errors import DataError
from margin.ids import Coded, Ids
from margin.io.files import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping

# Beyond this many bytes 32-bit offsets end.
_LARGE = 2**31 - 1
# Bytes of a dictionary from which Parquet gives up storing codes.
_WIDE = 1 << 20
ROWS = 1 << 20
"""Most rows of a row group."""

STORED: Mapping[str, Any] = MappingProxyType({"compression": "zstd", "compression_level": 1})
"""How Parquet files are compressed."""


def to_arrow(columns: Mapping[str, Any]) -> Any:
    """A `pyarrow.Table` of columns.

    Parameters
    ----------
    columns : mapping of str to numpy array, `Ids`, `Coded` or Arrow column
        Of equal length. Numbers and strings share memory with the table; `Coded` becomes a dictionary column; datetime64 becomes
        a UTC timestamp, NaT and the code -1 null. NaN stays NaN.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.

    Examples
    --------
    >>> to_arrow({"account": Ids.of(["alice", "bob"]), "equity": np.array([1.0, 2.0])}).num_rows
    2
    """
    pa = _arrow.pyarrow("writing Arrow")
    if len({len(values) for values in columns.values()}) > 1:
        problem = f"columns differ in length: {', '.join(f'{name} {len(values)}' for name, values in columns.items())}"
        raise DataError(problem)
    return pa.table({name: _column(name, values) for name, values in columns.items()})


def write_parquet(table: object, path: str | Path) -> None:
    """Write a `pyarrow.Table` to a temporary name in the same folder, then rename it.

    Parameters
    ----------
    table : pyarrow.Table, or object with ``__arrow_c_stream__``
    path : path
        Replaced if it exists.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """
    _arrow.pyarrow("writing Parquet")
    from pyarrow import parquet

    plain = without_wide_dictionaries(_arrow.read_table(table))
    with replacing(Path(path)) as partial:
        parquet.write_table(plain, partial, **STORED, row_group_size=ROWS)


def without_wide_dictionaries(table: Any) -> Any:
    """Dictionary columns as Parquet can store them by codes; wider ones decoded: they would be stored plain and read slowly."""
    pa = _arrow.pyarrow()
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and max((c.dictionary.nbytes for c in table.column(i).chunks), default=0) > _WIDE:
            table = table.set_column(i, field.name, table.column(i).cast(field.type.value_type))
    return table


def _column(name: str, values: object) -> Any:
    pa = _arrow.pyarrow()
    if isinstance(values, Ids):
        return _ids(values)
    if isinstance(values, Coded):
        missing = values.codes < 0
        indices = pa.array(values.codes, mask=missing if missing.any() else None)
        return pa.DictionaryArray.from_arrays(indices, _ids(values.vocabulary))
    if _arrow.is_arrow(values):
        return values
    array = np.asarray(values)
    if array.dtype.kind == "M":
        return pa.array(array.astype("datetime64[ms]", copy=False), pa.timestamp("ms", "UTC"))
    if array.dtype.kind == "U":
        return _ids(Ids.of(array))
    if array.dtype.kind not in "biuf":
        problem = f"{name!r}: {array.dtype} has no Arrow column"
        raise DataError(problem)
    return pa.array(array)


def _ids(ids: Ids) -> Any:
    """Strings share their bytes with Arrow; offsets are narrowed where they fit, as most readers expect 32 bits."""
    pa = _arrow.pyarrow()
    if ids.values is not None:
        return pa.array(ids.values)
    large = int(ids.offsets[-1]) > _LARGE
    offsets = np.ascontiguousarray(ids.offsets, dtype=np.int64 if large else np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(ids.data))]
    return pa.Array.from_buffers(pa.large_string() if large else pa.string(), len(ids), buffers)
