"""Money and contracts are conserved, the healthy are left alone, the same inputs give the same result."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.book import Book
from margin.by_name import ByName
from margin.liquidation.auction import PriceDecay
from margin.liquidation.auction_step import DutchAuction
from margin.liquidation.backstops import CoverDeficit, FundRule, SocialiseLoss, TakeOver, When
from margin.liquidation.collateral_step import SellCollateral
from margin.liquidation.deleveraging import AutoDeleverage, ByGainAndLeverage, ByProfitAndMarginRatio
from margin.liquidation.impact import LinearImpact
from margin.liquidation.paths import Instant, Path, moved
from margin.liquidation.procedure import Procedure, Scene
from margin.liquidation.simulation import TOLERANCE, check_conserved, settled, simulate
from margin.liquidation.state import BACKSTOP, FEES, FUND, HOUSE, State
from margin.liquidation.steps import CancelOrders, CloseInParts, CutByTiers, Fee, Ladder, OffsetLegs
from margin.pools import CrossPool, PartlyIsolated
from margin.regime import Regime

from . import books

FEE = Fee(futures=ByName("fee", 0.005), options=ByName("fee", 0.002), holder=FEES)
LADDER = Ladder((100.0, 1000.0, 5000.0, 1e9), (0.005, 0.01, 0.025, 0.1))
STEPS = {
    "orders": CancelOrders(),
    "legs": OffsetLegs(),
    "rounds": CloseInParts(share=0.3, first="futures", fee=FEE),
    "partial": CloseInParts(share=0.2, rounds=1, whole_up_to=100_000.0, cooldown=30.0),
    "tiers": CutByTiers(ladder=lambda _: LADDER, down=2, fee=FEE),
    "vault": TakeOver(holder=BACKSTOP, below=2 / 3),
    "fund": TakeOver(holder=FUND, covered=True),
    "adl at bankruptcy": AutoDeleverage(ranking=ByGainAndLeverage(), price="bankruptcy"),
    "adl at mark": AutoDeleverage(ranking=ByProfitAndMarginRatio(), price="mark"),
    "adl when low": When(
        rule=FundRule(fraction=0.3, floor=50_000.0, seconds=3600.0),
        step=AutoDeleverage(ranking=ByGainAndLeverage(shorts="literal"), price="mark"),
    ),
    "sell": SellCollateral(penalty=ByName("penalty", 0.02)),
    "cover": CoverDeficit(),
    "share": SocialiseLoss(by="cash"),
    "winners": SocialiseLoss(by="profit", outside=False),
}
IMPACT = LinearImpact(per_million=ByName("impact", 0.004), largest=0.2, permanent=0.5)
REGIMES = {
    **{pool: books.regime(pool, "flat") for pool in ("cross", "segregated", "isolated")},
    "partly isolated": replace(books.regime("cross", "flat"), pool=PartlyIsolated(CrossPool())),
}
AUCTION = DutchAuction(
    decay=PriceDecay(start=0.95, cutoff=0.7, fast=100.0, slow=1000.0), buffer=0.15, fee_rate=0.1, insolvent_seconds=300.0,
    discount=0.1,
)  # fmt: skip


def made(seed: int, accounts: int, pool: str) -> Book:
    rng = np.random.default_rng(seed)
    book = books.book(accounts, rng, books.market())
    if pool != "isolated":
        alone = rng.random(len(book.positions)) < (0.3 if pool == "partly isolated" else 0.0)
        collateral = np.where(alone, book.positions.isolated_collateral, np.nan)
        book = replace(book, positions=replace(book.positions, isolated_collateral=collateral if alone.any() else None))
    return book


def paths() -> st.SearchStrategy[Path]:
    move = st.floats(-0.5, 0.8)
    shocks = st.builds(
        lambda btc, eth, usdc, rate, steps: Path.shock(
            steps=steps, seconds=20.0, price={"BTC": btc, "ETH": eth}, usd={"USDC": usdc}, funding={"BTC": rate}
        ),
        move, move, st.floats(-0.1, 0.05), st.floats(-0.01, 0.01), st.integers(1, 4),
    )  # fmt: skip
    jumps = st.builds(
        lambda seed: Path.jumps(["BTC", "ETH"], steps=4, seconds=3600.0, seed=seed, vol=0.8, jumps_a_year=2000.0, jump=-0.1,
                                jump_deviation=0.1),
        st.integers(0, 99),
    )  # fmt: skip
    return shocks | jumps


class Watched:
    """A step that checks what the inner one keeps."""

    def __init__(self, inner: object, book: Book) -> None:
        self.inner = inner
        start = State.of(book, books.market())
        self.held = np.bincount(start.row, np.abs(start.quantity), len(books.market()))

    def apply(self, scene: Scene) -> tuple[State, tuple[object, ...]]:
        before = scene.state
        state, events = self.inner.apply(scene)  # type: ignore[attr-defined]
        check_conserved(state, before.totals())
        assert (np.abs(state.contracts(scene.market)) <= 1e-12 * self.held).all()
        # The inputs stay as they were: a step is pure.
        again, events_again = self.inner.apply(scene)  # type: ignore[attr-defined]
        assert repr(events_again) == repr(events)
        np.testing.assert_array_equal(again.amount, state.amount)
        np.testing.assert_array_equal(again.quantity, state.quantity)
        return state, events


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    accounts=st.integers(1, 12),
    pool=st.sampled_from(list(REGIMES)),
    names=st.lists(st.sampled_from(list(STEPS)), min_size=1, max_size=6, unique=True),
    path=paths(),
    fund=st.sampled_from([0.0, 1e3, 1e6]),
    impact=st.sampled_from([None, IMPACT]),
)
def test_money_and_contracts_are_conserved_at_every_step(seed, accounts, pool, names, path, fund, impact) -> None:
    market, book = books.market(), made(seed, accounts, pool)
    procedure = Procedure(name="any", steps=tuple(Watched(STEPS[name], book) for name in names), provenance={})
    ended = simulate(
        book, market, path, regime=REGIMES[pool], procedure=procedure, fund={"USDC": fund}, backstop={"BTC": 1.0}, impact=impact
    )
    check_conserved(ended.end, ended.start.totals())
    worth = ended.times["accounts"] + ended.times["fund"] + ended.times["backstop"] + ended.times["fees"] + ended.times["market"]
    prices = np.nan_to_num(ended.market.usd)
    usd = dict(zip(ended.market.currencies, prices, strict=True))
    money = math.fsum(total * usd[name] for name, total in ended.end.totals().items())
    scale = math.fsum(np.abs(ended.end.amount * prices[ended.end.currency]))
    assert worth[-1] == pytest.approx(money, abs=1e-11 * scale)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), path=paths(), fund=st.sampled_from([0.0, 1e6]))
def test_auctions_conserve_and_share_what_the_fund_cannot_pay(seed: int, path: Path, fund: float) -> None:
    regime = replace(books.regime("cross", "flat"), pool=CrossPool(money="USDC"))
    book = made(seed, 8, "cross")
    steps = (Watched(AUCTION, book), Watched(SocialiseLoss(by="cash"), book))
    procedure = Procedure(name="auction", steps=steps, provenance={})
    ended = simulate(book, books.market(), path, regime=regime, procedure=procedure, fund={"USDC": fund})
    check_conserved(ended.end, ended.start.totals())
    assert ended.times["fund"][-1] >= -1e-6 * ended.times["accounts"][-1]  # what it cannot pay is shared by all


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), pool=st.sampled_from(list(REGIMES)), path=paths())
def test_without_socialised_loss_and_deleveraging_the_healthy_are_left_alone(seed: int, pool: str, path: Path) -> None:
    market, book, regime = books.market(), made(seed, 10, pool), REGIMES[pool]
    names = ("orders", "rounds", "vault", "fund", "sell", "cover")
    procedure = Procedure(name="some", steps=tuple(STEPS[name] for name in names), provenance={})
    ended = simulate(book, market, path, regime=regime, procedure=procedure, fund={"USDC": 1e6})
    ever = set(ended.distressed["account"])
    assert {event.account for event in ended.events} - set(HOUSE) <= {str(account) for account in ever}
    state, now = State.of(book, market), market
    for instant in path:
        then, now = now, moved(market, instant)
        state = settled(state, then, now, instant)
    shared = [i for i, account in enumerate(book.accounts) if account not in ever]
    for account in shared:
        mine, theirs = state.holder == account, ended.end.holder == account
        np.testing.assert_array_equal(ended.end.quantity[theirs], state.quantity[mine])
        np.testing.assert_array_equal(ended.end.amount[ended.end.owner == account], state.amount[state.owner == account])


@pytest.mark.parametrize("pool", REGIMES)
def test_the_same_inputs_give_the_same_result(pool: str) -> None:
    path = Path.shock(steps=5, seconds=10.0, price={"BTC": -0.4, "ETH": 0.5})
    procedure = Procedure(name="all", steps=tuple(STEPS.values()), provenance={})

    def once(threads: int) -> str:
        ended = simulate(
            made(7, 40, pool), books.market(), path, regime=REGIMES[pool], procedure=procedure, impact=IMPACT, threads=threads
        )
        return repr(ended.events) + repr({name: column.tolist() for name, column in ended.times.items()})

    assert once(1) == once(2) != ""


def test_equity_without_steps_is_that_of_the_book_in_the_moved_market() -> None:
    """Settling to the mark and funding of zero leave every account with what its entry prices say."""
    market, book = books.market(), made(3, 20, "cross")
    instant = Instant(seconds=0.0, price={"BTC": 0.9, "ETH": 1.2})
    now = moved(market, instant)
    state = settled(State.of(book, market), market, now, instant)
    regime: Regime = REGIMES["cross"]
    wanted = regime.assess(book, now).results
    got = regime.assess(state.book().of(now), now).results
    np.testing.assert_allclose(got.equity, wanted.equity, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(got.maintenance, wanted.maintenance, rtol=1e-12)
    np.testing.assert_allclose(state.worth(now)[: state.n], wanted.equity, rtol=1e-9, atol=1e-6)


def test_lost_money_is_noticed() -> None:
    state = State.of(made(3, 4, "cross"), books.market(), fund={"USDC": 100.0})
    amount = state.amount.copy()
    amount[0] += 1e3 * TOLERANCE * np.abs(amount).sum()
    with pytest.raises(ArithmeticError, match=r"BTC is not conserved"):
        check_conserved(replace(state, amount=amount), state.totals())
