"""Who takes what the market does not: takeover, insurance fund, socialised loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option
from margin.liquidation.auction import withdrawal_fee
from margin.liquidation.collateral_step import pay_debts
from margin.liquidation.events import Event
from margin.liquidation.procedure import Distressed, Scene, Step
from margin.liquidation.state import FUND, MARKET, State
from margin.liquidation.transfers import Draft
from margin.market import Market

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOver:
    """One of the house takes a pool with all its positions and all its money; the account leaves with nothing of it.

    That is a sale at the bankruptcy price, at which the pool is worth zero: the taker gains what is left, or bears the loss.

    Attributes
    ----------
    holder : int
        Who of the house takes.
    below : float, optional
        Only pools whose equity is below this multiple of their maintenance margin.
    covered : bool
        Only pools whose loss the taker can pay; others are left to later steps.
    """

    holder: int
    below: float | None = None
    covered: bool = False

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Pools with positions, in order of accounts."""
        state, market = scene.state, scene.market
        draft = Draft(state, market, "take over")
        means = float(state.worth(market)[state.n + self.holder])
        for pool in scene.pools:
            if not len(pool.positions) or (self.below is not None and pool.equity >= self.below * pool.maintenance):
                continue
            if self.covered and means + pool.equity * pool.usd < 0:
                continue
            means += pool.equity * pool.usd
            self._take(draft, pool)
        return draft.done()

    def _take(self, draft: Draft, pool: Distressed) -> None:
        target, market = draft.state.n + self.holder, draft.market
        price = bankruptcy_price(draft.state, market, pool)
        for at in pool.positions:
            row, quantity = int(draft.state.row[at]), float(draft.state.quantity[at])
            taken = draft.place(target, row)
            # The price makes the pool worth zero; where it is not one price of one position, all is taken at the mark
            # and the money comes along, which leaves both sides with the same.
            draft.trade(int(at), taken, -quantity, float(market.mark[row]) if math.isnan(price) else price)
        for cell in pool.cells:
            draft.move_cell(int(cell), target, "take")


