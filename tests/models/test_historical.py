"""The historical model against its definitions written a second time, its properties, its limits and what it refuses."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin import config
from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.lines import Lines, group_orders
from margin.models.historical import HistoricalModel
from margin.models.history import History
from margin.models.joint_valuation import vol_changes
from margin.models.order_charges import WorseSideCharge
from margin.models.tail_measure import EXPECTED_SHORTFALL, VALUE_AT_RISK, LiquidityHorizons, TailMeasure
from margin.models.valuation import Valuation
from margin.pools import CrossPool, IsolatedPool, SegregatedPool
from margin.regime import Regime

from . import slow_historical as slow
from .test_portfolio import book_of, many_accounts

quantities = st.lists(st.integers(-400, 400).map(float), min_size=8, max_size=8)
amounts = st.integers(-50, 200).map(lambda n: n / 16)
kinds = st.sampled_from([EXPECTED_SHORTFALL, VALUE_AT_RISK])
levels = st.sampled_from([0.5, 0.9, 0.95, 0.99])


def history_of(n=40, *, seed=0, names=("ETH", "BTC"), weight=None, vol=0.15) -> History:
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.03, (n, 1))
    return History(
        labels=tuple(f"day {s}" for s in range(n)),
        names=names,
        price=np.expm1(common + random.normal(0, 0.02, (n, len(names)))),
        vol=np.expm1(random.normal(0, vol, (n, len(names), 3, 2))),
        tenors=np.array([7.0, 30.0, 90.0]),
        moneyness=np.array([-0.5, 0.5]),
        weight=np.full(n, 1 / n) if weight is None else np.asarray(weight) / np.sum(weight),
    )


def model_of(history=None, *, kind=EXPECTED_SHORTFALL, level=0.9, **options) -> HistoricalModel:
    settings = {"initial_factor": 1.0, "maintenance_factor": 0.75, "orders": None} | options
    return HistoricalModel(
        history=history_of() if history is None else history, measure=TailMeasure(kind=kind, level=level), **settings
    )


def cross(model) -> Regime:
    return Regime("historical", CrossPool(), model)


def margins(model, market, quantity, **options):
    result = cross(model).assess(book_of(market, quantity, balances=[("USDC", 1.0)], **options), market)
    return result.initial_margin[0]


@given(quantity=quantities, btc=amounts, eth=amounts, kind=kinds, level=levels, weighted=st.booleans())
def test_cross_margin_follows_the_definitions(market, quantity, btc, eth, kind, level, weighted):
    history = history_of(weight=0.93 ** np.arange(40) if weighted else None)
    model = model_of(history, kind=kind, level=level, collateral_unit=lambda c: c if c in {"BTC", "ETH"} else None)
    book = book_of(market, quantity, balances=[("BTC", btc), ("ETH", eth), ("USDC", 1000.0)])
    result = cross(model).assess(book, market)
    value = np.where(market.kind == 2, market.mark * market.contract_size, 0.0) * quantity
    equity = {"BTC": btc + value[[4, 5]].sum(), "ETH": eth + value[6]}
    loss = slow.losses(market, history, dict(enumerate(quantity)), equity, usd=True)
    expected = slow.measure(loss, history.weight.tolist(), kind, level)
    assert result.initial_margin[0] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert result.maintenance_margin[0] == pytest.approx(0.75 * expected, rel=1e-9, abs=1e-6)
    assert result.columns()[kind][0] == result.initial_margin[0]
    units = result.results.units
    for worst, scenario in zip(units.worst_loss, units.scenario, strict=True):
        at = history.labels.index(result.prepared.label(0, scenario))
        assert worst == pytest.approx(max(0.0, *loss), rel=1e-9, abs=1e-6)
        assert worst == pytest.approx(max(0.0, loss[at]), rel=1e-9, abs=1e-6)


@given(quantity=quantities, kind=kinds)
def test_segregated_margin_follows_the_definitions(market, quantity, kind):
    history = history_of()
    result = Regime("historical", SegregatedPool(), model_of(history, kind=kind)).assess(book_of(market, quantity), market)
    columns = result.columns()
    for i in range(len(result)):
        coin = str(columns["currency"][i])
        held = {j: q for j, q in enumerate(quantity) if market.currencies[market.settlement[j]] == coin}
        expected = slow.measure(slow.losses(market, history, held, {}, usd=False), history.weight.tolist(), kind, 0.9)
        assert result.initial_margin[i] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(quantity=quantities, kind=kinds, btc=st.sampled_from([1.0, 10.0, 20.0]), eth=st.sampled_from([1.0, 5.0, 20.0]))
def test_liquidity_cascade_follows_its_formula(market, quantity, kind, btc, eth):
    days, history = {"BTC": btc, "ETH": eth}, history_of()
    model = model_of(history, kind=kind, liquidity=LiquidityHorizons(days=ByName("days", days), base_days=1.0))
    expected = slow.cascade(market, history, dict(enumerate(quantity)), kind, 0.9, days, 1.0, usd=True)
    assert margins(model, market, quantity) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@given(quantity=quantities)
def test_one_horizon_is_the_square_root_of_time(market, quantity):
    plain = margins(model_of(), market, quantity)
    horizons = LiquidityHorizons(days=ByName("days", 10.0), base_days=2.5)
    assert margins(model_of(liquidity=horizons), market, quantity) == 2.0 * plain


@given(one=quantities, other=quantities, cascaded=st.booleans(), level=levels)
def test_expected_shortfall_is_sub_additive(market, one, other, cascaded, level):
    horizons = LiquidityHorizons(days=ByName("days", {"BTC": 5.0, "ETH": 10.0}), base_days=1.0) if cascaded else None
    model = model_of(history_of(weight=np.arange(1, 41)), level=level, liquidity=horizons)
    apart = margins(model, market, one) + margins(model, market, other)
    together = margins(model, market, np.add(one, other))
    assert together <= apart * (1 + 1e-9) + 1e-6


@given(quantity=quantities, level=levels)
def test_expected_shortfall_is_not_below_value_at_risk(market, quantity, level):
    shortfall, var = (margins(model_of(kind=k, level=level), market, quantity) for k in (EXPECTED_SHORTFALL, VALUE_AT_RISK))
    assert shortfall >= var


@given(data=st.data(), quantity=quantities, kind=kinds)
def test_order_of_rows_and_splitting_do_not_matter(market, data, quantity, kind):
    rows = [(n, part) for n, q in zip(market.instruments, quantity, strict=True) for part in (q / 4, 3 * q / 4)]
    rows = data.draw(st.permutations(rows))
    parts = Book.of(
        positions={"account": ["a"] * 16, "instrument": [r[0] for r in rows], "quantity": np.array([r[1] for r in rows])},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [1.0]},
    )
    model = model_of(kind=kind)
    np.testing.assert_allclose(
        cross(model).assess(parts, market).initial_margin[0], margins(model, market, quantity), rtol=1e-11, atol=1e-7
    )


@given(quantity=quantities, extra=st.integers(1, 5))
def test_more_scenarios_never_lower_the_worst_loss(market, quantity, extra):
    long, book = history_of(40 + extra), book_of(market, quantity, balances=[("USDC", 1.0)])
    short = dataclasses.replace(
        long, labels=long.labels[:40], price=long.price[:40], vol=long.vol[:40], weight=np.full(40, 1 / 40)
    )
    worst = [cross(model_of(h)).assess(book, market).results.units.worst_loss for h in (short, long)]
    assert (worst[1] >= worst[0]).all()


@given(quantity=quantities, kind=kinds, cascaded=st.booleans())
def test_contributions_add_up(market, quantity, kind, cascaded):
    horizons = LiquidityHorizons(days=ByName("days", {"BTC": 5.0, "ETH": 10.0}), base_days=1.0) if cascaded else None
    model = model_of(kind=kind, liquidity=horizons, initial_factor=1.3)
    result = cross(model).assess(book_of(market, quantity, balances=[("USDC", 5.0)]), market)
    pool = result.explain("a").pools[0]
    assert pool.lines[kind].sum() == pytest.approx(pool.figures[kind], rel=1e-9, abs=1e-6)
    assert kind in repr(result.explain("a"))


def test_a_hedge_in_another_coin_nets_as_the_scenarios_say(market):
    """Two coins that move alike in every scenario: the hedge is perfect, without any correlation parameter."""
    same = dataclasses.replace(history_of(), price=np.repeat(history_of().price[:, :1], 2, axis=1))
    quantity = [0.0, -700.0, 10.0 * 70000 / 70030]  # 700 USD of ETH short, of BTC (linear, 0.001 a contract) long
    quantity[1] = -quantity[2] * 70.03 / (1.0 * 1960 / 1963)
    alone = margins(model_of(same), market, [0.0, quantity[1], 0.0])
    assert alone > 10
    assert margins(model_of(same), market, quantity) < 1e-9 * alone


def test_orders_raise_initial_margin_only(market):
    charge = WorseSideCharge(share=0.2, price_range=ByName("price_range", {"BTC": 0.16, "ETH": 0.18}))
    orders = {
        "account": ["a"] * 3,
        "instrument": ["ETH-PERPETUAL"] * 2 + ["BTC-PERPETUAL"],
        "quantity": [150.0, -120.0, 3.0],
        "price": [1900.0, 2100.0, 60000.0],
        "mmp": [False, False, True],
    }
    model = model_of(orders=charge)
    without, result = (
        cross(model).assess(book_of(market, [5.0], balances=[("USDC", 1.0)], orders=o), market) for o in (None, orders)
    )
    columns = result.columns()
    assert columns["open_orders"][0] == pytest.approx(0.2 * 0.18 * 150.0 / 1963.0 * 1960.0, rel=1e-12)
    assert result.maintenance_margin[0] == without.maintenance_margin[0]
    total = columns["expected_shortfall"][0] + columns["open_orders"][0] + columns["mmp_orders"][0]
    assert result.initial_margin[0] == pytest.approx(total, rel=1e-15)


def test_one_scenario_is_its_loss(market):
    history = dataclasses.replace(
        history_of(1), price=np.array([[-0.5, -0.2]]), vol=np.zeros((1, 2, 3, 2))
    )
    for kind in (EXPECTED_SHORTFALL, VALUE_AT_RISK):
        loss = 100 * 0.001 * 70030.0 * 0.2
        assert margins(model_of(history, kind=kind), market, [0, 0, 100.0]) == pytest.approx(loss, rel=1e-12)
        assert margins(model_of(history, kind=kind), market, [0, 0, -100.0]) == 0.0


def test_zero_volatility_is_intrinsic_value(market):
    """A change of -1 takes the volatility away: what is left of the option is its intrinsic value."""
    history = dataclasses.replace(history_of(1), price=np.zeros((1, 2)), vol=np.full((1, 2, 3, 2), -1.0))
    held = [0, 0, 0, 0, 0, 0, 0, 100.0]
    call = slow.black(70400.0, 80000.0, float(market.years[7]), 0.52, 1.0)[0]
    assert margins(model_of(history), market, held) == pytest.approx(100 * 0.01 * call, rel=1e-9)


def test_scenarios_without_weight_do_not_count(market):
    history = history_of(weight=np.r_[np.zeros(20), np.ones(20)])
    short = dataclasses.replace(
        history, labels=history.labels[20:], price=history.price[20:], vol=history.vol[20:], weight=np.full(20, 0.05)
    )
    held = [300.0, -10.0, 5.0, 0.0, -2.0]
    assert margins(model_of(history), market, held) == pytest.approx(margins(model_of(short), market, held), rel=1e-12)


def test_one_tenor_and_one_moneyness_apply_everywhere(market):
    history = dataclasses.replace(
        history_of(5), vol=np.full((5, 2, 1, 1), 0.3), tenors=np.array([30.0]), moneyness=np.array([0.0])
    )
    points = np.zeros(3, dtype=np.int32), np.array([1.0, 30.0, 900.0]), np.array([-3.0, 0.0, 3.0])
    np.testing.assert_array_equal(vol_changes(history, *points), 0.3)


def test_changes_of_volatility_between_and_outside_the_nodes():
    history = history_of(6)
    days, moneyness = [1.0, 7.0, 20.0, 30.0, 90.0, 400.0], [-0.9, -0.5, 0.1, 0.5, 0.7, 0.0]
    unit = np.array([0, 1, 0, 1, 0, 1], dtype=np.int32)
    result = vol_changes(history, unit, np.array(days), np.array(moneyness))
    for i, u in enumerate(unit):
        for s in range(6):
            expected = slow.interpolated(history.vol[s, u], history.tenors, history.moneyness, days[i], moneyness[i])
            assert result[i, s] == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_empty_books_and_empty_pools(market):
    result = cross(model_of()).assess(Book.of(), market)
    assert len(result) == 0
    only_cash = cross(model_of()).assess(book_of(market, [], balances=[("USDC", 5.0)]), market)
    assert only_cash.initial_margin.tolist() == [0.0]
    assert str(only_cash.columns()["worst_scenario"][0]) == "None"
    assert only_cash.explain("a").pools[0].lines["expected_shortfall"].shape == (0,)


def test_isolated_pools_do_not_net(market):
    book = Book.of(
        positions={
            "account": ["a", "a"],
            "instrument": ["BTC-PERPETUAL", "BTC-27MAR26"],
            "quantity": [100.0, -100.0],
            "isolated_collateral": [0.01, 0.02],
        }
    )
    apart = Regime("isolated", IsolatedPool(), model_of()).assess(book, market)
    assert len(apart) == 2
    together = Regime("segregated", SegregatedPool(), model_of()).assess(book, market)
    assert apart.initial_margin.sum() > 50 * together.initial_margin[0]


def test_nan_in_the_history_is_never_a_small_margin(market):
    history = history_of()
    history.price[3, 1] = np.nan
    assert np.isnan(margins(model_of(history), market, [100.0]))
    assert margins(model_of(history), market, [0.0, 100.0]) > 0


@pytest.mark.parametrize(("threads", "block"), [(1, 1), (1, 7), (2, 64), (7, 50), (0, 1000)])
def test_blocks_and_threads_do_not_change_a_bit(market, threads, block):
    horizons = LiquidityHorizons(days=ByName("days", {"BTC": 5.0, "ETH": 10.0}), base_days=1.0)
    regime = cross(model_of(history_of(weight=np.arange(40)), liquidity=horizons))
    book = many_accounts(market)
    one, other = regime.assess(book, market), regime.assess(book, market, threads=threads, block=block)
    np.testing.assert_array_equal(one.initial_margin, other.initial_margin)
    for name in ("worst_loss", "scenario", "pool"):
        np.testing.assert_array_equal(getattr(one.results.units, name), getattr(other.results.units, name))


def test_one_by_one_equals_the_batch(market):
    horizons = LiquidityHorizons(days=ByName("days", {"BTC": 5.0, "ETH": 10.0}), base_days=1.0)
    regime, book = cross(model_of(liquidity=horizons)), many_accounts(market, n=40)
    batch = regime.assess(book, market)
    for i, account in enumerate(book.accounts):
        assert regime.assess(book.select([account]), market).initial_margin[0] == batch.initial_margin[i]


@pytest.mark.skipif(config().implementation == "python", reason="400,000,000 products take minutes in plain Python")
def test_memory_does_not_grow_with_accounts_times_scenarios(market):
    """100,000 accounts x 1,000 scenarios would be a matrix of 800 MB."""
    n, n_scenarios = 100_000, 1000
    random = np.random.default_rng(0)
    prepared = model_of(history_of(n_scenarios)).prepare(market, in_usd=True, used=np.r_[np.ones(8, bool), np.zeros(7, bool)])
    pool, row = np.repeat(np.arange(n, dtype=np.int32), 4), np.tile(np.array([0, 2, 4, 6], dtype=np.int32), n)
    lines = Lines(pool, row, random.normal(size=4 * n), n)
    none = np.zeros(0, dtype=np.int32)
    orders = group_orders(none, none, np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.bool_), prepared.rank, n)
    tracemalloc.start()
    margin = prepared.requirement(lines, orders).initial
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (margin > 0).all()
    assert peak < 40e6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TailMeasure(kind="es", level=0.9), "kind is 'es'; expected 'expected_shortfall' or 'value_at_risk'"),
        (lambda: TailMeasure(kind=VALUE_AT_RISK, level=1.0), "level is 1.0; expected 0 < level < 1"),
        (lambda: TailMeasure(kind=VALUE_AT_RISK, level=float("nan")), "level is nan"),
        (lambda: model_of(initial_factor=-1.0), "initial_factor is -1.0; expected a finite number, 0 or more"),
        (lambda: model_of(maintenance_factor=np.nan), "maintenance_factor is nan"),
        (lambda: LiquidityHorizons(days=ByName("days", 1.0), base_days=0.0), "base_days is 0.0; expected a finite number"),
    ],
)
def test_bad_settings_are_refused(make, message):
    with pytest.raises(ValueError) as caught:
        make()
    assert message in str(caught.value)


def test_an_underlying_that_the_history_lacks_is_refused_by_name(market):
    model = model_of(history_of(names=("BTC", "SOL")))
    with pytest.raises(DataError, match=r"history\.names: the underlying 'ETH' of 'ETH-PERPETUAL' is not in the history"):
        margins(model, market, [1.0, 1.0])
    assert margins(model, market, [1.0]) > 0
    shocked = model_of(collateral_unit={"STETH": "STETH"}.get)
    with pytest.raises(DataError, match="the underlying 'STETH' that moves 'STETH' is not in the history"):
        cross(shocked).assess(book_of(market, [1.0], balances=[("STETH", 1.0)]), market)


@pytest.mark.parametrize(
    ("days", "message"), [({"BTC": 1.0}, "days of ETH has no value"), ({"BTC": 0.0, "ETH": 1.0}, "days of BTC is 0.0")]
)
def test_bad_horizons_are_refused_by_name(market, days, message):
    with pytest.raises(ParameterError, match=message):
        margins(model_of(liquidity=LiquidityHorizons(days=ByName("days", days), base_days=1.0)), market, [1.0])


def test_weights_of_zero_are_refused(market):
    history = dataclasses.replace(history_of(), weight=np.zeros(40))
    with pytest.raises(ValueError, match=r"the 40 weights add up to 0\.0"):
        margins(model_of(history), market, [1.0])


def test_an_option_that_expires_now_is_its_intrinsic_value(market):
    late = market.with_(time=market.expiry[7], forward=np.where(market.kind == 2, 85_000.0, market.forward))
    history = dataclasses.replace(history_of(1), price=np.full((1, 2), -0.1))
    call = 85_000.0 * 0.9 - 80_000.0
    held = [0, 0, 0, 0, 0, 0, 0, 100.0]
    expected = 100 * 0.01 * (5_000.0 - max(call, 0.0))
    assert margins(model_of(history), late, held) == pytest.approx(expected, rel=1e-12)


def test_moves_of_the_index_are_added_to_every_price(market):
    """A linear perpetual at 70,030 moves by 10 % of the index of 70,000."""
    history = dataclasses.replace(history_of(1), price=np.full((1, 2), -0.1))
    own, index = (margins(model_of(history, valuation=Valuation(moves=m)), market, [0, 0, 100.0]) for m in ("own", "index"))
    assert own == pytest.approx(100 * 0.001 * 7_003.0, rel=1e-12)
    assert index == pytest.approx(100 * 0.001 * 7_000.0, rel=1e-12)
