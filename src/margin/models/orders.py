"""What open orders add to the initial margin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.contracts import coin_per_contract, is_option
from margin.lines import OrderLines
from margin.market import Market

Array = NDArray[np.float64]


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
