"""The tables of a snapshot as one JSON document, a list of objects each: for books that a person reads or writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.errors import DataError
from margin.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from margin.columns import Columns

FORMAT = 1


def load(path: Path, *, tables: bool) -> dict[str, Any]:
    """The content of a JSON file with ``format`` and ``time``, and, if `tables`, with tables beside them.

    Raises
    ------
    DataError
        If it is not JSON, names something twice, or has another format number or unknown entries.
    """
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        problem = f"{path} is not JSON: {error}"
        raise DataError(problem) from error
    if not isinstance(content, dict):
        problem = f"{path} holds a {type(content).__name__}, not an object with format and time"
        raise DataError(problem)
    if type(content.get("format")) is not int or content["format"] != FORMAT:
        problem = f"{path} has format {content.get('format')!r}"
        raise DataError(problem, column="format", value=content.get("format"), hint=f"This version reads format {FORMAT}.")
    known = ("format", "time", *(TABLES if tables else ()))
    unknown = [name for name in content if name not in known]
    if unknown or "time" not in content:
        problem = f"{path} has an unknown entry {unknown[0]!r}" if unknown else f"{path} has no time"
        raise DataError(problem, hint=f"Entries are {', '.join(known)}.")
    return content


def read_tables(content: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """The tables of a loaded document as columns; what an object leaves out is missing (None) in its row."""
    return {name: _columns(name, records) for name, records in content.items() if name in TABLES}


def write(path: Path, time: str, tables: Mapping[str, Columns]) -> None:
    """Write a document with one row a line."""
    parts = [f'"format": {FORMAT}', f'"time": "{time}"']
    for name, table in tables.items():
        rows = ",\n".join(f"  {json.dumps(row, ensure_ascii=False, allow_nan=False)}" for row in _records(table))
        parts.append(f'"{name}": [\n{rows}\n ]' if rows else f'"{name}": []')
    path.write_text("{" + ",\n ".join(parts) + "}\n", encoding="utf-8")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names differ; the standard decoder would keep the last of equal ones and drop the others."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} occurs twice in one object"
        raise ValueError(message)
    return content


def _columns(name: str, records: object) -> dict[str, list[Any]]:
    if not isinstance(records, list):
        problem = f"a table is a list of objects, not a {type(records).__name__}"
        raise DataError(problem, table=name)
    for row, record in enumerate(records):
        if not isinstance(record, dict):
            problem = f"{record!r} ({type(record).__name__}) is not an object"
            raise DataError(problem, table=name, row=row, value=record)
    names = dict.fromkeys(column for record in records for column in record)
    if not records:
        names = dict.fromkeys(TABLES[name].required)
    return {column: [record.get(column) for record in records] for column in names}


def _records(table: Columns) -> list[dict[str, Any]]:
    columns = {name: _plain(table, name) for name in table.values}
    return [{name: column[row] for name, column in columns.items() if column[row] is not None} for row in range(len(table))]


def _plain(table: Columns, name: str) -> list[Any]:
    """One column as Python objects that JSON has, None where missing."""
    kind = table.table[name].kind
    if kind in ("id", "text"):
        coded = table.coded(name)
        names = [*coded.vocabulary.to_list(), None]
        return [names[code] for code in coded.codes]
    if kind == "time":
        return [None if np.isnat(time) else f"{time}Z" for time in table.time(name)]
    if kind == "flag":
        return list(table.flag(name).tolist())
    return [None if np.isnan(value) else value for value in table.number(name).tolist()]
