"""The slow twins of the kernels that sort lines and add them up (see `margin._reference`)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from margin._checks import (
    check_block,
    check_codes,
    check_columns,
    check_count,
    check_length,
    check_line_count,
    check_lines,
    check_start,
    check_threads,
    dtypes,
)
from margin._reference_scenarios import segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]


def group(major: Int32, minor: Int32 | None, n_major: int) -> tuple[Int64, Int64]:
    """Stable order of lines by (major, minor), and where each major begins in it."""
    dtypes(major=(major, "i4", 1))
    check_count("n_major", n_major)
    if minor is not None:
        dtypes(minor=(minor, "i4", 1))
        check_length("minor", minor, len(major))
    check_line_count(len(major))
    check_codes("major", major, n_major)
    lines: list[list[int]] = [[] for _ in range(n_major)]
    for line, owner in enumerate(major.tolist()):
        lines[owner].append(line)
    start = [0]
    order: list[int] = []
    minors = None if minor is None else minor.tolist()
    for segment in lines:
        if minors is not None:
            segment.sort(key=minors.__getitem__)
        order += segment
        start.append(len(order))
    return np.array(start, np.int64), np.array(order, np.int64)


def translated(code: Int32, number: Int32) -> Int32:
    """The number of each code."""
    dtypes(code=(code, "i4", 1), number=(number, "i4", 1))
    check_codes("code", code, len(number))
    return np.array([number[c] for c in code.tolist()], np.int32)


def arranged(
    code: Int32, n_codes: int, block: int, columns: Sequence[npt.NDArray[Any]], threads: int = 1
) -> tuple[Int64, tuple[npt.NDArray[Any], ...]]:
    """Columns (of 1, 4 or 8 bytes an entry) in the order of blocks of so many codes, within a block in the order given.

    Returns where each block begins and the last ends, and the columns. Quick where blocks are few enough that a line of each
    stays in the cache. So many threads take as many parts of the rows.
    """
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    check_block(block)
    check_threads(threads)
    check_columns(columns, len(code))
    check_codes("code", code, n_codes)
    start, order = group(code // np.int32(block), None, -(-n_codes // block))
    return start, tuple(column[order] for column in columns)


def bounds(code: Int32, n_codes: int) -> Int64 | None:
    """Where each code begins and the last ends, where codes do not fall; None where they do."""
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    codes = code.tolist()
    if codes != sorted(codes):
        return None
    check_codes("code", code, n_codes)
    return np.array([sum(c < bound for c in codes) for bound in range(n_codes + 1)], np.int64)


def occurring(code: Int32, n_codes: int) -> Flags:
    """Which codes there are, shape (n_codes,)."""
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    check_codes("code", code, n_codes)
    there = set(code.tolist())
    return np.array([c in there for c in range(n_codes)], np.bool_)


def net(
    pool: Int32, code: Int32, quantity: Float, rank: Int32, n_pools: int, traced: bool = False
) -> tuple[Int32, Int32, Float] | tuple[Int32, Int32, Float, Int64, Int64]:
    """Lines sorted by (pool, rank of their code), quantities of the same pool and code added up; ranks do not repeat.

    Returns pool, code and quantity of each line; if traced also the order of the given lines and where each line begins in it.
    """
    dtypes(pool=(pool, "i4", 1), code=(code, "i4", 1), quantity=(quantity, "f8", 1), rank=(rank, "i4", 1))
    check_count("n_pools", n_pools)
    check_length("code", code, len(pool))
    check_length("quantity", quantity, len(pool))
    check_line_count(len(pool))
    check_codes("pool", pool, n_pools)
    check_codes("code", code, len(rank))
    _, order = group(pool, np.array([rank[c] for c in code], np.int32), n_pools)
    keys: list[tuple[int, int]] = []
    totals, start = [], []
    for place, line in enumerate(order.tolist()):
        key = int(pool[line]), int(code[line])
        if not keys or keys[-1] != key:
            keys.append(key)
            totals.append(0.0)
            start.append(place)
        totals[-1] += float(quantity[line])
    lines = np.array([p for p, _ in keys], np.int32), np.array([c for _, c in keys], np.int32), np.array(totals, np.float64)
    return (*lines, order, np.array([*start, len(order)], np.int64)) if traced else lines


def runs(pool: Int32, row: Int32, code: Int32) -> tuple[Int64, Int32, Int32]:
    """Runs of consecutive lines of the same pool and the same code of their row.

    Returns where each run begins (and the last ends), its pool and its code.
    """
    dtypes(pool=(pool, "i4", 1), row=(row, "i4", 1), code=(code, "i4", 1))
    check_length("row", row, len(pool))
    check_codes("row", row, len(code))
    start: list[int] = []
    keys: list[tuple[int, int]] = []
    for line, (owner, r) in enumerate(zip(pool.tolist(), row.tolist(), strict=True)):
        key = owner, int(code[r])
        if not keys or keys[-1] != key:
            keys.append(key)
            start.append(line)
    pools, codes = (np.array([key[part] for key in keys], np.int32) for part in (0, 1))
    return np.array([*start, len(pool)], np.int64), pools, codes


def segment_sum(start: Int64, values: Float) -> Float:
    """Sum of each segment's values, left to right."""
    dtypes(start=(start, "i8", 1), values=(values, "f8", 1))
    check_start("start", start, len(values))
    numbers = values.tolist()
    return _sums([numbers[line] for line in segment] for segment in segments(start))


