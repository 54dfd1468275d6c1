"""Published vectors of OKX, one test each, and inputs that the kinds allow but no published vector has."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.conformance import Result, run_files
from margin.errors import ParameterError
from margin.venues.okx.conformance import ADAPTERS

FILE = Path(__file__).parent / "vectors" / "okx.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
KINDS = set(ADAPTERS)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run_files([FILE]).results}


@pytest.mark.parametrize("name", [v["id"] for v in VECTORS if v["kind"] in KINDS and v["reproduced"]])
def test_published_vector(results: dict[str, Result], name: str) -> None:
    assert results[name].status == "passed", "\n".join(results[name].reasons)


def test_the_informative_vector_agrees_with_its_model(results: dict[str, Result]) -> None:
    assert not results["okx-pm-option-mr1-mr6"].mismatches
    assert not results["okx-pm-option-mr1-mr6"].error


def run(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return dict(ADAPTERS[kind](inputs))


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


rates = st.integers(0, 5000).map(lambda n: n / 10_000)
usd = st.integers(0, 10**10).map(lambda n: n / 64)
fractions = st.sampled_from([-0.5, -0.25, -0.18, -0.12, -0.04, 0, 0.06, 0.125, 0.25, 1])


@given(
    base=st.sampled_from(["BTC", "LTC", "NEW"]),
    contracts=st.sampled_from([-2500.5, -10, -1, 1, 7, 1e6]),
    size=st.sampled_from([0.01, 1, 1000]),
    mark=st.sampled_from([0.00037, 103.5, 97_093.7]),
    away=st.sampled_from([0.97, 1.0, 1.002]),
    usdt=st.sampled_from([0.9, 0.99954, 1.003]),
    moves=st.lists(fractions, min_size=1, max_size=7, unique=True),
    optional=st.fixed_dictionaries(
        {},
        optional={
            "mr6_move": rates,
            "mr4_rate_perpetual": rates,
            "mr7_rate": rates,
            "avg_px_usdt": st.sampled_from([0.5, 90_000.0]),
        },
    ),
)
def test_generated_risk_unit(
    base: str,
    contracts: float,
    size: float,
    mark: float,
    away: float,
    usdt: float,
    moves: list[float],
    optional: dict[str, float],
) -> None:
    inputs = {
        "base": base, "inst_id": f"{base}-USDT-SWAP", "contracts": contracts, "contract_value_base": size, "mark_px_usdt": mark,
        "index_px_usdt": mark * away, "usdt_usd": usdt, "mr1_spot_shocks": moves,
    } | optional  # fmt: skip
    out = run("pm_risk_unit", inputs)
    q = contracts * size
    pnl = {s: q * mark * away * usdt * s for s in moves}
    worst = min(pnl.values())
    near = {"rel": 1e-11, "abs": 1e-9 * abs(q) * mark}
    for s, value in pnl.items():
        assert out["pnl_usd_by_spot_shock"][str(s)] == pytest.approx(value, **near)
    delta = q * mark * usdt
    expected = {"mr1_usd": max(0.0, -worst), "delta_usd": delta, "mr2_usd": 0.0, "mr3_usd": 0.0, "mr5_usd": 0.0, "mr9_usd": 0.0}
    if "mr6_move" in optional:
        full = abs(q) * mark * away * usdt * optional["mr6_move"]
        expected |= {"mr6_usd": full / 2, "mr6_full_pnl_usd": -full}
    if "mr4_rate_perpetual" in optional:
        expected["mr4_usd"] = abs(delta) * optional["mr4_rate_perpetual"]
    if "mr7_rate" in optional:
        expected["mr7_usd"] = abs(delta) * optional["mr7_rate"]
    if "avg_px_usdt" in optional:
        gain = q * (mark - optional["avg_px_usdt"])
        expected |= {"float_pnl_usdt": gain, "upl_usd": gain * usdt}
    if {"mr6_move", "mr4_rate_perpetual", "mr7_rate"} <= set(optional):
        mmr = max(max(expected["mr1_usd"], expected["mr6_usd"]) + expected["mr4_usd"], expected["mr7_usd"])
        expected |= {"mmr_usd": mmr, "imr_usd": 1.3 * mmr}
    for name, value in expected.items():
        assert out[name] == pytest.approx(value, rel=1e-11, abs=1e-6 * abs(value) + 1e-9 * abs(q)), name
    assert out["worst_vol_shock"] == "up"
    assert out["pnl_identical_for_all_vol_shifts"]
    assert pnl[out["worst_spot_shock"]] == worst
    assert abs(out["mr6_spot_shock"]) == pytest.approx(optional.get("mr6_move", abs(out["mr6_spot_shock"])))


@given(
    mr=st.tuples(*[usd] * 7),
    borrowed=st.one_of(st.none(), usd),
    given_mmr=st.booleans(),
    currency=st.sampled_from(["BTC", "USDT"]),
)
def test_generated_combination(mr: tuple[float, ...], borrowed: float | None, given_mmr: bool, currency: str) -> None:
    inputs: dict[str, Any] = {"currency": currency}
    inputs |= {"mmr": mr[0]} if given_mmr else {"components": {f"mr{k + 1}": x for k, x in enumerate(mr)}}
    if borrowed is not None:
        inputs["borrow_imr"] = borrowed
    out = run("pm_margin_combination", inputs)
    mmr = mr[0] if given_mmr else max(max(mr[0], mr[1], mr[5]) + mr[2] + mr[3] + mr[4], mr[6])
    assert out["mmr"] == pytest.approx(mmr, rel=1e-13)
    assert out["imr"] == pytest.approx(1.3 * mmr + (borrowed or 0.0), rel=1e-13)


def tiered(amount: float, tiers: list[dict[str, Any]], name: str) -> float:
    total, low = 0.0, 0.0
    for k, tier in enumerate(tiers):
        high = math.inf if k == len(tiers) - 1 else tier["up_to_usd"]
        total += max(min(amount, high) - low, 0.0) * tier[name]
        low = high
    return total


bounds = st.lists(st.integers(1, 10**7), min_size=1, max_size=7, unique=True).map(sorted)


@given(bounds=bounds, rate=st.lists(rates, min_size=7, max_size=7), amount=usd, other=usd, open_end=st.booleans())
def test_generated_tiers(bounds: list[int], rate: list[float], amount: float, other: float, open_end: bool) -> None:
    tops = [*bounds[:-1], None if open_end else bounds[-1]]
    tiers = [{"up_to_usd": top, "multiplier": 1 + r, "factor": r} for top, r in zip(tops, rate, strict=False)]
    out = run("pm_mr7_scaling", {"mr_other_usd": other, "mr7_raw_usd": amount, "tiers": tiers})
    scaled = tiered(amount, tiers, "multiplier")
    near = {"rel": 1e-12, "abs": 1e-15 * amount}
    assert out["mr7_adjusted_usd"] == pytest.approx(scaled, **near)
    assert out["mmr_usd"] == pytest.approx(max(scaled, other), **near)
    assert out["mmr_before_scaling_usd"] == pytest.approx(max(amount, other), **near)
    if not open_end:
        charge = run("pm_mr9_charge", {"hedging_volume_usd": amount, "tiers": tiers})["mr9_usd"]
        assert charge == pytest.approx(tiered(amount, tiers, "factor"), rel=1e-12, abs=1e-13 * amount)


@given(
    lines=st.dictionaries(
        st.sampled_from(["USDT", "BTC", "NEW"]),
        st.tuples(st.sampled_from([-3e5, -2.5, 0, 4.0, 1e6]), st.sampled_from([0.9, 70_000.0]), rates, rates),
        min_size=1,
    ),
    total=usd,
    notional=st.lists(st.sampled_from([0, 12.5, 1e6]), max_size=3),
    fee=st.sampled_from([0, 0.001]),
)
def test_generated_account(lines: dict[str, tuple[float, ...]], total: float, notional: list[float], fee: float) -> None:
    names = ("equity", "price_usd", "borrow_mmr_rate", "borrow_imr_rate")
    inputs = {
        "balances": [{"ccy": ccy} | dict(zip(names, line, strict=True)) for ccy, line in lines.items()],
        "total_mmr_usd": total, "notional_usd": notional, "spot_taker_fee": fee,
    }  # fmt: skip
    out = run("pm_account", inputs)
    debts = [(max(-e, 0.0) * px, mmr, imr) for e, px, mmr, imr in lines.values()]
    equity = sum(e * px for e, px, _, _ in lines.values())
    of_fee = sum(d * (1 + mmr) * fee for d, mmr, _ in debts)
    near = {"rel": 1e-10, "abs": 1e-6}
    assert out["borrow_mmr_usd"] == pytest.approx(sum(d * mmr for d, mmr, _ in debts), **near)
    assert out["borrow_imr_usd"] == pytest.approx(sum(d * imr for d, _, imr in debts), **near)
    assert out["adjusted_equity_usd"] == pytest.approx(equity, **near)
    assert out["liquidation_fee_usd"] == pytest.approx(of_fee, **near)
    if total + of_fee > 1 and abs(equity) > 1:
        assert out["margin_ratio"] == pytest.approx(equity / (total + of_fee), rel=1e-9)
        assert out["account_leverage"] == pytest.approx(sum(notional) / equity, rel=1e-9)


@given(
    side=st.sampled_from(["call", "put"]),
    contracts=st.sampled_from([-30.0, -1, 2]),
    size=st.sampled_from([0.01, 1]),
    moneyness=st.floats(-0.5, 0.5),
    vol=st.floats(0.2, 2.0),
    days=st.floats(0.05, 400),
    form=st.sampled_from(["forward", "log", "times"]),
)
def test_generated_greeks(side: str, contracts: float, size: float, moneyness: float, vol: float, days: float, form: str) -> None:
    start, end = 1_700_000_000_000, 1_700_000_000_000 + round(days * 86_400_000)
    inputs: dict[str, Any] = {"option_type": side, "contracts": contracts, "contract_value_coin": size, "vol": vol}
    prices = {"forward_usd": 2e4 * math.exp(moneyness), "strike_usd": 2e4}
    inputs |= {"ln_forward_over_strike": moneyness} if form == "log" else prices
    inputs |= {"ts_ms": start, "expiry_ms": end} if form == "times" else {"days_to_expiry": days}
    out = run("option_greeks", inputs)
    sign, years = (1 if side == "call" else -1), ((end - start) / 86_400_000 if form == "times" else days) / 365
    width = vol * math.sqrt(years)
    d1 = moneyness / width + width / 2
    price = sign * (normal(sign * d1) - math.exp(-moneyness) * normal(sign * (d1 - width)))
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    delta = sign * normal(sign * d1) - price
    expected = {
        "delta_bs": sign * normal(sign * d1),
        "delta_pa": delta,
        "gamma_pa": density / width - 2 * delta,
        "theta_pa_per_day": -density * vol / (2 * math.sqrt(years)) / 365,
        "vega_pa_per_vol_point": 0.01 * density * math.sqrt(years),
    }
    for name, value in expected.items():
        assert out[name] == pytest.approx(contracts * size * value, rel=1e-9, abs=1e-12), name
    assert out["mark_price_coin"] == pytest.approx(price, rel=1e-9, abs=1e-13)


@given(
    contracts=st.sampled_from([-3.0, -0.5, 2]),
    delta=st.integers(-1000, 1000).map(lambda n: n / 1000),
    mark=st.sampled_from([0, 0.004, 0.3]),
    least=rates,
    slope=rates,
    close=rates,
)
def test_generated_option_minimum(contracts: float, delta: float, mark: float, least: float, slope: float, close: float) -> None:
    inputs = {
        "contracts": contracts, "contract_value_coin": 0.1, "delta_pa_per_coin": delta, "mark_coin": mark, "slip_min": least,
        "slip_per_delta": slope, "close_fixed_per_coin": close,
    }  # fmt: skip
    slip = max(least, slope * abs(delta))
    slip = slip if contracts < 0 else min(slip, mark)
    out = run("pm_option_mr7", inputs)
    assert out["slippage_coin"] == pytest.approx(abs(contracts) * 0.1 * slip, rel=1e-12)
    assert out["mr7_coin"] == pytest.approx(abs(contracts) * 0.1 * (slip + close), rel=1e-12)


@given(
    side=st.sampled_from(["call", "put"]),
    contracts=st.sampled_from([-3.0, 2.0]),
    strike=st.sampled_from([20_000.0, 38_000.0, 60_000.0]),
    vol=st.sampled_from([0.3, 0.9]),
    days=st.sampled_from([0.5, 18.0, 200.0]),
    reach=st.sampled_from([0.12, 0.15]),
    extreme=st.sampled_from([0.24, 0.3]),
)
def test_generated_option_stress(
    side: str, contracts: float, strike: float, vol: float, days: float, reach: float, extreme: float
) -> None:
    part, points, forward = 0.41, 0.27, 38_138.25
    inputs = {
        "option_type": side, "contracts": contracts, "contract_value_coin": 0.1, "strike_usd": strike, "forward_usd": forward,
        "vol": vol, "days_to_expiry": days, "smile": "sticky_strike", "spot_move_mr1": reach, "spot_move_mr6": extreme,
        "mr6_factor": 0.5, "vol_shock_percent": part, "vol_shock_points": points,
    }  # fmt: skip

    def coin(f: float, t: float, v: float) -> float:
        sign, width = (1 if side == "call" else -1), v * math.sqrt(t)
        if width == 0:
            return contracts * 0.1 * max(sign * (f - strike), 0.0) / f
        d1 = math.log(f / strike) / width + width / 2
        return contracts * 0.1 * sign * (normal(sign * d1) - strike / f * normal(sign * (d1 - width)))

    base, years = coin(forward, days / 365, vol), days / 365

    def loss(moves: list[float], shifts: list[float]) -> float:
        return max(0.0, *(base - coin(forward * (1 + m), years, max(vol + v, 0.0)) for m in moves for v in shifts))

    moves = [reach * k / 3 for k in range(-3, 4)]
    out, near = run("pm_option_stress", inputs), {"rel": 1e-9, "abs": 1e-13}
    assert out["mr1_percent_coin"] == pytest.approx(loss(moves, [vol * part, 0, -vol * part]), **near)
    assert out["mr1_points_coin"] == pytest.approx(loss(moves, [points, 0, -points]), **near)
    assert out["mr6_coin"] == pytest.approx(0.5 * loss([-extreme, extreme], [0]), **near)
    assert out["mr2_coin"] == pytest.approx(abs(coin(forward, max(years - 1 / 365, 0.0), vol) - base), **near)


def test_another_smile_is_refused_by_name() -> None:
    with pytest.raises(ParameterError, match="no smile 'sticky_moneyness'; available: sticky_strike"):
        run("pm_option_stress", {"smile": "sticky_moneyness"})
