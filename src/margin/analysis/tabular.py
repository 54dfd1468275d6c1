"""What all results of analyses can do: be columns, Arrow, Parquet, text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.text import SHOWN, table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa


class Tabular(ABC):
    """A result that is a table with a title."""

    __slots__ = ()

    @property
    @abstractmethod
    def title(self) -> str:
        """What the table is, in a line."""

    @abstractmethod
    def columns(self) -> dict[str, Any]:
        """The table, column by column, all of one length."""

    def to_arrow(self) -> pa.Table:
        """The columns as a pyarrow table."""
        from margin.io import to_arrow

        return to_arrow({name: _plain(values) for name, values in self.columns().items()})

    def to_parquet(self, path: str | Path) -> None:
        """Write the columns to a Parquet file, under a temporary name until it is complete."""
        from margin.io import write_parquet

        write_parquet(self.to_arrow(), path)

    def text(self, rows: int | None = None) -> str:
        """The title and the first rows, by default all."""
        return f"{self.title}\n{rows_text(self.columns(), rows)}"

    def __repr__(self) -> str:
        """The title and the first rows."""
        return self.text(SHOWN)


def rows_text(columns: Mapping[str, Any], rows: int | None = None) -> str:
    """The first rows of columns as an aligned table, by default all."""
    count = len(next(iter(columns.values()))) if columns else 0
    shown = count if rows is None else min(count, rows)
    cells = [[_cell(values[i]) for values in columns.values()] for i in range(shown)]
    more = f"\n... {count - shown} more" if count > shown else ""
    return table([name.replace("_", " ") for name in columns], cells) + more


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return value.item() if isinstance(value, np.generic) else value


def _plain(values: Any) -> Any:
    """Lists and tuples of text as what the writer takes."""
    return np.array(values) if isinstance(values, list | tuple) else values
