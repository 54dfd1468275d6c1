"""Books in which each variant of an account is an account of its own, so that one assessment margins all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.book import Balances, Book, Orders, Positions
from margin.ids import Ids
from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
ByAccount = Sequence[tuple[Rows, Rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """Copies of accounts; k variants, numbered from 0, which are also their account ids.

    Attributes
    ----------
    book : Book
    source : ndarray of int32, shape (k,)
        Account of the original book that each variant starts from.
    position, order, balance : ndarray of int64
        Row of the original book that each row is a copy of, -1 for rows that were added.
    """

    book: Book
    source: Codes
    position: Rows
    order: Rows
    balance: Rows

    @classmethod
    def of(cls, book: Book, source: NDArray[Any], *, by_account: ByAccount | None = None) -> Variants:
        """Copy each account in `source` (codes), as often as it stands there.

        Parameters
        ----------
        book : Book
        source : ndarray of int
        by_account : (offsets, order) of the rows of positions, orders and balances by account, optional
            For whoever has them already.
        """
        source = np.asarray(source, dtype=np.int32)
        n = len(book.accounts)
        if by_account is None:
            by_account = tuple(kernels.group(rows.account, None, n) for rows in (book.positions, book.orders, book.balances))
        copied = [_copies(start, order, source) for start, order in by_account]
        (position, p_account), (order, o_account), (balance, b_account) = copied
        copy = Book(
            accounts=Ids.of(np.arange(len(source), dtype=np.int64)),
            instruments=book.instruments,
            currencies=book.currencies,
            positions=replace(take_rows(book.positions, position), account=p_account),
            balances=replace(take_rows(book.balances, balance), account=b_account),
            orders=replace(take_rows(book.orders, order), account=o_account),
        )
        return cls(copy, source, position, order, balance)

    def keeping(
        self, *, positions: Flags | None = None, orders: Flags | None = None, balances: Flags | None = None
    ) -> Variants:
        """Only some of the rows; None keeps all."""
        book, changed = self.book, {}
        wanted = (("positions", "position", positions), ("orders", "order", orders), ("balances", "balance", balances))
        for name, rows, keep in wanted:
            if keep is not None:
                at = np.flatnonzero(keep)
                changed[rows] = getattr(self, rows)[at]
                book = replace(book, **{name: take_rows(getattr(book, name), at)})
        return replace(self, book=book, **changed)

    def with_quantity(self, quantity: Array) -> Variants:
        """Other quantities of the positions, shape (n_positions,)."""
        return replace(self, book=replace(self.book, positions=replace(self.book.positions, quantity=quantity)))

    def with_balance(self, variant: Codes, currency: str, amount: Array) -> Variants:
        """More balances: an amount of a currency for each of some variants."""
        book = self.book
        currencies = book.currencies if currency in book.currencies else (*book.currencies, currency)
        old, code = book.balances, currencies.index(currency)
        added = Balances(
            np.append(old.account, variant).astype(np.int32),
            np.append(old.currency, np.full(len(variant), code)).astype(np.int32),
            np.append(old.amount, amount),
            # What does not limit and does not switch off leaves it to the other rows of the account.
            None if old.hedge_cap is None else np.append(old.hedge_cap, np.full(len(variant), np.nan)),
            None if old.collateral is None else np.append(old.collateral, np.ones(len(variant), dtype=np.bool_)),
            None if old.loan is None else np.append(old.loan, np.zeros(len(variant))),
        )
        balance = np.append(self.balance, np.full(len(variant), -1, dtype=np.int64))
        return replace(self, book=replace(book, currencies=currencies, balances=added), balance=balance)

    def rules(self, regime: Regime, book: Book) -> Regime:
        """The regime for the variants: rules that an account of the original `book` has of its own are those of its variants."""
        if not regime.overrides:
            return regime
        named = {str(v): str(book.accounts[int(code)]) for v, code in enumerate(self.source)}
        own: Mapping[str, Regime] = {v: regime.overrides[a] for v, a in named.items() if a in regime.overrides}
        return replace(regime, overrides=own)


def with_positions(variants: Variants, instruments: Ids, added: Positions) -> Variants:
    """More positions, whose `account` is a variant and whose `instrument` is a code into `instruments`, all that occur.

    Columns that one side lacks are filled with what means none: NaN, the leg that nets. A book without entry prices stays so.
    """
    book, old = variants.book, variants.book.positions
    at = book.instruments.lookup(instruments)
    blank: dict[str, Any] = {"isolated_collateral": np.nan, "leverage": np.nan, "leg": np.int8(0)}
    columns: dict[str, Any] = {"account": np.append(old.account, added.account).astype(np.int32)}
    columns["instrument"] = np.append(at[old.instrument], added.instrument).astype(np.int32)
    columns["quantity"] = np.append(old.quantity, added.quantity)
    columns.update(_filled(blank, old, added))
    if added.entry_price is not None and (old.entry_price is not None or not len(old)):
        before = np.zeros(0) if old.entry_price is None else old.entry_price
        columns["entry_price"] = np.append(before, added.entry_price)
    orders = replace(book.orders, instrument=at[book.orders.instrument].astype(np.int32))
    position = np.append(variants.position, np.full(len(added), -1, dtype=np.int64))
    return replace(
        variants, book=replace(book, instruments=instruments, positions=Positions(**columns), orders=orders), position=position
    )


def with_orders(variants: Variants, instruments: Ids, added: Orders, code: Codes) -> Variants:
    """More orders, one for each of the first variants in turn.

    `instruments` are all that occur, and `code` gives the place in them of each instrument of `added`. Columns that one side
    lacks are filled with what means none.
    """
    book, old, n = variants.book, variants.book.orders, len(added)
    at = book.instruments.lookup(instruments)
    blank = {"leverage": np.nan, "leg": np.int8(0)}
    columns: dict[str, Any] = {"account": np.append(old.account, np.arange(n)).astype(np.int32)}
    columns["instrument"] = np.append(at[old.instrument], code[added.instrument]).astype(np.int32)
    for name in ("quantity", "price", "mmp"):
        columns[name] = np.append(getattr(old, name), getattr(added, name))
    columns.update(_filled(blank, old, added))
    positions = replace(book.positions, instrument=at[book.positions.instrument].astype(np.int32))
    changed = replace(book, instruments=instruments, positions=positions, orders=Orders(**columns))
    return replace(variants, book=changed, order=np.append(variants.order, np.full(n, -1, dtype=np.int64)))


def _filled(blank: Mapping[str, Any], old: Any, added: Any) -> dict[str, Array]:
    """Optional columns of rows behind each other; what one side lacks is blank, what both lack is left out."""
    columns = {}
    for name, empty in blank.items():
        parts = [getattr(rows, name) for rows in (old, added)]
        if any(part is not None for part in parts):
            filled = [np.full(len(r), empty) if part is None else part for part, r in zip(parts, (old, added), strict=True)]
            columns[name] = np.concatenate(filled)
    return columns


def _copies(start: Rows, order: Rows, source: Codes) -> tuple[Rows, Codes]:
    """Rows of each account in `source`, one account after the other, and the number of the copy that each row belongs to."""
    count = start[source + 1] - start[source]
    copy = np.repeat(np.arange(len(source), dtype=np.int32), count)
    inside = np.arange(len(copy)) - np.repeat(np.cumsum(count) - count, count)
    return order[start[source][copy] + inside], copy


def take_rows(rows: Any, at: Rows) -> Any:
    """Some rows of positions, balances or orders, their accounts as they are."""
    values = {name: getattr(rows, name) for name in type(rows).__slots__}
    return type(rows)(**{name: None if value is None else value[at] for name, value in values.items()})
