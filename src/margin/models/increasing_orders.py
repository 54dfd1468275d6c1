"""Orders reserve margin as far as they would make a position larger, at their own limit prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.lines import OrderLines, pool_sums
from margin.models.futures import PreparedFutures
from margin.models.options import ShortMargin
from margin.models.orders import PreparedOrders
from margin.models.units import UsedRows

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class IncreasingOrders:
    """Initial margin of the part of the orders that does not reduce a position; of two sides the one that needs more.

    On each side the best price fills first, so the orders nearest to the market are those that reduce. What is left of an order
    of size ``s`` at price ``p`` reserves ``factor * (initial margin of s at the mark) * p / mark``; where the leverage ``L`` is
    chosen that is ``factor * s * p / L``.

    Attributes
    ----------
    factor : float
        What is reserved for each unit of initial margin.
    """

    factor: float = 1.0

    def prepare(self, rows: UsedRows, futures: PreparedFutures, short: ShortMargin) -> PreparedOrders:
        """Nothing but the prices of the market."""
        mark = rows.padded(rows.market.mark)

        def amount(orders: OrderLines, position: Array, n_pools: int) -> dict[str, Array]:
            if not len(orders):
                return {"open_orders": np.zeros(n_pools)}
            single = orders.single
            assert single is not None
            buys = single.quantity > 0
            size = np.abs(single.quantity)
            best_first = np.lexsort((np.where(buys, -single.price, single.price), buys, single.line))
            line, size, price = single.line[best_first], size[best_first], single.price[best_first]
            side = 2 * line + buys[best_first]
            held = position[line]
            reducible = np.where((held < 0) == buys[best_first], np.abs(held), 0.0)
            more = size - np.clip(reducible - _before(side, size), 0.0, size)
            row = orders.row[line]
            leverage = None if single.leverage is None else single.leverage[best_first]
            margin = futures.initial(more * futures.coin[row], row, leverage) * price / mark[row]
            of_side = np.bincount(side, weights=margin, minlength=2 * len(orders)).reshape(-1, 2)
            return {"open_orders": self.factor * pool_sums(orders.pool, of_side.max(axis=1), n_pools)}

        return amount


def _before(key: NDArray[np.int64], amount: Array) -> Array:
    """Sum of the amounts that stand before each entry among those of its key; equal keys stand together.

    Run by run rather than by differences of one long sum, so that what one account orders never shows in another's digits.
    """
    first = np.flatnonzero(np.diff(key, prepend=-1))
    out = np.zeros(len(key))
    for depth in range(1, int(np.diff(first, append=len(key)).max())):
        at = np.flatnonzero(np.arange(len(key)) - np.repeat(first, np.diff(first, append=len(key))) == depth)
        out[at] = out[at - 1] + amount[at - 1]
    return out
