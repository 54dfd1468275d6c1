"""What open orders in spot pairs take from the collateral."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.market import SPOT, Market
from margin.pools.holdings import Holdings

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


class SpotOrders(NamedTuple):
    """Open orders in spot pairs: what each would bring, signed, in which columns of the holdings, shape (n_orders,)."""

    account: Codes
    base_column: Codes
    quote_column: Codes
    base: Array
    quote: Array

    @classmethod
    def of(cls, holdings: Holdings, market: Market) -> SpotOrders:
        """Pick them out of the open orders; each is filled at its own price."""
        which = np.flatnonzero(market.kind[holdings.order_row] == SPOT)
        row = holdings.order_row[which]
        coin = holdings.order_quantity[which] * market.contract_size[row]
        column = holdings.column
        account = holdings.order_account[which]
        return cls(account, column[market.base[row]], column[market.quote[row]], coin, -coin * holdings.order_price[which])


def spot_payments(holdings: Holdings, market: Market) -> Array:
    """What the orders of each account would pay together, by currency, shape (n_accounts, k), >= 0."""
    orders = SpotOrders.of(holdings, market)
    paid = np.zeros_like(holdings.balance)
    np.add.at(paid, (orders.account, orders.base_column), np.maximum(-orders.base, 0.0))
    np.add.at(paid, (orders.account, orders.quote_column), np.maximum(-orders.quote, 0.0))
    return paid


def spot_losses(holdings: Holdings, market: Market, counted: Array, worth_of: Callable[[Array, Codes], Array]) -> Array:
    """By how much the orders would lower the collateral of each account, each filled alone, none counting as a gain.

    Parameters
    ----------
    holdings : Holdings
    market : Market
    counted : ndarray of float64, shape (n_accounts, k)
        Amounts before haircuts.
    worth_of : callable
        Amounts, shape (n, k), and the account of each row -> their worth after haircuts, shape (n,).

    Returns
    -------
    ndarray of float64, shape (n_accounts,), >= 0
    """
    orders = SpotOrders.of(holdings, market)
    if not len(orders.account):
        return np.zeros(holdings.n_accounts)
    before = counted[orders.account]
    after, number = before.copy(), np.arange(len(orders.account))
    after[number, orders.base_column] += orders.base
    after[number, orders.quote_column] += orders.quote
    fall = np.maximum(worth_of(before, orders.account) - worth_of(after, orders.account), 0.0)
    return np.bincount(orders.account, weights=fall, minlength=holdings.n_accounts).astype(np.float64, copy=False)
