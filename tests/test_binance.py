"""Binance: account modes on books of their own."""

from __future__ import annotations

import numpy as np
import pytest

from margin import Book, venues
from margin.errors import DataError, ParameterError
from margin.liquidation import liquidation_prices as margin_prices
from margin.rates import RateTable
from margin.venues.binance import brackets, liquidation, multi_assets, options, ratios, transfers
from margin.venues.binance import margin as wallets
from margin.venues.binance import portfolio_margin as pm
from margin.venues.binance.rules import MODES, parameters, regime
from margin.venues.binance.vectors import Contract, bracket, market

DAY = "2026-06-01"
NONE = float("nan")
BTC, INVERSE = "BTCUSDT", "BTCUSD_PERP"
RATIOS = {f"portfolio_margin.collateral.{asset}": ratio for asset, ratio in {"BTC": 0.95, "USDT": 0.98, "ETH": 0.9}.items()}


def futures(mark=50_000.0, btc=None):
    contracts = [
        Contract(symbol=BTC, base="BTC", asset="USDT", mark=mark),
        Contract(symbol="ETHUSDT", base="ETH", asset="USDT", mark=2_000.0),
        Contract(symbol=INVERSE, base="BTC", asset="BTC", mark=mark, size=100.0, inverse=True),
    ]
    return market(contracts, {"USDT": 1.0, "BTC": mark if btc is None else btc, "ETH": 2_000.0})


def book(positions=(), balances=None, orders=(), loans=None):
    """Positions and orders as (symbol, quantity, entry or price, leverage, more)."""
    balances, loans = balances or {}, loans or {}
    coins = list({**balances, **loans})

    def column(rows, name, otherwise=None):
        return [row[4].get(name, otherwise) if len(row) > 4 else otherwise for row in rows]

    def table(rows, price):
        return {
            "account": ["a"] * len(rows),
            "instrument": [row[0] for row in rows],
            "quantity": [float(row[1]) for row in rows],
            price: [float(row[2]) for row in rows],
            "leverage": [float(row[3]) for row in rows],
            "side": column(rows, "side"),
        }

    return Book.of(
        accounts={"account": ["a"]},
        positions=table(positions, "entry_price") | {"isolated_collateral": column(positions, "isolated", NONE)},
        orders=table(orders, "price"),
        balances={
            "account": ["a"] * len(coins),
            "currency": coins,
            "amount": [float(balances.get(c, 0)) for c in coins],
            "loan": [float(loans.get(c, 0)) for c in coins],
        },
    )


def test_the_venue_is_there():
    assert venues.load("binance").MODES == MODES
    with pytest.raises(ParameterError, match="no mode 'spot'; available: usdm_single"):
        regime("spot", as_of=DAY)


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_account_needs_nothing(mode, tmp_path):
    result = regime(mode, as_of=DAY, given=SPAN).assess(book(balances={}), futures())
    assert result.maintenance_margin.sum() == 0


def test_brackets_and_leverage_say_the_margins():
    held = book([(BTC, 20.0, 49_000.0, 10.0)], {"USDT": 60_000.0})
    result = regime("usdm_single", as_of=DAY).assess(held, futures())
    assert result.results.equity[0] == 60_000 + 20 * 1_000
    assert result.initial_margin[0] == pytest.approx(100_000)
    assert result.maintenance_margin[0] == pytest.approx(1_000_000 * 0.0065 - 1_500)
    earlier = regime("usdm_single", as_of="2024-12-01").assess(held, futures())
    assert earlier.maintenance_margin[0] == pytest.approx(1_000_000 * 0.0065 - 950)
    assert ratios.margin_ratios(result)[0] == pytest.approx(5_000 / 80_000)


