"""From the inputs of a published vector to a market, a book and a regime."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.book import Book
from margin.market import Market
from margin.models.portfolio import PortfolioModel
from margin.models.split import SplitModel
from margin.params import STATUSES
from margin.venues.okx.rules import Options, compose, parameters

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.regime import Regime

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

ACCOUNT = "account"
COIN = "COIN"  # stands for the base coin where a vector does not name it
DOLLAR = "USD"
NOW = np.datetime64("2000-01-01T00:00:00", "ms")  # any instant: vectors give times as distances
_MS_PER_DAY = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One instrument of a vector with its quote; sizes and prices as in the tables of `Market.of`."""

    name: str
    mark: float
    base: str = COIN
    quote: str = DOLLAR
    inverse: bool = False
    contract_size: float = 1.0
    kind: str = "perpetual"
    expiry: np.datetime64 | None = None
    strike: float = np.nan
    option_type: str | None = None
    vol: float = np.nan
    forward: float = np.nan

    @property
    def settlement(self) -> str:
        """Currency of margin and P&L."""
        return self.base if self.inverse else self.quote


def market(contracts: Iterable[Contract], *, index: Mapping[str, float], usd: Mapping[str, float]) -> Market:
    """A market of some contracts; `index` by pair, `usd` by currency."""
    rows = list(contracts)
    names = [c.name for c in rows]

    def numbers(field: str) -> np.ndarray:
        return np.array([getattr(c, field) for c in rows], dtype=np.float64)

    return Market.of(
        time=NOW,
        instruments={
            "instrument": names,
            "kind": [c.kind for c in rows],
            "contract": ["inverse" if c.inverse else "linear" for c in rows],
            "base": [c.base for c in rows],
            "quote": [c.quote for c in rows],
            "settlement": [c.settlement for c in rows],
            "contract_size": numbers("contract_size"),
            "expiry": np.array([c.expiry or "NaT" for c in rows], dtype="datetime64[ms]"),
            "strike": numbers("strike"),
            "option_type": [c.option_type for c in rows],
        },
        quotes={"instrument": names, "mark": numbers("mark"), "vol": numbers("vol"), "forward": numbers("forward")},
        indices={"index": list(index), "price": np.array(list(index.values()), dtype=np.float64)},
        currencies={"currency": list(usd), "usd": np.array(list(usd.values()), dtype=np.float64)},
    )


def after(days: float) -> np.datetime64:
    """The time that is so many days (of any fraction) away from the market's, to the millisecond."""
    return NOW + np.timedelta64(round(days * _MS_PER_DAY), "ms")


def book(
    positions: Mapping[str, float] | None = None,
    *,
    entry: Mapping[str, float] | None = None,
    balances: Iterable[tuple[str, float]] = (),
) -> Book:
    """A book of one account: contracts by instrument, entry prices by instrument, amounts by currency."""
    held, owned = dict(positions or {}), list(balances)
    columns = {
        "account": [ACCOUNT] * len(held),
        "instrument": list(held),
        "quantity": np.array(list(held.values()), dtype=np.float64),
    }
    if entry:
        columns["entry_price"] = np.array([entry[name] for name in held], dtype=np.float64)
    return Book.of(
        accounts={"account": [ACCOUNT]},
        positions=columns,
        balances={
            "account": [ACCOUNT] * len(owned),
            "currency": [currency for currency, _ in owned],
            "amount": np.array([amount for _, amount in owned], dtype=np.float64),
        },
    )


def regime(given: Mapping[str, object] | None = None, *, options: Options | None = None) -> Regime:
    """Portfolio margin with the latest parameters that are shipped, whatever their status, and those that a vector gives."""
    known = parameters(dt.date.max, accept=STATUSES).with_(given or {}, source="vector", status="recorded")
    return compose("portfolio", known, options or Options())


def with_model(regime: Regime, **changes: Any) -> Regime:
    """The regime with some parts of its model replaced: a vector gives as a figure what they would compute."""
    assert isinstance(regime.model, SplitModel)
    return replace(regime, model=replace(regime.model, shared=replace(portfolio_model(regime), **changes)))


def portfolio_model(regime: Regime) -> PortfolioModel:
    """The regime's model of what is not isolated."""
    assert isinstance(regime.model, SplitModel)
    assert isinstance(regime.model.shared, PortfolioModel)
    return regime.model.shared


def component(assessment: Assessment, name: str) -> float:
    """A component of the account's units."""
    return float(assessment.unit_columns()[name].sum())
