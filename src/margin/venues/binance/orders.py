"""Cost of an order that opens a futures position."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class OrderCost:
    """What an order needs free when it is placed, in the margin asset.

    Attributes
    ----------
    initial_margin : float
        Value at the order price over the leverage.
    open_loss : float
        Loss against the mark that the order would start with; it belongs to this cost, not to the standing requirement.
    """

    initial_margin: float
    open_loss: float

    @property
    def total(self) -> float:
        """Both together."""
        return self.initial_margin + self.open_loss


def order_cost(
    *,
    side: Literal["long", "short"],
    quantity: float,
    price: float,
    mark: float,
    leverage: float,
    contract_usd: float | None = None,
) -> OrderCost:
    """Cost of a limit order to open.

    Parameters
    ----------
    side : {"long", "short"}
        Of the position that it opens.
    quantity : float
        Base units (USD-M) or contracts (COIN-M), without sign.
    price, mark : float
    leverage : float
        Chosen for the symbol.
    contract_usd : float, optional
        USD per contract of COIN-M; costs are then in coin.

    Raises
    ------
    ValueError
        If the side is neither.
    """
    if side not in ("long", "short"):
        message = f"side {side!r} is neither 'long' nor 'short'"
        raise ValueError(message)
    sign = 1 if side == "long" else -1
    size = abs(quantity)
    if contract_usd is None:
        return OrderCost(size * price / leverage, size * max(sign * (price - mark), 0.0))
    usd = size * contract_usd
    return OrderCost(usd / price / leverage, usd * max(sign * (1 / mark - 1 / price), 0.0))
