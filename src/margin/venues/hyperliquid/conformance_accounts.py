"""Adapters: accounts and single positions, run on the same code as a book."""

from __future__ import annotations

from typing import Any

import numpy as np

from margin.params import Parameters
from margin.venues.hyperliquid import vectors
from margin.venues.hyperliquid.books import Account, Position
from margin.venues.hyperliquid.figures import largest_orders, transfer_required, withdrawable
from margin.venues.hyperliquid.prices import prices_at, stated
from margin.venues.hyperliquid.tiers import margin_table
from margin.venues.hyperliquid.vectors import ACCOUNT, DAY, Figures, Inputs, Outputs, or_none, shipped, with_tables

LAST_DAY = {"2023-03": "2023-03-31"}


def account_snapshot(inputs: Inputs) -> Outputs:
    """A whole account.

    The perps side of a unified or portfolio margin account, where its ledger is given, is an account of its own: its figures are
    those of standard mode. What the spot balance backs follows the account's mode.
    """
    rule_set = inputs.get("rule_set")
    p = with_tables(shipped(DAY if rule_set is None else LAST_DAY[rule_set]), _tables(inputs))
    mode, spot = inputs["account_mode"], inputs.get("spot_usdc_total")
    ledger = _account_value(inputs)
    whole = _figures("standard" if spot is None else mode, p, inputs, ledger if spot is None else _net_of_isolated(inputs, spot))
    side = whole if ledger is None or spot is None else _figures("standard", p, inputs, ledger)
    reserved = whole if mode != "standard" and spot is not None else _figures(mode, p, inputs, ledger)
    return {
        "cross_account_value_usdc": side.at("account_value"),
        "cross_notional_usdc": side.at("notional"),
        "cross_initial_margin_usdc": side.at("initial"),
        "cross_maintenance_margin_usdc": side.at("maintenance"),
        "total_account_value_usdc": side.at("account_value") + side.isolated_margin,
        "transfer_margin_required_usdc": side.at("transfer_required"),
        "withdrawable_usdc": side.at("withdrawable"),
        "spot_usdc_hold": _hold(inputs, side, reserved, p),
        "order_margin_reserved_usdc": reserved.at("orders"),
        "usdc_available_after_maintenance": whole.at("available_after_maintenance"),
        "positions": _positions(inputs, whole),
    }


def _tables(inputs: Inputs) -> dict[str, Any]:
    """Tiers by coin. A coin that is only ordered has none in the inputs, and none is needed: nothing is held in it."""
    ordered = {row["coin"]: [{"lower_bound_usdc": 0, "max_leverage": 1}] for row in inputs.get("open_orders") or ()}
    return ordered | {row["coin"]: row["margin_tiers"] for row in inputs["positions"]}


def _account_value(inputs: Inputs) -> float | None:
    """Account value of the cross pool as given; None where the inputs give none."""
    if inputs.get("cross_account_value_usdc") is not None:
        return float(inputs["cross_account_value_usdc"])
    if inputs.get("cross_raw_usd") is None:
        return None
    value = float(inputs["cross_raw_usd"])
    for row in inputs["positions"]:
        if row["margin_mode"] == "cross":
            value = vectors.worth(row, value)
    return value


def _net_of_isolated(inputs: Inputs, spot: float) -> float:
    isolated = [row for row in inputs["positions"] if row["margin_mode"] == "isolated"]
    return spot - sum(vectors.isolated(row).margin or 0.0 for row in isolated)


def _figures(mode: str, p: Parameters, inputs: Inputs, value: float | None) -> Figures:
    """The account with its cross pool worth `value`."""
    token = inputs["collateral_token"]
    held = [
        vectors.isolated(row) if row["margin_mode"] == "isolated" else vectors.position(row) for row in inputs["positions"]
    ]
    account = Account(
        name=ACCOUNT,
        money={} if value is None else {token: value},
        positions=held,
        orders=vectors.orders(inputs.get("open_orders") or ()),
    )
    return Figures.of(mode, p, account, token=token)


def _hold(inputs: Inputs, side: Figures, reserved: Figures, p: Parameters) -> float:
    """What the perps side holds of the spot balance: as its ledger says, else what positions and orders commit."""
    if _account_value(inputs) is not None or inputs["account_mode"] == "standard":
        return side.at("account_value") + side.isolated_margin
    committed = reserved.at("transfer_required") * p.number("orders.buffer")
    if inputs["account_mode"] == "portfolio_margin":
        committed = reserved.at("initial")
    return committed + reserved.isolated_margin + reserved.at("orders")


