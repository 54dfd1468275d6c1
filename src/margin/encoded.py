"""A book in the terms of a market, ready to be cut into blocks of accounts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.book import Book
from margin.contracts import option_worth, unrealised_pnl
from margin.errors import DataError
from margin.market import SPOT, Market
from margin.pools.holdings import Holdings
from margin.threads import each, for_rows

Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]
Rows = Offsets | slice
"""Numbers of rows, or a range of them."""

PARTS = 16
"""Parts of a block between which its rows do not mix, so that what works on them row by row stays in a nearer cache."""


@dataclass(frozen=True, eq=False)
class ByAccount:
    """Which rows of a table belong to which accounts.

    Attributes
    ----------
    account : ndarray of int32, shape (n_rows,)
        Account of each row.
    n_accounts : int
    block : int
        Rows are told apart by blocks of so many accounts: where it is not 1, only whole blocks can be asked for.
    block_start : ndarray of int64, shape (n_blocks + 1,), optional
        Where the rows of each block begin and those of the last end, if it is known that rows stand by block.
    """

    account: Codes
    n_accounts: int
    block: int = 1
    block_start: Offsets | None = None

    @cached_property
    def bounds(self) -> Offsets | None:
        """Where the rows of each block begin and those of the last end; None where rows do not stand by block."""
        return kernels.bounds(self.account, self.n_accounts) if self.block_start is None else self.block_start

    @cached_property
    def sorting(self) -> tuple[Offsets, Offsets]:
        """Where each account begins among all rows in the order of accounts, and the rows in that order."""
        return kernels.group(self.account, None, self.n_accounts)

    def rows(self, first: int, last: int) -> Rows:
        """Rows of accounts ``first .. last - 1``."""
        start = self.sorting[0] if self.bounds is None else self.bounds
        here = slice(start[first // self.block], start[-(-last // self.block)])
        return self.sorting[1][here] if self.bounds is None else here


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A book in the terms of a market, its rows in the order of accounts.

    Attributes
    ----------
    instrument_row : ndarray of int32, shape (n_book_instruments,)
        Market row of each instrument of the book.
    currency_row : ndarray of int32, shape (n_book_currencies,)
        Market code of each currency of the book.
    held : ndarray of int32
        Market rows of the instruments in positions and orders; a part of a book names others too.
    currencies : ndarray of int32, shape (k,)
        Codes of the currencies that the book holds or settles in, ascending.
    positions, orders, balances : ByAccount
        Their rows by account.
    """

    book: Book
    market: Market
    instrument_row: Codes
    currency_row: Codes
    held: Codes
    currencies: Codes
    positions: ByAccount
    orders: ByAccount
    balances: ByAccount

    @classmethod
    def of(cls, book: Book, market: Market, *, spot_orders: bool = False, threads: int = 1) -> Encoded:
        """Look up the book's instruments and currencies in the market and sort its rows by account.

        Parameters
        ----------
        book : Book
        market : Market
        spot_orders : bool
            Whether orders in spot pairs are admitted.
        threads : int
            0 takes all processors.
        """
        instrument_row, currency_row = book.resolve(market)
        _refuse_spot(book, market, instrument_row, orders=not spot_orders)
        tables = (book.positions, book.orders, book.balances)
        by_account = [ByAccount(table.account, len(book.accounts)) for table in tables]
        used = [_occurring(table.instrument, len(book.instruments), threads) for table in (book.positions, book.orders)]
        held = instrument_row[used[0] | used[1]]
        owned = currency_row[kernels.occurring(book.balances.currency, len(book.currencies))]
        traded = market.base[held[market.kind[held] == SPOT]]  # an order in a spot pair brings or takes its coin
        currencies = np.unique(np.concatenate((owned, market.settlement[held], traded))).astype(np.int32)
        return cls(book, market, instrument_row, currency_row, held, currencies, *by_account)

    def in_blocks(self, block: int, *, threads: int = 1) -> Encoded:
        """The same with its rows moved together by blocks of so many accounts, so that reading a block does not wait for memory.

        Rows of an account keep their order. Only whole blocks can be asked for. Where a block can be cut into `PARTS` of some
        accounts each, rows are moved together by them; blocks of a few accounts are left as they are.
        """
        if block < PARTS:
            return self
        book, moved = self.book, {}
        part = block // PARTS if block % PARTS == 0 and block >= PARTS * PARTS else block
        for name in ("positions", "orders", "balances"):
            by: ByAccount = getattr(self, name)
            if by.bounds is None:
                moved[name] = _moved(getattr(book, name), by.n_accounts, part, threads)
        tables: dict[str, Any] = {name: rows for name, (rows, _) in moved.items()}
        by_block: dict[str, Any] = {name: by for name, (_, by) in moved.items()}
        return replace(self, book=replace(book, **tables), **by_block) if moved else self

    def positions_of(self, first: int, last: int) -> Rows:
        """Position rows of a range of accounts."""
        return self.positions.rows(first, last)

    def orders_of(self, first: int, last: int) -> Rows:
        """Order rows of a range of accounts."""
        return self.orders.rows(first, last)

    def used_rows(self, *, in_usd: bool) -> NDArray[np.bool_]:
        """Instruments in positions or orders; where pools count in one money also currencies with equity. Shape (n + m,)."""
        book, market, n = self.book, self.market, len(self.market)
        used = np.zeros(n + len(market.currencies), dtype=np.bool_)
        used[self.held] = True
        if in_usd:
            owned = book.balances
            there = owned.amount != 0 if owned.loan is None else (owned.amount != 0) | (owned.loan != 0)
            used[n + self.currency_row[owned.currency[there]]] = True
            used[n + market.settlement[self.held]] = True
            used[n + market.base[self.held[market.kind[self.held] == SPOT]]] = True
            self.check_prices(used[n:])
        return used

    def isolated_rows(self) -> NDArray[np.bool_]:
        """Instruments in positions that have collateral of their own, shape (n,)."""
        held, rows = self.book.positions, np.zeros(len(self.market), dtype=np.bool_)
        if held.isolated_collateral is not None:
            rows[self.instrument_row[held.instrument[~np.isnan(held.isolated_collateral)]]] = True
        return rows

    def check_prices(self, currencies: NDArray[np.bool_]) -> None:
        """Raise `DataError` if one of the currencies, flags by code, has no USD price."""
        for c in np.flatnonzero(currencies & np.isnan(self.market.usd)):
            raise DataError(
                f"currency {self.market.currencies[c]!r} is held and has no USD price",
                table="currencies",
                column="usd",
                hint="Give its price, or leave its balances out.",
            )

    def holdings(self, first: int, last: int) -> Holdings:
        """Positions, orders and balances of accounts ``first .. last - 1``, valued at the mark."""
        positions, orders, balances = (table.rows(first, last) for table in (self.positions, self.orders, self.balances))
        book, market, n_accounts = self.book, self.market, last - first
        held, resting = book.positions, book.orders
        row = kernels.translated(held.instrument[positions], self.instrument_row)
        quantity = held.quantity[positions]
        entry = None if held.entry_price is None else held.entry_price[positions]
        assigned = None if held.isolated_collateral is None else held.isolated_collateral[positions]
        column = np.full(len(market.currencies), -1, dtype=np.int32)
        column[self.currencies] = np.arange(len(self.currencies), dtype=np.int32)
        n_currencies = len(self.currencies)
        owner, currency = book.balances.account[balances] - np.int32(first), book.balances.currency[balances]
        in_column = column[self.currency_row]
        cell = owner.astype(np.int64) * n_currencies + in_column[currency]

        def by_cell(values: NDArray[np.float64]) -> NDArray[np.float64]:
            return kernels.cell_sums(owner, currency, in_column, (values[balances],), n_accounts, n_currencies)[0]

        amount = by_cell(book.balances.amount)
        loan = None if book.balances.loan is None else by_cell(book.balances.loan)
        has_balance = np.zeros(n_accounts * n_currencies, dtype=np.bool_)
        has_balance[cell] = True
        caps, collateral = book.balances.hedge_cap, book.balances.collateral
        hedge_cap = None if caps is None else _least(cell, caps[balances], (n_accounts, n_currencies))
        switched_off = None
        if collateral is not None:
            switched_off = np.zeros(has_balance.shape, dtype=np.bool_)
            switched_off[cell[~collateral[balances]]] = True
        return Holdings(
            n_accounts=n_accounts,
            account=held.account[positions] - np.int32(first),
            row=row,
            quantity=quantity,
            since_entry=None if entry is None else unrealised_pnl(market, row, quantity, entry),
            option_worth=option_worth(market),
            isolated_collateral=assigned,
            leg=None if held.leg is None else held.leg[positions],
            order_account=resting.account[orders] - np.int32(first),
            order_row=kernels.translated(resting.instrument[orders], self.instrument_row),
            order_leg=None if resting.leg is None else resting.leg[orders],
            order_quantity=resting.quantity[orders],
            order_price=resting.price[orders],
            currencies=self.currencies,
            column=column,
            settled=column[market.settlement],
            balance=amount if loan is None else amount - loan,
            loan=loan,
            has_balance=has_balance.reshape(n_accounts, n_currencies),
            hedge_cap=hedge_cap,
            switched_off=None if switched_off is None else switched_off.reshape(n_accounts, n_currencies),
        )


