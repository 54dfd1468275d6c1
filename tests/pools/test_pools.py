"""Pools: who shares collateral with whom, and what it counts for."""

from __future__ import annotations

import numpy as np
import pytest

from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.models.futures import FuturesMargin
from margin.pools import Collateral, CrossPool, DiscountTiers, IsolatedPool, SegregatedPool
from margin.rates import RateTable
from margin.regime import Regime
from margin.venues.deribit import regime


@pytest.fixture(scope="module")
def model():
    return regime("segregated_standard", as_of="2026-02-15").model


@pytest.fixture(scope="module")
def book():
    """One bad position and a healthy one, backed by two currencies."""
    return Book.of(
        positions={
            "account": ["a", "a"],
            "instrument": ["BTC-PERPETUAL", "ETH-PERPETUAL"],
            "quantity": [70020.0, 1963.0],
            "entry_price": [80000.0, 1963.0],
            "isolated_collateral": [1.0, 0.5],
        },
        balances={"account": ["a", "a"], "currency": ["BTC", "ETH"], "amount": [1.0, 500.0]},
    )


def figures(result):
    columns = result.columns()
    return {
        str(columns["pool"][i]): (float(columns["collateral_value"][i]), str(columns["status"][i])) for i in range(len(result))
    }


def test_segregated_pools_do_not_help_each_other(market, book, model):
    got = figures(Regime("segregated", SegregatedPool(), model).assess(book, market))
    loss = 700200 * (1 / 80000 - 1 / 70020)
    assert got["BTC"] == (pytest.approx(1 + loss), "liquidation")
    assert got["ETH"] == (500.0, "healthy")


def test_cross_pool_shares_everything(market, book, model):
    got = figures(Regime("cross", CrossPool(), model).assess(book, market))
    loss = 700200 * (1 / 80000 - 1 / 70020)
    assert got["cross"] == (pytest.approx((1 + loss) * 70000 + 500 * 1960), "healthy")


def test_isolated_pools_lose_only_their_own(market, book, model):
    result = Regime("isolated", IsolatedPool(), model).assess(book, market)
    got = figures(result)
    assert got["BTC-PERPETUAL"][1] == "liquidation"
    assert got["ETH-PERPETUAL"] == (0.5, "healthy")
    assert got["ETH"] == (500.0, "healthy")
    assert len(result) == 4


def test_isolated_pool_needs_assigned_collateral(market, model):
    book = Book.of(positions={"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [1.0]})
    with pytest.raises(DataError, match=r"positions.isolated_collateral: isolated pools need the collateral of each position"):
        Regime("isolated", IsolatedPool(), model).assess(book, market)


def test_haircut_applies_to_what_is_positive(market, model):
    book = Book.of(balances={"account": ["a"] * 3, "currency": ["BTC", "ETH", "USDC"], "amount": [1.0, -1.0, 100.0]})
    haircut = ByName("haircut", {"BTC": 0.1, "USDC": 0.0})  # ETH is owed, so no haircut of it is asked for
    both = Regime("cross", CrossPool(), model, Collateral(haircut)).assess(book, market).results
    assert both.initial_collateral[0] == both.maintenance_collateral[0] == pytest.approx(0.9 * 70000 - 1960 + 100)
    assert both.equity[0] == pytest.approx(70000 - 1960 + 100)
    initial = Regime("cross", CrossPool(), model, Collateral(initial_haircut=haircut)).assess(book, market).results
    assert initial.initial_collateral[0] == both.initial_collateral[0]
    assert initial.maintenance_collateral[0] == both.equity[0]


def test_currency_without_haircut_is_refused(market, model):
    book = Book.of(balances={"account": ["a"], "currency": ["SOL"], "amount": [1.0]})
    with pytest.raises(ParameterError, match="haircut of SOL has no value"):
        Regime("cross", CrossPool(), model, Collateral(ByName("haircut", {"BTC": 0.1}))).assess(book, market)


def test_discount_tiers_take_the_place_of_the_haircut(market, model):
    book = Book.of(balances={"account": ["a", "b"], "currency": ["BTC", "BTC"], "amount": [3.0, -3.0]})
    collateral = Collateral(tiers={"BTC": DiscountTiers((0.0, 1.0, 2.0), (1.0, 0.5, 0.25))})
    result = Regime("cross", CrossPool(), model, collateral).assess(book, market).results
    assert result.initial_collateral.tolist() == [1.75 * 70000, -3 * 70000]


def test_status_where_nothing_is_required(market, model):
    book = Book.of(balances={"account": ["a", "b", "c"], "currency": ["BTC"] * 3, "amount": [0.0, -1.0, 1.0]})
    result = Regime("cross", CrossPool(), model).assess(book, market)
    assert result.status.tolist() == [0, 2, 0]
    assert result.columns()["utilisation"].tolist() == [0.0, np.inf, 0.0]


def test_currency_without_a_price_is_refused(market, model):
    """The quote currency USD is known as a code and has no price of its own."""
    book = Book.of(balances={"account": ["a"], "currency": ["USD"], "amount": [1.0]})
    with pytest.raises(DataError, match="USD"):
        Regime("cross", CrossPool(), model).assess(book, market)


def test_flat_rate_regime_in_three_lines(market):
    """A user's own standard model."""
    from dataclasses import replace

    flat = replace(
        regime("segregated_standard", as_of="2026-02-15").model,
        futures=FuturesMargin(initial=lambda pair: RateTable.flat(0.1), maintenance=lambda pair: RateTable.flat(0.05)),
    )
    book = Book.of(positions={"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [70020.0]})
    result = Regime("mine", SegregatedPool(), flat).assess(book, market)
    assert (result.initial_margin[0], result.maintenance_margin[0]) == (pytest.approx(1.0), pytest.approx(0.5))


@pytest.mark.parametrize("table", ["positions", "orders"])
def test_spot_pairs_are_refused(model, table):
    market = Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={
            "instrument": ["BTC_USDC"], "kind": ["spot"], "contract": ["linear"], "base": ["BTC"], "quote": ["USDC"],
            "settlement": ["USDC"], "contract_size": [1.0],
        },
        quotes={"instrument": ["BTC_USDC"], "mark": [70000.0]},
        indices={"index": ["BTC_USDC"], "price": [70000.0]},
        currencies={"currency": ["BTC", "USDC"], "usd": [70000.0, 1.0]},
    )  # fmt: skip
    rows = {"account": ["a"], "instrument": ["BTC_USDC"], "quantity": [1.0]}
    book = Book.of(**{table: rows if table == "positions" else rows | {"price": [69000.0]}})
    with pytest.raises(DataError, match=rf"{table}.instrument, row 0 \(account 'a', instrument 'BTC_USDC'\): spot pairs are not"):
        Regime("segregated", SegregatedPool(), model).assess(book, market)
