"""The schema of every table: columns, kinds, units, meanings and the rules their values keep.

This is the one place that defines the tables. Readers, checks and messages are driven by it; what joins two columns or two
tables is checked by `market` and `book`.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

__all__ = ["RULES", "TABLES", "Column", "Kind", "Rule", "Table"]

Kind = Literal["id", "text", "number", "time", "flag"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What every number of a column keeps, besides being finite."""

    holds: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    problem: str
    hint: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "finite": Rule(np.isfinite, "{value} is not a finite number", "Remove the rows or give numbers."),
        "positive": Rule(lambda v: v > 0.0, "{value} is not above zero", "Give a number above zero."),
        "non_negative": Rule(lambda v: v >= 0.0, "{value} is negative", "Give zero or a number above."),
        "fraction": Rule(lambda v: (v >= 0.0) & (v <= 1.0), "{value} is not between 0 and 1", "Give a fraction."),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    kind : {"id", "text", "number", "time", "flag"}
        ``id``: strings or integers. ``text``: strings. ``number``: finite float64. ``time``: UTC, datetime64, epoch milliseconds,
        ISO 8601 strings with a time of day or Arrow timestamps, kept to the millisecond. ``flag``: booleans.
    meaning : str
    unit : str
    required : bool
        Whether the table must have the column.
    rule : str
        Name of the rule in `RULES` that numbers keep.
    choices : tuple of str
        The only texts allowed, all if empty.
    nullable : bool
        Whether a row may leave it out (None, Arrow null, NaN in a number column).
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    required: bool = True
    rule: str = "finite"
    choices: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its columns and the columns that name a row."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def __getitem__(self, column: str) -> Column:
        return next(c for c in self.columns if c.name == column)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)


def _optional(name: str, kind: Kind, meaning: str, unit: str = "", **more: Any) -> Column:
    return Column(name, kind, meaning, unit, required=False, **more)


def _confidence(name: str, of: str) -> Column:
    return _optional(
        name, "number", f"confidence of the feed in {of}, by default 1", "fraction", rule="fraction", nullable=True
    )


_ACCOUNT = Column("account", "id", "the account")
_INSTRUMENT = Column("instrument", "id", "the instrument")

_INSTRUMENTS = Table(
    "instruments",
    (
        Column("instrument", "id", "the instrument"),
        Column("kind", "text", "what is traded", choices=("perpetual", "future", "option", "spot")),
        Column("contract", "text", "settled in the quote currency or in the base coin", choices=("linear", "inverse")),
        Column("base", "text", "the coin"),
        Column("quote", "text", "currency of strike, forward and (linear) mark"),
        Column("settlement", "text", "currency in which P&L is paid"),
        Column(
            "contract_size",
            "number",
            "size of one contract",
            "quote currency for inverse perpetuals and futures, else base coin",
            rule="positive",
        ),
        _optional("index", "text", 'price index, by default "<base>_<quote>"', nullable=True),
        _optional("expiry", "time", "expiry; futures and options", "UTC", nullable=True),
        _optional("strike", "number", "strike; options only", "quote currency per coin", rule="positive", nullable=True),
        _optional("option_type", "text", "options only", choices=("call", "put"), nullable=True),
    ),
    key=("instrument",),
)

_QUOTES = Table(
    "quotes",
    (
        _INSTRUMENT,
        Column(
            "mark",
            "number",
            "mark price; zero for options only",
            "quote currency per coin; options: settlement currency per coin",
            rule="non_negative",
        ),
        _optional("vol", "number", "implied volatility; options only", "fraction per year", rule="non_negative", nullable=True),
        _optional(
            "forward",
            "number",
            "forward price to the expiry; options only",
            "quote currency per coin",
            rule="positive",
            nullable=True,
        ),
        _optional(
            "fixed_forward",
            "number",
            "part of the forward that a settlement average has already fixed, by default 0; options only",
            "quote currency per coin",
            rule="non_negative",
            nullable=True,
        ),
        _optional("rate", "number", "interest rate to the expiry; options only", "fraction per year", nullable=True),
        _confidence("confidence", "the mark, of an option in its vol"),
        _confidence("forward_confidence", "the forward; options only"),
        _confidence("rate_confidence", "the rate; options only"),
        _optional("min_price", "number", "lowest order price allowed", "as mark", rule="non_negative", nullable=True),
        _optional("max_price", "number", "highest order price allowed", "as mark", rule="positive", nullable=True),
    ),
    key=("instrument",),
)

_INDICES = Table(
    "indices",
    (
        Column("index", "text", "the price index"),
        Column("price", "number", "its price", "quote currency per coin", rule="positive"),
        _confidence("confidence", "the price"),
    ),
    key=("index",),
)

_CURRENCIES = Table(
    "currencies",
    (
        Column("currency", "text", "the currency"),
        Column("usd", "number", "its price", "USD per unit", rule="positive"),
        _confidence("confidence", "the price"),
    ),
    key=("currency",),
)

_POSITIONS = Table(
    "positions",
    (
        _ACCOUNT,
        _INSTRUMENT,
        Column("quantity", "number", "signed, long above zero", "contracts"),
        _optional(
            "entry_price",
            "number",
            "average entry price; without it positions are settled to the mark",
            "as mark",
            rule="positive",
        ),
        _optional(
            "isolated_collateral",
            "number",
            "collateral assigned; a position without it shares what its account has, where the pool allows it",
            "settlement currency",
            rule="non_negative",
            nullable=True,
        ),
        _optional(
            "leverage",
            "number",
            "leverage chosen: initial margin is value over leverage, where the rules say so",
            rule="positive",
            nullable=True,
        ),
        _optional(
            "side",
            "text",
            "leg of a hedged position, which does not net with the other leg; empty where positions net",
            choices=("long", "short"),
            nullable=True,
        ),
    ),
    key=("account", "instrument"),
)

_BALANCES = Table(
    "balances",
    (
        _ACCOUNT,
        Column("currency", "text", "the currency"),
        Column("amount", "number", "signed", "currency units"),
        _optional("collateral", "flag", "whether the account uses the currency as collateral, by default true"),
        _optional(
            "hedge_cap",
            "number",
            "most of a positive equity that stands in the risk unit of its coin, by default all of it",
            "currency units",
            rule="non_negative",
            nullable=True,
        ),
        _optional(
            "loan",
            "number",
            "borrowed, interest included, and not taken off the amount, where the rules margin loans on their own",
            "currency units",
            rule="non_negative",
            nullable=True,
        ),
    ),
    key=("account", "currency"),
)

_ORDERS = Table(
    "orders",
    (
        _ACCOUNT,
        _INSTRUMENT,
        Column("quantity", "number", "open quantity, signed, buy above zero", "contracts"),
        Column("price", "number", "limit price", "as mark", rule="positive"),
        _optional("mmp", "flag", "under market maker protection, by default false"),
        _optional("leverage", "number", "as for positions", rule="positive", nullable=True),
        _optional(
            "side", "text", "leg of a hedged position that the order opens or closes", choices=("long", "short"), nullable=True
        ),
    ),
    key=("account", "instrument"),
)

_ACCOUNTS = Table("accounts", (_ACCOUNT,), key=("account",))

TABLES: Mapping[str, Table] = MappingProxyType(
    {t.name: t for t in (_INSTRUMENTS, _QUOTES, _INDICES, _CURRENCIES, _POSITIONS, _BALANCES, _ORDERS, _ACCOUNTS)}
)
