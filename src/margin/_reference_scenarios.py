"""The slow twins of the kernels that sum scenarios (see `margin._reference`)."""

from __future__ import annotations

import math
from itertools import accumulate as accumulated
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from margin._checks import (
    check_codes,
    check_folds,
    check_scenarios,
    check_start,
    check_stress,
    check_structure,
    tail_mass,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Float = npt.NDArray[np.float64]
    Int32 = npt.NDArray[np.int32]
    Int64 = npt.NDArray[np.int64]


def stress(
    start: Int64, unit: Int32, row: Int32, quantity: Float, table: Float, relief: Float, n_scenarios: int
) -> tuple[Float, Int32]:
    """Worst loss of each group over the scenarios (a loss is positive, never below 0), and the scenario that gives it.

    A group's P&L under scenario s is the sum of ``quantity * table[row, s]`` over its lines plus ``relief[unit, s]``.
    The scenario is the first with the lowest P&L, -1 for a group without lines.
    """
    check_stress(start, unit, row, quantity, table, relief, n_scenarios)
    profit = accumulate(start, row, quantity, table, n_scenarios).tolist()
    return _relieved(start, unit, profit, relief, n_scenarios)


def stress_structured(
    start: Int64,
    unit: Int32,
    row: Int32,
    quantity: Float,
    table: Float,
    coefficient: Float,
    pattern: Float,
    relief: Float,
    n_scenarios: int,
) -> tuple[Float, Int32]:
    """Worst loss and scenario of each group as in `stress`, where most rows are a coefficient times their unit's pattern.

    A row whose coefficient is not 0 has the P&L ``coefficient[row] * pattern[unit, s]``; its table is not read. A group's P&L
    is the sum of ``quantity * coefficient[row]`` over all its lines, times the pattern, plus ``quantity * table[row, s]`` of
    the lines whose coefficient is 0, plus ``relief[unit, s]``.
    """
    check_stress(start, unit, row, quantity, table, relief, n_scenarios)
    check_structure(coefficient, pattern, table, relief)
    profit = []
    for g, segment in enumerate(segments(start)):
        factor = sum((float(quantity[line]) * float(coefficient[row[line]]) for line in segment), 0.0)
        total = [factor * move for move in pattern[unit[g], :n_scenarios].tolist()]
        for line in segment:
            if coefficient[row[line]] == 0:
                held = float(quantity[line])
                total = [amount + held * value for amount, value in zip(total, table[row[line]].tolist(), strict=False)]
        profit.append(total)
    return _relieved(start, unit, profit, relief, n_scenarios)


def _relieved(
    start: Int64, unit: Int32, profit: Sequence[Sequence[float]], relief: Float, n_scenarios: int
) -> tuple[Float, Int32]:
    """Worst loss of each group and its scenario, relief added to its P&L."""
    worst, scenario = [], []
    for g, code in enumerate(unit.tolist()):
        amount, where = _worst([profit[g][s] + float(relief[code, s]) for s in range(n_scenarios)])
        worst.append(amount)
        scenario.append(where if start[g] < start[g + 1] else -1)
    return np.array(worst, np.float64), np.array(scenario, np.int32)


def accumulate(start: Int64, row: Int32, quantity: Float, table: Float, n_scenarios: int) -> Float:
    """P&L of each group under each scenario: the sum of ``quantity * table[row]`` over its lines."""
    check_scenarios(start, row, quantity, table, n_scenarios)
    profit = []
    for segment in segments(start):
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
    mass, limit = tail_mass(weight, level)
    profit = accumulate(start, row, quantity, table, len(weight)).tolist()
    weights = weight.tolist()
    losses, scenarios = [], []
    for segment, values in zip(segments(start), profit, strict=True):
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


def stress_folded(
    unit_start: Int64,
    unit: Int32,
    leaf_start: Int64,
    leaf: Int32,
    row: Int32,
    quantity: Float,
    table: Float,
    base: Float,
    gain: Float,
    loss: Float,
    absolute: Float,
    weight: Float,
    n_scenarios: int,
) -> tuple[Float, Int32]:
    """Worst loss of each group of leaves over the scenarios, and the scenario that gives it, as `stress` counts them.

    A leaf's value under scenario s is the sum of ``quantity * table[row, s]`` over its lines; its P&L is that value times
    ``gain[leaf]`` (``loss[leaf]`` if it is negative) less the sum of ``quantity * base[row]``, and minus the absolute value of
    that where ``absolute[s]`` is not 0. A group's P&L is the sum over its leaves times ``weight[unit, s]``.
    """
    profit = fold(
        unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios
    ).tolist()
    worst, scenario = [], []
    for g in range(len(unit)):
        amount, where = _worst(profit[g])
        worst.append(amount)
        scenario.append(where if leaf_start[unit_start[g]] < leaf_start[unit_start[g + 1]] else -1)
    return np.array(worst, np.float64), np.array(scenario, np.int32)


def fold(
    unit_start: Int64,
    unit: Int32,
    leaf_start: Int64,
    leaf: Int32,
    row: Int32,
    quantity: Float,
    table: Float,
    base: Float,
    gain: Float,
    loss: Float,
    absolute: Float,
    weight: Float,
    n_scenarios: int,
) -> Float:
    """P&L of each group of leaves under each scenario, as `stress_folded` counts it."""
    check_folds(unit_start, unit, leaf, base, gain, loss, absolute, weight, table, len(leaf_start) - 1)
    check_scenarios(leaf_start, row, quantity, table, n_scenarios)
    check_start("unit_start", unit_start, len(leaf))
    check_codes("unit", unit, len(weight))
    check_codes("leaf", leaf, len(gain))
    value = accumulate(leaf_start, row, quantity, table, n_scenarios)
    cost = [sum((float(quantity[line]) * float(base[row[line]]) for line in lines), 0.0) for lines in segments(leaf_start)]
    profits = np.zeros((len(unit), n_scenarios))
    for g, leaves in enumerate(segments(unit_start)):
        for s in range(n_scenarios):
            total = 0.0
            for e in leaves:
                factor = float(gain[leaf[e]] if value[e, s] >= 0 else loss[leaf[e]])
                profit = float(value[e, s]) * factor - cost[e]
                total += -abs(profit) if absolute[s] != 0 else profit
            profits[g, s] = total * float(weight[unit[g], s])
    return profits


def _worst(profits: Sequence[float]) -> tuple[float, int]:
    """The largest loss, never below 0, and the first scenario that gives it; nan if there is one."""
    lowest, where = math.inf, -1
    for s, value in enumerate(profits):
        if value < lowest or where < 0 or (math.isnan(value) and not math.isnan(lowest)):
            lowest, where = value, s
    return (0.0 if lowest >= 0 else -lowest), where


def segments(start: Int64 | Int32) -> list[range]:
    """The items of each segment."""
    bounds = start.tolist()
    return [range(begin, end) for begin, end in pairwise(bounds)]
