"""One account of an engine: what trades would change, before they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from margin.analysis.accounts import Figures
from margin.analysis.what_if import WhatIf, what_if
from margin.assessment import Assessment
from margin.book import Book
from margin.engine.rules import PricedRules
from margin.engine.sums import StoredSums
from margin.ids import Ids
from margin.names import STATUSES

Path = Literal["sums", "unit", "general"]


class Now(NamedTuple):
    """An account as it is, in USD; sums over its pools."""

    initial_margin: float
    maintenance_margin: float
    initial_collateral: float
    maintenance_collateral: float


class Effect(NamedTuple):
    """An account before and after a trade, in USD; sums over its pools.

    Attributes
    ----------
    initial_before, initial_after, maintenance_before, maintenance_after : float
        Margins.
    initial_collateral, maintenance_collateral : float
        What counts against them after the trade.
    available, excess : float
        Collateral less initial (maintenance) margin of the pool that has least of it, after the trade.
    status : str
        Of the worst pool, after the trade.
    path : {"sums", "unit", "general"}
        What was worked out: stored sums with one more line in them; the risk unit that trades, from its lines; the whole account.
    """

    initial_before: float
    initial_after: float
    maintenance_before: float
    maintenance_after: float
    initial_collateral: float
    maintenance_collateral: float
    available: float
    excess: float
    status: str
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """An account as it was when the engine was asked for it, with what answers questions about single trades at once.

    Attributes
    ----------
    rules : PricedRules
    book : Book
        Of this account alone.
    assessment : Assessment
        Of this account alone.
    figures : Figures
        One entry.
    now : Now
        Some of it as plain numbers.
    sums : StoredSums or None
        Stored amounts; None under rules for which there are none.
    path : {"sums", "unit", "general"}
        How single trades at the mark are answered, wherever stored amounts can; see `Effect`.
    """

    rules: PricedRules
    book: Book
    assessment: Assessment
    figures: Figures
    now: Now
    sums: StoredSums | None
    path: Path

    @classmethod
    def of(cls, rules: PricedRules, book: Book) -> Account:
        """Margin the one account of a book and store what its pools and risk units need."""
        assessment = rules.assess(book)
        figures = Figures.of(assessment)
        now = Now(*(float(getattr(figures, name)[0]) for name in Now._fields))
        sums = StoredSums.of(assessment)
        path: Path = "general" if sums is None else "sums" if sums.keeps_sums else "unit"
        return cls(rules, book, assessment, figures, now, sums, path)

    def what_if(self, instrument: str | int, quantity: float, *, price: float | None = None) -> Effect:
        """The account after a trade.

        The numbers are those of `margin.analysis.what_if.what_if`, up to the order in which risk units are added up.

        Parameters
        ----------
        instrument : str or int
        quantity : float
            Contracts, bought above zero.
        price : float, optional
            By default the mark.

        Raises
        ------
        DataError
            If the instrument is unknown or a number is wrong.
        ParameterError
            If a parameter that the trade needs has no value.
        """
        row = self.rules.row_of.get(instrument, -1)
        if self.sums is None or price is not None or row < 0 or not math.isfinite(quantity):
            return self._general(instrument, quantity, price)
        found = self.sums.traded(row, quantity)
        if found is None:
            return self._general(instrument, quantity, price)
        initial, maintenance, available, excess, status = found
        now = self.now
        return Effect(
            initial_before=now.initial_margin,
            initial_after=initial,
            maintenance_before=now.maintenance_margin,
            maintenance_after=maintenance,
            initial_collateral=now.initial_collateral,
            maintenance_collateral=now.maintenance_collateral,
            available=available,
            excess=excess,
            status=STATUSES[status],
            path=self.path,
        )

    def what_if_each(self, instruments: object, quantities: object) -> WhatIf:
        """The account after each of k trades at the mark, each made alone.

        Parameters
        ----------
        instruments : Ids, or anything `Ids.of` takes, length k
        quantities : array_like of float, shape (k,)

        Raises
        ------
        DataError, ParameterError
            As `what_if`.
        """
        ids, wanted = Ids.of(instruments), np.asarray(quantities, dtype=np.float64)
        after = None
        if self.sums is not None and wanted.shape == (len(ids),) and np.isfinite(wanted).all():
            row = ids.lookup(self.rules.market.instruments)
            after = self.sums.traded_each(row, wanted, self.figures) if (row >= 0).all() else None
        if after is None:
            return self.what_if_trades({"instrument": ids, "quantity": wanted})
        k = len(ids)
        return WhatIf(
            regime=self.rules.regime.name,
            candidates=Ids.of(np.arange(k, dtype=np.int64)),
            accounts=after.accounts,
            before=self.figures.take(np.zeros(k, dtype=np.int64)),
            after=after,
        )

    def what_if_trades(self, trades: object) -> WhatIf:
        """The account after each candidate of a table of trades, by margining it as a whole.

        Parameters
        ----------
        trades : table
            As `margin.analysis.trades.TRADES` has it; it may give prices, and candidates of several trades.
        """
        account = self.book.accounts[0]
        return what_if(self.rules.regime, self.book, self.rules.market, trades, account=account, assess=self.rules.assess)

    def _general(self, instrument: str | int, quantity: float, price: float | None) -> Effect:
        trade: dict[str, object] = {"instrument": [instrument], "quantity": [quantity]}
        found = self.what_if_trades(trade if price is None else trade | {"price": [price]})
        before, after = found.before, found.after
        return Effect(
            initial_before=float(before.initial_margin[0]),
            initial_after=float(after.initial_margin[0]),
            maintenance_before=float(before.maintenance_margin[0]),
            maintenance_after=float(after.maintenance_margin[0]),
            initial_collateral=float(after.initial_collateral[0]),
            maintenance_collateral=float(after.maintenance_collateral[0]),
            available=float(after.available[0]),
            excess=float(after.excess[0]),
            status=STATUSES[after.status[0]],
            path="general",
        )
