"""The slow twin of every kernel in ``_core``: plain Python, written to be read and to judge the fast one.

Never optimised. Sums run in line order from 0.0, products are rounded before they are added, so that every kernel here
returns the same bits as the compiled one; Black-76 alone is compared with a tolerance (see `black76`). A nan that comes in
comes out: it is never lost in a comparison, so that it cannot turn into a zero margin.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate as accumulated
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from margin._kernel_checks import (
    _check_codes,
    _check_count,
    _check_length,
    _check_lines,
    _check_scenarios,
    _check_signs,
    _check_start,
    _dtypes,
    _tail_mass,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt8 = npt.NDArray[np.uint8]

SMALLEST_DEVIATION: Final = 1e-16
"""Below this ``vol * sqrt(years)`` an option is worth its intrinsic value (the difference is under 1e-16 of the forward)."""


# Identifiers to dense codes


def encode_bytes(data: UInt8, offsets: Int64) -> tuple[Int32, Int64]:
    """Number distinct byte strings in order of first occurrence; returns the codes and each code's first position."""
    _dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1))
    return _encode(_strings("offsets", data, offsets))


def encode_int64(values: Int64) -> tuple[Int32, Int64]:
    """Number distinct integers in order of first occurrence; returns the codes and each code's first position."""
    _dtypes(values=(values, "i8", 1))
    return _encode(values.tolist())


def lookup_bytes(vocabulary_data: UInt8, vocabulary_offsets: Int64, data: UInt8, offsets: Int64) -> Int32:
    """Position of each byte string in a vocabulary, the first if it is there twice, -1 if it is missing."""
    _dtypes(
        vocabulary_data=(vocabulary_data, "u1", 1),
        vocabulary_offsets=(vocabulary_offsets, "i8", 1),
        data=(data, "u1", 1),
        offsets=(offsets, "i8", 1),
    )
    vocabulary = _strings("vocabulary_offsets", vocabulary_data, vocabulary_offsets)
    return _lookup(vocabulary, _strings("offsets", data, offsets))


def lookup_int64(vocabulary: Int64, values: Int64) -> Int32:
    """Position of each integer in a vocabulary, the first if it is there twice, -1 if it is missing."""
    _dtypes(vocabulary=(vocabulary, "i8", 1), values=(values, "i8", 1))
    return _lookup(vocabulary.tolist(), values.tolist())


def _encode(keys: Sequence[Hashable]) -> tuple[Int32, Int64]:
    known: dict[Hashable, int] = {}
    first: list[int] = []
    codes = []
    for position, key in enumerate(keys):
        if key not in known:
            known[key] = len(first)
            first.append(position)
        codes.append(known[key])
    return np.array(codes, np.int32), np.array(first, np.int64)


def _lookup(vocabulary: Sequence[Hashable], keys: Sequence[Hashable]) -> Int32:
    known: dict[Hashable, int] = {}
    for position, key in enumerate(vocabulary):
        known.setdefault(key, position)
    return np.array([known.get(key, -1) for key in keys], np.int32)


def _strings(name: str, data: UInt8, offsets: Int64) -> list[bytes]:
    _check_start(name, offsets, len(data))
    text = data.tobytes()
    bounds = offsets.tolist()
    return [text[begin:end] for begin, end in pairwise(bounds)]


# Lines to groups


def group(major: Int32, minor: Int32 | None, n_major: int) -> tuple[Int64, Int64]:
    """Stable order of lines by (major, minor), and where each major begins in it."""
    _dtypes(major=(major, "i4", 1))
    _check_count("n_major", n_major)
    if minor is not None:
        _dtypes(minor=(minor, "i4", 1))
        _check_length("minor", minor, len(major))
    _check_codes("major", major, n_major)
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


def segment_sum(start: Int64, values: Float) -> Float:
    """Sum of each segment's values, left to right."""
    _dtypes(start=(start, "i8", 1), values=(values, "f8", 1))
    _check_start("start", start, len(values))
    numbers = values.tolist()
    sums = []
    for segment in _segments(start):
        total = 0.0
        for line in segment:
            total += numbers[line]
        sums.append(total)
    return np.array(sums, np.float64)


def line_sums(start: Int64, row: Int32, quantity: Float, coefficient: Float, side: int) -> Float:
    """Sum of quantity times the row's coefficient over each segment; side 1 longs only, -1 shorts only, 2 gross."""
    _dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    if side not in {-1, 0, 1, 2}:
        message = f"side is {side}; expected 0 (net), 1 (long), -1 (short) or 2 (gross)"
        raise ValueError(message)
    _check_lines(start, row, quantity, len(coefficient))
    rows, quantities, coefficients = row.tolist(), quantity.tolist(), coefficient.tolist()
    sums = []
    for segment in _segments(start):
        total = 0.0
        for line in segment:
            held = quantities[line]
            if (side == 1 and held <= 0) or (side == -1 and held >= 0):
                continue
            total += (abs(held) if side == 2 else held) * coefficients[rows[line]]
        sums.append(total)
    return np.array(sums, np.float64)


