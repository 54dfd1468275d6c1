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
from margin.pools.spot_orders import spot_losses

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
        unrealised, option_value, _ = holdings.worths
        worth = market.usd[holdings.currencies]
        maintenance = self._collateral(holdings, market, collateral, initial=False)
        initial = maintenance
        if collateral.initial_differs:
            initial = self._collateral(holdings, market, collateral, initial=True)
        return PoolValue(
            equity=_sum(holdings.balance + unrealised + option_value, worth),
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

    def _collateral(self, holdings: Holdings, market: Market, collateral: Collateral, *, initial: bool) -> Array:
        """Discounted equity of all currencies, less what open spot orders would lose of it, shape (n_accounts,)."""
        names = [market.currencies[c] for c in holdings.currencies]
        worth, priced = market.usd[holdings.currencies], self.prices(holdings, market, collateral)

        def worth_of(amount: Array, account: NDArray[np.int32]) -> Array:
            return _sum(collateral.discounted(holdings.as_collateral(amount, account), names, worth, initial=initial), priced)

        equity, unrealised = counted_equity(holdings, collateral), holdings.worths.unrealised
        every = np.arange(holdings.n_accounts, dtype=np.int32)
        first, *alone = (worth_of(part, every) for part in _parts(equity, unrealised, holdings.loan, collateral))
        total = sum(alone, first)
        if collateral.spot_orders == "loss":
            total = total - spot_losses(holdings, market, equity, worth_of)
        return total


def counted_equity(holdings: Holdings, collateral: Collateral) -> Array:
    """Equity of each account and currency as far as it is collateral, before haircuts, shape (n_accounts, k)."""
    return holdings.balance + holdings.counted_worth(collateral)


def _parts(counted: Array, unrealised: Array, loan: Array | None, collateral: Collateral) -> list[Array]:
    """What is discounted together and what on its own, by currency; the parts add up to what counts."""
    alone = [-loan] if "loans" in collateral.apart and loan is not None else []
    alone += [unrealised] if "unrealised" in collateral.apart else []
    return [counted - sum(alone), *alone] if alone else [counted]


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
