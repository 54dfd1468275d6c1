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
    check_length,
    check_signs,
    check_start,
    dtypes,
)
from margin._reference_identifiers import Numbering, encode_bytes, encode_int64, lookup_bytes, lookup_int64, take_bytes
from margin._reference_lines import (
    arranged,
    bounds,
    cell_products,
    cell_sums,
    code_sums,
    group,
    leaf_sums,
    line_sums,
    net,
    occurring,
    peaks,
    products,
    profits,
    runs,
    segment_sum,
    split_sums,
    translated,
)
from margin._reference_scenarios import accumulate, fold, stress, stress_folded, stress_structured, tail
from margin._reference_what_if import stress_after

if TYPE_CHECKING:
    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]

__all__ = [
    "Numbering",
    "accumulate",
    "arranged",
    "black76",
    "black76_grid",
    "bounds",
    "cell_products",
    "cell_sums",
    "code_sums",
    "encode_bytes",
    "encode_int64",
    "fold",
    "group",
    "leaf_sums",
    "line_sums",
    "lookup_bytes",
    "lookup_int64",
    "net",
    "occurring",
    "peaks",
    "products",
    "profits",
    "runs",
    "segment_sum",
    "split_sums",
    "stress",
    "stress_after",
    "stress_folded",
    "stress_structured",
    "tail",
    "take_bytes",
    "tiers",
    "translated",
]

SMALLEST_DEVIATION: Final = 1e-16
"""Below this ``vol * sqrt(years)`` an option is worth its intrinsic value (the difference is under 1e-16 of the forward)."""


# Amounts in tiers


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