def _occurring(code: Codes, n_codes: int, threads: int) -> NDArray[np.bool_]:
    """Which codes there are, looked for on so many threads."""
    parts = np.array_split(code, for_rows(threads, len(code)))
    found: NDArray[np.bool_] = np.any(each(lambda part: kernels.occurring(part, n_codes), parts, threads), axis=0)
    return found


def _least(cell: NDArray[np.int64], values: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Least value of each cell, nan where it has none."""
    least = np.full(shape[0] * shape[1], np.nan)
    np.fmin.at(least, cell, values)
    return least.reshape(shape)


def _moved(rows: Any, n_accounts: int, block: int, threads: int) -> tuple[Any, ByAccount]:
    """Rows of positions, orders or balances in the order of blocks."""
    columns = {name: getattr(rows, name) for name in type(rows).__slots__ if getattr(rows, name) is not None}
    start, moved = kernels.arranged(rows.account, n_accounts, block, list(columns.values()), for_rows(threads, len(rows.account)))
    new = replace(rows, **dict(zip(columns, moved, strict=True)))
    return new, ByAccount(new.account, n_accounts, block, start)


def _refuse_spot(book: Book, market: Market, instrument_row: Codes, *, orders: bool) -> None:
    """Coins are held as balances; a position or an order in a spot pair without a rule must not pass as a future."""
    spot = market.kind[instrument_row] == SPOT
    if not spot.any():
        return
    for name, table in (("positions", book.positions), ("orders", book.orders)):
        wrong = np.flatnonzero(spot[table.instrument])
        if len(wrong) and (orders or table is book.positions):
            row = int(wrong[0])
            raise DataError(
                "spot pairs are not margined",
                table=name,
                column="instrument",
                row=row,
                key={
                    "account": book.accounts[int(table.account[row])],
                    "instrument": book.instruments[int(table.instrument[row])],
                },
                count=len(wrong),
                hint="Give coins as balances, and leave spot orders out.",
            )
