"""Charges on size: confidence, depeg; what they count and what they ask for."""

from __future__ import annotations

import numpy as np
import pytest

from margin.book import Book
from margin.by_name import ByName
from margin.errors import ParameterError
from margin.market import Market
from margin.models.charges import GROSS, LONG, SHORT
from margin.models.combine import Factors
from margin.models.futures import FuturesMargin
from margin.models.options import MoneynessMargin, PerPosition
from margin.models.orders import IgnoredOrders
from margin.models.size_charges import SizeCharge
from margin.models.size_shares import (
    SummedCharge,
    confidence_share,
    currency_confidence,
    depeg_share,
    forward_confidence,
    index_confidence,
    mark_confidence,
)
from margin.models.standard import StandardModel
from margin.pools import Collateral, CrossPool
from margin.rates import RateTable
from margin.regime import Regime

FREE = PerPosition(*(2 * [MoneynessMargin(base=0.0, minimum=0.0, maintenance=0.0)]))
NOTHING = FuturesMargin(initial=lambda _: RateTable.flat(0.0), maintenance=lambda _: RateTable.flat(0.0))


def quoted(stable=1.0, **confidence) -> Market:
    """Perpetuals of two coins, a dated future and two options of the first; confidences by name, 1 where not given."""
    names = ["A-PERP", "B-PERP", "A-DATED", "A-CALL", "A-PUT"]
    c = {"mark": 1.0, "vol": 1.0, "forward": 1.0, "index": 1.0, "coin": 1.0} | confidence
    option, expiry = [np.nan] * 3, "2026-06-01T00:00:00Z"
    return Market.of(
        time="2026-01-01T00:00:00Z",
        instruments={
            "instrument": names,
            "kind": ["perpetual", "perpetual", "future", "option", "option"],
            "contract": ["linear"] * 5,
            "base": ["A", "B", "A", "A", "A"],
            "quote": ["USD"] * 5,
            "settlement": ["CASH"] * 5,
            "contract_size": [0.1, 1.0, 1.0, 1.0, 2.0],
            "expiry": [None, None, expiry, expiry, expiry],
            "strike": [*option, 100.0, 100.0],
            "option_type": [None, None, None, "call", "put"],
        },
        quotes={
            "instrument": names,
            "mark": [101.0, 10.0, 101.0, 0.0, 0.0],
            "vol": [*option, 0.5, 0.5],
            "forward": [*option, 100.0, 100.0],
            "confidence": [c["mark"], 1.0, c["mark"], c["vol"], c["vol"]],
            "forward_confidence": [*option, c["forward"], c["forward"]],
        },
        indices={"index": ["A_USD", "B_USD"], "price": [100.0, 10.0], "confidence": [c["index"], 1.0]},
        currencies={"currency": ["CASH", "A", "B"], "usd": [stable, 100.0, 10.0], "confidence": [1.0, c["coin"], 1.0]},
    )


def charged(market, charge, positions, *, balances=(), maintenance=1.0):
    model = StandardModel(
        futures=NOTHING,
        options=FREE,
        orders=IgnoredOrders(),
        charges=(charge,),
        maintenance=Factors(maintenance),
        collateral_unit=lambda currency: None if currency == "CASH" else currency,
    )
    book = Book.of(
        accounts={"account": [1]},
        positions={
            "account": [1] * len(positions),
            "instrument": [name for name, _ in positions],
            "quantity": np.array([quantity for _, quantity in positions], dtype=np.float64),
        },
        balances={
            "account": [1] * len(balances),
            "currency": [name for name, _ in balances],
            "amount": np.array([amount for _, amount in balances], dtype=np.float64),
        },
    )
    return Regime("charged", CrossPool(money="CASH"), model, Collateral()).assess(book, market)


def amount(*args, **kwargs):
    return float(charged(*args, **kwargs).columns()["charge"][0])


def oracle(rows, feeds, *, side=GROSS, threshold=0.6, factor=0.5):
    share = confidence_share(rows, feeds=feeds, threshold=ByName("threshold", threshold), factor=ByName("factor", factor))
    return SizeCharge("charge", share, side)


