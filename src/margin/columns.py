"""A table read against its schema: typed columns, every value checked, every fault told with its row.

Reading and checking one column is vectorised and separate from computing: what leaves this module is finite, in its rule and
not missing unless the schema allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin import _arrow, _values
from margin.errors import DataError
from margin.ids import Coded, Ids
from margin.tables import RULES, TABLES, Column, Rule, Table
from margin.threads import in_order

__all__ = ["Columns", "check_names", "empty", "is_frame_index", "read"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

_BLOCK = 1 << 14

LONG = 1 << 18
"""Rows from which it pays to convert columns side by side."""

TOGETHER = 2
"""Columns of a long table converted at a time; a file is read ahead for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """The columns of one table, checked.

    Attributes
    ----------
    table : Table
    values : mapping of column name to `Coded` (ids, text), float64, datetime64[ms] or bool arrays
        Optional columns that were not given are absent.
    length : int
        Number of rows.
    """

    table: Table
    values: Mapping[str, Any]
    length: int

    def __len__(self) -> int:
        return self.length

    def __contains__(self, column: str) -> bool:
        return column in self.values

    def coded(self, column: str) -> Coded:
        """An id or text column; all missing where it was not given."""
        given = self.values.get(column)
        if isinstance(given, Coded):
            return given
        return Coded(np.full(self.length, -1, dtype=np.int32), Coded.of([]).vocabulary)

    def number(self, column: str) -> Array:
        """A number column; NaN where it was not given."""
        given = self.values.get(column)
        return np.full(self.length, np.nan) if given is None else np.asarray(given, dtype=np.float64)

    def number_or_none(self, column: str) -> Array | None:
        """A number column, None where it was not given."""
        return self.number(column) if column in self else None

    def time(self, column: str) -> NDArray[np.datetime64]:
        """A time column; NaT where it was not given."""
        given = self.values.get(column)
        return np.full(self.length, "NaT", dtype="datetime64[ms]") if given is None else np.asarray(given)

    def flag(self, column: str) -> Mask:
        """A flag column; false where it was not given."""
        given = self.values.get(column)
        return np.zeros(self.length, dtype=np.bool_) if given is None else np.asarray(given, dtype=np.bool_)

    def value(self, column: str, row: int) -> Any:
        """One value as a Python object, None where missing or not given."""
        given = self.values.get(column)
        if given is None:
            return None
        value = given[row]
        return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value

    def key(self, row: int) -> dict[str, Any]:
        """The identifiers of a row."""
        found = {name: self.value(name, row) for name in self.table.key if name in self.values}
        return {name: value for name, value in found.items() if value is not None}

    def reject(self, column: str, wrong: Mask, problem: str, hint: str = "") -> None:
        """Raise a `DataError` for the first row where `wrong` holds, if any; ``{value}`` in the problem is the value there."""
        if not wrong.any():
            return
        row = int(np.argmax(wrong))
        value = self.value(column, row)
        shown = str(value) if isinstance(value, np.datetime64) else repr(value)
        raise DataError(
            problem.replace("{value}", shown),
            table=self.table.name,
            column=column,
            row=row,
            key=self.key(row),
            value=value,
            count=int(wrong.sum()),
            hint=hint,
        )

    def reject_duplicates(self, column: str) -> None:
        """Raise a `DataError` if a name occurs twice in a column that names the rows."""
        coded = self.coded(column)
        if len(coded.vocabulary) == len(coded):
            return
        first = np.zeros(len(coded), dtype=np.bool_)
        first[np.unique(coded.codes, return_index=True)[1]] = True
        self.reject(column, ~first, "{value} occurs more than once", f"Give each {column} one row.")


def empty(name: str) -> Columns:
    """A table without rows, its required columns only."""
    table = TABLES[name]
    return read(name, {column: [] for column in table.required})


def read(name: str | Table, source: object) -> Columns:
    """Read a table and check it against its schema.

    Parameters
    ----------
    name : str or Table
        Name of a table of `TABLES`, or a schema of one's own.
    source : mapping of column name to list, tuple, numpy array or Arrow column; or object with ``__arrow_c_stream__``
        pyarrow, polars, pandas and duckdb objects are read once. The unnamed index of a pandas frame is not a column.

    Raises
    ------
    DataError
        If a column is missing or unknown, has the wrong type or length, or if a value is missing or breaks its rule.
    """
    table = TABLES[name] if isinstance(name, str) else name
    raw = _raw_columns(table, source)
    length = len(next(iter(raw.values())))
    values: dict[str, Any] = {}
    columns = Columns(table, values, length)
    # Keys come first: the messages of the other columns name the row by them.
    given = [column for column in sorted(table.columns, key=lambda c: c.name not in table.key) if column.name in raw]

    def convert(column: Column) -> tuple[Any, bool]:
        found = _convert(column, raw.pop(column.name))
        return found, _keeps(column, found)

    with in_order(convert, given, TOGETHER if length >= LONG else 1) as converted:
        for column in given:
            try:
                values[column.name], kept = next(converted)
            except DataError as error:
                key = {} if error.row is None else columns.key(error.row)
                raise error.located(table=table.name, column=column.name, key=key) from None
            if not kept:
                _reject(columns, column)
    return columns


