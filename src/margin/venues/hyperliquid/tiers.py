"""Margin tables: tiers of maximum leverage over the notional, and the maintenance margin that follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.errors import ParameterError
from margin.params import Parameters
from margin.rates import RateTable

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MarginTable:
    """Tiers of maximum leverage.

    Attributes
    ----------
    lower_bound : tuple of float
        Notional in the collateral token, ascending from 0; an amount at a bound belongs to the tier above it.
    max_leverage : tuple of float
    """

    lower_bound: tuple[float, ...]
    max_leverage: tuple[float, ...]

    def rates(self, fraction: float) -> RateTable:
        """Maintenance margin: rate ``fraction / max leverage`` on the part of the notional inside each tier."""
        return RateTable.incremental(self.lower_bound, [fraction / leverage for leverage in self.max_leverage])

    def opening(self) -> RateTable:
        """Initial margin at the maximum leverage of the tier."""
        return RateTable.leverage(self.lower_bound, self.max_leverage)

    def tier(self, notional: float) -> int:
        """Number of the tier of a notional >= 0."""
        return int(np.searchsorted(self.lower_bound, notional, side="right")) - 1

    def largest_notional(self, leverage: float) -> float:
        """Notional up to which a leverage may be used to open a position, infinite where every tier allows it.

        0 where the first tier does not allow it.
        """
        for bound, most in zip(self.lower_bound, self.max_leverage, strict=True):
            if most < leverage:
                return bound
        return float("inf")


def margin_table(p: Parameters, coin: str) -> MarginTable:
    """The margin table of a coin.

    Raises
    ------
    ParameterError
        If the coin has no table, or its table no tiers.
    """
    every = p.number("general.every_margin_table")
    table = every or p.get(f"coin.{coin}.margin_table")
    if isinstance(table, str):  # of a dex of its own, which numbers its tables anew
        name = f"margin_table.{table}"
    else:
        number = every or p.number(f"coin.{coin}.margin_table")
        name = f"margin_table.{number:.0f}"
        if f"{name}.lower_bound" not in p and number.is_integer() and 1 <= number < p.number("general.single_tier_below"):
            return MarginTable((0.0,), (number,))
    lower_bound, max_leverage = p.numbers(f"{name}.lower_bound"), p.numbers(f"{name}.max_leverage")
    if len(lower_bound) != len(max_leverage) or not lower_bound or min(max_leverage) <= 0:
        message = f"{name}: {len(lower_bound)} lower bounds and leverages {max_leverage}; give one above zero for each tier"
        raise ParameterError(message, name=name, scope=p.as_of.isoformat())
    return MarginTable(lower_bound, max_leverage)


def maintenance(p: Parameters) -> Callable[[str], RateTable]:
    """Coin -> maintenance rates."""
    return lambda coin: margin_table(p, coin).rates(p.number("general.maintenance_fraction"))


def opening(p: Parameters) -> Callable[[str], RateTable]:
    """Coin -> initial rates where no leverage is chosen: at the maximum leverage, or at the one that holds for every coin."""
    leverage = p.number("general.every_leverage")
    return (lambda coin: RateTable.flat(1 / leverage)) if leverage else (lambda coin: margin_table(p, coin).opening())
