"""The tables of a snapshot as a folder of Parquet files, ``<table>.parquet`` each."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from margin import _arrow, columns
from margin.errors import DataError
from margin.io.arrow import to_arrow, write_parquet
from margin.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from margin.columns import Columns

SUFFIX = ".parquet"
FILES = frozenset(name + SUFFIX for name in TABLES)

AHEAD = 2
"""Row groups that are read at a time while what was read before is encoded."""

# A plain string takes four bytes for its length alone: below that a column is stored by the codes of a dictionary.
_PLAIN_STRING = 4.0


def read_tables(folder: Path) -> dict[str, dict[str, FileColumn]]:
    """The columns of the tables that a folder holds. Their names are checked, their data is not read yet.

    Raises
    ------
    DataError
        If a Parquet file is not a table of a snapshot, cannot be read, or has missing or unknown columns.
    """
    tables = {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if path.name not in FILES:
            problem = f"{path} is not a table of a snapshot"
            raise DataError(problem, hint=f"Remove or rename it; tables are {', '.join(TABLES)}.")
        tables[path.stem] = _columns(path)
    return tables


def write_tables(folder: Path, tables: Mapping[str, Columns]) -> None:
    """Write checked tables to a folder."""
    for name, table in tables.items():
        write_parquet(to_arrow(table.values), folder / f"{name}{SUFFIX}")


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column of a Parquet file, read when it is asked for: of a long table only those that are being encoded are in memory."""

    path: Path
    name: str
    metadata: Any
    by_codes: bool

    def __len__(self) -> int:
        return int(self.metadata.num_rows)

    def iterchunks(self) -> Iterator[Any]:
        """The column by row groups, some of them read ahead in parallel."""
        if self.metadata.num_row_groups == 1:
            yield from self._row_group(0).iterchunks()
            return
        groups = iter(range(self.metadata.num_row_groups))
        pool = ThreadPoolExecutor(AHEAD)
        try:
            waiting = deque(pool.submit(self._row_group, group) for group in islice(groups, AHEAD))
            while waiting:
                column = waiting.popleft().result()
                waiting.extend(pool.submit(self._row_group, group) for group in islice(groups, 1))
                yield from column.iterchunks()
        finally:  # perhaps in the garbage collector, which must not wait for a thread: the lock that ends it may be held here
            pool.shutdown(wait=False, cancel_futures=True)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The column as an Arrow stream (PyCapsule interface)."""
        pa = _arrow.pyarrow("reading Parquet")
        chunks = list(self.iterchunks())
        column = pa.chunked_array(chunks, chunks[0].type) if chunks else self._open().read([self.name]).column(0)
        return column.__arrow_c_stream__(requested_schema)

    def _open(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(
            self.path, metadata=self.metadata, memory_map=True, read_dictionary=[self.name] if self.by_codes else None
        )

    def _row_group(self, group: int) -> Any:
        try:
            return self._open().read_row_group(group, [self.name], use_threads=False).column(0)
        except (_arrow.pyarrow().ArrowException, OSError) as error:
            raise _damaged(self.path, error) from error


def _columns(path: Path) -> dict[str, FileColumn]:
    pa = _arrow.pyarrow("reading Parquet")
    from pyarrow import parquet

    try:
        metadata = parquet.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    columns.check_names(TABLES[path.stem], schema.names)
    return {
        name: FileColumn(path, name, metadata, _is_by_codes(metadata, i))
        for i, name in enumerate(schema.names)
        if not columns.is_frame_index(name)
    }


def _is_by_codes(metadata: Any, column: int) -> bool:
    """Whether a string column is stored by codes, so that it can be read as a dictionary at no cost."""
    parts = [metadata.row_group(group).column(column) for group in range(metadata.num_row_groups)]
    rows = sum(part.num_values for part in parts)
    size = sum(part.total_uncompressed_size for part in parts)
    return bool(rows) and parts[0].physical_type == "BYTE_ARRAY" and size < _PLAIN_STRING * rows


def _damaged(path: Path, error: Exception) -> DataError:
    problem = f"{path} cannot be read as Parquet: {str(error).strip()}".rstrip(".")
    return DataError(problem, hint="Write it anew.")
