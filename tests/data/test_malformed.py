"""Malformed tables: every one is refused, and the message names table, column, row, identifiers and value."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from margin import Book, DataError, Market, columns
from margin.ids import Coded, Ids

TIME = "2026-02-15T08:00:00Z"
MARKET = ("instruments", "quotes", "indices", "currencies")

Tables = dict[str, dict[str, Any]]


def load(tables: Tables, *, strict: bool = False) -> None:
    """Everything that checks: market, book, and the book against the market."""
    market = Market.of(time=TIME, **{name: tables[name] for name in MARKET})
    Book.of(**{name: table for name, table in tables.items() if name not in MARKET}, strict=strict).resolve(market)


def put(column: str, row: int, value: object) -> Callable[[Tables], None]:
    """Change one value."""
    table, name = column.split(".")
    return lambda tables: tables[table][name].__setitem__(row, value)


def whole(column: str, values: object) -> Callable[[Tables], None]:
    """Change a whole column."""
    table, name = column.split(".")
    return lambda tables: tables[table].__setitem__(name, values)


def drop(column: str) -> Callable[[Tables], None]:
    table, name = column.split(".")
    return lambda tables: tables[table].__delitem__(name)


def rows(table: str, *chosen: int) -> Callable[[Tables], None]:
    """Keep the rows chosen, a row as often as it is named."""
    return lambda tables: tables[table].update({k: [v[i] for i in chosen] for k, v in tables[table].items()})


def table(name: str, value: object) -> Callable[[Tables], None]:
    return lambda tables: tables.__setitem__(name, value)


P0 = "(account 'A-1', instrument 'BTC-PERPETUAL')"
LEAVE = "Leave it empty (null) there."
TIMES = "Times are UTC: datetimes, ISO 8601 with a time of day (2026-03-27T08:00:00Z) or integer epoch milliseconds."
KIND = "Give ids as strings or as integers, one kind in a column."

MALFORMED = [
    # Columns
    (
        drop("positions.quantity"),
        (
            "positions.quantity: the column is missing; given: account, instrument, entry_price, "
            "isolated_collateral. Required columns are account, instrument, quantity."
        ),
    ),
    (
        whole("positions.qty", [1.0] * 4),
        (
            "positions.qty: the column is unknown. Remove or rename it; the columns are account, "
            "instrument, quantity, entry_price, isolated_collateral, leverage, side."
        ),
    ),
    (whole("positions.quantity", None), "positions.quantity: the column is missing; given:"),
    (table("positions", {}), "positions.account: the column is missing; given: no columns."),
    (whole("positions.quantity", [1.0, 2.0]), "positions: columns differ in length: account 4, instrument 4, quantity 2,"),
    (whole("positions.quantity", 1.0), "positions.quantity: float is not a column. Give a list, a numpy array or an Arrow"),
    (whole("positions.account", "A-1"), "positions.account: str is not a column."),
    (whole("positions.account", {"A-1": 1}), "positions.account: dict is not a column."),
    (whole("positions.quantity", np.array(1.0)), "positions.quantity: an array of shape () is not a column."),
    (whole("positions.quantity", np.ones((4, 2))), "positions.quantity: an array of shape (4, 2) is not a column"),
    (whole("positions.account", np.ones((4, 2), int)), "positions.account: an array of shape (4, 2) is not a column"),
    (
        table("positions", [1, 2]),
        "positions: list is not a table. Give a dict of columns, or a pyarrow, polars, pandas or duckdb",
    ),
    (
        table("positions", pa.table([["a"], ["b"], [1.0], [2.0]], names=["account", "instrument", "quantity", "quantity"])),
        "positions.quantity: the column occurs more than once",
    ),
    # Numbers
    (
        put("positions.quantity", 0, np.nan),
        f"positions.quantity, row 0 {P0}: nan is not a finite number. Remove the rows or give",
    ),
    (put("positions.quantity", 0, np.inf), f"positions.quantity, row 0 {P0}: inf is not a finite number."),
    (
        whole("positions.quantity", np.array([1.0, -np.inf, np.nan, np.nan])),
        (
            "positions.quantity, row 1 (account 'A-2', instrument "
            "'BTC-PERPETUAL'): -inf is not a finite number; 2 more rows. Remove the rows or give numbers."
        ),
    ),
    (put("positions.quantity", 0, None), f"positions.quantity, row 0 {P0}: the value is missing (None)"),
    (
        whole("positions.quantity", pa.array([1.0, None, None, 2.0])),
        ("positions.quantity, row 1 (account 'A-2', instrument 'BTC-PERPETUAL'): the value is missing (null); 1 more row"),
    ),
    (put("positions.quantity", 0, "100"), f"positions.quantity, row 0 {P0}: '100' is text, not a number"),
    (
        whole("positions.quantity", np.array(["1", "2", "3", "4"])),
        f"positions.quantity, row 0 {P0}: '1' is text, not a number; 3",
    ),
    (
        whole("positions.quantity", pa.array(["1", "2", "3", "4"])),
        f"positions.quantity, row 0 {P0}: '1' is text, not a number; 3",
    ),
    (put("positions.quantity", 0, True), f"positions.quantity, row 0 {P0}: True (bool) is not a number"),
    (put("positions.quantity", 0, 1j), f"positions.quantity, row 0 {P0}: 1j (complex) is not a number"),
    (put("positions.quantity", 0, [1.0]), f"positions.quantity, row 0 {P0}: [1.0] (list) is not a number"),
    (whole("positions.quantity", np.ones(4, bool)), f"positions.quantity, row 0 {P0}: True (bool) is not a number; 3 more rows"),
    (whole("positions.quantity", np.ones(4, complex)), "positions.quantity: the column holds complex128, not numbers"),
    (whole("positions.quantity", pa.array([True] * 4)), "positions.quantity: the column holds bool, not numbers"),
    (
        put("positions.quantity", 0, 2**53 + 1),
        f"positions.quantity, row 0 {P0}: 9007199254740993 is too large for an exact float64",
    ),
    (
        whole("positions.quantity", np.array([1, 2, 3, -(2**53) - 1])),
        ("positions.quantity, row 3 (account 'A-3', instrument 'ETH_USDC'): -9007199254740993 is too large for an exact float64"),
    ),
    (whole("positions.quantity", pa.array([2**63, 1, 2, 3], pa.uint64())), f"row 0 {P0}: 9223372036854775808 is too large"),
    (
        put("positions.entry_price", 0, 0.0),
        f"positions.entry_price, row 0 {P0}: 0.0 is not above zero. Give a number above zero.",
    ),
    (put("positions.entry_price", 0, -1), f"positions.entry_price, row 0 {P0}: -1.0 is not above zero."),
    (put("positions.isolated_collateral", 0, -0.5), f"positions.isolated_collateral, row 0 {P0}: -0.5 is negative. Give zero or"),
    (put("balances.amount", 1, Decimal("nan")), "balances.amount, row 1 (account 'A-4', currency 'USDC'): nan is not a finite"),
    (put("orders.price", 0, 0), "orders.price, row 0 (account 'A-2', instrument 'BTC-27MAR26'): 0.0 is not above zero."),
    (put("orders.mmp", 0, 1), "orders.mmp, row 0 (account 'A-2', instrument 'BTC-27MAR26'): 1 (int) is not true or false"),
    (
        put("orders.mmp", 0, "true"),
        "orders.mmp, row 0 (account 'A-2', instrument 'BTC-27MAR26'): 'true' is text, not true or false",
    ),
    (whole("orders.mmp", pa.array([1])), "orders.mmp: the column holds int64, not true or false"),
    (put("indices.price", 1, 0.0), "indices.price, row 1 (index 'ETH_USD'): 0.0 is not above zero."),
    (put("currencies.usd", 0, -1.0), "currencies.usd, row 0 (currency 'BTC'): -1.0 is not above zero."),
    (
        put("instruments.contract_size", 3, 0.0),
        "instruments.contract_size, row 3 (instrument 'ETH_USDC'): 0.0 is not above zero.",
    ),
    (put("instruments.strike", 2, -5.0), "instruments.strike, row 2 (instrument 'BTC-27MAR26-70000-C'): -5.0 is not above zero."),
    (put("instruments.strike", 2, np.inf), "instruments.strike, row 2 (instrument 'BTC-27MAR26-70000-C'): inf is not a finite"),
    (put("quotes.vol", 1, -0.1), "quotes.vol, row 1 (instrument 'BTC-27MAR26-70000-C'): -0.1 is negative."),
    (put("quotes.mark", 1, -0.1), "quotes.mark, row 1 (instrument 'BTC-27MAR26-70000-C'): -0.1 is negative."),
    (put("quotes.forward", 1, 0), "quotes.forward, row 1 (instrument 'BTC-27MAR26-70000-C'): 0.0 is not above zero."),
    # Identifiers and text
    (put("positions.account", 1, None), "positions.account, row 1: the id is missing. Give it, or remove the rows."),
    (put("positions.account", 1, 7), f"positions.account, row 1: 7 is an integer where other ids are strings. {KIND}"),
    (
        whole("positions.account", [1, 2, "x", 3]),
        f"positions.account, row 2: 'x' is a string where other ids are integers. {KIND}",
    ),
    (
        whole("positions.account", [None, 2, "x", 3]),
        f"positions.account, row 2: 'x' is a string where other ids are integers. {KIND}",
    ),
    (
        whole("positions.account", [1.0, 2.0, 3.0, 4.0]),
        "positions.account, row 0: 1.0 (float) is neither a string nor an integer; 3 more",
    ),
    (whole("positions.account", np.ones(4)), "positions.account: the column holds float64, not strings or integers. Give ids as"),
    (whole("positions.account", pa.array([1.0] * 4)), "positions.account: the column holds double, not strings or integers."),
    (whole("positions.account", pa.array(["a", None, "b", None])), "positions.account, row 1: the id is missing; 1 more row."),
    (
        whole("positions.account", pa.array(["a", None, "b", "b"]).dictionary_encode()),
        "positions.account, row 1: the id is missing.",
    ),
    (whole("positions.account", [2**63, 1, 2, 3]), "positions.account, row 0: 9223372036854775808 does not fit into 64 bits"),
    (put("positions.account", 1, "\ud800"), "positions.account, row 1: '\\ud800' is not valid Unicode"),
    (put("positions.account", 3, ""), "positions.account, row 3 (account ''): '' is an empty id."),
    (
        put("positions.instrument", 0, True),
        "positions.instrument, row 0 (account 'A-1'): True (bool) is neither a string nor an integer.",
    ),
    (
        whole("positions.account", Coded(np.array([0, 1, 2, 0], np.int32), Ids.of(["a", "b"]))),
        ("positions.account, row 2: code 2 is outside the vocabulary of 2 ids"),
    ),
    (
        whole("instruments.base", [1, 2, 3, 4]),
        "instruments.base, row 0 (instrument 'BTC-PERPETUAL'): 1 is an integer, not text; 3",
    ),
    (
        put("instruments.kind", 1, "swap"),
        ("instruments.kind, row 1 (instrument 'BTC-27MAR26'): 'swap' is not one of perpetual, future, option, spot"),
    ),
    (put("instruments.contract", 0, "Inverse"), "'Inverse' is not one of linear, inverse"),
    (
        put("instruments.option_type", 2, "C"),
        "instruments.option_type, row 2 (instrument 'BTC-27MAR26-70000-C'): 'C' is not one of",
    ),
    (put("instruments.quote", 2, None), "instruments.quote, row 2 (instrument 'BTC-27MAR26-70000-C'): the text is missing."),
    # Times
    (
        put("instruments.expiry", 1, "27MAR26"),
        "instruments.expiry, row 1 (instrument 'BTC-27MAR26'): '27MAR26' has no time of day. " + TIMES,
    ),
    (
        put("instruments.expiry", 1, "2026-03-27"),
        "instruments.expiry, row 1 (instrument 'BTC-27MAR26'): '2026-03-27' has no time of day.",
    ),
    (put("instruments.expiry", 1, "27 March 2026 08:00"), "'27 March 2026 08:00' is not an ISO 8601 time. Times are UTC"),
    (
        put("instruments.expiry", 1, 1774598400),
        (f"(instrument 'BTC-27MAR26'): 1970-01-21T12:56:38 is outside 1990 .. 2200. {TIMES} Not seconds, not microseconds."),
    ),
    (put("instruments.expiry", 1, 1774598400000000), "(instrument 'BTC-27MAR26'): 58204-10-14T08:00:00 is outside"),
    (put("instruments.expiry", 1, 1.5), "(instrument 'BTC-27MAR26'): 1.5 (float) is not a time. Times are UTC"),
    (put("instruments.expiry", 1, np.datetime64("2026-03-27")), "(instrument 'BTC-27MAR26'): 2026-03-27 has no time of day."),
    (
        whole("instruments.expiry", np.array(["2026-03-27"] * 4, "M8[D]")),
        "the column holds datetime64[D], dates without a time of day.",
    ),
    (
        whole("instruments.expiry", pa.array([20539] * 4, pa.date32())),
        "the column holds date32[day], dates without a time of day.",
    ),
    (whole("instruments.expiry", pa.array([1.5] * 4)), "instruments.expiry: the column holds double, not times."),
    (
        put("instruments.expiry", 1, "2026-02-15T07:59:59Z"),
        (
            "instruments.expiry, row 1 (instrument 'BTC-27MAR26'): "
            "2026-02-15T07:59:59.000 is before the market's time 2026-02-15T08:00:00.000. Remove expired"
        ),
    ),
    # Between the columns of the market
    (
        put("instruments.strike", 2, None),
        "instruments.strike, row 2 (instrument 'BTC-27MAR26-70000-C'): an option needs a strike.",
    ),
    (drop("instruments.strike"), "instruments.strike, row 2 (instrument 'BTC-27MAR26-70000-C'): an option needs a strike."),
    (
        put("instruments.option_type", 2, None),
        "instruments.option_type, row 2 (instrument 'BTC-27MAR26-70000-C'): an option needs a type.",
    ),
    (
        put("instruments.expiry", 1, None),
        "instruments.expiry, row 1 (instrument 'BTC-27MAR26'): a future or option needs an expiry.",
    ),
    (
        put("instruments.strike", 0, 1.0),
        f"(instrument 'BTC-PERPETUAL'): 1.0 is given for an instrument that is no option. {LEAVE}",
    ),
    (put("instruments.option_type", 0, "put"), f"'put' is given for an instrument that is no option. {LEAVE}"),
    (
        put("instruments.expiry", 0, "2026-03-27T08:00Z"),
        f"2026-03-27T08:00:00.000 is given for an instrument that does not expire. {LEAVE}",
    ),
    (
        put("instruments.settlement", 0, "USDC"),
        "instruments.settlement, row 0 (instrument 'BTC-PERPETUAL'): 'USDC' is not the base coin",
    ),
    (put("instruments.contract", 3, "inverse"), "instruments.contract, row 3 (instrument 'ETH_USDC'): spot is never 'inverse'."),
    (put("quotes.vol", 1, None), "quotes.vol, row 1 (instrument 'BTC-27MAR26-70000-C'): an option needs a vol."),
    (put("quotes.forward", 1, np.nan), "quotes.forward, row 1 (instrument 'BTC-27MAR26-70000-C'): an option needs a forward."),
    (
        put("quotes.vol", 0, 0.0),
        f"quotes.vol, row 0 (instrument 'ETH_USDC'): 0.0 is given for an instrument that is no option. {LEAVE}",
    ),
    (
        put("quotes.mark", 0, 0.0),
        "quotes.mark, row 0 (instrument 'ETH_USDC'): 0.0 is not above zero. Only options may be worth nothing.",
    ),
    (put("quotes.min_price", 2, 71000.5), "quotes.max_price, row 2 (instrument 'BTC-PERPETUAL'): 71000.0 is below min_price."),
    (
        put("instruments.instrument", 3, "BTC-PERPETUAL"),
        (
            "instruments.instrument, row 3 (instrument 'BTC-PERPETUAL'): 'BTC-PERPETUAL' "
            "occurs more than once. Give each instrument one row."
        ),
    ),
    (
        rows("quotes", 0, 1, 2, 3, 1),
        "quotes.instrument, row 4 (instrument 'BTC-27MAR26-70000-C'): 'BTC-27MAR26-70000-C' occurs more",
    ),
    (rows("indices", 0, 1, 1, 0), "indices.index, row 2 (index 'ETH_USD'): 'ETH_USD' occurs more than once; 1 more row."),
    (rows("currencies", 0, 1, 0), "currencies.currency, row 2 (currency 'BTC'): 'BTC' occurs more than once."),
    (
        put("quotes.instrument", 0, "SOL"),
        "quotes.instrument, row 0 (instrument 'SOL'): 'SOL' is not in the table of instruments.",
    ),
    (
        rows("quotes", 0, 1, 2),
        "instruments.instrument, row 1 (instrument 'BTC-27MAR26'): 'BTC-27MAR26' has no quote. Add it to quotes",
    ),
    (
        rows("indices", 1),
        "instruments.index, row 0 (instrument 'BTC-PERPETUAL'): the index 'BTC_USD' has no price; 2 more rows. Add it",
    ),
    (put("instruments.index", 3, None), "instruments.index, row 3 (instrument 'ETH_USDC'): the index 'ETH_USDC' has no price."),
    (
        rows("currencies", 1),
        (
            "instruments.settlement, row 0 (instrument 'BTC-PERPETUAL'): the settlement currency 'BTC' has no USD "
            "price; 2 more rows. Add it to currencies."
        ),
    ),
    # Between book and market
    (
        put("positions.instrument", 3, "SOL"),
        "positions.instrument, row 3 (account 'A-3', instrument 'SOL'): 'SOL' is not in the market.",
    ),
    (
        put("orders.instrument", 0, "SOL"),
        "orders.instrument, row 0 (account 'A-2', instrument 'SOL'): 'SOL' is not in the market. Add",
    ),
    (
        lambda t: (rows("orders")(t), whole("positions.instrument", [1, 2, 3, 4])(t)),
        (
            "positions.instrument, row 0 (account 'A-1', "
            "instrument 1): 1 is not in the market; 3 more rows. Ids are integers here and strings there: 1, 'BTC-PERPETUAL'."
        ),
    ),
    (
        whole("orders.instrument", [1]),
        "orders.instrument: ids are not of the kind they have in positions. Ids are integers here and",
    ),
    (
        whole("balances.account", [1, 2]),
        "balances.account: ids are not of the kind they have in accounts. Ids are integers here and",
    ),
    (
        put("balances.currency", 0, "DOGE"),
        "balances.currency, row 0 (account 'A-1', currency 'DOGE'): 'DOGE' is not in the market.",
    ),
    (
        rows("accounts", 0, 1, 2, 4),
        (
            "positions.account, row 3 (account 'A-3', instrument 'ETH_USDC'): 'A-3' is not in the table of "
            "accounts. Add it there, or remove the rows."
        ),
    ),
    (
        rows("accounts", 0, 1, 2, 3),
        "balances.account, row 1 (account 'A-4', currency 'USDC'): 'A-4' is not in the table of accounts.",
    ),
    (rows("accounts", 0, 1, 2, 3, 4, 1), "accounts.account, row 5 (account 'A-1'): 'A-1' occurs more than once."),
]


def test_the_tables_are_valid_before_they_are_broken(tables: Tables) -> None:
    load(tables, strict=True)


@pytest.mark.parametrize(("damage", "message"), MALFORMED, ids=[message[:60] for _, message in MALFORMED])
@pytest.mark.parametrize("long", [columns.LONG, 0])
def test_malformed(
    tables: Tables, damage: Callable[[Tables], object], message: str, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same is told where columns are read side by side."""
    monkeypatch.setattr(columns, "LONG", long)
    damage(tables)
    with pytest.raises(DataError) as raised:
        load(tables)
    assert message in str(raised.value)


def test_duplicates_are_refused_when_strict(tables: Tables) -> None:
    rows("positions", 0, 1, 2, 3, 2, 0)(tables)
    load(tables)
    with pytest.raises(DataError) as raised:
        load(tables, strict=True)
    assert str(raised.value) == (
        "positions.instrument, row 4 (account 'A-1', instrument 'BTC-27MAR26-70000-C'): the account has 'BTC-27MAR26-70000-C' "
        "in an earlier row; 1 more row. Add the rows up."
    )


def test_duplicate_balances_are_refused_when_strict(tables: Tables) -> None:
    rows("balances", 0, 1, 1)(tables)
    load(tables)
    with pytest.raises(DataError, match=r"balances.currency, row 2 \(account 'A-4', currency 'USDC'\)"):
        load(tables, strict=True)


def test_an_error_carries_its_place(tables: Tables) -> None:
    put("positions.quantity", 2, np.nan)(tables)
    with pytest.raises(DataError) as raised:
        load(tables)
    error = raised.value
    assert (error.table, error.column, error.row, error.count) == ("positions", "quantity", 2, 1)
    assert error.key == {"account": "A-1", "instrument": "BTC-27MAR26-70000-C"}
    assert np.isnan(error.value)