def line_sums(start: Int64, row: Int32, quantity: Float, coefficient: Float, side: int) -> Float:
    """Sum of quantity times the row's coefficient over each segment; side 1 longs only, -1 shorts only, 2 gross."""
    dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    _check_side(side)
    check_lines(start, row, quantity, len(coefficient))
    rows, quantities, coefficients = row.tolist(), quantity.tolist(), coefficient.tolist()

    def counted(line: int) -> float:
        held = quantities[line]
        if (side == 1 and held <= 0) or (side == -1 and held >= 0):
            return 0.0
        return float((abs(held) if side == 2 else held) * coefficients[rows[line]])

    return _sums(map(counted, segment) for segment in segments(start))


def split_sums(start: Int64, row: Int32, quantity: Float, coefficient: Float, column: Int32, n_columns: int) -> Float:
    """Sums of quantity times the row's coefficient over each segment, split by side and row, shape (n_columns, n_segments).

    A quantity that is not negative counts in column[row, 0], a negative one in column[row, 1].
    """
    dtypes(
        start=(start, "i8", 1),
        row=(row, "i4", 1),
        quantity=(quantity, "f8", 1),
        coefficient=(coefficient, "f8", 1),
        column=(column, "i4", 2),
    )
    check_count("n_columns", n_columns)
    check_length("column", column, len(coefficient))
    if column.shape[1] != 2:
        message = f"column has {column.shape[1]} sides; expected 2"
        raise ValueError(message)
    check_lines(start, row, quantity, len(coefficient))
    check_codes("column", column.reshape(-1), n_columns)
    sums = [[0.0] * (len(start) - 1) for _ in range(n_columns)]
    for g, segment in enumerate(segments(start)):
        for line in segment:
            r, held = int(row[line]), float(quantity[line])
            sums[column[r, 1 if held < 0 else 0]][g] += held * float(coefficient[r])
    return np.array(sums, np.float64).reshape(n_columns, len(start) - 1)


def leaf_sums(start: Int64, leaf_start: Int64, row: Int32, quantity: Float, coefficient: Float, side: int) -> Float:
    """Sum over each segment's leaves of the leaf's line sum: side 1 where it is above 0, -1 where below, 2 without its sign.

    Leaves are segments too; where a segment begins, a leaf does.
    """
    dtypes(
        start=(start, "i8", 1),
        leaf_start=(leaf_start, "i8", 1),
        row=(row, "i4", 1),
        quantity=(quantity, "f8", 1),
        coefficient=(coefficient, "f8", 1),
    )
    _check_side(side)
    check_start("start", start, len(row))
    check_lines(leaf_start, row, quantity, len(coefficient))
    leaves = [(begin, end) for begin, end in pairwise(leaf_start.tolist()) if begin < end]
    begins = {begin for begin, _ in leaves}
    for g, begin in enumerate(start[:-1].tolist()):
        if begin < start[-1] and begin not in begins:
            message = f"start[{g}] is {begin}; expected a line at which a leaf begins"
            raise ValueError(message)
    rows, quantities, coefficients = row.tolist(), quantity.tolist(), coefficient.tolist()

    def counted(begin: int, end: int) -> float:
        (total,) = _sums([[quantities[line] * coefficients[rows[line]] for line in range(begin, end)]])
        if (side == 1 and total <= 0) or (side == -1 and total >= 0):
            return 0.0
        return abs(float(total)) if side == 2 else float(total)

    return _sums([counted(*leaf) for leaf in leaves if begin <= leaf[0] < end] for begin, end in pairwise(start.tolist()))


def code_sums(code: Int32, values: Float, n_codes: int) -> Float:
    """Sum of the values of each code."""
    dtypes(code=(code, "i4", 1), values=(values, "f8", 1))
    check_count("n_codes", n_codes)
    check_length("values", values, len(code))
    check_codes("code", code, n_codes)
    sums = [0.0] * n_codes
    for c, value in zip(code.tolist(), values.tolist(), strict=True):
        sums[c] += value
    return np.array(sums, np.float64)


