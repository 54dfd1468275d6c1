# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: freethreading_compatible=True, autotestdict=False
"""The compiled kernels: arrays in, arrays out.

Design, from the outside in:

a) Public functions (`def`). Each checks dtypes and shapes, then the range of every index in a pass of its own, allocates its
   results, and releases the GIL for the loop. Nothing inside a loop is checked: an index that passed cannot leave its array,
   and a nan is carried through, never lost in a comparison.
b) Loops over accounts, groups and lines (`cdef ... noexcept nogil`), plain Cython, in line order. They hold the aggregation.
   What turns identifiers into dense codes stands in `_hash_table.pxi` and `_identifiers.pxi`, what sorts and nets lines in
   `_lines.pxi`, what adds them up in `_sums.pxi`, what one more line does to a stored sum in `_what_if.pxi`, which are part of
   this file.
c) Micro-kernels in C (`_native/`): the innermost vector loops, compiled once per instruction set. One table of function
   pointers is chosen when the module is imported.

Every function has a slow twin of the same name in `_reference`, which is its specification: same results, same errors.
Arrays that are read are marked # IN, arrays that are written # OUT. Memoryviews exist at the boundary only.
"""

import os

import numpy as np

from margin._aligned import aligned_table
from margin._checks import (
    check_block, check_columns, check_count, check_folds, check_length, check_line_count, check_structure, check_threads,
    dtypes, tail_mass,
)
from margin.threads import each

cimport cython
from libc.math cimport fabs
from libc.stdint cimport INT32_MAX, int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset


cdef extern from "kernels.h":
    ctypedef struct margin_kernels:
        const char *isa
        void (*black76)(
            int64_t n, const double *forward, const double *strike, const double *years, const double *vol,
            const double *sign, double *price, double *delta,
        ) noexcept nogil
        void (*black76_grid)(
            int64_t n, int64_t n_units, int64_t n_scenarios, int64_t n_vols, const double *forward,
            const double *strike, const double *years, const double *sign, const double *vols,
            const int32_t *unit, const double *move, const int32_t *vol_index, double *growth,
            double *log_growth, double *deviation, double *inverse, double *price,
        ) noexcept nogil
        void (*combine)(
            int64_t n_lines, const int32_t *row, const double *quantity, const double *table, int64_t width, double *total,
        ) noexcept nogil
        void (*fold)(
            int64_t n_scenarios, const double *value, double base, double gain, double loss, const double *absolute,
            double *total,
        ) noexcept nogil
        double (*lowest)(int64_t n_scenarios, const double *profit, const double *relief, int32_t *scenario) noexcept nogil
        void (*stress)(
            int64_t n_groups, const int64_t *start, const int32_t *unit, const int32_t *row, const double *quantity,
            const double *table, int64_t width, int64_t n_scenarios, const double *relief, double *total, double *worst,
            int32_t *scenario,
        ) noexcept nogil
        void (*stress_structured)(
            int64_t n_groups, const int64_t *start, const int32_t *unit, const int32_t *row, const double *quantity,
            const double *table, const double *coefficient, const double *pattern, const double *relief, int64_t width,
            int64_t n_scenarios, void *lists, int64_t *keep, int32_t *which, double *total, double *worst,
            int32_t *scenario,
        ) noexcept nogil
        void (*tail)(
            int64_t n_scenarios, const double *profit, const double *weight, double mass, double limit, double deviations,
            void *scratch, double *losses, int32_t *scenarios,
        ) noexcept nogil
        void (*sorted_places)(int64_t n, const int32_t *key, int32_t *place) noexcept nogil
        void (*moved)(
            int64_t n, const int32_t *code, double share, int64_t n_blocks, const int64_t *start, int64_t n_columns,
            const int64_t *size, const void *const *source, void *const *target, int64_t *head, void *lines,
        ) noexcept nogil

    enum:
        CHUNK "MARGIN_CHUNK"
        TOGETHER "MARGIN_TOGETHER"
        LINE "MARGIN_LINE"
        SHORTLIST_BYTES "MARGIN_SHORTLIST_BYTES"

    int margin_available(const margin_kernels **tables) noexcept nogil

    double where "margin_where"(bint condition, double value) noexcept nogil

    void prefetch "MARGIN_PREFETCH"(const void *address) noexcept nogil


