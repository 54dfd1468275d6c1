"""The Dutch auction as a step: accounts in liquidation are sold in parts to bidders from the market."""

from __future__ import annotations

from dataclasses import dataclass, replace

from margin.errors import ParameterError
from margin.liquidation.auction import Figures, PriceDecay, insolvent_offer
from margin.liquidation.events import Event
from margin.liquidation.procedure import Distressed, Scene
from margin.liquidation.state import FUND, MARKET, Auction, State
from margin.liquidation.transfers import Draft


@dataclass(frozen=True, slots=True, kw_only=True)
class DutchAuction:
    """Start auctions, let bidders bid, end them.

    Bidders are a model: they ask for everything once the price is low enough, and own enough cash. Margin inside the auction is
    that of the regime, as if somebody always named the worst scenario. An auction ends when the net margin is met.

    Attributes
    ----------
    decay : PriceDecay
    buffer : float
        Fraction of the maintenance requirement that is sold for beyond it.
    fee_rate : float
        Of the value of the largest fraction, at the start of a solvent auction, to the fund.
    insolvent_seconds : float
        Time in which the offer of an insolvent auction falls to the net margin.
    discount : float
        Bidders come when the price factor is this much below one, in an insolvent auction when this share of the requirement is
        paid on top of the loss.
    """

    decay: PriceDecay
    buffer: float
    fee_rate: float
    insolvent_seconds: float
    discount: float

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """One look at every account in need: start or restart its auction, then at most one bid."""
        state = scene.state
        draft, auctions = Draft(state, scene.market, "auction"), dict(state.auctions)
        for pool in scene.pools:
            cash = _cash_cell(scene, pool)
            auction = auctions.get(pool.account)
            if auction is None or self._over(auction, pool, state.seconds):
                ran_out = auction is not None and auction.solvent and state.seconds - auction.start > self.decay.length
                auction = self._started(draft, pool, cash, solvent=pool.equity > 0 and not ran_out)
            reserved = self._bid(draft, pool, cash, auction)
            auctions[pool.account] = replace(auction, reserved=reserved)
        after, events = draft.done()
        return replace(after, auctions=auctions), events

    def _over(self, auction: Auction, pool: Distressed, now: float) -> bool:
        """Whether a running auction has to be started again: its kind no longer fits."""
        if not auction.solvent:
            return pool.equity > 0
        spent = pool.equity <= 0 or auction.reserved >= pool.equity
        return spent or now - auction.start > self.decay.length

    def _started(self, draft: Draft, pool: Distressed, cash: int, *, solvent: bool) -> Auction:
        draft.record(pool.account, "start", counterparty="solvent" if solvent else "insolvent")
        if solvent:
            fee = self._figures(pool, 0.0).fee(self.fee_rate)
            draft.pay_holder(cash, draft.state.n + FUND, fee, "fee")
        return Auction(start=draft.state.seconds, reserved=0.0, solvent=solvent)

    def _figures(self, pool: Distressed, reserved: float) -> Figures:
        return Figures.of(value=pool.equity, net=pool.net, buffer=self.buffer, reserved=reserved)

    def _bid(self, draft: Draft, pool: Distressed, cash: int, auction: Auction) -> float:
        """Let a bidder take a part if it wants to; the cash that is reserved afterwards."""
        elapsed = draft.state.seconds - auction.start
        if auction.solvent:
            factor = self.decay.factor(elapsed)
            if factor > 1.0 - self.discount:
                return auction.reserved
            bid = self._figures(pool, auction.reserved).bid(1.0, factor)
            self._hand_over(draft, pool, cash, bid.fraction, auction.reserved)
            market = draft.balance(draft.state.n + MARKET, int(draft.state.currency[cash]))
            draft.pay_holder(market, pool.account, bid.paid, "bid")
            return auction.reserved + bid.paid
        length = self.insolvent_seconds
        if elapsed < self.discount * length:
            return auction.reserved
        offer = insolvent_offer(value=pool.equity, net=pool.net, elapsed=elapsed, length=length)
        self._hand_over(draft, pool, cash, 1.0, 0.0)
        fund = draft.balance(draft.state.n + FUND, int(draft.state.currency[cash]))
        draft.pay_holder(fund, draft.state.n + MARKET, -offer, "bid")
        return 0.0

    @staticmethod
    def _hand_over(draft: Draft, pool: Distressed, cash: int, fraction: float, reserved: float) -> None:
        """A fraction of every position and of the money that is not reserved, to a bidder from the market."""
        market = draft.state.n + MARKET
        for at in pool.positions:
            quantity = fraction * float(draft.state.quantity[at])
            draft.give(int(at), draft.place(market, int(draft.state.row[at])), quantity)
        for cell in pool.cells:
            sold = fraction * (float(draft.state.amount[cell]) - (reserved if cell == cash else 0.0))
            if sold:
                draft.pay_holder(int(cell), market, sold, "bid")


def _cash_cell(scene: Scene, pool: Distressed) -> int:
    """Cell in which the pool's money is paid."""
    money = scene.regime.pool.money
    for cell in pool.cells:
        if scene.state.currencies[int(scene.state.currency[cell])] == money:
            return int(cell)
    message = f"an auction is paid in the money of the pool, and no account holds {money}"
    raise ParameterError(message, name="money", scope=scene.regime.name)
