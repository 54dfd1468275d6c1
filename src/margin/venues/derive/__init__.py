"""Derive: the standard manager and the portfolio managers PM1 and PM2."""

from margin.venues.derive.rules import MODES, parameters, regime

__all__ = ["MODES", "parameters", "regime"]
