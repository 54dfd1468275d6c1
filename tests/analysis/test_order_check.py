"""Order checks by hand, and against books that really have the order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import books
from margin.analysis.accounts import Figures
from margin.analysis.order_check import check_orders
from margin.book import Book
from margin.cli.app import application
from margin.errors import DataError
from margin.models.orders import OptionFee, WorseSideOrders
from margin.pools import IsolatedPool
from margin.regime import Regime
from margin.venues import load
from margin.venues.derive import rules as derive

MARKET = books.linear_market()
FEE = OptionFee(0.0003, 0.125)


def rules(pool=None) -> Regime:
    """Flat rates, orders by their worse side."""
    model = replace(books.flat(), orders=WorseSideOrders(lambda: FEE, lambda: FEE))
    cross = books.cross(model)
    return cross if pool is None else replace(cross, pool=pool)


def orders(rows, account="a"):
    """A table of rows (instrument, quantity), at the marks."""
    price = {"AAA-P": 100.0, "BBB-P": 10.0}
    return {"account": [account] * len(rows), "instrument": [name for name, _ in rows],
            "quantity": [quantity for _, quantity in rows], "price": [price.get(name, 1.0) for name, _ in rows]}  # fmt: skip


def test_by_hand():
    # 2 AAA need 20 of 25. One more makes 30, four sold leave 2 short, five leave 3; 5 BBB make 25, which is just covered.
    book = books.book({"AAA-P": 2.0}, USDC=25.0)
    wanted = orders([("AAA-P", 1.0), ("AAA-P", -4.0), ("AAA-P", -5.0), ("BBB-P", 5.0), ("BBB-P", 5.1)])
    found = check_orders(rules(), book, MARKET, wanted)
    assert found.after.initial_margin.tolist() == pytest.approx([30.0, 20.0, 30.0, 25.0, 25.1])
    assert found.admitted.tolist() == [False, True, False, True, False]
    assert found.pool.decode().to_list() == ["cross", "", "cross", "", "cross"]
    assert found.title == "2 of 5 orders admitted under cross, USD"
    assert found.columns()["available_after"].tolist() == pytest.approx([-5.0, 5.0, -5.0, 0.0, -0.1])


def test_orders_are_checked_beside_those_that_rest_but_not_beside_each_other():
    book = replace(books.book({"AAA-P": 2.0}, USDC=45.0))
    resting = Book.of(
        positions={"account": ["a"], "instrument": ["AAA-P"], "quantity": [2.0], "entry_price": [100.0]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [45.0]},
        orders=orders([("AAA-P", 1.0)]),
    )
    wanted = orders([("AAA-P", 2.0), ("BBB-P", 10.0)])
    assert check_orders(rules(), book, MARKET, wanted).admitted.tolist() == [True, True]
    assert check_orders(rules(), resting, MARKET, wanted).admitted.tolist() == [False, True]


def test_an_account_that_is_short_may_do_what_makes_it_no_worse():
    book = books.book({"AAA-P": 4.0}, USDC=30.0)  # needs 40
    wanted = orders([("AAA-P", -1.0), ("AAA-P", -8.0), ("AAA-P", -9.0), ("BBB-P", 1.0)])
    found = check_orders(rules(), book, MARKET, wanted)
    assert found.before.available.tolist() == pytest.approx([-10.0] * 4)
    assert found.admitted.tolist() == [True, True, False, False]


def test_a_rich_pool_does_not_help_another():
    book = Book.of(
        positions={"account": ["a", "a"], "instrument": ["AAA-P", "BBB-P"], "quantity": [1.0, 1.0], "entry_price": [100.0, 10.0],
                   "isolated_collateral": [500.0, 1.0]},
    )  # fmt: skip
    found = check_orders(rules(IsolatedPool()), book, MARKET, orders([("AAA-P", 10.0), ("BBB-P", 10.0)]))
    assert found.admitted.tolist() == [True, False]
    assert found.pool.decode().to_list() == ["", "BBB-P"]


@settings(max_examples=25)
@given(
    held=st.dictionaries(st.sampled_from(["BTC-PERPETUAL", "BTC-27MAR26-70000-C"]), st.floats(-100, 100)),
    instrument=st.sampled_from(["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "ETH-27MAR26-2000-C", "BTC_USDC-PERPETUAL"]),
    quantity=st.floats(-50, 50).filter(bool),
    mode=st.sampled_from(["cross_standard", "cross_portfolio"]),
)
def test_equals_assessing_the_book_with_the_order(market, held, instrument, quantity, mode):
    regime = load("deribit").regime(mode, as_of="2026-02-15")
    mark = {str(name): float(market.mark[i]) for i, name in enumerate(market.instruments)}
    entry = [mark[name] for name in held]
    positions = {"account": ["a"] * len(held), "instrument": list(held), "quantity": list(held.values()), "entry_price": entry}
    tables = {"positions": positions if held else None, "balances": {"account": ["a"], "currency": ["BTC"], "amount": [0.1]}}
    order = {"account": ["a"], "instrument": [instrument], "quantity": [quantity], "price": [mark[instrument]]}
    found = check_orders(regime, Book.of(**tables), market, order)
    before = Figures.of(regime.assess(Book.of(**tables), market))
    after = Figures.of(regime.assess(Book.of(**tables, orders=order), market))
    for name in ("initial_margin", "maintenance_margin", "available"):
        assert getattr(found.before, name)[0] == pytest.approx(getattr(before, name)[0], rel=1e-12, abs=1e-9)
        assert getattr(found.after, name)[0] == pytest.approx(getattr(after, name)[0], rel=1e-12, abs=1e-9)
    assert found.admitted[0] == (found.after.available[0] >= min(0.0, found.before.available[0]))


def test_a_regime_that_leaves_orders_out_is_refused():
    with pytest.raises(DataError, match="the regime cross leaves open orders out, so it cannot check them"):
        check_orders(books.cross(), books.book({"AAA-P": 2.0}, USDC=25.0), MARKET, orders([("AAA-P", 1.0)]))


@pytest.mark.parametrize("mode", ["srm", "pm2_eth"])
def test_orders_that_a_venue_is_told_to_ignore_are_not_checked(mode):
    regime = derive.regime(mode, as_of="2026-03-26", options=derive.Options(orders="ignore"))
    with pytest.raises(DataError, match="leaves open orders out"):
        check_orders(regime, books.book({}, USDC=25.0), MARKET, orders([("AAA-P", 1.0)]))


def test_no_orders():
    found = check_orders(rules(), books.book({"AAA-P": 2.0}, USDC=25.0), MARKET, orders([]))
    assert len(found.admitted) == 0
    assert found.title == "0 of 0 orders admitted under cross, USD"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (orders([("AAA-P", 1.0)], account="b"), r"orders.account, row 0.*'b' is not in the book"),
        (orders([("XXX", 1.0)]), r"orders.instrument, row \d+.*'XXX' is not in the market"),
        (orders([("AAA-P", np.nan)]), r"orders.quantity, row 0"),
        ({k: v for k, v in orders([("AAA-P", 1.0)]).items() if k != "price"}, r"orders.price: the column is missing"),
    ],
)
def test_bad_tables(table, words):
    with pytest.raises(DataError, match=words):
        check_orders(rules(), books.book({"AAA-P": 2.0}, USDC=25.0), MARKET, table)


def test_command(tmp_path):
    run = CliRunner()
    snapshot = tmp_path / "s"
    assert run.invoke(application, ["synthetic", "-o", str(snapshot), "--accounts", "50"]).exit_code == 0
    rule = ["--venue", "deribit", "--mode", "cross_portfolio"]
    small, huge = "BTC-PERPETUAL:10@70000", "BTC-PERPETUAL:1e9@70000"
    done = run.invoke(application, ["what-if", str(snapshot), "acct-0000007", "--order", small, "--order", huge, *rule])
    assert done.exit_code == 0, done.output
    assert "1 of 2 orders admitted" in done.output
    missing = run.invoke(application, ["what-if", str(snapshot), "acct-0000007", "--order", "BTC-PERPETUAL:10", *rule])
    assert missing.exit_code == 2
    assert "is not INSTRUMENT:QUANTITY@PRICE" in missing.output
