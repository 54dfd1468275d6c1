"""Stored amounts of one account: what single trades at the mark are answered from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, usd_per_unit
from margin.assessment import Assessment, statuses
from margin.contracts import is_option
from margin.engine.units import PoolUnits
from margin.lines import Lines, OrderLines
from margin.models.loans import PreparedWithLoans
from margin.models.prepared_portfolio import PreparedPortfolio
from margin.models.requirement import Prepared
from margin.models.split import PreparedSplit
from margin.pools import CrossPool, Partition, PartlyIsolated, Pool, SegregatedPool, SharedOnly
from margin.pools.holdings import MONEY

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


class Others(NamedTuple):
    """All pools of an account but one, in USD: sums of their margins, the least that one of them has left, the worst status."""

    initial: float
    maintenance: float
    available: float
    excess: float
    shortfall: float
    status: int


@dataclass(frozen=True, slots=True, eq=False)
class StoredPool:
    """A pool by risk unit, and the other pools of its account together, in USD.

    Attributes
    ----------
    units : PoolUnits
    usd : float
        USD per unit of the pool's currency.
    initial_collateral, maintenance_collateral : float
        Of this pool, in its currency.
    others : Others
    """

    units: PoolUnits
    usd: float
    initial_collateral: float
    maintenance_collateral: float
    others: Others


@dataclass(frozen=True, slots=True, eq=False)
class StoredSums:
    """The pools of an account under a portfolio model whose lines net by risk unit.

    A trade at the mark leaves the worth of every pool as it is: an option is held for what was paid for it, a future has gained
    nothing yet. So only the margin of the risk unit that trades is worked out again, by the model itself.

    Attributes
    ----------
    pools : tuple of StoredPool
    pool : ndarray of int32, shape (n_instruments,)
        The pool that a trade belongs to; -1 where stored amounts do not answer: the instrument is not priced yet, its position
        is isolated, the account has no pool of its currency, or an option would not count for what it is worth.
    liquidates_at : {"equality", "excess"}
    """

    pools: tuple[StoredPool, ...]
    pool: Codes
    liquidates_at: Literal["equality", "excess"]

    @classmethod
    def of(cls, assessment: Assessment) -> StoredSums | None:
        """Of an assessment of one account; None under rules that do not net by unit, or let requirements depend on collateral."""
        regime, book = assessment.regime, assessment.book
        prepared = _portfolio(assessment.prepared)
        hedged = book.positions.leg is not None or book.orders.leg is not None
        if prepared is None or not _shares(regime.pool) or regime.borrowing is not None or hedged:
            return None
        _, partition, lines, orders = regime.group(assessment.encoded, assessment.prepared, 0, 1)
        shared = np.flatnonzero(~_isolated(partition))
        pools = tuple(_pool(assessment, prepared, lines, orders, int(p)) for p in shared)
        return cls(pools, _pool_of(assessment, prepared, partition, lines, shared), regime.liquidates_at)

    @property
    def keeps_sums(self) -> bool:
        """Whether risk units are answered from sums over their lines, not from the lines."""
        return bool(self.pools) and self.pools[0].units.keeps_sums

    def traded(self, row: int, quantity: float) -> tuple[float, float, float, float, int] | None:
        """Initial and maintenance margin, what is available, excess (USD) and status after a trade; None where not known."""
        p = self.pool[row]
        if p < 0:
            return None
        pool = self.pools[p]
        initial, maintenance = pool.units.traded(row, quantity)
        available, excess = pool.initial_collateral - initial, pool.maintenance_collateral - maintenance
        status = statuses(
            initial, maintenance, pool.initial_collateral, pool.maintenance_collateral, liquidates_at=self.liquidates_at
        )
        o, usd = pool.others, pool.usd
        return (
            o.initial + usd * initial,
            o.maintenance + usd * maintenance,
            min(o.available, usd * available),
            min(o.excess, usd * excess),
            max(o.status, int(status)),
        )

    def traded_each(self, row: Codes, quantity: Array, now: Figures) -> Figures | None:
        """The account after each of k trades alone; None where one of them is not known. `now` is the account as it is."""
        of = self.pool[row]
        if (of < 0).any():
            return None
        after = now.take(np.zeros(len(row), dtype=np.int64))
        for p in np.unique(of):
            here = np.flatnonzero(of == p)
            pool = self.pools[p]
            initial, maintenance = pool.units.traded_each(row[here], quantity[here])
            status = statuses(
                initial, maintenance, pool.initial_collateral, pool.maintenance_collateral, liquidates_at=self.liquidates_at
            )
            o, usd = pool.others, pool.usd
            excess = usd * (pool.maintenance_collateral - maintenance)
            after.initial_margin[here] = o.initial + usd * initial
            after.maintenance_margin[here] = o.maintenance + usd * maintenance
            after.available[here] = np.minimum(o.available, usd * (pool.initial_collateral - initial))
            after.excess[here] = np.minimum(o.excess, excess)
            after.shortfall[here] = o.shortfall + np.maximum(-excess, 0.0)
            after.status[here] = np.maximum(o.status, status)
        return after


def _portfolio(prepared: Prepared) -> PreparedPortfolio | None:
    """The portfolio model of pools that share; None where there is none, or what stands beside it depends on trades."""
    while isinstance(prepared, PreparedSplit | PreparedWithLoans):
        prepared = prepared.shared if isinstance(prepared, PreparedSplit) else prepared.model
    return prepared if isinstance(prepared, PreparedPortfolio) else None


def _shares(pool: Pool) -> bool:
    """Whether a pool holds all positions of its currency, or of all currencies, beside isolated ones."""
    while isinstance(pool, SharedOnly | PartlyIsolated):
        pool = pool.shared
    return isinstance(pool, CrossPool | SegregatedPool)


def _isolated(partition: Partition) -> NDArray[np.bool_]:
    return np.zeros(len(partition), dtype=np.bool_) if partition.isolated is None else partition.isolated


def _pool(assessment: Assessment, prepared: PreparedPortfolio, lines: Lines, orders: OrderLines, p: int) -> StoredPool:
    """One pool of an account, which is row p of its assessment."""
    r = assessment.results
    mine, resting = lines.take(lines.pool == p), orders.take(orders.pool == p)
    units = PoolUnits.of(
        prepared,
        replace(mine, pool=np.zeros(len(mine), dtype=np.int32), n_pools=1, isolated=None, loans=None),
        replace(resting, pool=np.zeros(len(resting), dtype=np.int32)),
        {name: float(amount[p]) for name, amount in r.components.items()},
        float(r.maintenance[p]),
    )
    return StoredPool(
        units=units,
        usd=float(usd_per_unit(assessment)[p]),
        initial_collateral=float(r.initial_collateral[p]),
        maintenance_collateral=float(r.maintenance_collateral[p]),
        others=_others(assessment, p),
    )


def _others(assessment: Assessment, p: int) -> Others:
    r, other = assessment.results, np.arange(len(assessment)) != p
    usd = usd_per_unit(assessment)[other]
    excess = usd * assessment.excess[other]
    return Others(
        initial=float((usd * r.initial[other]).sum()),
        maintenance=float((usd * r.maintenance[other]).sum()),
        available=float((usd * assessment.available[other]).min(initial=np.inf)),
        excess=float(excess.min(initial=np.inf)),
        shortfall=float(np.maximum(-excess, 0.0).sum()),
        status=int(assessment.status[other].max(initial=0)),
    )


def _pool_of(
    assessment: Assessment, prepared: PreparedPortfolio, partition: Partition, lines: Lines, shared: NDArray[np.int64]
) -> Codes:
    """Which of the shared pools a trade in each instrument belongs to, -1 where stored amounts do not answer."""
    market = assessment.market
    of_currency = np.full(len(market.currencies) + 1, -1, dtype=np.int32)
    of_currency[partition.currency[shared]] = np.arange(len(shared))
    pool = of_currency[np.full(len(market), MONEY) if assessment.regime.pool.in_usd else market.settlement]
    pool[prepared.unit[: len(market)] < 0] = -1
    if assessment.regime.collateral.counts_option_value is not True:
        pool[is_option(market)] = -1
    alone = lines.row[_isolated(partition)[lines.pool]]
    pool[alone] = -1
    return pool
