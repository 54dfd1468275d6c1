"""What the columns of a market's tables must keep between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from margin import _values
from margin.errors import DataError
from margin.tables import RULES, TABLES

if TYPE_CHECKING:
    from margin.columns import Columns
    from margin.market import Market

Mask = NDArray[np.bool_]

_LEAVE_EMPTY = "Leave it empty (null) there."


def _is(table: Columns, column: str, *names: str) -> Mask:
    coded = table.coded(column)
    chosen = np.array([*(name in names for name in coded.vocabulary), False], dtype=np.bool_)
    return np.asarray(chosen[coded.codes])


def instruments(table: Columns, time: np.datetime64) -> None:
    """Options have strike and type and nothing else has; what expires expires not before `time`; inverse settles in base."""
    option, dated = _is(table, "kind", "option"), _is(table, "kind", "option", "future")
    has_strike = ~np.isnan(table.number("strike"))
    has_type = table.coded("option_type").codes >= 0
    expiry = table.time("expiry")
    table.reject("strike", option & ~has_strike, "an option needs a strike", "Give it in quote currency.")
    table.reject("option_type", option & ~has_type, "an option needs a type", "Give call or put.")
    table.reject("strike", ~option & has_strike, "{value} is given for an instrument that is no option", _LEAVE_EMPTY)
    table.reject("option_type", ~option & has_type, "{value} is given for an instrument that is no option", _LEAVE_EMPTY)
    table.reject("expiry", dated & np.isnat(expiry), "a future or option needs an expiry", "Give a UTC time.")
    table.reject("expiry", ~dated & ~np.isnat(expiry), "{value} is given for an instrument that does not expire", _LEAVE_EMPTY)
    table.reject(
        "expiry",
        expiry < time,
        f"{{value}} is before the market's time {time}",
        "Remove expired instruments, their quotes and positions.",
    )
    inverse = _is(table, "contract", "inverse")
    table.reject("contract", inverse & _is(table, "kind", "spot"), "spot is never {value}", "Give linear.")
    base, settlement = table.coded("base"), table.coded("settlement")
    same = settlement.vocabulary.lookup(base.vocabulary)[settlement.codes] == base.codes if len(table) else inverse
    table.reject(
        "settlement", inverse & ~same, "{value} is not the base coin of an inverse contract", "Inverse contracts settle in base."
    )


def match_quotes(instrument: Columns, quote: Columns) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Row of the quote of each instrument, and of the instrument of each quote; each has one."""
    ids, quoted = instrument.coded("instrument").vocabulary, quote.coded("instrument").vocabulary
    of_quote = quoted.lookup(ids)
    quote.reject("instrument", of_quote < 0, "{value} is not in the table of instruments", "Add it there, or remove the quote.")
    rows = ids.lookup(quoted)
    instrument.reject("instrument", rows < 0, "{value} has no quote", "Add it to quotes, or remove the instrument.")
    return rows, of_quote


def quotes(table: Columns, option: Mask) -> None:
    """Options have vol and forward and nothing else has; only an option's mark may be zero; price bands are not empty."""
    has_vol, has_forward = ~np.isnan(table.number("vol")), ~np.isnan(table.number("forward"))
    table.reject("vol", option & ~has_vol, "an option needs a vol", "Give the implied volatility as a fraction per year.")
    table.reject("forward", option & ~has_forward, "an option needs a forward", "Give it in quote currency.")
    table.reject("vol", ~option & has_vol, "{value} is given for an instrument that is no option", _LEAVE_EMPTY)
    table.reject("forward", ~option & has_forward, "{value} is given for an instrument that is no option", _LEAVE_EMPTY)
    table.reject(
        "mark", ~option & (table.number("mark") == 0.0), "{value} is not above zero", "Only options may be worth nothing."
    )
    for name in ("fixed_forward", "rate", "forward_confidence", "rate_confidence"):
        given = ~np.isnan(table.number(name))
        table.reject(name, ~option & given, "{value} is given for an instrument that is no option", _LEAVE_EMPTY)
    fixed = table.number("fixed_forward") > table.number("forward")
    table.reject("fixed_forward", fixed, "{value} is more than the whole forward", "Give the part that is fixed.")
    crossed = table.number("min_price") > table.number("max_price")
    table.reject("max_price", crossed, "{value} is below min_price", "Give an order price band with min_price <= max_price.")


# Columns that `Market.with_` replaces, and the schema whose rule they keep.
_REPLACEABLE = {
    "mark": ("quotes", "mark"),
    "forward": ("quotes", "forward"),
    "vol": ("quotes", "vol"),
    "fixed_forward": ("quotes", "fixed_forward"),
    "rate": ("quotes", "rate"),
    "min_price": ("quotes", "min_price"),
    "max_price": ("quotes", "max_price"),
    "contract_size": ("instruments", "contract_size"),
    "index_price": ("indices", "price"),
    "usd": ("currencies", "usd"),
}


def replacement(market: Market, name: str, values: object, option: Mask) -> NDArray[np.float64]:
    """New values of one column of a market, under the rules of the table they come from.

    Parameters
    ----------
    market : Market
    name : str
    values : array of float, one per instrument (``usd``: one per currency)
    option : ndarray of bool, shape (n,)
    """
    if name not in _REPLACEABLE:
        problem = f"{name!r} cannot be replaced"
        raise DataError(problem, table="market", hint=f"Columns are {', '.join(('time', *_REPLACEABLE))}.")
    table, column = _REPLACEABLE[name]
    try:
        new = _values.numbers(values, nullable=True)
    except DataError as error:
        raise error.located(table="market", column=name) from None
    settled = np.zeros(len(market.currencies), dtype=np.bool_)
    settled[market.settlement] = True
    everywhere = np.ones(len(market), dtype=np.bool_)
    nowhere = ~everywhere
    needed = {
        "vol": option, "forward": option, "fixed_forward": option, "rate": nowhere,
        "min_price": nowhere, "max_price": nowhere, "usd": settled,
    }.get(name, everywhere)  # fmt: skip
    if new.shape != needed.shape:
        problem = f"values of shape {new.shape} where shape {needed.shape} is needed"
        raise DataError(problem, table="market", column=name)
    wrong_names = market.currencies if name == "usd" else market.instruments

    def reject(wrong: Mask, problem: str, hint: str = "") -> None:
        if wrong.any():
            row = int(np.argmax(wrong))
            key = {"currency" if name == "usd" else "instrument": wrong_names[row]}
            text = problem.replace("{value}", repr(float(new[row])))
            raise DataError(
                text, table="market", column=name, row=row, key=key, value=float(new[row]), count=int(wrong.sum()), hint=hint
            )

    given = needed | ~np.isnan(new)
    for rule in (RULES["finite"], RULES[TABLES[table][column].rule]):
        reject(given & ~rule.holds(new), rule.problem, "Give a number that is." if rule is RULES["finite"] else rule.hint)
    if name == "mark":
        reject(~option & (new == 0.0), "{value} is not above zero", "Only options may be worth nothing.")
    elif name == "vol":
        reject(~option & ~np.isnan(new), "{value} is given for an instrument that is no option", "Give nan there.")
    elif name == "index_price":
        price = np.zeros(len(market.indices))
        price[market.index] = new
        reject(price[market.index] != new, "{value} is not the price other instruments of the same index have")
    return new
