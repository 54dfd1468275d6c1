"""Derive's portfolio managers against the rules written a second time: margins, components, every scenario.

Errors are relative to the gross worth of the account (`slow.scale`): its cash, its collateral, and of each option contract
forward, strike and spot.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import derive_books as books
from margin.models.charges import GivenCharge
from margin.venues.derive import parameters, regime
from margin.venues.derive.rules import Options

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


@given(seed=st.integers(0, 40), held=rows, other=collateral, amount=st.floats(0, 50_000))
def test_contributions_add_up_where_another_charge_wins(pm2, seed, held, other, amount):
    market = books.market(seed)
    model = replace(pm2.model, competing=(*pm2.model.competing, GivenCharge("rival", amount)))
    book = books.one(market, {row: q for row, q in held.items() if q}, {"USDC": 10.0} | other)
    result = replace(pm2, model=model).assess(book, market)
    units, (pool,) = result.results.units, result.explain("a").pools
    worst = float(units.worst_loss.sum())
    assert pool.lines["loss"].sum() + sum(pool.rest.values()) == pytest.approx(worst, rel=1e-12, abs=1e-6)
    without = pm2.assess(book, market).results.units.worst_loss.sum()
    assert worst == (max(without, amount) if len(units.pool) else 0.0)
    won = len(units.pool) and amount > without
    assert pool.rest["rival"] == (amount if won else 0.0)
    assert (pool.scenarios == {"ETH": "rival"}) == bool(won)


# The tables of the specification, section 4.1.

TAILS = {
    "ETH": slow.TAILS,
    "BTC": slow.TAILS,
    "SOL": {0.67: 0.72, 0.34: 0.36, 1.5: 0.48, 2: 0.24, 3: 0.12, 4: 0.08, 5: 0.06, 6: 0.048},
    "HYPE": {0.34: 0.49, 1.5: 0.66, 2: 0.33, 3: 0.165, 4: 0.11, 5: 0.0825, 6: 0.066},
}
MANAGERS = {  # spot step; im, mm factor; perp mm, extra; option mm, extra; vol up, down; least vol
    "ETH": (0.045, 1.0, 0.8, 0.03, 0.01, 0.003, 0.002, 0.5, 0.3, 0.4),
    "BTC": (0.045, 1.0, 0.8, 0.03, 0.01, 0.003, 0.002, 0.5, 0.3, 0.4),
    "SOL": (0.0675, 1.1, 0.9, 0.05, 0.01, 0.015, 0.005, 0.6, 0.3, 0.6),
    "HYPE": (0.0825, 1.15, 0.95, 0.075, 0.025, 0.0175, 0.0075, 0.65, 0.3, 0.6),
}
FIELDS = (
    "im_factor", "mm_factor", "mm_perp_percent", "im_perp_percent_extra", "mm_option_percent", "im_option_percent_extra",
    "vol_range_up", "vol_range_down", "min_vol_up_shock",
)  # fmt: skip


def grid(step: float) -> set[tuple[float, str, float]]:
    """Three steps on both sides with the volatility up, unchanged and down; a fourth with the volatility up."""
    spots = [round(1 + i * step, 6) for i in range(-3, 4)]
    return {(s, vol, 1.0) for s in spots for vol in ("up", "none", "down")} | {
        (round(1 + i * step, 6), "up", 1.0) for i in (-4, 4)
    }


@pytest.mark.parametrize("coin", MANAGERS)
def test_parameters_of_pm2(coin):
    p, (step, *values) = parameters(DAY), MANAGERS[coin]
    assert [p.number(f"pm2.{coin}.{name}") for name in FIELDS] == values
    basis = [p.number(f"pm2.{coin}.basis_spot_{side}") for side in ("up", "down")]
    assert basis == pytest.approx([1 + step, 1 - step], rel=1e-15)
    listed = [(float(s), vol, float(weight)) for s, vol, weight in p.get(f"pm2.{coin}.scenarios")]
    tails = {(float(s), "up", weight) for s, weight in TAILS[coin].items()}
    assert set(listed) == grid(step) | tails | {(1.0, "linear", 1.0), (1.0, "abs", 1.0)}
    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("coin", ["ETH", "BTC"])
def test_parameters_of_pm1(coin):
    p = parameters(DAY)
    for name, value in slow.ETH_PM1.items():
        if name != "scenarios":
            assert p.number(f"pm1.{coin}.{name}") == value, name
    listed = {(float(s), vol, 1.0) for s, vol in p.get(f"pm1.{coin}.scenarios")}
    assert listed == grid(0.045)


def test_readings_of_the_sources():
    contract, documented = parameters(DAY), parameters("2026-04-01", options=Options(source="documentation"))
    for name, values in {"conf_margin": (0.4, 1.0), "vol_range_down": (0.3, 0.275)}.items():
        assert (contract.number(f"pm2.ETH.{name}"), documented.number(f"pm2.ETH.{name}")) == values
    market, held = books.market(0, calm=True), {1 + 14 * 6 + 6: 1.0}  # a call of the last expiry
    given = {kind: regime("pm2_eth", as_of=DAY, options=Options(static_discounts=kind)) for kind in ("documentation", "contract")}
    worst = {kind: r.assess(books.one(market, held, {}), market).results.units.worst_loss[0] for kind, r in given.items()}
    assert worst["documentation"] > worst["contract"]  # its value counts at 0.98 or at 1.02
