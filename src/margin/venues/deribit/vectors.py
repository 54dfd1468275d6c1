"""From the inputs of a published vector to a market, a book and a regime."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.book import Book
from margin.market import Market
from margin.venues.deribit.rules import Options, compose, parameters

if TYPE_CHECKING:
    from margin.regime import Regime

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

ACCOUNT = "account"
COIN = "COIN"  # stands for the base coin where a vector does not name it
NOW = np.datetime64("2000-01-01T00:00:00", "ms")  # any instant: vectors give times as distances
_MS_PER_DAY = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One instrument of a vector with its mark; sizes and prices as in the tables of `Market.of`."""

    name: str
    base: str
    quote: str
    inverse: bool
    mark: float
    contract_size: float = 1.0
    kind: str = "perpetual"
    expiry: np.datetime64 | None = None
    strike: float | None = None
    option_type: str | None = None

    @property
    def settlement(self) -> str:
        """Currency of margin and P&L."""
        return self.base if self.inverse else self.quote


def market(contracts: Iterable[Contract], *, index: Mapping[str, float], usd: Mapping[str, float] | None = None) -> Market:
    """A market of some contracts; `index` by pair, `usd` by currency, 1 where a segregated pool needs no conversion."""
    rows = list(contracts)
    option = [c.kind == "option" for c in rows]
    names = [c.name for c in rows]
    worth = dict.fromkeys([c.settlement for c in rows], 1.0) | dict(usd or {})
    return Market.of(
        time=NOW,
        instruments={
            "instrument": names,
            "kind": [c.kind for c in rows],
            "contract": ["inverse" if c.inverse else "linear" for c in rows],
            "base": [c.base for c in rows],
            "quote": [c.quote for c in rows],
            "settlement": [c.settlement for c in rows],
            "contract_size": np.array([c.contract_size for c in rows], dtype=np.float64),
            "expiry": np.array([c.expiry or "NaT" for c in rows], dtype="datetime64[ms]"),
            "strike": np.array([np.nan if c.strike is None else c.strike for c in rows], dtype=np.float64),
            "option_type": [c.option_type for c in rows],
        },
        quotes={
            "instrument": names,
            "mark": np.array([c.mark for c in rows], dtype=np.float64),
            # Standard margin, the only one that options of a vector come under, looks at neither.
            "vol": np.where(option, 0.0, np.nan),
            "forward": np.where(option, 1.0, np.nan),
        },
        indices={"index": list(index), "price": np.array(list(index.values()), dtype=np.float64)},
        currencies={"currency": list(worth), "usd": np.array(list(worth.values()), dtype=np.float64)},
    )


def after(days: float) -> np.datetime64:
    """The time that is so many days (of any fraction) away from the market's."""
    return NOW + np.timedelta64(round(days * _MS_PER_DAY), "ms")


def book(
    positions: Sequence[tuple[str, float]] = (),
    *,
    balances: Mapping[str, float] | None = None,
    orders: Sequence[tuple[str, float, float]] = (),
) -> Book:
    """A book of one account: (instrument, quantity), amounts by currency, (instrument, quantity, price)."""
    amounts = balances or {}
    return Book.of(
        accounts={"account": [ACCOUNT]},
        positions={
            "account": [ACCOUNT] * len(positions),
            "instrument": [name for name, _ in positions],
            "quantity": np.array([quantity for _, quantity in positions], dtype=np.float64),
        },
        balances={
            "account": [ACCOUNT] * len(amounts),
            "currency": list(amounts),
            "amount": np.array(list(amounts.values()), dtype=np.float64),
        },
        orders={
            "account": [ACCOUNT] * len(orders),
            "instrument": [name for name, _, _ in orders],
            "quantity": np.array([quantity for _, quantity, _ in orders], dtype=np.float64),
            "price": np.array([price for _, _, price in orders], dtype=np.float64),
        },
    )


def regime(mode: str, given: Mapping[str, object] | None = None) -> Regime:
    """The regime of a mode with the latest parameters that are shipped and those that the vector gives."""
    return compose(mode, parameters(dt.date.max).with_(given or {}, source="vector", status="recorded"), Options())


def given(inputs: Inputs, *names: str) -> float | None:
    """The first of the named inputs that is there."""
    return next((inputs[name] for name in names if inputs.get(name) is not None), None)


def quantity(inputs: Inputs, *, inverse: bool, price: float) -> float:
    """Signed size in USD (inverse) or base coin (linear); a size given in the other unit is converted at the price."""
    usd, coin = given(inputs, "size_usd"), given(inputs, "size_base")
    if inverse:
        return usd if usd is not None else (coin or 0.0) * price
    return coin if coin is not None else (usd or 0.0) / price
