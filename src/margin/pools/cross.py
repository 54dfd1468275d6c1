"""One pool for the whole account, counted in USD."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import USD, Holdings, Partition, PoolValue


@dataclass(frozen=True, slots=True)
class CrossPool:
    """All currencies of an account back all its positions, each at its USD price after its haircut.

    The equity of one currency may be negative while the pool is positive.
    """

    in_usd: bool = True

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """One pool for each account."""
        n = holdings.n_accounts
        return Partition(
            position_pool=holdings.account,
            order_pool=holdings.order_account,
            account=np.arange(n, dtype=np.int32),
            name=np.full(n, -1, dtype=np.int32),
            currency=np.full(n, USD, dtype=np.int32),
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Sum over currencies of discounted equity, in USD."""
        unrealised = holdings.by_currency(holdings.unrealised, market)
        option_value = holdings.by_currency(holdings.option_value, market)
        settled = holdings.balance + unrealised
        equity = settled + option_value
        counted = equity if collateral.counts_option_value else settled
        usd = market.usd[holdings.currencies]
        names = [market.currencies[c] for c in holdings.currencies]
        discounted = _in_usd(collateral.discounted(counted, names), usd)
        return PoolValue(
            equity=_in_usd(equity, usd),
            initial_collateral=discounted,
            maintenance_collateral=discounted if collateral.haircut_on == "both" else _in_usd(counted, usd),
            unrealised=_in_usd(unrealised, usd),
            option_value=_in_usd(option_value, usd),
        )


def _in_usd(amount: NDArray[np.float64], usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over currencies in USD, shape (n_accounts,); `usd` is the price of each column.

    Currency by currency rather than as a matrix product, whose rounding would depend on the number of accounts in the block.
    """
    total = np.zeros(len(amount))
    for c in np.flatnonzero(amount.any(axis=0)):
        total += amount[:, c] * usd[c]
    return total
