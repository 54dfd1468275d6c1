"""Margin ratios, liquidation prices, currency figures and small rules of OKX, by hand or by a second way."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from margin import Book
from margin.conformance import run_files
from margin.params import STATUSES
from margin.venues.okx import conformance, regime, spot_margin, standard
from margin.venues.okx.currencies import currency_figures
from margin.venues.okx.liquidation import contracts_to_close, deleveraging, position_prices, searched_prices
from margin.venues.okx.ratios import TakerFees, margin_ratios
from margin.venues.okx.rules import parameters

from .conftest import USD

DAY = "2026-06-30"
FEES = TakerFees(futures=0.0005, spot=0.001, option=0.0003, option_cap=0.125)
VECTORS = Path(__file__).parents[1] / "vectors" / "okx.json"


def of(mode, params):
    return regime(mode, as_of=DAY, params=params, accept=STATUSES)


def book(positions=(), balances=None, orders=(), isolated=None):
    """(instrument, quantity, entry, leverage) each."""
    columns = {"account": ["a"] * len(positions)}
    for i, name in enumerate(("instrument", "quantity", "entry_price", "leverage")):
        columns[name] = [p[i] for p in positions]
    if isolated is not None:
        columns["isolated_collateral"] = isolated
    balances = balances or {}
    return Book.of(
        accounts={"account": ["a"]},
        positions=columns,
        balances={"account": ["a"] * len(balances), "currency": list(balances), "amount": list(balances.values())},
        orders={
            "account": ["a"] * len(orders),
            **{n: [o[i] for o in orders] for i, n in enumerate(("instrument", "quantity", "price", "leverage"))},
        },
    )


def test_every_vector_passes_or_is_informative():
    counts = run_files([VECTORS]).totals
    assert (counts["failed"], counts["unsupported"]) == (0, 0)
    assert counts["passed"] == sum(vector["reproduced"] for vector in json.loads(VECTORS.read_text()))


def test_ratio_of_an_account_with_a_debt_an_option_and_orders(okx_market, okx_params):
    held = book(
        [("BTC-USDT-SWAP", 10.0, 69_000.0, 10.0), ("BTC-USD-260626-75000-C", -5.0, 0.03, float("nan"))],
        {"BTC": 0.5, "USDT": -2_000.0},
        [("BTC-USDT-SWAP", 5.0, 69_500.0, 10.0), ("BTC-USD-260626-60000-P", 2.0, 0.02, float("nan"))],
    )
    found = margin_ratios(of("multi_currency", okx_params), held, okx_market, FEES)
    usdt = USD["USDT"]
    owed = 2_000 - 0.1 * (70_050 - 69_000)
    option = 0.05 * min(0.0003, 0.125 * 0.031) * 70_000
    fee = 0.1 * 70_050 * 0.0005 * usdt + option + owed * usdt * 1.03 * 0.001
    assert found.liquidation_fee[0] == pytest.approx(fee)
    adjusted = (0.5 - 0.05 * 0.031) * 0.98 * 70_000 - owed * usdt
    orders = 0.05 * 69_500 * 0.0005 * usdt + 0.02 * min(0.0003, 0.125 * 0.02) * 70_000
    premium = 0.02 * 0.02 * 70_000
    assert found.collateral[0] == pytest.approx(adjusted - orders - premium)
    required = found.assessment.maintenance_margin[0] + fee
    assert found.columns()["margin_ratio"][0] == pytest.approx(found.collateral[0] / required)


def test_portfolio_margin_bears_no_fee_of_derivatives_but_isolated_positions_do(okx_market, okx_params):
    held = book(
        [("BTC-USDT-SWAP", 10.0, 69_000.0, 10.0), ("ETH-USDT-SWAP", 10.0, 2_000.0, 10.0)],
        {"USDT": 1e5},
        isolated=[float("nan"), 300.0],
    )
    found = margin_ratios(of("portfolio", okx_params), held, okx_market, FEES)
    columns = found.columns()
    fee = {columns["pool"][i]: columns["liquidation_fee"][i] for i in range(2)}
    assert fee == {"cross": 0.0, "ETH-USDT-SWAP": pytest.approx(2_001 * 0.0005 * USD["USDT"])}
    ratio = {columns["pool"][i]: columns["margin_ratio"][i] for i in range(2)}
    assert ratio["ETH-USDT-SWAP"] == pytest.approx((300 + 1.0) / (2_001 * (0.004 + 0.0005)))


@pytest.mark.parametrize(("mode", "isolated"), [("futures", False), ("futures", True), ("multi_currency", True)])
@pytest.mark.parametrize(
    ("name", "quantity", "entry"), [("BTC-USDT-SWAP", 10.0, 69_000.0), ("BTC-USDT-SWAP", -10.0, 69_000.0),
                                    ("BTC-USD-SWAP", 20.0, 69_000.0), ("BTC-USD-260626", -20.0, 72_000.0)],
)  # fmt: skip
def test_at_its_liquidation_price_the_ratio_is_one(okx_market, okx_params, mode, name, quantity, entry, isolated):
    inverse = "USD-" in name and "USDT" not in name
    money = 0.004 if inverse else 300.0
    rest = [] if isolated or inverse else [("ETH-USDT-SWAP", 3.0, 2_050.0, 5.0)]
    held = book(
        [(name, quantity, entry, 10.0), *rest], {} if isolated else {"BTC" if inverse else "USDT": money},
        isolated=[money] if isolated else None,
    )  # fmt: skip
    rules = of(mode, okx_params)
    prices = position_prices(margin_ratios(rules, held, okx_market, FEES), FEES)
    price = prices["liquidation_px"][prices["instrument"].index(name)]
    mark = okx_market.mark.copy()
    mark[okx_market.instruments.to_list().index(name)] = price
    there = margin_ratios(rules, held, okx_market.with_(mark=mark), FEES)
    at = there.columns()["pool"]
    pool = next(i for i in range(len(there.ratio)) if at[i] in (name, "BTC" if inverse else "USDT"))
    # In a pool that counts in USD an inverse margin is valued at the index of the contract, its equity at the coin's price.
    assert there.ratio[pool] == pytest.approx(1.0, rel=1e-9)


def test_searched_prices_are_the_closed_form_where_there_is_one_and_meet_the_ratio_elsewhere(okx_market, okx_params):
    held = book([("BTC-USDT-SWAP", 10.0, 69_000.0, 10.0)], {"USDT": 900.0})
    rules = of("multi_currency", okx_params)
    below, above = searched_prices(rules, held, okx_market, FEES, "BTC-USDT-SWAP")
    assert below == pytest.approx((0.1 * 69_000 - 900) / (0.1 * (1 - 0.004 - 0.0005)), rel=1e-8)
    assert math.isnan(above)
    hedged = book([("BTC-USDT-SWAP", -30.0, 69_000.0, 10.0)], {"BTC": 0.1})
    below, above = searched_prices(rules, hedged, okx_market, FEES, "BTC-USDT-SWAP")
    mark = okx_market.mark.copy()
    mark[okx_market.instruments.to_list().index("BTC-USDT-SWAP")] = above
    there = margin_ratios(rules, hedged, okx_market.with_(mark=mark), FEES)
    assert math.isnan(below)
    assert there.ratio[0] == pytest.approx(1.0, rel=1e-6)
    broke = book([("BTC-USDT-SWAP", 10.0, 69_000.0, 10.0)], {"USDT": -200.0})
    assert searched_prices(rules, broke, okx_market, FEES, "BTC-USDT-SWAP") == (70_050.0, 70_050.0)


def test_currency_figures(okx_market, okx_params):
    held = book([("BTC-USDT-SWAP", 10.0, 69_000.0, 10.0)], {"BTC": 1.5, "ETH": -1.0})
    found = currency_figures(of("multi_currency", okx_params), held, okx_market)
    rows = {c: i for i, c in enumerate(found["currency"])}
    assert found["equity"][rows["USDT"]] == pytest.approx(105.0)
    assert found["discounted_equity"][rows["BTC"]] == pytest.approx((0.98 + 0.5 * 0.95) * 70_000)
    assert found["discounted_equity"][rows["ETH"]] == pytest.approx(-2_000.0)
    assert found["liability"][rows["ETH"]] == 1.0
    with pytest.raises(ValueError, match="does not discount"):
        currency_figures(of("futures", okx_params), held, okx_market)


@pytest.mark.parametrize("side", ["long", "short"])
def test_a_borrowed_pair_at_its_liquidation_price(side):
    asset, margin, debt = (0.0019, 0.0003, 100.0) if side == "long" else (200.0, 60.0, 0.0019)
    position = spot_margin.PairPosition(side=side, asset=asset, margin=margin, debt=debt)
    price = position.figures(mark=60_000.0, mmr_rate=0.03, taker_fee=0.001).liquidation_px
    assert position.figures(mark=price, mmr_rate=0.03, taker_fee=0.001).margin_ratio == pytest.approx(1.0)
    with pytest.raises(ValueError, match="neither"):
        spot_margin.PairPosition(side="up", asset=1.0, margin=0.0, debt=1.0)
    with pytest.raises(ValueError, match="above zero"):
        spot_margin.PairPosition(side="long", asset=1.0, margin=0.0, debt=0.0)


def test_shipped_tiers_go_on_by_their_steps():
    p = parameters(DAY)
    tiers = standard.position_tiers(p, "swap.ETH-USD")
    assert tiers.maximum[:6] == (1_500, 15_000, 75_000, 150_000, 225_000, 300_000)
    assert tiers.initial[3:6] == (0.02, 0.025, 0.03)
    assert tiers.initial[-1] == 1.0
    assert len(standard.position_tiers(p, "swap.ASTER-USDT").maximum) == 3
    pair = standard.pair_tiers(p, "BTC-USDT", borrowed="quote")
    assert pair.maximum[:5] == (1e6, 2e6, 3e6, 4e6, 5e6)
    assert pair.maintenance[3] == pytest.approx(0.11)


def test_small_rules():
    assert (contracts_to_close(-15_000, first_maximum=2_000, partial_from=12_001)) == 13_000
    assert contracts_to_close(500, first_maximum=2_000, partial_from=12_001) == 500
    assert deleveraging(average=100_000, now=49_999, fraction=0.3, floor=50_000) == (50_000, True)
    assert deleveraging(average=100_000, now=50_000, fraction=0.3, floor=50_000).active is False
    assert deleveraging(average=10_000, now=0, fraction=0.3, floor=50_000).active is True


@pytest.mark.parametrize("seed", range(40))
def test_futures_adapter_on_generated_positions(seed):
    random = np.random.default_rng(seed)
    inverse, isolated = bool(random.integers(2)), bool(random.integers(2))
    contracts = float(random.integers(1, 500)) * (1 if random.integers(2) else -1)
    size, entry = (100.0, 70_000.0) if inverse else (0.01, 70_000.0)
    mark, lev, mmr, fee = entry * float(random.uniform(0.9, 1.1)), float(random.integers(1, 50)), 0.004, 0.0005
    at_mark = abs(contracts) * size / mark if inverse else abs(contracts) * size * mark
    at_entry = abs(contracts) * size / entry if inverse else abs(contracts) * size * entry
    upl = contracts * size * (1 / entry - 1 / mark) if inverse else contracts * size * (mark - entry)
    equity = at_entry / lev + upl if isolated else at_mark * float(random.uniform(0.1, 2))
    inputs = {
        "inst_id": "X", "contract": "inverse" if inverse else "linear", "margin_mode": "isolated" if isolated else "cross",
        "settle_currency": "BTC" if inverse else "USDC", "contracts": contracts, "contract_value": size, "avg_px": entry,
        "mark_px": mark, "leverage": lev, "mmr_rate": mmr, "taker_fee": fee, "account_equity": equity,
    }  # fmt: skip
    out = conformance.ADAPTERS["futures_position"](inputs)
    assert out["imr"] == pytest.approx((at_entry if isolated else at_mark) / lev)
    assert out["mmr"] == pytest.approx(at_mark * mmr)
    assert out["upl"] == pytest.approx(upl, abs=1e-12)
    assert out["upl_ratio"] == pytest.approx(upl / (at_entry / lev), abs=1e-12)
    assert out["margin_ratio"] == pytest.approx(equity / (at_mark * (mmr + fee)))
    eq0, q, long = equity - upl, abs(contracts) * size, contracts > 0
    if inverse:
        below = eq0 + q / entry if long else q / entry - eq0
        want = q * (1 + mmr + fee if long else 1 - mmr - fee) / below if below > 0 else None
    else:
        want = (q * entry - eq0) / (q * (1 - mmr - fee)) if long else (q * entry + eq0) / (q * (1 + mmr + fee))
        want = want if want > 0 else None
    assert out["liquidation_px"] == (want if want is None else pytest.approx(want))


@pytest.mark.parametrize("seed", range(20))
def test_option_adapters_on_generated_inputs(seed):
    random = np.random.default_rng(seed)
    forward, otm, mark = 60_000.0, float(random.choice([0, 100, 5_000, 80_000])), float(random.uniform(0, 0.2))
    factor, a, b, size = float(random.uniform(1, 2)), 0.1, 0.15, float(random.choice([0.01, 0.1]))
    kind = str(random.choice(["call", "put"]))
    got = conformance.ADAPTERS["option_standard_imr"]({
        "underlying": "BTC-USD", "option_type": kind, "otm_amount_usd": otm, "forward_usd": forward, "mark_coin": mark,
        "margin_factor": factor, "a": a, "b": b, "contract_value": 1, "multiplier_coin": size,
    })  # fmt: skip
    assert got["imr_coin_per_contract"] == pytest.approx((max(a, b - otm / forward) * factor + mark) * size)
    price, margin = float(random.uniform(1e-4, 0.2)), float(random.uniform(0, 0.3))
    fee, n = 0.0002, float(random.integers(1, 200))
    want = {
        "sell_open": max(margin - price + fee, 0.1) * size * n, "buy_close": max(price - margin + fee, 0.0) * size * n,
        "buy_open": (price + fee) * size * n, "sell_close": max(fee - price, 0.0) * size * n,
    }  # fmt: skip
    for order, amount in want.items():
        inputs = {"order": order, "order_price_coin": price, "multiplier_coin": size, "contracts": n, "fee_per_coin": fee}
        if order in ("sell_open", "buy_close"):
            inputs["position_imr_coin_per_contract"] = margin * size
        if order == "sell_open":
            inputs["min_open_order_margin"] = 0.1
        assert conformance.ADAPTERS["option_order_margin"](inputs)["order_margin_coin"] == pytest.approx(amount, abs=1e-15)


def test_collateral_adapter_on_debts_bounds_and_missing_prices():
    out = conformance.ADAPTERS["collateral_value"]({"balances": [
        {"ccy": "USDT", "equity": -5, "price_usd": 0.9, "discount_tiers": [{"up_to": None, "rate": 0.5}]},
        {"ccy": "BTC", "equity": 30, "price_usd": 10, "discount_tiers": [{"up_to": 20, "rate": 1}, {"up_to": 25, "rate": 0.5}]},
        {"ccy": "DOGE", "equity": 7, "discount_tiers": [{"up_to": None, "rate": 0}]},
        {"ccy": "SOL", "cash_balance": 5, "upl": -8, "interest": 1, "frozen_balance": 1},
    ]})  # fmt: skip
    assert out["adjusted_equity_usd"] == pytest.approx(-4.5 + 225.0)
    assert out["balances"]["SOL"] == {"equity": -4.0, "available_equity": 0.0}
    assert out["balances"]["DOGE"]["discounted_equity_usd"] == 0.0
    assert math.isclose(out["balances"]["BTC"]["discounted_equity_usd"], 225.0)