def test_hedged_legs_stand_apart_and_share_one_price():
    legs = [(BTC, 20.0, 49_000.0, 10.0, {"side": "long"}), (BTC, -10.0, 51_000.0, 10.0, {"side": "short"})]
    result = regime("usdm_single", as_of=DAY).assess(book(legs, {"USDT": 60_000.0}), futures())
    assert result.maintenance_margin[0] == pytest.approx(5_000 + 500_000 * 0.005 - 300)
    assert result.initial_margin[0] == pytest.approx(150_000)
    prices = liquidation.liquidation_prices(result)
    assert prices["below"].shape == (1,)
    p = parameters(DAY)

    def excess(price):
        margin = sum(brackets.BracketTable.of(BTC, p).rates.requirement(np.array([q * price]))[0] for q in (20, 10))
        return 60_000 + 20 * (price - 49_000) - 10 * (price - 51_000) - margin

    assert excess(prices["below"][0]) == pytest.approx(0, abs=1e-6)
    assert excess(prices["above"][0]) == pytest.approx(0, abs=1e-3)  # far up, where half of the notional is required


def test_isolated_legs_have_pools_and_prices_of_their_own():
    legs = [
        (BTC, 1.0, 50_000.0, 10.0, {"side": "long", "isolated": 5_000.0}),
        (BTC, -2.0, 50_000.0, 10.0, {"side": "short", "isolated": 9_000.0}),
        ("ETHUSDT", 1.0, 2_000.0, 10.0),
    ]
    result = regime("usdm_single", as_of=DAY).assess(book(legs, {"USDT": 300.0}), futures())
    prices = liquidation.liquidation_prices(result)
    found = dict(zip(zip(prices["row"].tolist(), prices["instrument"].to_list(), strict=True), prices["below"], strict=True))
    alone = [value for (row, name), value in found.items() if name == BTC and not np.isnan(value)]
    assert alone == [pytest.approx(45_000 / (1 - 0.004))]
    above = prices["above"][~np.isnan(prices["above"])]
    assert above == pytest.approx([(9_000 + 100_000) / (2 * 1.004)])


def test_the_worked_example_of_two_positions():
    """Help page b3c689c1f50a44cabb3a84e663b81d93: 1,153.26 for the long ETH beside a long BTC."""
    given = {**bracket(BTC, 0.025, 16_300.0), **bracket("ETHUSDT", 0.1, 135_365.0)}
    contracts = [
        Contract(symbol=BTC, base="BTC", asset="USDT", mark=31_967.27),
        Contract(symbol="ETHUSDT", base="ETH", asset="USDT", mark=1_335.18),
    ]
    held = book([(BTC, 109.488, 32_481.98, 20), ("ETHUSDT", 3_683.979, 1_456.84, 20)], {"USDT": 1_535_443.01})
    result = regime("usdm_single", as_of=DAY, given=given).assess(held, market(contracts, {}))
    prices = liquidation.liquidation_prices(result)
    below = dict(zip(prices["instrument"].to_list(), prices["below"], strict=True))
    assert below["ETHUSDT"] == pytest.approx(1_153.26, abs=0.005)


def test_the_general_solver_says_the_same():
    legs = [
        (BTC, 20.0, 49_000.0, 10.0, {"side": "long"}),
        (BTC, -10.0, 51_000.0, 10.0, {"side": "short"}),
        ("ETHUSDT", -3.0, 2_000.0, 10.0, {"isolated": 700.0}),
        (INVERSE, -500, 50_000.0, 10.0),
    ]
    result = regime("usdm_single", as_of=DAY).assess(book(legs, {"USDT": 60_000.0, "BTC": 0.2}), futures())
    own = liquidation.liquidation_prices(result)
    named = zip(own["instrument"].to_list(), own["below"], own["above"], strict=True)
    want = {name: (below, above) for name, below, above in named}
    for follows in (True, False):
        general = margin_prices(result, index_follows=follows).columns()
        assert len(general["below"]) == 4
        for name, *prices in zip(general["instrument"].to_list(), general["below"], general["above"], strict=True):
            assert prices == pytest.approx(want[name], nan_ok=True)


