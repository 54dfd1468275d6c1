"""Adapters: positions, brackets and orders of USD-M and COIN-M."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from margin.book import Book
from margin.venues.binance import multi_assets, ratios, vectors
from margin.venues.binance.brackets import BracketTable, maintenance_amounts
from margin.venues.binance.liquidation import Leg, liquidation_price
from margin.venues.binance.orders import order_cost
from margin.venues.binance.vectors import ACCOUNT, NONE, Contract, Inputs, Outputs

if TYPE_CHECKING:
    from margin.market import Market
    from margin.regime import Regime

SYMBOL, OTHER = "SYMBOL", "OTHER"


def usdm_position(inputs: Inputs) -> Outputs:
    """Figures of one position, and of the pool that it stands in where that is given."""
    size = inputs["position_qty_base"]
    mark = inputs["mark_price"] if "mark_price" in inputs else _mark_of(inputs)
    asset = inputs["margin_asset"]
    contract = Contract(symbol=SYMBOL, base=_base(inputs), asset=asset, mark=mark)
    out, prices = _position(inputs, contract, size, inputs["entry_price"], mode="usdm_single")
    return out if prices is None else {**out, "liquidation_price": prices}


def coinm_position(inputs: Inputs) -> Outputs:
    """The same of an inverse contract."""
    entry = inputs.get("entry_price_usd")
    mark = inputs.get("mark_price_usd", entry)
    contract = Contract(
        symbol=SYMBOL,
        base=inputs["base"],
        asset=inputs["margin_asset"],
        mark=1.0 if mark is None else mark,  # without any price there is nothing to compute
        size=inputs["contract_size_usd"],
        inverse=True,
    )
    out, prices = _position(inputs, contract, inputs["contracts"], entry, mode="coinm")
    return out if prices is None else {**out, "liquidation_price_usd": prices}


def _position(
    inputs: Inputs, contract: Contract, quantity: float, entry: float | None, *, mode: str
) -> tuple[Outputs, float | None]:
    """Figures of a position alone, of its pool, and its liquidation price where the pool's wallet is known."""
    isolated = inputs["margin_mode"] == "isolated"
    # Totals of other contracts belong to a cross pool; they stand in as one contract that is worth nothing.
    other_margin = 0.0 if isolated else inputs.get("maintenance_margin_other", 0.0)
    other_profit = 0.0 if isolated else inputs.get("unrealised_pnl_other", 0.0)
    given = {
        **vectors.bracket(SYMBOL, inputs["mmr"], inputs["cum"]),
        **vectors.bracket(OTHER, 0.0, -other_margin),
    }
    regime = vectors.regime(mode, given)
    market = vectors.market([contract, replace(contract, symbol=OTHER)], {})
    leverage = inputs.get("leverage", 1.0)
    place: Any = {"asset": contract.asset, "mark": contract.mark}
    alone = regime.assess(_book(quantity, entry, leverage, **place, wallet=0.0), market).columns()
    profit = float(alone["unrealised_pnl"][0])
    out: Outputs = {
        "notional": math.copysign(float(alone["initial_margin"][0]) * leverage, quantity),
        "unrealised_pnl": profit,
        "initial_margin": float(alone["initial_margin"][0]),
        "maintenance_margin": float(alone["maintenance_margin"][0]),
    }
    wallet = _wallet(inputs, profit, other_profit, quantity, entry)
    if wallet is None:
        return out, None
    balance = wallet + other_profit
    book = _book(quantity, entry, leverage, **place, wallet=balance, isolated=isolated, other=bool(other_margin))
    price = None if entry is None else _price(inputs, contract, quantity, entry, balance - other_margin)
    return {**out, **_pool(regime, book, market, isolated=isolated)}, price


def _pool(regime: Regime, book: Book, market: Market, *, isolated: bool) -> Outputs:
    result = regime.assess(book, market)
    row = len(result) - 1 if isolated else 0  # isolated pools stand behind the shared one
    balance = float(result.results.maintenance_collateral[row])
    found: Outputs = {"margin_ratio": ratios.margin_ratio(float(result.maintenance_margin[row]), balance)}
    return {**found, "isolated_margin": balance} if isolated else found


