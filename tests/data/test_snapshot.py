"""Snapshots on disk: what is written is read back; what is damaged is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from margin import Book, DataError, Ids, Market, io, read_snapshot, write_snapshot
from margin.ids import Coded

from .test_frames import same

Tables = dict[str, dict[str, Any]]

TIME = "2026-02-15T08:00:00.000Z"
MARKET = ("instruments", "quotes", "indices", "currencies")

FORMS = pytest.mark.parametrize("name", ["snapshot", "snapshot.json"])


def built(tables: Tables) -> tuple[Market, Book]:
    market = Market.of(time=TIME, **{name: tables[name] for name in MARKET})
    return market, Book.of(**{name: table for name, table in tables.items() if name not in MARKET})


@FORMS
def test_round_trip(tables: Tables, tmp_path: Path, name: str) -> None:
    write_snapshot(tmp_path / name, tables, TIME)
    found = read_snapshot(tmp_path / name)
    market, book = built(tables)
    assert same(found.market, market)
    assert same(found.book, book)
    assert found.params == ()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@FORMS
def test_round_trip_without_a_book(tables: Tables, tmp_path: Path, name: str) -> None:
    write_snapshot(tmp_path / name, {table: tables[table] for table in MARKET}, np.datetime64("2026-02-15T08:00", "ms"))
    assert len(read_snapshot(tmp_path / name).book) == 0


@FORMS
def test_round_trip_of_empty_tables(tables: Tables, tmp_path: Path, name: str) -> None:
    tables["positions"] = {column: [] for column in tables["positions"]}
    tables["orders"] = tables["balances"] = None  # type: ignore[assignment]
    write_snapshot(tmp_path / name, tables, TIME)
    assert repr(read_snapshot(tmp_path / name).book) == "Book(5 accounts, 0 positions, 0 balances, 0 orders)"


@FORMS
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_round_trip_of_any_book(tables: Tables, tmp_path: Path, name: str, data: st.DataObject) -> None:
    accounts = data.draw(
        st.sampled_from([st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"]), min_size=1)])
    )
    finite = st.floats(allow_nan=False, allow_infinity=False)
    row = st.tuples(accounts, st.sampled_from(tables["instruments"]["instrument"]), finite, st.floats(1e-300, 1e300))
    rows = data.draw(st.lists(row, min_size=1, max_size=8))
    columns = dict(zip(("account", "instrument", "quantity", "entry_price"), map(list, zip(*rows, strict=True)), strict=True))
    written = {table: tables[table] for table in MARKET} | {"positions": columns}
    write_snapshot(tmp_path / name, written, TIME)
    assert same(read_snapshot(tmp_path / name).book, Book.of(positions=columns))


def test_files_written_by_others(tables: Tables, tmp_path: Path) -> None:
    """Plain strings, several row groups, large strings, naive timestamps, integers for numbers."""
    market, book = built(tables)
    tables["instruments"]["expiry"] = market.expiry
    tables["positions"]["quantity"] = [100, -50, 2, 3]
    for name, table in tables.items():
        arrow = pa.table(table)
        large = [f.with_type(pa.large_string()) if pa.types.is_string(f.type) else f for f in arrow.schema]
        parquet.write_table(arrow.cast(pa.schema(large)), tmp_path / f"{name}.parquet", row_group_size=2, use_dictionary=False)
    (tmp_path / "snapshot.json").write_text(json.dumps({"format": 1, "time": TIME}))
    (tmp_path / "params.toml").write_text("")
    (tmp_path / "README.md").write_text("")
    found = read_snapshot(tmp_path)
    assert same(found.market, market)
    assert same(found.book, book)
    assert found.params == (tmp_path / "params.toml",)


def test_columns_stored_by_codes_are_read_by_codes(tables: Tables, tmp_path: Path) -> None:
    n = 40_000
    many = {
        "account": [f"account-{i % 7}" for i in range(n)],
        "instrument": ["ETH_USDC"] * n,
        "quantity": np.arange(n, dtype=float),
    }
    write_snapshot(tmp_path / "s", {name: tables[name] for name in MARKET}, TIME)
    parquet.write_table(pa.table(many), tmp_path / "s" / "positions.parquet", row_group_size=9_999)
    assert same(read_snapshot(tmp_path / "s").book, Book.of(positions=many))


def test_writing_replaces_the_snapshot_and_nothing_else(tables: Tables, tmp_path: Path) -> None:
    write_snapshot(tmp_path, tables, TIME)
    (tmp_path / "params.toml").write_text("")
    del tables["orders"], tables["accounts"]
    write_snapshot(tmp_path, tables, "2026-02-15T09:00Z")
    found = read_snapshot(tmp_path)
    assert len(found.book.orders) == 0
    assert str(found.market.time) == "2026-02-15T09:00:00.000"
    assert (tmp_path / "params.toml").exists()
    assert not (tmp_path / "orders.parquet").exists()


@FORMS
def test_a_failed_write_leaves_what_was_there(tables: Tables, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_snapshot(tmp_path / name, tables, TIME)
    before = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*"))
    tables["positions"]["quantity"][0] = 7.0

    def fail(*_: object) -> None:
        message = "no space left"
        raise OSError(message)

    monkeypatch.setattr("margin.io.snapshot.parquet.write_parquet", fail)
    monkeypatch.setattr("margin.io.document._records", fail)
    with pytest.raises(OSError, match="no space left"):
        write_snapshot(tmp_path / name, tables, TIME)
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == before
    assert read_snapshot(tmp_path / name).book.positions.quantity[0] == 100.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda t: t.update(position={}),
            "the table 'position' is unknown. Tables are instruments, quotes, indices, currencies,",
        ),
        (lambda t: t.pop("quotes"), "the table 'quotes' is missing. Tables are"),
        (lambda t: t["positions"]["quantity"].__setitem__(1, np.nan), "positions.quantity, row 1 (account 'A-2'"),
    ],
)
def test_wrong_tables_are_not_written(tables: Tables, tmp_path: Path, change: Callable[[Tables], object], message: str) -> None:
    change(tables)
    with pytest.raises(DataError) as raised:
        write_snapshot(tmp_path / "s", tables, TIME)
    assert str(raised.value).startswith(message)
    assert not (tmp_path / "s").exists()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def garble(path: Path) -> None:
    """Damage the data of the first column, not the footer."""
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    path.write_bytes(content)


def rewrite(**columns: object) -> Callable[[Path], None]:
    return lambda path: parquet.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("snapshot.json", Path.unlink, 'has no snapshot.json. It holds {"format": 1, "time": "2026-02-15T08:00:00Z"}.'),
        ("snapshot.json", lambda p: p.write_text("{"), "snapshot.json is not JSON: Expecting property name"),
        ("snapshot.json", lambda p: p.write_bytes(b"\xff\xfe\xfa"), "snapshot.json is not JSON: "),
        ("snapshot.json", lambda p: p.write_text("[]"), "snapshot.json holds a list, not an object with format and time"),
        ("snapshot.json", lambda p: p.write_text('{"format": 2}'), "snapshot.json has format 2. This version reads format 1."),
        ("snapshot.json", lambda p: p.write_text('{"time": 1}'), "snapshot.json has format None."),
        ("snapshot.json", lambda p: p.write_text('{"format": true}'), "snapshot.json has format True."),
        ("snapshot.json", lambda p: p.write_text('{"format": 1}'), "snapshot.json has no time. Entries are format, time."),
        (
            "snapshot.json",
            lambda p: p.write_text('{"format": 1, "tiem": 2}'),
            "has an unknown entry 'tiem'. Entries are format, time.",
        ),
        ("snapshot.json", lambda p: p.write_text('{"format": 1, "time": "noon"}'), "time: 'noon' has no time of day."),
        ("quotes.parquet", Path.unlink, "has no table 'quotes'. A snapshot has instruments, quotes, indices, currencies,"),
        (
            "quotes.parquet",
            lambda p: p.rename(p.with_name("qoutes.parquet")),
            "qoutes.parquet is not a table of a snapshot. Remove or",
        ),
        ("positions.parquet", truncate, "positions.parquet cannot be read as Parquet: Parquet magic bytes not found"),
        (
            "positions.parquet",
            lambda p: p.write_bytes(b""),
            "positions.parquet cannot be read as Parquet: Parquet file size is 0",
        ),
        ("positions.parquet", garble, "positions.parquet cannot be read as Parquet: "),
        (
            "positions.parquet",
            rewrite(account=["a"], instrument=["b"]),
            "positions.quantity: the column is missing; given: account, ins",
        ),
        (
            "indices.parquet",
            rewrite(index=["a"], price=[1.0], source=["b"]),
            "indices.source: the column is unknown. Remove or rename",
        ),
        ("indices.parquet", rewrite(index=["a"], price=["1"]), "indices.price, row 0 (index 'a'): '1' is text, not a number"),
    ],
)
def test_damaged_folders(tables: Tables, tmp_path: Path, file: str, damage: Callable[[Path], object], message: str) -> None:
    write_snapshot(tmp_path, tables, TIME)
    damage(tmp_path / file)
    with pytest.raises(DataError) as raised:
        read_snapshot(tmp_path)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.update(position=[]), "has an unknown entry 'position'. Entries are format, time, instruments,"),
        (lambda d: d.pop("indices"), "has no table 'indices'."),
        (lambda d: d.update(positions={}), "positions: a table is a list of objects, not a dict"),
        (lambda d: d["positions"].append(7), "positions, row 4: 7 (int) is not an object"),
        (
            lambda d: d["positions"][1].pop("quantity"),
            "positions.quantity, row 1 (account 'A-2', instrument 'BTC-PERPETUAL'): the value",
        ),
        (
            lambda d: d["positions"][1].update(quantity="5"),
            "positions.quantity, row 1 (account 'A-2', instrument 'BTC-PERPETUAL'): '5'",
        ),
        (lambda d: d["positions"][1].update(quantity=float("nan")), "nan is not a finite number"),
        (lambda d: d["positions"][1].update(qty=5), "positions.qty: the column is unknown."),
        (lambda d: [row.pop("price") for row in d["orders"]], "orders.price: the column is missing; given: account, instrument,"),
        (
            lambda d: d["orders"][0].update(mmp=None),
            "orders.mmp, row 0 (account 'A-2', instrument 'BTC-27MAR26'): the value is missing",
        ),
    ],
)
def test_damaged_documents(tables: Tables, tmp_path: Path, damage: Callable[[Any], object], message: str) -> None:
    path = tmp_path / "s.json"
    write_snapshot(path, tables, TIME)
    document = json.loads(path.read_text())
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(DataError) as raised:
        read_snapshot(path)
    assert message in str(raised.value)


def test_names_that_occur_twice_in_a_document(tables: Tables, tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_snapshot(path, tables, TIME)
    path.write_text(path.read_text().replace('"amount": 1.5', '"amount": 1.5, "amount": 3.0'))
    with pytest.raises(DataError, match=r"s.json is not JSON: 'amount' occurs twice in one object"):
        read_snapshot(path)


def test_no_snapshot(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no snapshot at .*nowhere\. Name a folder of Parquet tables or a JSON"):
        read_snapshot(tmp_path / "nowhere")


def test_strict(tables: Tables, tmp_path: Path) -> None:
    tables["positions"] = {name: column + column for name, column in tables["positions"].items()}
    write_snapshot(tmp_path, tables, TIME)
    assert len(read_snapshot(tmp_path).book.positions) == 8
    with pytest.raises(DataError, match="the account has 'BTC-PERPETUAL' in an earlier row; 3 more rows"):
        read_snapshot(tmp_path, strict=True)


def test_to_arrow_shares_memory() -> None:
    numbers, ids = np.array([1.0, 2.0, np.nan]), Ids.of(["a", "", "é"])
    table = io.to_arrow({
        "number": numbers,
        "id": ids,
        "code": Coded(np.array([1, -1, 0], np.int32), Ids.of(["x", "y"])),
        "integer": Ids.of([5, 6, 7]),
        "time": np.array(["2026-02-15T08:00", "NaT", "2026-02-15T09:00"], "M8[ms]"),
        "flag": np.array([True, False, True]),
        "text": np.array(["p", "q", "p"]),
        "arrow": pa.array([1, 2, 3], pa.int8()),
    })  # fmt: skip
    columns = {name: table[name].to_pylist() for name in table.column_names}
    assert columns["id"] == ["a", "", "é"]
    assert columns["code"] == ["y", None, "x"]
    assert columns["integer"] == [5, 6, 7]
    assert [None if t is None else t.isoformat() for t in columns["time"]] == [
        "2026-02-15T08:00:00+00:00",
        None,
        "2026-02-15T09:00:00+00:00",
    ]
    assert columns["flag"] == [True, False, True]
    assert columns["text"] == ["p", "q", "p"]
    assert columns["number"][:2] == [1.0, 2.0]
    assert np.isnan(columns["number"][2])
    assert table["number"].null_count == 0
    table.validate(full=True)
    assert np.shares_memory(table["number"].chunk(0).to_numpy(), numbers)
    assert np.shares_memory(np.frombuffer(table["id"].chunk(0).buffers()[2], np.uint8), ids.data)


def test_to_arrow_refuses_what_it_cannot_hold() -> None:
    with pytest.raises(DataError, match="'x': complex128 has no Arrow column"):
        io.to_arrow({"x": np.array([1j])})
    with pytest.raises(DataError, match="columns differ in length: x 1, y 2"):
        io.to_arrow({"x": np.zeros(1), "y": np.zeros(2)})


def test_a_table_takes_the_place_of_another(tmp_path: Path) -> None:
    io.write_parquet(io.to_arrow({"x": np.arange(3.0)}), tmp_path / "t.parquet")
    io.write_parquet(pa.table({"x": [5.0]}), tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").to_pydict() == {"x": [5.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.parametrize("sizes", [[], [0], [3], [1, 40_000, 30_000, 0, 2], [70_000] * 7])
def test_parts_are_written_in_order(tmp_path: Path, sizes: list[int]) -> None:
    names, first = Ids.of(["a", "b", "c"]), 0
    with io.parquet_parts(tmp_path / "t.parquet") as parts:
        for size in sizes:
            numbers = np.arange(first, first + size)
            parts.add({"x": numbers / 2, "name": Coded((numbers % 4 - 1).astype(np.int32), names), "id": Ids.of(numbers)})
            first += size
    assert (tmp_path / "t.parquet").exists() == bool(sizes)
    if sizes:
        table = parquet.read_table(tmp_path / "t.parquet")
        assert table["x"].to_pylist() == [i / 2 for i in range(first)]
        assert table["name"].to_pylist() == [[None, "a", "b", "c"][i % 4] for i in range(first)]
        assert table["id"].to_pylist() == list(range(first))
        assert parquet.read_metadata(tmp_path / "t.parquet").num_row_groups <= 1 + first // 60_000


def test_a_part_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError), io.parquet_parts(tmp_path / "missing" / "t.parquet") as parts:
        parts.add({"x": np.arange(3.0)})


def test_row_groups_are_read_as_one_column(tables: Tables, tmp_path: Path) -> None:
    write_snapshot(tmp_path / "whole", tables, TIME)
    write_snapshot(tmp_path / "pieces", tables, TIME)
    for path in (tmp_path / "pieces").glob("*.parquet"):
        parquet.write_table(parquet.read_table(path), path, row_group_size=2)
    assert parquet.read_metadata(tmp_path / "pieces" / "positions.parquet").num_row_groups > 1
    whole, pieces = (read_snapshot(tmp_path / name) for name in ("whole", "pieces"))
    assert same(whole.market, pieces.market)
    assert same(whole.book, pieces.book)


@pytest.mark.parametrize("repeated", [1, 1000])
def test_bytes_that_are_no_text_are_told(tables: Tables, tmp_path: Path, repeated: int) -> None:
    """Whether the column is read as strings or by the codes of a dictionary."""
    write_snapshot(tmp_path / "snapshot", tables, TIME)
    names = [b"alice", b"bob", b"a\xffb"] * repeated
    rows = {"account": names, "instrument": ["BTC-PERPETUAL"] * len(names), "quantity": [1.0] * len(names)}
    table = pa.table(rows).cast(pa.schema([("account", pa.binary()), ("instrument", pa.string()), ("quantity", pa.float64())]))
    offsets, data = table["account"].combine_chunks().buffers()[1:]
    strings = pa.StringArray.from_buffers(len(names), offsets, data)
    parquet.write_table(table.set_column(0, "account", strings), tmp_path / "snapshot" / "positions.parquet")
    with pytest.raises(DataError, match=r"positions.account, row 2: 'a.*xffb' is not valid UTF-8"):
        read_snapshot(tmp_path / "snapshot")
