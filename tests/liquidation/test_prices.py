"""The solver against a scan of the same terms in plain Python, and liquidation prices worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from margin.book import Book
from margin.errors import DataError, ParameterError
from margin.liquidation import liquidation_prices
from margin.liquidation.prices import Terms, nearest_changes
from margin.models.size_charges import SizeCharge, share_of_futures
from margin.pools import CrossPool
from margin.rates import RateTable, RateTables
from margin.venues.deribit import regime as deribit

from . import books

BOUNDS, RATES = (0.0, 50.0, 120.0, 400.0), (0.01, 0.02, 0.05, 0.2)
TABLES = [
    RateTable.flat(1.0),
    RateTable.flat(0.03),
    RateTable.whole(BOUNDS, RATES),
    RateTable.whole(BOUNDS, RATES[::-1]),
    RateTable.incremental(BOUNDS, RATES),
    RateTable.size_scaled(0.01, 0.0004),
]


def excess(x, now, terms):
    """Excess at a factor, by the definition of the terms."""
    total = now
    for fixed, moving, power, worth, worth_power, table in terms:
        for factor, sign in ((x, 1.0), (1.0, -1.0)):
            amount = np.array([fixed + moving * factor**power])
            value = amount[0] if table == 0 else TABLES[table].requirement(amount)[0]
            total += sign * worth * factor**worth_power * value
    return total


def scanned(now, terms, *, up):
    """First factor from 1 outwards at which the sign changes: every bound and a fine grid, then bisection."""
    kinks = [
        ((floor - fixed) / moving) ** power
        for fixed, moving, power, _, _, table in terms
        for floor in TABLES[table].floor[1:]
        if power and moving and (floor - fixed) / moving > 0
    ]
    near = [k * (1 + e) for k in kinks for e in (-1e-12, 1e-12)]
    grid = np.concatenate((np.geomspace(1e-4, 1e4, 800), near))
    grid = np.sort(grid[grid > 1]) if up else np.sort(grid[grid < 1])[::-1]
    inner, alive = 1.0, now > 0
    for outer in grid:
        if (excess(outer, now, terms) > 0) != alive:
            break
        inner = outer
    else:
        return np.nan
    for _ in range(80):
        middle = (inner + outer) / 2
        inner, outer = (middle, outer) if (excess(middle, now, terms) > 0) == alive else (inner, middle)
    return outer


@pytest.mark.slow
@pytest.mark.parametrize("inverse", [False, True])
def test_solver_against_a_scan(inverse):
    rng = np.random.default_rng(int(inverse))
    n = 150
    every, now = [], rng.normal(8.0, 12.0, n)
    for _ in range(n):
        power = -1 if inverse else 1
        terms = [(rng.normal(0, 20), rng.normal(0, 100), power, rng.uniform(0.7, 1.0), 0, 0)]
        terms += [
            (0.0, rng.uniform(0, 300), power, -rng.uniform(0.5, 1.5), 0, int(rng.integers(1, 6)))
            for _ in range(rng.integers(0, 4))
        ]
        every.append(terms)
    flat = [(problem, *term) for problem, terms in enumerate(every) for term in terms]
    problem, fixed, moving, power, worth, worth_power, table = map(np.array, zip(*flat, strict=True))
    below, above = nearest_changes(
        now,
        now <= 0,
        Terms(problem, fixed, moving, power.astype(np.int8), worth, worth_power.astype(np.int8), table),
        RateTables.of(TABLES),
    )
    found = 0
    for k in range(n):
        for factor, up in ((below[k], False), (above[k], True)):
            expected = scanned(now[k], every[k], up=up)
            if np.isnan(factor) or not 1e-4 < factor < 1e4:
                assert np.isnan(expected), (k, factor, expected, now[k], every[k])
            else:
                assert factor == pytest.approx(expected, rel=1e-9), (k, now[k], every[k])
                found += 1
    assert found > n


def account(positions, balances=(), *, entry=None, isolated=None):
    columns = {
        "account": ["a"] * len(positions),
        "instrument": [p[0] for p in positions],
        "quantity": np.array([p[1] for p in positions], dtype=np.float64),
    }
    if entry is not None:
        columns["entry_price"] = np.array(entry, dtype=np.float64)
    if isolated is not None:
        columns["isolated_collateral"] = np.array(isolated, dtype=np.float64)
    return Book.of(
        positions=columns,
        balances={
            "account": ["a"] * len(balances),
            "currency": [b[0] for b in balances],
            "amount": np.array([b[1] for b in balances], dtype=np.float64),
        },
    )


@pytest.fixture(scope="module")
def market():
    return books.market()


def prices(market, book, *, pool="segregated", kind="flat", by="instrument", regime=None, **options):
    rules = regime or books.regime(pool, kind, discounted=False)
    return liquidation_prices(rules.assess(book, market), by=by, **options)


@pytest.mark.parametrize(("fee", "rate"), [(0.0, 0.02), (0.0005, 0.0205)])
def test_closed_forms(market, fee, rate):
    """With r = rate + fee: linear ``(qE - eq) / (q(1 - r))``, ``(qE + eq) / (q(1 + r))``; inverse ``V(1 + r) / (eq + V/E)``."""
    for quantity in (2000.0, -2000.0):
        size, entry = abs(quantity) * 0.001, 69000.0
        got = prices(market, account([("BTC_USDC-PERP", quantity)], [("USDC", 9000.0)], entry=[entry]), closing_fee=fee)
        if quantity > 0:
            assert got.below[0] == pytest.approx((size * entry - 9000) / (size * (1 - rate)), rel=1e-13)
            assert np.isnan(got.above[0])
        else:
            assert got.above[0] == pytest.approx((size * entry + 9000) / (size * (1 + rate)), rel=1e-13)
            assert np.isnan(got.below[0])
        value = 140000.0
        got = prices(market, account([("BTC-PERP", quantity * 7)], [("BTC", 0.2)], entry=[entry]), closing_fee=fee)
        if quantity > 0:
            assert got.below[0] == pytest.approx(value * (1 + rate) / (0.2 + value / entry), rel=1e-13)
        else:
            assert got.above[0] == pytest.approx(value * (1 - rate) / (value / entry - 0.2), rel=1e-13)


def test_short_inverse_covered_by_its_coin_is_never_liquidated(market):
    got = prices(market, account([("BTC-PERP", -7002.0)], [("BTC", 1.5)]))
    assert np.isnan([got.below[0], got.above[0]]).all()
    assert got.distance[0] == np.inf


def test_hedged_pair_has_a_price_on_both_sides(market):
    """Net long while rates are low; where the tiers of both legs rise, more is required than the net position gains."""
    rules = books.regime("segregated", "incremental", value=True, discounted=False)
    held = account([("BTC_USDC-PERP", 2000.0), ("BTC_USDC-MAR", -1920.0)], [("USDC", 2200.0)])
    got = prices(market, held, by="underlying", regime=rules)
    long, short = 2 * 70030.0, 1.92 * 70410.0

    def excess(x, rate, deduction):
        return 2200 + (long - short) * (x - 1) - (rate * (long + short) * x - 2 * deduction)

    below, above = got.below[0] / 70000, got.above[0] / 70000
    assert 100000 / long < below < 1
    assert above * long > 500000
    assert excess(below, 0.01, 500) == pytest.approx(0, abs=1e-8)  # 0.5 % of 100,000 and 1 % from there on
    assert excess(above, 0.025, 500 + 7500) == pytest.approx(0, abs=1e-8)


def test_tier_at_the_root(market):
    """The tier that holds at the root, not that of now."""
    table = RateTable.incremental((0, 100000), (0.01, 0.05))
    rules = books.regime("segregated", "flat", value=True, discounted=False)
    rules = replace(rules, model=replace(rules.model, futures=replace(rules.model.futures, maintenance=lambda _: table)))
    short = prices(market, account([("BTC_USDC-PERP", -1000.0)], [("USDC", 40000.0)]), regime=rules)
    assert short.above[0] == pytest.approx((70030 + 40000 + 4000) / 1.05, rel=1e-13)  # 5 % less 4,000 from 100,000 on


def test_liquidation_at_a_jump(market):
    rules = books.regime("segregated", "whole", value=True, discounted=False)  # 0.5 % below 100,000, 1 % from there on
    got = prices(market, account([("BTC_USDC-PERP", -1000.0)], [("USDC", 30800.0)]), regime=rules)
    assert got.above[0] == pytest.approx(100000.0, rel=1e-14)
    jumped = market.with_(mark=np.where(np.arange(7) == 3, 100000.0, market.mark))
    at = account([("BTC_USDC-PERP", -1000.0)], [("USDC", 900.0)])
    now = prices(jumped, at, regime=rules)  # at the bound the higher tier holds: in liquidation, and out of it just below
    assert now.in_liquidation[0]
    assert now.below[0] == pytest.approx(100000.0, rel=1e-14)


def test_pool_in_liquidation_gets_the_price_at_which_it_leaves(market):
    got = prices(market, account([("BTC_USDC-PERP", 2000.0)], [("USDC", 1000.0)], entry=[70030.0]))
    assert got.in_liquidation[0]
    assert got.above[0] == pytest.approx((2 * 70030 - 1000) / (2 * 0.98), rel=1e-13)
    assert np.isnan(got.below[0])
    assert got.columns()["in_liquidation"].tolist() == [True]


def test_exactly_at_the_limit(market):
    """Maintenance equal to collateral is liquidation; the price is the mark."""
    got = prices(market.with_(mark=np.where(np.arange(7) == 3, 65536.0, market.mark)),
                 account([("BTC_USDC-PERP", 1000.0)], [("USDC", 0.03125 * 65.536 * 1000)]),
                 regime=_flat(0.03125))  # fmt: skip
    assert got.in_liquidation[0]
    assert got.above[0] == pytest.approx(65536.0, rel=1e-12)
    assert np.isnan(got.below[0])


def _flat(rate):
    rules = books.regime("segregated", "flat", discounted=False)
    return replace(
        rules, model=replace(rules.model, futures=replace(rules.model.futures, maintenance=lambda _: RateTable.flat(rate)))
    )


def test_nothing_to_liquidate(market):
    assert len(prices(market, account([], [("USDC", 1.0)]))) == 0
    zero = prices(market, account([("BTC_USDC-PERP", 0.0)], [("USDC", 1.0)]))
    assert len(zero) == 1
    assert np.isnan([zero.below[0], zero.above[0]]).all()
    bare = prices(market, account([("BTC_USDC-PERP", 1.0)]))
    assert bare.in_liquidation[0]
    empty = liquidation_prices(books.regime("cross", "flat").assess(account([], []), market), by="underlying")
    assert len(empty) == 0


def test_large_leverage_is_near(market):
    got = prices(market, account([("BTC_USDC-PERP", 1e6)], [("USDC", 0.0200001 * 7.003e7)]))
    assert 0 < got.distance[0] < 2e-7


def test_perfect_hedge_has_no_far_price(market):
    """What rounding leaves of two positions that cancel is no exposure."""
    held = [("BTC_USDC-PERP", 333.0), ("BTC_USDC-MAR", -333.0 * 70030.0 / 70410.0)]
    got = prices(market, account(held, [("USDC", 1e5)]), regime=_flat(0.0), by="underlying")
    assert np.isnan([got.below[0], got.above[0]]).all()


def test_collateral_alone_has_a_price(market):
    """A pool that counts in one money and owes dollars against coins fails where the coins are worth the debt."""
    got = prices(market, account([], [("BTC", 1.0), ("USDC", -35000.0)]), pool="cross", by="underlying")
    assert [str(name) for name in got.columns()["underlying"]] == ["BTC"]
    assert got.below[0] == pytest.approx(35000.0, rel=1e-13)


def test_options_are_refused_or_held():
    market = books.market(["BTC-C"])
    book = account([("BTC_USDC-PERP", 2000.0), ("BTC-C", -1.0)], [("USDC", 60000.0)])
    rules = books.regime("cross", "flat", discounted=False)
    with pytest.raises(DataError, match=r"account 'a', instrument 'BTC-C'\): value and margin of an option"):
        liquidation_prices(rules.assess(book, market))
    held = liquidation_prices(rules.assess(book, market), options="hold")
    excess = 60000 - 0.07 * 70000 - 2 * 0.02 * 70030 - (0.075 + 0.07) * 70000
    assert held.below[0] == pytest.approx(70030 - excess / (2 * 0.98), rel=1e-12)


def test_refusals(market):
    book = account([("BTC-PERP", 700.0)], [("BTC", 1.0)])
    with pytest.raises(ParameterError, match="standard models, not for PortfolioModel"):
        liquidation_prices(deribit("cross_portfolio", as_of="2026-02-15").assess(book, market))
    rules = books.regime("cross", "flat", discounted=False)
    charge = SizeCharge("fee", share_of_futures(0.01))
    with pytest.raises(ParameterError, match="the charge 'fee' is part of the maintenance margin"):
        liquidation_prices(replace(rules, model=replace(rules.model, charges=(charge,))).assess(book, market))
    with pytest.raises(ParameterError, match="count in BTC"):
        liquidation_prices(replace(rules, pool=CrossPool("BTC")).assess(book, market), by="underlying")
    quadratic = books.regime("cross", "scaled", value=True, discounted=False)
    mixed = account([("BTC-PERP", 7000.0), ("BTC_USDC-PERP", 100.0)], [("BTC", 10.0)])
    with pytest.raises(DataError, match="underlying 'BTC'\\): contracts of one pool whose margins grow"):
        liquidation_prices(quadratic.assess(mixed, market), by="underlying")
    result = rules.assess(book, market)
    for wrong in ({"by": "coin"}, {"options": "drop"}, {"closing_fee": -0.1}, {"by": "underlying", "index_follows": False}):
        with pytest.raises(ValueError, match=next(iter(wrong)) if len(wrong) == 1 else "index_follows"):
            liquidation_prices(result, **wrong)


def test_accounts_with_rules_of_their_own(market):
    rng = np.random.default_rng(3)
    book = books.book(6, rng, market)
    rules = books.regime("cross", "flat")
    strict = books.regime("cross", "incremental")
    name = str(book.accounts[2])
    mixed = liquidation_prices(replace(rules, overrides={name: strict}).assess(book, market))
    for one, expected in ((rules, mixed.account != 2), (strict, mixed.account == 2)):
        all_of_it = liquidation_prices(one.assess(book, market))
        np.testing.assert_array_equal(mixed.below[expected], all_of_it.below[expected])
        np.testing.assert_array_equal(mixed.account, all_of_it.account)


def test_blocks_do_not_matter(market, monkeypatch):
    book = books.book(20, np.random.default_rng(4), market)
    rules = books.regime("cross", "incremental")
    whole = liquidation_prices(rules.assess(book, market), by="underlying")
    monkeypatch.setattr("margin.liquidation.table.BLOCK", 3)
    parts = liquidation_prices(rules.assess(book, market), by="underlying")
    for name in ("account", "below", "above", "quantity"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
