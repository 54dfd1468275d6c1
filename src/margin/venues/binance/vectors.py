"""From the inputs of a published vector to a market, a book and a regime."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from margin.book import Book
from margin.market import Market
from margin.venues.binance.brackets import BracketTable
from margin.venues.binance.rules import compose, parameters

if TYPE_CHECKING:
    from margin.params import Parameters
    from margin.regime import Regime

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

NOW = "2000-01-01T00:00:00Z"  # any instant: nothing of these kinds depends on it
ACCOUNT = "account"
NONE = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """A perpetual of a vector."""

    symbol: str
    base: str
    asset: str
    mark: float
    size: float = 1.0
    inverse: bool = False


def market(contracts: Sequence[Contract], prices: Mapping[str, float]) -> Market:
    """A market of perpetuals, and of currencies at their prices; a margin asset without a price is worth one."""
    assets = {**dict.fromkeys((c.asset for c in contracts), 1.0), **prices}
    indices = {f"{c.base}_{c.asset}": c.mark for c in contracts}
    return Market.of(
        time=NOW,
        instruments={
            "instrument": [c.symbol for c in contracts],
            "kind": ["perpetual"] * len(contracts),
            "contract": ["inverse" if c.inverse else "linear" for c in contracts],
            "base": [c.base for c in contracts],
            "quote": ["USD" if c.inverse else c.asset for c in contracts],
            "settlement": [c.asset for c in contracts],
            "index": [f"{c.base}_{c.asset}" for c in contracts],
            "contract_size": [c.size for c in contracts],
        },
        quotes={"instrument": [c.symbol for c in contracts], "mark": [c.mark for c in contracts]},
        indices={"index": list(indices), "price": list(indices.values())},
        currencies={"currency": list(assets), "usd": list(assets.values())},
    )


def wallet(assets: Mapping[str, float], loans: Mapping[str, float]) -> Book:
    """A book of one account with assets and loans."""
    coins = list({**assets, **loans})
    return Book.of(
        accounts={"account": [ACCOUNT]},
        balances={
            "account": [ACCOUNT] * len(coins),
            "currency": coins,
            "amount": [float(assets.get(coin, 0.0)) for coin in coins],
            "loan": [float(loans.get(coin, 0.0)) for coin in coins],
        },
    )


@functools.cache
def latest() -> Parameters:
    """The latest parameters that are shipped."""
    return parameters(dt.date.max)


def regime(mode: str, given: Mapping[str, object]) -> Regime:
    """A mode with the latest parameters that are shipped and those that the vector gives."""
    return compose(mode, latest().with_(given, source="vector", status="recorded"))


def bracket(symbol: str, rate: float, amount: float) -> dict[str, object]:
    """Parameters of a symbol with one bracket."""
    return BracketTable(symbol, (0.0,), (float(rate),), (float(amount),)).given()