def test_orders_count_by_their_worse_side_at_their_own_prices():
    held = [(BTC, -1.0, 50_000.0, 5.0)]
    orders = [(BTC, 3.0, 48_000.0, 5.0), (BTC, -0.5, 52_000.0, 5.0)]
    rules = regime("usdm_single", as_of=DAY)
    result = rules.assess(book(held, {"USDT": 1.0}, orders), futures())
    assert result.initial_margin[0] == pytest.approx(max(abs(-50_000 + 144_000), abs(-50_000 - 26_000)) / 5)
    isolated = rules.assess(book([(*held[0], {"isolated": 20_000.0})], {"USDT": 1.0}, orders), futures())
    assert isolated.initial_margin.tolist() == pytest.approx([(94_000 - 50_000) / 5, 10_000])
    inverse = [(INVERSE, 100, 50_000.0, 5.0)]
    ordered = [(INVERSE, 50, 40_000.0, 5.0)]
    coin = regime("coinm", as_of=DAY).assess(book(inverse, {"BTC": 1.0}, ordered), futures())
    assert coin.initial_margin[0] == pytest.approx((10_000 / 50_000 + 5_000 / 40_000) / 5)


def test_closing_orders_of_a_leg_are_ignored():
    held = [(BTC, 1.0, 50_000.0, 5.0, {"side": "long"})]
    orders = [(BTC, 1.0, 40_000.0, 5.0, {"side": "long"}), (BTC, -9.0, 60_000.0, 5.0, {"side": "long"})]
    orders += [(BTC, -1.0, 60_000.0, 5.0, {"side": "short"}), (BTC, 3.0, 1.0, 5.0, {"side": "short"})]
    result = regime("usdm_single", as_of=DAY).assess(book(held, {"USDT": 1.0}, orders), futures())
    assert result.initial_margin[0] == pytest.approx((50_000 + 40_000 + 60_000) / 5)


def test_orders_need_a_leverage():
    with pytest.raises(DataError, match=r"orders.leverage: 'BTCUSDT' is ordered without a leverage"):
        regime("usdm_single", as_of=DAY).assess(book([], {}, [(BTC, 1, 50_000, NONE)]), futures())


def test_multi_assets_values_down_and_requires_up():
    given = {f"multi_assets.{a}.{side}_buffer": b for a, b in {"USDT": 0.01, "BTC": 0.05}.items() for side in ("bid", "ask")}
    held = book([(BTC, 2.0, 51_000.0, 10.0)], {"USDT": -1_000.0, "BTC": 1.0})
    rules = regime("usdm_multi", as_of=DAY, given=given)
    result = rules.assess(held, futures())
    assert result.results.maintenance_collateral[0] == pytest.approx(50_000 * 0.95 - 1_000 * 1.01 - 2_000 * 1.01)
    assert result.results.equity[0] == pytest.approx(50_000 - 1_000 - 2_000)
    assert result.initial_margin[0] == pytest.approx(10_000 * 1.01)
    assert result.maintenance_margin[0] == pytest.approx(100_000 * 0.004 * 1.01)
    buffers = (("USDT", 1, 0.01), ("BTC", 50_000, 0.05))
    rates = {a: multi_assets.AssetRates.of(p, bid_buffer=b, ask_buffer=b) for a, p, b in buffers}
    figures = {
        "USDT": multi_assets.AssetFigures(wallet_balance=-1_000, unrealised_profit=-2_000, maintenance_margin=400),
        "BTC": multi_assets.AssetFigures(wallet_balance=1),
    }
    totals = multi_assets.totals({a: (figures[a], rates[a]) for a in rates})
    assert totals.margin_balance == pytest.approx(result.results.maintenance_collateral[0])
    assert totals.maintenance_margin == pytest.approx(result.maintenance_margin[0])
    prices = liquidation.liquidation_prices(result)
    wallet = (50_000 * 0.95 - 1_010) / 1.01
    assert prices["below"][0] == pytest.approx((wallet - 2 * 51_000) / (2 * 0.004 - 2))
    with pytest.raises(DataError, match="has collateral of its own, which this mode does not know"):
        rules.assess(book([(BTC, 1.0, 1.0, 1.0, {"isolated": 1.0})]), futures())