# The instruction set

cdef const margin_kernels *_tables[4]
cdef int _n_tables = margin_available(_tables)
cdef const margin_kernels *_chosen = _tables[_n_tables - 1]


def isas():
    """Instruction sets that this machine can run, the widest last."""
    return tuple([_tables[i].isa.decode() for i in range(_n_tables)])


def isa():
    """The instruction set in use."""
    return _chosen.isa.decode()


def _force(wanted):
    global _chosen
    if wanted not in isas():
        raise ValueError(f"MARGIN_ISA is {wanted!r}; available: {', '.join(isas())}")
    _chosen = _tables[isas().index(wanted)]


if os.environ.get("MARGIN_ISA"):
    _force(os.environ["MARGIN_ISA"])


# Checks of indices: each finds the first position at fault, or -1

cdef int64_t _outside(const int32_t *codes, int64_t n, int64_t bound) noexcept nogil:
    cdef int64_t i
    cdef int32_t last = <int32_t>min(bound, <int64_t>INT32_MAX + 1) - 1, signs = 0
    for i in range(n):  # no early exit, so that it vectorises; the sign says that a code is negative, or beyond the last
        signs |= codes[i] | (last - codes[i])
    if signs < 0:
        for i in range(n):
            if codes[i] < 0 or codes[i] >= bound:
                return i
    return -1


ctypedef fused offset:
    int32_t
    int64_t


cdef int64_t _disordered(const offset *start, int64_t n, int64_t limit) noexcept nogil:
    cdef int64_t i, lowest = 0
    cdef offset signs = start[0]
    for i in range(1, n):  # as above; a negative one, or one below the one before it
        signs |= start[i] | (start[i] - start[i - 1])
    if signs < 0 or start[n - 1] > limit:
        for i in range(n):
            if start[i] < lowest or start[i] > limit:
                return i
            lowest = start[i]
    return -1


cdef _check_codes(str name, const int32_t[::1] codes, int64_t bound):
    cdef int64_t n = codes.shape[0], at
    if n == 0:
        return
    with nogil:
        at = _outside(&codes[0], n, bound)
    if at >= 0:
        raise ValueError(f"{name}[{at}] is {codes[at]}; expected 0 <= {name}[{at}] < {bound}")


cdef _check_start(str name, const offset[::1] start, int64_t limit):
    cdef int64_t n = start.shape[0], at
    if n == 0:
        raise ValueError(f"{name} has 0 items; expected at least 1")
    with nogil:
        at = _disordered(&start[0], n, limit)
    if at >= 0:
        lowest = 0 if at == 0 else start[at - 1]
        raise ValueError(f"{name}[{at}] is {start[at]}; expected {lowest} <= {name}[{at}] <= {limit}")


cdef _check_lines(start, row, quantity, int64_t n_rows):
    check_length("quantity", quantity, len(row))
    _check_start[int64_t]("start", start, len(row))
    _check_codes("row", row, n_rows)


cdef _check_scenarios(start, row, quantity, table, int64_t n_scenarios):
    dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), table=(table, "f8", 2))
    width = table.shape[1]
    if width % 8 or not 0 <= n_scenarios <= width:
        raise ValueError(
            f"table has {width} columns for {n_scenarios} scenarios; expected a multiple of 8, at least as many"
        )
    _check_lines(start, row, quantity, len(table))


cdef _check_stress(start, unit, row, quantity, table, relief, int64_t n_scenarios):
    dtypes(unit=(unit, "i4", 1), relief=(relief, "f8", 2))
    _check_scenarios(start, row, quantity, table, n_scenarios)
    check_length("unit", unit, len(start) - 1)
    _check_codes("unit", unit, len(relief))
    if relief.shape[1] != table.shape[1]:
        raise ValueError(f"relief has {relief.shape[1]} columns; expected {table.shape[1]}, as many as table")


cdef _check_signs(const double[::1] sign):
    cdef int64_t i
    for i in range(sign.shape[0]):
        if sign[i] != 1.0 and sign[i] != -1.0:
            raise ValueError(f"sign[{i}] is {sign[i]!r}; expected 1.0 (call) or -1.0 (put)")


