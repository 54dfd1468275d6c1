"""Positions and orders grouped by pool: what pools and models exchange.

A *row* is a thing that can be held: rows ``0 .. n-1`` are the market's instruments, row ``n + c`` is one unit of currency ``c``
(collateral that is itself shocked). A *line* is a quantity of one row in one pool.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin import kernels

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]
Legs = NDArray[np.int8]

LEGS = 3
"""A position nets, or is the long or the short leg of a hedged one."""


@dataclass(frozen=True, slots=True, eq=False)
class Loans:
    """What pools have borrowed, sorted by pool.

    Attributes
    ----------
    pool, currency : ndarray of int32, shape (n_loans,)
    amount : ndarray of float64, shape (n_loans,), currency units, > 0
    """

    pool: Codes
    currency: Codes
    amount: Array

    @classmethod
    def of(cls, loan: Array, currencies: Codes) -> Loans:
        """Loans of pools 0, 1, ... by column, shape (n_pools, k); `currencies` is the code of each column."""
        pool, column = np.nonzero(loan)
        return cls(pool.astype(np.int32), currencies[column], loan[pool, column])

    def of_pool(self, pool: int) -> Loans:
        """Those of one pool, as pool 0."""
        here = np.flatnonzero(self.pool == pool)
        return Loans(np.zeros(len(here), dtype=np.int32), self.currency[here], self.amount[here])


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
    leg : ndarray of int8, shape (n_lines,), or None
        Legs of one row in one pool are lines of their own. None: there are none.
    leverage : ndarray of float64, shape (n_lines,), or None
        Leverage chosen, the lowest of the positions of a line; NaN where there is none.
    isolated : ndarray of bool, shape (n_pools,), or None
        Pools of single positions beside pools that share. None: there are none.
    entry_value : ndarray of float64, shape (n_lines,), or None
        Value at the entry price in settlement currency, signed like the quantity; NaN for currencies. Known where there are
        isolated pools and the book gives entry prices.
    loans : Loans or None
        What pools of whole accounts have borrowed. None: nothing.
    runs : (Segments, Segments) or None
        Runs of the units and of the leaves of a model, where they are kept. None: they are to be found.
    """

    pool: Codes
    row: Codes
    quantity: Array
    n_pools: int
    leg: Legs | None = None
    leverage: Array | None = None
    isolated: NDArray[np.bool_] | None = None
    entry_value: Array | None = None
    loans: Loans | None = None
    runs: tuple[Segments, Segments] | None = None

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, which: NDArray[Any]) -> Lines:
        """Some of the lines, of as many pools."""
        taken: dict[str, Any] = {"runs": None}
        for name in ("pool", "row", "quantity", "leg", "leverage", "entry_value"):
            column = getattr(self, name)
            taken[name] = None if column is None else column[which]
        return replace(self, **taken)


