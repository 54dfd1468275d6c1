"""Who holds what during a liquidation: positions of accounts and of the house, and one ledger of money.

Futures are settled to the mark, so money is cash alone; options are paid for and keep their value. Beside the accounts stand
four holders, the *house*: the insurance fund, the backstop, collected fees, and the market, which is everybody who is not in
the book. The market holds the other side of the book's positions. Hence two sums never change: the money of each currency over
all holders, and the contracts of each instrument over all holders, which is zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from margin.book import Balances, Book, Orders, Positions
from margin.contracts import is_option, unrealised_pnl
from margin.encoded import Encoded
from margin.errors import DataError
from margin.ids import Ids
from margin.market import Market

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]

HOUSE = ("fund", "backstop", "fees", "market")
FUND, BACKSTOP, FEES, MARKET = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """A running auction of an account: when it started, and the cash that bids have paid so far (money of the pool)."""

    start: float
    reserved: float
    solvent: bool


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class State:
    """Positions and money of n accounts and of the house at one instant. Made by `State.of`.

    Holder ``h < n`` is an account, holder ``n + i`` is ``HOUSE[i]``. Arrays must not be changed.

    Attributes
    ----------
    accounts : Ids, length n
    currencies : tuple of str, length k
        Of the market.
    seconds : float
        Since the start of the path.
    holder, row : ndarray of int32, shape (p,)
        Positions: who, and which instrument of the market.
    quantity : ndarray of float64, shape (p,), contracts, long > 0
    entry : ndarray of float64, shape (p,), as mark
        Average entry price, which only rankings look at; NaN where it is not known.
    cell : ndarray of int64, shape (p,)
        Where in the ledger the position's P&L is paid: a balance of its holder, or the collateral assigned to it.
    leverage : ndarray of float64, shape (p,), or None
    leg : ndarray of int8, shape (p,), or None
    amount : ndarray of float64, shape (c,), currency units
        The ledger. Cell ``h * k + currency`` is a balance; cells from ``(n + 4) * k`` on are collateral of single positions.
    owner, currency : ndarray of int32, shape (c,)
    hedge_cap : ndarray of float64, shape (c,), or None
    collateral : ndarray of bool, shape (c,), or None
        What a book says of its balances beside their amounts.
    orders : Orders
        Open orders; their instruments are rows of the market.
    cooling : ndarray of float64, shape (n,)
        Until when (in seconds) an account is in the pause after a partial liquidation.
    session : ndarray of float64, shape (n + 4,), USD
        P&L since the start.
    auctions : mapping of int to Auction
        Running auctions by account.
    fund_history : tuple of (seconds, USD)
        Worth of the fund at the instants so far.
    """

    accounts: Ids
    currencies: tuple[str, ...]
    seconds: float
    holder: Codes
    row: Codes
    quantity: Array
    entry: Array
    cell: Offsets
    leverage: Array | None
    leg: NDArray[np.int8] | None
    amount: Array
    owner: Codes
    currency: Codes
    hedge_cap: Array | None
    collateral: NDArray[np.bool_] | None
    orders: Orders
    cooling: Array
    session: Array
    auctions: Mapping[int, Auction] = field(default_factory=dict)
    fund_history: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(
        cls,
        book: Book,
        market: Market,
        *,
        fund: Mapping[str, float] | None = None,
        backstop: Mapping[str, float] | None = None,
    ) -> State:
        """The state of a book; unrealised P&L is settled into the balances.

        Parameters
        ----------
        book : Book
        market : Market
        fund, backstop : mapping of str to float, optional
            Money of the insurance fund and of the backstop by currency; nothing without it.

        Raises
        ------
        DataError
            If the book or the house names an instrument or a currency that the market lacks, or somebody has a loan beside a
            balance.
        """
        _refuse_loans(book)
        encoded = Encoded.of(book, market, spot_orders=True)
        n, k = len(book.accounts), len(market.currencies)
        held, p = book.positions, len(book.positions)
        row = encoded.instrument_row[held.instrument]
        shared = (n + len(HOUSE)) * k
        assigned = held.isolated_collateral
        alone = np.zeros(p, dtype=np.bool_) if assigned is None else ~np.isnan(assigned)
        settlement = market.settlement[row]
        cell = held.account.astype(np.int64) * k + settlement
        cell[alone] = shared + np.arange(alone.sum())
        balances = book.balances
        own_cell = balances.account.astype(np.int64) * k + encoded.currency_row[balances.currency]
        amount = np.bincount(own_cell, weights=balances.amount, minlength=shared).astype(np.float64, copy=False)
        n_cells = shared + int(alone.sum())
        caps = None if balances.hedge_cap is None else np.full(n_cells, np.nan)
        if caps is not None and balances.hedge_cap is not None:
            np.fmin.at(caps, own_cell, balances.hedge_cap)
        flags = None if balances.collateral is None else np.ones(n_cells, dtype=np.bool_)
        if flags is not None and balances.collateral is not None:
            np.logical_and.at(flags, own_cell, balances.collateral)
        for which, given in ((FUND, fund), (BACKSTOP, backstop)):
            for name, value in (given or {}).items():
                amount[(n + which) * k + _code(name, market)] += value
        if assigned is not None:
            amount = np.concatenate((amount, assigned[alone]))
        used, inverse = np.unique(row, return_inverse=True)
        other_side = -np.bincount(inverse, weights=held.quantity, minlength=len(used))
        own, legs = held.leverage, held.leg
        state = cls(
            accounts=book.accounts,
            currencies=market.currencies,
            seconds=0.0,
            holder=np.concatenate((held.account, np.full(len(used), n + MARKET))).astype(np.int32),
            row=np.concatenate((row, used)).astype(np.int32),
            quantity=np.concatenate((held.quantity, other_side)),
            entry=np.concatenate((np.full(p, np.nan) if held.entry_price is None else held.entry_price, market.mark[used])),
            cell=np.concatenate((cell, (n + MARKET) * k + market.settlement[used])).astype(np.int64),
            leverage=None if own is None else np.append(own, np.full(len(used), np.nan)),
            leg=None if legs is None else np.append(legs, np.zeros(len(used), dtype=np.int8)),
            amount=amount,
            owner=np.concatenate((np.repeat(np.arange(n + len(HOUSE)), k), held.account[alone])).astype(np.int32),
            currency=np.concatenate((np.tile(np.arange(k), n + len(HOUSE)), settlement[alone])).astype(np.int32),
            hedge_cap=caps,
            collateral=flags,
            orders=_orders(book, encoded),
            cooling=np.full(n, -np.inf),
            session=np.zeros(n + len(HOUSE)),
        )
        unsettled = np.append(unrealised_pnl(market, row, held.quantity, held.entry_price), np.zeros(len(used)))
        return state.paid(unsettled)

    @property
    def n(self) -> int:
        """Number of accounts; the first holder of the house."""
        return len(self.accounts)

    @property
    def shared_cells(self) -> int:
        """Number of balances; later cells belong to single positions."""
        return (self.n + len(HOUSE)) * len(self.currencies)

    def paid(self, pnl: Array) -> State:
        """After a P&L of every position, shape (p,), settlement currency; the market pays and gets the sum.

        The market's own positions must come with zero: it is the other side of all others together.
        """
        by_cell = np.bincount(self.cell, weights=pnl, minlength=len(self.amount)).astype(np.float64, copy=False)
        amount = self.amount + by_cell
        moved = amount - self.amount  # what was really added, so that the market's counter-entry is of the same floats
        k = len(self.currencies)
        for c in range(k):
            here = moved[self.currency == c]
            if here.any():
                amount[(self.n + MARKET) * k + c] -= math.fsum(here)
        return replace(self, amount=amount)

    def cells(self, holder: int) -> Offsets:
        """Balances of a holder, one for each currency."""
        k = len(self.currencies)
        return np.arange(holder * k, (holder + 1) * k, dtype=np.int64)

    def totals(self) -> dict[str, float]:
        """Money of each currency over all holders, exactly rounded; no step and no move of the market changes it."""
        return {name: math.fsum(self.amount[self.currency == c]) for c, name in enumerate(self.currencies)}

    def contracts(self, market: Market) -> Array:
        """Contracts of each instrument over all holders, shape (n_instruments,): zero."""
        return np.bincount(self.row, weights=self.quantity, minlength=len(market)).astype(np.float64, copy=False)

    def worth(self, market: Market) -> Array:
        """Equity of every holder in USD without haircuts, shape (n + 4,): money and the value of options."""
        n_holders, usd = self.n + len(HOUSE), np.nan_to_num(market.usd * market.money_usd)
        money = np.bincount(self.owner, weights=self.amount * usd[self.currency], minlength=n_holders)
        value = np.where(is_option(market), market.contract_size * market.mark, 0.0) * usd[market.settlement]
        options = np.bincount(self.holder, weights=self.quantity * value[self.row], minlength=n_holders)
        return np.asarray(money + options, dtype=np.float64)

    def book(self, codes: Codes | None = None) -> BookOf:
        """Accounts (all, or some by code) as a book, with where its rows stand here."""
        chosen = np.arange(self.n, dtype=np.int32) if codes is None else codes
        number = np.full(self.n + len(HOUSE), -1, dtype=np.int32)
        number[chosen] = np.arange(len(chosen), dtype=np.int32)
        at = np.flatnonzero((number[self.holder] >= 0) & (self.quantity != 0))
        order = np.flatnonzero(number[self.orders.account] >= 0)
        owned = np.flatnonzero((number[self.owner[: self.shared_cells]] >= 0) & (self.amount[: self.shared_cells] != 0))
        rows, inverse = np.unique(np.concatenate((self.row[at], self.orders.instrument[order])), return_inverse=True)
        code: Codes = inverse.astype(np.int32)
        alone = self.cell[at] >= self.shared_cells
        resting = self.orders
        positions = Positions(
            account=number[self.holder[at]],
            instrument=code[: len(at)],
            quantity=self.quantity[at],
            isolated_collateral=np.where(alone, self.amount[self.cell[at]], np.nan) if alone.any() else None,
            leverage=None if self.leverage is None else self.leverage[at],
            leg=None if self.leg is None else self.leg[at],
        )
        orders = Orders(
            account=number[resting.account[order]],
            instrument=code[len(at) :],
            quantity=resting.quantity[order],
            price=resting.price[order],
            mmp=resting.mmp[order],
            leverage=None if resting.leverage is None else resting.leverage[order],
            leg=None if resting.leg is None else resting.leg[order],
        )
        balances = Balances(
            account=number[self.owner[owned]],
            currency=self.currency[owned],
            amount=self.amount[owned],
            hedge_cap=None if self.hedge_cap is None else self.hedge_cap[owned],
            collateral=None if self.collateral is None else self.collateral[owned],
        )
        return BookOf(self.accounts.take(chosen), rows.astype(np.int32), self.currencies, positions, balances, orders, at, order)


@dataclass(frozen=True, slots=True, eq=False)
class BookOf:
    """Parts of a book of some accounts; `position` and `order` say where its rows stand in the state."""

    accounts: Ids
    rows: Codes
    currencies: tuple[str, ...]
    positions: Positions
    balances: Balances
    orders: Orders
    position: Offsets
    order: Offsets

    def of(self, market: Market) -> Book:
        """The book; instruments take their names from the market."""
        names = market.instruments.take(self.rows)
        return Book(self.accounts, names, self.currencies, self.positions, self.balances, self.orders)


def _orders(book: Book, encoded: Encoded) -> Orders:
    return replace(book.orders, instrument=encoded.instrument_row[book.orders.instrument])


def _code(currency: str, market: Market) -> int:
    if currency not in market.currencies:
        problem = f"the house holds {currency}, which is not in the market"
        raise DataError(problem, table="currencies", column="currency", value=currency, hint="Add it to the market's currencies.")
    return market.currencies.index(currency)


def _refuse_loans(book: Book) -> None:
    """No step repays a loan, so a book with loans would be liquidated wrongly."""
    own = book.balances
    rows = np.flatnonzero(own.loan) if own.loan is not None else np.zeros(0, dtype=np.int64)
    if len(rows):
        row = int(rows[0])
        raise DataError(
            "liquidation of loans is not simulated",
            table="balances",
            column="loan",
            row=row,
            key={"account": book.accounts[int(own.account[row])], "currency": book.currencies[int(own.currency[row])]},
            count=len(rows),
            hint="Take the loan off the amount, or leave the account out.",
        )
