"""What a backtest is run on: a history, the days that have a full window behind them, and the portfolios of those days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from margin.analysis.linear_books import linear_days, linear_portfolios
from margin.analysis.option_books import OPTION_BOOKS, option_days
from margin.analysis.rolling import Day
from margin.analysis.surface import FlatVol, ListedVols, Quotes, levels_at_nodes
from margin.errors import DataError
from margin.io.daily import Closes
from margin.models.history import History
from margin.models.history_levels import Missing, history_of_levels

ONE_TENOR, ONE_MONEYNESS = (30.0,), (0.0,)
"""The node of a volatility index; of no consequence where vols do not move."""

TENORS, MONEYNESS = (7.0, 14.0, 30.0, 60.0, 90.0, 180.0), (-0.3, 0.0, 0.3)
"""Nodes that listed strikes surround on every day of an active market; beyond them vol moves are those of the nearest."""


class NothingToTestError(DataError):
    """No day of a study has a full window of history behind it, a day after it, and lies in the span asked for."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which days of a study are tested.

    Attributes
    ----------
    window : int
        Rows of history that a day needs.
    start, end : str
        First and last date, ``YYYY-MM-DD``; empty for as early and as late as the data allow.
    """

    window: int
    start: str = ""
    end: str = ""

    def dates(self, history: History, title: str) -> list[str]:
        """Dates with a full window, the last one only as the day after.

        Raises
        ------
        NothingToTestError
            If fewer than two remain.
        """
        full = history.labels[self.window - 1 :]
        kept = [date for date in full if date >= self.start and (not self.end or date <= self.end)]
        if len(kept) < 2:
            span = f"{history.labels[0]} .. {history.labels[-1]}"
            problem = f"{title}: no day to test with a window of {self.window} in {span}"
            raise NothingToTestError(problem, hint="Shorten the window or widen the span.")
        return kept


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A history and the days to test on it.

    Attributes
    ----------
    title : str
    history : History
    dates : tuple of str
        Days whose margin is tested.
    days : callable
        Yields them, each time it is called.
    """

    title: str
    history: History
    dates: tuple[str, ...]
    days: Callable[[], Iterator[Day]]


def linear_study(closes: Closes, span: Span, *, missing: Missing, gross: float) -> Study:
    """Perpetuals of the coins of a file of closes.

    Parameters
    ----------
    closes : Closes
    span : Span
    missing : {"refuse", "dates", "names"}
        What to do about coins that start later or end earlier, as in `history_of_levels`.
    gross : float
        Notional of each portfolio, USD.
    """
    history = history_of_levels(
        dates=closes.dates,
        names=closes.names,
        price=closes.price,
        vol=dict.fromkeys(closes.names),
        tenors=ONE_TENOR,
        moneyness=ONE_MONEYNESS,
        horizon=1,
        overlapping=True,
        missing=missing,
    )
    title = f"perpetuals of {len(history.names)} coins"
    dates = span.dates(history, title)
    row = [closes.dates.index(date) for date in dates]
    column = [closes.names.index(name) for name in history.names]
    price = closes.price[np.ix_(row, column)]
    portfolios = linear_portfolios(history.names)

    def days() -> Iterator[Day]:
        return linear_days(dates, history.names, price, portfolios, gross=gross)

    return Study(title, history, tuple(dates[:-1]), days)


def vol_index_study(
    coin: str, closes: Closes, levels: Mapping[str, float], span: Span, *, notional: float, ageing: bool
) -> Study:
    """Options of one coin on its volatility index: one vol for all strikes and expiries, on the dates that both have.

    Parameters
    ----------
    coin : str
    closes : Closes
    levels : mapping of str to float
        Date to 30-day vol, a fraction.
    span : Span
    notional : float
        Of an option leg, USD.
    ageing : bool
        As in `option_days`.
    """
    if coin not in closes.names:
        problem = f"no closes of {coin}"
        raise DataError(problem, table="closes", hint=f"The file has {', '.join(closes.names)}.")
    price = dict(zip(closes.dates, closes.price[:, closes.names.index(coin)].tolist(), strict=True))
    common = [date for date in closes.dates if date in levels and np.isfinite(price[date])]
    history = history_of_levels(
        dates=common,
        names=[coin],
        price=[[price[date]] for date in common],
        vol={coin: np.array([levels[date] for date in common]).reshape(-1, 1, 1)},
        tenors=ONE_TENOR,
        moneyness=ONE_MONEYNESS,
        horizon=1,
        overlapping=True,
    )
    title = f"{coin} options on the volatility index"
    dates = span.dates(history, title)
    quotes: list[Quotes] = [
        FlatVol(date=date, time=np.datetime64(date, "ms") + np.timedelta64(1, "D"), price=price[date], vol=levels[date])
        for date in dates
    ]

    def days() -> Iterator[Day]:
        return option_days({coin: quotes}, OPTION_BOOKS, notional=notional, ageing=ageing)

    return Study(title, history, tuple(dates[:-1]), days)


def surface_study(surfaces: Mapping[str, Sequence[ListedVols]], span: Span, *, notional: float, ageing: bool) -> Study:
    """Listed options of several coins: vol moves at `TENORS` x `MONEYNESS`, P&L at each option's own recorded vol.

    Parameters
    ----------
    surfaces : mapping of str to sequence of ListedVols
        For each coin the same dates.
    span : Span
    notional : float
        Of an option leg, USD.
    ageing : bool
        As in `option_days`.
    """
    coins = list(surfaces)
    history = history_of_levels(
        dates=[listed.date for listed in surfaces[coins[0]]],
        names=coins,
        price=np.array([[listed.price for listed in surfaces[coin]] for coin in coins]).T,
        vol={coin: levels_at_nodes(list(surfaces[coin]), TENORS, MONEYNESS) for coin in coins},
        tenors=TENORS,
        moneyness=MONEYNESS,
        horizon=1,
        overlapping=True,
    )
    title = f"{' and '.join(coins)} options on the listed surface"
    dates = span.dates(history, title)
    wanted = set(dates)
    quotes: dict[str, list[Quotes]] = {coin: [q for q in surfaces[coin] if q.date in wanted] for coin in coins}

    def days() -> Iterator[Day]:
        return option_days(quotes, OPTION_BOOKS, notional=notional, ageing=ageing)

    return Study(title, history, tuple(dates[:-1]), days)
