"""Derive's portfolio managers, written a second time from the venue's rules, one position and one scenario at a time.

Shares no code with the package. Accounts are given as the published vectors give them (kinds ``pm2_account`` and
``pm1_account``), and so are results: values are signed, contingencies are negative.
"""

from __future__ import annotations

import math

YEAR, DAY = 31_536_000.0, 86_400.0

STEPS = [1.135, 1.09, 1.045, 1.0, 0.955, 0.91, 0.865]
GRID = [[1.18, "up"], *([s, vol] for s in STEPS for vol in ("up", "none", "down")), [0.82, "up"]]
TAILS = {0.34: 0.21, 0.67: 0.42, 1.5: 0.2772, 2: 0.1386, 3: 0.0693, 4: 0.0462, 5: 0.03465, 6: 0.02772}

ETH_PM2 = {
    "scenarios": [
        *([s, vol, 1.0] for s, vol in GRID),
        *([s, "up", weight] for s, weight in TAILS.items()),
        [1.0, "linear", 1.0],
        [1.0, "abs", 1.0],
    ],
    "vol_shock": {
        "range_up": 0.5, "range_down": 0.3, "short_term_power": 0.3, "long_term_power": 0.13, "dte_floor_days": 1.0,
        "min_vol_up_shock": 0.4,
    },
    "margin": {
        "im_factor": 1.0, "mm_factor": 0.8, "short_rate_mult": 0.0, "long_rate_mult": 0.0, "short_rate_add": 0.1,
        "long_rate_add": 0.1, "short_base_static_discount": 1.02, "long_base_static_discount": 0.98,
    },
    "basis": {"spot_up": 1.045, "spot_down": 0.955, "add_factor": 0.5, "mult_factor": 2.0},
    "other": {
        "peg_loss_threshold": 0.99, "peg_loss_factor": 4.0, "conf_threshold": 0.55, "conf_margin": 0.4,
        "mm_perp_percent": 0.03, "im_perp_percent_extra": 0.01, "mm_option_percent": 0.003, "im_option_percent_extra": 0.002,
    },
    "skew": {
        "linear_base_cap": 0.25, "abs_base_cap": 0.25, "linear_c_base": -0.1, "abs_c_base": -0.1, "min_k_star": 0.01,
        "width_scale": 4.0, "vol_param_static": 0.6, "vol_param_scale": 0.0,
    },
}  # fmt: skip

ETH_HAIRCUTS = {  # maintenance, extra of the initial margin, whether it joins the scenarios
    "ETH": (0.056, 0.014, True), "wstETH": (0.086, 0.014, True), "weETH": (0.156, 0.014, True), "USDT": (0.02, 0.08, False),
    "BTC": (0.25, 0.0525, False), "DRV": (0.85, 0.051, False),
}  # fmt: skip

ETH_PM1 = {
    "scenarios": GRID, "basis_spot_up": 1.045, "basis_spot_down": 0.955, "basis_add_factor": 0.5, "basis_mult_factor": 2.0,
    "peg_loss_threshold": 0.99, "peg_loss_factor": 4.0, "conf_threshold": 0.55, "conf_margin": 1.0, "base_percent": 0.03,
    "perp_percent": 0.03, "option_percent": 0.015, "im_factor": 1.25, "base_static_discount": 0.95, "rate_mult": 1.0,
    "rate_add": 0.12, "vol_range_up": 0.5, "vol_range_down": 0.275, "short_term_power": 0.3, "long_term_power": 0.13,
    "dte_floor_sec": 86_400,
}  # fmt: skip


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black(forward: float, strike: float, years: float, vol: float, kind: str) -> float:
    """Undiscounted value of a call or a put."""
    call = kind == "call"
    if strike == 0 or forward == 0:
        return (0.0 if forward == 0 else forward) if call else (0.0 if strike == 0 else strike)
    tv = vol * math.sqrt(years)
    if tv >= 24:
        return forward if call else strike
    if tv < 1e-16:  # the limit; 1e-18 in the rules, which no float64 tells from it
        return max(forward - strike, 0.0) if call else max(strike - forward, 0.0)
    k = math.log(strike / forward)
    d1 = tv / 2 - k / tv
    value = max(normal(d1) - strike / forward * normal(d1 - tv), 0.0)
    return min(value * forward, forward) if call else min(max(value + strike / forward - 1, 0.0) * forward, strike)


