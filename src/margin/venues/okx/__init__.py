"""OKX: portfolio margin."""

from margin.venues.okx.rules import MODES, parameters, regime

__all__ = ["MODES", "parameters", "regime"]
