"""Options netted inside an expiry: limits one by one, and many generated accounts against the slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_srm
from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.models.expiry_netting import ExpiryNetting
from margin.models.futures import FuturesMargin
from margin.models.options import GivenOptionMargins, IndexShareMargin, MoneynessMargin, PerPosition
from margin.models.orders import IgnoredOrders, RefusedOrders
from margin.models.standard import StandardModel
from margin.pools import CrossPool, SegregatedPool
from margin.pricing import black76, model_marks
from margin.rates import RateTable
from margin.regime import Regime

SPOT, FORWARD = 100.0, 102.0
PAR = {
    "option_max_spot_req": 0.15,
    "option_min_spot_req": 0.1,
    "mm_call_spot_req": 0.075,
    "mm_put_spot_req": 0.07,
    "mm_put_mtm_req": 0.2,
    "mm_offset_scale": 1.05,
    "unpaired_im_scale": 1.2,
    "unpaired_mm_scale": 1.1,
}
STRIKES = (1e-6, 80.0, 100.0, 120.0, 1e7)
EXPIRIES = ("2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z")


def by(name: str) -> ByName:
    return ByName(name, PAR[name])


SHORT = IndexShareMargin(
    base=by("option_max_spot_req"),
    minimum=by("option_min_spot_req"),
    call_maintenance=by("mm_call_spot_req"),
    put_maintenance=by("mm_put_spot_req"),
    put_value=by("mm_put_mtm_req"),
    put_floor=by("mm_offset_scale"),
)
NETTING = ExpiryNetting(SHORT, by("unpaired_im_scale"), by("unpaired_mm_scale"))
FUTURES = FuturesMargin(initial=lambda _: RateTable.flat(0.1), maintenance=lambda _: RateTable.flat(0.05), price="mark")


def regime_with(options=NETTING, pool=None, orders=None, futures=FUTURES):
    model = StandardModel(futures=futures, options=options, orders=orders or IgnoredOrders())
    return Regime("netted", pool or CrossPool(), model)


def name_of(coin, expiry, strike, kind):
    return f"{coin}-{expiry}-{strike:g}-{kind}"


@pytest.fixture(scope="module")
def chain() -> Market:
    """Two coins, three expiries (the first is now), five strikes, and a perpetual each."""
    cells = [
        (coin, e, strike, kind)
        for coin in ("AAA", "BBB")
        for e in range(len(EXPIRIES))
        for strike in STRIKES
        for kind in ("call", "put")
    ]
    random = np.random.default_rng(3)
    cells = [cells[i] for i in random.permutation(len(cells))]
    names = ["AAA-PERP", "BBB-PERP", *(name_of(*cell) for cell in cells)]
    nothing, n = [np.nan, np.nan], len(names)
    market = Market.of(
        time=EXPIRIES[0],
        instruments={
            "instrument": names,
            "kind": ["perpetual"] * 2 + ["option"] * len(cells),
            "contract": ["linear"] * n,
            "base": ["AAA", "BBB", *(cell[0] for cell in cells)],
            "quote": ["USD"] * n,
            "settlement": ["USD"] * n,
            "contract_size": np.ones(n),
            "expiry": [None, None, *(EXPIRIES[cell[1]] for cell in cells)],
            "strike": nothing + [cell[2] for cell in cells],
            "option_type": [None, None, *(cell[3] for cell in cells)],
        },
        quotes={
            "instrument": names,
            "mark": [SPOT, SPOT] + [0.0] * len(cells),
            "vol": nothing + [0.0 if cell[2] == 80.0 else 0.8 for cell in cells],
            "forward": nothing + [FORWARD] * len(cells),
        },
        indices={"index": ["AAA_USD", "BBB_USD"], "price": [SPOT, SPOT]},
        currencies={"currency": ["USD", "AAA", "BBB"], "usd": [1.0, SPOT, SPOT]},
    )
    return market.with_(mark=model_marks(market))


def book_of(accounts):
    """A book from, for each account, a list of (instrument, quantity)."""
    rows = [(i, *position) for i, positions in enumerate(accounts) for position in positions]
    return Book.of(
        accounts={"account": list(range(len(accounts)))},
        positions={
            "account": np.array([row[0] for row in rows], dtype=np.int64),
            "instrument": [row[1] for row in rows],
            "quantity": np.array([row[2] for row in rows], dtype=np.float64),
        },
    )


def units_of(chain, *positions, expiry=1):
    held = [(name_of("AAA", expiry, strike, kind), quantity) for strike, kind, quantity in positions]
    assessment = regime_with().assess(book_of([held]), chain)
    names = {"account", "pool", "unit"}
    return {name: column.tolist() for name, column in assessment.unit_columns().items() if name not in names}


def mark_of(chain, strike, kind, expiry=1):
    return float(chain.mark[list(chain.instruments).index(name_of("AAA", expiry, strike, kind))])


def test_an_empty_book_requires_nothing(chain):
    result = regime_with().assess(book_of([[], []]), chain)
    assert result.initial_margin.tolist() == result.maintenance_margin.tolist() == [0.0, 0.0]
    assert len(result.unit_columns()["options_initial"]) == 0
    assert "worst_loss" not in result.unit_columns()  # there are no scenarios


def test_long_options_require_nothing(chain):
    units = units_of(chain, (80.0, "put", 3.0), (100.0, "call", 2.0), (1e7, "put", 1.0))
    assert units["options_initial"] == units["options_maintenance"] == [0.0]


def test_one_short_call_is_unpaired(chain):
    units = units_of(chain, (100.0, "call", -2.0))
    mark = mark_of(chain, 100.0, "call")
    assert units["isolated_initial"] == pytest.approx([2 * (mark + 15)])
    assert units["isolated_maintenance"] == pytest.approx([2 * (mark + 7.5)])
    assert units["max_loss_initial"] == pytest.approx([2 * 1.2 * FORWARD])
    assert units["max_loss_maintenance"] == pytest.approx([2 * 1.1 * FORWARD])
    assert units["options_initial"] == units["isolated_initial"]


def test_one_short_put_loses_its_strike_at_most(chain):
    units = units_of(chain, (100.0, "put", -1.0))
    assert units["max_loss_initial"] == units["max_loss_maintenance"] == [100.0]
    deep = units_of(chain, (1e-6, "put", -1.0))
    assert deep["options_initial"] == pytest.approx([1e-6])


def test_a_spread_requires_its_width(chain):
    assert units_of(chain, (80.0, "call", -3.0), (100.0, "call", 3.0))["options_initial"] == pytest.approx([60.0])
    assert units_of(chain, (80.0, "call", 3.0), (120.0, "call", -3.0))["options_initial"] == [0.0]
    assert units_of(chain, (80.0, "put", 1.0), (120.0, "put", -1.0))["max_loss_maintenance"] == pytest.approx([40.0])


def test_a_box_nets_to_nothing(chain):
    box = [(80.0, "call", 1.0), (120.0, "call", -1.0), (120.0, "put", 1.0), (80.0, "put", -1.0)]
    assert units_of(chain, *box)["max_loss_initial"] == [0.0]


def test_calls_and_puts_of_one_strike(chain):
    units = units_of(chain, (100.0, "call", -1.0), (100.0, "put", 1.0))  # a short forward
    assert units["max_loss_initial"] == pytest.approx([1.2 * FORWARD])
    reverse = units_of(chain, (100.0, "call", 1.0), (100.0, "put", -1.0))
    assert reverse["max_loss_initial"] == [100.0]


def test_initial_and_maintenance_margin_choose_apart(chain):
    # On their own 15 and 7.5 of spot plus marks; together the width 20 of the spread.
    units = units_of(chain, (120.0, "put", -1.0), (100.0, "put", 1.0))
    assert units["options_initial"] == pytest.approx([20.0])
    mark = mark_of(chain, 120.0, "put")
    own = mark + max(7.0, 0.2 * mark)
    assert units["options_maintenance"] == pytest.approx([min(own, 20.0)])


def test_expiries_do_not_net(chain):
    near, far = name_of("AAA", 1, 100.0, "call"), name_of("AAA", 2, 100.0, "call")
    result = regime_with().assess(book_of([[(near, -1.0), (far, 1.0)]]), chain)
    assert result.initial_margin[0] == pytest.approx(mark_of(chain, 100.0, "call") + 15)


def test_at_expiry_and_without_vol_an_option_is_worth_its_intrinsic_value(chain):
    assert mark_of(chain, 100.0, "call", expiry=0) == pytest.approx(2.0)
    assert mark_of(chain, 80.0, "call", expiry=2) == pytest.approx(22.0)
    units = units_of(chain, (100.0, "call", -1.0), expiry=0)
    assert units["options_initial"] == pytest.approx([2.0 + 15])


def test_extreme_strikes(chain):
    units = units_of(chain, (1e7, "call", -1.0), (1e-6, "call", 1.0))
    assert units["max_loss_initial"] == [0.0]
    units = units_of(chain, (1e7, "put", -1.0), (100.0, "call", 1.0))
    assert units["max_loss_initial"] == [1e7]
    units = units_of(chain, (1e7, "put", 1.0), (100.0, "put", -1.0))  # worth much at 0, nothing at 1e7
    assert units["max_loss_initial"] == [0.0]


def test_a_strike_of_which_nothing_is_left_is_not_held(chain):
    units = units_of(chain, (100.0, "call", -1.0), (1e7, "put", 0.0), (1e7, "call", 1.0), (1e7, "call", -1.0))
    assert units["max_loss_initial"] == pytest.approx([1.2 * FORWARD])


def test_the_highest_forward_of_an_expiry_holds(chain):
    forward = chain.forward.copy()
    forward[chain.kind == 2] = FORWARD + np.where(chain.strike[chain.kind == 2] == 1e7, 5.0, 0.0)
    book = book_of([[(name_of("AAA", 1, 100.0, "call"), -1.0), (name_of("AAA", 1, 1e7, "put"), 0.0)]])
    units = regime_with().assess(book, chain.with_(forward=forward)).unit_columns()
    assert units["max_loss_initial"][0] == pytest.approx(1.2 * (FORWARD + 5.0))
    without = [(name_of("AAA", 1, 100.0, "call"), -1.0)]
    other = [(name_of("AAA", 1, 1e7, "put"), 1.0)]
    units = regime_with().assess(book_of([without, other]), chain.with_(forward=forward)).unit_columns()
    assert units["max_loss_initial"][0] == pytest.approx(1.2 * FORWARD)  # whatever others hold


positions = st.tuples(
    st.sampled_from(["AAA", "BBB"]),
    st.sampled_from(range(len(EXPIRIES))),
    st.sampled_from(STRIKES),
    st.sampled_from(["call", "put"]),
    st.sampled_from([-4.0, -1.5, -1.0, 0.0, 0.7, 1.0, 3.0]),
)


@given(st.lists(st.lists(positions, max_size=12), min_size=1, max_size=6))
def test_generated_books_agree_with_the_slow_twin(chain, accounts):
    held = [[(name_of(*cell), quantity) for *cell, quantity in positions] for positions in accounts]
    result = regime_with().assess(book_of(held), chain)
    for i, account in enumerate(accounts):
        net: dict[tuple[str, int], dict[tuple[float, str], float]] = {}
        for coin, e, strike, kind, quantity in account:
            cell = net.setdefault((coin, e), {})
            cell[strike, kind] = cell.get((strike, kind), 0.0) + quantity
        initial = maintenance = 0.0
        for (_, e), cell in net.items():
            options = [
                {"strike_usd": k, "type": kind, "amount": q, "mark": mark_of(chain, k, kind, e)} for (k, kind), q in cell.items()
            ]
            margins = slow_srm.expiry(options, SPOT, FORWARD, PAR)
            initial, maintenance = initial - margins["im"], maintenance - margins["mm"]
        scale = max([strike * abs(quantity) for _, _, strike, _, quantity in account], default=0.0)
        assert result.initial_margin[i] == pytest.approx(initial, rel=1e-11, abs=1e-14 * scale + 1e-11)
        assert result.maintenance_margin[i] == pytest.approx(maintenance, rel=1e-11, abs=1e-14 * scale + 1e-11)


def test_blocks_and_threads_change_no_bit(chain):
    random = np.random.default_rng(5)
    names = list(chain.instruments)
    accounts = [
        [(names[j], float(q)) for j, q in zip(random.integers(0, len(names), 9), random.normal(0, 3, 9), strict=True)]
        for _ in range(40)
    ]
    whole = regime_with().assess(book_of(accounts), chain)
    parts = regime_with().assess(book_of(accounts), chain, block=3, threads=2)
    assert whole.initial_margin.tobytes() == parts.initial_margin.tobytes()
    assert whole.maintenance_margin.tobytes() == parts.maintenance_margin.tobytes()
    for name, column in whole.unit_columns().items():
        if isinstance(column, np.ndarray):
            assert column.tobytes() == parts.unit_columns()[name].tobytes()
    components = sum(whole.results.components.values())
    assert components == pytest.approx(whole.initial_margin)


def test_explanation_adds_up_and_reads(chain):
    held = [(name_of("AAA", 1, 80.0, "call"), -3.0), (name_of("AAA", 1, 100.0, "call"), 3.0), ("BBB-PERP", -1.0)]
    result = regime_with().assess(book_of([held]), chain)
    explanation = result.explain(0)
    (pool,) = explanation.pools
    assert pool.lines["initial_margin"].sum() + sum(pool.rest.values()) == pytest.approx(result.initial_margin[0])
    assert pool.rest["options together"] == pytest.approx(60.0 - 3 * (mark_of(chain, 80.0, "call") + 15))
    assert "holdings on their own" in repr(explanation)
    assert result.columns()["futures"][0] == pytest.approx(10.0)


def test_inverse_options_are_refused(market):
    with pytest.raises(DataError, match=r"BTC-27MAR26-70000-C.*inverse option cannot net"):
        regime_with().assess(book_of([[("BTC-27MAR26-70000-C", 1.0)]]), market)


def test_parameters_are_asked_for_by_unit_and_by_need(chain):
    lacking = ByName("put_floor", {"BBB": 1.0})
    formula = IndexShareMargin(SHORT.base, SHORT.minimum, SHORT.call_maintenance, SHORT.put_maintenance, SHORT.put_value, lacking)
    regime = regime_with(ExpiryNetting(formula, by("unpaired_im_scale"), by("unpaired_mm_scale")))
    assert regime.assess(book_of([[(name_of("AAA", 1, 80.0, "call"), -1.0)]]), chain).initial_margin[0] > 0
    with pytest.raises(ParameterError, match="put_floor of AAA has no value"):
        regime.assess(book_of([[(name_of("AAA", 1, 80.0, "put"), -1.0)]]), chain)


def test_given_margins_stand_in_for_one_unit(chain):
    rule = GivenOptionMargins(NETTING, {"AAA": 7.0}, {"AAA": 3.0})
    short = [(name_of(coin, e, 100.0, "call"), -1.0) for coin in ("AAA", "BBB") for e in (1, 2)]
    other = [position for position in short if position[0].startswith("BBB")]
    both, alone = (regime_with(rule).assess(book_of([held]), chain) for held in (short, other))
    assert both.initial_margin[0] == pytest.approx(7.0 + alone.initial_margin[0])
    assert both.maintenance_margin[0] == pytest.approx(3.0 + alone.maintenance_margin[0])
    assert both.unit_columns()["isolated_initial"][0] == 0.0


def test_index_share_margin_of_inverse_options_is_in_coin(market):
    values = (ByName("x", x) for x in (0.15, 0.10, 0.075, 0.075, 0.075, 1.0))
    share = IndexShareMargin(*values)
    same = MoneynessMargin(base=0.15, minimum=0.10, maintenance=0.075)
    held = [("BTC-27MAR26-70000-C", -1.0), ("BTC-27MAR26-60000-P", -2.0)]
    one, other = (
        regime_with(PerPosition(formula, formula), pool=SegregatedPool()).assess(book_of([held]), market)
        for formula in (share, same)
    )
    assert one.initial_margin == pytest.approx(other.initial_margin)
    assert one.maintenance_margin == pytest.approx(other.maintenance_margin)


def test_orders_are_refused_or_ignored(chain):
    orders = {"account": [0], "instrument": ["AAA-PERP"], "quantity": [1.0], "price": [99.0]}
    book = Book.of(accounts={"account": [0]}, orders=orders)
    with pytest.raises(DataError, match=r"AAA-PERP.*rule by which open orders.*Leave them out"):
        regime_with(orders=RefusedOrders("Leave them out.")).assess(book, chain)
    result = regime_with().assess(book, chain)
    assert result.initial_margin[0] == 0.0
    assert "open_orders" not in result.columns()


@pytest.mark.parametrize("by_what", ["index", "base", "instrument"])
@pytest.mark.parametrize(("price", "tiers_in", "expected"), [
    ("mark", "coin", (0.1 * 30 - 1) * 70030.0),
    ("index", "coin", (0.1 * 30 - 1) * 70000.0),
    ("mark", "value", 0.1 * 30 * 70030.0 - 1),
    ("index", "value", 0.1 * 30 * 70000.0 - 1),
])  # fmt: skip
def test_futures_by_price_basis_and_measure(market, by_what, price, tiers_in, expected):
    asked = []

    def table(name):
        asked.append(name)
        return RateTable((0.0,), (0.1,), (0.0,), (1.0,))

    futures = FuturesMargin(table, table, price=price, tiers_in=tiers_in, by=by_what)
    regime = regime_with(PerPosition(SHORT, SHORT), futures=futures)
    result = regime.assess(book_of([[("BTC_USDC-PERPETUAL", -30_000.0)]]), market)
    assert result.initial_margin[0] == pytest.approx(expected)
    assert set(asked) == {{"index": "BTC_USDC", "base": "BTC", "instrument": "BTC_USDC-PERPETUAL"}[by_what]}


def test_inverse_futures_are_margined_in_coin_on_either_basis(market):
    for price in ("index", "mark"):
        futures = FuturesMargin(lambda _: RateTable.flat(0.1), lambda _: RateTable.flat(0.05), price=price)
        regime = regime_with(PerPosition(SHORT, SHORT), SegregatedPool(), futures=futures)
        result = regime.assess(book_of([[("BTC-PERPETUAL", 70020.0)]]), market)
        assert result.initial_margin[0] == pytest.approx(1.0)


def test_model_marks_are_discounted_where_a_rate_is_given(market):
    rate = np.where(market.kind == 2, 0.05, np.nan)
    options = market.kind == 2
    value = black76(market.forward, market.strike, market.years, market.vol, np.where(options, market.option_sign, 1.0)).price
    unit = np.where(market.inverse, market.forward, 1.0)
    assert model_marks(market)[options] == pytest.approx((value / unit)[options])
    discounted = model_marks(market.with_(rate=rate), discounted=True)
    assert discounted[options] == pytest.approx((value / unit * np.exp(-0.05 * market.years))[options])
    assert discounted[~options].tolist() == market.mark[~options].tolist()
