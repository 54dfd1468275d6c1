"""The nearest prices at which pools change their state: one solver for linear and inverse contracts, tiers and haircuts.

A *problem* is a pool and a factor x on one price (or on several together), 1 now. Everything that a standard model and a pool say
about it is a sum of terms ``worth * x**a * table(fixed + moving * x**b)`` with small whole powers, so between kinks (tier
bounds) the excess is ``x**lowest`` times a quadratic. The solver walks from x = 1 outwards, kink by kink, all problems at once,
and solves the quadratic of each piece; the way down is the way up in 1 / x.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from margin.rates import RateTables

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]
Offsets = NDArray[np.int64]

SPAN = 2
"""Most that powers of x within one problem may differ: what a quadratic can hold."""

NOISE = 16 * float(np.finfo(np.float64).eps)
"""A coefficient below this part of the amounts that it is the sum of is nothing: what is perfectly hedged does not move."""


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Parts of the excess that move: ``worth * x**worth_power * table(fixed + moving * x**power)``, each of shape (n_terms,).

    Attributes
    ----------
    problem : ndarray of int32
    fixed, moving : ndarray of float64
        Parts of the amount that the table is over, now.
    power : ndarray of int8
        -1, 0 or 1.
    worth : ndarray of float64
        Pool currency per unit of what the table gives, now; negative for what is required.
    worth_power : ndarray of int8
    table : ndarray of int32
    """

    problem: Codes
    fixed: Array
    moving: Array
    power: NDArray[np.int8]
    worth: Array
    worth_power: NDArray[np.int8]
    table: Codes

    def __len__(self) -> int:
        return len(self.problem)

    @classmethod
    def concatenated(cls, *parts: Terms) -> Terms:
        """Terms behind each other."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))


def powers(n: int, terms: Terms, tables: RateTables) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Lowest and highest power of x in each of n problems; the constant, power 0, is always among them."""
    scaled = np.logical_or.reduceat(tables.slope != 0, tables.start[:-1])[terms.table]
    power = _moved_power(terms)
    lowest, highest = np.zeros(n, dtype=np.int8), np.zeros(n, dtype=np.int8)
    for steps in (np.zeros_like(power), power, np.where(scaled, 2 * power, 0).astype(np.int8)):
        np.minimum.at(lowest, terms.problem, terms.worth_power + steps)
        np.maximum.at(highest, terms.problem, terms.worth_power + steps)
    return lowest, highest


def nearest_changes(excess: Array, liquidation: Flags, terms: Terms, tables: RateTables) -> tuple[Array, Array]:
    """Factors nearest to 1, below and above, at which each problem enters liquidation, or leaves it if it is there.

    A problem is in liquidation where its excess is not above zero. Where the excess jumps (tiers that apply to the whole amount)
    the state may change at the jump, and the factor is that of the tier's bound.

    Parameters
    ----------
    excess : ndarray of float64, shape (n_problems,)
        Collateral less maintenance margin now, everything included.
    liquidation : ndarray of bool, shape (n_problems,)
        State now.
    terms : Terms
        What of the excess moves; the rest is constant.
    tables : RateTables

    Returns
    -------
    below, above : ndarray of float64, shape (n_problems,)
        0 < below <= 1 <= above; nan where there is none.

    Raises
    ------
    ValueError
        If the powers of a problem differ by more than `SPAN`.

    Examples
    --------
    One linear contract long at 100, margined at 1 %, excess 9: every 1 % down costs 0.99.

    >>> from margin.rates import RateTable
    >>> flat = RateTables.of([RateTable.flat(1.0), RateTable.flat(0.01)])
    >>> one, none = np.array([1, 1], dtype=np.int8), np.array([0, 0], dtype=np.int8)
    >>> terms = Terms(np.array([0, 0]), np.zeros(2), np.array([100.0, 100.0]), one, np.array([1.0, -1.0]), none, np.array([0, 1]))
    >>> below, above = nearest_changes(np.array([9.0]), np.array([False]), terms, flat)
    >>> np.round(below, 6), above
    (array([0.909091]), array([nan]))
    """
    n = len(excess)
    lowest, highest = powers(n, terms, tables)
    wide = np.flatnonzero(highest - lowest > SPAN)
    if len(wide):
        raise ValueError(f"problem {wide[0]} has powers {lowest[wide[0]]} to {highest[wide[0]]}; a quadratic holds {SPAN + 1}")
    term, piece, passed = _pieces(terms, tables)
    now = np.bincount(term, weights=passed, minlength=len(terms)).astype(np.int64) - 1 + tables.start[terms.table]
    coefficient = _at_present(excess, _coefficients(np.arange(len(terms)), now, terms, tables, lowest), terms.problem, lowest)
    problem, factor, above, change = _kinks(term, piece, passed, terms, tables, lowest)
    sign = np.where(liquidation, -1.0, 1.0)
    coefficient *= sign[:, None]
    change *= sign[problem][:, None]
    up = _march(coefficient, problem[above], np.maximum(factor[above], 1.0), change[above])
    down = _march(coefficient[:, ::-1], problem[~above], np.maximum(1.0 / factor[~above], 1.0), change[~above, ::-1])
    return 1.0 / down, up


def _moved_power(terms: Terms) -> NDArray[np.int8]:
    return np.where(terms.moving == 0, np.int8(0), terms.power)