def _positions(inputs: Inputs, figures: Figures) -> Outputs:
    given = {row["coin"]: row for row in inputs["positions"]}
    liquidation, held = figures.prices, figures.held
    backstop = figures.backstop_prices if "liquidation.backstop_share" in figures.p else [None] * len(held)
    out: Outputs = {}
    for i, coin in enumerate(figures.names()):
        used = figures.pools.account_value[held.row[i]] if held.isolated[i] else held.initial[i]
        out[coin] = {
            "margin_used_usdc": float(used),
            "liquidation_px": liquidation[i],
            "backstop_px": backstop[i],
            **_profit(given[coin]),
        }
    return out


def _profit(row: Inputs) -> Outputs:
    """Unrealised profit and the return on what the position was opened with, where the entry price is given."""
    entry, leverage = row.get("entry_px"), row.get("leverage")
    if entry is None:
        return {}
    profit = row["szi"] * (vectors.mark_of(row) - entry)
    out = {"unrealized_pnl_usdc": profit}
    if leverage is not None:
        out["return_on_equity"] = profit * leverage / (abs(row["szi"]) * entry)
    return out


def cross_position_in_summary(inputs: Inputs) -> Outputs:
    """One position of a pool of which the totals are known."""
    row, value = inputs["position"], inputs["cross_account_value_usdc"]
    p = with_tables(shipped(DAY), {row["coin"]: row["margin_tiers"]})
    account = Account(name=ACCOUNT, money={vectors.TOKEN: value}, positions=[vectors.position(row)])
    figures = Figures.of("standard", p, account)
    names = ("account_value", "notional", "initial_margin", "maintenance_margin")
    totals = {name: np.array([inputs[f"cross_{name}_usdc"]], dtype=np.float64) for name in names}
    price = stated(prices_at(figures.assessment, figures.held, totals["account_value"], totals["maintenance_margin"]), p)
    required = transfer_required(totals["initial_margin"], totals["notional"], p)
    return {
        "margin_used_usdc": float(figures.held.initial[0]),
        "liquidation_px": or_none(price)[0],
        "withdrawable_usdc": float(withdrawable(totals["account_value"], required)[0]),
    }


def isolated_position(inputs: Inputs) -> Outputs:
    """One isolated position."""
    held = vectors.isolated(inputs)
    p = with_tables(shipped(DAY), {held.coin: inputs["margin_tiers"]})
    figures = Figures.of("standard", p, Account(name=ACCOUNT, money={}, positions=[held]))
    backstop = figures.backstop_prices[0]
    out: Outputs = {
        "margin_used_usdc": figures.isolated_margin,
        "liquidation_px": figures.prices[0],
        "backstop_px": backstop,
    }
    if backstop is not None:
        there = Position(coin=held.coin, size=held.size, mark=backstop, leverage=held.leverage, margin=0.0)
        then = Figures.of("standard", p, Account(name=ACCOUNT, money={}, positions=[there]), floor=False)
        out["backstop_threshold_at_backstop_usdc"] = p.number("liquidation.backstop_share") * float(then.held.maintenance[0])
    return out


def position_margin(inputs: Inputs) -> Outputs:
    """Requirements of one position, not floored."""
    held = vectors.position(inputs)
    p = with_tables(shipped(DAY), {held.coin: inputs["margin_tiers"]})
    figures = Figures.of("standard", p, Account(name=ACCOUNT, money={}, positions=[held]), floor=False)
    table, notional = margin_table(p, held.coin), figures.at("notional")
    tier = table.tier(notional)
    rates = table.rates(p.number("general.maintenance_fraction"))
    out: Outputs = {
        "notional_usdc": notional,
        "maintenance_margin_usdc": figures.at("maintenance"),
        "backstop_threshold_usdc": p.number("liquidation.backstop_share") * figures.at("maintenance"),
        "tier_index": tier,
        "maintenance_rate": rates.rate[tier],
        "maintenance_deduction_usdc": rates.deduction[tier],
        "tier_max_leverage": table.max_leverage[tier],
    }
    if held.leverage is not None:
        out |= {
            "initial_margin_usdc": figures.at("initial"),
            "transfer_margin_required_usdc": figures.at("transfer_required"),
            "opening_leverage_allowed": bool(held.leverage <= table.max_leverage[tier]),
        }
    return out


def tier_order_limit(inputs: Inputs) -> Outputs:
    """Largest buy and largest sell."""
    p = with_tables(shipped(DAY), {inputs["coin"]: inputs["margin_tiers"]})
    buy, sell = inputs["available_to_trade_usdc"]
    largest = largest_orders(
        margin_table(p, inputs["coin"]),
        leverage=inputs["leverage"],
        size=inputs["position_szi"],
        mark=inputs["mark_px"],
        available=(buy, sell),
        step=10.0 ** -inputs["sz_decimals"],
    )
    return {"max_trade_sz_buy_sell": list(largest)}
