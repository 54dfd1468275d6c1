"""Each step on small books, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.liquidation.auction import Figures, PriceDecay, insolvent_offer, withdrawal_fee
from margin.liquidation.auction_step import DutchAuction
from margin.liquidation.backstops import CoverDeficit, FundRule, SocialiseLoss, TakeOver, When
from margin.liquidation.collateral_step import SellCollateral
from margin.liquidation.deleveraging import AutoDeleverage, ByGainAndLeverage, ByProfitAndMarginRatio
from margin.liquidation.hedging import HedgeDelta, coin_delta
from margin.liquidation.impact import LinearImpact, NoImpact
from margin.liquidation.paths import Instant, Path, moved
from margin.liquidation.procedure import Procedure, Scene
from margin.liquidation.state import BACKSTOP, FEES, FUND, MARKET, State
from margin.liquidation.steps import CancelOrders, CloseInParts, CutByTiers, Fee, Ladder, OffsetLegs, cut_to_cap
from margin.pools import CrossPool
from margin.venues import load, load_procedure

from . import books

PERP = "BTC_USDC-PERP"  # 0.001 BTC, mark 70,030 USDC
REGIME = replace(books.regime("cross", "flat", discounted=False))  # 2 % of the value at the mark


def book(positions, cash, **more):
    """Positions as (account, contracts, entry) in the linear perpetual, cash in USDC by account."""
    who, quantity, entry = zip(*positions, strict=True)
    return Book.of(
        positions={"account": list(who), "instrument": [PERP] * len(who), "quantity": list(quantity), "entry_price": list(entry)},
        balances={"account": list(cash), "currency": ["USDC"] * len(cash), "amount": list(cash.values())},
        **more,
    )


def scene(holdings, *, fund=0.0, impact=None, price=1.0, regime=REGIME):
    """What a step sees of a book after a price move of BTC."""
    market = books.market()
    state = State.of(holdings, market, fund={"USDC": fund})
    now = moved(market, Instant(seconds=0.0, price={"BTC": price}))
    from margin.liquidation.simulation import settled

    state = settled(state, market, now, Instant(seconds=0.0))
    return Scene.of(state, now, regime, np.arange(state.n, dtype=np.int32), np.zeros(state.n), impact=impact)


def cash(state, holder):
    return float(state.amount[state.cells(holder)[state.currencies.index("USDC")]])


def held(state, holder):
    return float(state.quantity[state.holder == holder].sum())


MARK = 70_030.0


def test_a_healthy_pool_is_not_in_need():
    assert scene(book([("a", 1000.0, MARK)], {"a": 1500.0})).pools == ()


def test_partial_orders_large_positions_in_part_then_whole_in_the_pause():
    at = scene(book([("a", 2000.0, MARK)], {"a": 1000.0}))
    step = CloseInParts(share=0.2, rounds=1, whole_up_to=100_000.0, cooldown=30.0)
    state, events = step.apply(at)
    assert held(state, 0) == pytest.approx(1600.0)
    assert state.cooling[0] == 30.0
    assert [(e.what, e.quantity, e.counterparty) for e in events] == [("trade", -400.0, "market")]
    assert held(step.apply(at.after(state))[0], 0) == 0.0
    later = at.after(replace(state, seconds=31.0))
    assert held(step.apply(later)[0], 0) == pytest.approx(1280.0)
    small = scene(book([("a", 1000.0, MARK)], {"a": 500.0}))
    assert held(step.apply(small)[0], 0) == 0.0


def test_rounds_stop_when_the_margin_is_met_and_pay_fees():
    at = scene(book([("a", 2000.0, MARK)], {"a": 2000.0}))
    fee = Fee(futures=ByName("fee", 0.001), options=ByName("fee", 0.0), holder=FEES)
    state, events = CloseInParts(share=0.25, fee=fee).apply(at)
    assert held(state, 0) == 1000.0
    paid = 2 * 0.001 * 500 * 0.001 * MARK
    assert cash(state, state.n + FEES) == pytest.approx(paid)
    assert cash(state, 0) == pytest.approx(2000.0 - paid)
    assert [e.what for e in events] == ["trade", "fee"] * 2


def test_impact_moves_the_price_against_the_trade():
    impact = LinearImpact(per_million=ByName("impact", 0.1), largest=0.05, permanent=0.5)
    at = scene(book([("a", 1000.0, MARK)], {"a": 500.0}), impact=impact)
    state, (event,) = CloseInParts(share=1.0).apply(at)
    slipped = 0.1 * 1000 * 0.001 * 70_010 / 1e6
    assert event.price == pytest.approx(MARK * (1 - slipped))
    assert cash(state, 0) == pytest.approx(500.0 - slipped * MARK)
    market = at.market
    row = books.NAMES.index(PERP)
    traded = np.where(np.arange(len(market)) == row, -1000.0, 0.0)
    left = impact.displaced(market, traded)
    assert left[row] == pytest.approx(-slipped / 2)
    assert left[books.NAMES.index("ETH-PERP")] == 0.0
    assert impact.price(market, row, -1e9) == pytest.approx(0.95 * MARK)
    assert not NoImpact().displaced(market, traded).any()
    with pytest.raises(ValueError, match=r"largest=1.5"):
        LinearImpact(per_million=ByName("impact", 0.1), largest=1.5)


def test_orders_are_cancelled_of_pools_in_need_alone():
    orders = {"account": ["a", "b"], "instrument": [PERP] * 2, "quantity": [1.0, 1.0], "price": [6e4, 6e4]}
    at = scene(book([("a", 2000.0, MARK), ("b", 1.0, MARK)], {"a": 500.0, "b": 500.0}, orders=orders))
    state, (event,) = CancelOrders().apply(at)
    assert event.account == "a"
    assert state.orders.account.tolist() == [1]


def test_tiers_are_cut_two_at_a_time():
    ladder = Ladder((100.0, 1000.0, 3000.0, 1e5), (0.005, 0.01, 0.02, 0.05))
    fee = Fee(futures=ByName("fee", 0.0), options=ByName("fee", 0.0), holder=FUND)
    step = CutByTiers(ladder=lambda _: ladder, down=2, fee=fee)
    # 2000 contracts are worth 140,060 USD and need 2 %; equity 1.5 % is above the first tier's 0.5 % and in need.
    state, _ = step.apply(scene(book([("a", 2000.0, MARK)], {"a": 2100.0})))
    assert held(state, 0) == 100.0
    state, _ = step.apply(scene(book([("a", 2000.0, MARK)], {"a": 600.0})))
    assert held(state, 0) == 0.0
    assert ladder.tier(1e9) == 3
    with pytest.raises(ParameterError, match=r"one rate for each cap"):
        Ladder((1.0,), ())


def test_takeover_is_a_sale_at_the_bankruptcy_price():
    at = scene(book([("a", 2000.0, MARK)], {"a": 1000.0}), fund=1e4, price=0.98)
    (pool,) = at.pools
    assert pool.equity < 0
    assert TakeOver(holder=BACKSTOP, below=-10.0).apply(at)[1] == ()
    state, events = TakeOver(holder=FUND, covered=True).apply(at)
    assert events[0].price == pytest.approx(MARK - 1000.0 / 2.0)
    assert (held(state, 0), cash(state, 0)) == (0.0, pytest.approx(0.0, abs=1e-9))
    assert held(state, state.n + FUND) == 2000.0
    assert cash(state, state.n + FUND) == pytest.approx(1e4 + pool.equity)
    poor = scene(book([("a", 2000.0, MARK)], {"a": 1000.0}), fund=100.0, price=0.98)
    assert TakeOver(holder=FUND, covered=True).apply(poor)[1] == ()


def test_deleveraging_goes_by_rank_and_leaves_the_pool_at_zero():
    # b and c are short in profit; c with more leverage. d is short at a loss.
    positions = [("a", 2000.0, MARK), ("b", -1000.0, MARK), ("c", -1500.0, MARK), ("d", -900.0, 60_000.0)]
    at = scene(book(positions, {"a": 1000.0, "b": 90_000.0, "c": 9_000.0, "d": 20_000.0}), price=0.98)
    state, events = AutoDeleverage(ranking=ByGainAndLeverage(), price="bankruptcy").apply(at)
    assert [(e.counterparty, e.quantity) for e in events] == [("c", -1500.0), ("b", -500.0)]
    assert cash(state, 0) == pytest.approx(0.0, abs=1e-9)
    assert held(state, 3) == -900.0
    state, events = AutoDeleverage(ranking=ByProfitAndMarginRatio(), price="mark").apply(at)
    assert sum(e.quantity for e in events) == -2000.0
    assert cash(state, 0) < 0
    alone = scene(book([("a", 2000.0, MARK)], {"a": 1000.0}), price=0.98)
    _, events = AutoDeleverage(ranking=ByGainAndLeverage(), price="mark").apply(alone)
    assert [e.counterparty for e in events] == ["market"]


def test_deleveraging_needs_entry_prices():
    holdings = book([("a", 2000.0, MARK), ("b", -1000.0, MARK)], {"a": -1000.0, "b": 9e4})
    unknown = replace(holdings, positions=replace(holdings.positions, entry_price=None))
    with pytest.raises(DataError, match=r"positions.*entry_price.*row.*|entry prices"):
        AutoDeleverage(ranking=ByGainAndLeverage(), price="mark").apply(scene(unknown))


def test_the_fund_covers_what_it_can_and_the_rest_is_shared():
    closed = Book.of(
        balances={"account": ["a", "b", "c"], "currency": ["USDC"] * 3, "amount": [-1000.0, 3000.0, 1000.0]},
    )
    at = scene(closed, fund=400.0)
    state, _ = CoverDeficit().apply(at)
    assert (cash(state, 0), cash(state, state.n + FUND)) == (-600.0, 0.0)
    state, events = SocialiseLoss(by="cash").apply(at.after(state))
    assert [cash(state, h) for h in range(4)] == pytest.approx([0.0, 2550.0, 850.0, 0.0], abs=1e-9)
    assert {e.account for e in events if e.what == "socialise"} == {"b", "c"}


def test_collateral_is_sold_for_a_debt_with_a_penalty():
    owed = Book.of(balances={"account": ["a", "a"], "currency": ["USDC", "BTC"], "amount": [-10_000.0, 0.2]})
    regime = books.regime("cross", "flat")
    in_need = scene(owed, regime=replace(regime, collateral=replace(regime.collateral, haircut=ByName("haircut", 0.5), tiers={})))
    state, _ = SellCollateral(penalty=ByName("penalty", 0.02)).apply(in_need)
    assert cash(state, 0) == 0.0
    btc = [float(state.amount[state.cells(h)[0]]) for h in (0, state.n + FUND, state.n + MARKET)]
    sold = 10_000.0 / 0.98 / 7e4
    assert btc == pytest.approx([0.2 - sold, 0.02 * sold, 0.98 * sold])


def test_legs_of_a_hedged_position_are_offset():
    hedged = Book.of(
        positions={"account": ["a", "a"], "instrument": [PERP] * 2, "quantity": [1500.0, -1000.0], "side": ["long", "short"]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [10.0]},
    )
    at = scene(hedged)
    state, _ = OffsetLegs().apply(at)
    assert sorted(state.quantity[state.holder == 0]) == [0.0, 500.0]
    assert OffsetLegs().apply(scene(book([("a", 2000.0, MARK)], {"a": 1.0})))[1] == ()


def test_a_hedge_is_kept_where_it_helps():
    market = books.market(options=("BTC-CALL",))
    short = Book.of(
        positions={"account": ["a"], "instrument": ["BTC-CALL"], "quantity": [-10.0]},
        balances={"account": ["a"], "currency": ["BTC"], "amount": [1.2]},
    )
    regime = load("deribit").regime("segregated_portfolio", as_of="2026-02-15")
    state = State.of(short, market)
    at = Scene.of(state, market, regime, np.zeros(1, dtype=np.int32), np.zeros(1))
    (pool,) = at.pools
    after, events = HedgeDelta(share=1.0).apply(at)
    assert [e.instrument for e in events] == ["BTC-PERP"]
    wanted = 10.0 * coin_delta(market)[-1] * market.mark[0] / 10.0
    assert events[0].quantity == pytest.approx(wanted)
    left = at.after(after).pools
    assert not left or left[0].net > pool.net
    assert HedgeDelta(share=1.0, applies=lambda _scene, _pool: False).apply(at)[1] == ()


def test_published_examples_of_cuts_and_thresholds():
    """OKX: 15,000 contracts in tier 3 go down to the 2,000 of tier 1; a fund that fell from 400,000 to 200,000 USD."""
    assert cut_to_cap(15_000, cap=2_000, above=12_001) == 13_000
    assert cut_to_cap(12_000, cap=2_000, above=12_001) == 12_000
    rule = FundRule(fraction=0.3, floor=50_000.0, seconds=0.0)
    assert rule.threshold(400_000.0) == 280_000.0
    assert rule.low(200_000.0, 400_000.0)
    assert not rule.low(280_000.0, 400_000.0)


def test_a_step_under_a_condition():
    rule = FundRule(fraction=0.3, floor=50_000.0, seconds=3600.0)
    step = When(rule=rule, step=CloseInParts(share=1.0))
    at = scene(book([("a", 2000.0, MARK)], {"a": 1000.0}), fund=1e6)
    assert step.apply(at)[1] == ()
    falling = at.after(replace(at.state, fund_history=((0.0, 2e6), (-9e3, 9e9))))
    assert len(step.apply(falling)[1]) == 1


def test_auction_figures():
    decay = PriceDecay(start=1.0, cutoff=0.8, fast=0.0, slow=100.0)
    assert [decay.factor(t) for t in (0, 50, 100, 1e9)] == [0.8, 0.4, 0.0, 0.0]
    with pytest.raises(ValueError, match=r"elapsed=-1"):
        decay.factor(-1)
    assert Figures(value=100.0, buffered=5.0).max_fraction(0.9) == 0.0
    assert Figures(value=100.0, buffered=-5.0).max_fraction(0.0) == 1.0
    assert insolvent_offer(value=-5.0, net=-9.0, elapsed=100.0, length=10.0) == -9.0
    assert withdrawal_fee(unpaid=0.0, deposits=0.0) == 0.0


def test_paths():
    table = {"seconds": [1.0, 2.0], "price.BTC": [0.9, 0.8], "usd.USDC": [1.0, 0.5]}
    path = Path.of_columns(table)
    assert len(path) == 2
    market = moved(books.market(), path.instants[1])
    row = books.NAMES.index(PERP)
    assert market.mark[row] == pytest.approx(MARK * 0.8 / 0.5)
    assert market.usd[market.currencies.index("USDC")] == 0.5
    for wrong, text in (
        ({"price.BTC": [1.0]}, "column seconds"),
        ({"seconds": [1.0], "BTC": [1.0]}, "no column 'BTC'"),
        ({"seconds": [1.0], "price.BTC": [0.0]}, "0.0 is no price"),
        ({"seconds": [2.0, 1.0]}, "order of time"),
        ({"seconds": [math.nan]}, "order of time"),
    ):
        with pytest.raises(DataError, match=text):
            Path.of_columns(wrong)
    with pytest.raises(DataError, match=r"moves DOGE"):
        moved(books.market(), Instant(seconds=0.0, price={"DOGE": 2.0}))
    with pytest.raises(DataError, match=r"expires on the path"):
        moved(books.market(), Instant(seconds=1e9))
    with pytest.raises(ValueError, match=r"steps=0"):
        Path.shock(steps=0, seconds=1.0)
    two = [Path.jumps(["BTC"], steps=3, seconds=60.0, seed=s, vol=0.5, jumps_a_year=10.0, jump=-0.1, jump_deviation=0.1)
           for s in (1, 1)]  # fmt: skip
    assert two[0] == two[1]


GIVEN = """
[[layer]]
as_of = 2020-01-01
status = "illustrative"
source = "a test"
[layer.liquidation]
round_share = 0.25
hedge_share = 1.0
collateral_penalty = 0.01
taker_fee = 0.0005
option_taker_fee = 0.0003
order_share = 0.5
[layer.auction]
bidder_discount = 0.1
"""
MODES = {"deribit": "cross_portfolio", "derive": "srm", "okx": "portfolio", "hyperliquid": "standard", "binance": "usdm_single"}


@pytest.mark.parametrize(("venue", "mode"), MODES.items())
def test_venues_procedures_need_what_is_not_published(venue, mode, tmp_path):
    made = load_procedure(venue)
    file = tmp_path / "given.toml"
    file.write_text(GIVEN)
    found = made(mode, as_of="2026-06-01", params=(file,), accept=("official", "recorded", "third_party", "illustrative"))
    assert isinstance(found, Procedure)
    assert found.steps[0] == CancelOrders()
    with pytest.raises(ParameterError, match=r"no mode 'nonsense'"):
        made("nonsense", as_of="2026-06-01")
    if venue != "hyperliquid":  # which publishes all of it
        with pytest.raises(ParameterError, match=r"has no value"):
            made(mode, as_of="2026-06-01")


def test_a_venue_without_a_procedure_is_refused():
    assert load_procedure("derive").__name__ == "procedure"
    with pytest.raises(ParameterError, match=r"no venue"):
        load_procedure("nowhere")


def test_an_auction_takes_its_fee_waits_for_a_bidder_and_restores_the_buffer():
    regime = replace(books.regime("cross", "flat", discounted=False), pool=CrossPool(money="USDC"))
    step = DutchAuction(
        decay=PriceDecay(start=0.95, cutoff=0.7, fast=100.0, slow=1000.0),
        buffer=0.15,
        fee_rate=0.1,
        insolvent_seconds=300.0,
        discount=0.1,
    )
    at = scene(book([("a", 2000.0, MARK)], {"a": 2000.0}), regime=regime)
    (pool,) = at.pools
    figures = Figures.of(value=pool.equity, net=pool.net, buffer=0.15)
    state, events = step.apply(at)
    assert [e.what for e in events] == ["start", "fee"]
    assert cash(state, state.n + FUND) == pytest.approx(figures.fee(0.1))
    later = at.after(replace(state, seconds=60.0))
    bid = Figures.of(value=later.pools[0].equity, net=later.pools[0].net, buffer=0.15).bid(1.0, 0.8)
    after, _ = step.apply(later)
    assert held(after, 0) == pytest.approx(2000.0 * (1.0 - bid.fraction))
    assert after.auctions[0].reserved == pytest.approx(bid.paid)
    value = cash(after, 0)
    requirement = 0.02 * held(after, 0) * 0.001 * MARK
    assert value - 1.15 * requirement == pytest.approx(0.0, abs=1e-6)
    assert later.after(after).pools == ()


def test_an_insolvent_auction_is_paid_by_the_fund_and_then_by_all_holders_of_cash():
    regime = replace(books.regime("cross", "flat", discounted=False), pool=CrossPool(money="USDC"))
    terms = PriceDecay(start=0.95, cutoff=0.7, fast=100.0, slow=1000.0)
    step = DutchAuction(decay=terms, buffer=0.15, fee_rate=0.1, insolvent_seconds=300.0, discount=0.5)
    at = scene(book([("a", 2000.0, MARK), ("b", 1.0, MARK)], {"a": -500.0, "b": 9e3}), regime=regime, fund=100.0)
    state, events = step.apply(at)
    assert [(e.what, e.counterparty) for e in events] == [("start", "insolvent")]
    later = at.after(replace(state, seconds=150.0))
    after, _ = step.apply(later)
    (pool,) = later.pools
    paid = -insolvent_offer(value=pool.equity, net=pool.net, elapsed=150.0, length=300.0)
    assert (held(after, 0), cash(after, 0)) == (0.0, 0.0)
    assert cash(after, after.n + FUND) == pytest.approx(100.0 - paid)
    shared, _ = SocialiseLoss(by="cash").apply(replace(later, state=after, pools=()))
    assert cash(shared, shared.n + FUND) == pytest.approx(0.0, abs=1e-9)
    assert cash(shared, 1) < 9e3


def test_closed_isolated_positions_free_what_is_left_and_the_fund_bears_what_is_missing():
    alone = Book.of(
        positions={"account": ["a", "b"], "instrument": [PERP] * 2, "quantity": [1000.0, 1000.0],
                   "entry_price": [MARK, MARK], "isolated_collateral": [1000.0, 2000.0]},
        balances={"account": ["a", "b"], "currency": ["USDC"] * 2, "amount": [10.0, 20.0]},
    )  # fmt: skip
    at = scene(alone, fund=5000.0, price=0.98, regime=books.regime("isolated", "flat"))
    state, events = CloseInParts(share=1.0).apply(at)
    loss = 0.02 * MARK
    assert [e.what for e in events] == ["trade", "cover", "trade", "release"]
    assert cash(state, 0) == 10.0
    assert cash(state, 1) == pytest.approx(20.0 + 2000.0 - loss)
    assert cash(state, state.n + FUND) == pytest.approx(5000.0 + 1000.0 - loss)


def test_loans_are_refused_by_name():
    owed = Book.of(balances={"account": ["a"], "currency": ["USDC"], "amount": [10.0], "loan": [5.0]})
    with pytest.raises(DataError, match=r"balances.*loan.*liquidation of loans is not simulated"):
        State.of(owed, books.market())
