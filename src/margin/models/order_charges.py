"""What open orders add to the initial margin of a portfolio."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import settlement_value, value_per_contract
from margin.errors import DataError
from margin.lines import OrderLines, pool_sums
from margin.market import Market
from margin.models.charges import Sensitivities

Array = NDArray[np.float64]

OPEN_ORDERS, PROTECTED_ORDERS = "open_orders", "mmp_orders"

PreparedOrderCharge = Callable[[OrderLines, int], dict[str, Array]]
"""Order lines and the number of pools -> component name -> amount by pool."""


class OrderCharge(Protocol):
    """A rule for resting orders."""

    def prepare(self, market: Market, sensitivities: Sensitivities, *, in_usd: bool) -> PreparedOrderCharge:
        """Make the rule ready for one market."""


@dataclass(frozen=True, slots=True)
class WorseSideCharge:
    """A share of the price range on the larger side of an instrument's orders, positions ignored.

    ``share * price_range * max(all buys, all sells) * mark``; orders under market maker protection are charged apart.

    Attributes
    ----------
    share : float
        Fraction of the price range.
    price_range : ByName
        By unit.
    """

    share: float
    price_range: ByName

    def prepare(self, market: Market, sensitivities: Sensitivities, *, in_usd: bool) -> PreparedOrderCharge:
        """Charge of one contract of each instrument."""
        n = len(market)
        unit = sensitivities.unit[:n]
        worth = value_per_contract(market) * (settlement_value(market) if in_usd else 1.0)
        per_contract = self.share * sensitivities.parameter(self.price_range)[unit] * worth

        def amount(orders: OrderLines, n_pools: int) -> dict[str, Array]:
            charge = per_contract[orders.row] * np.maximum(orders.buy, orders.sell)
            guarded = orders.protected
            return {
                OPEN_ORDERS: pool_sums(orders.pool[~guarded], charge[~guarded], n_pools),
                PROTECTED_ORDERS: pool_sums(orders.pool[guarded], charge[guarded], n_pools),
            }

        return amount


@dataclass(frozen=True, slots=True)
class GivenOrderCharges:
    """Order margins that are known from elsewhere, the same for every pool, in the pool's currency.

    Attributes
    ----------
    amounts : Mapping of str to float
        Amount by component name.
    """

    amounts: Mapping[str, float]

    def prepare(self, market: Market, sensitivities: Sensitivities, *, in_usd: bool) -> PreparedOrderCharge:
        """Nothing to do."""
        return lambda orders, n_pools: {name: np.full(n_pools, value) for name, value in self.amounts.items()}


@dataclass(frozen=True, slots=True)
class RefusedOrderCharge:
    """Open orders are an error: the rule that margins them is not known.

    Attributes
    ----------
    hint : str
        What to do instead.
    """

    hint: str

    def prepare(self, market: Market, sensitivities: Sensitivities, *, in_usd: bool) -> PreparedOrderCharge:
        """Nothing to do before there are orders."""

        def refuse(orders: OrderLines, n_pools: int) -> dict[str, Array]:
            refuse_orders(orders, market, self.hint)
            return {}

        return refuse


def refuse_orders(orders: OrderLines, market: Market, hint: str) -> None:
    """Refuse open orders, where there are any."""
    if len(orders):
        problem = "the rule by which open orders are margined is not known"
        key = {"instrument": market.instruments[int(orders.row[0])]}
        raise DataError(problem, table="orders", column="instrument", key=key, count=len(orders), hint=hint)