def test_an_asset_without_an_ask_rate_is_refused_by_name():
    with pytest.raises(ParameterError, match=r"multi_assets\.SOL\.ask_buffer has no value"):
        regime("usdm_multi", as_of=DAY).assess(book(balances={"SOL": -1.0}), market([], {"SOL": 100.0}))


def test_levels_of_margin_wallets():
    given = {"margin.leverage": 3, "cross_margin.asset.BTC.tier": 7, "cross_margin.asset.USDT.floor": (0,)}
    given["cross_margin.asset.USDT.ratio"] = (1,)
    held = book([], {"BTC": 10.0, "USDT": 1_000.0}, loans={"USDT": 300_000.0})
    result = regime("cross_margin_classic", as_of=DAY, given=given).assess(held, futures())
    levels = ratios.margin_levels(result)
    assert levels["margin_level"][0] == pytest.approx(501_000 / 300_000)
    assert levels["collateral_margin_level"][0] == pytest.approx((200_000 + 160_000 + 70_000 + 1_000) / 300_000)
    assert result.maintenance_margin[0] == pytest.approx(0.1 * 300_000)
    assert result.columns()["status"][0] == "restricted"  # nothing may be borrowed at a collateral level below 1.5
    worse = regime("cross_margin_classic", as_of=DAY, given=given).assess(
        book([], {"USDT": 330_000.0}, loans={"USDT": 300_000.0}), futures()
    )
    assert worse.columns()["status"][0] == "liquidation"  # a margin level of 1.1
    with pytest.raises(ParameterError, match=r"margin\.leverage has no value"):
        regime("cross_margin_classic", as_of=DAY).assess(held, futures())


def test_isolated_margin_is_liquidated_at_its_ratio():
    given = {"margin.leverage": 10}
    rules = regime("isolated_margin", as_of=DAY, given=given)
    for assets, status in ((1_060.0, "restricted"), (1_050.0, "liquidation"), (1_120.0, "healthy")):
        result = rules.assess(book([], {"USDT": assets}, loans={"USDT": 1_000.0}), futures())
        assert result.columns()["status"][0] == status
        assert ratios.margin_levels(result)["margin_level"][0] == pytest.approx(assets / 1_000)


def test_contracts_do_not_stand_in_margin_wallets():
    with pytest.raises(ParameterError, match="BTCUSDT is a contract, and a margin wallet holds none"):
        regime("isolated_margin", as_of=DAY).assess(book([(BTC, 1, 1, 1)]), futures())


def test_progressive_borrowing_tier_by_tier():
    table = RateTable.incremental((0, 100), (0.1, 0.2))
    assert wallets.max_borrow(table, owed=50, available=10) == pytest.approx(50 + 25)
    assert wallets.max_borrow(table, owed=50, available=-1) == 0


def portfolio(held, given=None, mode="portfolio_margin", mark=50_000.0):
    return regime(mode, as_of=DAY, given={**RATIOS, **(given or {})}).assess(held, futures(mark))


