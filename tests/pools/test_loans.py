"""Loans beside balances, markups, tiers over value, pools without isolated positions."""

from __future__ import annotations

import numpy as np
import pytest

from margin import Book, Regime
from margin.by_name import ByName
from margin.errors import DataError
from margin.models.futures import FuturesMargin
from margin.models.loans import LoanMargin, WithLoans
from margin.models.option_corners import ReducedShareMargin
from margin.models.options import PerPosition
from margin.models.order_values import WorseSideValues
from margin.models.orders import IgnoredOrders
from margin.models.standard import StandardModel
from margin.pools import Collateral, CrossPool, DiscountTiers, SegregatedPool, SharedOnly
from margin.rates import RateTable

PERP = "BTC_USDC-PERPETUAL"


def standard(orders=None, **more):
    free = ReducedShareMargin(*(ByName("share", 0.0) for _ in range(4)))
    futures = FuturesMargin(lambda name: RateTable.flat(0.02), lambda name: RateTable.flat(0.01), price="mark", **more)
    return StandardModel(futures, PerPosition(free, free), orders or IgnoredOrders())


def lent(initial=0.2, maintenance=0.1):
    tiers = RateTable.incremental((0, 100_000), (maintenance, 2 * maintenance))
    return WithLoans(standard(), LoanMargin(lambda coin: RateTable.flat(initial), lambda coin: tiers))


def book(amount=2.0, loan=1.0, n=1):
    accounts = [f"a{i}" for i in range(n)]
    return Book.of(
        positions={"account": accounts, "instrument": [PERP] * n, "quantity": np.arange(1.0, n + 1)},
        balances={
            "account": accounts * 2,
            "currency": ["BTC"] * n + ["USDC"] * n,
            "amount": [amount] * n + [5.0] * n,
            "loan": [loan] * n + [None] * n,
        },
    )


def test_a_loan_is_taken_off_the_equity_and_margined_in_full(market):
    result = Regime("lent", CrossPool(), lent()).assess(book(), market)
    assert result.results.equity[0] == pytest.approx(70_000 + 5)
    assert result.columns()["loans"][0] == pytest.approx(0.2 * 70_000)
    assert result.maintenance_margin[0] == pytest.approx(0.1 * 70_000 + 0.01 * 0.001 * 70_030)
    more = Regime("lent", CrossPool(), lent()).assess(book(2.0, 2.0), market)
    assert more.maintenance_margin[0] == pytest.approx(0.1 * 100_000 + 0.2 * 40_000 + 0.01 * 0.001 * 70_030)
    pool = result.explain("a0").pools[0]
    assert pool.lines["initial_margin"].sum() + pool.rest["loans"] == pytest.approx(result.initial_margin[0])
    assert "loans" in repr(result.explain("a0"))


def test_loans_do_not_depend_on_blocks_threads_or_company(market):
    regime = Regime("lent", CrossPool(), lent())
    held = book(n=9)
    whole, cut = regime.assess(held, market), regime.assess(held, market, block=2, threads=2)
    np.testing.assert_array_equal(whole.maintenance_margin, cut.maintenance_margin)
    alone = regime.assess(held.select(["a3"]), market)
    assert alone.maintenance_margin[0] == whole.maintenance_margin[3]
    own = Regime("lent", CrossPool(), lent(), overrides={"a3": Regime("own", CrossPool(), lent(0.4))})
    assert own.assess(held, market).columns()["loans"][3] == pytest.approx(2 * whole.columns()["loans"][3])


def test_a_negative_loan_and_pools_of_currencies_are_refused(market):
    with pytest.raises(DataError, match=r"balances\.loan, row 0 .*: -1\.0 is negative"):
        book(loan=-1.0)
    with pytest.raises(ValueError, match="loans are margined in pools of whole accounts"):
        Regime("lent", SegregatedPool(), lent()).assess(book(), market)
    segregated = Regime("plain", SegregatedPool(), standard()).assess(book(), market).columns()
    assert dict(zip(list(segregated["pool"]), segregated["equity"], strict=True))["BTC"] == 1.0


@pytest.mark.parametrize(("apart", "want"), [((), 0.5 * 70_000), (("loans",), 0.5 * 140_000 - 1.2 * 70_000)])
def test_loans_are_netted_before_the_haircut_or_not(market, apart, want):
    collateral = Collateral(ByName("haircut", {"BTC": 0.5, "USDC": 0.0}), debt_markup=ByName("up", {"BTC": 0.2}), apart=apart)
    result = Regime("lent", CrossPool(), lent(), collateral).assess(book(), market)
    assert result.results.maintenance_collateral[0] == pytest.approx(want + 5)


def test_losses_are_marked_up_apart_from_the_balance(market):
    held = Book.of(
        positions={"account": ["a"], "instrument": [PERP], "quantity": [1_000.0], "entry_price": [70_130.0]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [1_000.0]},
    )
    for apart, want in (((), 900 * 0.9), (("unrealised",), 1_000 * 0.9 - 100 * 1.1)):
        collateral = Collateral(ByName("cut", 0.1), debt_markup=ByName("up", 0.1), apart=apart)
        result = Regime("marked", CrossPool(), standard(markup=ByName("up", 0.25)), collateral).assess(held, market)
        assert result.results.maintenance_collateral[0] == pytest.approx(want)
        assert result.maintenance_margin[0] == pytest.approx(1.25 * 0.01 * 70_030)
        assert result.initial_margin[0] == pytest.approx(1.25 * 0.02 * 70_030)


def test_tiers_over_value_and_apart_for_the_initial_margin(market):
    tiers = {"BTC": DiscountTiers((0.0, 35_000.0), (1.0, 0.5))}

    def assessed(**more):
        return Regime("tiers", CrossPool(), lent(), Collateral(tiers_in="value", **more)).assess(book(), market).results

    both = assessed(tiers=tiers)
    assert both.maintenance_collateral[0] == pytest.approx(35_000 + 17_500 + 5)
    initial = assessed(initial_tiers=tiers)
    assert initial.maintenance_collateral[0] == pytest.approx(70_005)
    assert initial.initial_collateral[0] == pytest.approx(both.maintenance_collateral[0])


def test_a_pool_without_isolated_positions_refuses_them(market):
    positions = {"account": ["a"], "instrument": [PERP], "quantity": [1.0]}
    held = Book.of(positions=positions)
    pool = SharedOnly(CrossPool())
    plain = Regime("shared", CrossPool(), standard()).assess(held, market)
    assert Regime("shared", pool, standard()).assess(held, market).initial_margin[0] == plain.initial_margin[0]
    with pytest.raises(DataError, match=r"positions\.isolated_collateral: a position in 'BTC_USDC-PERPETUAL' has collateral"):
        Regime("shared", pool, standard()).assess(Book.of(positions={**positions, "isolated_collateral": [3.0]}), market)


def test_orders_by_value_are_for_futures_by_leverage(market):
    held = Book.of(positions={"account": ["a"], "instrument": [PERP], "quantity": [1.0], "leverage": [2.0]})
    with pytest.raises(ValueError, match="orders by value over leverage need futures"):
        Regime("wrong", CrossPool(), standard(WorseSideValues())).assess(held, market)
    orders = {"account": ["a"], "instrument": ["BTC-27MAR26-70000-C"], "quantity": [1.0], "price": [0.1], "leverage": [2.0]}
    with pytest.raises(DataError, match="is an option, and options are not ordered here"):
        Regime("right", CrossPool(), standard(WorseSideValues(), leverage="position")).assess(Book.of(orders=orders), market)
