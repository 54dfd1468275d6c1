"""Pools that count in a currency, haircuts that differ by margin, and collateral at its USD price."""

from __future__ import annotations

import numpy as np
import pytest

import derive_books as books
from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.models.expiry_charges import UnchangedVol
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ListedScenarios, Scenario
from margin.pools import Collateral, CrossPool
from margin.regime import Regime


@pytest.fixture
def depegged(market):
    """USDC at 0.8 USD."""
    return market.with_(usd=np.where(np.array(market.currencies) == "USDC", 0.8, market.usd))


def assess(market, balances, *, pool=None, **collateral):
    model = PortfolioModel(scenarios=ListedScenarios((Scenario(-0.1),)), vol_shock=UnchangedVol())
    given = Regime("mine", pool or CrossPool(money="USDC"), model, Collateral(**collateral))
    book = Book.of(balances={"account": ["a"] * len(balances), "currency": list(balances), "amount": list(balances.values())})
    return given.assess(book, market)


def test_a_market_counted_in_a_currency(depegged):
    counted = depegged.counted_in("USDC")
    worth = dict(zip(counted.currencies, counted.usd.tolist(), strict=True))
    assert (counted.money, counted.money_usd, worth["USDC"]) == ("USDC", 0.8, 1.0)
    assert worth["BTC"] == pytest.approx(70000 / 0.8, rel=1e-15)
    back = counted.counted_in("USD")
    np.testing.assert_allclose(back.usd, depegged.usd, rtol=1e-15)
    assert (back.money, back.money_usd) == ("USD", 1.0)
    assert counted.counted_in("USDC") is counted
    assert depegged.counted_in("USD") is depegged


@pytest.mark.parametrize("money", ["EUR", "USD0"])
def test_money_needs_a_price(depegged, money):
    with pytest.raises(DataError, match=rf"currencies\.usd.*pools count in {money}, which has no USD price"):
        assess(depegged, {"USDC": 1.0}, pool=CrossPool(money=money))


def test_equity_in_money(depegged):
    result = assess(depegged, {"USDC": 100.0, "BTC": 1.0, "SOL": -2.0})
    assert result.results.equity[0] == pytest.approx(100 + 70000 / 0.8 - 300 / 0.8, rel=1e-15)
    assert result.columns()["currency"][0] == "USDC"
    in_usd = assess(depegged, {"USDC": 100.0, "BTC": 1.0, "SOL": -2.0}, pool=CrossPool())
    assert in_usd.results.equity[0] == pytest.approx(80 + 70000 - 300, rel=1e-15)


def test_haircuts_by_margin(depegged):
    maintenance, initial = (ByName("haircut", {"USDC": 0.0, "BTC": cut}.__getitem__) for cut in (0.1, 0.25))
    r = assess(depegged, {"USDC": -10.0, "BTC": 2.0}, haircut=maintenance, initial_haircut=initial).results
    assert r.maintenance_collateral[0] == pytest.approx(-10 + 0.9 * 140000 / 0.8, rel=1e-15)
    assert r.initial_collateral[0] == pytest.approx(-10 + 0.75 * 140000 / 0.8, rel=1e-15)
    debt = assess(depegged, {"BTC": -2.0}, haircut=maintenance, initial_haircut=initial).results
    assert debt.initial_collateral[0] == debt.maintenance_collateral[0] == debt.equity[0]  # a debt counts in full


def test_collateral_at_its_usd_price(depegged):
    r = assess(depegged, {"USDC": 10.0, "BTC": 2.0}, priced_in="usd", haircut=ByName("mm", 0.1)).results
    assert r.maintenance_collateral[0] == pytest.approx(0.9 * (10 + 140000), rel=1e-15)
    assert r.equity[0] == pytest.approx(10 + 140000 / 0.8, rel=1e-15)


def test_the_haircut_of_the_initial_margin_must_be_known(depegged):
    def unknown(currency: str) -> float:
        raise ParameterError(f"no haircut of {currency}", name=f"haircut.{currency}", scope="test")

    with pytest.raises(ParameterError, match="no haircut of BTC"):
        assess(depegged, {"BTC": 2.0}, initial_haircut=ByName("im", unknown))
    assess(depegged, {"BTC": -2.0}, initial_haircut=ByName("im", unknown))  # a debt needs none


def test_collateral_without_a_price():
    market = books.market(0)
    with pytest.raises(DataError, match=r"balances\.currency.*XYZ"):
        assess(market, {"XYZ": 1.0})