def test_portfolio_margin_is_a_cross_pool_with_standard_tiers():
    """A hedge is not netted in the requirement; it helps only through the equity."""
    long, short = (BTC, 1.0, 50_000.0, 10.0), (INVERSE, -500, 50_000.0, 10.0)
    wallet = {"USDT": 20_000.0}
    alone = [portfolio(book([leg], wallet)) for leg in (long, short)]
    hedged = portfolio(book([long, short], wallet))
    assert hedged.maintenance_margin[0] == pytest.approx(sum(a.maintenance_margin[0] for a in alone))
    assert hedged.initial_margin[0] == pytest.approx(sum(a.initial_margin[0] for a in alone))
    assert hedged.maintenance_margin[0] > 0
    naked, covered = (portfolio(book(legs, wallet), mark=40_000.0) for legs in ([long], [long, short]))
    assert naked.results.equity[0] == pytest.approx(20_000 - 10_000)
    assert covered.results.equity[0] == pytest.approx(20_000 - 10_000 + 50_000 * 0.2)
    assert covered.maintenance_margin[0] > naked.maintenance_margin[0]
    assert ratios.uni_mmrs(covered)[0] < ratios.uni_mmrs(portfolio(book([long], wallet)))[0]


def test_portfolio_margin_equity_by_asset():
    held = book([(BTC, 2.0, 51_000.0, 10.0)], {"USDT": 500.0, "BTC": 3.0}, loans={"BTC": 1.0, "ETH": 2.0})
    result = portfolio(held, {"margin.leverage": 5})
    equity = 2 * 50_000 * 0.95 - 1_500 - 2 * 2_000
    assert result.results.maintenance_collateral[0] == pytest.approx(equity)
    assert result.results.equity[0] == pytest.approx(2 * 50_000 - 1_500 - 4_000)
    margin = 100_000 * 0.004 + 0.08 * 54_000
    assert result.maintenance_margin[0] == pytest.approx(margin)
    assert result.initial_margin[0] == pytest.approx(10_000 + 54_000 / 4)
    assert ratios.uni_mmrs(result)[0] == pytest.approx(equity / margin)
    assert ratios.uni_mmrs(result, open_loss=1_000)[0] == pytest.approx((equity - 1_000) / margin)
    explained = result.explain("a").pools[0]
    assert explained.rest["loans"] + explained.lines["initial_margin"].sum() == pytest.approx(result.initial_margin[0])
    with pytest.raises(ParameterError, match=r"portfolio_margin\.loan\.7x\.mmr has no value"):
        portfolio(held, {"margin.leverage": 7})
    with pytest.raises(ParameterError, match=r"portfolio_margin\.collateral\.BTC has no value"):
        regime("portfolio_margin", as_of=DAY).assess(book([], {"BTC": 1.0}), futures())


def test_tiered_collateral_over_usd_value():
    held = book([], {"BTC": 30.0, "USDT": -100.0})
    result = regime("portfolio_margin_pro", as_of=DAY, given={"portfolio_margin_pro.asset.BTC.rank": 8}).assess(held, futures())
    kept = 200_000 + 0.8 * 200_000 + 0.7 * 400_000 + 0.4 * 200_000 + 0.2 * 500_000
    assert result.results.maintenance_collateral[0] == pytest.approx(kept - 100)


def test_status_of_a_uni_mmr():
    p = parameters(DAY)
    found = [ratios.uni_mmr_status(v, p) for v in (1.51, 1.5, 1.2, 1.05, 1.0)]
    assert found == ["NORMAL", "MARGIN_CALL", "REDUCE_ONLY", "FORCE_LIQUIDATION", "BANKRUPTED"]


def test_open_loss_of_an_order_into_worse_collateral():
    rules = regime("portfolio_margin", as_of=DAY, given=RATIOS)
    held = book([], {"USDT": 10_000.0, "BTC": 1.0})
    orders = [
        pm.SpotOrder(base="ETH", quote="USDT", quantity=2.0, price=2_100.0),
        pm.SpotOrder(base="BTC", quote="USDT", quantity=-0.1, price=50_000.0),
    ]
    loss = pm.open_loss(rules, held, futures(), orders)
    assert loss == pytest.approx([4_200 * 0.98 - 4_000 * 0.9, 0.0])