@dataclass(frozen=True, slots=True, eq=False)
class SingleOrders:
    """The orders that order lines add up, one entry each, sorted by line.

    Attributes
    ----------
    line : ndarray of int64, shape (n_orders,)
        Non-decreasing.
    quantity : ndarray of float64, shape (n_orders,)
        Contracts, buy > 0.
    price : ndarray of float64, shape (n_orders,)
    leverage : ndarray of float64, shape (n_orders,), or None
        NaN where none is chosen.
    """

    line: Offsets
    quantity: Array
    price: Array
    leverage: Array | None

    def take(self, which: NDArray[Any], n_lines: int) -> SingleOrders:
        """The orders of some of the lines."""
        chosen = np.arange(n_lines)[which]
        new = np.full(n_lines, -1, dtype=np.int64)
        new[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(new[self.line] >= 0)
        kept = kept[np.argsort(new[self.line[kept]], kind="stable")]
        leverage = None if self.leverage is None else self.leverage[kept]
        return SingleOrders(new[self.line[kept]], self.quantity[kept], self.price[kept], leverage)


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
    leg : ndarray of int8, shape (n_lines,), or None
    leverage : ndarray of float64, shape (n_lines,), or None
        As in `Lines`.
    single : SingleOrders or None
        The orders one by one, for rules that need each price; None where they are not known.
    beside : ndarray of float64, shape (n_lines,), or None
        Contracts of the same instrument that the account holds in an isolated pool, which an order may reduce too.
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
    leg: Legs | None = None
    leverage: Array | None = None
    single: SingleOrders | None = None
    beside: Array | None = None

    def __len__(self) -> int:
        return len(self.pool)

    def take(self, which: NDArray[Any]) -> OrderLines:
        """Some of the lines."""
        single = None if self.single is None else self.single.take(which, len(self))
        taken: dict[str, Any] = {"single": single}
        for f in fields(self):
            if f.name != "single":
                column = getattr(self, f.name)
                taken[f.name] = None if column is None else column[which]
        return OrderLines(**taken)


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
        begins = np.zeros(self.start[-1] + 1, dtype=np.bool_)
        begins[coarser.start] = True
        return np.flatnonzero(begins[self.start])


def rank_rows(*keys: NDArray[np.int32]) -> Codes:
    """Rank of each row when rows are ordered by the given keys, the first the most significant; ties by row number."""
    order = np.lexsort(keys[::-1])
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return rank


def group_lines(
    pool: Codes,
    row: Codes,
    quantity: Array,
    rank: Codes,
    n_pools: int,
    *,
    leg: Legs | None = None,
    leverage: Array | None = None,
    isolated: NDArray[np.bool_] | None = None,
    entry_value: Array | None = None,
) -> Lines:
    """Sort positions by (pool, rank, leg) and add up those of the same pool, row and leg, in their given order."""
    code = row
    if leg is not None:  # what nets is a row and its leg
        code = LEGS * row + leg
        rank = (np.repeat(LEGS * rank, LEGS) + np.tile(np.arange(LEGS), len(rank))).astype(np.int32)
    if leverage is None and entry_value is None:
        pool, code, quantity = kernels.net(pool, code, quantity, rank, n_pools)
    else:
        pool, code, quantity, order, start = kernels.net(pool, code, quantity, rank, n_pools, traced=True)
        leverage = None if leverage is None else _lowest(leverage[order], start[:-1])
        entry_value = None if entry_value is None else kernels.segment_sum(start, entry_value[order])
    row = code if leg is None else code // LEGS
    leg = None if leg is None else (code % LEGS).astype(np.int8)
    return Lines(pool, row, quantity, n_pools, leg, leverage, isolated, entry_value)


def group_orders(
    pool: Codes,
    row: Codes,
    quantity: Array,
    price: Array,
    protected: NDArray[np.bool_],
    rank: Codes,
    n_pools: int,
    *,
    leg: Legs | None = None,
    leverage: Array | None = None,
) -> OrderLines:
    """Sort orders by (pool, rank, leg, protection) and add up each side.

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
    leg : ndarray of int8, shape (n_orders,), or None
    leverage : ndarray of float64, shape (n_orders,), or None
    """
    kind = 2 * (0 if leg is None else leg.astype(np.int32)) + protected
    minor = (2 * LEGS * rank[row] + kind).astype(np.int32)
    _, order = kernels.group(pool, minor, n_pools)
    pool, row, quantity, price, kind = pool[order], row[order], quantity[order], price[order], kind[order]
    start = _runs(pool, 2 * LEGS * row.astype(np.int64) + kind)
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
        protected=(kind[first] % 2).astype(np.bool_),
        leg=None if leg is None else (kind[first] // 2).astype(np.int8),
        leverage=None if leverage is None else _lowest(leverage[order], first),
        single=SingleOrders(
            np.repeat(np.arange(len(first)), np.diff(start)), quantity, price, None if leverage is None else leverage[order]
        ),
    )


def _lowest(values: Array, first: Offsets) -> Array:
    """Lowest of each run, NaN where a run has none."""
    return np.fmin.reduceat(values, first) if len(first) else np.zeros(0)


def segments(lines: Lines, code: Codes) -> Segments:
    """Runs of lines with the same pool and the same code of their row; `code` has one entry per row."""
    return Segments(*kernels.runs(lines.pool, lines.row, code))


def numbered(code: Codes, n_codes: int) -> tuple[Offsets, Codes]:
    """The codes that occur, ascending, and where each of the given ones stands among them."""
    there = kernels.occurring(code, n_codes)
    return np.flatnonzero(there), (np.cumsum(there, dtype=np.int32) - np.int32(1))[code]


def unprotected(orders: OrderLines) -> OrderLines:
    """Order lines with those under market maker protection added to the others."""
    if not orders.protected.any():
        return orders
    leg = np.zeros(len(orders), dtype=np.int8) if orders.leg is None else orders.leg
    start = _runs(orders.pool, orders.row, leg)
    names = ("buy", "sell", "buy_cost", "sell_cost", "buy_inverse", "sell_inverse")
    sums: dict[str, Any] = {name: kernels.segment_sum(start, getattr(orders, name)) for name in names}
    first = orders.take(start[:-1])
    leverage = None if orders.leverage is None else _lowest(orders.leverage, start[:-1])
    none = np.zeros(len(first), dtype=np.bool_)
    return replace(first, **sums, leverage=leverage, protected=none, single=None)


def order_by(lines: Lines | OrderLines, rank: Codes) -> Offsets:
    """Order of lines by (pool, rank, leg, protection), as another model wants them."""
    minor = LEGS * rank[lines.row] + (0 if lines.leg is None else lines.leg)
    if isinstance(lines, OrderLines):
        minor = 2 * minor + lines.protected
    return kernels.group(lines.pool, minor.astype(np.int32), int(lines.pool.max(initial=-1)) + 1)[1]


def line_keys(lines: Lines | OrderLines, rank: Codes) -> Offsets:
    """One number for each (pool, rank, leg), ascending like the lines."""
    leg = 0 if lines.leg is None else lines.leg
    return (lines.pool.astype(np.int64) * len(rank) + rank[lines.row]) * LEGS + leg


def pool_sums(pool: Codes, values: Array, n_pools: int) -> Array:
    """Sum of values by pool, in the order given."""
    codes, numbers = np.ascontiguousarray(pool, dtype=np.int32), np.ascontiguousarray(values, dtype=np.float64)
    return kernels.code_sums(codes, numbers, n_pools)


def _runs(*keys: NDArray[Any]) -> Offsets:
    """Offsets of the runs of equal keys."""
    n = len(keys[0])
    if n == 0:
        return np.zeros(1, dtype=np.int64)
    changes = np.zeros(n - 1, dtype=np.bool_)
    for key in keys:
        changes |= key[1:] != key[:-1]
    return np.concatenate(([0], np.flatnonzero(changes) + 1, [n])).astype(np.int64)
