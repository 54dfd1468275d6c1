"""Trades that are thought of: their table, and accounts after them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import columns as tables
from margin.analysis.variants import Variants, with_positions
from margin.book import Book
from margin.book_rows import LONG, NET, SHORT, Positions
from margin.contracts import is_option, unrealised_pnl
from margin.errors import DataError
from margin.ids import Ids, concat
from margin.market import SPOT, Market
from margin.tables import Column, Table

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

TRADES = Table(
    "trades",
    (
        Column("instrument", "id", "the instrument"),
        Column("quantity", "number", "signed, bought above zero", "contracts"),
        Column("price", "number", "price of the trade, by default the mark", "as mark", False, "non_negative", (), True),
        Column("account", "id", "who trades; needed where none is named beside the table", required=False),
        Column("candidate", "id", "trades of one candidate are done together; by default each row is one", required=False),
        Column(
            "isolated_collateral", "number", "collateral assigned; 0 adds to an isolated position, without one it shares",
            "settlement currency", False, "non_negative", (), True,
        ),
        Column("leverage", "number", "leverage chosen", "", False, "positive", (), True),
        Column("side", "text", "leg that is traded, where legs do not net", "", False, "finite", ("long", "short"), True),
    ),
    key=("account", "candidate", "instrument"),
)  # fmt: skip
"""Schema of a table of trades."""


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """Trades in the terms of a market; one entry for each.

    Attributes
    ----------
    variant : ndarray of int32
        Variant that trades.
    row : ndarray of int32
        Market row of the instrument.
    quantity, price : ndarray of float64
        Contracts, bought above zero; price as mark.
    isolated_collateral, leverage : ndarray of float64 or None
        NaN where there is none.
    leg : ndarray of int8 or None
    """

    variant: Codes
    row: Codes
    quantity: Array
    price: Array
    isolated_collateral: Array | None = None
    leverage: Array | None = None
    leg: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.variant)


def rows_of(market: Market, instruments: Ids, *, table: str = "trades") -> Codes:
    """Market rows of instruments; one that is unknown or a spot pair is refused."""
    row = instruments.lookup(market.instruments)
    wrong = (row < 0) | (market.kind[row] == SPOT)
    if wrong.any():
        i = int(np.argmax(wrong))
        problem = f"{instruments[i]!r} {'is not in the market' if row[i] < 0 else 'is a spot pair, which is not margined'}"
        hint = "Coins are balances." if row[i] >= 0 else "Add it to the market's instruments and quotes."
        raise DataError(problem, table=table, column="instrument", row=i, value=instruments[i], hint=hint)
    return row


def read_trades(source: object, book: Book, market: Market, account: str | int | None) -> tuple[Trades, Codes, Ids]:
    """Read a table of trades.

    Returns
    -------
    trades : Trades
        Variants are numbered in the order in which candidates come.
    source : ndarray of int32
        Account of each candidate in the book.
    candidates : Ids

    Raises
    ------
    DataError
        If the table is wrong, an account or an instrument unknown, or one candidate belongs to two accounts.
    """
    table = tables.read(TRADES, source)
    instrument = table.coded("instrument")
    row = np.append(rows_of(market, instrument.vocabulary), np.int32(-1))[instrument.codes]
    if "candidate" in table:
        coded = table.coded("candidate")
        variant, candidates = coded.codes, coded.vocabulary
    else:
        variant, candidates = np.arange(len(table), dtype=np.int32), Ids.of(np.arange(len(table), dtype=np.int64))
    own = _accounts(table, book, account)
    by_candidate = np.zeros(len(candidates), dtype=np.int32)
    by_candidate[variant] = own
    table.reject("candidate", by_candidate[variant] != own, "candidate {value} trades for two accounts", "Give each its own.")
    price = table.number("price")
    legs = None
    if "side" in table:
        side = table.coded("side")
        code = np.array([*({"long": LONG, "short": SHORT}[str(name)] for name in side.vocabulary), NET], dtype=np.int8)
        legs = code[side.codes]
    return (
        Trades(
            variant=variant,
            row=row,
            quantity=table.number("quantity"),
            price=np.where(np.isnan(price), market.mark[row], price),
            isolated_collateral=table.number_or_none("isolated_collateral"),
            leverage=table.number_or_none("leverage"),
            leg=legs,
        ),
        by_candidate,
        candidates,
    )


def _accounts(table: tables.Columns, book: Book, account: str | int | None) -> Codes:
    """Account of each trade, as a code of the book."""
    if "account" not in table:
        if account is None:
            hint = "Give the column, or name an account beside the table."
            raise DataError("the column is missing, and no account is named", table="trades", column="account", hint=hint)
        known = Ids.of([account]).lookup(book.accounts)
        if known[0] < 0:
            book.select([account])  # raises, and says what ids there are
        return np.full(len(table), known[0], dtype=np.int32)
    coded = table.coded("account")
    code = np.append(coded.vocabulary.lookup(book.accounts), np.int32(-1))[coded.codes]
    table.reject("account", code < 0, "account {value} is not in the book", "Correct it, or add its positions or balances.")
    return code


def traded(variants: Variants, trades: Trades, market: Market, *, settled: bool | None = None) -> Variants:
    """Variants after trades at their prices.

    A future or perpetual is a new row with the trade's price as its entry; where the book is settled to the mark, the gain
    against the mark is paid into the balance of the settlement currency. The price of an option is paid from there. No fees.

    Parameters
    ----------
    variants : Variants
    trades : Trades
    market : Market
    settled : bool, optional
        Whether positions are settled to the mark; by default as `settled_to_mark` says of the variants.
    """
    known = variants.book.instruments
    wanted = market.instruments.take(np.unique(trades.row))
    new = wanted.take(np.flatnonzero(wanted.lookup(known) < 0))
    instruments = concat(known, new)
    code = market.instruments.take(trades.row).lookup(instruments) if len(trades) else np.zeros(0, dtype=np.int32)
    isolated = trades.isolated_collateral
    if isolated is None and variants.book.positions.isolated_collateral is not None:
        isolated = _joins_isolated(variants, trades, code)
    option = is_option(market)[trades.row]
    settled = settled_to_mark(variants.book) if settled is None else settled
    added = Positions(
        account=trades.variant,
        instrument=code,
        quantity=trades.quantity,
        entry_price=None if settled else trades.price,
        isolated_collateral=isolated,
        leverage=trades.leverage,
        leg=trades.leg,
    )
    cash = np.where(option, -trades.quantity * trades.price * market.contract_size[trades.row], 0.0)
    if settled:
        priced = np.where(option, 1.0, trades.price)
        cash += np.where(option, 0.0, unrealised_pnl(market, trades.row, trades.quantity, priced))
    out = with_positions(variants, instruments, added)
    for c in np.unique(market.settlement[trades.row[cash != 0]]):
        paid = (cash != 0) & (market.settlement[trades.row] == c)
        out = out.with_balance(trades.variant[paid], market.currencies[int(c)], cash[paid])
    return out


def settled_to_mark(book: Book) -> bool:
    """Whether the positions of a book have no entry prices; of one without positions the first trade decides."""
    return book.positions.entry_price is None and len(book.positions) > 0


def _joins_isolated(variants: Variants, trades: Trades, code: Codes) -> Array:
    """0 for trades in a position that is isolated, so that they join it; NaN for the others."""
    held = variants.book.positions
    assert held.isolated_collateral is not None
    n = np.int64(len(variants.book.instruments) + len(trades) + 1)
    isolated = (held.account * n + held.instrument)[~np.isnan(held.isolated_collateral)]
    return np.where(np.isin(trades.variant * n + code, isolated), 0.0, np.nan)