def peaks(code: Int32, values: Float, n_codes: int) -> Int64:
    """Where the largest value of each code stands, of equals the first, a nan before all; -1 where a code has none."""
    dtypes(code=(code, "i4", 1), values=(values, "f8", 1))
    check_count("n_codes", n_codes)
    check_length("values", values, len(code))
    check_codes("code", code, n_codes)
    found = [-1] * n_codes
    height = [math.inf if math.isnan(v) else v for v in values.tolist()]
    for at, c in enumerate(code.tolist()):
        best = found[c]
        if best < 0 or height[at] > height[best] or (math.isnan(values[at]) and not math.isnan(values[best])):
            found[c] = at
    return np.array(found, np.int64)


def cell_sums(
    code: Int32, row: Int32, column: Int32, values: Sequence[Float], n_codes: int, n_columns: int
) -> tuple[Float, ...]:
    """Sums of several values of each code by the column of their row, each (n_codes, n_columns), column after column."""
    dtypes(code=(code, "i4", 1), row=(row, "i4", 1), column=(column, "i4", 1))
    check_count("n_codes", n_codes)
    check_count("n_columns", n_columns)
    check_length("row", row, len(code))
    for v, array in enumerate(values):
        dtypes(**{f"values[{v}]": (array, "f8", 1)})
        check_length(f"values[{v}]", array, len(code))
    check_codes("code", code, n_codes)
    check_codes("row", row, len(column))
    sums = [[[0.0] * n_codes for _ in range(n_columns)] for _ in values]
    for line, (c, r) in enumerate(zip(code.tolist(), row.tolist(), strict=True)):
        if not 0 <= column[r] < n_columns:
            message = f"column[{r}] is {column[r]}; expected 0 <= column[{r}] < {n_columns}"
            raise ValueError(message)
        for v, array in enumerate(values):
            sums[v][column[r]][c] += float(array[line])
    return tuple(np.array(total, np.float64).reshape(n_columns, n_codes).T for total in sums)


def cell_products(
    code: Int32, row: Int32, column: Int32, quantity: Float, coefficient: Float, n_codes: int, n_columns: int
) -> Float:
    """Sums of quantity times the row's coefficient, of each code by the column of the row: as `cell_sums` of `products`."""
    dtypes(
        code=(code, "i4", 1),
        row=(row, "i4", 1),
        column=(column, "i4", 1),
        quantity=(quantity, "f8", 1),
        coefficient=(coefficient, "f8", 1),
    )
    check_count("n_codes", n_codes)
    check_count("n_columns", n_columns)
    check_length("row", row, len(code))
    check_length("quantity", quantity, len(code))
    check_length("coefficient", coefficient, len(column))
    check_codes("code", code, n_codes)
    return cell_sums(code, row, column, (products(row, quantity, coefficient),), n_codes, n_columns)[0]


def products(row: Int32, quantity: Float, coefficient: Float) -> Float:
    """Quantity times the row's coefficient of each line."""
    dtypes(row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    check_length("quantity", quantity, len(row))
    check_codes("row", row, len(coefficient))
    return np.array([held * float(coefficient[r]) for held, r in zip(quantity.tolist(), row, strict=True)], np.float64)


def profits(row: Int32, quantity: Float, entry: Float, size: Float, price: Float, reciprocal: Float, inverse: Flags) -> Float:
    """P&L of each line since its entry price: ``size * quantity`` times the change of the price.

    Of an inverse row times the change of one over the price, with the opposite sign: ``1 / entry - reciprocal``.
    """
    dtypes(
        row=(row, "i4", 1),
        quantity=(quantity, "f8", 1),
        entry=(entry, "f8", 1),
        size=(size, "f8", 1),
        price=(price, "f8", 1),
        reciprocal=(reciprocal, "f8", 1),
        inverse=(inverse, "?", 1),
    )
    check_length("quantity", quantity, len(row))
    check_length("entry", entry, len(row))
    for name, column in (("price", price), ("reciprocal", reciprocal), ("inverse", inverse)):
        check_length(name, column, len(size))
    check_codes("row", row, len(size))
    results = []
    for line, r in enumerate(row.tolist()):
        bought = float(entry[line])
        one_over = math.copysign(math.inf, bought) if bought == 0 else 1.0 / bought
        change = one_over - float(reciprocal[r]) if inverse[r] else float(price[r]) - bought
        results.append(float(size[r]) * float(quantity[line]) * change)
    return np.array(results, np.float64)


def _check_side(side: int) -> None:
    if side not in {-1, 0, 1, 2}:
        message = f"side is {side}; expected 0 (net), 1 (long), -1 (short) or 2 (gross)"
        raise ValueError(message)


def _sums(segments_of_numbers: Iterable[Iterable[float]]) -> Float:
    """Sum of each segment, left to right from 0.0."""
    sums = []
    for numbers in segments_of_numbers:
        total = 0.0
        for number in numbers:
            total += number
        sums.append(total)
    return np.array(sums, np.float64)