def test_limits_of_portfolio_margin_pro():
    p = parameters(DAY)
    assert pm.max_withdraw(p, equity=1_000, maintenance=500) == 400
    assert pm.max_withdraw(p, equity=500, maintenance=500) == 0
    more = pm.max_loan(leverage=3, withdrawable=400, virtual_loan=200, index=2, limit=1_000, owed=100)
    assert more == pytest.approx(2 * 300 / 2)
    assert pm.free_amount(p, level="VIP9", asset="USDT") == 10_000
    with pytest.raises(ParameterError, match=r"negative_balance\.VIP1\.USDT has no value"):
        pm.free_amount(p, level="VIP1", asset="USDT")


SPAN = {
    "span.steps": 2,
    "span.vol": ("up", "same", "down"),
    "span.short_power": 0.3,
    "span.long_power": 0.5,
    "span.reference_days": 30,
    "span.least_days": 1,
    "span.spot_nets": False,
    **{f"span.coin.BTC.{name}": value for name, value in {"price_range": 0.2, "vol_up": 0.5, "vol_down": 0.3}.items()},
    "span.coin.BTC.least_vol_up": 0.0,
    **{f"portfolio_margin_pro.asset.{a}.{k}": v for a in ("BTC", "USDT") for k, v in (("floor", (0,)), ("ratio", (1,)))},
}


def test_span_nets_inside_an_underlying_with_parameters_of_the_user():
    long, short = (BTC, 1.0, 50_000.0, 10.0), (BTC, -1.0, 50_000.0, 10.0)
    other = (INVERSE, -500, 50_000.0, 10.0)
    rules = regime("portfolio_margin_pro_span", as_of=DAY, given={**SPAN, "margin.leverage": 5})
    naked = rules.assess(book([long], {"USDT": 1_000.0}, loans={"BTC": 0.1}), futures())
    assert naked.maintenance_margin[0] == pytest.approx(10_000 + 0.08 * 5_000)
    hedged = rules.assess(book([long, other], {"USDT": 1_000.0}), futures())
    assert hedged.maintenance_margin[0] < 0.3 * naked.maintenance_margin[0]
    assert rules.assess(book([long, short]), futures()).maintenance_margin[0] == 0
    for name in ("span.spot_nets", "span.steps"):
        with pytest.raises(ParameterError, match=rf"{name.replace('.', '[.]')} has no value"):
            regime("portfolio_margin_pro_span", as_of=DAY, given={k: v for k, v in SPAN.items() if k != name})


def option_market():
    from margin import Market

    names = ["BTC-260626-60000-C", "BTC-260626-45000-P"]
    return Market.of(
        time="2026-06-01T00:00:00Z",
        instruments={
            "instrument": names,
            "kind": ["option"] * 2,
            "contract": ["linear"] * 2,
            "base": ["BTC"] * 2,
            "quote": ["USDT"] * 2,
            "settlement": ["USDT"] * 2,
            "contract_size": [1.0, 1.0],
            "expiry": ["2026-06-26T08:00:00Z"] * 2,
            "strike": [60_000.0, 45_000.0],
            "option_type": ["call", "put"],
        },
        quotes={"instrument": names, "mark": [700.0, 900.0], "vol": [0.5] * 2, "forward": [50_000.0] * 2},
        indices={"index": ["BTC_USDT"], "price": [50_000.0]},
        currencies={"currency": ["USDT"], "usd": [1.0]},
    )