BOOK = [("A-PERP", -30.0), ("B-PERP", 7.0), ("A-DATED", 2.0), ("A-CALL", -4.0), ("A-PUT", 3.0)]


@pytest.mark.parametrize(("rows", "side", "size"), [
    ("futures", GROSS, 5.0),  # of contracts of a tenth of a coin, dated ones too
    ("futures", LONG, 2.0),
    ("options", GROSS, 10.0),
    ("options", SHORT, 4.0),
    ("options", LONG, 6.0),
])  # fmt: skip
def test_rows_and_sides(rows, side, size):
    charge = oracle(rows, (index_confidence,), side=side)
    assert amount(quoted(index=0.4), charge, BOOK) == pytest.approx(0.6 * 0.5 * 100 * size)


@pytest.mark.parametrize(("confidence", "charge"), [(0.0, 0.5), (0.4, 0.3), (0.6, 0.0), (1.0, 0.0)])
def test_the_threshold_itself_is_confident_enough(confidence, charge):
    got = amount(quoted(index=confidence), oracle("futures", (index_confidence,)), [("A-PERP", 10.0)])
    assert got == pytest.approx(100 * charge)


def test_the_lowest_feed_counts():
    feeds = (index_confidence, forward_confidence, mark_confidence)
    for low in ("index", "forward", "vol"):
        assert amount(quoted(**{low: 0.1}), oracle("options", feeds), [("A-CALL", 1.0)]) == pytest.approx(0.9 * 0.5 * 100)
    assert amount(quoted(forward=0.1), oracle("futures", feeds), [("A-PERP", 1.0)]) == 0.0


def test_collateral_is_worth_its_usd_price():
    charge = oracle("collateral", (currency_confidence,), side=LONG)
    market = quoted(stable=0.5, coin=0.2)
    held = charged(market, charge, [], balances=[("A", 3.0), ("CASH", 9.0)])
    assert held.columns()["charge"][0] == pytest.approx(0.8 * 0.5 * 300)
    assert held.columns()["equity"][0] == pytest.approx(9 + 600)
    assert amount(market, charge, [], balances=[("A", -3.0)]) == 0.0


def test_a_charge_that_is_off_asks_for_no_factor():
    nobody = ByName("factor", {})
    for threshold, error in ((0.0, None), (0.3, "factor of A has no value")):
        share = confidence_share("futures", feeds=(index_confidence,), threshold=ByName("t", threshold), factor=nobody)
        charge = SizeCharge("charge", share)
        if error is None:
            assert amount(quoted(index=0.0), charge, [("A-PERP", 1.0)]) == 0.0
        else:
            with pytest.raises(ParameterError, match=error):
                amount(quoted(index=0.0), charge, [("A-PERP", 1.0)])


@pytest.mark.parametrize(("stable", "share"), [(0.5, 0.98), (0.98, 0.02), (0.99, 0.0), (1.5, 0.0)])
def test_depeg_of_futures_and_short_options(stable, share):
    terms = (
        SizeCharge("futures", depeg_share("futures", threshold=0.99, factor=2.0)),
        SizeCharge("options", depeg_share("options", threshold=0.99, factor=2.0), SHORT),
    )
    result = charged(quoted(stable), SummedCharge("charge", terms), BOOK)
    units = result.unit_columns()
    assert [str(name) for name in units["unit"]] == ["A", "B"]
    assert units["charge"].tolist() == pytest.approx([share * 100 * 9, share * 10 * 7])
    assert result.results.components["charge"][0] == pytest.approx(units["charge"].sum())


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_charge_counts_for_each_margin_as_its_factor_says(share):
    result = charged(quoted(index=0.4), oracle("futures", (index_confidence,)), BOOK, maintenance=share)
    assert result.initial_margin[0] == pytest.approx(150.0)
    assert result.maintenance_margin[0] == pytest.approx(share * 150.0)
    assert sum(result.results.components.values())[0] == result.initial_margin[0]


def test_an_empty_account_pays_nothing():
    assert amount(quoted(index=0.0), oracle("futures", (index_confidence,)), []) == 0.0
