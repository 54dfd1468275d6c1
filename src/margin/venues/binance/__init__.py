"""Binance: futures, spot margin, options, Portfolio Margin and Portfolio Margin Pro."""

from margin.venues.binance.rules import MODES, parameters, regime

__all__ = ["MODES", "parameters", "regime"]