def _pieces(terms: Terms, tables: RateTables) -> tuple[Offsets, Offsets, Flags]:
    """Every tier of every term: term, place in the tables, and whether the amount is past the tier's lower bound now."""
    start = tables.start.astype(np.int64)
    count = np.diff(start)[terms.table]
    term = np.repeat(np.arange(len(terms)), count)
    inside = np.arange(len(term)) - np.repeat(np.cumsum(count) - count, count)
    piece = start[terms.table][term] + inside
    amount = (terms.fixed + terms.moving)[term]
    passed = tables.floor[piece] <= amount if tables.closed == "left" else tables.floor[piece] < amount
    return term, piece, passed | (inside == 0)


def _coefficients(term: Offsets, piece: Offsets, terms: Terms, tables: RateTables, lowest: NDArray[np.int8]) -> Array:
    """Coefficients of the powers ``lowest .. lowest + 2`` of terms inside given tiers, shape (n, 3)."""
    fixed, moving, worth = terms.fixed[term], terms.moving[term], terms.worth[term]
    rate, slope = tables.rate[piece], tables.slope[piece]
    place = (terms.worth_power[term] - lowest[terms.problem[term]]).astype(np.int64)
    step = _moved_power(terms)[term].astype(np.int64)
    out = np.zeros((len(term), SPAN + 1))
    every = np.arange(len(term))
    out[every, place] += worth * (fixed * (rate + slope * fixed) - tables.deduction[piece])
    out[every, place + step] += worth * moving * (rate + 2.0 * slope * fixed)
    scaled = np.flatnonzero(slope)
    out[scaled, (place + 2 * step)[scaled]] += (worth * slope * moving * moving)[scaled]
    return out


def _at_present(excess: Array, of_term: Array, problem: Codes, lowest: NDArray[np.int8]) -> Array:
    """Coefficients of each problem in the piece around 1, shape (n_problems, 3); the constant is what makes up the excess."""
    n = len(excess)
    total, size = (
        np.stack([np.bincount(problem, weights=c, minlength=n) for c in amounts.T], axis=1).astype(np.float64, copy=False)
        for amounts in (of_term, np.abs(of_term))
    )
    total[np.abs(total) <= NOISE * size] = 0.0
    every, constant = np.arange(n), -lowest.astype(np.int64)
    total[every, constant] = 0.0
    total[every, constant] = excess - total.sum(axis=1)
    return total


def _kinks(
    term: Offsets, piece: Offsets, passed: Flags, terms: Terms, tables: RateTables, lowest: NDArray[np.int8]
) -> tuple[Codes, Array, Flags, Array]:
    """Where terms change their tier: problem, factor, whether on the way up, change of the coefficients on the way out."""
    power = _moved_power(terms)
    k = np.flatnonzero((piece > tables.start[terms.table[term]]) & (power[term] != 0))
    term, piece, passed = term[k], piece[k], passed[k]
    ratio = (tables.floor[piece] - terms.fixed[term]) / terms.moving[term]
    k = np.flatnonzero(ratio > 0)  # the amount never gets to the other bounds
    term, piece, passed, ratio = term[k], piece[k], passed[k], ratio[k]
    grows = terms.moving[term] * power[term] > 0
    change = _coefficients(term, piece, terms, tables, lowest) - _coefficients(term, piece - 1, terms, tables, lowest)
    change[passed] *= -1.0
    # A bound just reached counts as passed, so that the tier below it begins at once on the other side.
    return terms.problem[term], np.where(power[term] > 0, ratio, 1.0 / ratio), passed != grows, change


def _march(coefficient: Array, problem: Codes, at: Array, change: Array) -> Array:
    """First x >= 1 at which each problem's quadratic, positive at first, turns negative; nan where it never does.

    Parameters
    ----------
    coefficient : ndarray of float64, shape (n, 3)
        Of 1, x, x**2 in the piece that begins at 1.
    problem, at, change : ndarrays, shapes (k,), (k,), (k, 3)
        Kinks at x >= 1 and what they add to the coefficients.
    """
    n = len(coefficient)
    order = np.lexsort((at, problem))
    at, change = at[order], change[order]
    stop = np.cumsum(np.bincount(problem, minlength=n))
    kink = stop - np.bincount(problem, minlength=n)
    coefficient, found = coefficient.copy(), np.full(n, np.nan)
    active, begin = np.arange(n), np.ones(n)
    first = True
    while len(active):
        ahead = kink[active] < stop[active]
        end = np.full(len(active), np.inf)
        end[ahead] = at[kink[active[ahead]]]
        found[active] = _turns(coefficient[active], begin[active], end, first=first)
        on = ahead & np.isnan(found[active])
        active = active[on]
        begin[active] = end[on]
        coefficient[active] += change[kink[active]]
        kink[active] += 1
        first = False
    return found


def _turns(coefficient: Array, begin: Array, end: Array, *, first: bool) -> Array:
    """Where in [begin, end) a quadratic turns negative: at once if it is negative there; nan where it does not.

    `first`: the state at `begin` is known to be as it was, so that a value that rounding made negative is zero.
    """
    c0, c1, c2 = coefficient.T
    value = c0 + begin * (c1 + begin * c2)
    if first:
        value = np.maximum(value, 0.0)
    slope = c1 + 2.0 * c2 * begin
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        square = slope * slope - 4.0 * c2 * value
        root = np.sqrt(np.maximum(square, 0.0))
        falls = (slope < 0) & (square >= 0)
        bends = (slope >= 0) & (c2 < 0)
        way = np.where(falls, 2.0 * value / (root - slope), np.where(bends, (slope + root) / (-2.0 * c2), np.nan))
        way = np.where(value < 0, 0.0, way)
        inside = way < end - begin
    return np.where(inside, begin + np.where(inside, way, 0.0), np.nan)