def _raw_columns(table: Table, source: object) -> dict[str, Any]:
    if isinstance(source, Mapping):
        raw = {name: values for name, values in source.items() if values is not None}
    elif _arrow.is_arrow(source):
        try:
            arrow = _arrow.read_table(source)
        except DataError as error:
            raise error.located(table=table.name) from None
        names = [name for name in arrow.column_names if not is_frame_index(name)]
        check_names(table, names)
        raw = {name: arrow.column(name) for name in names}
    else:
        problem = f"{type(source).__name__} is not a table"
        raise DataError(
            problem,
            table=table.name,
            hint="Give a dict of columns, or a pyarrow, polars, pandas or duckdb table.",
        )
    check_names(table, raw)
    _check_lengths(table, raw)
    return raw


def check_names(table: Table, names: Iterable[str]) -> None:
    """Raise a `DataError` if a required column is not among the names, a name is not a column of the table, or comes twice."""
    given = list(names)
    twice = [name for name in given if given.count(name) > 1]
    if twice:
        problem = "the column occurs more than once"
        raise DataError(problem, table=table.name, column=twice[0])
    missing = [name for name in table.required if name not in given]
    if missing:
        problem = f"the column is missing; given: {', '.join(map(str, given)) or 'no columns'}"
        raise DataError(
            problem,
            table=table.name,
            column=missing[0],
            hint=f"Required columns are {', '.join(table.required)}.",
        )
    unknown = [name for name in given if name not in table.names and not is_frame_index(name)]
    if unknown:
        problem = "the column is unknown"
        raise DataError(
            problem,
            table=table.name,
            column=str(unknown[0]),
            hint=f"Remove or rename it; the columns are {', '.join(table.names)}.",
        )


def is_frame_index(name: object) -> bool:
    """Whether a column is the unnamed index that a pandas frame takes along."""
    return str(name).startswith("__index_level_")


def _check_lengths(table: Table, raw: Mapping[str, Any]) -> None:
    lengths: dict[str, int] = {}
    for name, values in raw.items():
        shape = getattr(values, "shape", (0,))
        if not hasattr(values, "__len__") or len(shape) != 1 or isinstance(values, str | bytes | Mapping | set | frozenset):
            what = f"an array of shape {shape}" if isinstance(values, np.ndarray) else type(values).__name__
            problem = f"{what} is not a column"
            raise DataError(problem, table=table.name, column=name, hint="Give a list, a numpy array or an Arrow column.")
        lengths[name] = len(values)
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        problem = f"columns differ in length: {told}"
        raise DataError(problem, table=table.name, hint="Give each column one value a row.")


def _convert(column: Column, given: object) -> Any:
    if column.kind == "number":
        values = _values.numbers(given, nullable=column.nullable)
    elif column.kind == "time":
        return _values.times(given, nullable=column.nullable)
    elif column.kind == "flag":
        return _values.flags(given)
    else:
        return _names(column, given)
    view = values.view()
    view.flags.writeable = False
    return view


def _names(column: Column, given: object) -> Coded:
    coded = Coded.of(given)
    if column.kind == "text" and coded.vocabulary.is_integer and len(coded.vocabulary):
        row = int(np.argmax(coded.codes >= 0))
        problem = f"{coded[row]!r} is an integer, not text"
        raise DataError(problem, row=row, value=coded[row], count=int((coded.codes >= 0).sum()))
    return coded


def _keeps(column: Column, values: Any) -> bool:
    """Whether every value of a column keeps its rules; numbers are looked at in blocks that stay in the cache."""
    if column.kind == "number":
        return all(_hold(_rules(column), values[a : a + _BLOCK], column.nullable) for a in range(0, len(values), _BLOCK))
    if column.kind not in ("id", "text"):
        return True
    names = values.vocabulary
    missing = not column.nullable and values.codes.min(initial=0) < 0
    return not (missing or _is_blank(names).any() or _is_no_choice(column, names).any())


def _reject(columns: Columns, column: Column) -> None:
    """Tell the first value that breaks a rule."""
    if column.kind == "number":
        values = columns.number(column.name)
        given = ~np.isnan(values) if column.nullable else np.ones(len(values), dtype=np.bool_)
        for rule in _rules(column):
            columns.reject(column.name, given & ~rule.holds(values), rule.problem, rule.hint)
        return
    coded, hint = columns.coded(column.name), "Give it, or remove the rows."
    if not column.nullable:
        columns.reject(column.name, coded.codes < 0, f"the {column.kind} is missing", hint)

    for wrong, problem, what_to_do in (
        (_is_blank(coded.vocabulary), f"{{value}} is an empty {column.kind}", hint),
        (_is_no_choice(column, coded.vocabulary), f"{{value}} is not one of {', '.join(column.choices)}", ""),
    ):
        columns.reject(column.name, np.append(wrong, False)[coded.codes], problem, what_to_do)


def _rules(column: Column) -> list[Rule]:
    """What numbers of a column keep, being finite first."""
    return [RULES[name] for name in dict.fromkeys(("finite", column.rule))]


def _hold(rules: Iterable[Rule], values: Array, nullable: bool) -> bool:
    present = values[~np.isnan(values)] if nullable else values
    return all(bool(rule.holds(present).all()) for rule in rules)


def _is_blank(names: Ids) -> Mask:
    return np.zeros(len(names), np.bool_) if names.is_integer else np.diff(names.offsets) == 0


def _is_no_choice(column: Column, names: Ids) -> Mask:
    if not column.choices:
        return np.zeros(len(names), np.bool_)
    return np.array([name not in column.choices for name in names], dtype=np.bool_)