def bankruptcy_price(state: State, market: Market, pool: Distressed) -> float:
    """Price, as mark, of a pool's one futures position at which the pool is worth zero; NaN where there is no such price."""
    held = pool.positions[state.quantity[pool.positions] != 0]
    if len(held) != 1 or is_option(market)[state.row[held[0]]]:
        return math.nan
    row = int(state.row[held[0]])
    settlement = float(market.usd[market.settlement[row]] * market.money_usd)
    size, mark = float(state.quantity[held[0]] * market.contract_size[row]), float(market.mark[row])
    equity = pool.equity * pool.usd / settlement
    if market.inverse[row]:
        inverse = 1.0 / mark + equity / size
        return 1.0 / inverse if inverse > 0 else math.nan
    price = mark - equity / size
    return price if price > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverDeficit:
    """One of the house sets a bankrupt pool without positions back to zero, as far as its worth goes.

    Attributes
    ----------
    holder : int
    """

    holder: int = FUND

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """What is left of the pool's other currencies goes to the payer, then each debt is paid in its own currency.

        What the payer has not got in that currency it exchanges for another.
        """
        state, market = scene.state, scene.market
        draft = Draft(state, market, "cover")
        payer = state.n + self.holder
        usd = np.nan_to_num(market.usd * market.money_usd)[state.currency]
        for pool in scene.pools:
            if pool.equity >= 0 or (scene.state.quantity[pool.positions] != 0).any():
                continue
            amount = draft.state.amount
            for cell in pool.cells[amount[pool.cells] > 0]:
                draft.move_cell(int(cell), payer, "take")
            for cell in pool.cells[amount[pool.cells] < 0]:
                means = max(math.fsum((amount * usd)[state.cells(payer)]), 0.0)
                paid = min(-float(amount[cell]), means / usd[cell]) if usd[cell] > 0 else 0.0
                if paid > 0:
                    draft.pay_holder(int(cell), payer, -paid, "cover")
            pay_debts(draft, state.cells(payer))
        return draft.done()


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialiseLoss:
    """Spread the debts that nobody has paid over all accounts, currency by currency.

    Debts are negative money of one of the house, and of accounts in liquidation without positions.

    Attributes
    ----------
    holder : int
        Who of the house collects and pays.
    by : {"cash", "profit"}
        In proportion to positive balances, or to the P&L of the session (of winners, up to their balance).
    outside : bool
        Whether the market, which stands for everybody not in the book, bears its part too.
    """

    holder: int = FUND
    by: Literal["cash", "profit"] = "cash"
    outside: bool = True

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Exchange what the collector has, collect from each in proportion, pay the debts."""
        state = scene.state
        draft = Draft(state, scene.market, "socialise")
        collector = state.n + self.holder
        pay_debts(draft, state.cells(collector))
        state = draft.state
        broken = [pool for pool in scene.pools if pool.equity < 0 and not (state.quantity[pool.positions] != 0).any()]
        for code in range(len(state.currencies)):
            till = draft.balance(collector, code)
            debts = [c for pool in broken for c in pool.cells if state.currency[c] == code and state.amount[c] < 0]
            own = max(-float(state.amount[till]), 0.0)
            unpaid = own + math.fsum(-state.amount[c] for c in debts)
            if unpaid <= 0:
                continue
            share = self._shares(state, scene.market, code, {pool.account for pool in broken})
            total = math.fsum(share.values())
            # As a fee on all that is there: what is kept is the debt, unless there is less than that.
            rate = withdrawal_fee(unpaid=unpaid, deposits=total - unpaid) if total > unpaid else 1.0
            for holder, amount in share.items():
                draft.pay_holder(draft.balance(holder, code), collector, rate * amount, "socialise")
            kept = rate * total - own
            for cell in debts:
                paid = min(-float(draft.state.amount[cell]), max(kept, 0.0))
                kept -= paid
                if paid > 0:
                    draft.pay_holder(int(cell), collector, -paid, "cover")
        return draft.done()

    def _shares(self, state: State, market: Market, currency: int, but: set[int]) -> dict[int, float]:
        """What each holder can be asked for in a currency."""
        k, n = len(state.currencies), state.n
        cash = np.maximum(state.amount[: state.shared_cells].reshape(-1, k)[:, currency], 0.0)
        if self.by == "profit":
            usd = float(market.usd[currency] * market.money_usd)
            cash = np.minimum(cash, np.maximum(state.session, 0.0) / usd) if usd > 0 else np.zeros_like(cash)
        asked = [*np.flatnonzero(cash[:n] > 0).tolist(), *([n + MARKET] if self.outside and cash[n + MARKET] > 0 else [])]
        return {h: float(cash[h]) for h in asked if h not in but}


@dataclass(frozen=True, slots=True, kw_only=True)
class FundRule:
    """When a fund is too low: below its average over a while less the larger of a fraction of it and a floor; or empty.

    Attributes
    ----------
    fraction : float
    floor : float, USD
    seconds : float
        Over which the average runs.
    """

    fraction: float
    floor: float
    seconds: float

    def threshold(self, average: float) -> float:
        """USD below which the fund is too low."""
        return average - max(self.fraction * average, self.floor)

    def low(self, now: float, average: float) -> bool:
        """Whether a fund of `now` USD is too low."""
        return now <= 0 or now < self.threshold(average)

    def holds(self, state: State, market: Market) -> bool:
        """Whether the state's fund is too low."""
        now = float(state.worth(market)[state.n + FUND])
        recent = [worth for at, worth in state.fund_history if at > state.seconds - self.seconds]
        return self.low(now, math.fsum(recent) / len(recent) if recent else now)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A step that is only taken under a condition on the state.

    Attributes
    ----------
    rule : FundRule
    step : Step
    """

    rule: FundRule
    step: Step

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """The step, or nothing."""
        if not self.rule.holds(scene.state, scene.market):
            return scene.state, ()
        return self.step.apply(scene)

