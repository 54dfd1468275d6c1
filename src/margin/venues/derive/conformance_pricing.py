"""Adapters: prices, volatilities, interest and funding."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from margin.funding import PremiumFunding, funding_received
from margin.interest import KinkedRate, interest_factor, utilisation
from margin.market import DAYS_A_YEAR
from margin.pricing import black76
from margin.venues.derive.feeds import surface_bounds
from margin.venues.derive.vectors import Inputs, Outputs, latest
from margin.volatility import SviCurve

SECONDS_PER_HOUR = np.timedelta64(1, "h") / np.timedelta64(1, "s")
SECONDS_PER_YEAR = np.timedelta64(DAYS_A_YEAR, "D") / np.timedelta64(1, "s")


def black76_price(inputs: Inputs) -> Outputs:
    """Discounted call and put, and the undiscounted delta of the call."""
    years = inputs["sec_to_expiry"] / inputs["seconds_per_year"]
    value = black76(inputs["forward_usd"], inputs["strike_usd"], years, inputs["vol"], [1, -1])
    call, put = (float(price) * inputs["discount"] for price in value.price)
    return {"call_usd": call, "put_usd": put, "call_delta_undiscounted": float(value.delta[0])}


def svi_volatility(inputs: Inputs) -> Outputs:
    """Volatility of a strike on a curve."""
    shape = {name: inputs[name] for name in ("a", "b", "rho", "m", "sigma")}
    curve = SviCurve(**shape, forward=inputs["forward_usd"], years=inputs["tau_years"])
    return {"vol": float(curve.vol(inputs["strike_usd"], **surface_bounds(latest())))}


def cash_borrow_rate(inputs: Inputs) -> Outputs:
    """Yearly rate at a utilisation, given or implied."""
    given = {name: inputs[name] for name in ("optimal_utilisation", "high_rate_multiplier") if inputs.get(name) is not None}
    kink = {"kink": given["optimal_utilisation"], "steep_slope": given["high_rate_multiplier"]} if len(given) == 2 else {}
    rate = KinkedRate(minimum=inputs["min_rate"], slope=inputs["rate_multiplier"], **kink)
    used = inputs.get("utilisation")
    if used is None:
        used = utilisation(inputs["total_supply_usd"], inputs["total_borrow_usd"])
    return {"borrow_rate_per_year": rate.at(used)}


def cash_interest_factor(inputs: Inputs) -> Outputs:
    """Growth of a debt over a time, less one."""
    return {"interest_factor": interest_factor(inputs["borrow_rate_per_year"], inputs["elapsed_sec"] / SECONDS_PER_YEAR)}


def perp_funding(inputs: Inputs) -> Outputs:
    """Hourly funding rate; what a position receives where one is given."""
    funding = PremiumFunding(
        hours=inputs["convergence_hours"], interest=inputs["static_rate_per_hour"], cap=inputs["cap_per_hour"]
    )
    index, position, elapsed = inputs["index_usd"], inputs.get("position"), inputs.get("elapsed_sec")
    rate = funding.rate(index, impact_bid=inputs["impact_bid_usd"], impact_ask=inputs["impact_ask_usd"])
    out: Outputs = {"funding_rate_per_hour": rate}
    if position is not None and elapsed is not None:
        hours = elapsed / SECONDS_PER_HOUR
        out["funding_received_usd"] = funding_received(position, rate=rate, index=index, hours=hours)
    return out


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "black76_price": black76_price,
    "svi_volatility": svi_volatility,
    "cash_borrow_rate": cash_borrow_rate,
    "cash_interest_factor": cash_interest_factor,
    "perp_funding": perp_funding,
}
