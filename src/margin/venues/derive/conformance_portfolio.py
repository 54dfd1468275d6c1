"""Published portfolio margins as markets and books: PM1 and PM2 accounts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.book import Book
from margin.market import Market
from margin.models.portfolio import PortfolioModel
from margin.models.prepared_portfolio import WORST_LOSS, PreparedPortfolio
from margin.pricing import discount_factors, model_marks
from margin.venues.derive.portfolio import SECONDS_A_DAY
from margin.venues.derive.rules import Options, compose, parameters

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.regime import Regime

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]

ACCOUNT = "account"
COIN, CASH = "ETH", "USDC"  # any market that has a manager; a vector gives all its numbers
PERPETUAL = f"{COIN}-PERP"
NOW = np.datetime64("2000-01-01T00:00:00", "ms")  # any instant: vectors give times as distances
LEAST = 1e-150  # what a price of zero counts as: the prices of a market are above zero
_MS = 1000


def pm2_account(inputs: Inputs) -> Outputs:
    """Net margins of a PM2 account, every component and every scenario."""
    held = {f"collateral-{i}": c for i, c in enumerate(inputs["collaterals"]) if c["amount"]}
    fields = ("mm_haircut", "im_haircut_extra", "risk_cancelling")
    haircuts = {f"collateral.{name}.{field}": c[field] for name, c in held.items() for field in fields}
    regime = regime_of("pm2_eth", haircuts | _flat(inputs["params"]))
    feeds = {e["sec_to_expiry"]: e for e in inputs["expiries"]}
    options = [feeds[o["sec_to_expiry"]] | o | {"vol": o["mark_vol"]} for o in inputs["options"]]
    options += [_unheld(e) for sec, e in feeds.items() if sec not in {o["sec_to_expiry"] for o in options}]
    prices = {name: (c["price_usd"], c["confidence"]) for name, c in held.items()}
    market = market_of(inputs, options, prices, discounted=True)
    balances = {CASH: _cash(inputs)} | {name: c["amount"] for name, c in held.items()}
    assessment = regime.assess(book_of(inputs, options, balances), market)
    charge, model, r = _charges(assessment), _prepared(assessment), assessment.results
    worth = dict(zip(assessment.market.currencies, assessment.market.usd.tolist(), strict=True))
    return _net(assessment) | {
        "option_mtm_usd": float(r.option_value[0]),
        "collateral_mtm_usd": sum(c["amount"] * worth[name] for name, c in held.items()),
        "forward_contingency_usd": -charge("forward"),
        "oracle_contingency_usd": -charge("oracle"),
        "mm_perp_contingency_usd": -charge("perp"),
        "im_perp_contingency_extra_usd": -charge("perp_initial"),
        "mm_option_contingency_usd": -charge("option"),
        "im_option_contingency_extra_usd": -charge("option_initial"),
        "mm_collateral_contingency_usd": float(r.maintenance_collateral[0] - r.equity[0]),
        "im_collateral_contingency_extra_usd": float(r.initial_collateral[0] - r.maintenance_collateral[0]),
        "im_loss_factor": model.initial[WORST_LOSS],
        "mm_loss_factor": model.maintenance[WORST_LOSS],
        **_scenarios(assessment, len(inputs["params"]["scenarios"])),
    }


def pm1_account(inputs: Inputs) -> Outputs:
    """Net margins and components of a PM1 account."""
    regime = regime_of("pm1_eth", inputs["params"])
    feeds = {e["sec_to_expiry"]: e for e in inputs["expiries"]}
    sure = _vol_confidences(inputs["options"])
    options = [feeds[o["sec_to_expiry"]] | o | {"vol_confidence": sure[o["sec_to_expiry"]]} for o in inputs["options"]]
    market = market_of(inputs, options, {COIN: (inputs["spot_price_usd"], inputs["spot_confidence"])}, discounted=False)
    balances = {CASH: _cash(inputs), COIN: inputs["base_amount"]}
    return _pm1_outputs(regime.assess(book_of(inputs, options, balances), market))


def pm1_components(inputs: Inputs) -> Outputs:
    """Marks, value and contingencies of the documented PM1 example: a call and a put, one confidence for all feeds."""
    names = ("option_percent", "conf_margin", "im_factor", "peg_loss_threshold", "peg_loss_factor")
    regime = regime_of("pm1_eth", {name: inputs[name] for name in names})
    options = [_quoted(inputs, rate=0.0, confidence=inputs["lowest_confidence"]) | o for o in inputs["options"]]
    account = {**inputs} | {"spot_confidence": inputs["lowest_confidence"], "perp": NO_PERP}
    market = market_of(account, options, {}, discounted=False)
    marks = {f"{o['type']}_mark_usd": mark for o, mark in zip(options, market.mark[1:].tolist(), strict=True)}
    return marks | _pm1_outputs(regime.assess(book_of(account, options, {CASH: inputs["cash_usd"]}), market))


def _pm1_outputs(assessment: Assessment) -> Outputs:
    charge = _charges(assessment)
    return _net(assessment) | {
        "portfolio_mtm_usd": float(assessment.results.equity[0]),
        "forward_contingency_usd": -charge("forward"),
        "perp_contingency_usd": -charge("perp"),
        "base_contingency_usd": -charge("base"),
        "option_contingency_usd": -charge("option"),
        "oracle_contingency_usd": -charge("oracle"),
        "im_loss_factor": _prepared(assessment).initial[WORST_LOSS],
    }


def pm2_option_marks(inputs: Inputs) -> Outputs:
    """Discounted marks of a call and a put, the markup of negative values and its cap."""
    names = ("short_rate_mult", "short_rate_add", "short_base_static_discount")
    regime = regime_of("pm2_eth", {name: inputs[name] for name in names})
    assert isinstance(regime.model, PortfolioModel)
    assert regime.model.fold is not None
    assert regime.model.fold.negative is not None
    listed = _quoted(inputs, rate=inputs["rate"], confidence=1.0) | {"vol": inputs["vol"]}
    options = [listed | {"type": kind, "strike_usd": inputs[f"{kind}_strike_usd"]} for kind in ("call", "put")]
    account = {"spot_price_usd": inputs["forward_usd"], "spot_confidence": 1.0, "stable_price_usd": 1.0, "perp": NO_PERP}
    market = market_of(account, options, {}, discounted=True)
    return {
        "call_mark_usd": float(market.mark[1]),
        "put_mark_usd": float(market.mark[2]),
        "negative_static_discount": float(replace(regime.model.fold.negative, capped=False).factor(market)[1]),
        "negative_static_discount_cap": float(1.0 / discount_factors(market)[1]),
    }


NO_PERP = {"position": 0.0, "price_usd": 0.0, "confidence": 1.0, "unrealised_pnl_usd": 0.0, "unrealised_funding_usd": 0.0}


def _quoted(inputs: Inputs, *, rate: float, confidence: float) -> dict[str, Any]:
    """An expiry of a documented example, all its feeds equally sure."""
    feeds = dict.fromkeys(("forward_confidence", "rate_confidence", "vol_confidence"), confidence)
    forward = {"forward_fixed_usd": 0.0, "forward_variable_usd": inputs["forward_usd"]}
    return {"sec_to_expiry": inputs["days_to_expiry"] * SECONDS_A_DAY, "rate": rate, **forward, **feeds}


def _unheld(expiry: Inputs) -> dict[str, Any]:
    """An option of an expiry in which nothing is held, so that the expiry is there to be reported."""
    return {**expiry, "type": "call", "strike_usd": expiry["forward_fixed_usd"], "amount": 0.0, "vol": 0.0}


def _vol_confidences(options: Sequence[Inputs]) -> dict[float, float]:
    """Confidence in the volatilities of each expiry: the least of the options held."""
    least = {o["sec_to_expiry"]: 1.0 for o in options}
    for o in options:
        if o["amount"]:
            least[o["sec_to_expiry"]] = min(least[o["sec_to_expiry"]], o["vol_confidence"])
    return least


def _flat(params: Inputs) -> dict[str, Any]:
    """Parameters of a PM2 vector under the names of the parameter files."""
    prefix = {"basis": "basis_", "vol_shock": "vol_"}
    kept = {"short_term_power", "long_term_power", "dte_floor_days", "min_vol_up_shock"}
    return {"scenarios": params["scenarios"]} | {
        (name if name in kept else prefix.get(group, "") + name): value
        for group, values in params.items()
        if group != "scenarios"
        for name, value in values.items()
    }


def regime_of(mode: str, given: Inputs) -> Regime:
    """A manager with some of its parameters as a vector gives them."""
    section = f"{mode.removesuffix('_eth')}.{COIN}"
    overrides = {f"{section}.{name}": value for name, value in given.items()}
    known = parameters(dt.date.max).with_(overrides, source="vector", status="recorded")
    return compose(mode, known, Options())


def market_of(
    account: Inputs, options: Sequence[Inputs], collateral: Mapping[str, tuple[float, float]], *, discounted: bool
) -> Market:
    """The perpetual and the options of one market, in this order, marked by the model; collateral by price and confidence."""
    n, perp = len(options), account["perp"]
    names = [PERPETUAL, *map(_name, range(n))]
    nothing, forward = [None], [max(o["forward_fixed_usd"] + o["forward_variable_usd"], LEAST) for o in options]
    market = Market.of(
        time=NOW,
        instruments={
            "instrument": names,
            "kind": ["perpetual", *["option"] * n],
            "contract": ["linear"] * (n + 1),
            "base": [COIN] * (n + 1),
            "quote": [CASH] * (n + 1),
            "settlement": [CASH] * (n + 1),
            "contract_size": [1.0] * (n + 1),
            "expiry": np.array(["NaT", *(_after(o["sec_to_expiry"]) for o in options)], dtype="M8[ms]"),
            "strike": nothing + [max(o["strike_usd"], LEAST) for o in options],
            "option_type": nothing + [o["type"] for o in options],
        },
        quotes={
            "instrument": names,
            "mark": [max(perp["price_usd"], LEAST), *[0.0] * n],
            "vol": nothing + [o["vol"] for o in options],
            "forward": nothing + forward,
            "fixed_forward": nothing + [o["forward_fixed_usd"] for o in options],
            "rate": nothing + [o["rate"] for o in options],
            "confidence": [perp["confidence"], *(o["vol_confidence"] for o in options)],
            "forward_confidence": nothing + [o["forward_confidence"] for o in options],
            "rate_confidence": nothing + [o["rate_confidence"] for o in options],
        },
        indices={
            "index": [f"{COIN}_{CASH}"],
            "price": [max(account["spot_price_usd"], LEAST)],
            "confidence": [account["spot_confidence"]],
        },
        currencies={
            "currency": [CASH, *collateral],
            "usd": [account["stable_price_usd"], *(max(price, LEAST) for price, _ in collateral.values())],
            "confidence": [1.0, *(confidence for _, confidence in collateral.values())],
        },
    )
    return market.with_(mark=model_marks(market, discounted=discounted))


def _after(seconds: float) -> np.datetime64:
    """The time that is so many seconds ahead; what has expired expires now."""
    return NOW + np.timedelta64(round(max(seconds, 0.0) * _MS), "ms")


def _name(option: int) -> str:
    return f"{COIN}-option-{option}"


def book_of(account: Inputs, options: Sequence[Inputs], balances: Mapping[str, float]) -> Book:
    """A book of one account; what is not held at all is left out."""
    position = account["perp"]["position"]
    held = [(_name(i), float(o["amount"])) for i, o in enumerate(options)] + ([(PERPETUAL, position)] if position else [])
    amounts = {currency: amount for currency, amount in balances.items() if amount or currency == CASH}
    return Book.of(
        accounts={"account": [ACCOUNT]},
        positions={
            "account": [ACCOUNT] * len(held),
            "instrument": [name for name, _ in held],
            "quantity": np.array([quantity for _, quantity in held], dtype=np.float64),
        },
        balances={
            "account": [ACCOUNT] * len(amounts),
            "currency": list(amounts),
            "amount": np.array(list(amounts.values()), dtype=np.float64),
        },
    )


def _cash(account: Inputs) -> float:
    """The cash balance; what a perpetual has earned and not yet paid settles into it."""
    perp = account["perp"]
    return float(account["cash_usd"] + perp["unrealised_pnl_usd"] + perp["unrealised_funding_usd"])


def _prepared(assessment: Assessment) -> PreparedPortfolio:
    assert isinstance(assessment.prepared, PreparedPortfolio)
    return assessment.prepared


def _net(assessment: Assessment) -> Outputs:
    """Collateral less requirement."""
    return {
        "net_initial_margin_usd": float(assessment.available[0]),
        "net_maintenance_margin_usd": float(assessment.excess[0]),
    }


def _charges(assessment: Assessment) -> Callable[[str], float]:
    """A charge of the account by name, before factors; its one unit may be missing where nothing is held."""
    columns = assessment.unit_columns()
    return lambda name: float(columns[name].sum())


def _scenarios(assessment: Assessment, n_scenarios: int) -> Outputs:
    """P&L of every scenario and the factors of every expiry."""
    (pool,) = assessment.explain(ACCOUNT).pools
    if not pool.vectors:
        return {"scenario_pnl_usd": [0.0] * n_scenarios, "static_discounts_by_expiry": []}
    (unit,) = pool.vectors
    dated = sorted((leaf for leaf in unit.leaves if not np.isnat(leaf.expiry)), key=lambda leaf: leaf.expiry)
    return {
        "scenario_pnl_usd": unit.total.tolist(),
        "static_discounts_by_expiry": [{"positive": leaf.gain, "negative": leaf.loss} for leaf in dated],
    }


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "pm2_account": pm2_account,
    "pm1_account": pm1_account,
    "pm1_components": pm1_components,
    "pm2_option_marks": pm2_option_marks,
}
