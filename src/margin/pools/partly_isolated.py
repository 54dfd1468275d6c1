"""Pools of single positions beside a pool that the others share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.lines import LEGS
from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import MONEY, Holdings, Partition, Pool, PoolValue

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PartlyIsolated:
    """A position with collateral of its own is backed by that and nothing else; all other positions share a pool.

    What is assigned to a position is not part of the account's balances. Rows of the same account, instrument and leg share one
    isolated pool. Orders stand in the shared pool.

    Attributes
    ----------
    shared : Pool
        `CrossPool` or `SegregatedPool`.
    """

    shared: Pool

    @property
    def in_usd(self) -> bool:
        """As the shared pool counts."""
        return self.shared.in_usd

    @property
    def money(self) -> str:
        """Money of the shared pool."""
        return self.shared.money

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """The shared pools, then one for each (account, instrument, leg) with collateral of its own."""
        alone = isolated_positions(holdings)
        if not alone.any():
            return self.shared.partition(holdings, market)
        shared = self.shared.partition(_shared(holdings, alone), market)
        leg = np.zeros(len(alone), dtype=np.int64) if holdings.leg is None else holdings.leg.astype(np.int64)
        key = (holdings.account.astype(np.int64) * len(market) + holdings.row) * LEGS + leg
        keys, inverse = np.unique(key[alone], return_inverse=True)
        row = (keys // LEGS % max(len(market), 1)).astype(np.int32)
        position_pool = np.empty(len(alone), dtype=np.int32)
        position_pool[~alone] = shared.position_pool
        position_pool[alone] = len(shared) + inverse
        money = np.full(len(row), MONEY, dtype=np.int32) if self.in_usd else market.settlement[row]
        return Partition(
            position_pool=position_pool,
            order_pool=shared.order_pool,
            account=np.concatenate((shared.account, keys // LEGS // max(len(market), 1))).astype(np.int32),
            name=np.concatenate((shared.name, row)),
            currency=np.concatenate((shared.currency, money)).astype(np.int32),
            isolated=np.arange(len(shared) + len(keys)) >= len(shared),
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Worth of the shared pools; assigned collateral and P&L of each isolated position, without haircuts."""
        if partition.isolated is None:
            return self.shared.value(holdings, partition, market, collateral)
        alone = isolated_positions(holdings)
        n_shared = int((~partition.isolated).sum())
        inside = Partition(
            position_pool=partition.position_pool[~alone],
            order_pool=partition.order_pool,
            account=partition.account[:n_shared],
            name=partition.name[:n_shared],
            currency=partition.currency[:n_shared],
        )
        shared = self.shared.value(_shared(holdings, alone), inside, market, collateral)
        worth = market.usd[market.settlement[holdings.row]] if self.in_usd else np.ones(len(alone))
        number = partition.position_pool[alone] - n_shared

        def total(values: Array) -> Array:
            own = (values * worth)[alone]
            return np.bincount(number, weights=own, minlength=len(partition) - n_shared).astype(np.float64, copy=False)

        assigned = np.zeros(len(alone)) if holdings.isolated_collateral is None else holdings.isolated_collateral
        unrealised, option_value = total(holdings.unrealised), total(holdings.option_value)
        settled = total(assigned) + unrealised
        equity = settled + option_value
        counted = settled + total(collateral.counted_options(holdings.option_value))
        own = PoolValue(equity, counted, counted, unrealised, option_value)
        return PoolValue(*(np.concatenate((getattr(shared, name), getattr(own, name))) for name in PoolValue.__slots__))


def isolated_positions(holdings: Holdings) -> Flags:
    """Positions with collateral of their own."""
    assigned = holdings.isolated_collateral
    return np.zeros(len(holdings.row), dtype=np.bool_) if assigned is None else ~np.isnan(assigned)


def _shared(holdings: Holdings, alone: Flags) -> Holdings:
    return holdings.only(~alone, np.ones(len(holdings.order_row), dtype=np.bool_))
