"""Published vectors of Hyperliquid, one test each, and inputs that the kinds allow but no published vector has."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import slow_hyperliquid as slow
from margin.conformance import Result, run_files
from margin.venues.hyperliquid.conformance import ADAPTERS

FILE = Path(__file__).parent / "vectors" / "hyperliquid.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
COINS = ("BTC", "PEPE", "xyz:TSLA", "@1")


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run_files([FILE]).results}


@pytest.mark.parametrize("name", [vector["id"] for vector in VECTORS if vector["reproduced"]])
def test_published_vector(results: dict[str, Result], name: str) -> None:
    assert results[name].status == "passed", "\n".join(results[name].reasons)


def test_every_kind_of_the_file_has_an_adapter() -> None:
    assert {vector["kind"] for vector in VECTORS} == set(ADAPTERS)


def run(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return dict(ADAPTERS[kind](inputs))


def decimals(least: int, most: int, places: int) -> st.SearchStrategy[float]:
    return st.integers(least * 10**places, most * 10**places).map(lambda n: n / 10**places)


TIERS = st.sampled_from(
    [
        [(0, 3)],
        [(0, 50)],
        [(0, 10), (3_000, 5)],
        [(0, 40), (150_000, 20)],
        [(0, 25), (2_000, 15), (90_000, 4)],
    ]
).map(lambda tiers: [{"lower_bound_usdc": bound, "max_leverage": leverage} for bound, leverage in tiers])


@st.composite
def accounts(draw: st.DrawFn) -> dict[str, Any]:
    coins = draw(st.lists(st.sampled_from(COINS), unique=True, min_size=1))
    positions = []
    for coin in coins:
        size, mark = draw(decimals(1, 500, 3)) * draw(st.sampled_from([1, -1])), draw(decimals(1, 900, 2))
        row: dict[str, Any] = {
            "coin": coin,
            "szi": size,
            "mark_px": mark,
            "leverage": draw(st.integers(1, 50)),
            "margin_tiers": draw(TIERS),
            "margin_mode": draw(st.sampled_from(["cross", "isolated"])),
        }
        if row["margin_mode"] == "isolated":
            worth = draw(decimals(1, 200_000, 2))
            row["isolated_raw_usd"] = round(worth - size * mark, 6)
        positions.append(row)
    orders = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "coin": st.sampled_from(COINS),
                    "side": st.sampled_from(["buy", "sell"]),
                    "size": decimals(1, 400, 2),
                    "limit_px": decimals(1, 900, 2),
                    "leverage": st.integers(1, 50),
                    "reduce_only": st.booleans(),
                }
            ),
            max_size=6,
        )
    )
    return {
        "account_mode": "standard",
        "collateral_token": "USDC",
        "cross_raw_usd": draw(decimals(-200_000, 1_000_000, 2)),
        "positions": positions,
        "open_orders": orders,
    }


def near(got: float | None, want: Fraction | None, *, scale: float = 1.0) -> bool:
    if want is None or got is None:
        return want is None and got is None
    return abs(got - float(want)) <= 1e-9 * max(abs(float(want)), scale)


@given(accounts())
def test_accounts_as_a_plain_second_writing_has_them(inputs: dict[str, Any]) -> None:
    want = slow.account(inputs)
    got = run("account_snapshot", inputs)
    gross = float(abs(slow.exact(inputs["cross_raw_usd"])) + want["cross_notional_usdc"]) + 1.0
    for key, value in want.items():
        if key != "positions":
            assert near(got[key], value, scale=gross), key
    for coin, figures in want["positions"].items():
        assert near(got["positions"][coin]["margin_used_usdc"], figures["margin_used_usdc"], scale=gross)
        for key in ("liquidation_px", "backstop_px"):
            price = figures[key]
            if price is None or price > 1e-6:  # where the root is at zero, rounding decides
                assert near(got["positions"][coin][key], price, scale=gross), (coin, key)


def test_floored_margins_do_not_lose_a_step() -> None:
    tiers = [{"lower_bound_usdc": 0, "max_leverage": 25}]
    for n in range(1, 400):
        value = n * 20 / 1e6  # initial margin of exactly n steps at 20x, maintenance of 0.4 n steps
        row = {"coin": "BTC", "szi": 0.07, "position_value_usdc": value, "margin_mode": "cross", "leverage": 20}
        inputs = {"account_mode": "standard", "collateral_token": "USDC", "cross_raw_usd": 1.0}
        got = run("account_snapshot", {**inputs, "positions": [{**row, "margin_tiers": tiers}]})
        assert got["cross_initial_margin_usdc"] == n / 1e6
        assert got["cross_maintenance_margin_usdc"] == (n * 20 // 50) / 1e6


@pytest.mark.parametrize(("raw", "withdrawable"), [(70.4475, 0.6975), (None, 2296.0 - 70.4475)])
def test_a_unified_account_reserves_more_than_the_margin_of_an_order(raw: float | None, withdrawable: float) -> None:
    order = {"coin": "MEGA", "side": "buy", "size": 5000.0, "limit_px": 0.04185, "leverage": 3, "reduce_only": False}
    account = {"account_mode": "unified", "collateral_token": "USDC", "spot_usdc_total": 2296.0}
    inputs = {**account, "positions": [], "open_orders": [order]}
    got = run("account_snapshot", inputs if raw is None else {**inputs, "cross_raw_usd": raw})
    assert got["spot_usdc_hold"] == pytest.approx(70.4475)
    assert got["order_margin_reserved_usdc"] == pytest.approx(70.4475)
    assert got["withdrawable_usdc"] == pytest.approx(withdrawable)


def test_an_order_that_reduces_an_isolated_position_is_free() -> None:
    tiers = [{"lower_bound_usdc": 0, "max_leverage": 3}]
    held = {"coin": "A", "szi": 10.0, "mark_px": 5.0, "margin_mode": "isolated", "leverage": 3, "isolated_raw_usd": -30.0}
    order = {"coin": "A", "side": "sell", "size": 12.0, "limit_px": 6.0, "leverage": 3, "reduce_only": False}
    got = run(
        "account_snapshot",
        {
            "account_mode": "standard",
            "collateral_token": "USDC",
            "cross_account_value_usdc": 100,
            "positions": [{**held, "margin_tiers": tiers}],
            "open_orders": [order],
        },
    )
    assert got["withdrawable_usdc"] == pytest.approx(100 - 2 * 6 / 3)


@pytest.mark.parametrize("mode", ["unified", "portfolio_margin"])
def test_liquidation_prices_of_shared_balances_follow_the_spot_total(mode: str) -> None:
    tiers = [{"lower_bound_usdc": 0, "max_leverage": 10}]
    rows = [
        {"coin": "A", "szi": 2.0, "mark_px": 100.0, "margin_mode": "cross"},
        {"coin": "B", "szi": -1.0, "mark_px": 50.0, "margin_mode": "isolated", "isolated_raw_usd": 60.0},
    ]
    rows = [{**row, "leverage": 5, "margin_tiers": tiers} for row in rows]
    got = run(
        "account_snapshot",
        {"account_mode": mode, "collateral_token": "USDC", "spot_usdc_total": 90.0, "positions": rows},
    )
    equity, required = 90.0 - 10.0, 200.0 / 20
    assert got["positions"]["A"]["liquidation_px"] == pytest.approx(100 - (equity - required) / 2 / (1 - 1 / 20))
    assert got["usdc_available_after_maintenance"] == pytest.approx(equity - required)


@given(
    TIERS,
    st.integers(1, 50),
    decimals(-500, 500, 2),
    decimals(1, 900, 2),
    st.tuples(decimals(0, 10_000, 2), decimals(0, 10_000, 2)),
    st.integers(0, 5),
)
def test_largest_orders(
    tiers: list[dict[str, float]], leverage: int, held: float, mark: float, available: tuple[float, float], places: int
) -> None:
    got = run(
        "tier_order_limit",
        {
            "coin": "A",
            "leverage": leverage,
            "position_szi": held,
            "mark_px": mark,
            "available_to_trade_usdc": list(available),
            "margin_tiers": tiers,
            "sz_decimals": places,
        },
    )["max_trade_sz_buy_sell"]
    caps = [t["lower_bound_usdc"] for t in tiers if t["max_leverage"] < leverage]
    for size, side, money in zip(got, (1, -1), available, strict=True):
        bound = money * leverage / mark
        if caps:
            bound = min(bound, caps[0] / mark - side * held)
        assert max(bound, 0.0) - 10.0**-places <= size + 1e-9
        assert size <= max(bound, 0.0) + 1e-9


def test_loans_leave_out_what_is_not_given() -> None:
    one = {"price_usdc": 40, "ltv": 0.5}
    assert run("portfolio_margin_borrow", {"collateral": [one]}) == {}
    got = run("portfolio_margin_borrow", {"collateral": [{**one, "units": 10}, {**one, "units": 5}], "borrowed_usdc": 450})
    assert "locked_units" not in got
    assert got["partial_threshold_usdc"] == pytest.approx(600 * 0.75)
    assert not got["partial_liquidation"]
    assert got["full_threshold_usdc"] == pytest.approx(500.0)


def test_a_ratio_in_debt() -> None:
    got = run("portfolio_margin_ratio", {"usdc_total": 100.0, "usdc_available_after_maintenance": -50.0, "usdc_borrowed": 50.0})
    assert got["portfolio_maintenance_requirement_usdc"] == pytest.approx(200.0)
    assert got["portfolio_margin_ratio"] == pytest.approx(200.0 / 150.0)
