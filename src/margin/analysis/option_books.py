"""Example option books, opened anew every day and closed on the next at that day's prices and vols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.analysis.linear_books import perpetual, perpetual_tables
from margin.analysis.rolling import Day
from margin.analysis.surface import Quotes, years_to
from margin.book import Book
from margin.errors import DataError
from margin.market import Market
from margin.pricing import black76

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leg:
    """An option of a book, found anew every day.

    Attributes
    ----------
    sign : float
        +1 call, -1 put.
    delta : float
        Absolute delta of the strike, the nearest that is listed.
    days : float
        To expiry, the nearest that is listed.
    quantity : float
        Shares of the book's notional, long > 0.
    """

    sign: float
    delta: float
    days: float
    quantity: float


@dataclass(frozen=True, slots=True)
class OptionBook:
    """Options of one coin, with their delta offset by the perpetual where `hedged`."""

    legs: tuple[Leg, ...]
    hedged: bool


def _both(delta: float, days: float, quantity: float) -> tuple[Leg, Leg]:
    return Leg(1.0, delta, days, quantity), Leg(-1.0, delta, days, quantity)


OPTION_BOOKS: Mapping[str, OptionBook] = {
    "short strangle": OptionBook(_both(0.25, 30, -1.0), hedged=False),
    "short straddle, hedged": OptionBook(_both(0.5, 30, -1.0), hedged=True),
    "long straddle, hedged": OptionBook(_both(0.5, 30, 1.0), hedged=True),
    "calendar, short near": OptionBook((*_both(0.5, 30, -1.0), *_both(0.5, 90, 1.0)), hedged=True),
    "risk reversal, hedged": OptionBook((Leg(1.0, 0.25, 30, 1.0), Leg(-1.0, 0.25, 30, -1.0)), hedged=True),
    "short put": OptionBook((Leg(-1.0, 0.25, 30, -1.0),), hedged=False),
}
"""Books of one notional a leg."""


@dataclass(frozen=True, slots=True)
class _Option:
    """An option that a leg found, with its value now and on the next day."""

    name: str
    expiry: np.datetime64
    strike: float
    sign: float
    forward: float
    vol: float
    value: float
    delta: float
    later: float


def option_days(
    quotes: Mapping[str, Sequence[Quotes]], books: Mapping[str, OptionBook], *, notional: float, ageing: bool
) -> Iterator[Day]:
    """Every date but the last: a market of the options in use and the perpetuals, the books, their P&L to the next date.

    Options are linear (premium and P&L in USD), at Black-76 of the quoted forward and vol. On the next date each is valued at the
    forward and vol quoted then for the same strike and expiry.

    Parameters
    ----------
    quotes : mapping of str to sequence
        For each coin what is quoted on each date; the same dates for all.
    books : mapping of str to OptionBook
        One account for each coin and book: ``"BTC short strangle"``.
    notional : float
        Of one leg at the coin's price of the day, USD.
    ageing : bool
        Whether options are nearer to expiry on the next date, as they are. A model that revalues at unchanged time leaves the
        decay of a day out; without ageing the P&L does too, which tests its moves of price and vol alone.

    Raises
    ------
    DataError
        If the dates of the coins differ, or an option is not quoted on the next date.
    """
    coins = list(quotes)
    dates = [quote.date for quote in quotes[coins[0]]]
    for coin in coins[1:]:
        if [quote.date for quote in quotes[coin]] != dates:
            raise DataError(f"{coin} is not quoted on the dates of {coins[0]}", table="surface", column="date")
    accounts = [f"{coin} {name}" for coin in coins for name in books]
    for t in range(len(dates) - 1):
        options: dict[str, _Option] = {}
        rows: list[tuple[str, str, float]] = []
        pnl = []
        for coin in coins:
            now, later = quotes[coin][t], quotes[coin][t + 1]
            for name, book in books.items():
                earned, delta, coins_per_leg = 0.0, 0.0, notional / now.price
                for leg in book.legs:
                    option = _found(coin, leg, now, later, ageing=ageing)
                    options[option.name] = option
                    quantity = leg.quantity * coins_per_leg
                    rows.append((f"{coin} {name}", option.name, quantity))
                    earned += quantity * (option.later - option.value)
                    delta += quantity * option.delta
                if book.hedged and delta:
                    rows.append((f"{coin} {name}", perpetual(coin), -delta))
                    earned -= delta * (later.price - now.price)
                pnl.append(earned)
        account, instrument, held = zip(*rows, strict=True)
        yield Day(
            date=dates[t],
            market=_market(coins, [quotes[coin][t] for coin in coins], list(options.values())),
            book=Book.of(
                accounts={"account": accounts},
                positions={"account": list(account), "instrument": list(instrument), "quantity": list(held)},
            ),
            pnl=np.array(pnl),
        )


def _found(coin: str, leg: Leg, now: Quotes, later: Quotes, *, ageing: bool) -> _Option:
    expiry, forward, strikes, vols = now.candidates(leg.days)
    years = float(years_to(expiry, now.time))
    priced = black76(forward, strikes, years, vols, leg.sign)
    best = int(np.argmin(np.abs(np.abs(priced.delta) - leg.delta)))
    strike, vol = float(strikes[best]), float(vols[best])
    name = f"{coin}-{np.datetime_as_string(expiry, unit='m')}-{strike:.10g}-{'C' if leg.sign > 0 else 'P'}"
    quoted = later.quote(expiry, strike)
    if quoted is None:
        hint = "It was quoted the day before; nothing is filled. Choose a span of dates without the gap."
        raise DataError(f"{name} is not quoted on {later.date}", table="surface", column="vol", hint=hint)
    left = float(years_to(expiry, later.time)) if ageing else years
    value = black76(quoted[0], strike, left, quoted[1], leg.sign).price
    return _Option(
        name=name,
        expiry=expiry,
        strike=strike,
        sign=leg.sign,
        forward=forward,
        vol=vol,
        value=float(priced.price[best]),
        delta=float(priced.delta[best]),
        later=float(value),
    )


def _market(coins: Sequence[str], quotes: Sequence[Quotes], options: Sequence[_Option]) -> Market:
    tables = perpetual_tables(coins, np.array([quote.price for quote in quotes]))
    n = len(coins)
    listed, quoted = tables["instruments"], tables["quotes"]
    none: list[object] = [None] * n
    for option in options:
        base = option.name.partition("-")[0]
        for column, value in (
            ("instrument", option.name), ("kind", "option"), ("contract", "linear"), ("base", base), ("quote", "USD"),
            ("settlement", "USD"), ("contract_size", 1.0),
        ):  # fmt: skip
            listed[column].append(value)
    listed["strike"] = [*none, *(o.strike for o in options)]
    listed["option_type"] = [*none, *("call" if o.sign > 0 else "put" for o in options)]
    listed["expiry"] = [*none, *(f"{np.datetime_as_string(o.expiry, unit='s')}Z" for o in options)]
    quoted["instrument"] = listed["instrument"]
    quoted["mark"] += [o.value for o in options]
    quoted["forward"] = [*none, *(o.forward for o in options)]
    quoted["vol"] = [*none, *(o.vol for o in options)]
    return Market.of(time=quotes[0].time, **tables)
