"""The margins that a backtest tests: the historical model's, through the same regime that accounts are margined with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from margin.analysis.rolling import MarginAt
from margin.book import Book
from margin.market import Market
from margin.models.historical import HistoricalModel
from margin.models.history import History
from margin.models.tail_measure import EXPECTED_SHORTFALL, VALUE_AT_RISK, TailMeasure
from margin.pools import CrossPool
from margin.regime import Regime

Array = NDArray[np.float64]


def historical_margin(level: float) -> MarginAt:
    """Initial margins under `HistoricalModel` in cross pools: value at risk and expected shortfall of every account, USD.

    Parameters
    ----------
    level : float
        Confidence of both, in (0, 1).
    """

    def of_kind(kind: str, history: History, market: Market, book: Book) -> Array:
        model = HistoricalModel(
            history=history,
            measure=TailMeasure(kind=kind, level=level),
            initial_factor=1.0,
            maintenance_factor=1.0,
            orders=None,
        )
        return Regime("historical", CrossPool(), model).assess(book, market).initial_margin

    def margin_at(history: History, market: Market, book: Book) -> tuple[Array, Array]:
        return of_kind(VALUE_AT_RISK, history, market, book), of_kind(EXPECTED_SHORTFALL, history, market, book)

    return margin_at
