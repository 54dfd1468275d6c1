"""One pool for each position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import Holdings, Partition, PoolValue


@dataclass(frozen=True, slots=True)
class IsolatedPool:
    """Each position is backed by the collateral assigned to it, and by nothing else.

    What is not assigned stays in one pool for each currency of the account. Rows of the same account and instrument share a pool.
    """

    money: ClassVar[str] = "USD"
    in_usd: ClassVar[bool] = False

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """One pool for each (account, instrument) with a position or an order, then one for each (account, currency) balance."""
        n = np.int64(len(market))
        positions = holdings.account.astype(np.int64) * n + holdings.row
        orders = holdings.order_account.astype(np.int64) * n + holdings.order_row
        keys, inverse = np.unique(np.concatenate((positions, orders)), return_inverse=True)
        free_account, column = np.nonzero(holdings.has_balance)
        free_currency = holdings.currencies[column]
        row = (keys % n).astype(np.int32)
        number: NDArray[np.int32] = inverse.astype(np.int32)
        return Partition(
            position_pool=number[: len(positions)],
            order_pool=number[len(positions) :],
            account=np.concatenate((keys // n, free_account)).astype(np.int32),
            name=np.concatenate((row, n + free_currency)).astype(np.int32),
            currency=np.concatenate((market.settlement[row], free_currency)).astype(np.int32),
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Assigned collateral and P&L of each position; free balances at their amount. In settlement currency.

        Raises
        ------
        DataError
            If the book has positions but no column ``isolated_collateral``.
        """
        n_pools = len(partition)
        assigned = holdings.isolated_collateral
        if assigned is None:
            if len(holdings.row):
                raise DataError(
                    "isolated pools need the collateral of each position",
                    table="positions",
                    column="isolated_collateral",
                    hint="Give the column, or choose a pool that shares collateral.",
                )
            assigned = np.zeros(0)
        if np.isnan(assigned).any():
            i = int(np.argmax(np.isnan(assigned)))
            raise DataError(
                f"a position in {market.instruments[int(holdings.row[i])]!r} has no collateral, and isolated pools share none",
                table="positions",
                column="isolated_collateral",
                count=int(np.isnan(assigned).sum()),
                hint="Give it, or choose a pool in which positions may share.",
            )

        def by_pool(values: np.ndarray) -> np.ndarray:
            return np.bincount(partition.position_pool, weights=values, minlength=n_pools)

        unrealised, option_value = by_pool(holdings.unrealised), by_pool(holdings.option_value)
        settled = by_pool(assigned) + unrealised
        free = partition.name >= len(market)
        settled[free] = holdings.balance[partition.account[free], holdings.column[partition.currency[free]]]
        equity = settled + option_value
        counted = settled + by_pool(collateral.counted_options(holdings.option_value))
        return PoolValue(equity, counted, counted, unrealised, option_value)


