"""Axis two, risk: how much collateral is required."""
