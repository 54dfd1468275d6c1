"""Published vectors of Deribit, one test each, and inputs that the kinds allow but no published vector has."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from margin import venues
from margin.conformance import Result, run_files
from margin.errors import ParameterError
from margin.params import ACCEPTED
from margin.venues.deribit.conformance import ADAPTERS

FILE = Path(__file__).parent / "vectors" / "deribit.json"


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run_files([FILE]).results}


@pytest.mark.parametrize("name", [vector["id"] for vector in json.loads(FILE.read_text(encoding="utf-8"))])
def test_published_vector(results: dict[str, Result], name: str) -> None:
    assert results[name].status == "passed", "\n".join(results[name].reasons)


def test_every_kind_of_the_file_has_an_adapter() -> None:
    assert {vector["kind"] for vector in json.loads(FILE.read_text(encoding="utf-8"))} == set(ADAPTERS)


def run(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return dict(ADAPTERS[kind](inputs))


def check(kind: str, inputs: Mapping[str, Any], **expected: Any) -> None:
    """Compare results with expected numbers; None stands for a figure that must not be there."""
    out = run(kind, inputs)
    there = {name: value for name, value in expected.items() if value is not None}
    assert {name: out.get(name) for name in there} == pytest.approx(there, rel=1e-11, abs=1e-13)
    assert not {name for name in expected if name not in there} & set(out)


RATES = {"base_im_rate": 0.03, "base_mm_rate": 0.015, "slope_per_coin": 0.0001}


@pytest.mark.parametrize(
    ("inputs", "coin", "price"),
    [
        ({"contract": "inverse", "size_usd": -50_000.0, "mark_price": 2500.0}, 20, 1),
        ({"contract": "inverse", "size_usd": 50_000.0, "mark_price": 2500.0, "index_price": 2600.0}, 20, 1),
        ({"contract": "inverse", "size_usd": 50_000.0, "index_price": 2500.0}, 20, 1),
        ({"contract": "inverse", "size_base": -20.0, "mark_price": 2500.0}, 20, 1),
        ({"contract": "inverse", "size_usd": 0, "mark_price": 2500.0}, 0, 1),
        ({"contract": "linear", "size_base": -20.0, "index_price": 2500.0}, 20, 2500),
        ({"contract": "linear", "size_base": 20, "index_price": 2500, "mark_price": 2400}, 20, 2500),
        ({"contract": "linear", "size_base": 20, "index_price": None, "mark_price": 2400}, 20, 2400),
    ],
)
def test_futures_margin(inputs: dict[str, Any], coin: float, price: float) -> None:
    settle = "ETH" if inputs["contract"] == "inverse" else "USDT"
    check(
        "futures_standard_margin",
        {"instrument": "x", "base": "ETH", "settle_currency": settle, **inputs, **RATES},
        size_coin_abs=coin,
        initial_margin=(0.03 + 0.0001 * coin) * coin * price,
        maintenance_margin=(0.015 + 0.0001 * coin) * coin * price,
    )


def leg(option_type: str, side: str, mark: float, size: float = 1, multiplier: float = 1, **moneyness: float) -> dict[str, Any]:
    return {"option_type": option_type, "side": side, "mark_price": mark, "size": size, "multiplier": multiplier, **moneyness}


@pytest.mark.parametrize(
    ("contract", "legs", "initial", "maintenance"),
    [
        ("inverse", [leg("call", "short", 0.05, strike=50_000)], 0.20, 0.125),
        ("inverse", [leg("call", "short", 0.01, 3, 2, strike=51_000)], 6 * (0.13 + 0.01), 6 * 0.085),
        ("inverse", [leg("call", "short", 0.01, strike=70_000)], 0.11, 0.085),
        ("inverse", [leg("call", "short", 0.01, otm_fraction=0.03)], 0.13, 0.085),
        ("inverse", [leg("put", "short", 0.01, strike=48_500)], 0.13, 0.085),
        ("inverse", [leg("put", "short", 0.01, otm_fraction=0.03)], 0.13, 0.085),
        ("inverse", [leg("put", "short", 1.6, strike=130_000)], 0.15 + 1.6, 0.075 * 1.6 + 1.6),
        ("inverse", [leg("put", "short", 3, strike=200_000)], 3.225, 3.225),  # maintenance above the first term
        ("inverse", [leg("put", "long", 3, strike=200_000)], 0, 0),
        ("linear", [leg("call", "short", 800, 2, 0.5, strike=51_000)], 7500 - 1000 + 800, 3750 + 800),
        ("linear", [leg("call", "short", 5, strike=90_000)], 5000 + 5, 3750 + 5),
        ("linear", [leg("put", "short", 700, 4, strike=49_000)], 4 * (6500 + 700), 4 * (0.075 * 49_000 + 700)),
        ("linear", [leg("put", "short", 9000, strike=60_000)], 7500 + 9000, 3750 + 9000),
        ("linear", [leg("put", "short", 9, otm_fraction=0.2)], 4000 + 9, 3000 + 9),
        (
            "linear",
            [leg("call", "short", 800, strike=51_000), leg("call", "long", 800, strike=51_000)],
            7300,
            4550,
        ),
    ],
)
def test_option_margin(contract: str, legs: list[dict[str, Any]], initial: float, maintenance: float) -> None:
    settle = "coin" if contract == "inverse" else "USDC"
    inputs = {"contract": contract, "settle_currency": settle, "index_price": 50_000, "legs": legs}
    check("option_standard_margin", inputs, initial_margin=initial, maintenance_margin=maintenance)
    if contract == "inverse" and all("otm_fraction" in each for each in legs):
        del inputs["index_price"]
        check("option_standard_margin", inputs, initial_margin=initial, maintenance_margin=maintenance)


@pytest.mark.parametrize(
    ("inputs", "pnl"),
    [
        ({"contract": "inverse", "size_usd": -1000, "entry_price": 100, "mark_price": 80}, -1000 * (1 / 100 - 1 / 80)),
        ({"contract": "inverse", "size_usd": 0, "entry_price": 100, "mark_price": 80, "pnl_carried": -2}, -2),
        ({"contract": "inverse", "size_usd": 10, "entry_price": 100, "mark_price": 80, "pnl_carried": 1}, 1 - 0.025),
        ({"contract": "linear", "size_base": 3, "entry_price": 100, "mark_price": 80}, -60),
        ({"contract": "linear", "size_base": -3, "entry_price": 100, "mark_price": 80, "pnl_carried": 0}, 60),
    ],
)
def test_futures_pnl(inputs: dict[str, Any], pnl: float) -> None:
    check("futures_pnl", {"settle_currency": "BTC" if inputs["contract"] == "inverse" else "USDC", **inputs}, pnl=pnl)


@pytest.mark.parametrize(
    ("contract", "option_type", "delivery", "payoff"),
    [
        ("inverse", "put", 8000, 2000 / 8000),
        ("inverse", "put", 12_000, 0),
        ("inverse", "call", 9000, 0),
        ("linear", "put", 8000, 2000),
        ("linear", "call", 10_000, 0),
    ],
)
def test_option_payoff(contract: str, option_type: str, delivery: float, payoff: float) -> None:
    inputs = {
        "contract": contract,
        "option_type": option_type,
        "settle_currency": "coin",
        "strike": 10_000,
        "delivery_price": delivery,
        "contracts": 3,
        "multiplier": 0.5,
        "premium_per_unit": 0.2,
    }
    check("option_payoff", inputs, payoff=1.5 * payoff, premium_paid=0.3, net_profit=1.5 * payoff - 0.3)


@pytest.mark.parametrize(("price", "fee"), [(0.01, 0.0003), (0.0024, 0.0003), (0.001, 0.000125), (0, 0)])
def test_option_fee(price: float, fee: float) -> None:
    inputs = {"fee_rate_of_underlying": 0.0003, "option_price_coin": price, "size": 4, "cap_fraction": 0.125}
    check("option_fee", inputs, fee_coin=4 * fee)


@pytest.mark.parametrize(("minutes", "window", "left"), [(0, 30, 1), (30, 30, 0), (3, 12, 0.75)])
def test_settlement_decay(minutes: float, window: float, left: float) -> None:
    inputs = {
        "option_delta": -0.6,
        "option_mark_price_coin": 0.1,
        "minutes_into_window": minutes,
        "window_minutes": window,
    }
    check("settlement_delta_decay", inputs, decayed_delta=-0.6 * left, net_transaction_delta=-0.7 * left)


@pytest.mark.parametrize(
    ("model", "given", "expected"),
    [
        ("segregated_sm", {"balance": 5, "options_value": -1}, {"margin_balance": 5, "equity": 4}),
        ("segregated_sm", {"equity": 4, "options_value": -1, "initial_margin": 2}, {"margin_balance": 5, "available_funds": 3}),
        ("segregated_sm", {"margin_balance": 5, "options_value": -1}, {"equity": 4}),
        ("segregated_sm", {"equity": 4}, {"margin_balance": 4}),
        ("segregated_pm", {"balance": 5, "futures_session_upl": 1, "options_value": 2}, {"equity": 8, "margin_balance": 8}),
        ("cross_pm", {"balance": 5, "futures_session_rpl": 1, "options_value": 2}, {"equity": 8, "margin_balance": None}),
        (
            "cross_pm",
            {"total_margin_balance_usd": 100, "total_initial_margin_usd": 40, "index_price_usd": 20, "equity": 1},
            {"margin_balance": 5, "initial_margin": 2, "available_funds": 3, "maintenance_margin": None},
        ),
        (
            "cross_pm",  # the index follows from the figure that is given both ways
            {"total_margin_balance_usd": 100, "total_initial_margin_usd": 40, "margin_balance": 5},
            {"initial_margin": 2, "available_funds": 3},
        ),
        ("cross_pm", {"futures_position": 3}, {"delta_total_map": 3, "delta_total": 3}),
        ("cross_pm", {"options_delta": 3, "options_value": 1, "equity": None}, {"delta_total_map": 3, "delta_total": 2}),
    ],
)
def test_account_summary(model: str, given: dict[str, Any], expected: dict[str, Any]) -> None:
    check("account_summary", {"margin_model": model, "currency": "BTC", **given}, **expected)


def test_an_unknown_margin_model_is_refused() -> None:
    with pytest.raises(ValueError, match="margin_model 'isolated' is none of segregated_sm"):
        run("account_summary", {"margin_model": "isolated", "currency": "BTC"})


@pytest.mark.parametrize(
    ("days", "power", "vol", "least", "scaled", "shocked"),
    [
        (30, 0.3, 60, 0, 40, 84),
        (7.5, 0.5, 50, 40, 80, 90),
        (120, 0.5, 20, 40, 20, 40),
        (7.5, 0.5, None, 40, 80, None),
        (7.5, 0.5, 50, None, 80, 90),
    ],
)
def test_volatility_shock(
    days: float, power: float, vol: float | None, least: float | None, scaled: float, shocked: float | None
) -> None:
    inputs = {"volatility_range_up": 0.4, "days_to_expiry": days, "vega_power": power}
    inputs |= {name: v for name, v in (("mark_iv_percent", vol), ("min_volatility_for_shock_up_percent", least)) if v is not None}
    check("volatility_shock", inputs, scaled_range_percent=scaled, shocked_iv_up_percent=shocked)


# Portfolio margin is computed here once more, in plain Python, from the text of the rules.


def futures(*rows: tuple[str, float, float, float]) -> list[dict[str, Any]]:
    return [
        {"instrument": n, "contract": "inverse_future", "position_coin": p, "mark_price_usd": m, "days_to_expiry": d}
        for n, p, m, d in rows
    ]


PARAMS = {
    "price_range": 0.2,
    "buckets_each_side": 2,
    "extended_table_factor": 0.5,
    "extended_moves": [-0.5, 1],
    "pnl_offset": 0.5,
    "max_offsetable_pnl_usd": 1e9,
    "extended_dampener_usd": 0,
    "annualised_move_risk": 0.1,
    "min_annualised_move": 0.01,
    "delta_shock_coin": 0,
    "correlation_contingency_coin": 0,
    "mm_factor": 0.75,
}
NO_ORDERS = {"open_orders_margin_coin": 0, "mmp_margin_coin": 0, "spot_margin_coin": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"pnl_offset": 1, "max_offsetable_pnl_usd": 5000},
        {"extended_dampener_usd": 30_000},
        {"extended_dampener_usd": 100, "extended_table_factor": 2},
        {"buckets_each_side": 3, "price_range": 0.15, "extended_moves": [-0.66, -0.33, 0.5, 5]},
        {"extended_moves": []},
        {"delta_shock_coin": 0.7, "correlation_contingency_coin": 0.3, "mm_factor": 0.5},
        {"annualised_move_risk": 0.001},
    ],
)
@pytest.mark.parametrize(
    "positions",
    [
        futures(("P", 40.0, 2000.0, 0)),
        futures(("P", -40.0, 2000.0, 0)),
        futures(("P", -40.0, 2000.0, 0), ("NEAR", 30.0, 2010.0, 12.5), ("FAR", 25.0, 2100.0, 400.0), ("FLAT", 0.0, 2100.0, 30.0)),
        futures(("NEAR", 5.0, 2010.0, 12.5), ("ALSO NEAR", -7.0, 2011.0, 12.5)),
    ],
)
def test_segregated_portfolio(positions: list[dict[str, Any]], changes: dict[str, Any]) -> None:
    given, index = PARAMS | changes, 1990.0
    inputs = {
        "settle_currency": "SOL",
        "index_price_usd": index,
        "positions": positions,
        "orders": {"open_orders_margin_coin": 0.01, "mmp_margin_coin": 0.02, "spot_margin_coin": 0.04},
        "params": given,
    }
    size = sum(p["position_coin"] for p in positions)
    steps, reach = given["buckets_each_side"], given["price_range"]

    def kept(value: float, damp: float = 0.0) -> float:
        value -= math.copysign(min(abs(value), damp), value)
        return min(given["pnl_offset"] * value, given["max_offsetable_pnl_usd"] / index) if value > 0 else value

    standard = {k: size * x / (1 + x) for k in range(-steps, steps + 1) for x in [reach * k / steps]}
    extended = {
        x: size * edge / (1 + edge) * given["extended_table_factor"]
        for x in given["extended_moves"]
        for edge in [math.copysign(reach, x)]
    }
    shaped = [kept(v) for v in standard.values()]
    shaped_extended = [
        kept(v, (abs(x) / reach - 1) * given["extended_dampener_usd"] / ((1 + math.copysign(reach, x)) * index))
        for x, v in extended.items()
    ]
    worst = max(0.0, -min(shaped + shaped_extended))
    roll = 0.0
    for days in {p["days_to_expiry"] for p in positions}:
        delta = sum(p["position_coin"] for p in positions if p["days_to_expiry"] == days)
        rate = max(given["min_annualised_move"], math.exp(given["annualised_move_risk"] * days / 365) - 1)
        roll += abs(delta) * rate
    risk = round(worst, 9) + roll + given["delta_shock_coin"] + given["correlation_contingency_coin"]
    out = run("segregated_pm_account", inputs)
    near = {"rel": 1e-11, "abs": 1e-12}
    assert [out["pre_aggregated_coin"][f"{reach * k / steps:+.15g}" if k else "0"] for k in standard] == pytest.approx(
        list(standard.values()), **near
    )
    assert [out["aggregated_coin"][f"{reach * k / steps:+.6g}" if k else "0"] for k in standard] == pytest.approx(shaped, **near)
    assert [out["aggregated_extended_coin"][f"{x:+g}"] for x in extended] == pytest.approx(shaped_extended, **near)
    assert out["worst_case_coin"] == pytest.approx(worst, **near)
    assert out["worst_case_bucket_1based"] == 1 + min(range(len(shaped)), key=shaped.__getitem__)
    assert out["roll_shock_coin"] == pytest.approx(roll, **near)
    assert out["risk_matrix_margin_coin"] == pytest.approx(risk, **near)
    assert out["initial_margin_coin"] == pytest.approx(round(risk + 0.07, 9), abs=1.1e-9)
    assert out["maintenance_margin_coin"] == pytest.approx(given["mm_factor"] * risk, **near)
    for p in positions:
        own = out["risk_vectors"][p["instrument"]]["standard_coin"]
        assert own[f"{reach:+.6g}"] == pytest.approx(p["position_coin"] * reach / (1 + reach), **near)


def test_segregated_portfolio_without_positions() -> None:
    orders = {"open_orders_margin_coin": 0.01, "mmp_margin_coin": 0.02, "spot_margin_coin": 0.04}
    inputs = {"settle_currency": "BTC", "index_price_usd": 1e5, "positions": [], "orders": orders, "params": PARAMS}
    check(
        "segregated_pm_account",
        inputs,
        worst_case_coin=0,
        roll_shock_coin=0,
        risk_matrix_margin_coin=0,
        initial_margin_coin=0.07,
        maintenance_margin_coin=0,
    )


def equity(currency: str, side: str = "both", **amounts: float) -> dict[str, Any]:
    return {"currency": currency, "equity_side_impact": side, **amounts}


def inverse(base: str, size_usd: float, delta_coin: float | None = None) -> dict[str, Any]:
    row = {"instrument": f"{base}-PERPETUAL", "base": base, "contract": "inverse_perpetual", "size_usd": size_usd}
    return row if delta_coin is None else row | {"delta_coin": delta_coin}


def linear(base: str, size_base: float, mark: float | None = None) -> dict[str, Any]:
    row = {"instrument": f"{base}_USDC-PERPETUAL", "base": base, "contract": "linear_perpetual", "size_base": size_base}
    return row if mark is None else row | {"mark_price_usdc": mark}


RANGES = {"BTC": 0.16, "ETH": 0.18, "SOL": 0.3}


@pytest.mark.parametrize(
    ("equities", "positions", "worst", "deltas"),
    [
        # worst: loss in USD of each bucket; deltas: what pays the roll shock, USD
        ([equity("BTC", equity=2, index_usd=50_000)], [], [0.16 * 100_000], []),
        ([equity("BTC", equity=-2, index_usd=50_000)], [], [0.16 * 100_000], []),
        ([equity("BTC", equity_usd=100_000)], [], [0.16 * 100_000], []),
        ([equity("BTC", equity=2, equity_usd=100_000)], [], [0.16 * 100_000], []),
        ([equity("USDC", "none", equity=5000)], [], [], []),
        # short inverse perpetual of 30,000 USD against 1 coin, and the other way round
        ([equity("BTC", equity=1, index_usd=50_000)], [inverse("BTC", -30_000, -0.6)], [0.16 * 20_000], [30_000]),
        ([equity("BTC", equity=1, index_usd=50_000)], [inverse("BTC", -80_000, -1.6)], [0.16 * 30_000], [80_000]),
        ([equity("BTC", equity=1, index_usd=50_000)], [inverse("BTC", 0)], [0.16 * 50_000], []),
        ([], [inverse("SOL", 1000)], [300], [1000]),
        # inverse and linear net, their roll does not
        (
            [equity("USDC", "none", equity=1, index_usd=1.0)],
            [inverse("ETH", 4000, 2), linear("ETH", -1.5, 2000)],
            [0.18 * 1000],
            [4000, 3000],
        ),
        # USDC below par: the linear contract is worth less, its index too
        (
            [equity("USDC", "none", equity=1, index_usd=0.98), equity("ETH", equity=0, index_usd=1960)],
            [linear("ETH", -3, 2000)],
            [0.18 * 3 * 1960],
            [3 * 1960],
        ),
        ([equity("ETH", equity=1, index_usd=2000)], [linear("ETH", 3)], [0.18 * 8000], [6000]),
        # buckets add up
        (
            [equity("BTC", equity=1, index_usd=50_000), equity("SOL", "none", equity=4, index_usd=150)],
            [inverse("ETH", -4000, -2), linear("SOL", 10, 150), linear("BTC", -2, 50_000)],
            [0.18 * 4000, 0.3 * 1500, 0.16 * 50_000],
            [4000, 1500, 100_000],
        ),
        ([equity("BTC", equity=1, index_usd=50_000), equity("BTC", equity=2)], [], [0.16 * 150_000], []),
    ],
)
def test_cross_portfolio(
    equities: list[dict[str, Any]], positions: list[dict[str, Any]], worst: list[float], deltas: list[float]
) -> None:
    risk = sum(worst) + 0.007 * sum(deltas)
    check(
        "cross_pm_account",
        {
            "total_equity_usd": 1,
            "equities": equities,
            "positions": positions,
            "params": {"price_range": RANGES, "min_annualised_move": 0.007, "mm_factor": 0.6},
        },
        risk_matrix_margin_usd=risk,
        total_maintenance_margin_usd=0.6 * risk,
    )


def test_cross_portfolio_needs_a_price_of_what_is_in_coin() -> None:
    inputs = {
        "total_equity_usd": 1,
        "equities": [equity("ETH", equity=3)],
        "positions": [],
        "params": {"price_range": RANGES, "min_annualised_move": 0.007, "mm_factor": 0.6},
    }
    with pytest.raises(ValueError, match="no price of ETH"):
        run("cross_pm_account", inputs)


@pytest.mark.parametrize(
    ("orders", "charge"),
    [
        ([], 0),
        ([("ETH_USDC-PERPETUAL", "ETH", 0.5, 2000, 0.18)], 0.18 * 1000),
        ([("ETH_USDC-PERPETUAL", "ETH", -0.5, 2000, 0.18)], 0.18 * 1000),
        (
            [("ETH_USDC-PERPETUAL", "ETH", s, 2000, 0.18) for s in (1, 2, -4, 0.5, 0)],
            0.18 * 4 * 2000,
        ),
        (
            [("ETH_USDC-PERPETUAL", "ETH", 1, 2000, 0.18), ("XRP_USDC-PERPETUAL", "XRP", -100, 2.5, 0.3)],
            0.18 * 2000 + 0.3 * 250,
        ),
        (
            [("A", "ETH", 1, 2000, 0.18), ("B", "ETH", -2, 2010, 0.18)],
            0.18 * (2000 + 2 * 2010),
        ),
    ],
)
def test_cross_open_orders(orders: list[tuple[str, str, float, float, float]], charge: float) -> None:
    names = ("instrument", "base", "size_base", "mark_price_usdc", "price_range")
    inputs = {
        "total_maintenance_margin_usd": 140,
        "mm_factor": 0.7,
        "orders": [{**dict(zip(names, order, strict=True)), "contract": "linear_perpetual"} for order in orders],
    }
    check(
        "cross_pm_open_orders",
        inputs,
        open_orders_margin_usd=0.3 * charge,
        total_initial_margin_usd=200 + 0.3 * charge,
    )


# The tables of the specification, by day: a value holds from its date on.
@pytest.mark.parametrize(
    ("day", "accept", "values"),
    [
        ("2021-06-01", ACCEPTED, {"pair.BTC_USD.base_im": 0.01, "pair.BTC_USD.base_mm": 0.00525, "pair.ETH_USD.slope": 2e-6}),
        ("2022-01-10", ACCEPTED, {"pair.BTC_USD.slope": 5e-5, "pair.ETH_USD.base_im": 0.02, "pair.ETH_USD.base_mm": 0.01}),
        ("2022-01-11", ACCEPTED, {"pair.BTC_USD.base_im": 0.02, "pair.BTC_USD.base_mm": 0.01, "pair.ETH_USD.slope": 4e-6}),
        ("2025-06-01", ACCEPTED, {"pair.BTC_USDC.base_im": 0.02, "pair.SOL_USDC.base_im": 0.04, "pair.SOL_USDC.slope": 5e-6}),
        ("2024-06-17", ACCEPTED, {"pair.BTC_USD.price_range": 0.16, "pair.BTC_USD.volatility_range_up": 0.5}),
        ("2024-06-17", ACCEPTED, {"currency.BTC.annualised_move_risk": 0.075, "currency.USD.min_annualised_move": 0.01}),
        ("2024-06-17", ACCEPTED, {"currency.BTC.extended_dampener": 1e5, "currency.USD.pnl_offset": 0}),
        ("2026-02-15", ACCEPTED, {"pair.BTC_USD.price_range": 0.16, "pair.ETH_USD.price_range": 0.18}),
        ("2026-02-15", ACCEPTED, {"currency.ETH.max_offsetable_pnl": 2e7, "currency.USD.pnl_offset": 0.4}),
        ("2026-02-15", ACCEPTED, {"currency.ETH.extended_dampener": 2e5, "currency.BTC.min_annualised_move": 0.01}),
        ("2026-09-23", ACCEPTED, {"pair.BTC_USD.price_range": 0.14, "currency.BTC.min_annualised_move": 0.005}),
        ("2026-09-23", ("official",), {"pair.BTC_USD.price_range": 0.16, "currency.BTC.min_annualised_move": 0.01}),
        ("2026-01-12", ACCEPTED, {"currency.stETH.haircut": 0.15}),
        ("2026-01-13", ACCEPTED, {"currency.stETH.haircut": 0.075}),
        ("2026-09-23", ACCEPTED, {"currency.USDe.haircut": 0.05, "currency.USYC.haircut": 0.02, "currency.USDC.haircut": 0}),
        ("2026-09-23", ACCEPTED, {"fees.option_cap": 0.125, "settlement.window_minutes": 30, "general.mm_factor": 0.8}),
    ],
)
def test_parameters_of_a_day(day: str, accept: tuple[str, ...], values: dict[str, float]) -> None:
    parameters = venues.load("deribit").parameters(day, accept=accept)
    assert {name: parameters.number(name) for name in values} == values


@pytest.mark.parametrize(
    ("day", "accept", "name"),
    [
        ("2026-09-22", ACCEPTED, "currency.USYC.haircut"),
        ("2026-09-23", ACCEPTED, "currency.USDT.haircut"),
        ("2026-09-23", ACCEPTED, "pair.XRP_USDC.base_im"),
        ("2026-02-14", ACCEPTED, "pair.ETH_USD.price_range"),
        ("2026-09-23", ("official",), "currency.USDC.haircut"),
    ],
)
def test_unknown_parameters_stay_unknown(day: str, accept: tuple[str, ...], name: str) -> None:
    with pytest.raises(ParameterError, match=re.escape(name)):
        venues.load("deribit").parameters(day, accept=accept).number(name)


def test_venues_are_loaded_by_name() -> None:
    assert "deribit" in venues.available()
    with pytest.raises(ParameterError, match=r"no venue 'nowhere'; available: .*deribit"):
        venues.load("nowhere")
