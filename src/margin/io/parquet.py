"""The tables of a snapshot as a folder of Parquet files, ``<table>.parquet`` each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from margin import _arrow, columns
from margin.errors import DataError
from margin.io.arrow import to_arrow, write_parquet
from margin.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from margin.columns import Columns

SUFFIX = ".parquet"
FILES = frozenset(name + SUFFIX for name in TABLES)


def read_tables(folder: Path) -> dict[str, Any]:
    """The tables that a folder holds, as `pyarrow.Table`; column names are checked before data is read.

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
        tables[path.stem] = _read(path)
    return tables


def write_tables(folder: Path, tables: Mapping[str, Columns]) -> None:
    """Write checked tables to a folder."""
    for name, table in tables.items():
        write_parquet(to_arrow(table.values), folder / f"{name}{SUFFIX}")


def _read(path: Path) -> Any:
    pa = _arrow.pyarrow("reading Parquet")
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, memory_map=True)
        columns.check_names(TABLES[path.stem], file.schema_arrow.names)
        return file.read(use_threads=True)
    except (pa.ArrowException, OSError) as error:
        problem = f"{path} cannot be read as Parquet: {error}"
        raise DataError(problem, table=path.stem, hint="Write it anew.") from error
