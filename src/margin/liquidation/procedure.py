"""A liquidation procedure: steps in their order, and the pools they find in need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment
from margin.liquidation.events import Event
from margin.liquidation.impact import Impact, NoImpact
from margin.liquidation.state import State
from margin.market import Market
from margin.pools.holdings import Partition
from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]

LIQUIDATION = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Distressed:
    """A pool whose maintenance margin is no longer met.

    Attributes
    ----------
    account : int
    name : int
        As in `Partition.name`.
    positions, orders : ndarray of int64
        Where its positions and orders stand in the state.
    cells : ndarray of int64
        Its money in the ledger.
    equity, collateral, maintenance : float
        Money of the pool; collateral is what counts against the maintenance margin.
    usd : float
        USD per unit of that money.
    """

    account: int
    name: int
    positions: Offsets
    orders: Offsets
    cells: Offsets
    equity: float
    collateral: float
    maintenance: float
    usd: float

    @property
    def net(self) -> float:
        """Collateral less maintenance margin, negative."""
        return self.collateral - self.maintenance


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene:
    """What a step sees.

    Attributes
    ----------
    state : State
    market : Market
    regime : Regime
    pools : tuple of Distressed
        Pools in liquidation among the accounts looked at, in the order of accounts.
    maintenance : ndarray of float64, shape (n,), USD
        Maintenance margin of every account, as of the last look at the whole book.
    impact : Impact
    """

    state: State
    market: Market
    regime: Regime
    pools: tuple[Distressed, ...]
    maintenance: Array
    impact: Impact

    @classmethod
    def of(
        cls, state: State, market: Market, regime: Regime, codes: Codes, maintenance: Array, *, impact: Impact | None = None
    ) -> Scene:
        """The pools in liquidation of some accounts."""
        pools = tuple(distressed(regime, state, market, codes))
        return cls(
            state=state, market=market, regime=regime, pools=pools, maintenance=maintenance, impact=impact or NoImpact()
        )

    def after(self, state: State) -> Scene:
        """The same a moment later: those of its accounts that are still in need."""
        codes = np.unique(np.array([pool.account for pool in self.pools], dtype=np.int32))
        return replace(self, state=state, pools=tuple(distressed(self.regime, state, self.market, codes)))

    def only(self, pools: Iterable[Distressed]) -> Scene:
        """The same with some of the pools."""
        return replace(self, pools=tuple(pools))


class Step(Protocol):
    """One thing a venue does to pools in liquidation. A pure function of what it sees."""

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """The state after it and what happened; the same state and nothing where there was nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """Steps in order. Each sees the pools that the earlier ones have left in need.

    Attributes
    ----------
    name : str
    steps : tuple of Step
    provenance : mapping of str to str
    """

    name: str
    steps: tuple[Step, ...]
    provenance: Mapping[str, str]

    def run(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Apply the steps; also when no pool is left in need, since the house may be."""
        events: list[Event] = []
        for step in self.steps:
            state, found = step.apply(scene)
            if found:
                events += found
                scene = scene.after(state)
            else:
                scene = replace(scene, state=state)
        return scene.state, tuple(events)


def distressed(regime: Regime, state: State, market: Market, codes: Codes) -> list[Distressed]:
    """Pools of some accounts that are in liquidation, in the order of accounts and pools."""
    own = [code for code in codes if str(state.accounts[int(code)]) in regime.overrides] if regime.overrides else []
    rest = np.setdiff1d(codes, np.array(own, dtype=np.int32)).astype(np.int32)
    groups = [(rest, replace(regime, overrides={}) if regime.overrides else regime)]
    groups += [(np.array([code], dtype=np.int32), regime.of(state.accounts[int(code)])) for code in own]
    found = [pool for some, rules in groups if len(some) for pool in _distressed(rules, state, market, some)]
    return sorted(found, key=lambda pool: pool.account)


def _distressed(regime: Regime, state: State, market: Market, codes: Codes) -> list[Distressed]:
    part = state.book(codes)
    assessment = regime.assess(part.of(market), market, block=len(codes))
    wanted = np.flatnonzero(assessment.status == LIQUIDATION)
    if not len(wanted):
        return []
    partition = partition_of(assessment)
    encoded, results = assessment.encoded, assessment.results
    position, order = part.position[encoded.positions.sorting[1]], part.order[encoded.orders.sorting[1]]
    counted = assessment.market
    out = []
    for pool in wanted:
        account, name, currency = int(codes[results.account[pool]]), int(results.name[pool]), int(results.currency[pool])
        positions = position[partition.position_pool == pool]
        out.append(
            Distressed(
                account=account,
                name=name,
                positions=positions,
                orders=order[partition.order_pool == pool],
                cells=_money(state, market, account, name, positions),
                equity=float(results.equity[pool]),
                collateral=float(results.maintenance_collateral[pool]),
                maintenance=float(results.maintenance[pool]),
                usd=float(counted.money_usd if currency < 0 else market.usd[currency] * market.money_usd),
            )
        )
    return out


def partition_of(assessment: Assessment) -> Partition:
    """The pools of a book that was assessed in one block."""
    encoded = assessment.encoded
    n = len(encoded.book.accounts)
    return assessment.regime.pool.partition(encoded.holdings(0, n), encoded.market)


def _money(state: State, market: Market, account: int, name: int, positions: Offsets) -> Offsets:
    """Cells of the ledger that back a pool: of an isolated position its own, else balances of the account."""
    cells = state.cells(account)
    if name < 0:
        return cells
    if name >= len(market):
        return cells[name - len(market) : name - len(market) + 1]
    return np.unique(state.cell[positions])
