"""Order check: whether an account may place an order, or lacks the initial margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Assess, Figures
from margin.analysis.tabular import Tabular
from margin.analysis.variants import Variants, with_orders
from margin.assessment import Assessment
from margin.book import Book
from margin.errors import DataError
from margin.ids import Coded, Ids, concat
from margin.market import Market
from margin.models.historical import HistoricalModel
from margin.models.orders import IgnoredOrders
from margin.models.portfolio import PortfolioModel
from margin.models.requirement import Model
from margin.models.split import SplitModel
from margin.models.standard import StandardModel
from margin.names import pool_names
from margin.regime import Regime

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OrderCheck(Tabular):
    """Accounts before and with an order of each of k rows, in USD.

    Attributes
    ----------
    regime : str
    accounts, instruments : Ids, length k
    quantity, price : ndarray of float64, shape (k,)
    before, after : Figures
        k entries each.
    admitted : ndarray of bool, shape (k,)
    pool : Coded, length k
        The pool that an order which is not admitted lacks margin in, by most; "" for the others.
    """

    regime: str
    accounts: Ids
    instruments: Ids
    quantity: Array
    price: Array
    before: Figures
    after: Figures
    admitted: NDArray[np.bool_]
    pool: Coded

    @property
    def title(self) -> str:
        """How many orders are admitted."""
        return f"{int(self.admitted.sum())} of {len(self.admitted)} orders admitted under {self.regime}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each order."""
        return {
            "account": self.accounts,
            "instrument": self.instruments,
            "quantity": self.quantity,
            "price": self.price,
            "initial_before": self.before.initial_margin,
            "initial_after": self.after.initial_margin,
            "available_before": self.before.available,
            "available_after": self.after.available,
            "admitted": self.admitted,
            "pool": self.pool,
        }


def check_orders(
    regime: Regime, book: Book, market: Market, orders: object, *, assess: Assess | None = None
) -> OrderCheck:
    """Say of each order, alone beside those that rest, whether the account may place it.

    An order is admitted if every pool of the account then covers its initial margin with orders, or lacks it already and lacks no
    more than before, which is called delta verification: the change of the collateral is at least that of the initial margin.

    Parameters
    ----------
    regime : Regime
        It must count open orders; what it makes of them is the whole answer.
    book : Book
    market : Market
    orders : table
        As the book's orders (`margin.tables`): account, instrument, quantity (signed), price, and the optional columns.
    assess : callable, optional
        Margins a book in this market, by default `regime.assess`.

    Raises
    ------
    DataError
        Naming table, column, row and value at fault; an account must be in the book. Also if the regime leaves orders out, since
        then every order would be admitted.
    """
    if not _counts_orders(regime.model):
        hint = "Choose a regime whose initial margin has a rule for open orders."
        raise DataError(f"the regime {regime.name} leaves open orders out, so it cannot check them", table="orders", hint=hint)
    wanted = Book.of(orders=orders)
    rows = wanted.orders
    known = wanted.accounts.lookup(book.accounts)
    source = known[rows.account]
    if (source < 0).any():
        row = int(np.argmax(source < 0))
        value = wanted.accounts[int(rows.account[row])]
        hint = "Correct it, or add its positions or balances."
        raise DataError(f"{value!r} is not in the book", table="orders", column="account", row=row, value=value, hint=hint)
    n = len(rows)
    accounts, at = np.unique(source, return_inverse=True)
    at = at.reshape(-1)
    variants = Variants.of(book, np.concatenate((source, accounts)))  # one with each order, then each account as it is
    new = wanted.instruments.take(np.flatnonzero(wanted.instruments.lookup(book.instruments) < 0))
    instruments = concat(book.instruments, new)
    after = with_orders(variants, instruments, wanted.orders, wanted.instruments.lookup(instruments))
    assessment = after.rules(regime, book).assess(after.book, market) if assess is None else assess(after.book)
    lacking, pool = _lacking(assessment, n, np.concatenate((at, np.arange(len(accounts)))))
    every, names = Figures.of(assessment), pool_names(assessment.market, assessment.results.name)
    admitted = ~(lacking < 0)
    vocabulary = concat(names.vocabulary, Ids.of([""]))
    code = np.where(admitted, len(names.vocabulary), names.codes[pool]) if n else np.zeros(0, dtype=np.int32)
    return OrderCheck(
        regime=regime.name,
        accounts=book.accounts.take(source),
        instruments=wanted.instruments.take(rows.instrument),
        quantity=rows.quantity,
        price=rows.price,
        before=every.take(n + at),
        after=every.take(np.arange(n)),
        admitted=admitted,
        pool=Coded(code.astype(np.int32), vocabulary),
    )


def _counts_orders(model: Model) -> bool:
    """Whether open orders take part in the initial margin of pools that are shared."""
    if isinstance(model, SplitModel):
        return _counts_orders(model.shared)
    if isinstance(model, StandardModel):
        return not isinstance(model.orders, IgnoredOrders)
    if isinstance(model, PortfolioModel):
        return model.orders is not None or model.order_sets
    return not isinstance(model, HistoricalModel) or model.orders is not None


def _lacking(assessment: Assessment, n: int, account: NDArray[np.int64]) -> tuple[Array, NDArray[np.int64]]:
    """Of each of the first n variants the pool that falls furthest below what is allowed: by how much (< 0), and its row.

    Allowed is 0, and below it what the pool of the same account has without the order. `account` numbers accounts by variant.
    """
    r = assessment.results
    key = np.stack([account[r.account], r.name, r.currency], axis=1)
    pool = np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)
    without = np.zeros(len(r.account))
    as_it_is = r.account >= n
    np.minimum.at(without, pool[as_it_is], assessment.available[as_it_is])
    room = assessment.available - without[pool]
    room = np.where(np.isnan(room), -np.inf, room)  # a margin that is not a number is not covered
    row = np.flatnonzero(~as_it_is)
    row = row[np.lexsort((room[row], r.account[row]))]
    variant, first = np.unique(r.account[row], return_index=True)
    lacking, worst = np.zeros(n), np.zeros(n, dtype=np.int64)
    lacking[variant], worst[variant] = room[row[first]], row[first]
    return lacking, worst
