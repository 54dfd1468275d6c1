"""Standard margin: positions one by one, orders by their worse side. Expectations are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from margin.book import Book
from margin.errors import ParameterError
from margin.venues.deribit import regime

BTC, ETH = 70000.0, 1960.0


@pytest.fixture(scope="module")
def segregated():
    return regime("segregated_standard", as_of="2026-02-15")


@pytest.fixture(scope="module")
def cross():
    return regime("cross_standard", as_of="2026-02-15")


def book(positions, *, orders=(), balances=(("BTC", 10.0),)):
    return Book.of(
        positions={
            "account": ["a"] * len(positions),
            "instrument": [p[0] for p in positions],
            "quantity": np.array([p[1] for p in positions], dtype=np.float64),
        },
        orders={
            "account": ["a"] * len(orders),
            "instrument": [o[0] for o in orders],
            "quantity": np.array([o[1] for o in orders], dtype=np.float64),
            "price": np.array([o[2] for o in orders], dtype=np.float64),
        },
        balances={
            "account": ["a"] * len(balances),
            "currency": [b[0] for b in balances],
            "amount": np.array([b[1] for b in balances], dtype=np.float64),
        },
    )


def margins(regime, market, *args, **kwargs):
    result = regime.assess(book(*args, **kwargs), market)
    return result.initial_margin[0], result.maintenance_margin[0], result.columns()


def test_size_scaled_rate_of_inverse_futures(market, segregated):
    initial, maintenance, _ = margins(segregated, market, [("BTC-PERPETUAL", 70020.0)])  # 10 coins
    assert initial == pytest.approx((0.02 + 0.00005 * 10) * 10)
    assert maintenance == pytest.approx((0.01 + 0.00005 * 10) * 10)


def test_nothing_nets_between_instruments(market, segregated):
    initial, _, _ = margins(segregated, market, [("BTC-PERPETUAL", 70020.0), ("BTC-27MAR26", -70400.0)])
    assert initial == pytest.approx(2 * (0.02 + 0.00005 * 10) * 10)


def test_linear_futures_are_valued_at_the_index(market, segregated):
    initial, _, _ = margins(segregated, market, [("BTC_USDC-PERPETUAL", 2000.0)], balances=[("USDC", 1.0)])  # 2 coins
    assert initial == pytest.approx((0.02 + 0.00005 * 2) * 2 * BTC)


@pytest.mark.parametrize(
    ("name", "initial", "maintenance"),
    [
        ("BTC-27MAR26-70000-C", 0.15 + 0.07, 0.075 + 0.07),  # at the money
        ("BTC-27MAR26-60000-P", 0.10 + 0.02, 0.075 + 0.02),  # out of the money by 14 %: the minimum holds
        ("ETH-27MAR26-2000-C", 0.15 - 40 / 1960 + 0.06, 0.075 + 0.06),
    ],
)
def test_short_inverse_options(market, segregated, name, initial, maintenance):
    got = margins(segregated, market, [(name, -3.0)], balances=())
    assert got[:2] == (pytest.approx(3 * initial), pytest.approx(3 * maintenance))
    assert margins(segregated, market, [(name, 3.0)], balances=())[:2] == (0.0, 0.0)


def test_short_linear_call_with_multiplier(market, segregated):
    initial, maintenance, _ = margins(segregated, market, [("BTC_USDC-27MAR26-80000-C", -5.0)], balances=())
    size = 5 * 0.01
    assert initial == pytest.approx(size * (max(0.15 * BTC - 10000, 0.10 * BTC) + 1500))
    assert maintenance == pytest.approx(size * (0.075 * BTC + 1500))


def test_cross_sums_in_usd(market, cross):
    initial, _, columns = margins(
        cross, market, [("BTC-PERPETUAL", 70020.0), ("ETH-27MAR26-2000-C", -1.0)], balances=[("BTC", 1.0), ("USDC", -500.0)]
    )
    assert initial == pytest.approx((0.02 + 0.0005) * 10 * BTC + (0.15 - 40 / 1960 + 0.06) * ETH)
    assert columns["collateral_value"][0] == pytest.approx(BTC - 500)  # the short option's value counts in equity only
    assert columns["equity"][0] == pytest.approx(BTC - 500 - 0.06 * ETH)


@pytest.mark.parametrize(
    ("orders", "worse"),
    [
        ([("BTC-PERPETUAL", 7000.0, 70000.0)], 11.0),  # one coin more
        ([("BTC-PERPETUAL", -7000.0, 70000.0)], 10.0),  # reduces: costs nothing
        ([("BTC-PERPETUAL", -7000.0 * 25, 70000.0)], 15.0),  # turns the position round
        ([("BTC-PERPETUAL", 7000.0, 70000.0), ("BTC-PERPETUAL", 3500.0, 35000.0)], 12.0),  # sized at their own prices
    ],
)
def test_orders_are_margined_by_their_worse_side(market, segregated, orders, worse):
    initial, maintenance, columns = margins(segregated, market, [("BTC-PERPETUAL", 70020.0)], orders=orders)
    assert initial == pytest.approx((0.02 + 0.00005 * worse) * worse)
    assert columns["open_orders"][0] == pytest.approx(initial - (0.02 + 0.0005) * 10, abs=1e-12)
    assert maintenance == pytest.approx((0.01 + 0.0005) * 10)


def test_orders_without_a_position(market, segregated):
    initial, maintenance, _ = margins(segregated, market, [], orders=[("BTC-PERPETUAL", -7000.0, 70000.0)])
    assert initial == pytest.approx(0.02 + 0.00005)
    assert maintenance == 0.0


def test_option_orders_need_premium_beyond_the_short_position(market, segregated):
    name = "BTC-27MAR26-70000-C"
    _, _, columns = margins(segregated, market, [(name, -2.0)], orders=[(name, 5.0, 0.08), (name, -1.0, 0.09)])
    assert columns["order_premium"][0] == pytest.approx(3 * (0.08 + 0.0003))
    assert columns["open_orders"][0] == pytest.approx(0.15 + 0.07)
    _, _, cheap = margins(segregated, market, [], orders=[(name, 1.0, 0.001)])
    assert cheap["order_premium"][0] == pytest.approx(0.001 + 0.125 * 0.001)


def test_order_prices_are_margined_inside_the_band(market, segregated):
    banded = market.with_(
        min_price=np.full(len(market), 35000.0), max_price=np.where(market.kind == 2, np.nan, 140000.0)
    )
    initial, _, _ = margins(segregated, banded, [], orders=[("BTC-PERPETUAL", 7000.0, 1.0)])
    assert initial == pytest.approx((0.02 + 0.00005 * 2) * 2)


def test_explanation_adds_up(market, cross):
    held = [("BTC-PERPETUAL", 70020.0), ("ETH-27MAR26-2000-C", -2.0), ("BTC_USDC-27MAR26-80000-C", -3.0)]
    result = cross.assess(book(held), market)
    pool = result.explain("a").pools[0]
    assert pool.names == ("BTC-PERPETUAL", "ETH-27MAR26-2000-C", "BTC_USDC-27MAR26-80000-C")
    assert pool.lines["initial_margin"].sum() == pytest.approx(result.initial_margin[0])
    assert pool.lines["maintenance_margin"].sum() == pytest.approx(result.maintenance_margin[0])
    assert pool.rest == {}


def test_unknown_pair_is_refused_by_name(market, segregated):
    late = regime("segregated_standard", as_of="2024-12-31")
    with pytest.raises(ParameterError, match=r"pair\.BTC_USDC\.base_im"):
        late.assess(book([("BTC_USDC-PERPETUAL", 1.0)]), market)
    assert late.assess(book([("BTC-PERPETUAL", 1.0)]), market).initial_margin[0] > 0  # others are not asked for it


def test_dated_rates(market):
    before = regime("segregated_standard", as_of="2022-01-10")
    initial, maintenance, _ = margins(before, market, [("BTC-PERPETUAL", 70020.0)])
    assert initial == pytest.approx((0.01 + 0.0005) * 10)
    assert maintenance == pytest.approx((0.00525 + 0.0005) * 10)
