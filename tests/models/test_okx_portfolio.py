"""OKX's portfolio margin against its rules written a second time, its limits one by one, and what it refuses."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.errors import DataError, ParameterError
from margin.params import STATUSES
from margin.venues.okx import regime
from margin.venues.okx.rules import Options

from . import slow_okx as slow
from .okx_market import PRICES, book_of, okx_market

DAY = "2026-02-15"
NAMES = {
    "mr1": "scenario_loss", "mr2": "time_decay", "mr3": "term_structure", "mr4": "basis", "mr5": "yield_curve",
    "mr6": "extreme_move", "mr7": "minimum", "mr9": "depeg",
}  # fmt: skip
MARKET = okx_market()
MARKETS = (MARKET, okx_market(usdt=0.97, basis=-2.0), okx_market(usdc=0.83, vol=1.7), okx_market(usdt=1.01, usdc=0.985, vol=0.15))
N = len(MARKET)
ROW = {name: i for i, name in enumerate(MARKET.instruments.to_list())}


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """Borrow tiers of all currencies."""
    path = tmp_path_factory.mktemp("okx") / "borrow.toml"
    text = '[[layer]]\nas_of = 2020-01-01\nstatus = "illustrative"\nsource = "test"\n'
    for currency, (mmr, imr) in slow.BORROW.items():
        text += f"[layer.borrow.{currency}]\nbounds = [0]\nmmr = [{mmr}]\nimr = [{imr}]\n"
    path.write_text(text, encoding="utf-8")
    return [path]


def of(params=(), **options):
    return regime("portfolio", as_of=DAY, params=params, accept=STATUSES, options=Options(**options))


def official():
    return regime("portfolio", as_of=DAY)


sizes = st.one_of(st.integers(-300, 300), st.sampled_from([-100_000, 50_000, 2_000_000])).map(float)
positions = st.dictionaries(st.integers(0, N - 1), sizes, max_size=12)
balances = st.fixed_dictionaries(
    {}, optional={c: st.integers(-64, 200).map(lambda n, c=c: n * 200 / PRICES.get(c, 1.0)) for c in (*PRICES, "USDT", "USDC")}
)
orders = st.lists(st.tuples(st.integers(0, N - 1), st.sampled_from([-500.0, -20.0, 10.0, 300.0])), max_size=4)
caps = st.one_of(st.none(), st.dictionaries(st.sampled_from([*PRICES]), st.sampled_from([0.0, 0.01, 1.0]), max_size=2))
rules = st.fixed_dictionaries(
    {
        "vol_rule": st.sampled_from(["max_loss", "larger_shift", "points", "fraction"]),
        "close": st.sampled_from(["fee", "fixed"]),
        "interest": st.booleans(),
        "option_basis": st.booleans(),
        "merged": st.booleans(),
    }
)


@hypothesis.settings(max_examples=300)
@given(market=st.sampled_from(MARKETS), held=positions, owned=balances, resting=orders, limits=caps, choice=rules)
def test_margins_and_components_follow_the_rules(params, market, held, owned, resting, limits, choice):
    options = {{"close": "option_close", "merged": "merged_units"}.get(name, name): value for name, value in choice.items()}
    result = of(params, **options).assess(book_of(market, held, owned, resting, limits), market)
    own = {c: x for c, x in (limits or {}).items() if c in owned}
    want = slow.account(market, held, owned, resting, own, slow.Rules(**choice))
    size = sum(abs(q * slow.contract(market, i).size * market.index_price[i]) for i, q in held.items() if market.kind[i] == 2)
    size += sum(abs(q * slow.contract(market, i).delta_usd()) for i, q in held.items() if market.kind[i] != 2)
    near = {"rel": 1e-9, "abs": 1e-12 * (size + 1e5)}
    columns = result.unit_columns()
    units = {str(columns["unit"][k]): k for k in range(len(columns["worst_loss"]))}
    for coin, unit in want["units"].items():
        for short, name in NAMES.items():
            got = columns[name][units[coin]] if coin in units and name in columns else 0.0
            assert got == pytest.approx(unit[short], **near), (coin, short)
    assert result.maintenance_margin[0] == pytest.approx(want["maintenance"], **near)
    assert result.initial_margin[0] == pytest.approx(want["initial"], **near)


def components(result, unit):
    columns = result.unit_columns()
    (k,) = (k for k in range(len(columns["worst_loss"])) if str(columns["unit"][k]) == unit)
    return {name: float(column[k]) for name, column in columns.items() if isinstance(column, np.ndarray)}


def held(**rows):
    """Positions by name, dashes written as underscores."""
    return {ROW[name.replace("_", "-")]: float(q) for name, q in rows.items()}


def assess(positions, balances=(), orders=(), caps=None, rules=None, market=MARKET):
    return (rules or of()).assess(book_of(market, positions, balances, orders, caps), market)


def test_perpetual_and_spot_in_use():
    """Two coins short against one and a half of spot: the half that is left is stressed, spot pays no basis."""
    c = components(assess(held(BTC_USDT_SWAP=-2 / 0.0003), {"BTC": 1.5}), "BTC")
    index, money = float(MARKET.index_price[ROW["BTC-USDT-SWAP"]]), 0.9995
    loss = 2 * index * money * 0.12 - 1.5 * 70_000 * 0.12
    assert c["scenario_loss"] == pytest.approx(loss, rel=1e-12)
    assert c["extreme_move"] == pytest.approx(loss, rel=1e-12)  # half of twice the move
    delta = 2 * float(MARKET.mark[ROW["BTC-USDT-SWAP"]]) * money
    assert c["basis"] == pytest.approx(0.002 * delta, rel=1e-12)
    assert c["minimum"] == pytest.approx(0.0045 * delta, rel=1e-12)
    assert c["maintenance_margin"] == pytest.approx(loss + 0.002 * delta, rel=1e-12)
    assert c["initial_margin"] == pytest.approx(1.3 * c["maintenance_margin"], rel=1e-12)


@pytest.mark.parametrize(
    ("equity", "quantity", "cap", "used"),
    [
        (1.0, 10_000.0, None, 0.0),  # spot never adds to a long delta
        (1.0, -1000.0, None, 0.3),  # no more than the derivatives' delta
        (0.1, -1000.0, None, 0.1),  # no more than there is
        (1.0, -1000.0, 0.05, 0.05),  # no more than the user allows
        (1.0, -1000.0, 0.0, 0.0),
        (-0.1, 1000.0, None, -0.1),  # borrowed coin hedges a long delta
        (-0.1, 1000.0, 0.0, -0.1),  # and no cap makes a debt smaller
        (-0.1, -1000.0, None, 0.0),
    ],
)
def test_spot_in_use(params, equity, quantity, cap, used):
    result = assess(held(BTC_USDT_SWAP=quantity), {"BTC": equity}, caps={"BTC": cap}, rules=of(params))
    gain = quantity * 0.0003 * float(MARKET.index_price[ROW["BTC-USDT-SWAP"]]) * 0.9995 + used * 70_000
    assert components(result, "BTC")["scenario_loss"] == pytest.approx(0.12 * abs(gain), rel=1e-9)
    debt = max(-equity, 0.0) * 70_000
    assert result.columns()["borrow"][0] == pytest.approx(0.12 * debt)


def test_the_least_cap_of_several_rows_counts():
    from margin.book import Book

    rows = {"account": ["a", "a"], "currency": ["BTC", "BTC"], "amount": [0.5, 0.5], "hedge_cap": [None, 0.1]}
    book = Book.of(positions={"account": ["a"], "instrument": ["BTC-USDT-SWAP"], "quantity": [-1000.0]}, balances=rows)
    capped = components(of().assess(book, MARKET), "BTC")
    assert capped == components(assess(held(BTC_USDT_SWAP=-1000), {"BTC": 1.0}, caps={"BTC": 0.1}), "BTC")


def test_a_cap_is_not_negative():
    with pytest.raises(DataError, match=r"hedge_cap.*negative"):
        book_of(MARKET, {}, {"BTC": 1.0}, caps={"BTC": -1.0})


def test_a_tie_of_volatility_states_is_reported_as_up():
    result = assess(held(BTC_USDT_SWAP=-1000), {"USDT": 1e6})
    assert str(result.columns()["worst_scenario"][0]) == "price +12 %, vol up"


def test_dated_futures_pay_by_time_and_do_not_net_across_expiries():
    near, far = ROW["BTC-USDT-26"], ROW["BTC-USDT-89"]
    c = components(assess({near: -1000.0, far: 1000.0}, {"USDT": 1e6}), "BTC")
    rate = {near: 0.05 * 26 / 365, far: 0.05 * 89 / 365}
    worth = {i: 0.3 * float(MARKET.mark[i]) * 0.9995 for i in rate}
    assert c["basis"] == pytest.approx(sum(rate[i] * worth[i] for i in rate), rel=1e-12)
    inverse = {near: -1000.0, ROW["BTC-USD-26"]: 0.3 * float(MARKET.mark[ROW["BTC-USD-26"]]) / 100}
    assert components(assess(inverse, {"USDT": 1e6}), "BTC")["basis"] < 0.01 * rate[near] * worth[near]  # one bucket nets


def test_minimum_charge_is_gross_and_scaled():
    """Long and short perpetuals cancel but in the minimum charge; 40 million of each is beyond two bounds of the tiers."""
    quantity = 40e6 / (0.0003 * float(MARKET.mark[ROW["BTC-USDT-SWAP"]]) * 0.9995)
    positions = held(BTC_USDT_SWAP=quantity, BTC_USDC_SWAP=-quantity)
    c = components(assess(positions, {"USDT": 1e8}), "BTC")
    raw = 0.0045 * (40e6 + quantity * 0.0003 * float(MARKET.mark[ROW["BTC-USDC-SWAP"]]) * 1.0001)
    assert 250e3 < raw < 500e3
    assert c["minimum"] == pytest.approx(250e3 + 2 * (raw - 250e3), rel=1e-12)
    without = c["worst_loss"] + c["basis"] + c["depeg"] + c["term_structure"] + c["yield_curve"]
    assert c["excess_of_minimum"] == pytest.approx(max(c["minimum"] - without, 0.0), rel=1e-9)
    assert c["maintenance_margin"] == pytest.approx(max(c["minimum"], without), rel=1e-9)


def test_vegas_of_opposite_sign_at_two_expiries():
    long_only = components(assess(held(BTC_USD_26_70000_C=10, BTC_USD_89_70000_C=10), {"BTC": 9.0}), "BTC")
    calendar = components(assess(held(BTC_USD_26_70000_C=-10, BTC_USD_89_70000_C=10), {"BTC": 9.0}), "BTC")
    assert long_only["term_structure"] == 0.0
    assert calendar["term_structure"] > 0.0
    at_a_strike = components(assess(held(BTC_USD_26_70000_C=-10, BTC_USDC_26_70000_C=10), {"BTC": 9.0}), "BTC")
    assert at_a_strike["term_structure"] == 0.0  # one expiry, whatever it settles in


def test_time_decay_counts_whatever_its_sign():
    for quantity in (-10, 10):
        c = components(assess(held(BTC_USD_3_70000_C=quantity), {"BTC": 9.0}), "BTC")
        option = slow.contract(MARKET, ROW["BTC-USD-3-70000-C"])
        later, now = (option.option_worth(option.forward, days / 365, option.vol) for days in (2, 3))
        assert c["time_decay"] == pytest.approx(10 * abs(later - now) * 70_000, rel=1e-9)


def test_orders_take_the_worst_side_of_each_unit_with_its_own_spot_in_use():
    """A sell that lets spot hedge in one coin, a buy in another: units add up, maintenance is that of the positions."""
    orders = [(ROW["BTC-USDT-SWAP"], -1000.0), (ROW["ETH-USDT-SWAP"], 3000.0), (ROW["ETH-USDT-SWAP"], -1000.0)]
    positions, balances = held(ETH_USDT_SWAP=500), {"BTC": 0.3, "USDT": 1e6}
    result = assess(positions, balances, orders)
    plain = assess(positions, balances)
    btc = assess(held(BTC_USDT_SWAP=-1000, ETH_USDT_SWAP=500), balances)
    eth = assess(held(ETH_USDT_SWAP=3500), balances)
    rise = btc.initial_margin[0] + eth.initial_margin[0] - 2 * plain.initial_margin[0]
    assert result.columns()["open_orders"][0] == pytest.approx(rise, rel=1e-9)
    assert result.maintenance_margin[0] == plain.maintenance_margin[0]
    reducing = assess(positions, balances, [(ROW["ETH-USDT-SWAP"], -500.0)])
    assert reducing.columns()["open_orders"][0] == 0.0


def test_debts_are_margined_beside_the_units(tmp_path):
    """The rate of the tier of the whole debt, a bound belonging to the tier above it."""
    path = tmp_path / "tiers.toml"
    path.write_text(
        '[[layer]]\nas_of = 2020-01-01\nstatus = "official"\nsource = "test"\n'
        "[layer.borrow.USDT]\nbounds = [0, 1000]\nmmr = [0.02, 0.04]\nimr = [0.10, 0.15]\n",
        encoding="utf-8",
    )
    rules = regime("portfolio", as_of=DAY, params=[path])
    for debt, mmr, imr in ((999.0, 0.02, 0.10), (1000.0, 0.04, 0.15), (5000.0, 0.04, 0.15)):
        result = assess({}, {"USDT": -debt, "BTC": 1.0}, rules=rules)
        assert result.maintenance_margin[0] == pytest.approx(debt * 0.9995 * mmr, rel=1e-12)
        assert result.initial_margin[0] == pytest.approx(debt * 0.9995 * imr, rel=1e-12)


def test_every_volatility_rule_keeps_its_floor_and_they_are_ordered():
    positions = held(BTC_USD_26_84000_C=-50, BTC_USD_89_59500_P=-50)
    loss = {r: components(assess(positions, {"BTC": 9.0}, rules=of(vol_rule=r)), "BTC")["scenario_loss"] for r in
            ("points", "fraction", "max_loss", "larger_shift")}  # fmt: skip
    assert loss["max_loss"] == max(loss["points"], loss["fraction"])
    assert loss["larger_shift"] >= loss["max_loss"]


@pytest.mark.parametrize(
    ("positions", "balances", "parameter"),
    [
        (held(ETH_USDT_SWAP=1), {}, "pm.coin.ETH.mr7_rate|pm.group.btc_eth.mr7_rate"),
        (held(SOL_USDT_SWAP=1), {}, "pm.group.group2.mr7"),
        (held(XYZ_USDT_SWAP=1), {}, "pm.group.others.m"),
        (held(BTC_USD_26_84000_C=-1), {"BTC": 1.0}, "pm.vol.floor"),
        (held(BTC_USDT_SWAP=1000, BTC_USD_SWAP=-100), {}, "pm.mr9.bounds"),
        ({}, {"USDT": -1.0}, "borrow.USDT.bounds"),
    ],
)
def test_what_the_venue_does_not_publish_is_refused_by_name(positions, balances, parameter):
    with pytest.raises(ParameterError, match=parameter):
        assess(positions, balances, rules=official())


def test_two_expiries_of_options_need_the_term_structure(tmp_path):
    path = tmp_path / "floor.toml"
    path.write_text(
        '[[layer]]\nas_of = 2020-01-01\nstatus = "official"\nsource = "test"\n[layer.pm.vol]\nfloor = 0.05\n', encoding="utf-8"
    )
    rules = regime("portfolio", as_of=DAY, params=[path], options=Options(option_close="fixed"))
    one = held(BTC_USD_26_84000_C=-1, BTC_USD_26_70000_C=2)
    assert assess(one, {"BTC": 1.0}, rules=rules).columns()["term_structure"][0] == 0.0
    with pytest.raises(ParameterError, match=r"pm\.mr3\.share.*2 expiries in BTC"):
        assess(one | held(BTC_USD_89_84000_C=1), {"BTC": 1.0}, rules=rules)


def test_official_parameters_run_a_hedged_bitcoin_book_and_mark_nothing():
    result = assess(held(BTC_USDT_SWAP=-5000, BTC_USDT_26=1000), {"BTC": 2.0, "USDT": 1e4}, rules=official())
    assert not result.illustrative
    assert "ILLUSTRATIVE" not in repr(result)
    other = assess(held(BTC_USDT_SWAP=-5000, BTC_USDT_26=1000), {"BTC": 2.0, "USDT": 1e4})
    assert other.illustrative
    assert "ILLUSTRATIVE" in repr(other)
    assert "ILLUSTRATIVE" in repr(other.explain("a"))
    assert other.initial_margin[0] == result.initial_margin[0]


@pytest.mark.parametrize(("name", "value"), [("smile", "sticky_moneyness"), ("vol_rule", "percent"), ("option_close", "free")])
def test_an_unknown_choice_is_refused_by_name(name, value):
    with pytest.raises(ParameterError, match=f"no {name} '{value}'; available: "):
        Options(**{name: value})


def test_before_the_merge_of_risk_units_there_is_no_portfolio_margin():
    with pytest.raises(ParameterError, match="imr_multiplier has no value on 2024-06-05: first known on 2025-01-06"):
        regime("portfolio", as_of="2024-06-05")


def many(n=60):
    from margin.book import Book

    random, names = np.random.default_rng(3), MARKET.instruments.to_list()
    rows = 12 * n
    return Book.of(
        positions={
            "account": random.integers(0, n, rows),
            "instrument": [names[i] for i in random.integers(0, N, rows)],
            "quantity": random.integers(-5000, 5000, rows) / 4,
        },
        balances={
            "account": random.integers(0, n, 2 * n),
            "currency": [["BTC", "ETH", "USDT", "USDC"][i] for i in random.integers(0, 4, 2 * n)],
            "amount": random.uniform(-1, 5, 2 * n),
            "hedge_cap": [None if x < 0.5 else x for x in random.uniform(0, 1, 2 * n)],
        },
        orders={
            "account": random.integers(0, n, 3 * n),
            "instrument": [names[i] for i in random.integers(0, N, 3 * n)],
            "quantity": random.choice([-300.0, 7.0, 900.0], 3 * n),
            "price": np.full(3 * n, 0.01),
        },
    )


def test_alone_in_blocks_and_on_threads_the_bits_are_the_same(params):
    book, rules = many(), of(params)
    whole = rules.assess(book, MARKET)
    columns = whole.columns()
    for i, account in enumerate(book.accounts):
        alone = rules.assess(book.select([account]), MARKET).columns()
        for name, column in columns.items():
            assert alone[name][0] == column[i], (account, name)
    for threads, block in ((1, 7), (2, 16)):
        other = rules.assess(book, MARKET, threads=threads, block=block).columns()
        for name, column in columns.items():
            assert [other[name][i] for i in range(len(column))] == [column[i] for i in range(len(column))], name


def test_explanation_adds_up():
    result = assess(held(BTC_USD_26_84000_C=-50, BTC_USDT_SWAP=2000, ETH_USDT_SWAP=-1e4), {"BTC": 1.0, "USDT": 5e4})
    (pool,) = result.explain("a").pools
    assert pool.lines["loss"].sum() + sum(pool.rest.values()) == pytest.approx(sum(pool.units["worst_loss"]), rel=1e-12)
    assert sum(pool.units["maintenance_margin"]) == pytest.approx(result.maintenance_margin[0], rel=1e-12)
    assert set(pool.units["unit"]) == {"BTC", "ETH"}