def years_of(expiry: dict) -> float:
    return max(expiry["sec_to_expiry"], 0) / YEAR


def vol_range(seconds: float, p: dict, floor_seconds: float) -> float:
    power = p["short_term_power"] if seconds <= 30 * DAY else p["long_term_power"]
    return (30 * DAY / max(seconds, floor_seconds)) ** power


def skewed(vol: float, log_strike: float, years: float, kind: str, p: dict) -> float:
    root = math.sqrt(years)
    cap = p[f"{kind}_base_cap"] + p[f"{kind}_c_base"] * root
    width = max(p["min_k_star"], p["width_scale"] * root * (p["vol_param_static"] + p["vol_param_scale"] * root))
    k = abs(log_strike) if kind == "abs" else log_strike
    move = min(k * cap / width, cap) if k >= 0 else max(k * cap / width, -cap)
    return vol * max(1 + move, 0.0)


def value(expiry: dict, options: list[dict], spot: float, vol_of, discount: float) -> float:
    """Worth of the options of an expiry at a spot multiplier."""
    forward = expiry["forward_fixed_usd"] + expiry["forward_variable_usd"] * spot
    return sum(
        o["amount"] * discount * black(forward, o["strike_usd"], years_of(expiry), vol_of(o), o["type"])
        for o in options
        if o["sec_to_expiry"] == expiry["sec_to_expiry"]
    )


def naked(options: list[dict]) -> float:
    net: dict[tuple, float] = {}
    for o in options:
        key = (o["sec_to_expiry"], o["strike_usd"])
        net[key] = net.get(key, 0.0) + o["amount"]
    return sum(max(-amount, 0.0) for amount in net.values())


def doubt(confidence: float, notional: float, p: dict) -> float:
    return (1 - confidence) * p["conf_margin"] * notional if confidence < p["conf_threshold"] else 0.0


def scale(account: dict) -> float:
    """Gross worth of everything in the account: what errors are relative to."""
    perp = account["perp"]
    total = abs(account["cash_usd"]) + abs(perp["unrealised_pnl_usd"]) + abs(perp["unrealised_funding_usd"])
    total += abs(perp["position"]) * max(perp["price_usd"], account["spot_price_usd"])
    total += abs(account.get("base_amount", 0.0)) * account["spot_price_usd"] / min(account["stable_price_usd"], 1.0)
    stable = min(account["stable_price_usd"], 1.0)
    total += sum(abs(c["amount"]) * c["price_usd"] / stable for c in account.get("collaterals", []))
    feeds = {e["sec_to_expiry"]: e for e in account["expiries"]}
    for o in account["options"]:
        e = feeds[o["sec_to_expiry"]]
        forward = e["forward_fixed_usd"] + e["forward_variable_usd"]
        total += abs(o["amount"]) * (forward + o["strike_usd"] + account["spot_price_usd"])
    return total