def _price(inputs: Inputs, contract: Contract, quantity: float, entry: float, balance: float) -> float:
    table = BracketTable(SYMBOL, (0.0,), (float(inputs["mmr"]),), (float(inputs["cum"]),)).rates
    leg = Leg(size=quantity * contract.size, entry=entry, table=table)
    return liquidation_price([leg], balance=balance, mark=contract.mark, inverse=contract.inverse).shown


def _wallet(inputs: Inputs, profit: float, other_profit: float, quantity: float, entry: float | None) -> float | None:
    """Wallet balance of the pool as the vector gives it, in one of three ways."""
    if "wallet_balance" in inputs:
        return float(inputs["wallet_balance"])
    if "margin_balance" in inputs:
        return float(inputs["margin_balance"]) - profit - other_profit
    if inputs.get("wallet_covers_position") and entry is not None:
        return abs(quantity) * entry
    return None


def _book(
    quantity: float,
    entry: float | None,
    leverage: float,
    *,
    asset: str,
    mark: float,
    wallet: float,
    isolated: bool = False,
    other: bool = False,
) -> Book:
    symbols = [SYMBOL, OTHER] if other else [SYMBOL]
    positions: dict[str, Any] = {
        "account": [ACCOUNT] * len(symbols),
        "instrument": symbols,
        "quantity": [quantity, 1.0][: len(symbols)],
        "leverage": [leverage, 1.0][: len(symbols)],
        "isolated_collateral": [wallet if isolated else NONE, NONE][: len(symbols)],
    }
    if entry is not None:
        positions["entry_price"] = [entry, mark][: len(symbols)]
    balances = {"account": [ACCOUNT], "currency": [asset], "amount": [0.0 if isolated else wallet]}
    return Book.of(positions=positions, balances=balances)


def _mark_of(inputs: Inputs) -> float:
    """Mark price from the notional; where neither is given, nothing asked for depends on it."""
    if inputs.get("notional") and inputs["position_qty_base"]:
        return abs(float(inputs["notional"]) / float(inputs["position_qty_base"]))
    return float(inputs["entry_price"])


def _base(inputs: Inputs) -> str:
    base = str(inputs.get("base", "BASE"))
    return base if base != inputs["margin_asset"] else "BASE"


def leverage_brackets(inputs: Inputs) -> Outputs:
    """Maintenance amounts of a table and the brackets of notionals."""
    rows = inputs["brackets"]
    floor = [float(row.get("floor", 0.0)) for row in rows]
    rate = [float(row["mmr"]) for row in rows]
    amounts = maintenance_amounts(floor, rate, [row.get("cum") for row in rows])
    table = BracketTable(inputs["symbol"], (0.0, *floor[1:]), tuple(rate), amounts)
    found = [table.bracket_of(notional) for notional in inputs.get("notionals", ())]
    return {"cum": list(amounts), "at_notionals": [{"mmr": rate[k], "cum": amounts[k]} for k in found]}


def usdm_order_cost(inputs: Inputs) -> Outputs:
    """Cost of an order to open."""
    cost = order_cost(
        side=inputs["side"],
        quantity=inputs["qty_base"],
        price=inputs["order_price"],
        mark=inputs["mark_price"],
        leverage=inputs["leverage"],
    )
    return {"initial_margin": cost.initial_margin, "open_loss": cost.open_loss}


