"""What would break a pool: the prices at which it enters or leaves liquidation."""

from margin.liquidation.table import LiquidationPrices, liquidation_prices

__all__ = ["LiquidationPrices", "liquidation_prices"]
