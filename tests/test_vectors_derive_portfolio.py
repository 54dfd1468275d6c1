"""Published and generated portfolio accounts through the adapters, against the rules written a second time.

Errors are relative to the gross worth of the account (`slow.scale`).
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.venues.derive.conformance import ADAPTERS
from models import slow_derive as slow

VECTORS = json.loads((Path(__file__).parent / "vectors" / "derive.json").read_text(encoding="utf-8"))
TWINS = {"pm2_account": slow.pm2, "pm1_account": slow.pm1}
NEAR = 1e-12


def published(*kinds: str) -> list[Any]:
    return [pytest.param(v["kind"], v["inputs"], id=v["id"]) for v in VECTORS if v["kind"] in kinds]


def one(kind: str, vector_id: str) -> dict[str, Any]:
    """Inputs of a published vector, to be changed."""
    return copy.deepcopy(next(v["inputs"] for v in VECTORS if v["kind"] == kind and v["id"] == vector_id))


def same(got: Any, wanted: Any, near: float, path: str = "") -> None:
    """Every leaf of `wanted` in `got`."""
    if isinstance(wanted, dict):
        for name, value in wanted.items():
            same(got[name], value, near, f"{path}.{name}")
    elif isinstance(wanted, list):
        assert len(got) == len(wanted), path
        for i, (a, b) in enumerate(zip(got, wanted, strict=True)):
            same(a, b, near, f"{path}[{i}]")
    else:
        assert got == pytest.approx(wanted, rel=1e-13, abs=near), path


def check(kind: str, inputs: dict[str, Any], without: tuple[str, ...] = ()) -> dict[str, Any]:
    wanted = {name: value for name, value in TWINS[kind](inputs).items() if name not in without}
    if kind == "pm1_account":
        wanted.pop("scenario_pnl_usd")
    got = ADAPTERS[kind](inputs)
    same(got, wanted, NEAR * max(slow.scale(inputs), 1.0))
    return got


@pytest.mark.parametrize(("kind", "inputs"), published("pm2_account", "pm1_account"))
def test_published_accounts(kind, inputs):
    check(kind, inputs)


# Accounts of every shape that the tables of the vectors allow.

fractions = st.sampled_from([0.0, 0.3, 0.5, 0.5499999, 0.55, 0.7, 1.0])
prices = st.floats(0.01, 1e5)
prices_or_none = st.one_of(st.just(0.0), prices)
amounts = st.one_of(st.just(0.0), st.floats(-50, 50).map(lambda x: round(x, 4)))
seconds = st.sampled_from([0, 1, 60, 899, 1799, 1800, 3600, 86_399, 86_400, 600_000, 2_592_000, 2_592_001, 5_000_000, 63_072_000])
unit = st.floats(0, 1)


@st.composite
def expiries(draw, spot: float):
    out = []
    for sec in draw(st.lists(seconds, unique=True, max_size=4)):
        forward = spot * draw(st.one_of(st.just(0.0), st.floats(0.8, 1.2)))
        left = min(sec / 1800, 1.0)
        out.append({
            "sec_to_expiry": sec, "forward_fixed_usd": forward * (1 - left), "forward_variable_usd": forward * left,
            "rate": draw(st.one_of(st.just(0.0), st.floats(-0.5, 0.5))), "forward_confidence": draw(fractions),
            "rate_confidence": draw(fractions), "vol_confidence": draw(fractions),
        })  # fmt: skip
    return out


@st.composite
def options(draw, dated: list[dict], spot: float, vol: str):
    out = []
    for _ in range(draw(st.integers(0, 8)) if dated else 0):
        e = draw(st.sampled_from(dated))
        strike = spot * draw(st.sampled_from([0.0, 1e-9, 0.5, 0.9, 1.0, 1.1, 2.0]))
        out.append({
            "sec_to_expiry": e["sec_to_expiry"], "strike_usd": strike, "amount": draw(amounts),
            "type": draw(st.sampled_from(["call", "put"])), vol: draw(st.one_of(st.just(0.0), st.floats(0.01, 3))),
        } | ({"vol_confidence": draw(fractions)} if vol == "vol" else {}))  # fmt: skip
    return out


@st.composite
def shared(draw):
    """What accounts of both kinds have."""
    spot, position = draw(prices), draw(amounts)
    cents = st.floats(-1e5, 1e5).map(lambda x: round(x, 2))
    return {
        "cash_usd": draw(cents), "spot_price_usd": spot, "spot_confidence": draw(fractions),
        "stable_price_usd": draw(st.sampled_from([1.0, 0.99, 0.985, 0.7, 1.02])), "expiries": draw(expiries(spot)),
        "perp": {
            "position": position, "price_usd": spot * draw(st.one_of(st.just(0.0), st.floats(0.9, 1.1))),
            "confidence": draw(fractions), "unrealised_pnl_usd": draw(cents),
            "unrealised_funding_usd": draw(cents),
        },
    }  # fmt: skip


@st.composite
def pm2_accounts(draw):
    account = draw(shared())
    spot = account["spot_price_usd"]
    spots = st.sampled_from([0.0, 0.2, 0.9, 1.0, 1.1, 3.0])
    moves = st.tuples(spots, st.sampled_from(["none", "up", "down"]), st.floats(0, 1.5)).map(list)
    skews = st.tuples(st.just(1.0), st.sampled_from(["linear", "abs"]), st.floats(0, 1.5)).map(list)
    held = st.fixed_dictionaries({
        "name": st.sampled_from(["ETH", "USDC", "BTC", "USDT"]), "amount": amounts, "price_usd": prices_or_none,
        "confidence": fractions, "risk_cancelling": st.booleans(), "mm_haircut": unit, "im_haircut_extra": unit,
    })  # fmt: skip
    params = {
        "scenarios": draw(st.lists(st.one_of(moves, moves, skews), max_size=12)),
        "vol_shock": {
            "range_up": draw(unit), "range_down": draw(st.floats(0, 2)), "short_term_power": draw(unit),
            "long_term_power": draw(unit), "dte_floor_days": draw(st.floats(0.1, 3)), "min_vol_up_shock": draw(unit),
        },
        "margin": {
            "im_factor": draw(st.floats(0.5, 2)), "mm_factor": draw(unit),
            **{f"{side}_rate_{part}": draw(unit) for side in ("short", "long") for part in ("mult", "add")},
            **{f"{side}_base_static_discount": draw(st.floats(0.9, 1.1)) for side in ("short", "long")},
        },
        "basis": {"spot_up": draw(st.floats(1, 1.3)), "spot_down": draw(st.floats(0.7, 1)), "add_factor": draw(unit),
                  "mult_factor": draw(st.floats(0, 3))},
        "other": {
            "peg_loss_threshold": draw(st.sampled_from([0.98, 0.99, 1.0])), "peg_loss_factor": draw(st.floats(0, 5)),
            "conf_threshold": draw(st.sampled_from([0.0, 0.55, 1.0])), "conf_margin": draw(unit),
            **{name: draw(unit) for name in ("mm_perp_percent", "im_perp_percent_extra")},
            **{name: draw(unit) for name in ("mm_option_percent", "im_option_percent_extra")},
        },
        "skew": {
            "linear_base_cap": draw(unit), "abs_base_cap": draw(st.floats(0, 2)), "linear_c_base": draw(st.floats(-1, 1)),
            "abs_c_base": draw(st.floats(-1, 1)), "min_k_star": draw(st.floats(0.001, 0.1)), "width_scale": draw(st.floats(0, 5)),
            "vol_param_static": draw(unit), "vol_param_scale": draw(st.floats(-1, 1)),
        },
    }  # fmt: skip
    own = draw(options(account["expiries"], spot, "mark_vol"))
    return account | {"collaterals": draw(st.lists(held, max_size=4)), "options": own, "params": params}


@st.composite
def pm1_accounts(draw):
    account = draw(shared())
    scenario = st.tuples(st.sampled_from([0.0, 0.8, 1.0, 1.2]), st.sampled_from(["none", "up", "down"])).map(list)
    names = (
        "basis_add_factor", "basis_mult_factor", "conf_margin", "base_percent", "perp_percent", "option_percent",
        "rate_mult", "rate_add", "vol_range_up", "short_term_power", "long_term_power", "base_static_discount",
    )  # fmt: skip
    params = {name: draw(unit) for name in names} | {
        "scenarios": draw(st.lists(scenario, max_size=8)), "basis_spot_up": draw(st.floats(1, 1.3)),
        "basis_spot_down": draw(st.floats(0.7, 1)), "peg_loss_threshold": draw(st.sampled_from([0.98, 0.99, 1.0])),
        "peg_loss_factor": draw(st.floats(0, 5)), "conf_threshold": draw(st.sampled_from([0.0, 0.55, 1.0])),
        "im_factor": draw(st.floats(1, 2)), "vol_range_down": draw(st.floats(0, 2)),
        "dte_floor_sec": draw(st.sampled_from([3600, 86_400, 100_000])),
    }  # fmt: skip
    own = draw(options(account["expiries"], account["spot_price_usd"], "vol"))
    return account | {"base_amount": abs(draw(amounts)), "options": own, "params": params}


@settings(max_examples=120)
@given(pm2_accounts())
def test_generated_pm2_accounts(account):
    check("pm2_account", account)


def test_a_small_contingency_keeps_its_digits_beside_much_cash():
    inputs = next(v["inputs"] for v in VECTORS if v["kind"] == "pm2_account")
    collateral = {"name": "ETH", "amount": 0.7, "price_usd": 3.1, "confidence": 1.0, "risk_cancelling": False}
    haircuts = {"mm_haircut": 0.1, "im_haircut_extra": 0.2}
    got = ADAPTERS["pm2_account"](inputs | {"cash_usd": 1e13, "stable_price_usd": 1.0, "collaterals": [collateral | haircuts]})
    assert got["collateral_mtm_usd"] == pytest.approx(2.17, rel=1e-12)
    assert got["mm_collateral_contingency_usd"] == pytest.approx(-0.217, rel=1e-12)
    assert got["im_collateral_contingency_extra_usd"] == pytest.approx(-0.434, rel=1e-12)


@settings(max_examples=120)
@given(pm1_accounts())
def test_generated_pm1_accounts(account):
    check("pm1_account", account)


@given(
    forward=prices, call=st.floats(0.3, 3), put=st.floats(0.3, 3), days=st.sampled_from([0, 0.5, 1, 30, 60.25, 365, 800]),
    rate=st.floats(-0.2, 0.3), vol=st.one_of(st.just(0.0), st.floats(0.01, 4)), mult=unit, add=unit, base=st.floats(0.9, 1.2),
)  # fmt: skip
def test_generated_option_marks(forward, call, put, days, rate, vol, mult, add, base):
    inputs = {
        "forward_usd": forward, "call_strike_usd": call * forward, "put_strike_usd": put * forward, "days_to_expiry": days,
        "rate": rate, "vol": vol, "short_rate_mult": mult, "short_rate_add": add, "short_base_static_discount": base,
    }  # fmt: skip
    years, floored = days / 365, max(rate, 0.0)
    discount = math.exp(-floored * years)
    wanted = {
        "call_mark_usd": discount * slow.black(forward, call * forward, years, vol, "call"),
        "put_mark_usd": discount * slow.black(forward, put * forward, years, vol, "put"),
        "negative_static_discount": base * math.exp(years * (floored * mult + add)),
        "negative_static_discount_cap": 1 / discount,
    }
    same(ADAPTERS["pm2_option_marks"](inputs), wanted, NEAR * max(forward, 1.0))


@given(
    spot=prices, days=st.sampled_from([1, 30, 200]), call=amounts, put=amounts, least=fractions, stable=st.floats(0.5, 1.1),
    vol=st.floats(0.01, 3), cash=st.floats(-1e4, 1e4), same_strike=st.booleans(), percent=unit, share=unit,
)  # fmt: skip
def test_generated_pm1_components(spot, days, call, put, least, stable, vol, cash, same_strike, percent, share):
    forward, strikes = 1.02 * spot, (1.1 * spot, 1.1 * spot if same_strike else 0.9 * spot)
    legs = [
        {"type": kind, "strike_usd": strike, "amount": n, "vol": vol}
        for kind, strike, n in zip(("call", "put"), strikes, (call, put), strict=True)
    ]
    inputs = {
        "cash_usd": cash, "spot_price_usd": spot, "forward_usd": forward, "stable_price_usd": stable, "days_to_expiry": days,
        "options": legs, "option_percent": percent, "conf_margin": share, "im_factor": 1.25, "peg_loss_threshold": 0.98,
        "peg_loss_factor": 3.0, "lowest_confidence": least,
    }  # fmt: skip
    marks = {leg["type"]: slow.black(forward, leg["strike_usd"], days / 365, vol, leg["type"]) for leg in legs}
    dated, size = [leg | {"sec_to_expiry": 1} for leg in legs], (abs(call) + abs(put)) * spot
    wanted = {
        "call_mark_usd": marks["call"],
        "put_mark_usd": marks["put"],
        "portfolio_mtm_usd": cash + sum(leg["amount"] * marks[leg["type"]] for leg in legs),
        "option_contingency_usd": -slow.naked(dated) * spot * percent,
        "oracle_contingency_usd": -slow.doubt(least, size, {"conf_threshold": 0.55, "conf_margin": share}),
        "im_loss_factor": 1.25 + max(0.98 - stable, 0) * 3.0,
    }
    same(ADAPTERS["pm1_components"](inputs), wanted, NEAR * (abs(cash) + (abs(call) + abs(put) + 1) * 4 * spot))
