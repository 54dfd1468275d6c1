"""One pool for each settlement currency of an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import Holdings, Partition, PoolValue
from margin.pools.spot_orders import spot_payments


@dataclass(frozen=True, slots=True)
class SegregatedPool:
    """Collateral of one currency backs only the positions that settle in it; nothing is converted, nothing discounted."""

    money: ClassVar[str] = "USD"
    in_usd: ClassVar[bool] = False

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """One pool for each (account, currency) with a balance, a position or an order."""
        used = holdings.uses_currency(market)
        account, column = (a.astype(np.int32) for a in np.nonzero(used))
        currency = holdings.currencies[column]
        of_instrument = holdings.settled
        number = np.full(used.shape, -1, dtype=np.int32)
        number[used] = np.arange(len(account), dtype=np.int32)
        return Partition(
            position_pool=number[holdings.account, of_instrument[holdings.row]],
            order_pool=number[holdings.order_account, of_instrument[holdings.order_row]],
            account=account,
            name=(len(market) + currency).astype(np.int32),
            currency=currency,
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Balance, unrealised P&L and option value of each (account, currency), in that currency."""
        cell = partition.account, holdings.column[partition.currency]
        unrealised, option_value = holdings.worths.unrealised[cell], holdings.worths.option_value[cell]
        settled = holdings.balance[cell] + unrealised
        equity = settled + option_value
        counted = settled + holdings.by_currency(collateral.counted_options(holdings.option_value))[0][cell]
        if collateral.spot_orders == "reserved":
            counted = counted - spot_payments(holdings, market)[cell]
        return PoolValue(equity, counted, counted, unrealised, option_value)
