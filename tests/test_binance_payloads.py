"""Responses of Binance, as its API gives them: brackets, accounts, positions. Recorded figures where there are any."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from margin import venues
from margin.errors import DataError
from margin.venues.binance import brackets, payloads

TIME = "2024-07-28T00:00:00Z"


def bracket(number, leverage, low, high, rate, amount):
    return {
        "bracket": number,
        "initialLeverage": leverage,
        "notionalFloor": low,
        "notionalCap": high,
        "maintMarginRatio": rate,
        "cum": amount,
    }


BRACKETS = [
    {
        "symbol": "BTCUSDT",
        "notionalCoef": "1.0",
        "brackets": [bracket(2, 100, 50_000, 600_000, 0.005, 50.0), bracket(1, 125, 0, 50_000, 0.004, 0.0)],
    },
    {"symbol": "GASUSDT", "brackets": [bracket(1, 50, 0, 5_000, 0.015, 0.0)]},
]
COIN_BRACKETS = {
    "pair": "BTCUSD",
    "brackets": [{"bracket": 1, "initialLeverage": 125, "qtyCap": 5, "qtylFloor": 0, "maintMarginRatio": 0.004, "cum": 0}],
}
# An account in multi-assets mode recorded on 2024-07-28; USDC index chosen to give its recorded rates.
MULTI = {
    "multiAssetsMargin": True,
    "totalInitialMargin": "7.59482199",
    "totalMaintMargin": "2.43034303",
    "totalMarginBalance": "26.26840422",
    "assets": [
        {"asset": "USDT", "walletBalance": "3.72964781", "crossWalletBalance": "3.72964781"},
        {"asset": "USDC", "walletBalance": "22.00000000", "crossWalletBalance": "22.00000000"},
        {"asset": "BNB", "walletBalance": "0.00000000", "crossWalletBalance": "0.00000000"},
    ],
    "positions": [
        {
            "symbol": "BTCUSDT",
            "positionSide": "BOTH",
            "positionAmt": "0.009",
            "entryPrice": "67445.9",
            "leverage": "80",
            "isolated": False,
            "notional": "607.55548506",
            "unrealizedProfit": "0.54238506",
            "positionInitialMargin": "7.59444356",
            "maintMargin": "2.43022194",
            "bidNotional": "0",
            "askNotional": "0",
        },
        {"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "0.000", "entryPrice": "0.0", "leverage": "20"},
    ],
}
INDEX = [
    {"symbol": "USDTUSD", "index": "0.99994984", "bidBuffer": "0.0001", "askBuffer": "0.0001"},
    {"symbol": "USDCUSD", "index": "0.99996421", "bidBuffer": "0.0001", "askBuffer": "0.0001"},
]
ISOLATED = {
    "assets": [{"asset": "USDT", "walletBalance": "101.57109202", "marginBalance": "101.45109202", "maintMargin": "0.13104"}],
    "positions": [],
}
RISK = [
    {
        "symbol": "GASUSDT",
        "positionSide": "BOTH",
        "positionAmt": "-1",
        "entryPrice": "8.616",
        "markPrice": "8.736",
        "leverage": "15",
        "marginType": "isolated",
        "isolatedMargin": "1.45109202",
        "notional": "-8.736",
        "unRealizedProfit": "-0.12",
        "liquidationPrice": "10.03654386",
    }
]


def near(figures, digits=1.1e-8):
    return {f.name: abs(f.ours - f.theirs) <= digits for f in figures}


def test_a_recorded_account_in_multi_assets_mode():
    reading = payloads.read_usdm(MULTI, time=TIME, brackets=BRACKETS, asset_index=INDEX)
    assessed = payloads.assess(reading)
    assert reading.mode == "usdm_multi"
    assert near([f for f in assessed.figures if not f.name.startswith("total")]) == {
        f"BTCUSDT BOTH {name}": True for name in ("notional", "unrealizedProfit", "positionInitialMargin", "maintMargin")
    }
    assert set(near([f for f in assessed.figures if f.name.startswith("total")], 1e-6).values()) == {True}
    assert len(assessed.figures) == 7


def test_a_recorded_isolated_position():
    assessed = payloads.assess(payloads.read_usdm(ISOLATED, time=TIME, positions=RISK, brackets=BRACKETS))
    assert all(near(assessed.figures).values())
    assert {f.name for f in assessed.figures} >= {"USDT marginBalance", "USDT maintMargin", "GASUSDT BOTH notional"}
    from margin.venues.binance.liquidation import liquidation_prices

    prices = liquidation_prices(assessed.assessment)
    assert prices["above"][0] == pytest.approx(10.03654386, abs=1e-8)


def test_a_third_version_needs_leverages_from_elsewhere():
    account = copy.deepcopy(MULTI)
    account["multiAssetsMargin"] = False
    row = account["positions"][0]
    for name in ("leverage", "entryPrice", "isolated"):
        del row[name]
    row["isolatedWallet"] = "0"
    with pytest.raises(DataError, match=r"account\.positions\[0\]\.leverage: missing\. Give symbolConfig"):
        payloads.read_usdm(account, time=TIME, brackets=BRACKETS)
    config = [{"symbol": "BTCUSDT", "leverage": 80}]
    assessed = payloads.assess(payloads.read_usdm(account, time=TIME, brackets=BRACKETS, symbol_config=config))
    assert all(near(f for f in assessed.figures if f.name.startswith("BTC")).values())


def test_a_recorded_coin_account():
    account = {
        "assets": [{"asset": "BTC", "walletBalance": "0.00023156"}],
        "positions": [{"symbol": "BTCUSD_PERP", "positionAmt": "-3", "leverage": "20", "isolated": False}],
    }
    risk = [
        {
            "symbol": "BTCUSD_PERP",
            "positionSide": "BOTH",
            "positionAmt": "-3",
            "entryPrice": "68911.00000037",
            "markPrice": "68234.20000000",
            "notionalValue": "-0.00439662",
            "unRealizedProfit": "0.00004318",
            "leverage": "20",
        }
    ]
    orders = [
        {"symbol": "BTCUSD_PERP", "side": "SELL", "positionSide": "BOTH", "origQty": "4", "executedQty": "1", "price": "70000"},
        {"symbol": "BTCUSD_PERP", "side": "BUY", "origQty": "9", "price": "60000", "reduceOnly": True},
    ]
    reading = payloads.read_coinm(account, time=TIME, positions=risk, brackets=COIN_BRACKETS, open_orders=orders)
    assessed = payloads.assess(reading)
    assert all(near(assessed.figures).values())
    assert len(assessed.figures) == 2
    ordered = (300 / 68_234.2 + 300 / 70_000) / 20
    assert assessed.assessment.initial_margin[0] == pytest.approx(ordered)


def test_sums_of_orders_count_as_the_venue_sums_them():
    account = copy.deepcopy(MULTI) | {"multiAssetsMargin": False}
    account["positions"][0]["askNotional"] = "2000"
    assessed = payloads.assess(payloads.read_usdm(account, time=TIME, brackets=BRACKETS))
    assert assessed.assessment.initial_margin[0] == pytest.approx((2_000 - 607.55548506) / 80)


BALANCES = [
    {
        "asset": "USDT",
        "crossMarginFree": "30.0",
        "crossMarginLocked": "1.0",
        "crossMarginBorrowed": "10.0",
        "crossMarginInterest": "0.5",
        "umWalletBalance": "100.0",
        "cmWalletBalance": "0",
    },
    {
        "asset": "BTC",
        "crossMarginAsset": "0.5",
        "crossMarginBorrowed": "0",
        "crossMarginInterest": "0",
        "umWalletBalance": "0",
        "cmWalletBalance": "0.25",
    },
]
UM = [
    {
        "symbol": "BTCUSDT",
        "positionSide": "LONG",
        "positionAmt": "0.010",
        "entryPrice": "44525.0",
        "markPrice": "46315.48567",
        "leverage": "100",
        "notional": "463.1548567",
        "unRealizedProfit": "17.9048567",
        "maintMargin": "1.85261942",
    }
]
CM = [
    {
        "symbol": "BTCUSD_240927",
        "positionSide": "SHORT",
        "positionAmt": "-2",
        "entryPrice": "46000",
        "markPrice": "46500",
        "leverage": "10",
    }
]
PRICES = [{"asset": "USDT", "assetIndexPrice": "0.999"}, {"asset": "BTC", "assetIndexPrice": "46300"}]
FLAT = [{"asset": "USDT", "collateralRate": "0.98"}, {"asset": "BTC", "collateralRate": "0.95"}]


def portfolio(**more):
    given = {
        "time": TIME,
        "balances": BALANCES,
        "index_prices": PRICES,
        "um_positions": UM,
        "cm_positions": CM,
        "um_brackets": BRACKETS,
        "cm_brackets": COIN_BRACKETS,
        "collateral_rates": FLAT,
        "margin_leverage": 3,
    }
    account = {"uniMMR": "1000", "totalMarginOpenLoss": "7", "accountEquity": "1"}
    return payloads.read_portfolio_margin(account, **{**given, **more})


def test_a_portfolio_margin_account():
    assessed = payloads.assess(portfolio())
    usdt = 30 + 1 - 10.5 + 100 + 0.01 * (46_315.48567 - 44_525)
    btc = 0.75 - 200 * (1 / 46_000 - 1 / 46_500)
    equity = usdt * 0.999 * 0.98 + btc * 46_300 * 0.95 - 7
    margin = 463.1548567 * 0.004 * 0.999 + 200 / 46_500 * 0.004 * 46_300 + 0.1 * 10.5 * 0.999
    ours = {f.name: f.ours for f in assessed.figures}
    assert ours["uniMMR"] == pytest.approx(equity / margin)
    assert ours["accountEquity"] == pytest.approx(equity)
    assert ours["BTCUSDT LONG maintMargin"] == pytest.approx(1.85261942, abs=1.1e-8)
    assert assessed.reading.open_loss == 7


def test_tiers_of_portfolio_margin_pro():
    tiers = [{"tierFloor": "0", "tierCap": "10000", "collateralRate": "1"}, {"tierFloor": "10000", "collateralRate": "0.5"}]
    rates = [{"asset": "BTC", "collateralInfo": tiers[::-1]}, {"asset": "USDT", "collateralRate": "1"}]
    assessed = payloads.assess(portfolio(collateral_rates=rates, pro=True, um_positions=[], cm_positions=[]))
    value = 0.75 * 46_300
    equity = 10_000 + 0.5 * (value - 10_000) + 120.5 * 0.999
    assert {f.name: f.ours for f in assessed.figures}["accountEquity"] == pytest.approx(equity)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"balances": [{"asset": "BTC"}]}, r"balance\[0\]\.crossMarginAsset: missing"),
        ({"balances": {"asset": "BTC"}}, r"balance: \{'asset': 'BTC'\} is not a list"),
        ({"index_prices": PRICES[:1]}, r"assetIndexPrice\.BTC: missing"),
        ({"index_prices": [{"asset": "USDT", "assetIndexPrice": "nan"}, PRICES[1]]}, r"assetIndexPrice: 'nan' is not a number"),
        ({"um_positions": [{**UM[0], "positionSide": "UP"}]}, r"umPositionRisk\[0\]\.positionSide: 'UP' is none of BOTH, LONG"),
        ({"um_positions": [{**UM[0], "symbol": "BTCEUR"}]}, r"umPositionRisk\[0\]\.symbol: the margin asset of 'BTCEUR' is"),
        ({"um_positions": [{**UM[0], "positionAmt": None}]}, r"umPositionRisk\[0\]\.positionAmt: None is not a number"),
        ({"cm_positions": [{**CM[0], "symbol": "BTC"}]}, r"cmPositionRisk\[0\]\.symbol: 'BTC' is no COIN-M contract"),
        ({"um_brackets": [{"symbol": "BTCUSDT", "brackets": []}]}, r"leverageBracket\[0\]\.brackets: \[\] holds no bracket"),
        ({"um_brackets": 3}, r"leverageBracket: 3 is not a list"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(change, message):
    with pytest.raises(DataError, match=message):
        portfolio(**change)


def test_an_open_order_must_be_readable():
    order = {"symbol": "BTCUSDT", "side": "HOLD", "origQty": "1", "price": "1"}
    for changes, message in (
        ({}, r"openOrders\[0\]\.side: 'HOLD' is neither BUY nor SELL"),
        ({"side": "BUY", "price": "0", "stopPrice": "0"}, r"openOrders\[0\]\.stopPrice: 0.0 is not above zero"),
        ({"symbol": "XUSDT"}, r"openOrders\[0\]\.symbol: 'XUSDT' is in no row of the positions"),
        ({"reduceOnly": "maybe"}, r"openOrders\[0\]\.reduceOnly: 'maybe' is neither true nor false"),
    ):
        account = copy.deepcopy(MULTI) | {"multiAssetsMargin": False}
        with pytest.raises(DataError, match=message):
            payloads.read_usdm(account, time=TIME, open_orders=[{**order, **changes}])


def test_multi_assets_mode_needs_rates():
    with pytest.raises(DataError, match=r"assetIndex\.USDC: missing"):
        payloads.read_usdm(MULTI, time=TIME, asset_index=INDEX[:1])


def test_every_recorded_table_passes_its_recursion(shared_data):
    tables = brackets.stored_tables(shared_data / "binance_leverage_brackets_2026-04.csv.gz")
    assert len(tables) == 716
    assert sum(len(table.floor) for table in tables) == 5_913
    brackets.check(tables, 1e-12)
    given = {name: value for table in tables for name, value in table.given().items()}
    rules = venues.load("binance").regime("usdm_single", as_of="2026-05-01", given=given)
    for table in tables:
        rates = rules.model.futures.maintenance(table.symbol)
        bounds = np.array(table.floor[1:])
        below, above = (rates.requirement(bounds * (1 + step)) for step in (-1e-12, 1e-12))
        np.testing.assert_allclose(below, above, rtol=1e-9)
    shipped = venues.load("binance").parameters("2026-05-01")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        table = next(table for table in tables if table.symbol == symbol)
        ours = brackets.BracketTable.of(symbol, shipped)
        assert (ours.floor, ours.rate, ours.max_leverage, ours.cap) == (table.floor, table.rate, table.max_leverage, table.cap)
        assert ours.amount == pytest.approx(table.amount)


def test_a_stored_table_that_breaks_its_recursion_is_named(tmp_path):
    path = tmp_path / "tables.csv"
    head = "symbol,bracket,notional_floor,notional_cap,maint_margin_rate,max_leverage,cum_maint_amount"
    path.write_text(f"{head}\nAUSDT,1,0,10,0.01,50,0\nAUSDT,2,10,20,0.02,25,0.2\n")
    with pytest.raises(DataError, match=r"brackets\.cum, row 1 \(symbol 'AUSDT'\): 0.2 is not the amount .*, 0.1"):
        brackets.check(brackets.stored_tables(path), 1e-9)
    path.write_text(f"{head}\nAUSDT,1,zero,10,0.01,50,0\n")
    with pytest.raises(DataError, match=r"tables\.csv\[0\]\.notional_floor: 'zero' is not a number"):
        brackets.stored_tables(path)
    path.write_text(f"{head}\nAUSDT,1,5,10,0.01,50,0\n")
    with pytest.raises(DataError, match="do not ascend from 0"):
        brackets.stored_tables(path)


def test_brackets_of_an_account_are_scaled_by_its_coefficient():
    twice = copy.deepcopy(BRACKETS)
    twice[0]["notionalCoef"] = 2
    given = brackets.given_brackets(twice, tolerance=1e-12)
    assert given["bracket.BTCUSDT.floor"] == (0, 100_000)
    assert given["bracket.BTCUSDT.amount"] == (0, 100)
    assert given["bracket.BTCUSDT.cap"] == 1_200_000
    p = venues.load("binance").parameters("2026-05-01")
    table = brackets.BracketTable.of("BTCUSDT", p.with_({"bracket.BTCUSDT.notional_coef": 2}, source="test"))
    assert table.floor[1] == 600_000
    assert table.largest_notional(150) == 600_000
    assert table.largest_notional(1) == 3_600_000_000
    with pytest.raises(DataError, match="no bracket of 'BTCUSDT' is known to allow a leverage of 151"):
        table.largest_notional(151)
    assert brackets.BracketTable.of("BTCUSD_PERP", p).floor[1] == 5