include "_hash_table.pxi"
include "_identifiers.pxi"
include "_lines.pxi"
include "_sums.pxi"


def tiers(amount, table, table_start, floor, rate, slope, deduction, closed):  # IN x 7
    """``amount * (rate + slope * amount) - deduction`` of the tier that each amount falls into.

    A table's tiers are ``table_start[t] .. table_start[t + 1]``, floors rising. The tier is the last with floor <= amount
    (closed "left") or floor < amount ("right"); the first if there is none.
    """
    dtypes(
        amount=(amount, "f8", 1), table=(table, "i4", 1), table_start=(table_start, "i4", 1), floor=(floor, "f8", 1),
        rate=(rate, "f8", 1), slope=(slope, "f8", 1), deduction=(deduction, "f8", 1),
    )
    if closed not in {"left", "right"}:
        raise ValueError(f"closed is {closed!r}; expected 'left' or 'right'")
    check_length("table", table, len(amount))
    for name, column in (("rate", rate), ("slope", slope), ("deduction", deduction)):
        check_length(name, column, len(floor))
    bounds_array = table_start.astype(np.int64)
    _check_start[int64_t]("table_start", bounds_array, len(floor))
    _check_codes("table", table, len(bounds_array) - 1)
    cdef const int64_t[::1] bounds = bounds_array
    cdef const double[::1] amounts = amount, floors = floor, rates = rate, slopes = slope, deductions = deduction
    cdef const int32_t[::1] tables = table
    cdef int64_t n = amounts.shape[0], i, t, k, last
    cdef double a
    cdef bint left = closed == "left"
    for t in range(bounds.shape[0] - 1):
        for k in range(bounds[t], bounds[t + 1]):
            if not (floors[k] == floors[k] if k == bounds[t] else floors[k - 1] < floors[k]):
                raise ValueError(f"floor[{k}] is {floors[k]!r}; the floors of a table must rise")
    for i in range(n):
        if bounds[tables[i]] == bounds[tables[i] + 1]:
            raise ValueError(f"table[{i}] is {tables[i]}; that table has no tiers")
    results = np.empty(n, np.float64)
    cdef double[::1] out = results  # OUT
    with nogil:
        for i in range(n):
            a, k, last = amounts[i], bounds[tables[i]], bounds[tables[i] + 1] - 1
            while k < last and (floors[k + 1] <= a if left else floors[k + 1] < a):
                k += 1
            out[i] = a * (rates[k] + slopes[k] * a) - deductions[k]
    return results


# Options

def black76(forward, strike, years, vol, sign):  # IN x 5
    """Undiscounted Black-76 price and delta (by the forward) of each option; sign is 1 for a call, -1 for a put."""
    columns = {"forward": forward, "strike": strike, "years": years, "vol": vol, "sign": sign}
    for name, column in columns.items():
        dtypes(**{name: (column, "f8", 1)})
        check_length(name, column, len(forward))
    _check_signs(sign)
    cdef const double[::1] f = forward, k = strike, t = years, v = vol, w = sign
    cdef int64_t n = f.shape[0]
    prices, deltas = np.empty(n), np.empty(n)
    if n == 0:
        return prices, deltas
    cdef double[::1] price = prices, delta = deltas  # OUT, OUT
    with nogil:
        _chosen.black76(n, &f[0], &k[0], &t[0], &v[0], &w[0], &price[0], &delta[0])
    return prices, deltas


