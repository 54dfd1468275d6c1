"""Multi-assets mode: asset rates, USD totals, what auto-exchange sells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from margin.params import Parameters


@dataclass(frozen=True, slots=True)
class AssetRates:
    """Index and rates of an asset, USD per unit; assets are valued at the bid, requirements at the ask.

    Attributes
    ----------
    bid, ask : float
    auto_exchange_bid, auto_exchange_ask : float or None
        None where they are not known.
    """

    bid: float
    ask: float
    auto_exchange_bid: float | None = None
    auto_exchange_ask: float | None = None

    @classmethod
    def of(
        cls,
        index: float,
        *,
        bid_buffer: float,
        ask_buffer: float,
        auto_exchange_bid_buffer: float | None = None,
        auto_exchange_ask_buffer: float | None = None,
    ) -> AssetRates:
        """Rates from the index and the buffers: ``index * (1 - bid buffer)``, ``index * (1 + ask buffer)``."""
        bid, ask = auto_exchange_bid_buffer, auto_exchange_ask_buffer
        return cls(
            bid=index * (1 - bid_buffer),
            ask=index * (1 + ask_buffer),
            auto_exchange_bid=None if bid is None else index * (1 - bid),
            auto_exchange_ask=None if ask is None else index * (1 + ask),
        )

    def worth(self, amount: float) -> float:
        """USD value of an amount: at the bid, a negative one at the ask."""
        return amount * (self.bid if amount > 0 else self.ask) if amount else 0.0

    def cost(self, requirement: float) -> float:
        """USD value of a requirement."""
        return requirement * self.ask if requirement else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetFigures:
    """Figures of one asset of an account, in the asset."""

    wallet_balance: float = 0
    unrealised_profit: float = 0
    initial_margin: float = 0
    maintenance_margin: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Figures of an account, USD."""

    wallet_balance: float
    unrealised_profit: float
    margin_balance: float
    initial_margin: float
    maintenance_margin: float


def totals(assets: Mapping[str, tuple[AssetFigures, AssetRates]]) -> Totals:
    """USD totals of an account from the figures of its assets; balances and profits are valued each on its own."""
    wallet = sum(rates.worth(figures.wallet_balance) for figures, rates in assets.values())
    profit = sum(rates.worth(figures.unrealised_profit) for figures, rates in assets.values())
    return Totals(
        wallet_balance=wallet,
        unrealised_profit=profit,
        margin_balance=wallet + profit,
        initial_margin=sum(rates.cost(figures.initial_margin) for figures, rates in assets.values()),
        maintenance_margin=sum(rates.cost(figures.maintenance_margin) for figures, rates in assets.values()),
    )


def available_in(available_usd: float, rates: AssetRates) -> float:
    """What an account's available USD are in one margin asset: over its ask rate."""
    return available_usd / rates.ask


def auto_exchanged(negative_balance: float, haircut: float) -> float:
    """Value of the asset that is sold to fill a negative balance, in units of that balance: ``|balance| / (1 - haircut)``."""
    return max(-negative_balance, 0.0) / (1 - haircut)


def auto_exchange_due(p: Parameters, *, level: str, asset: str, wallet_balance: float) -> bool:
    """Whether a wallet is so far below zero that other assets are sold to fill it.

    Parameters
    ----------
    p : Parameters
    level : {"regular", "vip1", "others"}
    asset : str
        Raises `ParameterError` for assets whose threshold is not published.
    wallet_balance : float
        In the asset.
    """
    return wallet_balance < -p.number(f"auto_exchange.threshold.{level}.{asset}")


def auto_exchange_split(value: float, positive: Mapping[str, float]) -> dict[str, float]:
    """The value to be sold by asset, in proportion to the positive values held."""
    total = sum(amount for amount in positive.values() if amount > 0)
    return {asset: value * amount / total for asset, amount in positive.items() if amount > 0}
