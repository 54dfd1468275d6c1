"""Volatility surface and cash rate from the venue's parameters."""

from __future__ import annotations

from margin.interest import KinkedRate
from margin.params import Parameters


def surface_bounds(p: Parameters) -> dict[str, float]:
    """Arguments of `SviCurve.vol` under which the venue reads its curves."""
    return {"deviations": p.number("svi.deviations"), "most_variance": p.number("svi.most_variance")}


def borrow_rate(p: Parameters) -> KinkedRate:
    """Yearly rate that a negative cash balance pays, by utilisation."""
    return KinkedRate(
        minimum=p.number("cash.min_rate"),
        slope=p.number("cash.rate_multiplier"),
        kink=p.number("cash.optimal_utilisation"),
        steep_slope=p.number("cash.high_rate_multiplier"),
    )
