"""Tables from data frames: the same market and book from pyarrow, polars, pandas and duckdb as from lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from margin import Book, DataError, Market

Tables = dict[str, dict[str, Any]]


class Once:
    """A stream that can be read once, like a cursor."""

    def __init__(self, table: pa.Table) -> None:
        self.table: pa.Table | None = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        assert self.table is not None, "read twice"
        table, self.table = self.table, None
        return table.__arrow_c_stream__(requested_schema)


def batches(table: pa.Table) -> pa.RecordBatchReader:
    return pa.Table.from_batches(table.to_batches(max_chunksize=1), table.schema).to_reader()


def dictionaries(table: pa.Table) -> pa.Table:
    text = [field.name for field in table.schema if pa.types.is_string(field.type)]
    for name in text:
        table = table.set_column(table.column_names.index(name), name, table[name].dictionary_encode())
    return table


def relation(table: pa.Table) -> Any:
    return duckdb.connect().from_arrow(table)


def filtered(table: pa.Table) -> pd.DataFrame:
    """A pandas frame after a filter: its index is no longer a range."""
    frame = table.to_pandas()
    return pd.concat([frame, frame]).iloc[len(frame) :].set_index(np.arange(len(frame)) * 7)


FRAMES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda table: table,
    "pyarrow batches": batches,
    "pyarrow dictionaries": dictionaries,
    "record batch": lambda table: table.combine_chunks().to_batches()[0],
    "read once": Once,
    "polars": pl.from_arrow,
    "polars categorical": lambda table: pl.from_arrow(dictionaries(table)),
    "pandas": lambda table: table.to_pandas(),
    "pandas filtered": filtered,
    "duckdb": relation,
    "dict of arrow": lambda table: dict(zip(table.column_names, table.columns, strict=True)),
    "dict of polars": lambda table: pl.from_arrow(table).to_dict(),
    "dict of pandas": lambda table: dict(table.to_pandas().items()),
    "dict of numpy": lambda table: {n: c.to_numpy() for n, c in table.to_pandas().items()},
}


def same(a: object, b: object) -> bool:
    """Equal, whatever they are made of."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fM")
    if (
        type(a) is type(b)
        and hasattr(a, "__slots__")
        and type(a).__name__ in ("Market", "Book", "Positions", "Balances", "Orders")
    ):
        return all(same(getattr(a, name), getattr(b, name)) for name in type(a).__slots__)
    return a == b


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frames(tables: Tables, frame: Callable[[pa.Table], Any]) -> None:
    names = ("instruments", "quotes", "indices", "currencies")
    expected = Market.of(time=0x19BFF9E5C00, **{name: tables[name] for name in names})
    tables["instruments"]["expiry"] = expected.expiry
    arrow = {name: pa.table(table) for name, table in tables.items()}
    assert same(Market.of(time=0x19BFF9E5C00, **{name: frame(arrow[name]) for name in names}), expected)
    book = {name: table for name, table in tables.items() if name not in names}
    assert same(Book.of(**{name: frame(arrow[name]) for name in book}), Book.of(**book))


@pytest.mark.parametrize("frame", [lambda t: t, pl.from_arrow, lambda t: t.to_pandas(), relation])
def test_faults_in_frames_are_told_like_any_other(tables: Tables, frame: Callable[[pa.Table], Any]) -> None:
    tables["positions"]["quantity"][2] = None
    with pytest.raises(DataError) as raised:
        Book.of(positions=frame(pa.table(tables["positions"])))
    assert "positions.quantity, row 2 (account 'A-1', instrument 'BTC-27MAR26-70000-C'): the value is missing (null)" in str(
        raised.value
    )


def test_unknown_columns_of_frames(tables: Tables) -> None:
    frame = pl.DataFrame(tables["positions"]).with_columns(note=pl.lit("x"))
    with pytest.raises(
        DataError, match=r"positions\.note: the column is unknown\. Remove or rename it; the columns are account,"
    ):
        Book.of(positions=frame)


def test_a_named_pandas_index_is_a_column(tables: Tables) -> None:
    frame = pd.DataFrame(tables["positions"]).set_index("account")
    assert list(Book.of(positions=frame).accounts) == ["A-1", "A-2", "A-3"]
    with pytest.raises(DataError, match=r"positions\.desk: the column is unknown"):
        Book.of(positions=pd.DataFrame(tables["positions"], index=pd.Index([4, 7, 1, 2], name="desk")))


def test_a_stream_that_fails() -> None:
    class Broken:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            message = "the connection is gone"
            raise ValueError(message)

    with pytest.raises(DataError, match="positions: Broken cannot be read as an Arrow table: the connection is gone"):
        Book.of(positions=Broken())
    with pytest.raises(DataError, match=r"positions\.account: ndarray|positions\.account: .*Broken"):
        Book.of(positions={"account": Broken(), "instrument": [], "quantity": []})


def test_without_pyarrow(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert len(Book.of(positions=tables["positions"])) == 3
    with pytest.raises(ImportError, match=r"reading Arrow data needs pyarrow: pip install 'margin-engine\[cli\]'"):
        Book.of(positions=pd.DataFrame(tables["positions"]))
