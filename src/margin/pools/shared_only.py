"""A pool in which no position can have collateral of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.errors import DataError
from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import Holdings, Partition, Pool, PoolValue


@dataclass(frozen=True, slots=True)
class SharedOnly:
    """A shared pool that refuses isolated positions, which it would otherwise take for shared ones.

    Attributes
    ----------
    shared : Pool
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
        """Pools of the shared pool.

        Raises
        ------
        DataError
            If a position has collateral of its own.
        """
        assigned = holdings.isolated_collateral
        wrong = np.flatnonzero(~np.isnan(assigned)) if assigned is not None else np.zeros(0, dtype=np.int64)
        if len(wrong):
            raise DataError(
                f"a position in {market.instruments[int(holdings.row[wrong[0]])]!r} has collateral of its own, which this mode "
                "does not know",
                table="positions",
                column="isolated_collateral",
                count=len(wrong),
                hint="Leave it empty and add it to the balances, or choose a mode with isolated positions.",
            )
        return self.shared.partition(holdings, market)

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Worth of the shared pools."""
        return self.shared.value(holdings, partition, market, collateral)
