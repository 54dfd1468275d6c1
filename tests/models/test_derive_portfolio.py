"""Derive's portfolio managers against the rules written a second time: margins, components, every scenario.

Errors are relative to the gross worth of the account (`slow.scale`): its cash, its collateral, and of each option contract
forward, strike and spot.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive_books as books
from margin.venues.derive import regime

from . import slow_derive as slow

DAY = "2025-12-08"
NEAR = 1e-12
PM2_CHARGES = {
    "forward": "forward_contingency_usd",
    "oracle": "oracle_contingency_usd",
    "perp": "mm_perp_contingency_usd",
    "perp_initial": "im_perp_contingency_extra_usd",
    "option": "mm_option_contingency_usd",
    "option_initial": "im_option_contingency_extra_usd",
}
PM1_CHARGES = {
    "forward": "forward_contingency_usd",
    "oracle": "oracle_contingency_usd",
    "perp": "perp_contingency_usd",
    "base": "base_contingency_usd",
    "option": "option_contingency_usd",
}
rows = st.dictionaries(st.integers(0, 98), st.integers(-400, 400).map(lambda n: n / 16), max_size=16)
amounts = st.integers(1, 300).map(lambda n: n / 16)
cash = st.integers(-40, 40).map(lambda n: 2500.0 * n)
collateral = st.dictionaries(st.sampled_from(books.COLLATERAL), amounts, max_size=4)


@pytest.fixture(scope="module")
def pm2():
    return regime("pm2_eth", as_of=DAY)


@pytest.fixture(scope="module")
def pm1():
    return regime("pm1_eth", as_of=DAY)


def compare(assessment, expected: dict, scale: float, charges: dict[str, str]) -> None:
    """One account against the twin."""
    near = {"rel": 0, "abs": NEAR * max(scale, 1.0)}
    assert assessment.available[0] == pytest.approx(expected["net_initial_margin_usd"], **near)
    assert assessment.excess[0] == pytest.approx(expected["net_maintenance_margin_usd"], **near)
    columns = assessment.unit_columns()
    for name, published in charges.items():
        assert columns[name].sum() == pytest.approx(-expected[published], **near), name
    worst = min([expected["forward_contingency_usd"], *expected["scenario_pnl_usd"]])
    assert columns["worst_loss"].sum() == pytest.approx(-min(worst, 0.0), **near)
    (pool,) = assessment.explain(assessment.book.accounts[0]).pools
    lines, rest = pool.lines["loss"].sum(), sum(pool.rest.values())
    assert lines + rest == pytest.approx(pool.components.get("worst_loss", (0.0,))[0], **near)
    for margin, total in ((1, assessment.initial_margin[0]), (2, assessment.maintenance_margin[0])):
        assert sum(amounts[margin] for amounts in pool.components.values()) == pytest.approx(total, **near)
    if pool.vectors:
        np.testing.assert_allclose(pool.vectors[0].total, expected["scenario_pnl_usd"], rtol=0, atol=near["abs"])
        np.testing.assert_allclose(pool.vectors[0].lines.sum(axis=0), pool.vectors[0].total, rtol=0, atol=near["abs"])
        scenario = int(assessment.results.units.scenario[0])
        attained = [*expected["scenario_pnl_usd"], expected["forward_contingency_usd"]][scenario]
        assert min(attained, 0.0) == pytest.approx(min(worst, 0.0), **near)
    else:
        assert not any(expected["scenario_pnl_usd"])


def pm2_account(market, positions, balances) -> dict:
    return books.account(market, positions, balances, slow.ETH_PM2, slow.ETH_HAIRCUTS)


@given(seed=st.integers(0, 40), held=rows, usdc=cash, other=collateral)
def test_pm2_follows_the_rules(pm2, seed, held, usdc, other):
    market = books.market(seed)
    balances = {"USDC": usdc} | other
    held = {row: q for row, q in held.items() if q}
    account = pm2_account(market, list(held.items()), balances)
    result = pm2.assess(books.one(market, held, balances), market)
    expected = slow.pm2(account)
    compare(result, expected, slow.scale(account), PM2_CHARGES)
    r, near = result.results, {"rel": 0, "abs": NEAR * slow.scale(account)}
    assert r.option_value[0] == pytest.approx(expected["option_mtm_usd"], **near)
    assert r.equity[0] - r.maintenance_collateral[0] == pytest.approx(-expected["mm_collateral_contingency_usd"], **near)
    extra = r.maintenance_collateral[0] - r.initial_collateral[0]
    assert extra == pytest.approx(-expected["im_collateral_contingency_extra_usd"], **near)
    factors = result.prepared.initial["worst_loss"], result.prepared.maintenance["worst_loss"]
    assert factors == pytest.approx((expected["im_loss_factor"], expected["mm_loss_factor"]), rel=1e-15)


@given(seed=st.integers(0, 40), held=rows, usdc=cash, base=st.none() | amounts)
def test_pm1_follows_the_rules(pm1, seed, held, usdc, base):
    market = books.market(seed, discounted=False)
    balances = {"USDC": usdc} | ({} if base is None else {"ETH": base})
    held = {row: q for row, q in held.items() if q}
    account = books.account(market, list(held.items()), balances, slow.ETH_PM1, {})
    result = pm1.assess(books.one(market, held, balances), market)
    expected = slow.pm1(account)
    compare(result, expected, slow.scale(account), PM1_CHARGES)
    assert result.results.equity[0] == pytest.approx(expected["portfolio_mtm_usd"], rel=0, abs=NEAR * slow.scale(account))


@pytest.mark.parametrize("seed", range(6))
def test_random_books_follow_the_rules(pm2, seed):
    """Forty accounts of each of six markets; between them every kind of scenario, and the basis, is once the worst."""
    market = books.market(100 + seed)
    book = books.book(market, 40, seed)
    batch = pm2.assess(book, market)
    for code in range(40):
        account = pm2_account(market, *books.holdings(book, market, code))
        expected, near = slow.pm2(account), NEAR * max(slow.scale(account), 1.0)
        assert batch.available[code] == pytest.approx(expected["net_initial_margin_usd"], rel=0, abs=near)
        assert batch.excess[code] == pytest.approx(expected["net_maintenance_margin_usd"], rel=0, abs=near)


def test_the_random_books_reach_every_mechanism(pm2):
    """What the comparisons are worth: tails, skews, the basis and each volatility move decide somewhere, and gains happen."""
    market = books.market(3)
    result = pm2.assess(books.book(market, 4000, 1), market)
    columns = result.unit_columns()
    codes = columns["worst_scenario"]
    seen = {str(codes.vocabulary[c]) for c in np.unique(codes.codes) if c >= 0}
    for part in ("vol up", "vol down", "vol same", "vol skew", "vol smile", "weight", "forward", "+18 %", "-18 %"):
        assert any(part in label for label in seen), part
    for name in PM2_CHARGES:
        assert (columns[name] > 0).any(), name
    assert (result.available < 0).any()
    assert (result.available > 0).any()
