"""Adapters: margin wallets, portfolio margin and options accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margin.book import Book
from margin.venues.binance import margin, options, ratios, vectors
from margin.venues.binance import portfolio_margin as pm
from margin.venues.binance.vectors import ACCOUNT, Contract, Inputs, Outputs


def cross_margin_classic_account(inputs: Inputs) -> Outputs:
    """Levels of an account; all its values stand in one currency."""
    owed = inputs["total_liabilities"] + inputs.get("outstanding_interest", 0.0)
    coin = "VALUE"
    given = {
        "margin.leverage": 3.0,  # moves thresholds only, which are not asked for
        f"cross_margin.asset.{coin}.floor": (0.0,),
        f"cross_margin.asset.{coin}.ratio": (float(inputs.get("collateral_ratio", 1.0)),),
    }
    regime = vectors.regime("cross_margin_classic", given)
    result = regime.assess(vectors.wallet({coin: inputs["total_assets"]}, {coin: owed}), vectors.market([], {coin: 1.0}))
    levels = ratios.margin_levels(result)
    out = {name: float(levels[name][0]) for name in ("margin_level", "collateral_margin_level")}
    return {**out, "net_assets": float(result.results.equity[0])}


def cross_margin_pro_account(inputs: Inputs) -> Outputs:
    """Margins and level of an account, and how much more it may borrow of each coin."""
    assets, loans = inputs.get("assets", {}), inputs["liabilities"]
    tiers = inputs["liability_tiers"]
    given: dict[str, object] = {"cross_margin.pro.liquidation_collateral_ratio": 1.0}
    for coin, rows in tiers.items():
        for name, key in (("floor", "floor"), ("mmr", "mmr"), ("imr", "imr")):
            given[f"cross_margin.pro.loan.{coin}.{name}"] = tuple(float(row[key]) for row in rows)
    for coin in assets:
        given[f"cross_margin.asset.{coin}.floor"] = (0.0,)
        given[f"cross_margin.asset.{coin}.ratio"] = (float(inputs.get("collateral_ratio", 1.0)),)
    regime = vectors.regime("cross_margin_pro", given)
    prices = {coin: float(price) for coin, price in inputs["index_price"].items()}
    result = regime.assess(vectors.wallet(assets, loans), vectors.market([], prices))
    p = vectors.latest().with_(given, source="vector", status="recorded")
    owed = {coin: float(amount) * prices[coin] for coin, amount in loans.items()}
    value = sum(owed.values())
    available = float(result.available[0])

    def borrowable(coin: str, rows: list[Mapping[str, Any]]) -> float:
        table = margin.loan_table(p, coin, "imr")
        return margin.max_borrow(table, owed=owed.get(coin, 0.0), available=available, cap=rows[-1].get("cap"))

    maintenance = {coin: margin.loan_table(p, coin, "mmr") for coin in tiers}
    return {
        "asset_value": float(result.results.equity[0]) + value,
        "liability_value": value,
        "net_equity": float(result.results.maintenance_collateral[0]),
        "initial_margin": float(result.initial_margin[0]),
        "maintenance_margin": float(result.maintenance_margin[0]),
        "margin_level": float(ratios.margin_levels(result)["pro_margin_level"][0]),
        "max_borrow": {coin: borrowable(coin, rows) for coin, rows in tiers.items()},
        "maintenance_amount": {
            coin: table.deduction[margin.tier_of(table, owed.get(coin, 0.0))] for coin, table in maintenance.items()
        },
    }


def pm_pro_account_rows(inputs: Inputs) -> Outputs:
    """Rows of an account: equity and margin of the margin wallet in its asset, P&L of the futures in USDT."""
    asset, loan = inputs["asset"], float(inputs["margin_loan_qty"])
    leverage = float(inputs["margin_leverage"])
    contracts = [
        Contract(symbol=f"{f['base']}{i}", base=f"COIN{i}", asset="USDT", mark=f["mark_price_usdt"])
        for i, f in enumerate(inputs["futures"])
    ]
    given: dict[str, object] = {
        "margin.leverage": leverage,
        f"portfolio_margin.loan.{leverage:g}x.mmr": float(inputs["margin_mmr"]),
    }
    for name in {asset, "USDT"}:
        given |= {f"portfolio_margin_pro.asset.{name}.floor": (0.0,), f"portfolio_margin_pro.asset.{name}.ratio": (1.0,)}
    for contract in contracts:
        given |= vectors.bracket(contract.symbol, 0.0, 0.0)
    wallet = vectors.wallet({asset: inputs["margin_asset_qty"]}, {asset: loan})
    futures = Book.of(
        accounts={"account": [ACCOUNT]},
        positions={
            "account": [ACCOUNT] * len(contracts),
            "instrument": [c.symbol for c in contracts],
            "quantity": [float(f["position_qty_base"]) for f in inputs["futures"]],
            "entry_price": [float(f["entry_price_usdt"]) for f in inputs["futures"]],
            "leverage": [1.0] * len(contracts),
        },
    )
    regime, market = vectors.regime("portfolio_margin_pro", given), vectors.market(contracts, {asset: 1.0})
    of_wallet, of_futures = regime.assess(wallet, market), regime.assess(futures, market)
    return {
        "margin_equity": float(of_wallet.results.equity[0]),
        "margin_maintenance_margin": float(of_wallet.maintenance_margin[0]),
        "um_unrealised_pnl_usdt": float(of_futures.results.unrealised[0]),
    }


def pm_account_ratios(inputs: Inputs) -> Outputs:
    """UniMMR and available balance, each where its margin is given."""
    equity, out = inputs["account_equity_usd"], {}
    if "account_maintenance_margin_usd" in inputs:
        out["uni_mmr"] = ratios.uni_mmr(equity, inputs["account_maintenance_margin_usd"])
    if "account_initial_margin_usd" in inputs:
        out["total_available_balance_usd"] = ratios.available(equity, inputs["account_initial_margin_usd"])
    return out


def pm_negative_balance_interest(inputs: Inputs) -> Outputs:
    """Daily interest on a negative balance."""
    balance, threshold = inputs["total_balance"], inputs["negative_threshold"]
    return {
        "chargeable_balance": pm.chargeable_balance(balance, threshold),
        "interest": pm.negative_balance_interest(balance, threshold=threshold, daily_rate=inputs["daily_rate"]),
    }


def pm_wallet_balance(inputs: Inputs) -> Outputs:
    """Total wallet balance of an asset."""
    total = pm.total_wallet_balance(
        cross_margin_free=inputs["cross_margin_free"],
        cross_margin_locked=inputs["cross_margin_locked"],
        um_wallet=inputs["um_wallet_balance"],
        cm_wallet=inputs["cm_wallet_balance"],
    )
    return {"total_wallet_balance": total}


def option_position(inputs: Inputs) -> Outputs:
    """Value, cost and P&L of an option position."""
    figures = options.position_figures(inputs["position_qty"], entry=inputs["entry_price"], mark=inputs["mark_price"])
    return {
        "mark_value": figures.value,
        "position_cost": figures.cost,
        "unrealised_pnl": figures.unrealised,
        "return_on_cost": figures.return_on_cost,
    }


def options_account(inputs: Inputs) -> Outputs:
    """Equity of an options account."""
    return {"equity": options.equity(inputs["margin_balance"], inputs["unrealised_pnl"])}


ADAPTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        cross_margin_classic_account,
        cross_margin_pro_account,
        pm_pro_account_rows,
        pm_account_ratios,
        pm_negative_balance_interest,
        pm_wallet_balance,
        option_position,
        options_account,
    )
}
