"""What if: the requirement of accounts after trades, before they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Assess, Figures, status_names
from margin.analysis.tabular import Tabular
from margin.analysis.trades import read_trades, traded
from margin.analysis.variants import Variants
from margin.book import Book
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WhatIf(Tabular):
    """Accounts before and after candidate trades, in USD; one entry for each of k candidates.

    Attributes
    ----------
    regime : str
    candidates : Ids, length k
        As in the table of trades, else numbered from 0.
    accounts : Ids, length k
    before, after : Figures
        k entries each.
    """

    regime: str
    candidates: Ids
    accounts: Ids
    before: Figures
    after: Figures

    @property
    def title(self) -> str:
        """How many candidates under which regime."""
        return f"{len(self.candidates)} candidate trades under {self.regime}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each candidate."""
        b, a = self.before, self.after
        return {
            "candidate": self.candidates,
            "account": self.accounts,
            "initial_before": b.initial_margin,
            "initial_after": a.initial_margin,
            "initial_change": a.initial_margin - b.initial_margin,
            "maintenance_before": b.maintenance_margin,
            "maintenance_after": a.maintenance_margin,
            "maintenance_change": a.maintenance_margin - b.maintenance_margin,
            "available_after": a.available,
            "excess_after": a.excess,
            "status_before": status_names(b.status),
            "status_after": status_names(a.status),
        }


def what_if(
    regime: Regime,
    book: Book,
    market: Market,
    trades: object,
    *,
    account: str | int | None = None,
    assess: Assess | None = None,
) -> WhatIf:
    """Margin accounts as they would be after trades.

    Each candidate is an account of its own, a copy with the trades done, and all of them are margined in one assessment. Trades
    are done at their prices, by default at the mark; an option is paid for from the balance of its settlement currency. Resting
    orders stay; fees are left out.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    trades : table
        Columns ``instrument`` and ``quantity``; optional ``price``, ``account``, ``candidate``, ``isolated_collateral``,
        ``leverage``, ``side`` (see `margin.analysis.trades.TRADES`).
    account : str or int, optional
        Who trades, where the table does not say.
    assess : callable, optional
        Margins a book in this market, by default `regime.assess`; for whoever keeps the market prepared.

    Raises
    ------
    DataError
        Naming table, column, row and value at fault.
    """
    wanted, source, candidates = read_trades(trades, book, market, account)
    accounts, at = np.unique(source, return_inverse=True)
    variants = Variants.of(book, np.concatenate((source, accounts)))  # the candidates, then each account as it is
    after = traded(variants, wanted, market)
    rules = after.rules(regime, book)
    assessment = rules.assess(after.book, market) if assess is None else assess(after.book)
    every = Figures.of(assessment)
    n = len(source)
    return WhatIf(
        regime=regime.name,
        candidates=candidates,
        accounts=book.accounts.take(source),
        before=every.take(n + at.reshape(-1)),
        after=every.take(np.arange(n)),
    )
