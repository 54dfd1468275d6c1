"""Deribit: standard and portfolio margin, segregated per currency or cross."""

from margin.venues.deribit.rules import MODES, parameters, regime

__all__ = ["MODES", "parameters", "regime"]
