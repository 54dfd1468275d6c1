"""`Engine`: one book under one regime, kept ready between markets and trades."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import code_of
from margin.analysis.trades import read_trades
from margin.assessment import Assessment, Results
from margin.book import Book
from margin.encoded import Encoded
from margin.engine.account import Account
from margin.engine.kept import Kept
from margin.engine.ledger import Ledger
from margin.joined import JoinedPrepared, joined_results
from margin.market import Market
from margin.models.requirement import Prepared
from margin.regime import Regime

Codes = NDArray[np.int32]


class Engine:
    """A book under a regime, ready for the next market, the next trade, the next question.

    The one object of the package with a state: the book encoded and grouped, every instrument in use priced, every account
    margined. What it hands out is frozen and stays as it was when the engine moves on. One thread at a time.

    Parameters
    ----------
    regime : Regime
        Any; accounts with rules of their own are margined under these.
    book : Book
    market : Market
    threads : int
        Threads over blocks of accounts; 0 takes all processors. Results do not depend on it.

    Raises
    ------
    DataError
        If the book names an instrument or a currency that the market lacks.
    ParameterError
        If a parameter that the book needs has no value.

    Examples
    --------
    ::

        engine = margin.Engine(regime, book, market)
        engine.reprice(next_market)
        engine.trade({"account": ["alice"], "instrument": ["BTC-PERPETUAL"], "quantity": [100.0]})
        engine.account("alice").what_if("BTC-PERPETUAL", -50.0)
    """

    def __init__(self, regime: Regime, book: Book, market: Market, *, threads: int = 1) -> None:
        if threads < 0:
            raise ValueError(f"threads={threads}: it must be 0 or more")
        parts = regime.parts(book)
        several = len(parts) > 1
        self._regime = regime
        self._threads = threads
        self._market = market
        self._kept = tuple(
            Kept.of(codes, rules, book.select(codes, codes=True) if several else book, market, threads=threads)
            for codes, rules in parts
        )
        self._part = np.zeros(len(book.accounts), dtype=np.int32)
        for p, (codes, _) in enumerate(parts):
            self._part[codes] = p
        self._ledger = Ledger.of(regime.encode(book, market) if several else self._kept[0].encoded)
        self._assessment: Assessment | None = None

    def __repr__(self) -> str:
        return f"Engine({self._regime.name}, {self._ledger.encoded.book!r}, {len(self._ledger.touched)} accounts traded since)"

    @property
    def regime(self) -> Regime:
        """The rules."""
        return self._regime

    @property
    def market(self) -> Market:
        """The market of the last `reprice`, as it was given."""
        return self._market

    @property
    def book(self) -> Book:
        """The book with all trades."""
        self._settle()
        return self._ledger.encoded.book

    @property
    def assessment(self) -> Assessment:
        """Every account; the same as `Regime.assess` gives for the book with all trades in this market, to the last bit."""
        self._settle()
        if self._assessment is None:
            self._assessment = self._assembled()
        return self._assessment

    def reprice(self, market: Market) -> Assessment:
        """Margin the book in another market.

        Where it lists the same instruments in the same order nothing is looked up or sorted again; else the book is encoded
        anew.

        Parameters
        ----------
        market : Market

        Returns
        -------
        Assessment
            The same as `Regime.assess` gives, to the last bit.

        Raises
        ------
        DataError, ParameterError
            As `Regime.assess`; the engine then stays where it was.
        """
        self._settle()
        kept = tuple(part.repriced(market, threads=self._threads) for part in self._kept)
        encoded = kept[0].encoded if len(kept) == 1 else self._regime.encode(self._ledger.encoded.book, market)
        self._kept, self._market, self._ledger, self._assessment = kept, market, Ledger.of(encoded), None
        return self.assessment

    def trade(self, trades: object, *, account: str | int | None = None) -> Assessment:
        """Add trades to the book and margin the accounts that trade.

        Trades are done as in `margin.analysis.what_if.what_if`: at their prices, by default at the mark; an option is paid for
        from the balance of its settlement currency; resting orders stay; no fees.

        Parameters
        ----------
        trades : table
            As `margin.analysis.trades.TRADES` has it; candidates play no part.
        account : str or int, optional
            Who trades, where the table does not say.

        Returns
        -------
        Assessment
            Of the accounts that trade, as they are now.

        Raises
        ------
        DataError, ParameterError
            Naming table, column, row and value at fault; the engine then stays where it was.
        """
        wanted, source, _ = read_trades(trades, self._ledger.encoded.book, self._market, account)
        ledger, touched, book = self._ledger.with_trades(replace(wanted, variant=source[wanted.variant]), self._market)
        assessment = self._assess(touched, book)
        self._ledger, self._assessment = ledger, None
        return assessment

    def account(self, account: str | int) -> Account:
        """One account as it is now, for questions that are to be answered at once."""
        code = code_of(self._ledger.encoded.book, account)
        book = self._ledger.accounts(np.array([code], dtype=np.int32))
        return Account.of(self._kept[self._part[code]].rules, book)

    def _settle(self) -> None:
        """Make the rows that trades have added rows of the encoded book."""
        touched = self._ledger.touched
        if not len(touched):
            return
        book = self._ledger.whole()
        encoded = self._regime.encode(book, self._market)
        kept = list(self._kept)
        for p in np.unique(self._part[touched]):
            part, codes = kept[p], touched[self._part[touched] == p]
            after = part.rules.assess(self._ledger.accounts(codes), threads=self._threads)
            mine = encoded
            if len(kept) > 1:
                mine = part.rules.regime.encode(book.select(part.codes, codes=True), self._market)
            kept[p] = part.traded(mine, np.searchsorted(part.codes, codes).astype(np.int32), after)
        self._kept, self._ledger = tuple(kept), Ledger.of(encoded)

    def _assembled(self) -> Assessment:
        encoded = self._ledger.encoded
        each = [(part.codes, part.prepared, Results.concatenated(part.results, threads=self._threads)) for part in self._kept]
        seconds = {name: sum(part.seconds[name] for part in self._kept) for name in self._kept[0].seconds}
        if len(each) > 1:
            return self._joined(each, encoded, seconds)
        return Assessment(self._regime, encoded, each[0][1], each[0][2], seconds)

    def _assess(self, codes: Codes, book: Book) -> Assessment:
        """Some accounts of the book, each under its rules; `book` holds them alone, in this order."""
        part = self._part[codes]
        if len(self._kept) == 1:
            return self._kept[0].rules.assess(book, threads=self._threads)
        each = [np.flatnonzero(part == p).astype(np.int32) for p in range(len(self._kept))]
        done = [kept.rules.assess(book.select(at, codes=True)) for at, kept in zip(each, self._kept, strict=True)]
        seconds = {name: sum(a.timings[name] for a in done) for name in done[0].timings}
        parts = [(at, a.prepared, a.results) for at, a in zip(each, done, strict=True)]
        return self._joined(parts, self._regime.encode(book, self._market), seconds)

    def _joined(
        self, parts: list[tuple[Codes, Prepared, Results]], encoded: Encoded, seconds: dict[str, float]
    ) -> Assessment:
        prepared = JoinedPrepared(tuple(prepared for _, prepared, _ in parts))
        return Assessment(self._regime, encoded, prepared, joined_results(parts), seconds)