def usdm_symbol_initial_margin(inputs: Inputs) -> Outputs:
    """Initial margin of a symbol with a position and orders, of contracts that are worth one each."""
    asset, leverage = inputs["margin_asset"], float(inputs["leverage"])
    regime = vectors.regime("usdm_single", vectors.bracket(SYMBOL, 0.0, 0.0))
    orders = [q for q in (float(inputs["bid_order_notional"]), -float(inputs["ask_order_notional"])) if q]
    book = Book.of(
        accounts={"account": [ACCOUNT]},
        positions={
            "account": [ACCOUNT],
            "instrument": [SYMBOL],
            "quantity": [float(inputs["position_notional"])],
            "leverage": [leverage],
        },
        orders={
            "account": [ACCOUNT] * len(orders),
            "instrument": [SYMBOL] * len(orders),
            "quantity": orders,
            "price": [1.0] * len(orders),
            "leverage": [leverage] * len(orders),
        },
    )
    market = vectors.market([Contract(symbol=SYMBOL, base="BASE", asset=asset, mark=1.0)], {})
    return {"initial_margin": float(regime.assess(book, market).initial_margin[0])}


def usdm_liquidation_trigger(inputs: Inputs) -> Outputs:
    """Whether a cross pool is liquidated."""
    balance = inputs["wallet_balance"] + inputs["unrealised_pnl"]
    return {"margin_balance": balance, "liquidated": ratios.liquidated(inputs["total_maintenance_margin"], balance)}


def multi_assets_account(inputs: Inputs) -> Outputs:
    """USD totals of an account, and its available balance in every margin asset."""
    names = ("wallet_balance", "unrealised_profit", "initial_margin", "maintenance_margin")
    assets = {
        row["asset"]: (
            multi_assets.AssetFigures(**{name: row.get(name, 0.0) for name in names}),
            multi_assets.AssetRates(bid=row.get("bid_rate_usd", 0.0), ask=row.get("ask_rate_usd", 0.0)),
        )
        for row in inputs["assets"]
    }
    totals = multi_assets.totals(assets)
    out: Outputs = {
        "total_initial_margin_usd": totals.initial_margin,
        "total_maintenance_margin_usd": totals.maintenance_margin,
        "total_unrealised_profit_usd": totals.unrealised_profit,
        "total_wallet_balance_usd": totals.wallet_balance,
        "total_margin_balance_usd": totals.margin_balance,
    }
    if "available_balance_usd" in inputs:
        usd = inputs["available_balance_usd"]
        out["available_balance"] = {
            asset: multi_assets.available_in(usd, rates) for asset, (_, rates) in assets.items() if rates.ask
        }
    return out


def asset_index_rates(inputs: Inputs) -> Outputs:
    """Rates of a margin asset."""
    names = ("bid_buffer", "ask_buffer", "auto_exchange_bid_buffer", "auto_exchange_ask_buffer")
    rates = multi_assets.AssetRates.of(inputs["index"], **{name: inputs[name] for name in names})
    return {
        "bid_rate": rates.bid,
        "ask_rate": rates.ask,
        "auto_exchange_bid_rate": rates.auto_exchange_bid,
        "auto_exchange_ask_rate": rates.auto_exchange_ask,
    }


def multi_assets_collateral_value(inputs: Inputs) -> Outputs:
    """Collateral value of a balance."""
    asset, value = inputs["asset"], float(inputs["market_value_usd"])
    buffers = {"bid": 1 - float(inputs["collateral_value_ratio"]), "ask": 0.0}
    given = {f"multi_assets.{asset}.{side}_buffer": value for side, value in buffers.items()}
    regime = vectors.regime("usdm_multi", given)
    result = regime.assess(vectors.wallet({asset: value}, {}), vectors.market([], {asset: 1.0}))
    return {"collateral_value_usd": float(result.results.maintenance_collateral[0])}


def auto_exchange(inputs: Inputs) -> Outputs:
    """Value sold to fill a negative balance."""
    return {"converted_value": multi_assets.auto_exchanged(inputs["negative_balance"], inputs["auto_exchange_haircut"])}


ADAPTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    function.__name__: function
    for function in (
        usdm_position,
        coinm_position,
        leverage_brackets,
        usdm_order_cost,
        usdm_symbol_initial_margin,
        usdm_liquidation_trigger,
        multi_assets_account,
        asset_index_rates,
        multi_assets_collateral_value,
        auto_exchange,
    )
}
