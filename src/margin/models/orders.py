"""What open orders add to the initial margin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin.contracts import coin_per_contract, is_option
from margin.lines import OrderLines, pool_sums
from margin.market import Market
from margin.models.futures import PreparedFutures
from margin.models.options import ShortMargin
from margin.models.order_charges import refuse_orders
from margin.models.units import UsedRows

Array = NDArray[np.float64]

PreparedOrders = Callable[[OrderLines, Array, int], dict[str, Array]]
"""Order lines, contracts already held on each of them, number of pools -> component name -> amount by pool."""


class OrderRule(Protocol):
    """What open orders add to the initial margin of positions."""

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Make the rule ready for one market; `short` is the margin of one short option in the pool's currency."""


@dataclass(frozen=True, slots=True)
class OptionFee:
    """Fee of an option trade: a rate on the underlying, never above a fraction of the option's price.

    Attributes
    ----------
    rate : float
        Fraction of the underlying.
    cap : float
        Fraction of the option's price.
    """

    rate: float
    cap: float

    def per_coin(self, price: Array, underlying: Array) -> Array:
        """Fee for one coin of underlying, in the currency of the price.

        Parameters
        ----------
        price : ndarray of float64
            Option price per coin of underlying.
        underlying : ndarray of float64
            Worth of one coin in the currency of the price: 1 for an inverse option, the index for a linear one.
        """
        return np.minimum(self.rate * underlying, self.cap * price)


@dataclass(frozen=True, slots=True, eq=False)
class SideSizes:
    """Position after all buys and after all sells of an order line, in coin, orders sized at their limit prices.

    Attributes
    ----------
    held, after_buys, after_sells : ndarray of float64, shape (n_lines,)
        Coin, signed.
    """

    held: Array
    after_buys: Array
    after_sells: Array

    @classmethod
    def of(cls, orders: OrderLines, held: Array, market: Market) -> SideSizes:
        """Sizes of order lines.

        Parameters
        ----------
        orders : OrderLines
        held : ndarray of float64, shape (n_lines,)
            Contracts already held, signed.
        market : Market
        """
        row = orders.row
        sized_in_quote = (market.inverse & ~is_option(market))[row]
        size = market.contract_size[row]
        position = held * coin_per_contract(market)[row]
        buys = size * np.where(sized_in_quote, orders.buy_inverse, orders.buy)
        sells = size * np.where(sized_in_quote, orders.sell_inverse, orders.sell)
        return cls(position, position + buys, position - sells)

    def worse(self) -> Array:
        """Larger absolute size of the two sides, coin; never below the size held."""
        return np.maximum(np.abs(self.after_buys), np.abs(self.after_sells))


def premium_to_pay(orders: OrderLines, held: Array) -> tuple[Array, Array]:
    """Option premium of buys beyond the short position, per order line.

    Returns
    -------
    contracts : ndarray of float64
        Contracts bought beyond the short position.
    premium : ndarray of float64
        Those contracts at the average limit price, in price units x contracts.
    """
    contracts = np.maximum(orders.buy - np.maximum(-held, 0.0), 0.0)
    average = np.divide(orders.buy_cost, orders.buy, out=np.zeros(len(orders)), where=orders.buy > 0)
    return contracts, contracts * average


@dataclass(frozen=True, slots=True)
class WorseSideOrders:
    """Each instrument is margined as if its worse side had filled; option buys beyond a short position need premium and fee.

    Attributes
    ----------
    inverse_fee, linear_fee : callable
        The `OptionFee` that a buy order reserves; called when there is such an order.
    """

    inverse_fee: Callable[[], OptionFee]
    linear_fee: Callable[[], OptionFee]

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Margins of futures and options before and after the worse side."""
        market, to_pool = rows.market, rows.to_pool

        def amount(orders: OrderLines, position: Array, n_pools: int) -> dict[str, Array]:
            row = orders.row
            sizes = SideSizes.of(orders, position, market)
            more = futures.initial(sizes.worse(), row) - futures.initial(np.abs(sizes.held), row)
            more_short = np.maximum(orders.sell - position, 0.0) - np.maximum(-position, 0.0)
            options = short.initial[row] * np.maximum(more_short, 0.0)
            premium = self._premium(orders, position, market) * to_pool[row]
            return {
                "open_orders": pool_sums(orders.pool, more + options, n_pools),
                "order_premium": pool_sums(orders.pool, premium, n_pools),
            }

        return amount

    def _premium(self, orders: OrderLines, position: Array, market: Market) -> Array:
        """Premium and fee of option buys, settlement currency, per order line."""
        contracts, premium = premium_to_pay(orders, position)
        bought = np.flatnonzero(is_option(market)[orders.row] & (contracts > 0))
        row, contracts, premium = orders.row[bought], contracts[bought], premium[bought]
        inverse = market.inverse[row]
        fee = np.zeros(len(bought))
        for fees, here, underlying in (
            (self.inverse_fee, inverse, np.ones(len(bought))),
            (self.linear_fee, ~inverse, market.index_price[row]),
        ):
            if here.any():
                fee[here] = fees().per_coin(premium[here] / contracts[here], underlying[here])
        cost = np.zeros(len(orders))
        cost[bought] = (premium + contracts * fee) * market.contract_size[row]
        return cost


@dataclass(frozen=True, slots=True)
class RefusedOrders:
    """Open orders are an error: the rule that margins them is not known.

    Attributes
    ----------
    hint : str
        What to do instead.
    """

    hint: str

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Nothing to do before there are orders."""

        def refuse(orders: OrderLines, position: Array, n_pools: int) -> dict[str, Array]:
            refuse_orders(orders, rows.market, self.hint)
            return {}

        return refuse


@dataclass(frozen=True, slots=True)
class IgnoredOrders:
    """Open orders add nothing."""

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Nothing to do."""
        return lambda orders, position, n_pools: {}
