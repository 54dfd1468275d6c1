"""From the inputs of a published vector to accounts, parameters and figures."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from margin.assessment import Assessment
from margin.params import Parameters
from margin.venues.hyperliquid.books import Account, Listed, Order, Position, snapshot
from margin.venues.hyperliquid.figures import PoolFigures, PositionFigures, pools, positions
from margin.venues.hyperliquid.prices import backstop_prices, liquidation_prices
from margin.venues.hyperliquid.rules import Options, compose, parameters

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

ACCOUNT = "account"
NOW = "2000-01-01T00:00:00Z"  # any instant: nothing here has an expiry
DAY = "2026-12-31"  # after every layer that is shipped
TOKEN = "USDC"
OWN_TABLES = 1_000  # tables of a vector are numbered from here, clear of those of the venue


@functools.cache
def shipped(day: str) -> Parameters:
    """The parameters that are shipped, on a day."""
    return parameters(day)


def with_tables(p: Parameters, tiers: Mapping[str, Sequence[Inputs]]) -> Parameters:
    """Parameters with the margin tables of some coins."""
    given: dict[str, object] = {}
    for number, (coin, rows) in enumerate(tiers.items(), start=OWN_TABLES):
        given[f"coin.{coin}.margin_table"] = number
        given[f"margin_table.{number}.lower_bound"] = [row["lower_bound_usdc"] for row in rows]
        given[f"margin_table.{number}.max_leverage"] = [row["max_leverage"] for row in rows]
    return p.with_(given, source="vector", status="recorded")


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """One account assessed: figures of its pools and positions, floored or not."""

    assessment: Assessment
    p: Parameters
    held: PositionFigures
    pools: PoolFigures

    @classmethod
    def of(cls, mode: str, p: Parameters, account: Account, *, token: str = TOKEN, floor: bool = True) -> Figures:
        """Assess an account whose positions all settle in one token."""
        coins = [p.coin for p in account.positions] + [o.coin for o in account.orders]
        prices = {o.coin: o.price for o in account.orders}  # where an order stands alone any mark will do
        listed = {coin: Listed(token=token, mark=prices.get(coin)) for coin in coins} or {TOKEN: Listed(token=token)}
        market, book = snapshot([account], time=NOW, listed=listed)
        regime = compose(mode, p, Options(without_leverage="maximum"))
        assessment = regime.assess(book, market)
        step = p.number("rounding.step") if floor else None
        held = positions(assessment, step=step)
        return cls(assessment, p, held, pools(assessment, p, held=held))

    @property
    def shared(self) -> int | None:
        """Row of the pool that is shared, None where there is none."""
        rows = [row for row, isolated in enumerate(self.pools.isolated) if not isolated]
        return rows[0] if rows else None

    def at(self, name: str) -> float:
        """A figure of the shared pool, zero where there is none."""
        return 0.0 if self.shared is None else float(getattr(self.pools, name)[self.shared])

    @property
    def isolated_margin(self) -> float:
        """Margin in all isolated positions."""
        return float(self.pools.account_value[self.pools.isolated].sum())

    def names(self) -> list[str]:
        """Coin of each position."""
        market = self.assessment.market
        return [market.currencies[market.base[row]] for row in self.held.instrument]

    @property
    def prices(self) -> list[float | None]:
        """Liquidation price of each position."""
        return or_none(liquidation_prices(self.assessment, self.p, self.held, self.pools))

    @property
    def backstop_prices(self) -> list[float | None]:
        """Backstop price of each position."""
        return or_none(backstop_prices(self.assessment, self.p, self.held, self.pools))


def or_none(prices: Iterable[float]) -> list[float | None]:
    """Prices as JSON has them."""
    return [None if math.isnan(price) else float(price) for price in prices]


def mark_of(row: Inputs) -> float:
    """Mark price, given or read back from the value."""
    if row.get("mark_px") is not None:
        return float(row["mark_px"])
    return float(row["position_value_usdc"]) / float(abs(row["szi"]))


def worth(row: Inputs, raw: float) -> float:
    """Ledger and signed value of a position."""
    value: float | None = row.get("position_value_usdc")
    signed: float = row["szi"] * mark_of(row) if value is None else value * (1 if row["szi"] > 0 else -1)
    return raw + signed


def position(row: Inputs, *, margin: float | None = None) -> Position:
    """A position; `margin` of an isolated one."""
    return Position(
        coin=row.get("coin") or "COIN", size=row["szi"], mark=mark_of(row), leverage=row.get("leverage"), margin=margin
    )


def isolated(row: Inputs) -> Position:
    """An isolated position, whose margin is given or follows from its ledger."""
    margin = row.get("isolated_margin_usdc")
    return position(row, margin=worth(row, row["isolated_raw_usd"]) if margin is None else margin)


def orders(rows: Iterable[Inputs]) -> list[Order]:
    """Resting orders that reserve something."""
    return [
        Order(
            coin=row["coin"],
            size=row["size"] if row["side"] == "buy" else -row["size"],
            price=row["limit_px"],
            leverage=row["leverage"],
        )
        for row in rows
        if not row["reduce_only"]
    ]
