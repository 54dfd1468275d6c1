"""Procyclicality: how hard the requirement of an unchanged book tightens along a path of markets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.errors import DataError
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Procyclicality(Tabular):
    """Initial margin of n accounts along T markets under r regimes, USD.

    Attributes
    ----------
    regimes : tuple of str, length r
    accounts : Ids, length n
    times : ndarray of datetime64[ms], shape (T,)
    initial_margin : ndarray of float64, shape (r, T, n)
    days : tuple of float
        Spans over which rises are measured.
    """

    regimes: tuple[str, ...]
    accounts: Ids
    times: NDArray[np.datetime64]
    initial_margin: Array
    days: tuple[float, ...]

    @property
    def totals(self) -> Array:
        """Sum over accounts, shape (r, T)."""
        return np.asarray(self.initial_margin.sum(axis=2))

    @property
    def title(self) -> str:
        """How long a path."""
        first, last = (np.datetime_as_string(time, unit="m") for time in (self.times[0], self.times[-1]))
        return f"Procyclicality over {len(self.times)} markets, {first} .. {last}, {len(self.accounts)} accounts"

    def columns(self) -> dict[str, Any]:
        """One row for each regime, of the book as a whole."""
        totals = self.totals
        rises = {f"rise_{span:g}_days": largest_rise(totals, self.times, span) for span in self.days}
        return {
            "regime": list(self.regimes),
            "least": totals.min(axis=1),
            "largest": totals.max(axis=1),
            "peak_to_trough": peak_to_trough(totals),
            **rises,
        }

    def account_columns(self) -> dict[str, Any]:
        """One row for each regime and account."""
        series = np.moveaxis(self.initial_margin, 1, 2)  # (r, n, T)
        r, n = series.shape[:2]
        rises = {f"rise_{span:g}_days": largest_rise(series, self.times, span).reshape(-1) for span in self.days}
        return {
            "regime": [name for name in self.regimes for _ in range(n)],
            "account": self.accounts.take(np.tile(np.arange(n), r)),
            "peak_to_trough": peak_to_trough(series).reshape(-1),
            **rises,
        }


def procyclicality(
    regimes: Sequence[Regime],
    book: Book,
    markets: Sequence[Market],
    *,
    days: Sequence[float] = (1.0, 5.0),
    threads: int = 1,
    on_market: Callable[[float], None] | None = None,
) -> Procyclicality:
    """Margin an unchanged book in every market of a path, under every regime.

    Parameters
    ----------
    regimes : sequence of Regime
    book : Book
    markets : sequence of Market
        In order of time, two at least; all hold what the book holds.
    days : sequence of float
        Spans of the rises that are reported, > 0.
    threads : int
        As for `Regime.assess`.
    on_market : callable, optional
        Called with the fraction of the markets that is done.

    Raises
    ------
    DataError
        If there are fewer than two markets, or they do not follow each other in time.

    Notes
    -----
    The measures are those of D. Murphy, M. Vasios and N. Vause, An investigation into the procyclicality of risk-based initial
    margin models, Bank of England Financial Stability Paper 29 (2014): peak-to-trough ratio, and largest rise over n days.
    """
    times = np.array([market.time for market in markets], dtype="datetime64[ms]")
    if len(times) < 2 or (np.diff(times) <= np.timedelta64(0, "ms")).any():
        later = np.flatnonzero(np.diff(times) <= np.timedelta64(0, "ms"))
        problem = f"market {int(later[0]) + 1} is not later than the one before" if len(later) else f"{len(times)} markets"
        raise DataError(problem, table="path", column="time", hint="Give two or more, in order of time.")
    if not regimes or any(span <= 0 for span in days):
        raise ValueError(f"{len(regimes)} regimes, days={tuple(days)}: one at least, and spans above zero")
    margins = np.empty((len(regimes), len(markets), len(book.accounts)))
    for t, market in enumerate(markets):
        for r, regime in enumerate(regimes):
            margins[r, t] = Figures.of(regime.assess(book, market, threads=threads)).initial_margin
        if on_market is not None:
            on_market((t + 1) / len(markets))
    return Procyclicality(tuple(r.name for r in regimes), book.accounts, times, margins, tuple(float(span) for span in days))


def peak_to_trough(series: Array) -> Array:
    """Largest over smallest along the last axis; NaN where the smallest is not positive."""
    low, high = series.min(axis=-1), series.max(axis=-1)
    return np.asarray(np.divide(high, low, out=np.full(low.shape, np.nan), where=low > 0))


def largest_rise(series: Array, times: NDArray[np.datetime64], days: float) -> Array:
    """Largest ratio of a value to an earlier one at most so many days before, along the last axis.

    1 where it never rises; NaN where a value is not positive.
    """
    span = (times[:, None] - times[None, :]) / DAY
    earlier = (span > 0) & (span <= days)
    positive = (series > 0).all(axis=-1)
    rise = np.ones(series.shape[:-1])
    for t in range(len(times)):
        if earlier[t].any():
            low = series[..., earlier[t]].min(axis=-1)
            rise = np.maximum(rise, np.divide(series[..., t], low, out=np.ones_like(low), where=low > 0))
    return np.where(positive, rise, np.nan)
