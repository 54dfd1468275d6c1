"""Checks of the kernels' arguments, with one wording for the compiled kernels and for their plain Python twins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]


_MOST_LINES = 2**32

_DTYPES = {name: np.dtype(name) for name in ("?", "f8", "i4", "i8", "u1")}
"""Made once: a small kernel is called in less time than it takes to look them up."""


def dtypes(**arguments: tuple[Any, str, int]) -> None:
    """Kind, dimensions and contiguity of every array."""
    for name, (array, dtype, dimensions) in arguments.items():
        if not isinstance(array, np.ndarray):
            message = f"{name} is a {type(array).__name__}; expected an array"
            raise TypeError(message)
        if array.dtype != _DTYPES.get(dtype, dtype) or array.ndim != dimensions or not array.flags.c_contiguous:
            message = f"{name} is {array.ndim}-dimensional {array.dtype}; expected contiguous {dimensions}-d {dtype}"
            raise ValueError(message)


def check_count(name: str, count: int) -> None:
    """A number of things is not negative."""
    if count < 0:
        message = f"{name} is {count}; expected 0 or more"
        raise ValueError(message)


def check_block(block: int) -> None:
    """A block has at least one member."""
    if block < 1:
        message = f"block is {block}; expected 1 or more"
        raise ValueError(message)


def check_threads(threads: int) -> None:
    """Work is done on at least one thread."""
    if threads < 1:
        message = f"threads is {threads}; expected 1 or more"
        raise ValueError(message)


def check_line_count(count: int) -> None:
    """A line's place among the others is a number of 32 bits."""
    if count > _MOST_LINES:
        message = f"there are {count} lines; expected at most {_MOST_LINES}"
        raise ValueError(message)


def check_length(name: str, array: npt.NDArray[Any], expected: int) -> None:
    """An array has as many items as another."""
    if len(array) != expected:
        message = f"{name} has {len(array)} items; expected {expected}"
        raise ValueError(message)


def check_columns(columns: Sequence[Any], length: int) -> None:
    """Columns that can be moved: contiguous, of one length, with entries of 1, 4 or 8 bytes."""
    for position, column in enumerate(columns):
        dtypes(**{f"columns[{position}]": (column, column.dtype.str, 1)})
        check_length(f"columns[{position}]", column, length)
        if column.dtype.hasobject:
            message = f"columns[{position}] holds objects; expected numbers"
            raise ValueError(message)
        if column.itemsize not in {1, 4, 8}:
            message = f"columns[{position}] has entries of {column.itemsize} bytes; expected 1, 4 or 8"
            raise ValueError(message)


def check_start(name: str, start: Int64 | Int32, limit: int) -> None:
    """Offsets do not fall and stay inside."""
    if len(start) == 0:
        message = f"{name} has 0 items; expected at least 1"
        raise ValueError(message)
    lowest = 0
    for position, value in enumerate(start.tolist()):
        if not lowest <= value <= limit:
            message = f"{name}[{position}] is {value}; expected {lowest} <= {name}[{position}] <= {limit}"
            raise ValueError(message)
        lowest = value


def check_codes(name: str, codes: Int32, bound: int) -> None:
    """Codes stay below a bound."""
    for position, code in enumerate(codes.tolist()):
        if not 0 <= code < bound:
            message = f"{name}[{position}] is {code}; expected 0 <= {name}[{position}] < {bound}"
            raise ValueError(message)


def check_lines(start: Int64, row: Int32, quantity: Float, n_rows: int) -> None:
    """Lines of segments: quantities, offsets and rows."""
    check_length("quantity", quantity, len(row))
    check_start("start", start, len(row))
    check_codes("row", row, n_rows)


