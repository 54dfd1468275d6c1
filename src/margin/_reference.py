"""The slow twin of every kernel in ``_core``: plain Python, written to be read and to judge the fast one.

Never optimised. Sums run in line order from 0.0, products are rounded before they are added, so that every kernel here
returns the same bits as the compiled one; Black-76 alone is compared with a tolerance (see `black76`). A nan that comes in
comes out: it is never lost in a comparison, so that it cannot turn into a zero margin.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from margin._checks import (
    check_codes,
    check_count,
    check_length,
    check_lines,
    check_signs,
    check_start,
    dtypes,
)
from margin._reference_scenarios import accumulate, fold, segments, stress, stress_folded, stress_structured, tail

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]
    UInt8 = npt.NDArray[np.uint8]

__all__ = [
    "accumulate",
    "black76",
    "black76_grid",
    "encode_bytes",
    "encode_int64",
    "fold",
    "group",
    "line_sums",
    "lookup_bytes",
    "lookup_int64",
    "segment_sum",
    "stress",
    "stress_folded",
    "stress_structured",
    "tail",
    "tiers",
]

SMALLEST_DEVIATION: Final = 1e-16
"""Below this ``vol * sqrt(years)`` an option is worth its intrinsic value (the difference is under 1e-16 of the forward)."""


# Identifiers to dense codes


def encode_bytes(data: UInt8, offsets: Int64) -> tuple[Int32, Int64]:
    """Number distinct byte strings in order of first occurrence; returns the codes and each code's first position."""
    dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1))
    return _encode(_strings("offsets", data, offsets))


def encode_int64(values: Int64) -> tuple[Int32, Int64]:
    """Number distinct integers in order of first occurrence; returns the codes and each code's first position."""
    dtypes(values=(values, "i8", 1))
    return _encode(values.tolist())


def lookup_bytes(vocabulary_data: UInt8, vocabulary_offsets: Int64, data: UInt8, offsets: Int64) -> Int32:
    """Position of each byte string in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(
        vocabulary_data=(vocabulary_data, "u1", 1),
        vocabulary_offsets=(vocabulary_offsets, "i8", 1),
        data=(data, "u1", 1),
        offsets=(offsets, "i8", 1),
    )
    vocabulary = _strings("vocabulary_offsets", vocabulary_data, vocabulary_offsets)
    return _lookup(vocabulary, _strings("offsets", data, offsets))


def lookup_int64(vocabulary: Int64, values: Int64) -> Int32:
    """Position of each integer in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(vocabulary=(vocabulary, "i8", 1), values=(values, "i8", 1))
    return _lookup(vocabulary.tolist(), values.tolist())


def take_bytes(data: UInt8, offsets: Int64, at: Int64) -> tuple[UInt8, Int64]:
    """Bytes and offsets of the strings at some positions."""
    dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1), at=(at, "i8", 1))
    strings = _strings("offsets", data, offsets)
    for position, place in enumerate(at.tolist()):
        if not 0 <= place < len(strings):
            message = f"at[{position}] is {place}; expected 0 <= at[{position}] < {len(strings)}"
            raise ValueError(message)
    taken = [strings[place] for place in at.tolist()]
    ends = np.cumsum([0, *map(len, taken)]).astype(np.int64)
    return np.frombuffer(b"".join(taken), np.uint8).copy(), ends


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
    check_start(name, offsets, len(data))
    text = data.tobytes()
    bounds = offsets.tolist()
    return [text[begin:end] for begin, end in pairwise(bounds)]


# Lines to groups


def group(major: Int32, minor: Int32 | None, n_major: int) -> tuple[Int64, Int64]:
    """Stable order of lines by (major, minor), and where each major begins in it."""
    dtypes(major=(major, "i4", 1))
    check_count("n_major", n_major)
    if minor is not None:
        dtypes(minor=(minor, "i4", 1))
        check_length("minor", minor, len(major))
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


def segment_sum(start: Int64, values: Float) -> Float:
    """Sum of each segment's values, left to right."""
    dtypes(start=(start, "i8", 1), values=(values, "f8", 1))
    check_start("start", start, len(values))
    numbers = values.tolist()
    sums = []
    for segment in segments(start):
        total = 0.0
        for line in segment:
            total += numbers[line]
        sums.append(total)
    return np.array(sums, np.float64)


def line_sums(start: Int64, row: Int32, quantity: Float, coefficient: Float, side: int) -> Float:
    """Sum of quantity times the row's coefficient over each segment; side 1 longs only, -1 shorts only, 2 gross."""
    dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    if side not in {-1, 0, 1, 2}:
        message = f"side is {side}; expected 0 (net), 1 (long), -1 (short) or 2 (gross)"
        raise ValueError(message)
    check_lines(start, row, quantity, len(coefficient))
    rows, quantities, coefficients = row.tolist(), quantity.tolist(), coefficient.tolist()
    sums = []
    for segment in segments(start):
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
    dtypes(
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
    check_length("table", table, len(amount))
    for name, column in (("rate", rate), ("slope", slope), ("deduction", deduction)):
        check_length(name, column, len(floor))
    check_start("table_start", table_start, len(floor))
    bounds, floors = table_start.tolist(), floor.tolist()
    check_codes("table", table, len(bounds) - 1)
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
        dtypes(**{name: (column, "f8", 1)})
        check_length(name, column, len(forward))
    check_signs(sign)
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
    dtypes(vols=(vols, "f8", 2), unit=(unit, "i4", 1), move=(move, "f8", 2), vol_index=(vol_index, "i4", 1))
    for name, column in (("forward", forward), ("strike", strike), ("years", years), ("sign", sign)):
        dtypes(**{name: (column, "f8", 1)})
        check_length(name, column, n)
    check_length("vols", vols, n)
    check_length("unit", unit, n)
    check_signs(sign)
    check_codes("unit", unit, len(move))
    check_codes("vol_index", vol_index, vols.shape[1])
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
