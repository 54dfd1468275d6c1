"""Isolated positions beside shared pools, legs that do not net, leverage chosen by position."""

from __future__ import annotations

import numpy as np
import pytest

from margin import Book, Regime
from margin.errors import DataError
from margin.models.futures import FuturesMargin
from margin.models.options import MoneynessMargin, PerPosition
from margin.models.orders import IgnoredOrders
from margin.models.split import SplitModel
from margin.models.standard import StandardModel
from margin.pools import CrossPool, IsolatedPool, PartlyIsolated, SegregatedPool
from margin.rates import RateTable

PERP = "BTC_USDC-PERPETUAL"  # contract 0.001 BTC, mark 70,030
NONE = float("nan")


@pytest.fixture
def model():

    def rate(value):
        return lambda name: RateTable.flat(value)

    free = MoneynessMargin(0.0, 0.0, 0.0)
    futures = FuturesMargin(rate(0.0), rate(0.01), price="mark", leverage="position")
    return StandardModel(futures, PerPosition(free, free), IgnoredOrders())


def book(**columns):
    n = len(columns["quantity"])
    return Book.of(
        positions={"account": ["a"] * n, "instrument": [PERP] * n, **columns},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [5_000.0]},
    )


@pytest.mark.parametrize("shared", [CrossPool(), SegregatedPool()])
def test_an_isolated_position_stands_alone(market, model, shared):
    held = book(quantity=[100.0, 50.0], entry_price=[70_000.0, 71_000.0], isolated_collateral=[NONE, 40.0], leverage=[10.0, 50.0])
    result = Regime("mixed", PartlyIsolated(shared), model).assess(held, market)
    columns = result.columns()
    equity = dict(zip([columns["pool"][i] for i in range(2)], columns["equity"].tolist(), strict=True))
    assert equity[PERP] == pytest.approx(40 + 0.05 * (70_030 - 71_000))
    shared_name = "cross" if isinstance(shared, CrossPool) else "USDC"
    assert equity[shared_name] == pytest.approx(5_000 + 0.1 * 30)
    status = {columns["pool"][i]: columns["status"][i] for i in range(2)}
    assert status == {shared_name: "healthy", PERP: "liquidation"}
    margin = {columns["pool"][i]: columns["initial_margin"][i] for i in range(2)}
    assert margin[PERP] == pytest.approx(0.05 * 70_030 / 50)
    assert margin[shared_name] == pytest.approx(0.1 * 70_030 / 10)


def test_threads_and_blocks_change_nothing(market, model):
    n = 40
    random = np.random.default_rng(3)
    assigned = np.where(random.random(n) < 0.5, 10.0, np.nan)
    held = Book.of(
        positions={
            "account": [f"a{i % 7}" for i in range(n)],
            "instrument": [PERP if i % 2 else "ETH-PERPETUAL" for i in range(n)],
            "quantity": random.normal(size=n),
            "isolated_collateral": assigned,
            "leverage": np.full(n, 5.0),
        }
    )
    regime = Regime("mixed", PartlyIsolated(CrossPool()), model)
    whole, cut = regime.assess(held, market), regime.assess(held, market, threads=2, block=2)

    def rows(result):
        columns = result.columns()
        names = ("equity", "initial_margin", "maintenance_margin")
        return sorted((columns["account"][i], columns["pool"][i], *(columns[c][i] for c in names)) for i in range(len(result)))

    assert rows(whole) == rows(cut)


def test_legs_do_not_net_and_one_way_positions_do(market, model):
    leverage = [10.0, 10.0]
    hedged = book(quantity=[100.0, -100.0], side=["long", "short"], leverage=leverage)
    netted = book(quantity=[100.0, -100.0], leverage=leverage)
    regime = Regime("cross", CrossPool(), model)
    assert regime.assess(hedged, market).maintenance_margin[0] == pytest.approx(2 * 0.1 * 70_030 * 0.01)
    assert regime.assess(netted, market).maintenance_margin[0] == 0.0


def test_legs_of_an_isolated_instrument_have_pools_of_their_own(market, model):
    held = book(
        quantity=[100.0, -50.0], side=["long", "short"], isolated_collateral=[100.0, 60.0], leverage=[10.0, 10.0]
    )
    result = Regime("mixed", PartlyIsolated(CrossPool()), model).assess(held, market)
    assert sorted(result.maintenance_margin.tolist()) == pytest.approx([0.0, 0.05 * 700.3, 0.1 * 700.3])


def test_a_leg_with_the_wrong_sign_is_refused():
    with pytest.raises(DataError, match=r"positions.quantity, row 0 .*: -1.0 has not the sign of its side"):
        book(quantity=[-1.0], side=["long"])


def test_a_position_without_leverage_is_refused(market, model):
    with pytest.raises(DataError, match=r"positions.leverage: 'BTC_USDC-PERPETUAL' is held or ordered without a leverage"):
        Regime("cross", CrossPool(), model).assess(book(quantity=[1.0]), market)


def test_the_lowest_leverage_of_added_rows_counts(market, model):
    held = book(quantity=[50.0, 50.0], leverage=[10.0, 5.0])
    assert Regime("cross", CrossPool(), model).assess(held, market).initial_margin[0] == pytest.approx(0.1 * 70_030 / 5)


def test_plain_isolated_pools_need_collateral_everywhere(market, model):
    held = book(quantity=[1.0, 1.0], isolated_collateral=[1.0, NONE], side=["long", None], leverage=[1.0, 1.0])
    with pytest.raises(DataError, match=r"a position in 'BTC_USDC-PERPETUAL' has no collateral"):
        Regime("isolated", IsolatedPool(), model).assess(held, market)


def test_isolated_positions_may_have_another_model(market, model):
    twice = StandardModel(
        FuturesMargin(lambda name: RateTable.flat(0.2), lambda name: RateTable.flat(0.1), price="mark"),
        model.options,
        IgnoredOrders(),
    )
    held = book(quantity=[100.0, 50.0], isolated_collateral=[NONE, 1_000.0], leverage=[10.0, 10.0])
    result = Regime("split", PartlyIsolated(CrossPool()), SplitModel(model, twice)).assess(held, market)
    columns = result.columns()
    margins = {columns["pool"][i]: columns["maintenance_margin"][i] for i in range(2)}
    assert margins == {"cross": pytest.approx(0.1 * 700.3), PERP: pytest.approx(0.05 * 7_003)}
    assert columns["isolated_futures"].sum() == pytest.approx(0.05 * 70_030 * 0.2)
    parts = sum(columns[name] for name in columns if name.endswith(("futures", "options")))
    np.testing.assert_allclose(parts, result.initial_margin)
    pools = result.explain("a").pools
    assert {pool.pool: pool.lines["maintenance_margin"].sum() for pool in pools} == margins