def pm2(account: dict) -> dict:
    p = account["params"]
    margin, shock, basis, other = (p[name] for name in ("margin", "vol_shock", "basis", "other"))
    spot, stable, perp = account["spot_price_usd"], account["stable_price_usd"], account["perp"]
    q, options, expiries = perp["position"], account["options"], account["expiries"]
    floor = shock["dte_floor_days"] * DAY

    def shocked(expiry: dict, kind: str):
        seconds, years = max(expiry["sec_to_expiry"], 0), years_of(expiry)
        scaled = vol_range(seconds, shock, floor)

        def vol_of(o: dict) -> float:
            vol = o["mark_vol"]
            if kind == "up":
                return max(vol * (1 + shock["range_up"] * scaled), shock["min_vol_up_shock"])
            if kind == "down":
                return vol * max(1 - shock["range_down"] * scaled, 0.0)
            forward = expiry["forward_fixed_usd"] + expiry["forward_variable_usd"]
            if kind == "none" or forward == 0 or o["strike_usd"] == 0:
                return vol
            return skewed(vol, math.log(o["strike_usd"] / forward), years, kind, p["skew"])

        return vol_of

    marks, discounts, factors, basis_loss = [], [], [], 0.0
    for e in expiries:
        rate, years = max(e["rate"], 0.0), years_of(e)
        discount = math.exp(-rate * years)
        down = years * (rate * margin["long_rate_mult"] + margin["long_rate_add"])
        up = years * (rate * margin["short_rate_mult"] + margin["short_rate_add"])
        gain = margin["long_base_static_discount"] * math.exp(-down)
        loss = margin["short_base_static_discount"] * math.exp(up)
        mark, up, down = (
            value(e, options, s, shocked(e, "none"), discount) for s in (1.0, basis["spot_up"], basis["spot_down"])
        )
        basis_loss += min(up - mark, down - mark, 0.0) * (basis["add_factor"] + basis["mult_factor"] * years)
        marks.append(mark)
        discounts.append(discount)
        factors.append((gain, min(1 / discount, loss)))

    held = account["collaterals"]
    worth = [c["amount"] * c["price_usd"] / stable for c in held]
    profits = []
    for s, kind, weight in p["scenarios"]:
        profit = q * (s - 1) * perp["price_usd"]
        for e, mark, discount, (gain, loss) in zip(expiries, marks, discounts, factors, strict=True):
            x = value(e, options, s, shocked(e, kind), discount)
            own = x * (gain if x >= 0 else loss) - mark
            profit += -abs(own) if kind in ("linear", "abs") else own
        profit += sum(w * (s - 1) for c, w in zip(held, worth, strict=True) if c["risk_cancelling"])
        profits.append(weight * profit)
    worst = min([basis_loss, *profits])

    port = min(account["spot_confidence"], perp["confidence"]) if q else account["spot_confidence"]
    oracle = doubt(port, abs(q) * spot, other)
    for e in expiries:
        least = min(port, e["forward_confidence"], e["rate_confidence"], e["vol_confidence"])
        size = sum(abs(o["amount"]) for o in options if o["sec_to_expiry"] == e["sec_to_expiry"])
        oracle += doubt(least, size * spot, other)
    for c, w in zip(held, worth, strict=True):
        oracle += doubt(min(c["confidence"], account["spot_confidence"]), abs(w), other)
    short = naked(options)
    positive = [max(w, 0.0) for w in worth]  # a debt has no haircut
    charges = {
        "mm_perp_contingency_usd": abs(q) * spot * other["mm_perp_percent"],
        "mm_option_contingency_usd": short * spot * other["mm_option_percent"],
        "mm_collateral_contingency_usd": sum(w * c["mm_haircut"] for c, w in zip(held, positive, strict=True)),
    }
    extra = {
        "im_perp_contingency_extra_usd": abs(q) * spot * other["im_perp_percent_extra"],
        "im_option_contingency_extra_usd": short * spot * other["im_option_percent_extra"],
        "im_collateral_contingency_extra_usd": sum(w * c["im_haircut_extra"] for c, w in zip(held, positive, strict=True)),
        "oracle_contingency_usd": oracle,
    }
    im_factor = margin["im_factor"] + max(0.0, other["peg_loss_threshold"] - stable) * other["peg_loss_factor"]
    base = account["cash_usd"] + perp["unrealised_pnl_usd"] + perp["unrealised_funding_usd"] + sum(marks) + sum(worth)
    base -= sum(charges.values())
    order = sorted(range(len(expiries)), key=lambda i: expiries[i]["sec_to_expiry"])
    return {
        "net_initial_margin_usd": base + worst * im_factor - sum(extra.values()),
        "net_maintenance_margin_usd": base + worst * margin["mm_factor"],
        "option_mtm_usd": sum(marks),
        "collateral_mtm_usd": sum(worth),
        "forward_contingency_usd": basis_loss,
        **{name: -amount for name, amount in (charges | extra).items()},
        "im_loss_factor": im_factor,
        "mm_loss_factor": margin["mm_factor"],
        "scenario_pnl_usd": profits,
        "static_discounts_by_expiry": [{"positive": factors[i][0], "negative": factors[i][1]} for i in order],
    }


