"""Shocks of a market and its rules, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analysis import books
from margin.analysis.shocks import Shock
from margin.errors import DataError, ParameterError
from margin.pools import DiscountTiers, LendingPool, LoanTerms, PartlyIsolated
from margin.pricing import black76


def test_nothing_changes_nothing(market):
    regime = books.cross()
    assert Shock().apply(market, regime) == (market, regime)
    same = Shock(days=1.0).market(market)
    assert same.mark[:4].tolist() == market.mark[:4].tolist()


def test_a_fall_moves_every_price_and_reprices_options(market):
    after = Shock(price=-0.2).market(market)
    np.testing.assert_allclose(after.mark[:4], 0.8 * market.mark[:4])
    np.testing.assert_allclose(after.index_price, 0.8 * market.index_price)
    np.testing.assert_allclose(after.forward, 0.8 * market.forward)
    usd = dict(zip(market.currencies, after.usd, strict=True))
    assert (usd["BTC"], usd["ETH"]) == (pytest.approx(56_000), pytest.approx(1_568))
    assert (usd["USDC"], usd["SOL"], usd["STETH"]) == (1.0, 150.0, 1950.0)  # no instrument's base, not named
    # The linear call, by the difference of model values; the recorded mark need not be the model's.
    row = 7
    old, new = (float(black76(f, 80_000, market.years[row], 0.52, 1).price) for f in (70_400, 0.95 * 70_400))
    assert Shock(price=-0.05).market(market).mark[row] == pytest.approx(1500 + new - old)
    assert 1500 + new - old > 0
    # An inverse one in coin.
    row = 5
    values = [float(black76(f, 60_000, market.years[row], 0.6, -1).price) / f for f in (70_400, 0.8 * 70_400)]
    assert after.mark[row] == pytest.approx(0.02 + values[1] - values[0])


def test_marks_are_never_negative(market):
    assert (Shock(price=2.0, vol=-0.9).market(market).mark >= 0).all()


def test_single_coins_and_followers(market):
    after = Shock(coins={"ETH": 0.5}, follows={"STETH": "ETH"}).market(market)
    usd = dict(zip(market.currencies, after.usd, strict=True))
    assert (usd["BTC"], usd["ETH"], usd["STETH"]) == (70_000.0, pytest.approx(2_940.0), pytest.approx(2_925.0))


def test_vol_and_time(market):
    after = Shock(vol=0.5, vol_points=0.01, days=3.0).market(market)
    np.testing.assert_allclose(after.vol[4:], 1.5 * market.vol[4:] + 0.01)
    assert after.time - market.time == np.timedelta64(3, "D")
    np.testing.assert_allclose(market.years[4:] - after.years[4:], 3 / 365)


def test_what_expires_on_the_way_stands_at_its_payoff(market):
    after = Shock(days=60.0).market(market)
    assert after.years[4] == 0.0
    assert after.mark[4] == pytest.approx(400 / 70_400)  # call 70,000, forward 70,400, in coin
    assert after.mark[5] == 0.0


def test_a_depeg_raises_what_is_quoted_in_it(market):
    after = Shock(depeg={"USDC": 0.2}).market(market)
    assert after.usd[market.currencies.index("USDC")] == pytest.approx(0.8)
    assert after.mark[2] == pytest.approx(70_030 / 0.8)  # BTC keeps its price in USD
    assert after.mark[0] == 70_020.0
    assert after.index_price[2] * 0.8 == pytest.approx(70_000)


def test_haircuts_rise_where_there_are_some(market):
    regime, tiers = books.cross(haircut=0.1), {"SOL": DiscountTiers((0.0, 5.0), (1.0, 0.5))}
    regime = replace(regime, collateral=replace(regime.collateral, tiers=tiers, initial_tiers=tiers))
    rules = Shock(haircut=0.25).rules(regime).collateral
    assert rules.initial_tiers == rules.tiers
    assert (rules.haircut.of("BTC"), rules.haircut.of("USDC")) == (pytest.approx(0.35), 0.0)
    assert rules.tiers["SOL"].rate == (0.75, 0.25)
    named = Shock(haircuts={"USDC": 0.02}).rules(regime).collateral
    assert (named.haircut.of("BTC"), named.haircut.of("USDC")) == (pytest.approx(0.1), 0.02)
    assert Shock(haircut=2.0).rules(regime).collateral.haircut.of("BTC") == 1.0


def test_a_haircut_lowers_what_is_lent():
    pool = PartlyIsolated(LendingPool({"USDC": 1e6}, {"BTC": LoanTerms(0.5, 0.65, 10.0), "USDE": LoanTerms(1.0, 1.0, 10.0)}))
    regime = replace(books.cross(), pool=pool)
    lent = Shock(haircut=0.2).rules(regime).pool.shared.collateral
    assert (lent["BTC"].initial, lent["BTC"].maintenance) == (pytest.approx(0.3), pytest.approx(0.45))
    assert lent["USDE"] == LoanTerms(1.0, 1.0, 10.0)


def test_rules_of_single_accounts_are_shocked_too():
    regime = books.cross(haircut=0.1)
    both = replace(regime, overrides={"a": replace(regime, name="own")})
    assert Shock(haircut=0.2).rules(both).of("a").collateral.haircut.of("BTC") == pytest.approx(0.3)


def test_shocks_scale_and_add():
    shock = Shock(price=-1.0, coins={"ETH": -2.0}, vol=0.5).scaled(0.1) + Shock(price=0.3, days=2.0)
    assert shock.price == pytest.approx(0.2)
    assert shock.coins["ETH"] == pytest.approx(0.1)  # -0.2, and 0.3 with all others
    assert (shock.vol, shock.days) == (0.05, 2.0)
    text = repr(Shock(price=-0.2, vol=0.5, depeg={"USDC": 0.1}, days=1))
    assert text == "Shock(price -20 %, vol +50 %, depeg of USDC -10 %, 1 days)"


@pytest.mark.parametrize(
    ("shock", "words"),
    [
        (Shock(price=-1.0), "price of BTC falls to 0"),
        (Shock(depeg={"USDC": 1.5}), "price of USDC falls to -0.5"),
        (Shock(vol=-2.0), "volatility of 'BTC-27MAR26-70000-C' falls to -0.5"),
        (Shock(coins={"XYZ": 0.1}), "no currency 'XYZ'"),
        (Shock(days=-1.0), "-1 days pass"),
    ],
)
def test_what_cannot_happen_is_refused(market, shock, words):
    with pytest.raises(DataError, match=words):
        shock.market(market)


def test_correlation_needs_a_history():
    with pytest.raises(ParameterError, match="cross has no history whose correlations could change"):
        Shock(correlation=0.5).rules(books.cross())
    with pytest.raises(ValueError, match="price=nan"):
        Shock(price=float("nan"))
