"""`Snapshot`: a market and a book of the same instant, as they lie on disk.

A snapshot is a folder of Parquet tables with ``snapshot.json`` (format number and time), or one JSON document with the same
tables (see `margin.tables`). The folder may hold ``params.toml``, a parameter overlay that belongs to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from margin import columns
from margin._values import instant
from margin.book import Book
from margin.errors import DataError
from margin.io import document, parquet
from margin.io.files import filling, replacing
from margin.market import Market
from margin.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Snapshot", "read_snapshot", "write_snapshot"]

_MARKET = ("instruments", "quotes", "indices", "currencies")
_HEADER = "snapshot.json"
_PARAMS = "params.toml"


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A market and a book of the same instant.

    Attributes
    ----------
    market : Market
    book : Book
    params : tuple of Path
        Parameter files that belong to the snapshot.
    """

    market: Market
    book: Book
    params: tuple[Path, ...] = ()


def read_snapshot(path: str | Path, *, strict: bool = False) -> Snapshot:
    """Read a snapshot folder or a JSON document.

    Parameters
    ----------
    path : path
        Tables of the book that are not there have no rows.
    strict : bool
        As for `Book.of`.

    Raises
    ------
    DataError
        If the folder, a market table, a column or a value is missing or wrong; if a file is damaged.
    MissingExtraError
        If the tables are Parquet and pyarrow is not installed.

    Examples
    --------
    >>> snapshot = read_snapshot("snapshots/2026-02-15")  # doctest: +SKIP
    >>> regime.assess(snapshot.book, snapshot.market)  # doctest: +SKIP
    """
    path = Path(path)
    if path.is_dir():
        header = _header(path)
        tables: dict[str, Any] = dict(parquet.read_tables(path))
        params = tuple(file for file in [path / _PARAMS] if file.exists())
    elif path.is_file():
        header = document.load(path, tables=True)
        tables = dict(document.read_tables(header))
        params = ()
    else:
        problem = f"there is no snapshot at {path}"
        raise DataError(problem, hint="Name a folder of Parquet tables or a JSON document.")
    missing = [name for name in _MARKET if name not in tables]
    if missing:
        problem = f"{path} has no table {missing[0]!r}"
        raise DataError(problem, table=missing[0], hint=f"A snapshot has {', '.join(_MARKET)}, and tables of the book.")
    market = Market.of(time=header["time"], **{name: tables.pop(name) for name in _MARKET})
    return Snapshot(market, Book.of(**tables, strict=strict), params)


def write_snapshot(path: str | Path, tables: Mapping[str, object], time: object) -> None:
    """Write a snapshot, complete or not at all.

    Parameters
    ----------
    path : path
        A name that ends in ``.json`` becomes a JSON document, any other a folder of Parquet tables. What a snapshot of that
        name held before is replaced; other files of the folder stay.
    tables : mapping of table name to table
        Each as `Market.of` and `Book.of` take it. Every column is checked as when it is read.
    time : datetime, datetime64, ISO 8601 string or epoch milliseconds
        UTC.

    Raises
    ------
    DataError
        If a table is unknown, a market table is missing, or a table breaks its schema.
    MissingExtraError
        If the tables are to be Parquet and pyarrow is not installed.
    """
    path = Path(path)
    wrong = [name for name in tables if name not in TABLES] or [name for name in _MARKET if name not in tables]
    if wrong:
        problem = f"the table {wrong[0]!r} is {'unknown' if wrong[0] in tables else 'missing'}"
        raise DataError(problem, hint=f"Tables are {', '.join(TABLES)}; the first four are required.")
    at = f"{instant(time)}Z"
    checked = {name: columns.read(name, table) for name, table in tables.items() if table is not None}
    if path.suffix == ".json":
        with replacing(path) as partial:
            document.write(partial, at, checked)
        return
    with filling(path, last=_HEADER, stale=parquet.FILES) as folder:
        parquet.write_tables(folder, checked)
        header = json.dumps({"format": document.FORMAT, "time": at}) + "\n"
        (folder / _HEADER).write_text(header, encoding="utf-8")


def _header(folder: Path) -> dict[str, Any]:
    path = folder / _HEADER
    if not path.exists():
        problem = f"{folder} has no {_HEADER}"
        raise DataError(problem, hint=f'It holds {{"format": {document.FORMAT}, "time": "2026-02-15T08:00:00Z"}}.')
    return document.load(path, tables=False)
