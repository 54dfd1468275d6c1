"""`Book`: positions, balances and open orders of many accounts at one instant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin import columns as tables
from margin import kernels
from margin.book_rows import LONG, NET, SHORT, Balances, Orders, Positions
from margin.errors import DataError
from margin.ids import Ids, merge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from margin.columns import Columns
    from margin.market import Market

__all__ = ["Balances", "Book", "Orders", "Positions"]

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """Positions, balances and open orders of many accounts. Made by `Book.of`.

    Arrays are C-contiguous and must not be changed. Rows stand in the order in which they were given.

    Attributes
    ----------
    accounts : Ids
        In the order of the table of accounts if there is one, else of first occurrence in positions, balances, orders.
    instruments : Ids
        Instruments that occur in positions and orders.
    currencies : tuple of str
        Currencies that occur in balances.
    positions : Positions
    balances : Balances
    orders : Orders
    """

    accounts: Ids
    instruments: Ids
    currencies: tuple[str, ...]
    positions: Positions
    balances: Balances
    orders: Orders

    @classmethod
    def of(
        cls,
        *,
        positions: object = None,
        balances: object = None,
        orders: object = None,
        accounts: object = None,
        strict: bool = False,
    ) -> Book:
        """Build a book from its tables (see `margin.tables`), in any row order.

        Parameters
        ----------
        positions, balances, orders, accounts : mapping of columns, or object with ``__arrow_c_stream__``, optional
            Without a table there are no rows of it. With a table of accounts every account must be in it, and those
            without any row are assessed too.
        strict : bool
            Refuse several positions of the same account and instrument, and several balances of the same account and currency;
            by default such rows add up, each at its own entry price.

        Raises
        ------
        DataError
            Naming table, column, row, account, instrument and value at fault.

        Examples
        --------
        >>> book = Book.of(
        ...     positions={"account": ["alice", "bob"], "instrument": ["BTC-PERPETUAL"] * 2, "quantity": [100.0, -100.0]},
        ...     balances={"account": ["alice", "bob"], "currency": ["BTC", "BTC"], "amount": [0.5, 0.25]},
        ... )
        >>> book
        Book(2 accounts, 2 positions, 2 balances, 0 orders)
        """
        given = {"positions": positions, "balances": balances, "orders": orders}
        read = [tables.empty(name) if table is None else tables.read(name, table) for name, table in given.items()]
        held, owned, ordered = read
        listed = None if accounts is None else tables.read("accounts", accounts)
        account_ids, (held_account, owned_account, ordered_account) = _accounts(read, listed)
        _same_kind(held, ordered, "instrument")
        instrument_ids, (held_instrument, ordered_instrument) = merge(held.coded("instrument"), ordered.coded("instrument"))
        currency = owned.coded("currency")
        book = cls(
            accounts=account_ids,
            instruments=instrument_ids,
            currencies=tuple(map(str, currency.vocabulary)),
            positions=Positions(
                held_account,
                held_instrument,
                held.number("quantity"),
                held.number_or_none("entry_price"),
                held.number_or_none("isolated_collateral"),
                held.number_or_none("leverage"),
                _legs(held),
            ),
            balances=Balances(
                owned_account,
                currency.codes,
                owned.number("amount"),
                owned.number_or_none("hedge_cap"),
                owned.flag("collateral") if "collateral" in owned else None,
                _loans(owned),
            ),
            orders=Orders(
                ordered_account,
                ordered_instrument,
                ordered.number("quantity"),
                ordered.number("price"),
                ordered.flag("mmp"),
                ordered.number_or_none("leverage"),
                _legs(ordered),
            ),
        )
        if strict:
            legs = book.positions.leg
            _reject_pairs(held, held_account, held_instrument if legs is None else 3 * held_instrument + legs, len(account_ids))
            _reject_pairs(owned, owned_account, currency.codes, len(account_ids))
        return book

    def __len__(self) -> int:
        return len(self.accounts)

    def __repr__(self) -> str:
        counts = {
            "account": len(self.accounts),
            "position": len(self.positions),
            "balance": len(self.balances),
            "order": len(self.orders),
        }
        return "Book(" + ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items()) + ")"

    def select(self, accounts: object, *, codes: bool = False) -> Book:
        """The book of some of the accounts, in the order asked for.

        Parameters
        ----------
        accounts : Ids, or anything `Ids.of` takes
        codes : bool
            `accounts` are codes into `Book.accounts`, not identifiers.

        Raises
        ------
        DataError
            If an account is unknown or asked for twice.
        """
        chosen = np.asarray(accounts, dtype=np.int32) if codes else self._codes(Ids.of(accounts))
        new = np.full(len(self.accounts), -1, dtype=np.int32)
        new[chosen] = np.arange(len(chosen), dtype=np.int32)
        twice = np.flatnonzero(new[chosen] != np.arange(len(chosen)))
        if len(twice):
            problem = f"account {self.accounts[int(chosen[twice[0]])]!r} is asked for twice"
            raise DataError(problem, count=len(twice))
        return replace(
            self,
            accounts=self.accounts.take(chosen),
            positions=_rows_of(self.positions, new),
            balances=_rows_of(self.balances, new),
            orders=_rows_of(self.orders, new),
        )

    def _codes(self, ids: Ids) -> Codes:
        found = ids.lookup(self.accounts)
        missing = np.flatnonzero(found < 0)
        if len(missing):
            problem = f"account {ids[int(missing[0])]!r} is not in the book"
            raise DataError(
                problem,
                value=ids[int(missing[0])],
                count=len(missing),
                hint=_kind_hint(ids, self.accounts),
            )
        return found

    def resolve(self, market: Market) -> tuple[Codes, Codes]:
        """Where the instruments and currencies of the book are in a market.

        Returns
        -------
        instrument_rows : ndarray of int32, shape (len(book.instruments),)
        currency_rows : ndarray of int32, shape (len(book.currencies),)
            -1 for instruments and currencies that no row of this book uses.

        Raises
        ------
        DataError
            If an instrument is unknown to the market, or a currency is unknown to it.
        """
        instrument_rows = self.instruments.lookup(market.instruments)
        hint = _kind_hint(self.instruments, market.instruments) or "Add it to the market's instruments and quotes."
        missing = instrument_rows < 0
        for table, rows in (("positions", self.positions), ("orders", self.orders)) if missing.any() else ():
            self._reject(
                table,
                "instrument",
                rows.account,
                rows.instrument,
                self.instruments,
                missing[rows.instrument],
                "is not in the market",
                hint,
            )
        named = {code: i for i, code in enumerate(market.currencies)}
        currency_rows = np.array([named.get(code, -1) for code in self.currencies], dtype=np.int32)
        own = self.balances
        unknown = (currency_rows < 0)[own.currency]
        hint = "Add it to the market's currencies."
        self._reject("balances", "currency", own.account, own.currency, self.currencies, unknown, "is not in the market", hint)
        return instrument_rows, currency_rows

    def _reject(
        self,
        table: str,
        column: str,
        account: Codes,
        code: Codes,
        names: Ids | Sequence[str],
        wrong: NDArray[np.bool_],
        problem: str,
        hint: str,
    ) -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            value = names[int(code[row])]
            problem = f"{value!r} {problem}"
            raise DataError(
                problem,
                table=table,
                column=column,
                row=row,
                key={"account": self.accounts[int(account[row])], column: value},
                value=value,
                count=int(wrong.sum()),
                hint=hint,
            )


def _loans(table: Columns) -> Array | None:
    """What is borrowed, 0 where nothing is said."""
    loan = table.number_or_none("loan")
    return None if loan is None else np.nan_to_num(loan, nan=0.0)


def _legs(table: Columns) -> NDArray[np.int8] | None:
    """Leg of each row of a table with a column ``side``; a position stands on the side of its quantity."""
    if "side" not in table:
        return None
    side = table.coded("side")
    code = np.array([*({"long": LONG, "short": SHORT}[str(name)] for name in side.vocabulary), NET], dtype=np.int8)
    leg = code[side.codes]
    if table.table.name == "positions":
        quantity = table.number("quantity")
        wrong = ((leg == LONG) & (quantity < 0)) | ((leg == SHORT) & (quantity > 0))
        table.reject("quantity", wrong, "{value} has not the sign of its side", "A long leg is positive, a short leg negative.")
    return leg


def _kind_hint(asked: Ids, known: Ids) -> str:
    if not len(asked) or not len(known) or asked.is_integer == known.is_integer:
        return ""
    words = ["integers" if ids.is_integer else "strings" for ids in (asked, known)]
    return f"Ids are {words[0]} here and {words[1]} there: {asked[0]!r}, {known[0]!r}."


def _same_kind(first: Columns, second: Columns, column: str) -> None:
    """Two tables must name the same things alike, by strings or by integers."""
    hint = _kind_hint(second.coded(column).vocabulary, first.coded(column).vocabulary)
    if hint:
        problem = f"ids are not of the kind they have in {first.table.name}"
        raise DataError(problem, table=second.table.name, column=column, hint=hint)


def _accounts(read: list[Columns], listed: Columns | None) -> tuple[Ids, list[Codes]]:
    """The vocabulary of accounts and the codes of each table in it."""
    every = read if listed is None else [listed, *read]
    filled = [table for table in every if len(table)]
    for table in filled[1:]:
        _same_kind(filled[0], table, "account")
    if listed is None:
        return merge(*(table.coded("account") for table in read))
    listed.reject_duplicates("account")
    vocabulary = listed.coded("account").vocabulary
    codes = []
    for table in read:
        own = table.coded("account")
        at = np.append(own.vocabulary.lookup(vocabulary), np.int32(-1))[own.codes]
        table.reject("account", at < 0, "{value} is not in the table of accounts", "Add it there, or remove the rows.")
        codes.append(at)
    return vocabulary, codes


def _reject_pairs(table: Columns, account: Codes, other: Codes, n_accounts: int) -> None:
    """Raise if two rows of a table have the same account and the same instrument or currency."""
    _, order = kernels.group(account, other, n_accounts)
    again = (account[order][1:] == account[order][:-1]) & (other[order][1:] == other[order][:-1])
    if again.any():
        wrong = np.zeros(len(account), dtype=np.bool_)
        wrong[order[1:][again]] = True
        column = table.table.key[1]
        table.reject(column, wrong, "the account has {value} in an earlier row", "Add the rows up.")


def _rows_of(rows: Any, account: Codes) -> Any:
    """Rows of the accounts that have a new code, with that code."""
    keep = np.flatnonzero(account[rows.account] >= 0)
    values = {name: getattr(rows, name) for name in type(rows).__slots__}
    taken = {name: None if value is None else value[keep] for name, value in values.items()}
    return replace(rows, **{**taken, "account": account[rows.account[keep]]})
