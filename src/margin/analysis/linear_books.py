"""Example portfolios of linear perpetuals, rebalanced every day to the same notional."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from margin.analysis.rolling import Day
from margin.book import Book
from margin.market import Market

Array = NDArray[np.float64]
Weights = Mapping[str, float]
"""Coin to share of the gross notional, short < 0."""


def linear_portfolios(names: Sequence[str]) -> dict[str, Weights]:
    """Portfolios of some coins, by name: long, short, pair, equal weights, dollar-neutral.

    Parameters
    ----------
    names : sequence of str
        The first is the coin that others are hedged with. Portfolios that need more coins than there are, are left out. The
        neutral one is long every other coin after the second and short those between.
    """
    first = names[0]
    found: dict[str, Weights] = {f"{first} long": {first: 1.0}, f"{first} short": {first: -1.0}}
    if len(names) > 1:
        found[f"{names[1]} / {first} pair"] = {names[1]: 0.5, first: -0.5}
        found[f"equal weights, {len(names)} coins"] = dict.fromkeys(names, 1.0 / len(names))
    others = names[2 : len(names) - len(names) % 2]
    if others:
        share = 1.0 / len(others)
        found[f"neutral, {len(others)} coins"] = {coin: share if i % 2 == 0 else -share for i, coin in enumerate(others)}
    return found


def linear_days(
    dates: Sequence[str],
    names: Sequence[str],
    price: Array,
    portfolios: Mapping[str, Weights],
    *,
    gross: float,
) -> Iterator[Day]:
    """Every date but the last: a market of perpetuals marked at the close, the portfolios, their P&L to the next close.

    Parameters
    ----------
    dates : sequence of str, length T
    names : sequence of str, length U
    price : ndarray, shape (T, U), USD per coin
        At 24:00 UTC of each date.
    portfolios : mapping of str to weights
    gross : float
        Notional of each portfolio, USD, longs and shorts together.
    """
    weight = np.array([[weights.get(name, 0.0) for name in names] for weights in portfolios.values()])
    account, column = np.nonzero(weight)
    accounts, instruments = np.array(list(portfolios)), np.array([perpetual(name) for name in names])
    for t in range(len(dates) - 1):
        quantity = gross * weight / price[t]
        book = Book.of(
            accounts={"account": accounts},
            positions={
                "account": accounts[account],
                "instrument": instruments[column],
                "quantity": quantity[account, column],
            },
        )
        market = Market.of(
            time=np.datetime64(dates[t], "ms") + np.timedelta64(1, "D"), **perpetual_tables(names, price[t])
        )
        yield Day(dates[t], market, book, quantity @ (price[t + 1] - price[t]))


def perpetual(name: str) -> str:
    """Name of a coin's perpetual."""
    return f"{name}-PERPETUAL"


def perpetual_tables(names: Sequence[str], price: Array) -> dict[str, dict[str, list[object]]]:
    """Market tables of linear perpetuals of one coin each, marked at the price; indices and currencies with them."""
    n, level = len(names), [float(p) for p in price]
    instruments: list[object] = [perpetual(name) for name in names]
    return {
        "instruments": {
            "instrument": instruments,
            "kind": ["perpetual"] * n,
            "contract": ["linear"] * n,
            "base": list(names),
            "quote": ["USD"] * n,
            "settlement": ["USD"] * n,
            "contract_size": [1.0] * n,
        },
        "quotes": {"instrument": instruments, "mark": list(level)},
        "indices": {"index": [f"{name}_USD" for name in names], "price": list(level)},
        "currencies": {"currency": [*names, "USD"], "usd": [*level, 1.0]},
    }