def tiers(
    amount: Float,
    table: Int32,
    table_start: Int64 | Int32,
    floor: Float,
    rate: Float,
    slope: Float,
    deduction: Float,
    closed: str,
) -> Float:
    """``amount * (rate + slope * amount) - deduction`` of the tier that each amount falls into.

    A table's tiers are ``table_start[t] .. table_start[t + 1]``, floors rising. The tier is the last with floor <= amount
    (closed "left") or floor < amount ("right"); the first if there is none.
    """
    _dtypes(
        amount=(amount, "f8", 1),
        table=(table, "i4", 1),
        table_start=(table_start, "i4", 1),
        floor=(floor, "f8", 1),
        rate=(rate, "f8", 1),
        slope=(slope, "f8", 1),
        deduction=(deduction, "f8", 1),
    )
    if closed not in {"left", "right"}:
        message = f"closed is {closed!r}; expected 'left' or 'right'"
        raise ValueError(message)
    _check_length("table", table, len(amount))
    for name, column in (("rate", rate), ("slope", slope), ("deduction", deduction)):
        _check_length(name, column, len(floor))
    _check_start("table_start", table_start, len(floor))
    bounds, floors = table_start.tolist(), floor.tolist()
    _check_codes("table", table, len(bounds) - 1)
    for begin, end in pairwise(bounds):
        for k in range(begin, end):
            if not (floors[k] == floors[k] if k == begin else floors[k - 1] < floors[k]):
                message = f"floor[{k}] is {floors[k]!r}; the floors of a table must rise"
                raise ValueError(message)
    for position, code in enumerate(table.tolist()):
        if bounds[code] == bounds[code + 1]:
            message = f"table[{position}] is {code}; that table has no tiers"
            raise ValueError(message)
    bisect = bisect_right if closed == "left" else bisect_left
    results = []
    for a, code in zip(amount.tolist(), table.tolist(), strict=True):
        begin, end = bounds[code], bounds[code + 1]
        k = max(begin, bisect(floors, a, begin, end) - 1)
        results.append(a * (float(rate[k]) + float(slope[k]) * a) - float(deduction[k]))
    return np.array(results, np.float64)


# Options


def black76(forward: Float, strike: Float, years: Float, vol: Float, sign: Float) -> tuple[Float, Float]:
    """Undiscounted Black-76 price and delta (by the forward) of each option; sign is 1 for a call, -1 for a put.

    Intrinsic value and step delta where nothing is left to happen: years, vol, forward or strike <= 0.
    The compiled kernel agrees to 2e-15 of max(forward, strike).
    """
    columns = {"forward": forward, "strike": strike, "years": years, "vol": vol, "sign": sign}
    for name, column in columns.items():
        _dtypes(**{name: (column, "f8", 1)})
        _check_length(name, column, len(forward))
    _check_signs(sign)
    results = [_black76(*option) for option in zip(*(column.tolist() for column in columns.values()), strict=True)]
    price, delta = zip(*results, strict=True) if results else ((), ())
    return np.array(price, np.float64), np.array(delta, np.float64)


def black76_grid(
    forward: Float, strike: Float, years: Float, sign: Float, vols: Float, unit: Int32, move: Float, vol_index: Int32
) -> Float:
    """Undiscounted Black-76 price of each option under each scenario.

    Under scenario s option i has the forward ``forward[i] * (1 + move[unit[i], s])`` and the vol ``vols[i, vol_index[s]]``.
    """
    n, n_scenarios = len(forward), len(vol_index)
    _dtypes(vols=(vols, "f8", 2), unit=(unit, "i4", 1), move=(move, "f8", 2), vol_index=(vol_index, "i4", 1))
    for name, column in (("forward", forward), ("strike", strike), ("years", years), ("sign", sign)):
        _dtypes(**{name: (column, "f8", 1)})
        _check_length(name, column, n)
    _check_length("vols", vols, n)
    _check_length("unit", unit, n)
    _check_signs(sign)
    _check_codes("unit", unit, len(move))
    _check_codes("vol_index", vol_index, vols.shape[1])
    if move.shape[1] != n_scenarios:
        message = f"move has {move.shape[1]} columns; expected {n_scenarios}, the length of vol_index"
        raise ValueError(message)
    price = np.zeros((n, n_scenarios))
    for i in range(n):
        for s in range(n_scenarios):
            shocked = float(forward[i]) * (1.0 + float(move[unit[i], s]))
            option = (shocked, float(strike[i]), float(years[i]), float(vols[i, vol_index[s]]), float(sign[i]))
            price[i, s] = _black76(*option)[0]
    return price


def _black76(forward: float, strike: float, years: float, vol: float, sign: float) -> tuple[float, float]:
    gain = sign * (forward - strike)
    deviation = 0.0 if years <= 0 or vol <= 0 else vol * math.sqrt(years)
    if math.isnan(gain) or math.isnan(deviation):
        return math.nan, math.nan
    if deviation < SMALLEST_DEVIATION or forward <= 0 or strike <= 0:
        return max(gain, 0.0), sign * (1.0 if gain > 0 else 0.5 if gain == 0 else 0.0)
    moneyness = math.log(forward / strike) / deviation
    d1, d2 = moneyness + deviation / 2, moneyness - deviation / 2
    price = sign * (forward * _normal(sign * d1) - strike * _normal(sign * d2))
    return max(price, gain, 0.0), sign * _normal(sign * d1)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


