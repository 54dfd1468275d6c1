"""From the inputs of a published vector to a market, a book and a regime."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.book import Book
from margin.market import Market
from margin.pricing import model_marks
from margin.venues.derive.rules import Options, compose, parameters

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.models.options import OptionRule
    from margin.params import Parameters
    from margin.regime import Regime

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

ACCOUNT = "account"
CASH = "USDC"
NOW = np.datetime64("2000-01-01T00:00:00", "ms")  # any instant: vectors give times as distances
LEAST = 1e-150  # what a price of zero counts as: the prices of a market are above zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Perpetual:
    """A perpetual of a vector and how many contracts of it are held."""

    coin: str
    quantity: float
    mark: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a vector and how many contracts of it are held; without a mark it is worth its Black-76 value."""

    coin: str
    quantity: float
    seconds: float
    strike: float
    option_type: str
    forward: float
    fixed_forward: float = 0.0
    rate: float = np.nan
    vol: float = 0.0
    mark: float | None = None
    confidence: float = 1.0
    forward_confidence: float = 1.0
    rate_confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Price of a currency in USD."""

    price: float
    confidence: float = 1.0


def market(
    perpetuals: Sequence[Perpetual],
    options: Sequence[Option],
    spot: Mapping[str, Spot],
    *,
    collateral: Mapping[str, Spot] | None = None,
    stable: float = 1.0,
    discounted: bool = False,
) -> Market:
    """A market of perpetuals and options that settle in the cash asset; they are named by `instruments`.

    Collateral is what has a price and no derivatives.
    """
    rows: list[Perpetual | Option] = [*perpetuals, *options]
    names = instruments(perpetuals, options)
    n, k = len(perpetuals), len(options)
    nothing = [np.nan] * n
    priced = {**spot, **(collateral or {})}
    out = Market.of(
        time=NOW,
        instruments={
            "instrument": names,
            "kind": ["perpetual"] * n + ["option"] * k,
            "contract": ["linear"] * len(rows),
            "base": [row.coin for row in rows],
            "quote": ["USD"] * len(rows),
            "settlement": [CASH] * len(rows),
            "contract_size": np.ones(len(rows)),
            "expiry": np.array([np.datetime64("NaT", "ms")] * n + [after(o.seconds) for o in options], dtype="datetime64[ms]"),
            "strike": np.array(nothing + [max(o.strike, LEAST) for o in options], dtype=np.float64),
            "option_type": [None] * n + [o.option_type for o in options],
        },
        quotes={
            "instrument": names,
            "mark": np.array([max(p.mark, LEAST) for p in perpetuals] + [o.mark or 0.0 for o in options], dtype=np.float64),
            "vol": np.array(nothing + [o.vol for o in options], dtype=np.float64),
            "forward": np.array(nothing + [max(o.forward, LEAST) for o in options], dtype=np.float64),
            "fixed_forward": np.array(nothing + [o.fixed_forward for o in options], dtype=np.float64),
            "rate": np.array(nothing + [o.rate for o in options], dtype=np.float64),
            "confidence": np.array([row.confidence for row in rows], dtype=np.float64),
            "forward_confidence": np.array(nothing + [o.forward_confidence for o in options], dtype=np.float64),
            "rate_confidence": np.array(nothing + [o.rate_confidence for o in options], dtype=np.float64),
        },
        indices={
            "index": [f"{coin}_USD" for coin in spot],
            "price": np.array([max(s.price, LEAST) for s in spot.values()], dtype=np.float64),
            "confidence": np.array([s.confidence for s in spot.values()], dtype=np.float64),
        },
        currencies={
            "currency": [CASH, *priced],
            "usd": np.array([stable, *(max(s.price, LEAST) for s in priced.values())], dtype=np.float64),
            "confidence": np.array([1.0, *(s.confidence for s in priced.values())], dtype=np.float64),
        },
    )
    given = np.array([True] * n + [o.mark is not None for o in options], dtype=np.bool_)
    return out.with_(mark=np.where(given, out.mark, model_marks(out, discounted=discounted)))


def instruments(perpetuals: Sequence[Perpetual], options: Sequence[Option]) -> list[str]:
    """A name for each row, perpetuals first."""
    return [f"{p.coin}-PERP-{i}" for i, p in enumerate(perpetuals)] + [f"{o.coin}-OPTION-{i}" for i, o in enumerate(options)]


def after(seconds: float) -> np.datetime64:
    """The time so many seconds away from the market's; what is past expires now."""
    return NOW + np.timedelta64(round(max(seconds, 0.0) * 1000), "ms")


def book(perpetuals: Sequence[Perpetual], options: Sequence[Option], balances: Mapping[str, float]) -> Book:
    """A book of one account."""
    rows: list[Perpetual | Option] = [*perpetuals, *options]
    return Book.of(
        accounts={"account": [ACCOUNT]},
        positions={
            "account": [ACCOUNT] * len(rows),
            "instrument": instruments(perpetuals, options),
            "quantity": np.array([row.quantity for row in rows], dtype=np.float64),
        },
        balances={
            "account": [ACCOUNT] * len(balances),
            "currency": list(balances),
            "amount": np.array(list(balances.values()), dtype=np.float64),
        },
    )


@functools.cache
def latest() -> Parameters:
    """The latest parameters that are shipped."""
    return parameters(dt.date.max)


def srm(given: Mapping[str, object], coins: Sequence[str], *, options: OptionRule | None = None) -> Regime:
    """SRM with the latest parameters that are shipped and those that the vector gives.

    A vector leaves out what nothing depends on: there the shipped value of the market stands, or that of any other.
    """
    shipped = latest()
    filled = {name: value for coin in coins for name, value in _of_any_market(shipped, coin).items()}
    regime = compose("srm", shipped.with_({**filled, **given}, source="vector", status="recorded"), Options())
    if options is None:
        return regime
    return replace(regime, model=replace(regime.model, options=options))  # type: ignore[type-var]


def _of_any_market(shipped: Parameters, coin: str) -> dict[str, object]:
    """Every parameter that some market has and this one lacks."""
    section = "srm.market"
    out: dict[str, object] = {}
    for other in shipped.names(section):
        for name in shipped.names(f"{section}.{other}"):
            if f"{section}.{coin}.{name}" not in shipped:
                out.setdefault(f"{section}.{coin}.{name}", shipped.get(f"{section}.{other}.{name}"))
    return out


def net_margins(assessment: Assessment) -> Outputs:
    """Value less requirement of the one account, as the venue signs it."""
    return {
        "net_initial_margin_usd": float(assessment.available[0]),
        "net_maintenance_margin_usd": float(assessment.excess[0]),
    }
