"""Published vectors of Binance, one test each, and inputs that the kinds allow, against the rules written a second time."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.conformance import Result, run_files
from margin.venues.binance.conformance import ADAPTERS

FILE = Path(__file__).parent / "vectors" / "binance.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {result.id: result for result in run_files([FILE]).results}


@pytest.mark.parametrize("name", [vector["id"] for vector in VECTORS])
def test_published_vector(results: dict[str, Result], name: str) -> None:
    assert results[name].status == "passed", "\n".join(results[name].reasons)


def test_every_kind_has_an_adapter() -> None:
    assert {vector["kind"] for vector in VECTORS} == set(ADAPTERS)


def run(kind: str, **inputs: Any) -> dict[str, Any]:
    return dict(ADAPTERS[kind](inputs))


sizes = st.floats(0.001, 1000).flatmap(lambda size: st.sampled_from([size, -size]))
prices = st.floats(0.01, 100_000)
rates = st.sampled_from([0.004, 0.01, 0.05, 0.5])


@given(
    size=sizes,
    entry=prices,
    move=st.floats(0.5, 2),
    rate=rates,
    cum=st.sampled_from([0.0, 50.0, 135_365.0]),
    wallet=st.floats(0, 1e7),
    others=st.tuples(st.floats(0, 1e5), st.floats(-1e5, 1e5)),
    leverage=st.integers(1, 125),
    margin_mode=st.sampled_from(["cross", "isolated"]),
    account_mode=st.sampled_from(["single_asset", "multi_assets", "portfolio_margin"]),
    how=st.sampled_from(["wallet", "balance"]),
)
def test_usdm_positions(
    size: float,
    entry: float,
    move: float,
    rate: float,
    cum: float,
    wallet: float,
    others: tuple[float, float],
    leverage: int,
    margin_mode: str,
    account_mode: str,
    how: str,
) -> None:
    mark = entry * move
    mm_other, profit_other = others if margin_mode == "cross" else (0.0, 0.0)
    profit = size * (mark - entry)
    balance = wallet + profit + profit_other
    out = run(
        "usdm_position",
        account_mode=account_mode,
        margin_mode=margin_mode,
        margin_asset="USDT",
        position_qty_base=size,
        entry_price=entry,
        mmr=rate,
        cum=cum,
        leverage=leverage,
        maintenance_margin_other=others[0],
        unrealised_pnl_other=others[1],
        **({"mark_price": mark} if how == "wallet" else {"notional": abs(size) * mark}),
        **({"wallet_balance": wallet} if how == "wallet" or margin_mode == "isolated" else {"margin_balance": balance}),
    )
    notional = abs(size) * mark
    margin = notional * rate - cum
    scale = max(wallet, notional, abs(profit), *map(abs, others), cum)
    near = {"rel": 1e-9, "abs": 1e-9 * scale}
    assert out["notional"] == pytest.approx(math.copysign(notional, size), rel=1e-12)
    assert out["unrealised_pnl"] == pytest.approx(profit, **near)
    assert out["initial_margin"] == pytest.approx(notional / leverage)
    assert out["maintenance_margin"] == pytest.approx(margin, **near)
    if balance > 1e-3 * scale:
        assert out["margin_ratio"] == pytest.approx((margin + mm_other) / balance, rel=1e-5, abs=1e-5)
    side = math.copysign(1, size)
    price = (wallet - mm_other + profit_other + cum - size * entry) / (abs(size) * (rate - side))
    want = price if price > 0 else 0.0
    assert out["liquidation_price"] == pytest.approx(want, rel=1e-6, abs=1e-6 * scale / abs(size))
    assert ("isolated_margin" in out) == (margin_mode == "isolated")


@pytest.mark.parametrize("contracts", [-30_000, -3, 5, 4_000])
@pytest.mark.parametrize("margin_mode", ["cross", "isolated"])
def test_coinm_positions(contracts: int, margin_mode: str) -> None:
    entry, mark, rate, cum, wallet, size = 40_000.0, 42_000.0, 0.01, 0.055, 9.0, 100.0
    out = run(
        "coinm_position",
        account_mode="portfolio_margin",
        margin_mode=margin_mode,
        base="BTC",
        margin_asset="BTC",
        contract_size_usd=size,
        contracts=contracts,
        entry_price_usd=entry,
        mark_price_usd=mark,
        leverage=20,
        mmr=rate,
        cum=cum,
        wallet_balance=wallet,
    )
    usd = contracts * size
    assert out["notional"] == pytest.approx(usd / mark)
    assert out["unrealised_pnl"] == pytest.approx(usd * (1 / entry - 1 / mark))
    assert out["maintenance_margin"] == pytest.approx(abs(usd) / mark * rate - cum)
    side = math.copysign(1, contracts)
    price = abs(usd) * (rate + side) / (wallet + cum + side * abs(usd) / entry)
    assert out["liquidation_price_usd"] == pytest.approx(max(price, 0.0))


def test_a_position_that_its_wallet_covers_has_no_price() -> None:
    head = {"account_mode": "single_asset", "margin_mode": "cross", "margin_asset": "USDT", "mmr": 0.01, "cum": 0.0}
    long = run("usdm_position", **head, position_qty_base=2.0, entry_price=10.0, wallet_covers_position=True)
    assert long["liquidation_price"] == 0


@given(position=st.floats(-1e6, 1e6), bids=st.floats(0, 1e6), asks=st.floats(0, 1e6), leverage=st.integers(1, 125))
def test_symbol_requirement(position: float, bids: float, asks: float, leverage: int) -> None:
    out = run(
        "usdm_symbol_initial_margin",
        margin_asset="USDC",
        position_notional=position,
        bid_order_notional=bids,
        ask_order_notional=asks,
        leverage=leverage,
    )
    want = max(abs(position + bids), abs(position - asks)) / leverage
    assert out["initial_margin"] == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize(("side", "price", "loss"), [("long", 110, 20), ("long", 90, 0), ("short", 90, 20), ("short", 110, 0)])
def test_order_cost(side: str, price: float, loss: float) -> None:
    out = run(
        "usdm_order_cost", base="X", margin_asset="USDT", side=side, qty_base=2, order_price=price, mark_price=100, leverage=4
    )
    assert out == {"initial_margin": price / 2, "open_loss": loss}


def test_brackets_at_their_bounds_and_beyond() -> None:
    rows = [{"floor": 0, "cap": 10, "mmr": 0.01}, {"floor": 10, "cap": 20, "mmr": 0.02}, {"floor": 20, "cap": 30, "mmr": 0.05}]
    notionals = [0, 10, 10.001, 20, 30, 1e9]
    out = run("leverage_brackets", symbol="X", margin_asset="USDT", brackets=rows, notionals=notionals)
    assert out["cum"] == pytest.approx([0, 0.1, 0.7])
    assert [found["mmr"] for found in out["at_notionals"]] == [0.01, 0.01, 0.02, 0.02, 0.05, 0.05]


def test_a_later_part_of_a_table_goes_on_from_its_amount() -> None:
    rows = [{"floor": 50, "level": 5, "mmr": 0.05, "cum": 1.81}, {"floor": 100, "mmr": 0.1}]
    out = run("leverage_brackets", symbol="BTCUSD", margin_asset="BTC", brackets=rows, notionals=[60, 200])
    assert out["cum"] == pytest.approx([1.81, 6.81])


def test_negative_balances_and_losses_count_at_the_ask() -> None:
    assets = [
        {"asset": "USDT", "wallet_balance": -100.0, "unrealised_profit": 30.0, "bid_rate_usd": 0.9, "ask_rate_usd": 1.1},
        {"asset": "BTC", "wallet_balance": 2.0, "unrealised_profit": -1.0, "bid_rate_usd": 9.0, "ask_rate_usd": 11.0},
    ]
    out = run("multi_assets_account", assets=assets)
    assert out["total_wallet_balance_usd"] == pytest.approx(-110 + 18)
    assert out["total_unrealised_profit_usd"] == pytest.approx(27 - 11)
    assert out["total_margin_balance_usd"] == pytest.approx(-92 + 16)
    assert out["total_initial_margin_usd"] == 0


tiers = st.lists(st.floats(1, 1e6), min_size=0, max_size=4, unique=True).map(lambda bounds: [0.0, *sorted(bounds)])


@given(
    floors=tiers,
    assets=st.floats(0, 1e6),
    owed=st.floats(0, 1e6),
    ratio=st.sampled_from([None, 0.5, 1.0]),
    price=st.sampled_from([1.0, 30_000.0]),
)
def test_cross_margin_pro(floors: list[float], assets: float, owed: float, ratio: float | None, price: float) -> None:
    mmr = [0.02 * (k + 1) for k in range(len(floors))]
    imr = [0.11 * (k + 1) for k in range(len(floors))]
    rows = [{"floor": f, "mmr": m, "imr": i} for f, m, i in zip(floors, mmr, imr, strict=True)]
    coins = {"assets": {"BTC": assets / price}, "liabilities": {"BTC": owed / price}}
    given = {} if ratio is None else {"collateral_ratio": ratio}
    head = {"quote_currency": "USDT", "liability_tiers": {"BTC": rows}, "index_price": {"BTC": price}}
    out = run("cross_margin_pro_account", **head, **coins, **given)

    def progressive(value: float, rate: list[float]) -> float:
        bounds = zip(floors, [*floors[1:], math.inf], rate, strict=True)
        return sum(r * max(min(value, high) - low, 0.0) for low, high, r in bounds)

    near = {"rel": 1e-9, "abs": 1e-5}
    maintenance, initial = progressive(owed, mmr), progressive(owed, imr)
    assert out["maintenance_margin"] == pytest.approx(maintenance, **near)
    assert out["initial_margin"] == pytest.approx(initial, **near)
    assert out["net_equity"] == pytest.approx(assets - owed, **near)
    assert out["asset_value"] == pytest.approx(assets, **near)
    available = max(assets * (1 if ratio is None else ratio) - owed - initial, 0.0)
    more = out["max_borrow"]["BTC"]
    assert more >= 0
    assert progressive(owed + more, imr) - initial == pytest.approx(available, rel=1e-9, abs=1e-4)
    if maintenance > 1:
        assert out["margin_level"] == pytest.approx((assets - owed) / maintenance, rel=1e-6, abs=1e-6)


def test_no_more_than_the_last_cap_is_borrowed() -> None:
    rows = [{"floor": 0, "cap": 100, "mmr": 0.05, "imr": 0.1}, {"floor": 100, "cap": 150, "mmr": 0.1, "imr": 0.2}]
    out = run(
        "cross_margin_pro_account",
        quote_currency="USDT",
        liability_tiers={"USDT": rows},
        index_price={"USDT": 1.0},
        assets={"USDT": 1e6},
        liabilities={"USDT": 20.0},
    )
    assert out["max_borrow"] == {"USDT": pytest.approx(130.0)}
    assert out["maintenance_amount"] == {"USDT": 0}


def test_portfolio_margin_rows_of_any_asset() -> None:
    contracts = [
        {"contract": "delivery", "base": "ETH", "position_qty_base": 2, "entry_price_usdt": 10, "mark_price_usdt": 11},
        {"contract": "perpetual", "base": "ETH", "position_qty_base": -2, "entry_price_usdt": 12, "mark_price_usdt": 13},
    ]
    out = run(
        "pm_pro_account_rows",
        asset="USDT",
        margin_asset_qty=1.0,
        margin_loan_qty=4.0,
        margin_leverage=7,
        margin_mmr=0.25,
        futures=contracts,
    )
    assert out == {"margin_equity": -3.0, "margin_maintenance_margin": 1.0, "um_unrealised_pnl_usdt": 0.0}
    alone = run(
        "pm_pro_account_rows",
        asset="SOL",
        margin_asset_qty=1,
        margin_loan_qty=0,
        margin_leverage=3,
        margin_mmr=0.1,
        futures=[],
    )
    assert alone["margin_equity"] == 1
    assert alone["um_unrealised_pnl_usdt"] == 0


def test_interest_begins_beyond_the_free_amount() -> None:
    for balance, charged in ((500.0, 0.0), (-10.0, 0.0), (-10.5, -0.5)):
        out = run("pm_negative_balance_interest", asset="USDT", total_balance=balance, negative_threshold=10.0, daily_rate=0.1)
        assert out == {"chargeable_balance": charged, "interest": pytest.approx(-0.1 * charged)}


def test_short_options() -> None:
    out = run("option_position", symbol="any", margin_asset="USDT", position_qty=-2, entry_price=10, mark_price=12)
    assert out == {"mark_value": -24, "position_cost": -20, "unrealised_pnl": -4, "return_on_cost": -0.2}