# Scenarios


def stress(
    start: Int64, unit: Int32, row: Int32, quantity: Float, table: Float, relief: Float, n_scenarios: int
) -> tuple[Float, Int32]:
    """Worst loss of each group over the scenarios (a loss is positive, never below 0), and the scenario that gives it.

    A group's P&L under scenario s is the sum of ``quantity * table[row, s]`` over its lines plus ``relief[unit, s]``.
    The scenario is the first with the lowest P&L, -1 for a group without lines.
    """
    _dtypes(unit=(unit, "i4", 1), relief=(relief, "f8", 2))
    _check_scenarios(start, row, quantity, table, n_scenarios)
    _check_length("unit", unit, len(start) - 1)
    _check_codes("unit", unit, len(relief))
    if relief.shape[1] != table.shape[1]:
        message = f"relief has {relief.shape[1]} columns; expected {table.shape[1]}, as many as table"
        raise ValueError(message)
    profit = accumulate(start, row, quantity, table, n_scenarios).tolist()
    worst, scenario = [], []
    for g, code in enumerate(unit.tolist()):
        lowest, where = math.inf, -1
        for s in range(n_scenarios):
            value = profit[g][s] + float(relief[code, s])
            if value < lowest or where < 0 or (math.isnan(value) and not math.isnan(lowest)):
                lowest, where = value, s
        worst.append(0.0 if lowest >= 0 else -lowest)
        scenario.append(where if start[g] < start[g + 1] else -1)
    return np.array(worst, np.float64), np.array(scenario, np.int32)


def accumulate(start: Int64, row: Int32, quantity: Float, table: Float, n_scenarios: int) -> Float:
    """P&L of each group under each scenario: the sum of ``quantity * table[row]`` over its lines."""
    _check_scenarios(start, row, quantity, table, n_scenarios)
    profit = []
    for segment in _segments(start):
        total = [0.0] * n_scenarios
        for line in segment:
            held = float(quantity[line])
            values = table[row[line]].tolist()
            total = [total[s] + held * values[s] for s in range(n_scenarios)]
        profit.append(total)
    return np.array(profit, np.float64).reshape(len(start) - 1, n_scenarios)


def tail(
    start: Int64, row: Int32, quantity: Float, table: Float, weight: Float, level: float
) -> tuple[Float, Float, Float, Int32, Int32]:
    """Value-at-risk, expected shortfall and worst loss of each group over weighted scenarios, and the first and last's scenario.

    Scenarios are ordered by loss (the worst first, of equals the first), those of weight zero left out; their weights are
    probabilities up to a common factor. With the tail ``1 - level`` of all weight:

    - value-at-risk is the smallest loss x with P(loss > x) <= 1 - level, so the loss of the first scenario with which the worst
      ones outweigh the tail. Of 1000 equal weights at 0.99 the 10 worst fill the tail and the 11th is the value-at-risk.
    - expected shortfall is the mean of the worst ``1 - level``, the boundary scenario counted in part (Acerbi and Tasche, On the
      coherence of expected shortfall, 2002), written as ``VaR + E[(loss - VaR)+] / (1 - level)`` (Rockafellar and Uryasev,
      2000), so that it is never below VaR, not even by a rounding.

    Losses are signed: negative for a group that gains throughout. A group without lines has losses 0 and scenarios -1. A
    scenario that is nan makes everything nan and is reported.
    """
    mass, limit = _tail_mass(weight, level)
    profit = accumulate(start, row, quantity, table, len(weight)).tolist()
    weights = weight.tolist()
    losses, scenarios = [], []
    for segment, values in zip(_segments(start), profit, strict=True):
        undefined = [s for s, value in enumerate(values) if math.isnan(value)]
        if not segment:
            losses.append((0.0, 0.0, 0.0))
            scenarios.append((-1, -1))
        elif undefined:
            losses.append((math.nan, math.nan, math.nan))
            scenarios.append((undefined[0], undefined[0]))
        else:
            order = sorted((s for s in range(len(values)) if weights[s] > 0), key=lambda s: (values[s], s))
            held = accumulated(weights[s] for s in order)
            last = next((k for k, mass_so_far in enumerate(held) if mass_so_far > limit), len(order) - 1)
            edge, excess = values[order[last]], 0.0
            for s in reversed(order[:last]):
                if values[s] < edge:
                    excess += weights[s] * (edge - values[s])
            losses.append((0.0 - edge, excess / mass - edge, 0.0 - values[order[0]]))
            scenarios.append((order[last], order[0]))
    var, shortfall, worst = np.array(losses, np.float64).reshape(-1, 3).T.copy()
    at, worst_at = np.array(scenarios, np.int32).reshape(-1, 2).T.copy()
    return var, shortfall, worst, at, worst_at


def _segments(start: Int64 | Int32) -> list[range]:
    bounds = start.tolist()
    return [range(begin, end) for begin, end in pairwise(bounds)]
