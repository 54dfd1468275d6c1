"""Hedge the delta of a pool with futures before any of its positions is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.contracts import coin_per_contract
from margin.errors import DataError
from margin.liquidation.events import Event
from margin.liquidation.procedure import Distressed, Scene
from margin.liquidation.state import State
from margin.liquidation.steps import Fee, close
from margin.liquidation.transfers import Draft
from margin.market import FUTURE, PERPETUAL, Market
from margin.pricing import black76

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeDelta:
    """Trade futures against the net delta of pools that hold options; a trade that does not help is not made.

    For each coin the perpetual is used (of the settlement currency in which the pool's options settle), and where none is listed
    the first future to expire. The hedge stays with the account. The delta is the forward delta of Black-76 plus futures in coin.

    Attributes
    ----------
    share : float
        Part of the delta that is hedged.
    fee : Fee, optional
    applies : callable, optional
        Whether a pool's largest risk is one that a hedge removes; without it every pool with options is tried.
    """

    share: float
    fee: Fee | None = None
    applies: Callable[[Scene, Distressed], bool] | None = None

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """One hedge for each pool and coin, the largest delta first; kept where the pool's net margin rises."""
        events: tuple[Event, ...] = ()
        delta = coin_delta(scene.market)
        for pool in scene.pools:
            if self.applies is not None and not self.applies(scene, pool):
                continue
            for row, contracts in self._trades(scene, pool, delta):
                alone = scene.only([pool])
                draft = Draft(scene.state, scene.market, "hedge delta")
                at = draft.place(pool.account, row)
                close(draft, alone, at, contracts, self.fee, only_reduce=False)
                state, found = draft.done(events)
                now = next((p for p in alone.after(state).pools if p.name == pool.name), None)
                if now is None:
                    scene, events = replace(scene, state=state), found
                    break
                if now.net > pool.net:
                    scene, events, pool = replace(scene, state=state), found, now
        return scene.state, events

    def _trades(self, scene: Scene, pool: Distressed, delta: Array) -> list[tuple[int, float]]:
        """Hedging instrument and contracts by coin, the largest delta in USD first."""
        state, market = scene.state, scene.market
        row = state.row[pool.positions]
        option = market.option_sign[row] != 0
        trades = []
        for coin in np.unique(market.base[row[option]]):
            here = market.base[row] == coin
            net = float((state.quantity[pool.positions] * delta[row])[here].sum())
            settlement = market.settlement[row[here & option]][0]
            hedge = _hedging_row(market, int(coin), int(settlement))
            contracts = -self.share * net / float(coin_per_contract(market)[hedge])
            trades.append((hedge, contracts, abs(net) * float(market.index_price[hedge])))
        return [(hedge, contracts) for hedge, contracts, _ in sorted(trades, key=lambda t: -t[2]) if contracts]


def coin_delta(market: Market) -> Array:
    """Delta of one contract of each instrument in coin, shape (n_instruments,)."""
    rows = np.flatnonzero(market.option_sign)
    delta = coin_per_contract(market)
    inputs = (market.forward, market.strike, market.years, market.vol, market.option_sign)
    delta[rows] = market.contract_size[rows] * black76(*(column[rows] for column in inputs)).delta
    return delta


def _hedging_row(market: Market, coin: int, settlement: int) -> int:
    """The perpetual of a coin and settlement currency, else its first future."""
    fits = (market.base == coin) & (market.settlement == settlement)
    perpetual = np.flatnonzero(fits & (market.kind == PERPETUAL))
    if len(perpetual):
        return int(perpetual[0])
    future = np.flatnonzero(fits & (market.kind == FUTURE))
    if not len(future):
        names = market.currencies[coin], market.currencies[settlement]
        problem = f"no perpetual or future on {names[0]} that settles in {names[1]} to hedge options with"
        raise DataError(problem, table="instruments", column="kind", hint="Add one, or leave the hedging step out.")
    return int(future[np.argmin(market.expiry[future])])
