"""What accounts hold, and what a pool says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.market import SPOT, Market
from margin.pools.collateral import Collateral

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]

MONEY = -1
"""Currency code of amounts in the money that a whole account counts in."""


class Worths(NamedTuple):
    """Figures of positions added up by account and settlement currency, each of shape (n_accounts, k)."""

    unrealised: Array
    option_value: Array
    both: Array


@dataclass(frozen=True, eq=False)
class Holdings:
    """Positions, orders and balances of consecutive accounts, valued at the mark.

    Attributes
    ----------
    n_accounts : int
    account, row : ndarray of int32, shape (n_positions,)
        Account within the block, instrument of the market.
    quantity : ndarray of float64, shape (n_positions,)
        Contracts, long > 0.
    since_entry : ndarray of float64, shape (n_positions,), or None
        Unrealised P&L in settlement currency; None where positions are settled to the mark.
    option_worth : ndarray of float64, shape (n_rows,)
        Market value of one contract of each option of the market in settlement currency; zero for others.
    isolated_collateral : ndarray of float64, shape (n_positions,), or None
        Settlement currency, NaN for positions that share; None where the book does not give it.
    leg : ndarray of int8, shape (n_positions,), or None
    order_account, order_row : ndarray of int32, shape (n_orders,)
    order_leg : ndarray of int8, shape (n_orders,), or None
    order_quantity, order_price : ndarray of float64, shape (n_orders,)
        Contracts, buy > 0; limit price.
    currencies : ndarray of int32, shape (k,)
        Codes of the currencies that accounts hold or settle in; one column each in what follows.
    column : ndarray of int32, shape (n_currencies,)
        Column of each currency of the market, -1 where it has none.
    settled : ndarray of int32, shape (n_rows,)
        Column of the settlement currency of each instrument of the market.
    balance : ndarray of float64, shape (n_accounts, k)
        Less what is borrowed.
    loan : ndarray of float64, shape (n_accounts, k), or None
        What is borrowed, >= 0. None: there are no loans.
    has_balance : ndarray of bool, shape (n_accounts, k)
    hedge_cap : ndarray of float64, shape (n_accounts, k), or None
        Most of a positive equity that stands in the risk unit of its coin; nan where there is no limit.
    switched_off : ndarray of bool, shape (n_accounts, k), or None
        Currencies that an account does not use as collateral.
    """

    n_accounts: int
    account: Codes
    row: Codes
    quantity: Array
    since_entry: Array | None
    option_worth: Array
    isolated_collateral: Array | None
    leg: NDArray[np.int8] | None
    order_account: Codes
    order_row: Codes
    order_leg: NDArray[np.int8] | None
    order_quantity: Array
    order_price: Array
    currencies: Codes
    column: Codes
    settled: Codes
    balance: Array
    loan: Array | None
    has_balance: Flags
    hedge_cap: Array | None = None
    switched_off: Flags | None = None

    def as_collateral(self, amount: Array, account: Codes) -> Array:
        """Amounts by currency of some accounts, shape (n, k), without positive ones of currencies that are switched off."""
        if self.switched_off is None:
            return amount
        return np.where(self.switched_off[account], np.minimum(amount, 0.0), amount)

    def only(self, positions: Flags, orders: Flags) -> Holdings:
        """The same with some of the positions and orders."""
        assigned, leg, order_leg, gained = self.isolated_collateral, self.leg, self.order_leg, self.since_entry
        return replace(
            self,
            account=self.account[positions],
            row=self.row[positions],
            quantity=self.quantity[positions],
            since_entry=None if gained is None else gained[positions],
            isolated_collateral=None if assigned is None else assigned[positions],
            leg=None if leg is None else leg[positions],
            order_account=self.order_account[orders],
            order_row=self.order_row[orders],
            order_leg=None if order_leg is None else order_leg[orders],
            order_quantity=self.order_quantity[orders],
            order_price=self.order_price[orders],
        )

    def by_currency(self, *values: Array) -> tuple[Array, ...]:
        """Sums of figures of positions by account and settlement currency, each of shape (n_accounts, k)."""
        return kernels.cell_sums(self.account, self.row, self.settled, values, self.n_accounts, len(self.currencies))

    @cached_property
    def unrealised(self) -> Array:
        """Unrealised P&L of each position in settlement currency, shape (n_positions,)."""
        return np.zeros(len(self.row)) if self.since_entry is None else self.since_entry

    @cached_property
    def option_value(self) -> Array:
        """Market value of each option position in settlement currency, zero for others, shape (n_positions,)."""
        return kernels.products(self.row, self.quantity, self.option_worth)

    @cached_property
    def worths(self) -> Worths:
        """What all positions are worth, added up once for everyone who asks."""
        option_value = kernels.cell_products(
            self.account, self.row, self.settled, self.quantity, self.option_worth, self.n_accounts, len(self.currencies)
        )
        unrealised = np.zeros_like(option_value) if self.since_entry is None else self.by_currency(self.since_entry)[0]
        return Worths(unrealised, option_value, unrealised + option_value)

    def counted_worth(self, collateral: Collateral) -> Array:
        """What of it is collateral, by account and settlement currency, shape (n_accounts, k)."""
        if collateral.counts_option_value == "short":
            return self.by_currency(self.unrealised + collateral.counted_options(self.option_value))[0]
        return self.worths.both if collateral.counts_option_value else self.worths.unrealised

    def uses_currency(self, market: Market) -> Flags:
        """Which accounts have a balance, a position or an order in which currency, shape (n_accounts, k)."""
        column = self.settled
        used = self.has_balance.copy()
        used[self.account, column[self.row]] = True
        used[self.order_account, column[self.order_row]] = True
        spot = market.kind[self.order_row] == SPOT  # such an order brings or takes its coin too
        used[self.order_account[spot], self.column[market.base[self.order_row[spot]]]] = True
        return used


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Which pool each position and order belongs to.

    Attributes
    ----------
    position_pool, order_pool : ndarray of int32
        Pool of each position and each order.
    account : ndarray of int32, shape (n_pools,)
        Account within the block.
    name : ndarray of int32, shape (n_pools,)
        ``i`` for the pool of instrument i, ``n_instruments + c`` for the pool of currency c, -1 for a pool of the whole account.
    currency : ndarray of int32, shape (n_pools,)
        Currency that the pool counts in; -1 (`MONEY`) for the money of the whole account.
    isolated : ndarray of bool, shape (n_pools,), or None
        Pools of single positions beside pools that share. None: there are none.
    """

    position_pool: Codes
    order_pool: Codes
    account: Codes
    name: Codes
    currency: Codes
    isolated: Flags | None = None

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True, eq=False)
class PoolValue:
    """What each pool is worth, in the pool's currency; every array has shape (n_pools,).

    Attributes
    ----------
    equity : ndarray of float64
        Balances, unrealised P&L and option value, without haircuts.
    initial_collateral, maintenance_collateral : ndarray of float64
        What counts against the initial and the maintenance margin, after haircuts.
    unrealised, option_value : ndarray of float64
    """

    equity: Array
    initial_collateral: Array
    maintenance_collateral: Array
    unrealised: Array
    option_value: Array


class Pool(Protocol):
    """A rule of membership: which positions, orders and balances stand together."""

    @property
    def in_usd(self) -> bool:
        """Whether pools count in one money for all currencies, else in settlement currency."""

    @property
    def money(self) -> str:
        """That money; the currency in which the market's prices of currencies are counted."""

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """Assign positions and orders to pools."""

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Worth of each pool."""
