"""Positions and orders grouped by pool: what pools and models exchange.

A *row* is a thing that can be held: rows ``0 .. n-1`` are the market's instruments, row ``n + c`` is one unit of currency ``c``
(collateral that is itself shocked). A *line* is a quantity of one row in one pool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Net quantities by pool and row, sorted by pool and then by a model's rank of the rows.

    Attributes
    ----------
    pool : ndarray of int32, shape (n_lines,)
        Non-decreasing.
    row : ndarray of int32, shape (n_lines,)
    quantity : ndarray of float64, shape (n_lines,)
        Contracts (or units of currency), signed.
    n_pools : int
    """

    pool: Codes
    row: Codes
    quantity: Array
    n_pools: int

    def __len__(self) -> int:
        return len(self.pool)


@dataclass(frozen=True, slots=True, eq=False)
class OrderLines:
    """Open orders by pool and row, both sides apart, sorted like `Lines`.

    Attributes
    ----------
    pool, row : ndarray of int32, shape (n_lines,)
    buy, sell : ndarray of float64, shape (n_lines,)
        Contracts, >= 0.
    buy_cost, sell_cost : ndarray of float64, shape (n_lines,)
        Sum of contracts x limit price.
    buy_inverse, sell_inverse : ndarray of float64, shape (n_lines,)
        Sum of contracts / limit price.
    protected : ndarray of bool, shape (n_lines,)
        Orders under market maker protection are kept on lines of their own.
    """

    pool: Codes
    row: Codes
    buy: Array
    sell: Array
    buy_cost: Array
    sell_cost: Array
    buy_inverse: Array
    sell_inverse: Array
    protected: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pool)


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Runs of consecutive lines that share a key.

    Attributes
    ----------
    start : ndarray of int64, shape (n_segments + 1,)
        Offsets into the lines.
    pool, code : ndarray of int32, shape (n_segments,)
        Pool and code (unit, leaf) of each run.
    """

    start: Offsets
    pool: Codes
    code: Codes

    def __len__(self) -> int:
        return len(self.pool)

    def inside(self, coarser: Segments) -> Offsets:
        """Offsets of these runs by the coarser runs that they divide, shape (len(coarser) + 1,)."""
        return np.searchsorted(self.start, coarser.start).astype(np.int64)


def rank_rows(*keys: NDArray[np.int32]) -> Codes:
    """Rank of each row when rows are ordered by the given keys, the first the most significant; ties by row number."""
    order = np.lexsort(keys[::-1])
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def group_lines(pool: Codes, row: Codes, quantity: Array, rank: Codes, n_pools: int) -> Lines:
    """Sort positions by (pool, rank) and add up those of the same pool and row, in their given order."""
    _, order = kernels.group(pool, rank[row], n_pools)
    pool, row, quantity = pool[order], row[order], quantity[order]
    start = _runs(pool, row)
    if len(start) - 1 < len(pool):
        first = start[:-1]
        pool, row, quantity = pool[first], row[first], kernels.segment_sum(start, quantity)
    return Lines(pool, row, quantity, n_pools)


def group_orders(
    pool: Codes, row: Codes, quantity: Array, price: Array, protected: NDArray[np.bool_], rank: Codes, n_pools: int
) -> OrderLines:
    """Sort orders by (pool, rank, protection) and add up each side.

    Parameters
    ----------
    pool, row : ndarray of int32, shape (n_orders,)
    quantity : ndarray of float64, shape (n_orders,)
        Contracts, buy > 0.
    price : ndarray of float64, shape (n_orders,)
        Limit prices, > 0.
    protected : ndarray of bool, shape (n_orders,)
    rank : ndarray of int32, shape (n_rows,)
    n_pools : int
    """
    minor = (2 * rank[row] + protected).astype(np.int32)
    _, order = kernels.group(pool, minor, n_pools)
    pool, row, quantity, price, protected = pool[order], row[order], quantity[order], price[order], protected[order]
    start = _runs(pool, 2 * row.astype(np.int64) + protected)
    first = start[:-1]
    buy, sell = np.maximum(quantity, 0.0), np.maximum(-quantity, 0.0)

    def total(values: Array) -> Array:
        return kernels.segment_sum(start, values)

    return OrderLines(
        pool=pool[first],
        row=row[first],
        buy=total(buy),
        sell=total(sell),
        buy_cost=total(buy * price),
        sell_cost=total(sell * price),
        buy_inverse=total(buy / price),
        sell_inverse=total(sell / price),
        protected=protected[first],
    )


def segments(lines: Lines, code: Codes) -> Segments:
    """Runs of lines with the same pool and the same code of their row; `code` has one entry per row."""
    of_line = code[lines.row]
    start = _runs(lines.pool, of_line)
    first = start[:-1]
    return Segments(start, lines.pool[first], of_line[first])


def held(lines: Lines, orders: OrderLines, rank: Codes) -> Array:
    """Quantity already held in the pool and row of each order line, zero where nothing is held."""
    if not len(lines):
        return np.zeros(len(orders))
    n_rows = len(rank)
    keys = lines.pool.astype(np.int64) * n_rows + rank[lines.row]
    wanted = orders.pool.astype(np.int64) * n_rows + rank[orders.row]
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, lines.quantity[at], 0.0)


def pool_sums(pool: Codes, values: Array, n_pools: int) -> Array:
    """Sum of values by pool, in the order given."""
    return np.bincount(pool, weights=values, minlength=n_pools).astype(np.float64, copy=False)


def _runs(*keys: NDArray[np.int32] | NDArray[np.int64] | NDArray[np.bool_]) -> Offsets:
    """Offsets of the runs of equal keys."""
    n = len(keys[0])
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    changes = np.zeros(n - 1, dtype=np.bool_)
    for key in keys:
        changes |= key[1:] != key[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1, [n])).astype(np.int64)