def black76_grid(forward, strike, years, sign, vols, unit, move, vol_index):  # IN x 8
    """Undiscounted Black-76 price of each option under each scenario.

    Under scenario s option i has the forward ``forward[i] * (1 + move[unit[i], s])`` and the vol ``vols[i, vol_index[s]]``.
    """
    dtypes(vols=(vols, "f8", 2), unit=(unit, "i4", 1), move=(move, "f8", 2), vol_index=(vol_index, "i4", 1))
    cdef int64_t n = len(forward), n_scenarios = len(vol_index), n_units = len(move), n_vols = vols.shape[1]
    for name, column in (("forward", forward), ("strike", strike), ("years", years), ("sign", sign)):
        dtypes(**{name: (column, "f8", 1)})
        check_length(name, column, n)
    check_length("vols", vols, n)
    check_length("unit", unit, n)
    _check_signs(sign)
    _check_codes("unit", unit, n_units)
    _check_codes("vol_index", vol_index, n_vols)
    if move.shape[1] != n_scenarios:
        raise ValueError(f"move has {move.shape[1]} columns; expected {n_scenarios}, the length of vol_index")
    prices = np.empty((n, n_scenarios))
    if n == 0 or n_scenarios == 0:
        return prices
    cdef const double[::1] f = forward, k = strike, t = years, w = sign
    cdef const double[:, ::1] v = vols, m = move
    cdef const int32_t[::1] u = unit, vi = vol_index
    scratch = np.empty(2 * n_units * n_scenarios), np.empty(2 * n_vols * TOGETHER)
    cdef double[::1] moves = scratch[0], widths = scratch[1]
    cdef double[:, ::1] price = prices  # OUT
    with nogil:
        _chosen.black76_grid(
            n, n_units, n_scenarios, n_vols, &f[0], &k[0], &t[0], &w[0], &v[0, 0], &u[0], &m[0, 0], &vi[0],
            &moves[0], &moves[n_units * n_scenarios], &widths[0], &widths[n_vols * TOGETHER], &price[0, 0],
        )
    return prices


# Scenarios

cdef inline void _combine(
    const int64_t *start, const int32_t *row, const double *quantity, const double *table, int64_t width, double *total
) noexcept nogil:
    """P&L under each scenario of the segment of lines from start[0] to start[1]."""
    _chosen.combine(start[1] - start[0], row + start[0], quantity + start[0], table, width, total)


def _padded(relief, n_scenarios):
    """A copy of the relief whose padding is infinite, so that no padding is ever the lowest."""
    copy = aligned_table(len(relief), relief.shape[1])
    copy[:, :n_scenarios] = relief[:, :n_scenarios]
    copy[:, n_scenarios:] = np.inf
    return copy


def stress(start, unit, row, quantity, table, relief, n_scenarios):  # IN x 6
    """Worst loss of each group over the scenarios (a loss is positive, never below 0), and the scenario that gives it.

    A group's P&L under scenario s is the sum of ``quantity * table[row, s]`` over its lines plus ``relief[unit, s]``.
    The scenario is the first with the lowest P&L, -1 for a group without lines.
    """
    _check_stress(start, unit, row, quantity, table, relief, n_scenarios)
    cdef int64_t n = len(start) - 1, width = table.shape[1], count = n_scenarios
    if n == 0 or count == 0:
        return np.zeros(n), np.full(n, -1, np.int32)
    worsts, scenarios = np.empty(n), np.empty(n, np.int32)
    if len(row) == 0:  # nothing is read through these; a group without lines still has its relief
        row, quantity, table = np.zeros(1, np.int32), np.zeros(1), np.zeros((1, width))
    cdef const int64_t[::1] bounds = start
    cdef const int32_t[::1] units = unit, rows = row
    cdef const double[::1] held = quantity
    cdef const double[:, ::1] pnl = table, relieved = _padded(relief, count)
    cdef double[::1] total = np.empty(width)
    cdef double[::1] worst = worsts  # OUT
    cdef int32_t[::1] scenario = scenarios  # OUT
    with nogil:
        _chosen.stress(
            n, &bounds[0], &units[0], &rows[0], &held[0], &pnl[0, 0], width, count, &relieved[0, 0], &total[0], &worst[0],
            &scenario[0],
        )
    return worsts, scenarios


