"""Published portfolio margins as markets and books: PM1 and PM2 accounts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.models.portfolio import PortfolioModel
from margin.models.prepared_portfolio import WORST_LOSS, PreparedPortfolio
from margin.pricing import discount_factors
from margin.venues.derive import vectors
from margin.venues.derive.portfolio import SECONDS_A_DAY
from margin.venues.derive.rules import Options, compose
from margin.venues.derive.vectors import CASH, Inputs, Option, Outputs, Perpetual, Spot, net_margins

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.regime import Regime

COIN = "ETH"  # any market that has a manager; a vector gives all its numbers


def pm2_account(inputs: Inputs) -> Outputs:
    """Net margins of a PM2 account, every component and every scenario."""
    held = {f"collateral-{i}": c for i, c in enumerate(inputs["collaterals"]) if c["amount"]}
    fields = ("mm_haircut", "im_haircut_extra", "risk_cancelling")
    haircuts = {f"collateral.{name}.{field}": c[field] for name, c in held.items() for field in fields}
    regime = regime_of("pm2_eth", haircuts | _flat(inputs["params"]))
    feeds = {e["sec_to_expiry"]: e for e in inputs["expiries"]}
    quoted = [feeds[o["sec_to_expiry"]] | o | {"vol": o["mark_vol"]} for o in inputs["options"]]
    quoted += [_unheld(e) for sec, e in feeds.items() if sec not in {o["sec_to_expiry"] for o in quoted}]
    perpetuals, options = [_perpetual(inputs["perp"])], [*map(_option, quoted)]
    market = vectors.market(
        perpetuals,
        options,
        {COIN: _spot(inputs)},
        collateral={name: Spot(price=c["price_usd"], confidence=c["confidence"]) for name, c in held.items()},
        stable=inputs["stable_price_usd"],
        discounted=True,
    )
    amounts = {name: c["amount"] for name, c in held.items()}
    assessment = regime.assess(vectors.book(perpetuals, options, {CASH: _cash(inputs)} | amounts), market)
    alone = regime.assess(vectors.book([], [], amounts), market).results  # less cash and options, whose digits would hide it
    charge, model = _charges(assessment), _prepared(assessment)
    return net_margins(assessment) | {
        "option_mtm_usd": float(assessment.results.option_value[0]),
        "collateral_mtm_usd": float(alone.equity[0]),
        "forward_contingency_usd": -charge("forward"),
        "oracle_contingency_usd": -charge("oracle"),
        "mm_perp_contingency_usd": -charge("perp"),
        "im_perp_contingency_extra_usd": -charge("perp_initial"),
        "mm_option_contingency_usd": -charge("option"),
        "im_option_contingency_extra_usd": -charge("option_initial"),
        "mm_collateral_contingency_usd": float(alone.maintenance_collateral[0] - alone.equity[0]),
        "im_collateral_contingency_extra_usd": float(alone.initial_collateral[0] - alone.maintenance_collateral[0]),
        "im_loss_factor": model.initial[WORST_LOSS],
        "mm_loss_factor": model.maintenance[WORST_LOSS],
        **_scenarios(assessment, len(inputs["params"]["scenarios"])),
    }


def pm1_account(inputs: Inputs) -> Outputs:
    """Net margins and components of a PM1 account."""
    regime = regime_of("pm1_eth", inputs["params"])
    feeds = {e["sec_to_expiry"]: e for e in inputs["expiries"]}
    sure = _vol_confidences(inputs["options"])
    options = [_option(feeds[o["sec_to_expiry"]] | o | {"vol_confidence": sure[o["sec_to_expiry"]]}) for o in inputs["options"]]
    perpetuals = [_perpetual(inputs["perp"])]
    market = vectors.market(perpetuals, options, {COIN: _spot(inputs)}, stable=inputs["stable_price_usd"])
    balances = {CASH: _cash(inputs), COIN: inputs["base_amount"]}
    return _pm1_outputs(regime.assess(vectors.book(perpetuals, options, balances), market))


def pm1_components(inputs: Inputs) -> Outputs:
    """Marks, value and contingencies of the documented PM1 example: a call and a put, one confidence for all feeds."""
    names = ("option_percent", "conf_margin", "im_factor", "peg_loss_threshold", "peg_loss_factor")
    regime = regime_of("pm1_eth", {name: inputs[name] for name in names})
    confidence = inputs["lowest_confidence"]
    options = [_option(_quoted(inputs, rate=0.0, confidence=confidence) | o) for o in inputs["options"]]
    spot = Spot(price=inputs["spot_price_usd"], confidence=confidence)
    market = vectors.market([], options, {COIN: spot}, stable=inputs["stable_price_usd"])
    marks = {f"{o.option_type}_mark_usd": mark for o, mark in zip(options, market.mark.tolist(), strict=True)}
    return marks | _pm1_outputs(regime.assess(vectors.book([], options, {CASH: inputs["cash_usd"]}), market))


def _pm1_outputs(assessment: Assessment) -> Outputs:
    charge = _charges(assessment)
    return net_margins(assessment) | {
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
    listed = _quoted(inputs, rate=inputs["rate"], confidence=1.0) | {"vol": inputs["vol"], "amount": 0.0}
    options = [_option(listed | {"type": kind, "strike_usd": inputs[f"{kind}_strike_usd"]}) for kind in ("call", "put")]
    market = vectors.market([], options, {COIN: Spot(price=inputs["forward_usd"])}, discounted=True)
    return {
        "call_mark_usd": float(market.mark[0]),
        "put_mark_usd": float(market.mark[1]),
        "negative_static_discount": float(replace(regime.model.fold.negative, capped=False).factor(market)[0]),
        "negative_static_discount_cap": float(1.0 / discount_factors(market)[0]),
    }


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
    return compose(mode, vectors.latest().with_(overrides, source="vector", status="recorded"), Options())


def _perpetual(perp: Inputs) -> Perpetual:
    return Perpetual(coin=COIN, quantity=perp["position"], mark=perp["price_usd"], confidence=perp["confidence"])


def _option(option: Inputs) -> Option:
    """An option with the feeds of its expiry."""
    return Option(
        coin=COIN,
        quantity=option["amount"],
        seconds=option["sec_to_expiry"],
        strike=option["strike_usd"],
        option_type=option["type"],
        forward=option["forward_fixed_usd"] + option["forward_variable_usd"],
        fixed_forward=option["forward_fixed_usd"],
        rate=option["rate"],
        vol=option["vol"],
        confidence=option["vol_confidence"],
        forward_confidence=option["forward_confidence"],
        rate_confidence=option["rate_confidence"],
    )


def _spot(account: Inputs) -> Spot:
    return Spot(price=account["spot_price_usd"], confidence=account["spot_confidence"])


def _cash(account: Inputs) -> float:
    """The cash balance; what a perpetual has earned and not yet paid settles into it."""
    perp = account["perp"]
    return float(account["cash_usd"] + perp["unrealised_pnl_usd"] + perp["unrealised_funding_usd"])


def _prepared(assessment: Assessment) -> PreparedPortfolio:
    assert isinstance(assessment.prepared, PreparedPortfolio)
    return assessment.prepared


def _charges(assessment: Assessment) -> Callable[[str], float]:
    """A charge of the account by name, before factors; its one unit may be missing where nothing is held."""
    columns = assessment.unit_columns()
    return lambda name: float(columns[name].sum())


def _scenarios(assessment: Assessment, n_scenarios: int) -> Outputs:
    """P&L of every scenario and the factors of every expiry."""
    (pool,) = assessment.explain(vectors.ACCOUNT).pools
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
