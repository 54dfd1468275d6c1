"""Published vectors of Derive, one test each, and inputs that the kinds allow but no published vector has."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_srm
from margin.conformance import Result, run_files
from margin.errors import DataError
from margin.venues.derive.conformance import ADAPTERS

FILE = Path(__file__).parent / "vectors" / "derive.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run_files([FILE]).results}


@pytest.mark.parametrize("name", [vector["id"] for vector in VECTORS])
def test_published_vector(results: dict[str, Result], name: str) -> None:
    assert results[name].status == "passed", "\n".join(results[name].reasons)


def test_every_kind_of_the_file_has_an_adapter() -> None:
    assert {vector["kind"] for vector in VECTORS} == set(ADAPTERS)


def run(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return dict(ADAPTERS[kind](inputs))


PARAMETERS = {
    "perp_mm_req": 0.05,
    "perp_im_req": 0.07,
    "option_max_spot_req": 0.2,
    "option_min_spot_req": 0.12,
    "mm_call_spot_req": 0.08,
    "mm_put_spot_req": 0.07,
    "mm_put_mtm_req": 0.3,
    "unpaired_im_scale": 1.25,
    "unpaired_mm_scale": 1.1,
    "mm_offset_scale": 1.3,
    "perp_conf_threshold": 0.5,
    "option_conf_threshold": 0.6,
    "base_conf_threshold": 0.4,
    "oracle_factor": 0.7,
    "base_margin_factor": 0.8,
    "base_im_scale": 0.9,
}
EXPIRIES = (0, 900, 500_400, 40_000_000)
amounts = st.sampled_from([-7.5, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0])
confidences = st.sampled_from([0.0, 0.39, 0.4, 0.5, 0.55, 0.6, 1.0])
fractions = st.floats(0, 1.5)


@st.composite
def markets(draw: st.DrawFn, name: str) -> dict[str, Any]:
    spot = draw(st.sampled_from([0.5, 1500.0, 28_000.0]))
    expiries = [
        {
            "sec_to_expiry": seconds,
            "forward_usd": spot * draw(st.one_of(st.just(0.0), st.floats(0.8, 1.3))),
            "forward_confidence": draw(confidences),
            "vol_confidence": draw(confidences),
        }
        for seconds in EXPIRIES
    ]
    strikes = st.sampled_from([0.0, 0.01, 0.5, 0.9, 1.0, 1.1, 2.0, 50.0])
    options = [
        {
            "sec_to_expiry": draw(st.sampled_from(EXPIRIES)),
            "strike_usd": spot * draw(strikes),
            "type": draw(st.sampled_from(["call", "put"])),
            "amount": draw(amounts),
            "vol": draw(st.sampled_from([0.0, 0.3, 1.2])),
        }
        for _ in range(draw(st.integers(0, 9)))
    ]
    given_here = {key: draw(fractions) for key in draw(st.sets(st.sampled_from(sorted(PARAMETERS))))}
    prices = st.one_of(st.just(0.0), st.floats(0.9, 1.1))
    perp = {"position": draw(amounts), "price_usd": spot * draw(prices), "confidence": draw(confidences)}
    return {
        "name": name,
        "spot_price_usd": spot,
        "spot_confidence": draw(confidences),
        "perp": {**perp, "unsettled_pnl_and_funding_usd": draw(st.floats(-1e3, 1e3))},
        "base_amount": draw(st.sampled_from([0.0, 0.3, 11.0])),
        "expiries": expiries,
        "options": options,
        "params": {**PARAMETERS, **given_here},
    }


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(["ETH", "BTC", "DOGE", "NEW"]), max_size=3, unique=True))
    return {
        "cash_usd": draw(st.floats(-1e4, 1e4)),
        "stable_price_usd": draw(st.sampled_from([0.3, 0.97, 0.98, 1.0, 1.02])),
        "depeg": {"threshold": draw(st.sampled_from([0.0, 0.98])), "factor": draw(st.sampled_from([0.0, 1.2]))},
        "markets": [draw(markets(name)) for name in names],
    }


@given(accounts())
def test_generated_account(inputs: dict[str, Any]) -> None:
    out, expected = run("srm_account", inputs), slow_srm.account(inputs)
    scale = 1.0 + sum(
        m["spot_price_usd"] * (m["base_amount"] + abs(m["perp"]["position"]) + sum(abs(o["amount"]) for o in m["options"]))
        for m in inputs["markets"]
    )
    assert out == pytest.approx(expected, rel=1e-10, abs=1e-11 * scale)


def test_an_account_of_cash_alone() -> None:
    inputs = {"cash_usd": -5.0, "stable_price_usd": 0.5, "depeg": {"threshold": 0.98, "factor": 2.0}, "markets": []}
    assert run("srm_account", inputs) == {
        "net_initial_margin_usd": -5.0,
        "net_maintenance_margin_usd": -5.0,
        "portfolio_mtm_usd": -5.0,
    }


@pytest.mark.parametrize("option_type", ["call", "put"])
@pytest.mark.parametrize("amount", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("strike", [0.0, 10.0, 1400.0, 1500.0, 9000.0])
@pytest.mark.parametrize(("vol", "days"), [(0.0, 91), (0.7, 0), (0.7, 12.5)])
def test_isolated_option(option_type: str, amount: float, strike: float, vol: float, days: float) -> None:
    keys = ("option_max_spot_req", "option_min_spot_req", "mm_call_spot_req", "mm_put_spot_req", "mm_put_mtm_req")
    inputs = {key: PARAMETERS[key] for key in (*keys, "mm_offset_scale")} | {
        "spot_price_usd": 1500.0,
        "forward_usd": 1510.0,
        "strike_usd": strike,
        "vol": vol,
        "days_to_expiry": days,
        "type": option_type,
        "amount": amount,
    }
    call = option_type == "call"
    mark = slow_srm.black(1510.0, strike, days / 365, vol, call=call)
    initial, maintenance = slow_srm.isolated(1500.0, strike, amount, mark, PARAMETERS, call=call)
    assert run("srm_isolated_option", inputs) == pytest.approx(
        {"isolated_initial_margin_usd": initial, "isolated_maintenance_margin_usd": maintenance}, rel=1e-11
    )


def leg(option_type: str, strike: float, amount: float, mark: float | None = None) -> dict[str, Any]:
    given_mark = {} if mark is None else {"mark_usd": mark}
    return {"type": option_type, "strike_usd": strike, "amount": amount, "weeks_to_expiry": 2, **given_mark}


def test_stages_of_a_market_with_given_marks() -> None:
    keys = ("option_max_spot_req", "option_min_spot_req", "mm_call_spot_req", "unpaired_im_scale", "unpaired_mm_scale")
    market = {
        "name": "NEW",
        "spot_price_usd": 2000.0,
        "forward_usd": 2010.0,
        "options": [leg("call", 1700, -8, 425), leg("call", 1900, 7)],
        "params": {key: PARAMETERS[key] for key in keys},
    }
    out = run("srm_account_given_marks", {"cash_usd": 20_000, "stable_price_usd": None, "markets": [market]})
    isolated = -8 * (425 + 0.2 * 2000), -8 * (425 + 0.08 * 2000)
    loss = -8 * 200.0
    expected = {
        "isolated_initial_margin_usd": isolated[0],
        "isolated_maintenance_margin_usd": isolated[1],
        "max_loss_margin_usd": loss - 1.25 * 2010,
        "option_initial_margin_usd": loss - 1.25 * 2010,
        "option_maintenance_margin_usd": loss - 1.1 * 2010,
        "perp_initial_margin_usd": 0.0,
        "net_initial_margin_usd": 20_000 + loss - 1.25 * 2010,
        "net_maintenance_margin_usd": 20_000 + loss - 1.1 * 2010,
    }
    assert {key: out[key] for key in expected} == pytest.approx(expected, rel=1e-12)
    assert out["depeg_contingency_usd"] == {"NEW": 0.0}


def test_given_option_margins_beside_a_perpetual_and_listed_options() -> None:
    perp = {"position": -2, "price_usd": 100.0, "confidence": 0.5, "unrealised_pnl_usd": -7}
    inputs = {
        "cash_usd": 100,
        "stable_price_usd": 0.9,
        "depeg": {"threshold": 1.0, "factor": 2.0},
        "markets": [
            {"name": "A", "spot_price_usd": 10.0, "short_option_contracts": 3, "perp": perp, "option_initial_margin_usd": -5,
             "params": {"perp_im_req": 0.1, "perp_mm_req": 0.05, "perp_conf_threshold": 0.6, "oracle_factor": 0.5}},
            {"name": "B", "spot_price_usd": 10.0, "options": [leg("put", 10, -4, 1.0)], "option_maintenance_margin_usd": -6},
            {"name": "C"},
            {"name": "D", "spot_price_usd": 20.0, "short_option_contracts": 1},
        ],
    }  # fmt: skip
    out = run("srm_account_given_marks", inputs)
    oracle, depeg = 0.5 * 0.5 * 10 * 2, {"A": 0.2 * 10 * 5, "B": 0.2 * 10 * 4, "C": 0.0, "D": 0.2 * 20}
    assert out["perp_oracle_contingency_usd"] == pytest.approx(-oracle)
    assert out["depeg_contingency_usd"] == pytest.approx({name: -charge for name, charge in depeg.items()})
    assert out["option_initial_margin_usd"] == pytest.approx(-5)
    assert out["option_maintenance_margin_usd"] == pytest.approx(-6)
    assert out["net_initial_margin_usd"] == pytest.approx(93 - 20 - oracle - 5 - sum(depeg.values()))
    assert out["net_maintenance_margin_usd"] == pytest.approx(93 - 10 - 6)


def test_given_marks_of_nothing() -> None:
    out = run("srm_account_given_marks", {"cash_usd": 3, "markets": []})
    assert out["net_initial_margin_usd"] == out["net_maintenance_margin_usd"] == 3
    assert out["depeg_contingency_usd"] == {}


@pytest.mark.parametrize(
    ("inputs", "call", "put", "delta"),
    [
        ({"strike_usd": 0}, 90.0, 0.0, 1.0),
        ({"forward_usd": 0}, 0.0, 90.0, 0.0),
        ({"vol": 24, "strike_usd": 700}, 90.0, 630.0, 1.0),
        ({"vol": 1e6, "strike_usd": 700}, 90.0, 630.0, 1.0),
        ({"sec_to_expiry": 0, "strike_usd": 80}, 18.0, 0.0, 1.0),
        ({"vol": 0, "strike_usd": 130}, 0.0, 27.0, 0.0),
        ({"vol": 0}, 0.0, 0.0, 0.5),
    ],
)
def test_black76_limits(inputs: dict[str, float], call: float, put: float, delta: float) -> None:
    base = {"sec_to_expiry": 100, "seconds_per_year": 100, "vol": 0.5, "forward_usd": 100, "strike_usd": 100, "discount": 0.9}
    expected = {"call_usd": call, "put_usd": put, "call_delta_undiscounted": delta}
    assert run("black76_price", base | inputs) == pytest.approx(expected, rel=1e-12, abs=1e-12)


SVI = {"a": 0.03, "b": 0.04, "rho": -0.2, "m": 0.01, "sigma": 0.1, "forward_usd": 1800.0, "tau_years": 0.05}


def slow_svi(strike: float, a: float, b: float, rho: float, m: float, sigma: float, forward: float, years: float) -> float:
    bound = 4 * math.sqrt(a + b * sigma)
    k = max(-bound, min(bound, math.log(strike / forward)))
    variance = min(a + b * (rho * (k - m) + math.sqrt((k - m) ** 2 + sigma**2)), 144.0)
    return math.sqrt(variance / years)


@pytest.mark.parametrize("strike", [1e-9, 5.0, 900.0, 1800.0, 2500.0, 1e9])
@pytest.mark.parametrize("a", [0.03, 200.0])
def test_svi(strike: float, a: float) -> None:
    inputs = {**SVI, "a": a, "strike_usd": strike}
    assert run("svi_volatility", inputs)["vol"] == pytest.approx(
        slow_svi(strike, a, 0.04, -0.2, 0.01, 0.1, 1800.0, 0.05), rel=1e-13
    )


def test_svi_at_strike_zero_and_below_zero_variance() -> None:
    assert run("svi_volatility", {**SVI, "strike_usd": 0})["vol"] == 0.0
    with pytest.raises(DataError, match=re.escape("total variance")):
        run("svi_volatility", {**SVI, "a": -0.0039, "rho": 0.9, "m": 0.2, "strike_usd": 1800.0})


@pytest.mark.parametrize(
    ("inputs", "rate"),
    [
        ({"total_supply_usd": 0, "total_borrow_usd": 0}, 0.05),
        ({"total_supply_usd": 10, "total_borrow_usd": 40}, 0.35),
        ({"total_supply_usd": 10, "total_borrow_usd": 5, "utilisation": 0.25}, 0.125),
        ({"total_supply_usd": 10, "total_borrow_usd": 5, "utilisation": None}, 0.2),
        ({"total_supply_usd": 10, "total_borrow_usd": 10, "high_rate_multiplier": 2, "optimal_utilisation": 0.8}, 0.69),
        ({"total_supply_usd": 10, "total_borrow_usd": 8, "high_rate_multiplier": 2, "optimal_utilisation": 0.8}, 0.29),
    ],
)
def test_borrow_rate(inputs: dict[str, float], rate: float) -> None:
    out = run("cash_borrow_rate", {"min_rate": 0.05, "rate_multiplier": 0.3, **inputs})
    assert out["borrow_rate_per_year"] == pytest.approx(rate)


def test_interest_factor() -> None:
    year = run("cash_interest_factor", {"elapsed_sec": 31_536_000, "borrow_rate_per_year": 0.2})
    assert year["interest_factor"] == pytest.approx(math.exp(0.2) - 1)
    assert run("cash_interest_factor", {"elapsed_sec": 0, "borrow_rate_per_year": 0.2})["interest_factor"] == 0.0


@pytest.mark.parametrize(
    ("bid", "ask", "static", "rate"),
    [
        (99.0, 101.0, 0.0, 0.0),  # the index between both
        (99.0, 101.0, 0.0001, 0.0001),
        (100.8, 101.0, 0.0, 0.001),
        (98.0, 99.2, 0.0001, -0.0009),
        (150.0, 150.0, 0.0001, 0.004),
        (50.0, 50.0, 0.0001, -0.004),
        (101.0, 99.0, 0.0, 0.0),  # crossed: both sides cancel
    ],
)
def test_funding(bid: float, ask: float, static: float, rate: float) -> None:
    inputs = {"index_usd": 100, "impact_bid_usd": bid, "impact_ask_usd": ask, "convergence_hours": 8,
              "static_rate_per_hour": static, "cap_per_hour": 0.004}  # fmt: skip
    out = run("perp_funding", {**inputs, "position": -3, "elapsed_sec": 7200})
    assert out["funding_rate_per_hour"] == pytest.approx(rate)
    assert out["funding_received_usd"] == pytest.approx(3 * rate * 100 * 2)
    assert "funding_received_usd" not in run("perp_funding", inputs)
