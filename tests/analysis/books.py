"""Small markets, books and rules whose numbers can be worked out by hand."""

from __future__ import annotations

from margin.book import Book
from margin.by_name import ByName
from margin.market import Market
from margin.models.futures import FuturesMargin
from margin.models.options import MoneynessMargin, PerPosition
from margin.models.orders import IgnoredOrders
from margin.models.standard import StandardModel
from margin.pools import Collateral, CrossPool
from margin.rates import RateTable
from margin.regime import Regime

EXPIRY = "2026-03-27T08:00:00Z"


def linear_market(**prices: float) -> Market:
    """Linear perpetuals of coins in USDC, one coin a contract, at the index; AAA at 100 unless told otherwise."""
    prices = prices or {"AAA": 100.0, "BBB": 10.0}
    names = list(prices)
    n = len(names)
    return Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={"instrument": [f"{c}-P" for c in names], "kind": ["perpetual"] * n, "contract": ["linear"] * n,
                     "base": names, "quote": ["USDC"] * n, "settlement": ["USDC"] * n, "contract_size": [1.0] * n},
        quotes={"instrument": [f"{c}-P" for c in names], "mark": list(prices.values())},
        indices={"index": [f"{c}_USDC" for c in names], "price": list(prices.values())},
        currencies={"currency": ["USDC", *names], "usd": [1.0, *prices.values()]},
    )  # fmt: skip


def flat(initial: float = 0.1, maintenance: float = 0.05) -> StandardModel:
    """Flat rates on the value of futures."""
    options = MoneynessMargin(base=0.15, minimum=0.1, maintenance=0.075)
    return StandardModel(
        futures=FuturesMargin(lambda _: RateTable.flat(initial), lambda _: RateTable.flat(maintenance)),
        options=PerPosition(inverse=options, linear=options),
        orders=IgnoredOrders(),
    )


def cross(model=None, *, haircut: float = 0.0, name: str = "cross") -> Regime:
    """A cross pool; every currency but USDC has the haircut."""
    of = ByName("haircut", lambda currency: 0.0 if currency == "USDC" else haircut)
    return Regime(name, CrossPool(), model or flat(), Collateral(of))


def book(positions: dict[str, float], **balances: float) -> Book:
    """One account ``a`` with positions entered at the mark of `linear_market`, and balances."""
    entry = {"AAA-P": 100.0, "BBB-P": 10.0}
    held = {
        "account": ["a"] * len(positions),
        "instrument": list(positions),
        "quantity": list(positions.values()),
        "entry_price": [entry[name] for name in positions],
    }
    owned = {"account": ["a"] * len(balances), "currency": list(balances), "amount": list(balances.values())}
    return Book.of(positions=held if positions else None, balances=owned)
