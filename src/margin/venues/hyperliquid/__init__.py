"""Hyperliquid: standard, unified and portfolio margin accounts, with isolated positions beside."""

from margin.venues.hyperliquid.rules import MODES, Options, compose, parameters, regime

__all__ = ["MODES", "Options", "compose", "parameters", "regime"]
