"""A file of daily closes: a date column, then one column for each coin."""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Closes:
    """Daily closes of several coins in one quote currency.

    Attributes
    ----------
    dates : tuple of str, length T
        ``YYYY-MM-DD``, one for each day, none missing.
    names : tuple of str, length U
    price : ndarray of float64, shape (T, U)
        Above zero; nan where the file has no close.
    quote : str
        Quote currency, as in the file's header.
    """

    dates: tuple[str, ...]
    names: tuple[str, ...]
    price: NDArray[np.float64]
    quote: str


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """Rows of a CSV file with one header line, gzip-compressed if its name ends in ``.gz``.

    Raises
    ------
    DataError
        If a row is shorter or longer than the header, or the file is no text or not compressed as its name says.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, csv.Error) as error:
        raise DataError(f"{path}: not a CSV file: {error}") from error
    for number, row in enumerate(rows):
        if None in row or None in row.values():
            raise DataError("the row has not as many cells as the header", table=path.name, row=number)
    return rows


def number(row: dict[str, str], column: str, *, table: str, at: int, empty: bool = False) -> float:
    """A cell as a number above zero, nan where it is empty and may be.

    Raises
    ------
    DataError
        If the column is missing, or the cell holds nothing of the kind.
    """
    if column not in row:
        raise DataError("no such column", table=table, column=column, hint=f"The file has {', '.join(row)}.")
    cell = row[column]
    if empty and not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise DataError(f"{cell!r} is not a number above zero", table=table, column=column, row=at, value=cell)
    return value


def read_closes(path: str | Path) -> Closes:
    """Read daily closes from CSV: first a date column, then ``<COIN>_<quote>`` for each coin; empty where there is no close.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.csv.gz``.

    Raises
    ------
    DataError
        If the header is of another form or mixes quote currencies, a date is none, a day is missing, or a close is not a number
        above zero.
    OSError
        If the file cannot be read.
    """
    path = Path(path)
    table, rows = path.name, read_rows(path)
    if not rows:
        raise DataError("no rows", table=table)
    first, *columns = rows[0]
    parts = [column.rpartition("_") for column in columns]
    names, quotes = tuple(name for name, _, _ in parts), {quote for _, _, quote in parts}
    if not columns or not all(names):
        hint = "Name the columns <COIN>_<quote>, such as BTC_usdt, after a first column of dates."
        raise DataError(f"the header is {', '.join(rows[0])}", table=table, hint=hint)
    if len(quotes) > 1:
        problem = f"closes in several quote currencies ({', '.join(sorted(quotes))})"
        raise DataError(problem, table=table, hint="One file, one quote currency.")
    return Closes(
        dates=_days(table, first, [row[first] for row in rows]),
        names=names,
        price=np.array([[number(row, c, table=table, at=i, empty=True) for c in columns] for i, row in enumerate(rows)]),
        quote=quotes.pop(),
    )


def _days(table: str, column: str, cells: list[str]) -> tuple[str, ...]:
    """Dates that follow each other day by day."""
    previous: date | None = None
    for row, cell in enumerate(cells):
        try:
            day = date.fromisoformat(cell)
        except ValueError:
            hint = "Dates are YYYY-MM-DD."
            raise DataError(f"{cell!r} is not a date", table=table, column=column, row=row, value=cell, hint=hint) from None
        if previous is not None and day != previous + timedelta(days=1):
            hint = "One row a day, in order; leave cells empty where there is no close."
            raise DataError(f"{day} follows {previous}", table=table, column=column, row=row, value=cell, hint=hint)
        previous = day
    return tuple(date.fromisoformat(cell).isoformat() for cell in cells)


def read_daily(path: str | Path, *, date_column: str, value_column: str) -> dict[str, float]:
    """One number a day from CSV: date to value, none missing.

    Raises
    ------
    DataError
        As for `read_closes`.
    """
    path = Path(path)
    table, rows = path.name, read_rows(path)
    if not rows or date_column not in rows[0]:
        raise DataError("no rows with such a column", table=table, column=date_column)
    days = _days(table, date_column, [row[date_column] for row in rows])
    return {day: number(row, value_column, table=table, at=i) for i, (day, row) in enumerate(zip(days, rows, strict=True))}
