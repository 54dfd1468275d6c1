"""Open orders of futures by value at their limit prices over the leverage chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.book_rows import LONG, SHORT
from margin.contracts import is_option
from margin.errors import DataError
from margin.lines import OrderLines, pool_sums
from margin.models.futures import PreparedFutures
from margin.models.options import ShortMargin
from margin.models.orders import PreparedOrders
from margin.models.units import UsedRows

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class WorseSideValues:
    """An instrument requires its worse side over the leverage chosen: ``max(|N + buys|, |N - sells|) / leverage``.

    N is the signed value held at the mark, orders count at their limit prices (inverse contracts: contracts over price). A leg of
    a hedged position counts the orders that open it, those that close it not: ``(N + buys) / leverage`` long, ``(|N| + sells) /
    leverage`` short. What that is above ``|N| / leverage`` is the component ``open_orders``; orders of a position in an isolated
    pool stand in the shared one. The futures must take their initial margin from the leverage of the position.
    """

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Worth of contracts by row."""
        if futures.leverage is None:
            raise ValueError("orders by value over leverage need futures whose initial margin is value over leverage")
        market = rows.market
        size = rows.padded(market.contract_size) * futures.to_pool
        at_mark = futures.coin * futures.value
        inverse, option = rows.padded(market.inverse), rows.padded(is_option(market))

        def amount(orders: OrderLines, position: Array, n_pools: int) -> dict[str, Array]:
            row, leverage = orders.row, _leverage(orders, option, rows)
            value = position * at_mark[row]
            buys = size[row] * np.where(inverse[row], orders.buy_inverse, orders.buy_cost)
            sells = size[row] * np.where(inverse[row], orders.sell_inverse, orders.sell_cost)
            leg = np.zeros(len(row), dtype=np.int8) if orders.leg is None else orders.leg
            worse = np.maximum(np.abs(value + buys), np.abs(value - sells))
            worse = np.where(leg == LONG, np.abs(value) + buys, np.where(leg == SHORT, np.abs(value) + sells, worse))
            return {"open_orders": pool_sums(orders.pool, (worse - np.abs(value)) / leverage, n_pools)}

        return amount


def _leverage(orders: OrderLines, option: NDArray[np.bool_], rows: UsedRows) -> Array:
    """Leverage of each order line; raises `DataError` where there is none, and for options."""
    wrong = np.flatnonzero(option[orders.row])
    if len(wrong):
        name = rows.market.instruments[int(orders.row[wrong[0]])]
        raise DataError(
            f"{name!r} is an option, and options are not ordered here",
            table="orders",
            column="instrument",
            count=len(wrong),
            hint="Leave its orders out, or take the mode for options.",
        )
    bare = np.arange(len(orders)) if orders.leverage is None else np.flatnonzero(np.isnan(orders.leverage))
    if len(bare):
        name = rows.market.instruments[int(orders.row[bare[0]])]
        raise DataError(
            f"{name!r} is ordered without a leverage",
            table="orders",
            column="leverage",
            count=len(bare),
            hint="Give the leverage chosen for it on its orders.",
        )
    return np.zeros(0) if orders.leverage is None else orders.leverage
