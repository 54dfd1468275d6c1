"""OKX's standard modes against their rules written a second time, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from margin import Book
from margin.errors import DataError, ParameterError
from margin.params import STATUSES
from margin.venues.okx import regime
from margin.venues.okx.rules import Options

from . import slow_standard as slow
from .conftest import BORROW, CONTRACTS, DISCOUNTS, OPTION, TIERS, USD

DAY = "2026-06-30"
NAMES = list(CONTRACTS)
NEAR = {"rel": 1e-10, "abs": 1e-9}


def of(mode, params, **options):
    return regime(mode, as_of=DAY, params=params, accept=STATUSES, options=Options(**options))


def random_account(random, *, hedged):
    """Positions, orders and balances of one account; one leverage for each instrument, as the venue has it."""
    leverage = {name: float(random.choice([1, 3, 10, 50])) for name in NAMES}
    legs = ["long", "short"] if hedged else [None]
    positions, orders = {}, []
    for name in random.choice(NAMES, size=6, replace=False):
        if CONTRACTS[name]["kind"] == "spot":
            continue
        leg = legs[int(random.integers(len(legs)))]
        quantity = float(np.round(random.normal() * 60, 1))
        positions[name, leg] = quantity if leg is None else abs(quantity) * (1 if leg == "long" else -1)
    for name in random.choice(NAMES, size=7):
        kind = CONTRACTS[name]["kind"]
        leg = None if kind == "spot" else legs[int(random.integers(len(legs)))]
        quantity = float(np.round(random.normal() * (0.3 if kind == "spot" else 40), 2))
        price = CONTRACTS[name]["mark"] * float(random.uniform(0.8, 1.2))
        orders.append((str(name), quantity or 0.1, price, leverage[name], leg))
    held = [(str(name), quantity, leverage[name], leg) for (name, leg), quantity in positions.items()]
    owned = {c: float(random.normal() * 3e5 / USD[c]) for c in USD}
    return held, orders, owned


def book_of(accounts, *, off=()):
    def column(rows, of):
        return [of(row) for row in rows]

    held = [(a, row) for a, (positions, _, _) in accounts.items() for row in positions]
    resting = [(a, row) for a, (_, orders, _) in accounts.items() for row in orders]
    owned = [(a, c, x) for a, (_, _, balances) in accounts.items() for c, x in balances.items()]
    return Book.of(
        positions={
            "account": column(held, lambda r: r[0]), "instrument": column(held, lambda r: r[1][0]),
            "quantity": column(held, lambda r: r[1][1]), "leverage": column(held, lambda r: r[1][2]),
            "side": column(held, lambda r: r[1][3]),
        },
        orders={
            "account": column(resting, lambda r: r[0]), "instrument": column(resting, lambda r: r[1][0]),
            "quantity": column(resting, lambda r: r[1][1]), "price": column(resting, lambda r: r[1][2]),
            "leverage": column(resting, lambda r: r[1][3]), "side": column(resting, lambda r: r[1][4]),
        },
        balances={
            "account": column(owned, lambda r: r[0]), "currency": column(owned, lambda r: r[1]),
            "amount": column(owned, lambda r: r[2]), "collateral": [c not in off for _, c, _ in owned],
        },
    )  # fmt: skip


@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_multi_currency_follows_the_rules(okx_market, okx_params, hedged, seed):
    random = np.random.default_rng(seed)
    accounts = {f"a{i}": random_account(random, hedged=hedged) for i in range(5)}
    off = ("SOL",) if seed % 2 else ()
    result = of("multi_currency", okx_params).assess(book_of(accounts, off=off), okx_market)
    columns = result.columns()
    for i in range(len(result)):
        positions, orders, owned = accounts[columns["account"][i]]
        initial, maintenance = slow.requirement(
            CONTRACTS, positions, orders, TIERS, OPTION, in_usd=True, usd=USD, with_orders=True
        )
        equity = dict(owned)
        for name, quantity, _, _ in positions:
            c = CONTRACTS[name]
            if c["kind"] == "option":
                equity[c["settle"]] += min(quantity, 0.0) * c["size"] * c["mark"]
        debts = slow.borrow_margins(equity, orders, CONTRACTS, BORROW, USD)
        assert columns["initial_margin"][i] == pytest.approx(initial + debts[0], **NEAR)
        assert columns["maintenance_margin"][i] == pytest.approx(maintenance + debts[1], **NEAR)
        adjusted = slow.adjusted_equity(equity, orders, CONTRACTS, DISCOUNTS, USD, off)
        assert columns["collateral_value"][i] == pytest.approx(adjusted, rel=1e-10, abs=1e-6)


@pytest.mark.parametrize("hedged", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_futures_mode_follows_the_rules(okx_market, okx_params, hedged, seed):
    random = np.random.default_rng(100 + seed)
    accounts = {f"a{i}": random_account(random, hedged=hedged) for i in range(5)}
    result = of("futures", okx_params).assess(book_of(accounts), okx_market)
    columns = result.columns()
    for i in range(len(result)):
        positions, orders, owned = accounts[columns["account"][i]]
        currency = columns["pool"][i]
        mine = [p for p in positions if CONTRACTS[p[0]]["settle"] == currency]
        resting = [o for o in orders if CONTRACTS[o[0]]["settle"] == currency]
        want = slow.requirement(CONTRACTS, mine, resting, TIERS, OPTION, in_usd=False, usd=USD, with_orders=False)
        assert (columns["initial_margin"][i], columns["maintenance_margin"][i]) == pytest.approx(want, **NEAR)
        paid = 0.0
        for name, quantity, price, _, _ in orders:
            c = CONTRACTS[name]
            if c["kind"] == "spot":
                paid += -quantity if quantity < 0 and c["base"] == currency else 0.0
                paid += quantity * price if quantity > 0 and c["settle"] == currency else 0.0
        assert columns["collateral_value"][i] == pytest.approx(owned.get(currency, 0.0) - paid, **NEAR)


def test_threads_and_blocks_change_nothing(okx_market, okx_params):
    random = np.random.default_rng(5)
    accounts = {f"a{i}": random_account(random, hedged=False) for i in range(30)}
    mode = of("multi_currency", okx_params)
    whole = mode.assess(book_of(accounts), okx_market)
    cut = mode.assess(book_of(accounts), okx_market, threads=2, block=4)
    for name in ("initial_margin", "maintenance_margin", "collateral_value"):
        np.testing.assert_array_equal(whole.columns()[name], cut.columns()[name])


def isolated_book(**columns):
    n = len(columns["quantity"])
    owned = {"account": ["a"], "currency": ["USDT"], "amount": [1e4]}
    return Book.of(positions={"account": ["a"] * n, **columns}, balances=owned)


@pytest.mark.parametrize("mode", ["futures", "multi_currency", "portfolio"])
def test_an_isolated_position_has_its_initial_margin_at_entry(okx_market, okx_params, mode):
    held = isolated_book(
        instrument=["BTC-USDT-SWAP", "BTC-USD-SWAP"], quantity=[10.0, -5.0], entry_price=[65_000.0, 72_000.0],
        isolated_collateral=[700.0, 0.002], leverage=[10.0, 5.0],
    )  # fmt: skip
    columns = of(mode, okx_params).assess(held, okx_market).columns()
    at = {columns["pool"][i]: i for i in range(len(columns["pool"]))}
    usdt, btc = (1.0, 1.0) if mode == "futures" else (USD["USDT"], USD["BTC"])
    assert columns["initial_margin"][at["BTC-USDT-SWAP"]] == pytest.approx(0.1 * 65_000 / 10 * usdt)
    assert columns["maintenance_margin"][at["BTC-USDT-SWAP"]] == pytest.approx(0.1 * 70_050 * 0.004 * usdt)
    assert columns["initial_margin"][at["BTC-USD-SWAP"]] == pytest.approx(500 / 72_000 / 5 * btc)
    assert columns["equity"][at["BTC-USD-SWAP"]] == pytest.approx((0.002 - 500 * (1 / 72_000 - 1 / 70_020)) * btc)


def test_dated_futures_of_a_family_share_a_tier_and_the_perpetual_has_its_own(okx_market, okx_params):
    names = ["BTC-USDT-260626", "BTC-USDT-260925", "BTC-USDT-SWAP"]
    held = isolated_book(instrument=names, quantity=[30.0, -30.0, 30.0], leverage=[50.0] * 3)
    lines = of("futures", okx_params).assess(held, okx_market).explain("a").pools[0]
    by_name = dict(zip(lines.names, lines.lines["maintenance_margin"], strict=True))
    assert by_name == {
        names[0]: pytest.approx(0.3 * 70_900 * 0.01), names[1]: pytest.approx(0.3 * 71_500 * 0.01),
        names[2]: pytest.approx(0.3 * 70_050 * 0.004),
    }  # fmt: skip


def test_the_leverage_of_the_tier_limits_the_one_chosen(okx_market, okx_params):
    held = isolated_book(instrument=["BTC-USDT-SWAP"], quantity=[300.0], leverage=[50.0])
    assert of("futures", okx_params).assess(held, okx_market).initial_margin[0] == pytest.approx(3 * 70_050 * 0.06)


def test_spot_mode_holds_no_derivatives(okx_market, okx_params):
    held = isolated_book(instrument=["BTC-USDT-SWAP"], quantity=[1.0], leverage=[1.0])
    with pytest.raises(DataError, match=r"spot mode holds no derivatives, and swap.BTC-USDT is held or ordered"):
        of("spot", okx_params).assess(held, okx_market)


def test_spot_mode_margins_debts_or_reserves_what_orders_pay(okx_market, okx_params):
    held = Book.of(
        balances={"account": ["a", "a"], "currency": ["BTC", "USDT"], "amount": [0.5, -1_000.0]},
        orders={"account": ["a"], "instrument": ["BTC-USDT"], "quantity": [0.1], "price": [60_000.0]},
    )
    borrowing = of("spot", okx_params).assess(held, okx_market)
    assert borrowing.maintenance_margin[0] == pytest.approx(1_000 * 0.999 * 0.03)
    assert borrowing.initial_margin[0] == pytest.approx(7_000 * 0.999 * 0.12)
    reserved = of("spot", okx_params, borrowing=False).assess(held, okx_market).columns()
    value = {reserved["pool"][i]: reserved["collateral_value"][i] for i in range(2)}
    assert value == {"BTC": 0.5, "USDT": -7_000.0}


def test_a_coin_that_is_sold_and_not_held_is_missing(okx_market, okx_params):
    held = Book.of(orders={"account": ["a"], "instrument": ["ETH-BTC"], "quantity": [-2.0], "price": [0.028]})
    reserved = of("spot", okx_params, borrowing=False).assess(held, okx_market).columns()
    value = {reserved["pool"][i]: reserved["collateral_value"][i] for i in range(len(reserved["pool"]))}
    assert value == {"ETH": -2.0, "BTC": 0.0}
    borrowed = of("multi_currency", okx_params).assess(held, okx_market)
    assert borrowed.initial_margin[0] == pytest.approx(2 * 2_000 * 0.10)
    assert borrowed.columns()["collateral_value"][0] == pytest.approx(-(2 * 2_000 - 0.056 * 70_000 * 0.98))


def test_what_is_not_known_is_refused_by_name(okx_market):
    mode = regime("multi_currency", as_of=DAY)
    held = Book.of(positions={"account": ["a"], "instrument": ["BTC-USDT-SWAP"], "quantity": [1.0], "leverage": [5.0]})
    with pytest.raises(ParameterError, match=r"tiers.swap.BTC-USDT.max has no value on 2026-06-30"):
        mode.assess(held, okx_market)
    with pytest.raises(ParameterError, match=r"discount.SOL.max has no value"):
        mode.assess(Book.of(balances={"account": ["a"], "currency": ["SOL"], "amount": [1.0]}), okx_market)
    with pytest.raises(DataError, match=r"balances.amount: 30.0 is held, and discount rates are known up to 25.0"):
        mode.assess(Book.of(balances={"account": ["a"], "currency": ["BTC"], "amount": [30.0]}), okx_market)
    with pytest.raises(ParameterError, match=r"borrow.USDT.bounds has no value"):
        mode.assess(Book.of(balances={"account": ["a"], "currency": ["USDT"], "amount": [-1.0]}), okx_market)


def test_a_family_above_its_last_tier_is_refused(okx_market, okx_params):
    held = isolated_book(instrument=["BTC-USDT-SWAP"], quantity=[2e9], leverage=[1.0])
    with pytest.raises(DataError, match=r"2e\+09 contracts of swap.BTC-USDT are held and ordered, and its tiers end at 1e\+09"):
        of("futures", okx_params).assess(held, okx_market)


def test_a_position_without_leverage_is_refused(okx_market, okx_params):
    held = isolated_book(instrument=["BTC-USDT-SWAP"], quantity=[1.0])
    with pytest.raises(DataError, match="'BTC-USDT-SWAP' is held or ordered without a leverage"):
        of("futures", okx_params).assess(held, okx_market)


def test_explained_lines_add_up(okx_market, okx_params):
    random = np.random.default_rng(9)
    positions, _, owned = random_account(random, hedged=False)
    result = of("multi_currency", okx_params).assess(book_of({"a": (positions, [], owned)}), okx_market)
    pool = result.explain("a").pools[0]
    assert pool.lines["initial_margin"].sum() == pytest.approx(result.initial_margin[0])
    assert pool.lines["maintenance_margin"].sum() == pytest.approx(result.maintenance_margin[0])
