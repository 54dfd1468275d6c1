"""The standard manager SRM, written a second time from the venue's rules in plain Python, with the venue's signs.

Shares no code with the package: the judge of `ExpiryNetting`, the size shares and the composition. Net margins are value less
requirement; inputs are those of the vectors of kind ``srm_account``.
"""

from __future__ import annotations

import math
from typing import Any

YEAR = 365 * 86_400


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black(forward: float, strike: float, years: float, vol: float, *, call: bool) -> float:
    deviation = vol * math.sqrt(years)
    if deviation < 1e-15 or not (forward > 0 and strike > 0):
        return max(forward - strike if call else strike - forward, 0.0)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if call:
        return forward * normal(d1) - strike * normal(d2)
    return strike * normal(-d2) - forward * normal(-d1)


def isolated(spot: float, strike: float, amount: float, mark: float, par: dict[str, float], *, call: bool) -> tuple[float, float]:
    """Initial and maintenance margin of one option, <= 0."""
    if amount >= 0:
        return 0.0, 0.0
    value = amount * mark
    away = max(strike - spot if call else spot - strike, 0.0) / spot
    initial = value + max(par["option_max_spot_req"] - away, par["option_min_spot_req"]) * spot * amount
    if call:
        return initial, value + par["mm_call_spot_req"] * spot * amount
    maintenance = value + min(par["mm_put_spot_req"] * spot * amount, par["mm_put_mtm_req"] * value)
    return min(initial, par["mm_offset_scale"] * maintenance), maintenance


def expiry(options: list[dict[str, Any]], spot: float, forward: float, par: dict[str, float]) -> dict[str, float]:
    """Margins of the options of one expiry, <= 0: on their own, at the largest loss, chosen."""
    own = [
        isolated(spot, o["strike_usd"], o["amount"], o["mark"], par, call=o["type"] == "call") for o in options
    ]
    worst = 0.0
    for price in [0.0, *(o["strike_usd"] for o in options if o["amount"])]:
        payoff = 0.0
        for o in options:
            gain = price - o["strike_usd"] if o["type"] == "call" else o["strike_usd"] - price
            payoff += o["amount"] * max(gain, 0.0)
        worst = min(worst, payoff)
    calls = min(sum(o["amount"] for o in options if o["type"] == "call"), 0.0)
    out = {"isolated_im": sum(a for a, _ in own), "isolated_mm": sum(b for _, b in own)}
    for which in ("im", "mm"):
        out[f"max_loss_{which}"] = worst + par[f"unpaired_{which}_scale"] * forward * calls
        out[which] = max(out[f"isolated_{which}"], out[f"max_loss_{which}"])
    return out


def account(inputs: dict[str, Any]) -> dict[str, float]:
    """Net margins and value of an account."""
    stable, depeg = inputs["stable_price_usd"], inputs["depeg"]
    initial = maintenance = value = inputs["cash_usd"]
    for m in inputs["markets"]:
        par, spot, perp = m["params"], m["spot_price_usd"], m["perp"]
        quantity, unsettled, base = abs(perp["position"]), perp["unsettled_pnl_and_funding_usd"], m["base_amount"]
        initial += unsettled - quantity * perp["price_usd"] * par["perp_im_req"]
        maintenance += unsettled - quantity * perp["price_usd"] * par["perp_mm_req"]
        value += unsettled + base * spot / stable
        confidence = min(perp["confidence"], m["spot_confidence"])
        if confidence < par["perp_conf_threshold"]:
            initial -= (1 - confidence) * par["oracle_factor"] * spot * quantity
        short = 0.0
        for e in m["expiries"]:
            here = [dict(o) for o in m["options"] if o["sec_to_expiry"] == e["sec_to_expiry"]]
            for o in here:
                years = max(o["sec_to_expiry"], 0) / YEAR
                o["mark"] = black(e["forward_usd"], o["strike_usd"], years, o["vol"], call=o["type"] == "call")
                value += o["amount"] * o["mark"]
            margins = expiry(here, spot, e["forward_usd"], par)
            initial += margins["im"]
            maintenance += margins["mm"]
            sold = sum(-min(o["amount"], 0.0) for o in here)
            short += sold
            confidence = min(m["spot_confidence"], e["forward_confidence"], e["vol_confidence"])
            if confidence < par["option_conf_threshold"]:
                initial -= (1 - confidence) * par["oracle_factor"] * spot * sold
        maintenance += base * spot * par["base_margin_factor"]
        credit = base * spot * par["base_margin_factor"] * par["base_im_scale"]
        initial += credit
        if credit and m["spot_confidence"] < par["base_conf_threshold"]:
            initial -= (1 - m["spot_confidence"]) * par["oracle_factor"] * base * spot
        if stable < depeg["threshold"]:
            initial -= (depeg["threshold"] - stable) * depeg["factor"] * spot * (quantity + short)
    return {"net_initial_margin_usd": initial, "net_maintenance_margin_usd": maintenance, "portfolio_mtm_usd": value}
