"""What `Market` and `Book` make of their tables."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from margin import Book, DataError, Ids, Market
from margin._values import instant, times
from margin.ids import Coded
from margin.market import FUTURE, OPTION, PERPETUAL, SPOT
from margin.tables import RULES, TABLES

Tables = dict[str, dict[str, Any]]

TIME = "2026-02-15T08:00:00Z"
NAN = float("nan")


def market_of(tables: Tables) -> Market:
    return Market.of(time=TIME, **{name: tables[name] for name in ("instruments", "quotes", "indices", "currencies")})


def book_of(tables: Tables, **options: Any) -> Book:
    return Book.of(**{name: tables[name] for name in ("positions", "balances", "orders")}, **options)


def test_market(tables: Tables) -> None:
    market = market_of(tables)
    assert len(market) == 4
    assert list(market.instruments) == tables["instruments"]["instrument"]
    assert market.kind.tolist() == [PERPETUAL, FUTURE, OPTION, SPOT]
    assert market.inverse.tolist() == [True, True, True, False]
    assert market.currencies == ("BTC", "USDC", "ETH", "USD")
    np.testing.assert_array_equal(market.usd, [70000.0, 1.0, NAN, NAN])
    for name in ("base", "quote", "settlement"):
        assert [market.currencies[c] for c in getattr(market, name)] == tables["instruments"][name]
    assert [market.indices[i] for i in market.index] == ["BTC_USD", "BTC_USD", "BTC_USD", "ETH_USD"]
    assert market.index_price.tolist() == [70000.0, 70000.0, 70000.0, 1960.0]
    assert market.mark.tolist() == [70020.0, 70400.0, 0.07, 1963.0]
    assert market.forward.tolist() == [70020.0, 70400.0, 70400.0, 1963.0]
    np.testing.assert_array_equal(market.vol, [NAN, NAN, 0.5, NAN])
    np.testing.assert_array_equal(market.strike, [NAN, NAN, 70000.0, NAN])
    np.testing.assert_array_equal(market.min_price, [69000.0, NAN, NAN, NAN])
    np.testing.assert_array_equal(market.max_price, [71000.0, NAN, NAN, NAN])
    assert market.option_sign.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert market.years.tolist() == [0.0, 40 / 365, 40 / 365, 0.0]
    assert str(market.expiry[1]) == "2026-03-27T08:00:00.000"
    assert repr(market) == "Market(2026-02-15T08:00:00, 4 instruments, currencies BTC USDC ETH USD)"


def test_absent_columns_have_documented_defaults(tables: Tables) -> None:
    for column in ("min_price", "max_price"):
        del tables["quotes"][column]
    del tables["instruments"]["index"]
    tables["indices"] = {"index": ["ETH_USDC", "BTC_USD"], "price": [1.0, 2.0]}
    market = market_of(tables)
    assert np.isnan(market.min_price).all()
    assert market.index_price.tolist() == [2.0, 2.0, 2.0, 1.0]
    del tables["positions"]["entry_price"], tables["positions"]["isolated_collateral"], tables["orders"]["mmp"]
    book = book_of(tables)
    assert book.positions.entry_price is None
    assert book.positions.isolated_collateral is None
    assert book.orders.mmp.tolist() == [False]


def test_an_empty_market() -> None:
    empty = {
        name: {column: [] for column in TABLES[name].required} for name in ("instruments", "quotes", "indices", "currencies")
    }
    market = Market.of(time=TIME, **empty)
    assert len(market) == 0
    assert market.currencies == ()
    assert Book.of().resolve(market)[0].tolist() == []


def test_with_replaces_and_follows(tables: Tables) -> None:
    market = market_of(tables)
    later = market.with_(mark=market.mark * 0.5, usd=market.usd * 2, vol=market.vol + 0.1, time="2026-02-16T08:00:00Z")
    assert later.mark.tolist() == [35010.0, 35200.0, 0.035, 981.5]
    assert later.forward.tolist() == [35010.0, 35200.0, 70400.0, 981.5]
    assert later.vol[2] == 0.6
    assert later.usd[:2].tolist() == [140000.0, 2.0]
    assert later.years[1] == 39 / 365
    assert market.with_(forward=[1.0, 1.0, 5.0, 1.0]).forward.tolist() == [70020.0, 70400.0, 5.0, 1963.0]
    assert market.mark[0] == 70020.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mark": [1.0, 1.0, 1.0]}, "market.mark: values of shape (3,) where shape (4,) is needed"),
        ({"mark": [1.0, NAN, 1.0, 1.0]}, "market.mark, row 1 (instrument 'BTC-27MAR26'): nan is not a finite number"),
        ({"mark": [0.0, 1.0, 0.0, 1.0]}, "market.mark, row 0 (instrument 'BTC-PERPETUAL'): 0.0 is not above zero"),
        ({"mark": [1.0, 1.0, -1.0, 1.0]}, "market.mark, row 2 (instrument 'BTC-27MAR26-70000-C'): -1.0 is negative"),
        ({"mark": ["1", 1.0, 1.0, 1.0]}, "market.mark, row 0: '1' is text, not a number"),
        (
            {"vol": [0.5, 0.5, 0.5, 0.5]},
            "market.vol, row 0 (instrument 'BTC-PERPETUAL'): 0.5 is given for an instrument that is no",
        ),
        ({"vol": [NAN, NAN, NAN, NAN]}, "market.vol, row 2 (instrument 'BTC-27MAR26-70000-C'): nan is not a finite number"),
        ({"usd": [NAN, 1.0, 1.0, 1.0]}, "market.usd, row 0 (currency 'BTC'): nan is not a finite number"),
        ({"index_price": [1.0, 1.0, 2.0, 2.0]}, "market.index_price, row 0 (instrument 'BTC-PERPETUAL'): 1.0 is not the price"),
        ({"kind": [0, 0, 0, 0]}, "market: 'kind' cannot be replaced. Columns are time, mark, forward, vol,"),
        ({"time": "2026-03-27T08:00:01Z"}, "market.time: 'BTC-27MAR26' has expired at 2026-03-27T08:00:01.000"),
        ({"time": "2026-03-27"}, "time: '2026-03-27' has no time of day"),
    ],
)
def test_with_checks(tables: Tables, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as raised:
        market_of(tables).with_(**changes)
    assert str(raised.value).startswith(message)


def test_book(tables: Tables) -> None:
    book = book_of(tables)
    assert list(book.accounts) == ["A-1", "A-2", "A-3", "A-4"]
    assert list(book.instruments) == ["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "ETH_USDC", "BTC-27MAR26"]
    assert book.currencies == ("BTC", "USDC")
    assert book.positions.account.tolist() == [0, 1, 0, 2]
    assert book.positions.instrument.tolist() == [0, 0, 1, 2]
    assert book.positions.quantity.tolist() == [100.0, -50.0, 2.0, 3.0]
    assert book.balances.account.tolist() == [0, 3]
    assert book.orders.account.tolist() == [1]
    assert book.orders.instrument.tolist() == [3]
    assert repr(book) == "Book(4 accounts, 4 positions, 2 balances, 1 order)"
    rows, currencies = book.resolve(market_of(tables))
    assert rows.tolist() == [0, 2, 3, 1]
    assert currencies.tolist() == [0, 1]


def test_a_table_of_accounts_sets_their_order(tables: Tables) -> None:
    book = book_of(tables, accounts=tables["accounts"])
    assert list(book.accounts) == ["A-0", "A-1", "A-2", "A-3", "A-4"]
    assert book.positions.account.tolist() == [1, 2, 1, 3]


def test_nothing_is_a_book() -> None:
    assert len(Book.of()) == 0
    assert len(Book.of(positions={"account": [], "instrument": [], "quantity": []})) == 0
    assert list(Book.of(accounts={"account": ["a"]}).accounts) == ["a"]


def test_rows_of_one_position_stay_apart() -> None:
    """They add up in the calculation, each at its own entry price."""
    positions = {"account": [1, 1], "instrument": [7, 7], "quantity": [1.0, -1.0], "entry_price": [1.0, 2.0]}
    book = Book.of(positions=positions)
    assert len(book.positions) == 2
    assert book.accounts.to_list() == [1]


def test_numbers_are_taken_as_they_are() -> None:
    quantity = np.array([1.0, 2.0])
    book = Book.of(positions={"account": ["a", "b"], "instrument": ["x", "x"], "quantity": quantity})
    assert np.shares_memory(book.positions.quantity, quantity)
    with pytest.raises(ValueError, match="read-only"):
        book.positions.quantity[0] = 5.0


def test_select(tables: Tables) -> None:
    book = book_of(tables)
    some = book.select(["A-4", "A-1"])
    assert list(some.accounts) == ["A-4", "A-1"]
    assert some.positions.account.tolist() == [1, 1]
    assert some.positions.quantity.tolist() == [100.0, 2.0]
    assert some.balances.account.tolist() == [1, 0]
    assert len(some.orders) == 0
    assert some.resolve(market_of(tables))[0].tolist() == [0, 2, 3, 1]
    coded = book.select([3, 0], codes=True)
    assert coded.accounts == some.accounts
    with pytest.raises(DataError, match="account 'A-9' is not in the book; 1 more row"):
        book.select(["A-9", "A-1", "A-8"])
    with pytest.raises(DataError, match="account 'A-1' is asked for twice"):
        book.select(["A-1", "A-2", "A-1"])
    with pytest.raises(DataError, match=r"account 1 is not in the book\. Ids are integers here and strings there"):
        book.select([1])


NOON = np.datetime64("2026-03-27T12:00:00.123", "ms")


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-27T12:00:00.123Z",
        "2026-03-27T12:00:00.123",
        "2026-03-27 14:00:00.123456+02:00",
        1774612800123,
        np.int64(1774612800123),
        NOON,
        np.datetime64("2026-03-27T12:00:00.123999", "ns"),
        datetime(2026, 3, 27, 12, 0, 0, 123999),  # noqa: DTZ001 - UTC is meant
        datetime(2026, 3, 27, 12, 0, 0, 123000, tzinfo=UTC),
        datetime(2026, 3, 27, 7, 0, 0, 123000, tzinfo=timezone(timedelta(hours=-5))),
        pd.Timestamp("2026-03-27T12:00:00.123456789Z"),
    ],
)
def test_forms_of_a_time(value: object) -> None:
    assert instant(value) == NOON


@pytest.mark.parametrize("value", [None, NAN, pd.NaT, np.datetime64("NaT"), "", "soon", True, object()])
def test_what_is_no_time(value: object) -> None:
    with pytest.raises(DataError, match=r"time: .* Times are UTC"):
        instant(value)


PAIR = np.array([NOON, NOON - 5])


@pytest.mark.parametrize(
    "make",
    [
        lambda: PAIR,
        lambda: PAIR.astype("M8[ns]"),
        lambda: PAIR.astype(np.int64),
        lambda: pa.array(PAIR),
        lambda: pa.array(PAIR, pa.timestamp("ms", "America/New_York")),
        lambda: pa.array(PAIR).cast(pa.timestamp("ns")),
        lambda: pa.array(PAIR).cast(pa.int64()),
        lambda: pa.array([f"{t}Z" for t in PAIR]),
        lambda: pa.array([f"{t}Z" for t in PAIR]).dictionary_encode(),
        lambda: pl.Series(PAIR),
        lambda: pd.Series(PAIR).dt.tz_localize("UTC"),
        PAIR.tolist,
    ],
)
def test_forms_of_a_column_of_times(make: Callable[[], Any]) -> None:
    assert times(make()).tolist() == PAIR.tolist()


def test_tables_are_well_formed() -> None:
    for name, table in TABLES.items():
        assert table.name == name
        assert set(table.key) <= set(table.names)
        assert len(set(table.names)) == len(table.names)
        for column in table.columns:
            assert column.rule in RULES
            assert column.meaning
            assert column.required or column.nullable or column.rule != "finite" or column.kind == "flag"


def test_coded_columns_and_integer_ids(tables: Tables) -> None:
    """Columns that are encoded already, and integer ids, give the same book."""
    plain = book_of(tables)
    for table in ("positions", "balances", "orders"):
        account = tables[table]["account"]
        tables[table]["account"] = Coded.of(Ids.of(account))
    assert book_of(tables).positions.account.tolist() == plain.positions.account.tolist()
    numbered = {"A-1": 11, "A-2": 12, "A-3": 13, "A-4": 14}
    for table in ("positions", "balances", "orders"):
        tables[table]["account"] = np.array([numbered[str(a)] for a in tables[table]["account"].decode()])
    book = book_of(tables)
    assert book.accounts.to_list() == [11, 12, 13, 14]
    assert book.orders.account.tolist() == plain.orders.account.tolist()
