"""What an account holds already in the instruments of its open orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from margin.lines import LEGS, Lines, OrderLines, line_keys

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]


def held(lines: Lines, orders: OrderLines, rank: Codes) -> Array:
    """Quantity already held in the row and leg of each order line, in its pool or isolated beside it."""
    at = locate(lines, orders, rank)
    quantity = np.zeros(len(orders)) if orders.beside is None else orders.beside.copy()
    quantity[at >= 0] += lines.quantity[at[at >= 0]]
    return quantity


def locate(lines: Lines, orders: OrderLines, rank: Codes) -> Offsets:
    """Line of the pool, row and leg of each order line, -1 where nothing is held."""
    if not len(lines):
        return np.full(len(orders), -1, dtype=np.int64)
    keys, wanted = line_keys(lines, rank), line_keys(orders, rank)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1)


def held_beside(orders: OrderLines, lines: Lines, account: Codes) -> OrderLines:
    """Order lines that know of the isolated positions of their accounts in the same instrument and leg.

    Parameters
    ----------
    orders : OrderLines
    lines : Lines
        With isolated pools.
    account : ndarray of int32, shape (n_pools,)
        Account of each pool.
    """
    if lines.isolated is None or not len(orders):
        return orders
    own = np.flatnonzero(lines.isolated[lines.pool])
    n_rows = 1 + max(int(orders.row.max()), int(lines.row.max(initial=0)))

    def key(table: Lines | OrderLines) -> Offsets:
        leg = 0 if table.leg is None else table.leg
        return (account[table.pool].astype(np.int64) * n_rows + table.row) * LEGS + leg

    keys = key(lines)[own]
    order = np.argsort(keys)
    wanted = key(orders)
    first = np.searchsorted(keys[order], wanted)
    at = np.append(order, 0)[first]
    found = np.append(keys, -1)[np.where(first < len(own), at, len(own))] == wanted
    return replace(orders, beside=np.where(found, np.append(lines.quantity[own], 0.0)[at], 0.0))