def test_short_options_by_formula_long_ones_free():
    held = Book.of(
        positions={
            "account": ["a", "a", "b"],
            "instrument": ["BTC-260626-60000-C", "BTC-260626-45000-P", "BTC-260626-60000-C"],
            "quantity": [-2.0, -1.0, 5.0],
        },
        balances={"account": ["a", "b"], "currency": ["USDT"] * 2, "amount": [50_000.0, 1.0]},
    )
    result = regime("options", as_of=DAY).assess(held, option_market())
    call = 2 * (max(0.15 * 50_000 - 10_000, 0.10 * 50_000) + 700), 2 * (max(0.075 * 50_000 - 10_000, 0.05 * 50_000) + 700)
    put = max(0.15 * 50_000 - 5_000, 5_000) + 900, max(0.075 * 50_000 - 5_000, 2_500) + 900
    assert result.initial_margin.tolist() == pytest.approx([call[0] + put[0], 0])
    assert result.maintenance_margin.tolist() == pytest.approx([call[1] + put[1], 0])
    assert result.results.equity.tolist() == pytest.approx([50_000 - 1_400 - 900, 1 + 3_500])


def test_margin_of_option_orders():
    p = parameters(DAY)
    head = {"kind": "call", "unit": 1, "index": 50_000, "strike": 60_000, "mark": 700}
    fee = min(50_000 * 0.0003, 0.1 * 600)

    def order(**more):
        return options.order_margin(p, "BTC", options.OptionOrder(**{**head, "price": 600, **more}))

    assert order(quantity=3) == pytest.approx(3 * (600 + fee))
    assert order(quantity=-2) == pytest.approx(2 * (5_700 - 600 + fee))
    assert order(quantity=-2, position=5) == 0
    short = {"position": -2, "position_margin": 11_400, "all_position_margin": 22_800, "margin_balance": 200}
    assert order(quantity=3, **short) == pytest.approx(600 + fee + 2 * (600 + fee) - 100)
    assert order(quantity=1, **{**short, "margin_balance": 1e6}) == 0
    assert options.cash(1_000, 300) == 700


def test_auto_exchange_splits_by_value():
    assert multi_assets.auto_exchange_split(100, {"BTC": 30.0, "ETH": 10.0, "X": -5.0}) == {"BTC": 75, "ETH": 25}


def test_when_auto_exchange_and_calls_are_due():
    p = parameters(DAY, params=()).with_({"margin.leverage": 5}, source="test")
    due = [multi_assets.auto_exchange_due(p, level="regular", asset="USDT", wallet_balance=b) for b in (-5_000, -5_000.01)]
    assert due == [False, True]
    with pytest.raises(ParameterError, match=r"auto_exchange\.threshold\.vip1\.ETH has no value"):
        multi_assets.auto_exchange_due(p, level="vip1", asset="ETH", wallet_balance=-1)
    classic = [ratios.margin_level_status(v, p, pro=False) for v in (1.17, 1.16, 1.1)]
    assert classic == ["NORMAL", "MARGIN_CALL", "FORCE_LIQUIDATION"]
    assert [ratios.margin_level_status(v, p, pro=True) for v in (1.5, 1.4, 1.0)] == classic


def test_what_may_be_moved():
    wallet = transfers.CrossWallet(balance=1_000, unrealised=-100, initial=300, maintenance=50, isolated_orders=20)
    assert (wallet.available, wallet.removable, wallet.addable) == (580, 580, 580)
    gains = transfers.CrossWallet(balance=1_000, unrealised=500, initial=300, maintenance=50)
    assert (gains.available, gains.removable, gains.addable) == (1_200, 950, 950)
    short = {"quantity": -2, "mark": 90, "entry": 100, "leverage": 10}
    assert transfers.removable_from_isolated(wallet=30, maintenance=5, **short) == 25
    assert transfers.removable_from_isolated(wallet=10, maintenance=1, **{**short, "mark": 110}) == 0


def test_options_and_futures_keep_to_their_modes():
    held = Book.of(positions={"account": ["a"], "instrument": ["BTC-260626-60000-C"], "quantity": [1.0]})
    with pytest.raises(ParameterError, match="options of BTC are not part of this mode"):
        regime("usdm_single", as_of=DAY).assess(held, option_market())
    with pytest.raises(ParameterError, match="BTCUSDT is no option"):
        regime("options", as_of=DAY).assess(book([(BTC, 1, 1, 1)]), futures())
