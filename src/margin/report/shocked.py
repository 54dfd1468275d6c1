"""Books margined anew after shocks: over price and volatility, along volatility, and a whole exchange."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, usd_per_unit
from margin.analysis.shocks import Shock
from margin.assessment import Assessment
from margin.book import Book
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

SHOCKS = (
    (0.0, 0.0), (-0.1, 0.0), (-0.2, 0.0), (-0.3, 0.0), (-0.3, 0.5), (0.1, 0.0), (0.2, 0.0), (0.3, 0.0), (0.3, 0.5), (0.0, 0.5),
    (0.0, -0.25),
)  # fmt: skip
"""The stress table: move of all coins, relative change of all volatilities."""

PRICES = tuple(round(0.05 * k, 2) for k in range(-8, 9))
VOLS = (-0.4, -0.2, 0.0, 0.2, 0.4, 0.7, 1.0)
"""The grid on which an account is margined anew: moves of all coins, relative changes of all volatilities."""

CURVE = tuple(round(0.05 * k, 2) for k in range(-12, 31))
"""Relative changes of all volatilities along the curve."""

STEP, HALVINGS = 0.01, 24
"""A change of the requirement by more than this part over next to no change of vol is a step; how often an interval is halved."""


@dataclass(frozen=True, slots=True, eq=False)
class VolCurve:
    """Requirement against volatility, prices fixed, USD.

    Attributes
    ----------
    change : tuple of float
        Relative changes of all volatilities.
    initial, maintenance : ndarray of float64
    scenario : tuple of str
        The worst scenario of the largest pool at each point.
    steps : tuple of (float, float, float)
        Where the initial margin jumps: the change of vol, and the margin before and after it.
    """

    change: tuple[float, ...]
    initial: Array
    maintenance: Array
    scenario: tuple[str, ...]
    steps: tuple[tuple[float, float, float], ...]

    @property
    def flat(self) -> bool:
        """Whether the initial margin does not depend on volatility."""
        return bool(np.ptp(self.initial) <= 1e-9 * np.abs(self.initial).max())

    @property
    def switches(self) -> tuple[tuple[float, str, str], ...]:
        """Where another scenario becomes the worst: the change of vol, the scenario before and after it."""
        pairs = zip(self.change[1:], pairwise(self.scenario), strict=True)
        return tuple((at, before, after) for at, (before, after) in pairs if before != after)


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """What is left before liquidation (the pool with least of it) over price and volatility, USD; shape (vols, prices)."""

    prices: tuple[float, ...]
    vols: tuple[float, ...]
    excess: Array
    maintenance: Array


@dataclass(frozen=True, slots=True)
class Stressed:
    """The whole book after a shock, USD.

    Attributes
    ----------
    shock : str
        In words.
    equity, initial, maintenance, shortfall : float
    restricted, liquidated : int
        Accounts short of their initial margin but not in liquidation, and accounts in liquidation.
    """

    shock: str
    equity: float
    initial: float
    maintenance: float
    shortfall: float
    restricted: int
    liquidated: int


def stress_table(regime: Regime, market: Market, book: Book, *, threads: int = 0) -> tuple[Stressed, ...]:
    """Margin the whole book after each of `SHOCKS`.

    Parameters
    ----------
    regime, market, book
    threads : int
        As for `Regime.assess`.
    """
    rows = []
    for price, vol in SHOCKS:
        shocked, rules = Shock(price=price, vol=vol).apply(market, regime)
        f = Figures.of(rules.assess(book, shocked, threads=threads))
        rows.append(
            Stressed(
                shock=_in_words(price, vol),
                equity=float(f.equity.sum()),
                initial=float(f.initial_margin.sum()),
                maintenance=float(f.maintenance_margin.sum()),
                shortfall=float(f.shortfall.sum()),
                restricted=int((f.short & ~f.liquidated).sum()),
                liquidated=int(f.liquidated.sum()),
            )
        )
    return tuple(rows)


def _in_words(price: float, vol: float) -> str:
    moves = [f"{name} {100 * move:+.0f} %" for name, move in (("price", price), ("vol", vol)) if move]
    return ", ".join(moves) or "as it is"


def surfaces(regime: Regime, book: Book, market: Market) -> tuple[Surface, ...]:
    """Of each account of a book; every point of the grid margins all of them at once."""
    excess, maintenance = np.empty((2, len(book.accounts), len(VOLS), len(PRICES)))
    for row, vol in enumerate(VOLS):
        for column, price in enumerate(PRICES):
            shocked, rules = Shock(price=price, vol=vol).apply(market, regime)
            figures = Figures.of(rules.assess(book, shocked))
            excess[:, row, column], maintenance[:, row, column] = figures.excess, figures.maintenance_margin
    return tuple(Surface(PRICES, VOLS, *grids) for grids in zip(excess, maintenance, strict=True))


def curves(regime: Regime, book: Book, market: Market) -> tuple[VolCurve, ...]:
    """Of each account of a book."""

    def at(change: float, accounts: Book = book) -> Assessment:
        shocked, rules = Shock(vol=change).apply(market, regime)
        return rules.assess(accounts, shocked)

    points = [at(change) for change in CURVE]
    figures = [Figures.of(point) for point in points]
    initial, maintenance = (np.array([getattr(f, name) for f in figures]).T for name in ("initial_margin", "maintenance_margin"))
    words = list(zip(*map(_worst_scenarios, points), strict=True))
    found = []
    for i in range(len(book.accounts)):
        own = book.select([i], codes=True)
        steps = _steps(partial(_initial, at, own), initial[i])
        found.append(VolCurve(CURVE, initial[i], maintenance[i], words[i], steps))
    return tuple(found)


def _initial(at: Callable[[float, Book], Assessment], book: Book, change: float) -> float:
    return float(Figures.of(at(change, book)).initial_margin[0])


def _worst_scenarios(assessment: Assessment) -> list[str]:
    """The worst scenario of each account's largest pool, in words; empty where there is none."""
    columns, account = assessment.columns(), assessment.results.account
    size = assessment.initial_margin * usd_per_unit(assessment)
    words = [""] * len(assessment.book.accounts)
    for row in np.argsort(size, kind="stable"):  # the largest last, so it stays
        unit, scenario = columns["worst_unit"][int(row)], columns["worst_scenario"][int(row)]
        words[account[row]] = f"{unit}: {scenario}" if scenario else ""
    return words


def _steps(at: Callable[[float], float], values: Array) -> tuple[tuple[float, float, float], ...]:
    """Where a function that is known at the points of `CURVE` jumps."""
    steps = []
    for (low, high), (before, after) in zip(pairwise(CURVE), pairwise(values), strict=True):
        if abs(after - before) > STEP * max(abs(before), abs(after)):
            found = _step(at, low, high, float(before), float(after))
            steps += [] if found is None else [found]
    return tuple(steps)


def _step(
    at: Callable[[float], float], low: float, high: float, before: float, after: float
) -> tuple[float, float, float] | None:
    """Halve an interval towards the larger change; what is left of it in the end is a jump."""
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        value = at(middle)
        if abs(value - before) >= abs(after - value):
            high, after = middle, value
        else:
            low, before = middle, value
        if abs(after - before) <= STEP * max(abs(before), abs(after)):
            return None
    return high, before, after
