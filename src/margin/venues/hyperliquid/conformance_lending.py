"""Adapters: loans, the reserve's interest, the portfolio margin ratio and funding."""

from __future__ import annotations

import numpy as np

from margin.funding import ClampedInterestFunding
from margin.interest import utilisation
from margin.venues.hyperliquid import lending
from margin.venues.hyperliquid.rules import Options, borrowed_margin
from margin.venues.hyperliquid.vectors import DAY, Inputs, Outputs, shipped


def borrow_lend_reserve(inputs: Inputs) -> Outputs:
    """Utilisation and yearly rates."""
    used = inputs.get("utilization")
    if used is None:
        used = utilisation(inputs["total_supplied"], inputs.get("total_borrowed") or 0.0)
    given = inputs["rate_parameters"]
    rate = lending.kinked(base=given["base"], slope=given["slope"], kink=given["kink"])
    borrow, supply = lending.reserve_rates(rate, used, retained=given["protocol_share"])
    return {"utilization": used, "borrow_yearly_rate": borrow, "supply_yearly_rate": supply}


def portfolio_margin_borrow(inputs: Inputs) -> Outputs:
    """Loan against collateral; what depends on units or debt that are not given is left out."""
    p, rows, borrowed = shipped(DAY), inputs["collateral"], inputs.get("borrowed_usdc")
    out: Outputs = {}
    if borrowed is not None and len(rows) == 1:
        out["locked_units"] = lending.locked_units(borrowed, price=rows[0]["price_usdc"], ltv=rows[0]["ltv"])
    if any(row.get("units") is None for row in rows):
        return out
    pledges = [lending.Pledge(units=row["units"], price=row["price_usdc"], ltv=row["ltv"]) for row in rows]
    partial, full = (
        lending.liquidation_debt(pledges, p.number(f"portfolio_margin.{name}")) for name in ("partial_share", "full_share")
    )
    weighted = lending.borrowable(pledges)
    out |= {
        "borrowable_usdc": weighted,
        "weighted_collateral_usdc": weighted,
        "partial_threshold_usdc": partial,
        "full_threshold_usdc": full,
    }
    if borrowed is not None:
        out |= {
            "health_factor_percent": 100 * lending.health_factor(pledges, borrowed),
            "partial_liquidation": borrowed > partial,
            "full_liquidation": borrowed > full,
        }
    return out


def portfolio_margin_ratio(inputs: Inputs) -> Outputs:
    """Ratio of an account without collateral in other tokens; its net balance is what is there less what is borrowed."""
    total = inputs["usdc_total"]
    maintenance = total - inputs["usdc_available_after_maintenance"]
    of = borrowed_margin(shipped(DAY), Options()).of(np.array([maintenance]), np.array([total]), np.zeros(1))
    return {"portfolio_maintenance_requirement_usdc": float(of.requirement[0]), "portfolio_margin_ratio": float(of.ratio[0])}


def funding_rate(inputs: Inputs) -> Outputs:
    """Rate of eight hours."""
    funding = ClampedInterestFunding(interest=inputs["interest_rate_8h"], clamp=inputs["clamp"])
    return {"funding_rate_8h": funding.rate(inputs["average_premium_index"])}
