"""One pool for the whole account, counted in one money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import MONEY, Holdings, Partition, PoolValue

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CrossPool:
    """All currencies of an account back all its positions, each at its price after its haircut.

    The equity of one currency may be negative while the pool is positive.

    Attributes
    ----------
    money : str
        What the pool counts in: USD, or a currency; other currencies are then worth their USD price over its own.
    """

    money: str = "USD"
    in_usd: ClassVar[bool] = True

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """One pool for each account."""
        n = holdings.n_accounts
        return Partition(
            position_pool=holdings.account,
            order_pool=holdings.order_account,
            account=np.arange(n, dtype=np.int32),
            name=np.full(n, -1, dtype=np.int32),
            currency=np.full(n, MONEY, dtype=np.int32),
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Sum over currencies of discounted equity, in the pool's money."""
        unrealised = holdings.by_currency(holdings.unrealised, market)
        option_value = holdings.by_currency(holdings.option_value, market)
        settled = holdings.balance + unrealised
        equity = settled + option_value
        counted = equity if collateral.counts_option_value else settled
        worth = market.usd[holdings.currencies]
        names = [market.currencies[c] for c in holdings.currencies]
        priced = self.prices(holdings, market, collateral)
        maintenance = _sum(collateral.discounted(counted, names, collateral.haircut), priced)
        initial = maintenance
        if collateral.initial_haircut is not None:
            initial = _sum(collateral.discounted(counted, names, collateral.initial_haircut), priced)
        return PoolValue(
            equity=_sum(equity, worth),
            initial_collateral=initial,
            maintenance_collateral=maintenance,
            unrealised=_sum(unrealised, worth),
            option_value=_sum(option_value, worth),
        )

    def prices(self, holdings: Holdings, market: Market, collateral: Collateral) -> Array:
        """What one unit of each currency of the holdings counts for before its haircut, in the pool's money."""
        worth = market.usd[holdings.currencies]
        names = [market.currencies[c] for c in holdings.currencies]
        return worth if collateral.priced_in == "money" else _at_usd_price(worth, names, market)


def _at_usd_price(worth: Array, names: Sequence[str], market: Market) -> Array:
    """USD price of every currency but the pool's money, which counts as one."""
    return np.where([name == market.money for name in names], 1.0, worth * market.money_usd)


def _sum(amount: Array, worth: Array) -> Array:
    """Sum over currencies in the pool's money, shape (n_accounts,); `worth` is the price of each column.

    Currency by currency rather than as a matrix product, whose rounding would depend on the number of accounts in the block.
    """
    total = np.zeros(len(amount))
    for c in np.flatnonzero(amount.any(axis=0)):
        total += amount[:, c] * worth[c]
    return total
