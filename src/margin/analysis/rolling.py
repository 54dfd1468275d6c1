"""A rolling backtest: the margin of each day from the past alone, against what the next day brought."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.book import Book
from margin.errors import DataError
from margin.market import Market
from margin.models.history import History
from margin.models.history_weights import age_weighted, filtered, joined, stressed_rows

Array = NDArray[np.float64]

MarginAt = Callable[[History, Market, Book], tuple[Array, Array]]
"""Value at risk and expected shortfall of every account of a book, in USD."""

Method = Callable[[History], History]
"""From everything that is known on a day, the newest row last, to the scenarios of that day's margin."""


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """One day of a backtest.

    Attributes
    ----------
    date : str
        Label of the newest row of the history that is known.
    market : Market
    book : Book
        One account for each portfolio, the same accounts every day.
    pnl : ndarray of float64, shape (accounts,)
        USD from this day's market to the next, every position revalued at its own prices and vols, one day nearer to expiry.
    """

    date: str
    market: Market
    book: Book
    pnl: Array


@dataclass(frozen=True, slots=True, eq=False)
class Rolled:
    """Margins and realised losses of T days and A portfolios by one method.

    Attributes
    ----------
    dates : tuple of str, length T
    portfolios : tuple of str, length A
    loss, value_at_risk, expected_shortfall : ndarray of float64, shape (T, A)
        USD, losses positive; the loss is that of the day after the date.
    """

    dates: tuple[str, ...]
    portfolios: tuple[str, ...]
    loss: Array
    value_at_risk: Array
    expected_shortfall: Array


def methods(*, window: int, decay: float, age_decay: float, stress_days: int, stress_weight: float) -> dict[str, Method]:
    """The methods that can be compared, by name.

    Parameters
    ----------
    window : int
        Rows of the history that count, for all methods.
    decay : float
        Of the volatility in ``filtered``, see `margin.models.history_weights.filtered`.
    age_decay : float
        Of the weights in ``weighted``, see `margin.models.history_weights.age_weighted`.
    stress_days, stress_weight : int, float
        Length and total weight of the wildest period known on the day, which ``stressed`` joins to the window.

    Returns
    -------
    dict of str to callable
        ``plain``, ``filtered``, ``weighted``, ``stressed``.
    """
    return {
        "plain": lambda past: past.window(window),
        "filtered": lambda past: filtered(past.window(window), decay=decay),
        "weighted": lambda past: age_weighted(past.window(window), decay=age_decay),
        "stressed": lambda past: joined(
            past.window(window), stressed_rows(past, n=stress_days), stressed_weight=stress_weight
        ),
    }


def roll(days: Iterable[Day], history: History, methods: Mapping[str, Method], margin_at: MarginAt) -> dict[str, Rolled]:
    """Margins of every day by every method, from the rows of the history up to that day.

    Parameters
    ----------
    days : iterable of Day
        In order of time.
    history : History
        Labelled with dates. A margin of a day sees its rows up to that date and no other.
    methods : mapping of str to callable
    margin_at : callable

    Raises
    ------
    DataError
        If there is no day, a day is no label of the history, or the portfolios change.
    """
    position = {label: row for row, label in enumerate(history.labels)}
    dates: list[str] = []
    losses: list[Array] = []
    margins: dict[str, list[tuple[Array, Array]]] = {name: [] for name in methods}
    portfolios: tuple[str, ...] = ()
    for day in days:
        if day.date not in position:
            raise DataError(f"{day.date} is no date of the history", table="history", column="labels", value=day.date)
        held = tuple(str(account) for account in day.book.accounts)
        if portfolios not in ((), held):
            raise DataError(f"the portfolios of {day.date} are not those of the days before", table="positions", column="account")
        portfolios = held
        past = history.rows(0, position[day.date] + 1)
        for name, method in methods.items():
            margins[name].append(margin_at(method(past), day.market, day.book))
        dates.append(day.date)
        losses.append(-day.pnl)
    if not dates:
        raise DataError("no day to test", table="history", hint="Choose a longer span or a shorter window.")
    return {
        name: Rolled(
            dates=tuple(dates),
            portfolios=portfolios,
            loss=np.stack(losses),
            value_at_risk=np.stack([var for var, _ in found]),
            expected_shortfall=np.stack([shortfall for _, shortfall in found]),
        )
        for name, found in margins.items()
    }
