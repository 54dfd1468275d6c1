"""A book and the rows that trades have added to it since."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.analysis.trades import Trades, settled_to_mark, traded
from margin.analysis.variants import Variants, take_rows, with_positions
from margin.book import Book
from margin.encoded import Encoded
from margin.market import Market

Codes = NDArray[np.int32]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """Rows in two parts: those that are encoded, and the few that came with trades.

    Attributes
    ----------
    encoded : Encoded
        The book without the added rows.
    added : Variants
        The added positions and balances; `account` is an account of the book.
    """

    encoded: Encoded
    added: Variants

    @classmethod
    def of(cls, encoded: Encoded) -> Ledger:
        """A book to which nothing was added yet."""
        return cls(encoded, Variants.of(encoded.book, np.zeros(0, dtype=np.int32), by_account=_by_account(encoded)))

    @property
    def touched(self) -> Codes:
        """Accounts with added rows, ascending."""
        rows = self.added.book
        return np.unique(np.concatenate((rows.positions.account, rows.balances.account)))

    def accounts(self, codes: Codes) -> Book:
        """The book of some accounts, as they are now, in this order."""
        return replace(self._copies(codes).book, accounts=self.encoded.book.accounts.take(codes))

    def whole(self) -> Book:
        """The whole book as it is now."""
        book = self.encoded.book
        rows = (np.arange(len(table), dtype=np.int64) for table in (book.positions, book.orders, book.balances))
        every = np.arange(len(book.accounts), dtype=np.int32)
        return self._with_added(Variants(book, every, *rows), every).book

    def with_trades(self, trades: Trades, market: Market) -> tuple[Ledger, Codes, Book]:
        """The ledger after trades, the accounts that trade, and the book of these alone.

        Parameters
        ----------
        trades : Trades
            `variant` is an account of the book.
        market : Market
        """
        touched, local = np.unique(trades.variant, return_inverse=True)
        touched = touched.astype(np.int32)
        before = self._copies(touched)
        mine = replace(trades, variant=local.reshape(-1).astype(np.int32))
        after = traded(before, mine, market, settled=settled_to_mark(self.encoded.book)).book
        positions = take_rows(after.positions, np.arange(len(before.book.positions), len(after.positions)))
        balances = take_rows(after.balances, np.arange(len(before.book.balances), len(after.balances)))
        added = with_positions(self.added, after.instruments, replace(positions, account=touched[positions.account]))
        for c in np.unique(balances.currency):
            paid = balances.currency == c
            added = added.with_balance(touched[balances.account[paid]], after.currencies[int(c)], balances.amount[paid])
        book = replace(after, accounts=self.encoded.book.accounts.take(touched))
        return Ledger(self.encoded, added), touched, book

    def _copies(self, codes: Codes) -> Variants:
        return self._with_added(Variants.of(self.encoded.book, codes, by_account=_by_account(self.encoded)), codes)

    def _with_added(self, variants: Variants, codes: Codes) -> Variants:
        """Copies of accounts with the rows that were added to these."""
        rows = self.added.book
        number = np.full(len(self.encoded.book.accounts), -1, dtype=np.int32)
        number[codes] = np.arange(len(codes), dtype=np.int32)
        here = np.flatnonzero(number[rows.positions.account] >= 0)
        positions = take_rows(rows.positions, here)
        variants = with_positions(variants, rows.instruments, replace(positions, account=number[positions.account]))
        paid = number[rows.balances.account]
        for c, currency in enumerate(rows.currencies):
            of = np.flatnonzero((rows.balances.currency == c) & (paid >= 0))
            if len(of):
                variants = variants.with_balance(paid[of], currency, rows.balances.amount[of])
        return variants


def _by_account(e: Encoded) -> tuple[tuple[Rows, Rows], ...]:
    """Offsets and order of positions, orders and balances by account."""
    return e.positions.sorting, e.orders.sorting, e.balances.sorting