def pm1(account: dict) -> dict:
    p, perp, spot, stable = account["params"], account["perp"], account["spot_price_usd"], account["stable_price_usd"]
    q, base, options, expiries = perp["position"], account["base_amount"], account["options"], account["expiries"]

    def shocked(expiry: dict, kind: str):
        scaled = vol_range(max(expiry["sec_to_expiry"], 0), p, p["dte_floor_sec"])
        up, down = 1 + p["vol_range_up"] * scaled, max(0.0, 1 - p["vol_range_down"] * scaled)
        times = {"up": up, "none": 1.0, "down": down}[kind]
        return lambda o: o["vol"] * times

    marks, basis_loss = [], 0.0
    for e in expiries:
        mark, up, down = (
            value(e, options, s, shocked(e, "none"), 1.0) for s in (1.0, p["basis_spot_up"], p["basis_spot_down"])
        )
        basis_loss += min(up - mark, down - mark, 0.0) * (p["basis_add_factor"] + p["basis_mult_factor"] * years_of(e))
        marks.append(mark)
    profits = []
    for s, kind in p["scenarios"]:
        profit = base * spot * (s - 1) / stable + q * (s - 1) * perp["price_usd"]
        for e, mark in zip(expiries, marks, strict=True):
            x = value(e, options, s, shocked(e, kind), 1.0)
            rate = max(e["rate"], 0.0)
            factor = p["base_static_discount"] * math.exp(-years_of(e) * (rate * p["rate_mult"] + p["rate_add"]))
            profit += (x * factor if x > 0 else x) - mark
        profits.append(profit)
    worst = min([basis_loss, *profits])
    port = min(account["spot_confidence"], perp["confidence"]) if q else account["spot_confidence"]
    oracle = doubt(port, (abs(q) + base) * spot, p)
    for e in expiries:
        own = [o for o in options if o["sec_to_expiry"] == e["sec_to_expiry"] and o["amount"]]
        least = min([port, e["forward_confidence"], e["rate_confidence"], *(o["vol_confidence"] for o in own)])
        oracle += doubt(least, sum(abs(o["amount"]) for o in own) * spot, p)
    charges = {
        "perp_contingency_usd": abs(q) * p["perp_percent"] * spot,
        "base_contingency_usd": base * p["base_percent"] * spot,
        "option_contingency_usd": naked(options) * p["option_percent"] * spot,
    }
    static = sum(charges.values())
    mtm = account["cash_usd"] + perp["unrealised_pnl_usd"] + perp["unrealised_funding_usd"] + sum(marks) + base * spot / stable
    factor = p["im_factor"] + max(0.0, p["peg_loss_threshold"] - stable) * p["peg_loss_factor"]
    return {
        "net_initial_margin_usd": mtm + (worst - static) * factor - oracle,
        "net_maintenance_margin_usd": mtm + (worst - static),
        "portfolio_mtm_usd": mtm,
        "forward_contingency_usd": basis_loss,
        **{name: -amount for name, amount in charges.items()},
        "oracle_contingency_usd": -oracle,
        "im_loss_factor": factor,
        "scenario_pnl_usd": profits,
    }
