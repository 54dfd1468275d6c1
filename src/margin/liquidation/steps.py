"""Steps that reduce a pool's risk against the market: orders, rounds, tiers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from margin.book import Orders
from margin.by_name import ByName
from margin.contracts import coin_per_contract, coin_value, value_per_contract
from margin.errors import ParameterError
from margin.liquidation.events import Event
from margin.liquidation.impact import notional
from margin.liquidation.procedure import Distressed, Scene
from margin.liquidation.state import MARKET, State
from margin.liquidation.transfers import Draft
from margin.market import Market

Array = NDArray[np.float64]
Offsets = NDArray[np.int64]


def pair(market: Market, row: int) -> str:
    """Name under which parameters of an instrument stand: ``<base>_<quote>``."""
    return f"{market.currencies[int(market.base[row])]}_{market.currencies[int(market.quote[row])]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """Liquidation fee on what the engine trades, in settlement currency.

    Attributes
    ----------
    futures : ByName
        Fraction of the value at the mark, by pair.
    options : ByName
        Fraction of the underlying's value at the index, by pair.
    option_cap : float, optional
        Most of it as a fraction of the option's own value.
    holder : int
        Who of the house gets it.
    """

    futures: ByName
    options: ByName
    holder: int
    option_cap: float | None = None

    def amount(self, market: Market, row: int, quantity: float) -> float:
        """Fee of trading so many contracts, >= 0."""
        size, name = abs(quantity), pair(market, row)
        if market.option_sign[row] == 0:
            return self.futures.of(name) * size * float(value_per_contract(market)[row])
        underlying = size * float(coin_per_contract(market)[row] * coin_value(market, in_usd=False)[row])
        fee = self.options.of(name) * underlying
        worth = size * float(market.contract_size[row] * market.mark[row])
        return fee if self.option_cap is None else min(fee, self.option_cap * worth)


@dataclass(frozen=True, slots=True)
class CancelOrders:
    """Cancel the open orders of the pool."""

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """All of them, of every pool."""
        state, gone = scene.state, [pool.orders for pool in scene.pools]
        at = np.concatenate(gone) if gone else np.zeros(0, dtype=np.int64)
        if not len(at):
            return state, ()
        draft = Draft(state, scene.market, "cancel orders")
        for i in at:
            instrument = str(scene.market.instruments[int(state.orders.instrument[i])])
            quantity = float(state.orders.quantity[i])
            draft.record(int(state.orders.account[i]), "cancel", instrument=instrument, quantity=quantity)
        keep = np.ones(len(state.orders), dtype=np.bool_)
        keep[at] = False
        columns: dict[str, Any] = {name: getattr(state.orders, name) for name in type(state.orders).__slots__}
        kept: dict[str, Any] = {name: None if column is None else column[keep] for name, column in columns.items()}
        after, events = draft.done()
        orders: Orders = replace(state.orders, **kept)
        return replace(after, orders=orders), events


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseInParts:
    """Close positions against the market, one order of each pool at a time, until its margin is met.

    Attributes
    ----------
    share : float
        Part of a position that one order closes.
    rounds : int
        Orders for each position at one instant; without a limit the position may be closed altogether.
    whole_up_to : float
        USD value up to which a position is ordered whole.
    cooldown : float
        Seconds after a partial order in which orders of the account are for the whole.
    first : {"largest", "futures"}
        Largest notional first, or futures before options and the largest among them.
    fee : Fee, optional
    """

    share: float
    rounds: int | None = None
    whole_up_to: float = 0.0
    cooldown: float = 0.0
    first: Literal["largest", "futures"] = "largest"
    fee: Fee | None = None

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share={self.share} must be above 0 and at most 1")

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Rounds over the positions as they stood at the start."""
        events: tuple[Event, ...] = ()
        size = notional(scene.market)
        plans = {_key(pool): self._plan(pool, scene, size) for pool in scene.pools}
        for turn in range(max(map(len, plans.values()), default=0)):
            draft = Draft(scene.state, scene.market, "close")
            cooling = scene.state.cooling.copy()
            for pool in scene.pools:
                for at, quantity in plans.get(_key(pool), [])[turn : turn + 1]:
                    traded = close(draft, scene, at, quantity, self.fee)
                    if traded and draft.state.quantity[at] != 0 and self.cooldown:
                        cooling[pool.account] = scene.state.seconds + self.cooldown
            if draft.events:
                state, events = draft.done(events)
                scene = scene.after(replace(state, cooling=cooling))
        return scene.state, events

    def _plan(self, pool: Distressed, scene: Scene, size: Array) -> list[tuple[int, float]]:
        """Orders of a pool in turn: position and contracts, infinite for all that is left."""
        state = scene.state
        value = np.abs(state.quantity[pool.positions]) * size[state.row[pool.positions]]
        option = scene.market.option_sign[state.row[pool.positions]] != 0
        keys = (-value, option) if self.first == "futures" else (-value,)
        ranked = np.lexsort(keys)
        hot = state.seconds < state.cooling[pool.account]
        plan: list[tuple[int, float]] = []
        for i in ranked:
            at = int(pool.positions[i])
            held = float(state.quantity[at])
            whole = hot or value[i] <= self.whole_up_to or self.share == 1
            times = 1 if whole else int(np.ceil(1.0 / self.share))
            part, rest = -self.share * held, math.copysign(math.inf, -held)  # the last order takes what rounding has left
            turns = range(times if self.rounds is None else min(times, self.rounds))
            plan += [(at, rest if turn == times - 1 else part) for turn in turns]
        return plan


