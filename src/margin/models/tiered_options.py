"""Margin of short options as a share of the underlying times a factor of their tier, plus the mark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import is_option
from margin.lines import OrderLines
from margin.models.orders import OptionFee
from margin.models.tiers import Rates
from margin.models.units import UsedRows

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FactoredOptions:
    """Each short option on its own, scaled by the factor ``f`` of its family's tier. Long options, once paid, require nothing.

    With ``u`` the worth of a coin in settlement currency (linear: the index; inverse: 1), forward F, strike K, mark m, all per
    coin, and ``otm = max(K - F, 0) / F`` (call) or ``max(F - K, 0) / F`` (put)::

        IM = max(minimum, base - otm) * u * f + m
        MM = maintenance * u * f + m (call),   max(maintenance * u, maintenance * m) * f + m (put)

    Orders, per coin at price p: ``max(IM - p, least_order * u)`` to sell beyond a long position, ``max(p - IM, 0)`` to buy back a
    short one, ``p`` to buy beyond it, nothing to sell what is held. With a fee, ``p`` of a buy is raised and that of a sale
    lowered by it, and a sale of what is held needs what the fee exceeds the premium by.

    Attributes
    ----------
    base, minimum, maintenance, least_order : ByName
        Fractions of the underlying, by its coin.
    fee : callable or None
        The `OptionFee` inside the formulas of orders; None where fees are not part of them.
    """

    base: ByName
    minimum: ByName
    maintenance: ByName
    least_order: ByName
    fee: Callable[[], OptionFee] | None = None

    def prepare(self, rows: UsedRows) -> PreparedFactoredOptions:
        """Shares of one contract of each option in use."""
        market, n = rows.market, len(rows.market)
        used = rows.used[:n] & is_option(market)

        def of(values: ByName) -> Array:
            by_coin = np.full(len(market.currencies), np.nan)
            for coin in np.unique(market.base[used]):
                by_coin[coin] = values.of(market.currencies[coin])
            return by_coin[market.base]

        call = market.option_sign > 0
        underlying = np.where(market.inverse, 1.0, market.index_price)
        otm = np.maximum(market.option_sign * (market.strike - market.forward), 0.0) / market.forward
        least = of(self.maintenance)
        maintenance = np.where(call, least * underlying, np.maximum(least * underlying, least * market.mark))

        def per_contract(values: Array) -> Array:
            return rows.padded(np.where(used, values * market.contract_size, 0.0)) * rows.to_pool

        return PreparedFactoredOptions(
            initial=per_contract(np.maximum(of(self.minimum), of(self.base) - otm) * underlying),
            maintenance=per_contract(maintenance),
            mark=per_contract(market.mark),
            least_order=per_contract(of(self.least_order) * underlying),
            per_price=per_contract(np.ones(n)),
            underlying=rows.padded(underlying),
            fee=self.fee,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFactoredOptions:
    """`FactoredOptions` for one market: amounts of one contract in the pool's currency, shape (n_rows,), 0 for all but options.

    Attributes
    ----------
    initial, maintenance : ndarray of float64
        What the factor scales.
    mark, least_order : ndarray of float64
    per_price : ndarray of float64
        Pool currency per unit of price.
    underlying : ndarray of float64
        Worth of a coin in settlement currency.
    fee : callable or None
    """

    initial: Array
    maintenance: Array
    mark: Array
    least_order: Array
    per_price: Array
    underlying: Array
    fee: Callable[[], OptionFee] | None

    def short(self, row: NDArray[np.int32], rates: Rates) -> Rates:
        """Margins of one short contract, shape (n_lines,)."""
        mark = self.mark[row]
        return Rates(self.initial[row] * rates.initial + mark, self.maintenance[row] * rates.maintenance + mark)

    def orders(self, orders: OrderLines, held: Array, rates: Rates) -> tuple[Array, Array]:
        """What orders need: margin of sales and of buying back, and the premium of other buys, shape (n_lines,).

        Parameters
        ----------
        orders : OrderLines
            Of options.
        held : ndarray of float64, shape (n_lines,)
            Contracts held.
        rates : Rates
            Factor of each line.
        """
        row, price = orders.row, self.per_price[orders.row]
        margin = self.short(row, rates).initial
        buy, sell = _average(orders.buy_cost, orders.buy), _average(orders.sell_cost, orders.sell)
        fee_buy, fee_sell = self._fee(row, buy), self._fee(row, sell)
        closing_buy = np.minimum(orders.buy, np.maximum(-held, 0.0))
        closing_sell = np.minimum(orders.sell, np.maximum(held, 0.0))
        opening = np.maximum(margin - (sell - fee_sell) * price, self.least_order[row]) * (orders.sell - closing_sell)
        buying_back = np.maximum((buy + fee_buy) * price - margin, 0.0) * closing_buy
        selling = np.maximum((fee_sell - sell) * price, 0.0) * closing_sell
        return opening + buying_back + selling, (buy + fee_buy) * price * (orders.buy - closing_buy)

    def _fee(self, row: NDArray[np.int32], price: Array) -> Array:
        """Fee per coin of an order at a price."""
        if self.fee is None or not len(row):
            return np.zeros(len(row))
        return np.where(price > 0, self.fee().per_coin(price, self.underlying[row]), 0.0)


def _average(cost: Array, contracts: Array) -> Array:
    return np.divide(cost, contracts, out=np.zeros(len(cost)), where=contracts > 0)