def check_scenarios(start: Int64, row: Int32, quantity: Float, table: Float, n_scenarios: int) -> None:
    """Lines and the table whose rows they add up."""
    dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), table=(table, "f8", 2))
    width = table.shape[1]
    if width % 8 or not 0 <= n_scenarios <= width:
        message = f"table has {width} columns for {n_scenarios} scenarios; expected a multiple of 8, at least as many"
        raise ValueError(message)
    check_lines(start, row, quantity, len(table))


def check_stress(
    start: Int64, unit: Int32, row: Int32, quantity: Float, table: Float, relief: Float, n_scenarios: int
) -> None:
    """Groups of lines, the table whose rows they add up, and what is added by unit."""
    dtypes(unit=(unit, "i4", 1), relief=(relief, "f8", 2))
    check_scenarios(start, row, quantity, table, n_scenarios)
    check_length("unit", unit, len(start) - 1)
    check_codes("unit", unit, len(relief))
    if relief.shape[1] != table.shape[1]:
        message = f"relief has {relief.shape[1]} columns; expected {table.shape[1]}, as many as table"
        raise ValueError(message)


def check_structure(coefficient: Float, pattern: Float, table: Float, relief: Float) -> None:
    """Coefficients by row, patterns by unit and scenario."""
    dtypes(coefficient=(coefficient, "f8", 1), pattern=(pattern, "f8", 2))
    check_length("coefficient", coefficient, len(table))
    check_length("pattern", pattern, len(relief))
    if pattern.shape[1] != table.shape[1]:
        message = f"pattern has {pattern.shape[1]} columns; expected {table.shape[1]}, as many as table"
        raise ValueError(message)


def check_signs(sign: Float) -> None:
    """Signs of options."""
    for position, value in enumerate(sign.tolist()):
        if value not in {1.0, -1.0}:
            message = f"sign[{position}] is {value!r}; expected 1.0 (call) or -1.0 (put)"
            raise ValueError(message)


def check_folds(
    unit_start: Int64,
    unit: Int32,
    leaf: Int32,
    base: Float,
    gain: Float,
    loss: Float,
    absolute: Float,
    weight: Float,
    table: Float,
    n_leaves: int,
) -> None:
    """Shapes of what is folded: offsets of groups into leaves, factors by leaf, weights by unit and scenario."""
    dtypes(
        unit_start=(unit_start, "i8", 1),
        unit=(unit, "i4", 1),
        leaf=(leaf, "i4", 1),
        base=(base, "f8", 1),
        gain=(gain, "f8", 1),
        loss=(loss, "f8", 1),
        absolute=(absolute, "f8", 1),
        weight=(weight, "f8", 2),
        table=(table, "f8", 2),
    )
    check_length("unit", unit, len(unit_start) - 1)
    check_length("leaf", leaf, n_leaves)
    check_length("base", base, len(table))
    check_length("loss", loss, len(gain))
    check_length("absolute", absolute, table.shape[1])
    if weight.shape[1] != table.shape[1]:
        message = f"weight has {weight.shape[1]} columns; expected {table.shape[1]}, as many as table"
        raise ValueError(message)


def tail_mass(weight: Float, level: float) -> tuple[float, float]:
    """Weight of the tail, and the most weight that still counts as inside it.

    Sums of weights are rounded, and so is 1 - level: ten times 0.001 must not fill a tail of 1 - 0.99 less than exactly, nor
    more. Masses that differ by less than 1e-9 of the tail count as equal.
    """
    dtypes(weight=(weight, "f8", 1))
    if not 0 < level < 1:
        message = f"level is {level!r}; expected 0 < level < 1"
        raise ValueError(message)
    total = 0.0
    for position, value in enumerate(weight.tolist()):
        if not 0 <= value < math.inf:
            message = f"weight[{position}] is {value!r}; expected a finite number, 0 or more"
            raise ValueError(message)
        total += value
    if not 0 < total < math.inf:
        message = f"the {len(weight)} weights add up to {total!r}; expected a finite number above 0"
        raise ValueError(message)
    mass = (1 - level) * total
    return mass, mass * (1 + 1e-9)