def close(draft: Draft, scene: Scene, at: int, quantity: float, fee: Fee | None, *, only_reduce: bool = True) -> float:
    """Trade so many contracts of a position against the market, with impact and fee; contracts traded."""
    held = float(draft.state.quantity[at])
    if only_reduce:
        quantity = float(np.clip(quantity, min(-held, 0.0), max(-held, 0.0)))
    if quantity == 0:
        return 0.0
    row = int(draft.state.row[at])
    price = scene.impact.price(scene.market, row, quantity)
    draft.trade(at, draft.place(draft.state.n + MARKET, row), quantity, price)
    if fee is not None:
        due = fee.amount(scene.market, row, quantity)
        draft.pay_holder(int(draft.state.cell[at]), draft.state.n + fee.holder, due, "fee")
    draft.release(at)
    return quantity


@dataclass(frozen=True, slots=True)
class Ladder:
    """Position tiers: largest position and maintenance rate of each, ascending.

    Attributes
    ----------
    cap : tuple of float, contracts
    rate : tuple of float
    """

    cap: tuple[float, ...]
    rate: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.cap) != len(self.rate) or not self.cap or list(self.cap) != sorted(self.cap):
            raise ParameterError(f"tiers {self.cap} with rates {self.rate}: give one rate for each cap, caps ascending")

    def tier(self, size: float) -> int:
        """Tier of a position, counted from 0; beyond the last cap the last tier goes on."""
        return min(int(np.searchsorted(self.cap, size, side="left")), len(self.cap) - 1)


def cut_to_cap(size: float, *, cap: float, above: float) -> float:
    """Contracts to close of a position so large that only a part is closed: down to a lower cap; of a smaller one all.

    Parameters
    ----------
    size : float
        Contracts held, >= 0.
    cap : float
        What is left.
    above : float
        Smallest position that is cut and not closed.
    """
    return max(size - cap, 0.0) if size >= above else size


@dataclass(frozen=True, slots=True, kw_only=True)
class CutByTiers:
    """Cut the largest futures position of a pool to the cap some tiers lower, again and again; in the lowest tiers close it.

    With ``e`` the pool's equity over the position's value, ``m`` a tier's rate and ``f`` the fee rate: a position above the
    lowest `down` tiers is cut while ``m(1) + f < e <= m(own) + f``, and closed when ``e <= m(1) + f``; one in them is closed
    when ``e <= m(own) + f``.

    Attributes
    ----------
    ladder : callable
        `Ladder` of a pair; raises `ParameterError` where there is none.
    down : int
        Tiers that one cut goes down.
    fee : Fee
    """

    ladder: Callable[[str], Ladder]
    down: int
    fee: Fee

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Cuts until the margin is met, or nothing is left to cut."""
        events: tuple[Event, ...] = ()
        while scene.pools:
            draft = Draft(scene.state, scene.market, "cut by tiers")
            for pool in scene.pools:
                self._cut(draft, scene, pool)
            if not draft.events:
                break
            state, events = draft.done(events)
            scene = scene.after(state)
        return scene.state, events

    def _cut(self, draft: Draft, scene: Scene, pool: Distressed) -> None:
        state, market = scene.state, scene.market
        futures = pool.positions[market.option_sign[state.row[pool.positions]] == 0]
        if not len(futures):
            return
        value = np.abs(state.quantity[futures]) * notional(market)[state.row[futures]]
        at = int(futures[np.argmax(value)])
        name, size = pair(market, int(state.row[at])), abs(float(state.quantity[at]))
        ladder, fee = self.ladder(name), self.fee.futures.of(name)
        tier = ladder.tier(size)
        ratio = pool.equity * pool.usd / float(value.max())
        bounds = ladder.rate[tier] + fee, ladder.rate[0] + fee
        if ratio > bounds[0]:
            return
        partial = tier >= self.down and ratio > bounds[1]
        left = ladder.cap[tier - self.down] if partial else 0.0
        closed = cut_to_cap(size, cap=left, above=0.0)
        close(draft, scene, at, -float(np.sign(state.quantity[at])) * closed, self.fee)


@dataclass(frozen=True, slots=True)
class OffsetLegs:
    """Close the long and the short leg of one contract against each other."""

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Pairs of legs of every pool, at the mark and without fee."""
        state, market = scene.state, scene.market
        if state.leg is None:
            return state, ()
        draft = Draft(state, market, "offset legs")
        for pool in scene.pools:
            legs: Mapping[int, list[int]] = {int(row): [] for row in state.row[pool.positions]}
            for at in pool.positions:
                legs[int(state.row[at])].append(int(at))
            for row, places in legs.items():
                long = [at for at in places if state.quantity[at] > 0]
                short = [at for at in places if state.quantity[at] < 0]
                if long and short:
                    size = min(float(state.quantity[long[0]]), -float(state.quantity[short[0]]))
                    draft.trade(short[0], long[0], size, float(market.mark[row]))
        return draft.done()


def _key(pool: Distressed) -> tuple[int, int, int]:
    """A pool across looks at it."""
    return pool.account, pool.name, int(pool.cells[0]) if len(pool.cells) else -1
