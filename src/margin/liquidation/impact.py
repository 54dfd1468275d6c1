"""At which price a liquidation trades, and what its trades leave behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import coin_per_contract, coin_value
from margin.market import Market

Array = NDArray[np.float64]

MILLION = 1e6


class Impact(Protocol):
    """Price impact of trades of the liquidation engine."""

    def price(self, market: Market, row: int, quantity: float) -> float:
        """Price, as mark, of buying (selling: negative) so many contracts of an instrument."""

    def displaced(self, market: Market, traded: Array) -> Array:
        """Relative move of the price of each instrument's coin that trades leave behind, shape (n_instruments,).

        `traded` are contracts bought less contracts sold of each instrument at one instant.
        """


def notional(market: Market) -> Array:
    """USD of underlying in one contract at the index, shape (n_instruments,)."""
    return coin_per_contract(market) * coin_value(market, in_usd=True) * market.money_usd


@dataclass(frozen=True, slots=True)
class NoImpact:
    """Everything trades at the mark and leaves no trace."""

    def price(self, market: Market, row: int, quantity: float) -> float:
        """The mark."""
        return float(market.mark[row])

    def displaced(self, market: Market, traded: Array) -> Array:
        """Nothing."""
        return np.zeros(len(market))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearImpact:
    """Price moves against the trade in proportion to its size; a part of the move stays.

    Attributes
    ----------
    per_million : ByName
        Relative price move by USD million of underlying, by coin.
    largest : float
        Most that one trade moves its price, a fraction below 1.
    permanent : float
        Share of the move that stays in the price of the coin.
    """

    per_million: ByName
    largest: float
    permanent: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.largest < 1 or not 0 <= self.permanent <= 1:
            raise ValueError(f"largest={self.largest} must be in [0, 1), permanent={self.permanent} in [0, 1]")

    def price(self, market: Market, row: int, quantity: float) -> float:
        """The mark, moved against the trade."""
        size = abs(quantity) * float(notional(market)[row]) / MILLION
        rate = self.per_million.of(market.currencies[int(market.base[row])])
        return float(market.mark[row]) * (1.0 + float(np.sign(quantity)) * min(rate * size, self.largest))

    def displaced(self, market: Market, traded: Array) -> Array:
        """The share that stays of the net futures trades in each coin; options move no coin."""
        size = np.where(market.option_sign == 0, traded * notional(market), 0.0)
        by_coin = np.bincount(market.base, weights=size, minlength=len(market.currencies)) / MILLION
        move = np.zeros(len(market.currencies))
        for coin in np.flatnonzero(by_coin):
            move[coin] = by_coin[coin] * self.per_million.of(market.currencies[int(coin)])
        return np.asarray(self.permanent * np.clip(move, -self.largest, self.largest)[market.base])
