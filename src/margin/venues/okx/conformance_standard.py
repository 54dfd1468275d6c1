"""Adapters: single positions, options and their orders, collateral, ladders, small rules of liquidation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np

from margin.book import Book
from margin.params import STATUSES
from margin.pools import DiscountTiers
from margin.venues.okx import currencies, liquidation, ratios, standard, vectors
from margin.venues.okx.rules import Options, compose, parameters
from margin.venues.okx.spot_margin import PairPosition
from margin.venues.okx.vectors import ACCOUNT, COIN, DOLLAR, Contract, Inputs, Outputs

LADDER = 200  # tiers beyond the given one, more than any vector asks for
PRICE = 1.0  # stands for prices that a vector does not give and nothing depends on


def futures_position(inputs: Inputs) -> Outputs:
    """One future or perpetual, cross or isolated."""
    inverse, isolated = inputs["contract"] == "inverse", inputs["margin_mode"] == "isolated"
    settle, quantity, fee = inputs["settle_currency"], float(inputs["contracts"]), inputs.get("taker_fee") or 0.0
    base, quote = (settle, DOLLAR) if inverse else (COIN, settle)
    size, mark, entry, leverage = (float(inputs[key]) for key in ("contract_value", "mark_px", "avg_px", "leverage"))
    contract = Contract(
        name=inputs["inst_id"], base=base, quote=quote, inverse=inverse, mark=mark, contract_size=size
    )
    market = vectors.market([contract], index={f"{base}_{quote}": mark}, usd={settle: mark if inverse else PRICE})
    family = standard.family(market, 0)
    tier = {"max": abs(quantity) or 1.0, "mmr": inputs["mmr_rate"], "imr": 0.0}
    given: dict[str, object] = {f"tiers.{family}.{name}": [number] for name, number in tier.items()}
    given[f"tiers.{family}.step_size"] = 0.0
    position = {
        "account": [ACCOUNT],
        "instrument": [contract.name],
        "quantity": [quantity],
        "entry_price": [entry],
        "leverage": [leverage],
    }
    regime = _regime("futures", given)
    fees = ratios.TakerFees(futures=fee, spot=0.0, option=0.0, option_cap=0.0)
    # The margin of an isolated position is its initial margin at entry, a first pass tells it; a cross pool gets what is missing.
    trial = ratios.margin_ratios(regime, Book.of(positions=position | {"isolated_collateral": [0.0]}), market, fees).assessment
    alone = next(i for i in range(len(trial)) if trial.columns()["pool"][i] == contract.name)
    margin, upl = float(trial.initial_margin[alone]), float(trial.results.unrealised[alone])
    equity = margin + upl if isolated else inputs.get("account_equity")
    if isolated:
        book = Book.of(positions=position | {"isolated_collateral": [margin]})
    else:
        cash = 0.0 if equity is None else equity - upl
        book = Book.of(positions=position, balances={"account": [ACCOUNT], "currency": [settle], "amount": [cash]})
    found = ratios.margin_ratios(regime, book, market, fees)
    pools = found.assessment.columns()["pool"]
    pool = next(i for i in range(len(found.ratio)) if pools[i] == (contract.name if isolated else settle))
    outputs: Outputs = {
        "imr": float(found.assessment.initial_margin[pool]),
        "mmr": float(found.assessment.maintenance_margin[pool]),
        "upl": upl,
        "upl_ratio": upl / margin if margin else 0.0,
    }
    if equity is not None:
        outputs["margin_ratio"] = float(found.ratio[pool])
        outputs["liquidation_px"] = next(iter(liquidation.position_prices(found, fees)["liquidation_px"]), None)
    return outputs


def isolated_margin_position(inputs: Inputs) -> Outputs:
    """A borrowed position in a pair; for a short one what is held is quote and what is owed base."""
    position = PairPosition(
        side=inputs["side"],
        asset=inputs["position_base"],
        margin=inputs["margin_base"],
        debt=inputs["liability_quote"] + inputs["accrued_interest_quote"],
    )
    figures = position.figures(mark=inputs["mark_px"], mmr_rate=inputs["mmr_rate"], taker_fee=inputs["taker_fee"])
    return {
        "mmr_base": figures.mmr,
        "upl_base": figures.upl,
        "margin_ratio": figures.margin_ratio,
        "liquidation_px": figures.liquidation_px,
    }


def collateral_value(inputs: Inputs) -> Outputs:
    """Equity, available and discounted equity of each currency."""
    rows = inputs["balances"]
    amounts = [(row["ccy"], _equity(row)) for row in rows]
    tiers = {row["ccy"]: _tiers(row["discount_tiers"]) for row in rows if row.get("discount_tiers") is not None}
    prices = {row["ccy"]: PRICE if row.get("price_usd") is None else row["price_usd"] for row in rows}
    market = vectors.market([], index={}, usd=prices)
    regime = _regime("multi_currency", {})
    # Currencies without tiers are not asked about: they count for nothing.
    nothing = {row["ccy"]: DiscountTiers((0.0,), (0.0,)) for row in rows if row["ccy"] not in tiers}
    regime = replace(regime, collateral=replace(regime.collateral, tiers={**tiers, **nothing}))
    frozen = {row["ccy"]: row.get("frozen_balance") or 0.0 for row in rows}
    found = currencies.currency_figures(regime, vectors.book(balances=amounts), market)
    lines: dict[str, dict[str, float]] = {}
    for ccy, equity, discounted in zip(found["currency"], found["equity"], found["discounted_equity"], strict=True):
        lines[str(ccy)] = {
            "equity": float(equity),
            "available_equity": currencies.available_equity(float(equity), frozen=frozen[str(ccy)]),
        }
        if str(ccy) in tiers:
            lines[str(ccy)]["discounted_equity_usd"] = float(discounted)
    asked = [line["discounted_equity_usd"] for line in lines.values() if "discounted_equity_usd" in line]
    return {"balances": lines, "adjusted_equity_usd": sum(asked)}


def _equity(row: Inputs) -> float:
    if row.get("equity") is not None:
        return float(row["equity"])
    parts = [row.get(key) or 0.0 for key in ("cash_balance", "upl", "strategy_equity", "option_value")]
    return float(sum(parts) - (row.get("interest") or 0.0))


def _tiers(rows: Sequence[Inputs]) -> DiscountTiers:
    bounds = [np.inf if row["up_to"] is None else float(row["up_to"]) for row in rows]
    rates = [float(row["rate"]) for row in rows]
    floors = [0.0, *bounds] if np.isfinite(bounds[-1]) else [0.0, *bounds[:-1]]
    return DiscountTiers(tuple(floors), (*rates, 0.0)[: len(floors)])  # beyond the last bound nothing counts


def option_standard_imr(inputs: Inputs) -> Outputs:
    """A short coin-margined option, one contract."""
    forward = float(inputs["forward_usd"])
    away = float(inputs["otm_amount_usd"]) * (1 if inputs["option_type"] == "call" else -1)
    # Where a put is so far out of the money that its strike would not be above zero, a call stands for it: the formula is one.
    kind, strike = (inputs["option_type"], forward + away) if forward + away > 0 else ("call", forward - away)
    size = float(inputs["contract_value"]) * float(inputs["multiplier_coin"])
    given = {"option.base": inputs["b"], "option.minimum": inputs["a"]}
    return {
        "imr_coin_per_contract": _short_option(
            given, forward=forward, strike=strike, kind=kind, mark=inputs["mark_coin"], size=size, factor=inputs["margin_factor"]
        )
    }


def _short_option(
    given: Mapping[str, object], *, forward: float, strike: float, kind: str, mark: float, size: float, factor: float
) -> float:
    market = _option_market(forward=forward, strike=strike, kind=kind, mark=mark, size=size)
    regime = _regime("futures", {**_option_parameters(factor), **given})
    book = vectors.book({"option": -1.0})
    return float(regime.assess(book, market).initial_margin.sum())


def _option_market(*, forward: float, strike: float, kind: str, mark: float, size: float):  # type: ignore[no-untyped-def]
    option = Contract(
        name="option", mark=float(mark), inverse=True, contract_size=size, kind="option", expiry=vectors.after(1), strike=strike,
        option_type=kind, vol=0.0, forward=forward,
    )  # fmt: skip
    return vectors.market([option], index={f"{COIN}_{DOLLAR}": forward}, usd={COIN: forward})


def _option_parameters(factor: float) -> dict[str, object]:
    section = f"tiers.option.{COIN}-{DOLLAR}"
    largest = 1e300  # the factor given is that of the vector's size
    return {f"{section}.max": [largest], f"{section}.factor": [factor], f"option.coin.{COIN}.maintenance": 0.0}


def option_order_margin(inputs: Inputs) -> Outputs:
    """An order in a coin-margined option."""
    side, size, contracts = inputs["order"], float(inputs["multiplier_coin"]), float(inputs["contracts"])
    per_contract = inputs.get("fee_coin_per_contract")
    fee = float(inputs["fee_per_coin"]) if per_contract is None else float(per_contract) / size
    # An option that is margined at its mark alone has the margin of the position that is given.
    margin = float(inputs.get("position_imr_coin_per_contract") or 0.0) / size
    market = _option_market(forward=PRICE, strike=PRICE, kind="call", mark=margin, size=size)
    given = {
        **_option_parameters(1.0), "option.base": 0.0, "option.minimum": 0.0,
        "option.least_order": float(inputs.get("min_open_order_margin") or 0.0),
        "fees.option_taker": fee, "fees.option_cap": 1e300,
    }  # fmt: skip
    held = {"buy_close": -contracts, "sell_close": contracts}.get(side, 0.0)
    book = Book.of(
        positions={"account": [ACCOUNT], "instrument": ["option"], "quantity": [held]},
        orders={
            "account": [ACCOUNT],
            "instrument": ["option"],
            "quantity": [contracts if side.startswith("buy") else -contracts],
            "price": [float(inputs["order_price_coin"])],
        },
    )
    components = _regime("futures", given, Options(order_fee=True)).assess(book, market).results.components
    return {"order_margin_coin": float((components["open_orders"] + components["order_premium"]).sum())}


def discount_ladder(inputs: Inputs) -> Outputs:
    """Discount tiers beyond the last one printed."""
    last = standard.DiscountTier(inputs["explicit_max"], inputs["explicit_rate"])
    tiers = (last, *islice(standard.discount_ladder(last, size=inputs["max_step"], rate=inputs["rate_step"]), LADDER))
    first = int(inputs["explicit_tier"])
    return {"tiers": {str(first + i): {"max": tier.most, "rate": tier.rate} for i, tier in enumerate(tiers)}}


def liquidation_penalty_rate(inputs: Inputs) -> Outputs:
    """Penalty of each collateral tier."""
    return {"penalty_rates": list(standard.penalty_rates([row["discount_rate"] for row in inputs["tiers"]]))}


def position_tier_ladder(inputs: Inputs) -> Outputs:
    """Position tiers from the third and the increments."""
    third, more = inputs["tier_3"], inputs["increments_from_tier_5"]
    last = standard.Tier(third["min"], third["max"], third["mmr"], third["imr"])
    tiers = (last, *islice(standard.tier_ladder(last, size=more["max"], mmr=more["mmr"], imr=more["imr"]), LADDER))
    return {
        "tiers": {
            str(3 + i): {"min": t.least, "max": t.most, "mmr": t.mmr, "imr": t.imr, "max_leverage": t.max_leverage}
            for i, t in enumerate(tiers)
        }
    }


def partial_liquidation(inputs: Inputs) -> Outputs:
    """How much of a position the legacy rule closes."""
    closed = liquidation.contracts_to_close(
        inputs["contracts"], first_maximum=inputs["tier1_max"], partial_from=inputs["tier3_min"]
    )
    return {"contracts_to_close": closed}


def adl_threshold(inputs: Inputs) -> Outputs:
    """Trigger of auto-deleveraging."""
    found = liquidation.deleveraging(
        average=inputs["fund_8h_average_usd"], now=inputs["fund_now_usd"], fraction=inputs["fraction"], floor=inputs["floor_usd"]
    )
    return {"threshold_usd": found.threshold, "adl_active": bool(found.active)}


def _regime(mode: str, given: Mapping[str, object], options: Options | None = None):  # type: ignore[no-untyped-def]
    known = parameters(dt.date.max, accept=STATUSES).with_(given, source="vector", status="recorded")
    return compose(mode, known, options or Options())


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "futures_position": futures_position,
    "isolated_margin_position": isolated_margin_position,
    "collateral_value": collateral_value,
    "option_standard_imr": option_standard_imr,
    "option_order_margin": option_order_margin,
    "discount_ladder": discount_ladder,
    "liquidation_penalty_rate": liquidation_penalty_rate,
    "position_tier_ladder": position_tier_ladder,
    "partial_liquidation": partial_liquidation,
    "adl_threshold": adl_threshold,
}