def stress_structured(start, unit, row, quantity, table, coefficient, pattern, relief, n_scenarios):  # IN x 8
    """Worst loss and scenario of each group as in `stress`, where most rows are a coefficient times their unit's pattern.

    A row whose coefficient is not 0 has the P&L ``coefficient[row] * pattern[unit, s]``; its table is not read. A group's P&L
    is the sum of ``quantity * coefficient[row]`` over all its lines, times the pattern, plus ``quantity * table[row, s]`` of
    the lines whose coefficient is 0, plus ``relief[unit, s]``.
    """
    _check_stress(start, unit, row, quantity, table, relief, n_scenarios)
    check_structure(coefficient, pattern, table, relief)
    cdef int64_t n = len(start) - 1, n_lines = len(row), width = table.shape[1], count = n_scenarios, chunk, g, most = 0
    if n == 0 or count == 0:
        return np.zeros(n), np.full(n, -1, np.int32)
    worsts, scenarios = np.empty(n), np.empty(n, np.int32)
    if n_lines == 0:  # as in `stress`
        row, quantity, table, coefficient = np.zeros(1, np.int32), np.zeros(1), np.zeros((1, width)), np.zeros(1)
    cdef const int64_t[::1] bounds = start
    cdef const int32_t[::1] units = unit, rows = row
    cdef const double[::1] held = quantity, factor = coefficient
    cdef const double[:, ::1] pnl = table, shared = pattern, relieved = _padded(relief, count)
    for chunk in range((n + CHUNK - 1) // CHUNK):
        g = CHUNK * chunk
        most = max(most, bounds[min(g + CHUNK, n)] - bounds[g])
    cdef double[:, ::1] lists = aligned_table(len(relief), SHORTLIST_BYTES // sizeof(double))
    cdef int64_t[::1] keep = np.empty(most + 1, np.int64)
    cdef int32_t[::1] which = np.empty(most + 1, np.int32)
    cdef double[::1] total = np.empty(width)
    cdef double[::1] worst = worsts  # OUT
    cdef int32_t[::1] scenario = scenarios  # OUT
    with nogil:
        for chunk in range((n + CHUNK - 1) // CHUNK):
            g = CHUNK * chunk
            _chosen.stress_structured(
                min(CHUNK, n - g), &bounds[g], &units[g], &rows[0], &held[0], &pnl[0, 0], &factor[0], &shared[0, 0],
                &relieved[0, 0], width, count, &lists[0, 0], &keep[0], &which[0], &total[0], &worst[g], &scenario[g],
            )
    return worsts, scenarios


def accumulate(start, row, quantity, table, n_scenarios):  # IN x 4
    """P&L of each group under each scenario: the sum of ``quantity * table[row]`` over its lines."""
    _check_scenarios(start, row, quantity, table, n_scenarios)
    cdef int64_t n = len(start) - 1, width = table.shape[1], count = n_scenarios, g, s
    profits = np.zeros((n, count))
    if n == 0 or len(row) == 0 or count == 0:
        return profits
    cdef const int64_t[::1] bounds = start
    cdef const int32_t[::1] rows = row
    cdef const double[::1] held = quantity
    cdef const double[:, ::1] pnl = table
    total_array = np.empty(width)
    cdef double[::1] total = total_array
    cdef double[:, ::1] profit = profits  # OUT
    with nogil:
        for g in range(n):
            _combine(&bounds[g], &rows[0], &held[0], &pnl[0, 0], width, &total[0])
            for s in range(count):
                profit[g, s] = total[s]
    return profits


def stress_folded(
    unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios
):  # IN x 12
    """Worst loss of each group of leaves over the scenarios, and the scenario that gives it, as `stress` counts them.

    A leaf's value under scenario s is the sum of ``quantity * table[row, s]`` over its lines; its P&L is that value times
    ``gain[leaf]`` (``loss[leaf]`` if it is negative) less the sum of ``quantity * base[row]``, and minus the absolute value of
    that where ``absolute[s]`` is not 0. A group's P&L is the sum over its leaves times ``weight[unit, s]``.
    """
    return _folded(
        unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios, False
    )


def fold(unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios):  # IN x 12
    """P&L of each group of leaves under each scenario, as `stress_folded` counts it."""
    return _folded(
        unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios, True
    )


cdef _folded(
    unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, int64_t n_scenarios,
    bint whole,
):
    check_folds(unit_start, unit, leaf, base, gain, loss, absolute, weight, table, len(leaf_start) - 1)
    _check_scenarios(leaf_start, row, quantity, table, n_scenarios)
    _check_start[int64_t]("unit_start", unit_start, len(leaf))
    _check_codes("unit", unit, len(weight))
    _check_codes("leaf", leaf, len(gain))
    cdef int64_t n = len(unit), width = table.shape[1], count = n_scenarios
    profits = np.zeros((n if whole else 0, count))
    worsts, scenarios = np.zeros(n), np.full(n, -1, np.int32)
    if n and count and len(leaf):
        if len(row) == 0:  # nothing is read through these
            row, quantity, table, base = np.zeros(1, np.int32), np.zeros(1), np.zeros((1, width)), np.zeros(1)
        _fold_groups(
            unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, count, whole,
            profits, worsts, scenarios,
        )
    return profits if whole else (worsts, scenarios)


cdef _fold_groups(
    const int64_t[::1] groups, const int32_t[::1] units, const int64_t[::1] leaves, const int32_t[::1] codes,
    const int32_t[::1] rows, const double[::1] held, const double[:, ::1] values, const double[::1] bases,
    const double[::1] gains, const double[::1] losses, const double[::1] absolutes, const double[:, ::1] weights,
    int64_t count, bint whole, double[:, ::1] profit, double[::1] worst, int32_t[::1] scenario,  # OUT x 3
):
    cdef int64_t width = values.shape[1], g, e, line, s
    cdef double base, lowest
    scratch = np.zeros((2, width)), _padded(np.zeros((1, width)), count)
    cdef double[::1] value = scratch[0][0], total = scratch[0][1], nothing = scratch[1][0]
    with nogil:
        for g in range(units.shape[0]):
            for s in range(width):
                total[s] = 0.0
            for e in range(groups[g], groups[g + 1]):
                _combine(&leaves[e], &rows[0], &held[0], &values[0, 0], width, &value[0])
                base = 0.0
                for line in range(leaves[e], leaves[e + 1]):
                    base += held[line] * bases[rows[line]]
                _chosen.fold(width, &value[0], base, gains[codes[e]], losses[codes[e]], &absolutes[0], &total[0])
            for s in range(width):
                total[s] *= weights[units[g], s]
            if whole:
                for s in range(count):
                    profit[g, s] = total[s]
                continue
            lowest = _chosen.lowest(count, &total[0], &nothing[0], &scenario[g])
            worst[g] = 0.0 if lowest >= 0 else -lowest
            if leaves[groups[g]] == leaves[groups[g + 1]]:
                scenario[g] = -1


def tail(start, row, quantity, table, weight, level):  # IN x 5
    """Value-at-risk, expected shortfall and worst loss of each group over weighted scenarios, and the first and last's scenario.

    The definitions stand in the twin. Unlike in `stress`, losses are signed: a group that gains throughout has negative ones.
    """
    mass, limit = tail_mass(weight, level)
    _check_scenarios(start, row, quantity, table, len(weight))
    cdef int64_t n = len(start) - 1
    losses, scenarios = np.zeros((n, 3)), np.full((n, 2), -1, np.int32)
    if n and len(row):
        from statistics import NormalDist  # here, to keep the import light
        deviations = -NormalDist().inv_cdf(min(0.5, 1.5 * mass / np.sum(weight)))  # of somewhat more than the tail
        _tails(start, row, quantity, table, weight, mass, limit, deviations, losses, scenarios)
    return *np.ascontiguousarray(losses.T), *np.ascontiguousarray(scenarios.T)


cdef _tails(
    const int64_t[::1] start, const int32_t[::1] row, const double[::1] quantity, const double[:, ::1] table,
    const double[::1] weight, double mass, double limit, double deviations,
    double[:, ::1] losses, int32_t[:, ::1] scenarios,  # OUT, OUT
):
    cdef int64_t g, width = table.shape[1], n_scenarios = weight.shape[0]
    scratch = np.empty(width), np.empty(2 * n_scenarios)
    cdef double[::1] total = scratch[0], heap = scratch[1]
    with nogil:
        for g in range(start.shape[0] - 1):
            if start[g] == start[g + 1]:
                continue
            _combine(&start[g], &row[0], &quantity[0], &table[0, 0], width, &total[0])
            _chosen.tail(n_scenarios, &total[0], &weight[0], mass, limit, deviations, &heap[0], &losses[g, 0], &scenarios[g, 0])


include "_what_if.pxi"
