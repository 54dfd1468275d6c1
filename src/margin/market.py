"""`Market`: instruments, marks, vols, indices and currencies at one instant."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin import _market_checks as checks
from margin import columns as tables
from margin._values import instant
from margin.errors import DataError
from margin.ids import Coded, Ids, merge
from margin.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable

    from margin.columns import Columns

__all__ = ["DAYS_A_YEAR", "FUTURE", "OPTION", "PERPETUAL", "SPOT", "Market"]

PERPETUAL, FUTURE, OPTION, SPOT = 0, 1, 2, 3

Array = NDArray[np.float64]
Times = NDArray[np.datetime64]

_KINDS = TABLES["instruments"]["kind"].choices
DAYS_A_YEAR = 365
"""Day count of all times to expiry."""

_YEAR = np.timedelta64(DAYS_A_YEAR * 86_400_000, "ms")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Market:
    """Instruments and their prices at one instant. Made by `Market.of`.

    n instruments, m currencies, k indices. All arrays are C-contiguous and must not be changed.

    Attributes
    ----------
    time : datetime64[ms], UTC
    instruments : Ids, shape (n,)
    kind : ndarray of int8, shape (n,)
        `PERPETUAL`, `FUTURE`, `OPTION` or `SPOT`.
    inverse : ndarray of bool, shape (n,)
        Settled in the base coin.
    currencies : tuple of str, length m
        Every code that occurs as base, quote or settlement currency or in the table of currencies.
    money : str
        What `usd` counts in: USD, unless the market was `counted_in` another currency.
    money_usd : float
        USD per unit of `money`.
    usd : ndarray of float64, shape (m,), `money` per unit
        NaN where not given; every settlement currency has one.
    base, quote, settlement : ndarray of int32, shape (n,)
        Codes into `currencies`.
    indices : tuple of str, length k
    index : ndarray of int32, shape (n,)
        Codes into `indices`.
    index_price : ndarray of float64, shape (n,), quote currency per coin
    contract_size : ndarray of float64, shape (n,)
        Quote currency for inverse perpetuals and futures, else base coin.
    strike : ndarray of float64, shape (n,), quote currency per coin
        NaN for all but options.
    option_sign : ndarray of float64, shape (n,)
        +1 call, -1 put, 0 for all others.
    expiry : ndarray of datetime64[ms], shape (n,), UTC
        NaT where there is none.
    years : ndarray of float64, shape (n,)
        Years (of 365 days) to the expiry, 0 where there is none.
    mark : ndarray of float64, shape (n,)
        Quote currency per coin; options: settlement currency per coin.
    forward : ndarray of float64, shape (n,), quote currency per coin
        The mark for all but options.
    vol : ndarray of float64, shape (n,), fraction per year
        NaN for all but options.
    fixed_forward : ndarray of float64, shape (n,), quote currency per coin
        Part of the forward that a settlement average has already fixed; only the rest moves.
    rate : ndarray of float64, shape (n,), fraction per year
        Interest rate to the expiry of an option, NaN where not given.
    confidence : ndarray of float64, shape (n,)
        Confidence in the mark, of options in their vol; a fraction, like the others.
    forward_confidence, rate_confidence : ndarray of float64, shape (n,)
        Confidence in forward and rate of options.
    index_confidence : ndarray of float64, shape (n,)
        Confidence in the price of the index.
    currency_confidence : ndarray of float64, shape (m,)
        Confidence in the price of each currency.
    min_price, max_price : ndarray of float64, shape (n,), as mark
        Order price band, NaN where there is none.
    """

    time: np.datetime64
    instruments: Ids
    kind: NDArray[np.int8]
    inverse: NDArray[np.bool_]
    currencies: tuple[str, ...]
    money: str = "USD"
    money_usd: float = 1.0
    usd: Array
    base: NDArray[np.int32]
    quote: NDArray[np.int32]
    settlement: NDArray[np.int32]
    indices: tuple[str, ...]
    index: NDArray[np.int32]
    index_price: Array
    contract_size: Array
    strike: Array
    option_sign: Array
    expiry: Times
    years: Array
    mark: Array
    forward: Array
    vol: Array
    fixed_forward: Array
    rate: Array
    confidence: Array
    forward_confidence: Array
    rate_confidence: Array
    index_confidence: Array
    currency_confidence: Array
    min_price: Array
    max_price: Array

    @classmethod
    def of(cls, *, time: object, instruments: object, quotes: object, indices: object, currencies: object) -> Market:
        """Build a market from its four tables (see `margin.tables`), in any row order.

        Parameters
        ----------
        time : datetime, datetime64, ISO 8601 string or epoch milliseconds
            UTC, kept to the millisecond.
        instruments, quotes, indices, currencies : mapping of columns, or object with ``__arrow_c_stream__``
            An index that an instrument does not name is ``"<base>_<quote>"``.

        Raises
        ------
        DataError
            Naming table, column, row, instrument and value at fault.

        Examples
        --------
        >>> market = Market.of(
        ...     time="2026-02-15T08:00:00Z",
        ...     instruments={"instrument": ["BTC-PERPETUAL"], "kind": ["perpetual"], "contract": ["inverse"],
        ...                  "base": ["BTC"], "quote": ["USD"], "settlement": ["BTC"], "contract_size": [10.0]},
        ...     quotes={"instrument": ["BTC-PERPETUAL"], "mark": [70000.0]},
        ...     indices={"index": ["BTC_USD"], "price": [70010.0]},
        ...     currencies={"currency": ["BTC"], "usd": [70010.0]},
        ... )
        >>> market
        Market(2026-02-15T08:00:00, 1 instrument, currencies BTC USD)
        """
        at = instant(time)
        instrument = tables.read("instruments", instruments)
        quote = tables.read("quotes", quotes)
        index = tables.read("indices", indices)
        currency = tables.read("currencies", currencies)
        for table, column in ((instrument, "instrument"), (quote, "instrument"), (index, "index"), (currency, "currency")):
            table.reject_duplicates(column)
        checks.instruments(instrument, at)

        ids = instrument.coded("instrument").vocabulary
        codes, of_currency, (base, quoted, settlement) = _currencies(instrument, currency)
        usd = of_currency(currency.number("usd"), np.nan)
        instrument.reject(
            "settlement",
            np.isnan(usd)[settlement],
            "the settlement currency {value} has no USD price",
            "Add it to currencies.",
        )
        index_ids, index_code = _indices(instrument, index)
        row, quoted_instrument = checks.match_quotes(instrument, quote)
        kind = _by_name(instrument.coded("kind"), dict(zip(_KINDS, range(4), strict=True)), np.int8)
        checks.quotes(quote, kind[quoted_instrument] == OPTION)
        mark = quote.number("mark")[row]
        expiry = instrument.time("expiry")
        return cls(
            time=at,
            instruments=ids,
            kind=kind,
            inverse=_by_name(instrument.coded("contract"), {"inverse": True, "linear": False}, np.bool_),
            currencies=codes,
            usd=usd,
            base=base,
            quote=quoted,
            settlement=settlement,
            indices=index_ids,
            index=index_code,
            index_price=index.number("price")[index_code],
            contract_size=instrument.number("contract_size"),
            strike=instrument.number("strike"),
            option_sign=_by_name(instrument.coded("option_type"), {"call": 1.0, "put": -1.0}, np.float64),
            expiry=expiry,
            years=_years(expiry, at),
            mark=mark,
            forward=np.where(kind == OPTION, quote.number("forward")[row], mark),
            vol=quote.number("vol")[row],
            fixed_forward=_given(quote, "fixed_forward", 0.0)[row],
            rate=quote.number("rate")[row],
            confidence=_given(quote, "confidence", 1.0)[row],
            forward_confidence=_given(quote, "forward_confidence", 1.0)[row],
            rate_confidence=_given(quote, "rate_confidence", 1.0)[row],
            index_confidence=_given(index, "confidence", 1.0)[index_code],
            currency_confidence=of_currency(_given(currency, "confidence", 1.0), 1.0),
            min_price=quote.number("min_price")[row],
            max_price=quote.number("max_price")[row],
        )

    def __len__(self) -> int:
        return len(self.instruments)

    def __repr__(self) -> str:
        count = f"{len(self)} instrument{'' if len(self) == 1 else 's'}"
        return f"Market({np.datetime_as_string(self.time, unit='s')}, {count}, currencies {' '.join(self.currencies)})"

    def counted_in(self, money: str) -> Market:
        """The same market with the worth of currencies counted in one of them instead of in USD.

        Raises
        ------
        DataError
            If the currency has no USD price.
        """
        if money == self.money:
            return self
        usd = self.usd * self.money_usd
        worth = 1.0 if money == "USD" else usd[self.currencies.index(money)] if money in self.currencies else np.nan
        if np.isnan(worth):
            problem = f"pools count in {money}, which has no USD price"
            raise DataError(problem, table="currencies", column="usd", value=money, hint="Add its price.")
        return dataclasses.replace(self, money=money, money_usd=float(worth), usd=usd / worth)

    def with_(self, **changes: object) -> Market:
        """A market with other prices or at another time.

        Parameters
        ----------
        **changes
            ``time``, or arrays with one value per instrument for ``mark``, ``forward``, ``vol``, ``fixed_forward``, ``rate``,
            ``min_price``, ``max_price``, ``contract_size``, ``index_price``, or one value per currency for ``usd``. Years follow
            the time, and the forward of what is not an option follows its mark.

        Raises
        ------
        DataError
            If a name, length or value is wrong; the rules are those of the tables.

        Examples
        --------
        >>> crashed = market.with_(mark=0.8 * market.mark, index_price=0.8 * market.index_price)  # doctest: +SKIP
        """
        option = self.kind == OPTION
        time = instant(changes.pop("time")) if "time" in changes else self.time
        new: dict[str, Any] = {name: checks.replacement(self, name, values, option) for name, values in changes.items()}
        new["forward"] = np.where(option, new.get("forward", self.forward), new.get("mark", self.mark))
        if (self.expiry < time).any():
            row = int(np.argmax(self.expiry < time))
            problem = f"{self.instruments[row]!r} has expired at {time}"
            raise DataError(problem, table="market", column="time", value=time)
        return dataclasses.replace(self, time=time, years=_years(self.expiry, time), **new)


def _by_name(coded: Coded, values: dict[str, Any], dtype: type[np.generic]) -> NDArray[Any]:
    """One value for each row, by the name in it; 0 where it is missing."""
    table = np.array([*(values[str(name)] for name in coded.vocabulary), 0], dtype=dtype)
    return table[coded.codes]


def _years(expiry: Times, time: np.datetime64) -> Array:
    years = (expiry - time) / _YEAR
    return np.where(np.isnat(expiry), 0.0, years)


def _given(table: Columns, column: str, otherwise: float) -> Array:
    values = table.number(column)
    return np.where(np.isnan(values), otherwise, values)


def _currencies(
    instrument: Columns, currency: Columns
) -> tuple[tuple[str, ...], Callable[[Array, float], Array], list[NDArray[np.int32]]]:
    """All currency codes, a column of the table of currencies by code, and the codes of base, quote and settlement."""
    named = [instrument.coded(column) for column in ("base", "quote", "settlement")]
    vocabulary, (given, *codes) = merge(currency.coded("currency"), *named)

    def by_code(values: Array, otherwise: float) -> Array:
        column = np.full(len(vocabulary), otherwise)
        column[given] = values
        return column

    return tuple(map(str, vocabulary)), by_code, codes


def _indices(instrument: Columns, index: Columns) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Names of the indices, and the index of each instrument."""
    coded = instrument.coded("index")
    base, quote = instrument.coded("base"), instrument.coded("quote")
    names = coded.vocabulary.to_list()
    pairs, codes = np.unique(np.stack((base.codes, quote.codes), axis=1), axis=0, return_inverse=True)
    defaults = [f"{base.vocabulary[b]}_{quote.vocabulary[q]}" for b, q in pairs]
    wanted = np.where(coded.codes < 0, len(names) + codes.reshape(-1), coded.codes)
    known = Ids.of(names + defaults).lookup(index.coded("index").vocabulary)
    code = known[wanted]
    if (code < 0).any():
        row = int(np.argmax(code < 0))
        problem = f"the index {(names + defaults)[wanted[row]]!r} has no price"
        raise DataError(
            problem,
            table="instruments",
            column="index",
            row=row,
            key=instrument.key(row),
            value=(names + defaults)[wanted[row]],
            count=int((code < 0).sum()),
            hint='Add it to indices; an instrument that names no index has "<base>_<quote>".',
        )
    return tuple(map(str, index.coded("index").vocabulary)), code
