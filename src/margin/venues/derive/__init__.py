"""Derive: the standard manager SRM."""

from margin.venues.derive.rules import MODES, parameters, regime

__all__ = ["MODES", "parameters", "regime"]
