"""Adapters: accounts and options under the standard manager, run on the same code as a book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.models.options import GivenOptionMargins
from margin.models.standard import StandardModel
from margin.venues.derive import vectors
from margin.venues.derive.portfolio import SECONDS_A_DAY
from margin.venues.derive.srm import DEPEG, PERPETUAL_ORACLE
from margin.venues.derive.vectors import CASH, Inputs, Option, Outputs, Perpetual, Spot

if TYPE_CHECKING:
    from margin.assessment import Assessment

COIN = "COIN"  # stands for the base coin where a vector does not name it
DAYS_PER_WEEK = np.timedelta64(1, "W") / np.timedelta64(1, "D")
_WITHOUT = {"perp_conf_threshold": 0.0}  # a vector that gives no threshold has no such charge


def srm_account(inputs: Inputs) -> Outputs:
    """Net margins and value of an account over several markets."""
    perpetuals, options, spot = [], [], {}
    cash, balances = float(inputs["cash_usd"]), {}
    for market in inputs["markets"]:
        coin, perpetual = market["name"], market["perp"]
        spot[coin] = Spot(price=market["spot_price_usd"], confidence=market["spot_confidence"])
        balances[coin] = market["base_amount"]
        cash += perpetual["unsettled_pnl_and_funding_usd"]  # settles into cash
        if perpetual["position"]:
            perpetuals.append(
                Perpetual(
                    coin=coin,
                    quantity=perpetual["position"],
                    mark=perpetual["price_usd"],
                    confidence=perpetual["confidence"],
                )
            )
        expiries = {expiry["sec_to_expiry"]: expiry for expiry in market["expiries"]}
        options += [_option(coin, row, expiries[row["sec_to_expiry"]]) for row in market["options"]]
    coins = list(spot)
    regime = vectors.srm({**_depeg(inputs["depeg"]), **_parameters(inputs["markets"])}, coins)
    market_of_all = vectors.market(perpetuals, options, spot, stable=inputs["stable_price_usd"])
    assessment = regime.assess(vectors.book(perpetuals, options, {CASH: cash, **balances}), market_of_all)
    return {**vectors.net_margins(assessment), "portfolio_mtm_usd": float(assessment.columns()["equity"][0])}


def _option(coin: str, row: Inputs, expiry: Inputs) -> Option:
    return Option(
        coin=coin,
        quantity=row["amount"],
        seconds=row["sec_to_expiry"],
        strike=row["strike_usd"],
        option_type=row["type"],
        forward=expiry["forward_usd"],
        vol=row["vol"],
        confidence=expiry["vol_confidence"],
        forward_confidence=expiry["forward_confidence"],
    )


def srm_account_given_marks(inputs: Inputs) -> Outputs:
    """Figures of an account by stage; option marks, or the option margins of a market, are given."""
    perpetuals, options, spot = [], [], {}
    cash = float(inputs["cash_usd"])
    given = _depeg(_there(inputs, "depeg", {"threshold": 0.0, "factor": 0.0}))
    initial: dict[str, float] = {}
    maintenance: dict[str, float] = {}
    for market in inputs["markets"]:
        coin = market["name"]
        perpetual = _there(market, "perp", {"position": 0.0, "price_usd": 1.0})
        legs = _there(market, "options", [])
        # Where no price is given, nothing depends on it.
        price = float(_first(market, "spot_price_usd", "forward_usd") or perpetual["price_usd"] or 1.0)
        spot[coin] = Spot(price=price)
        cash += _there(perpetual, "unrealised_pnl_usd", 0.0)
        if perpetual["position"]:
            confidence = _there(perpetual, "confidence", 1.0)
            perpetuals.append(
                Perpetual(coin=coin, quantity=perpetual["position"], mark=perpetual["price_usd"], confidence=confidence)
            )
        forward = float(_there(market, "forward_usd", price))
        options += [_marked(coin, leg, forward) for leg in legs]
        for margins, key in ((initial, "option_initial_margin_usd"), (maintenance, "option_maintenance_margin_usd")):
            if _there(market, key, None) is not None:
                margins[coin] = -market[key]
        if not legs and (coin in initial or coin in maintenance or _there(market, "short_option_contracts", 0.0)):
            initial.setdefault(coin, 0.0)
            maintenance.setdefault(coin, 0.0)
            options.append(_short_contracts(coin, _there(market, "short_option_contracts", 0.0), forward))
        given |= _parameters([{"name": coin, "params": {**_WITHOUT, **_there(market, "params", {})}}])
    coins = list(spot)
    regime = vectors.srm(given, coins)
    assert isinstance(regime.model, StandardModel)
    rule = GivenOptionMargins(regime.model.options, initial, maintenance)
    regime = vectors.srm(given, coins, options=rule)
    market_of_all = vectors.market(perpetuals, options, spot, stable=_there(inputs, "stable_price_usd", 1.0))
    assessment = regime.assess(vectors.book(perpetuals, options, {CASH: cash}), market_of_all)
    return {**vectors.net_margins(assessment), **_stages(assessment, coins)}


def _stages(assessment: Assessment, coins: list[str]) -> Outputs:
    """Figures by market, signed as the venue does: what reduces the net margin is negative."""
    columns = assessment.unit_columns()
    unit = [str(name) for name in columns["unit"]]

    def total(name: str) -> float:
        return -float(columns[name].sum())

    return {
        "isolated_initial_margin_usd": total("isolated_initial"),
        "isolated_maintenance_margin_usd": total("isolated_maintenance"),
        "max_loss_margin_usd": total("max_loss_initial"),
        "option_initial_margin_usd": total("options_initial"),
        "option_maintenance_margin_usd": total("options_maintenance"),
        "perp_initial_margin_usd": total("futures_initial"),
        "perp_maintenance_margin_usd": total("futures_maintenance"),
        "perp_oracle_contingency_usd": total(PERPETUAL_ORACLE),
        "depeg_contingency_usd": {
            coin: -sum(float(charge) for name, charge in zip(unit, columns[DEPEG], strict=True) if name == coin)
            for coin in coins
        },
    }


def srm_isolated_option(inputs: Inputs) -> Outputs:
    """Margins of one option on its own."""
    option = Option(
        coin=COIN,
        quantity=inputs["amount"],
        seconds=inputs["days_to_expiry"] * SECONDS_A_DAY,
        strike=inputs["strike_usd"],
        option_type=inputs["type"],
        forward=inputs["forward_usd"],
        vol=inputs["vol"],
    )
    names = ("option_max_spot_req", "option_min_spot_req", "mm_call_spot_req", "mm_put_spot_req", "mm_put_mtm_req")
    given = {f"srm.market.{COIN}.{name}": inputs[name] for name in (*names, "mm_offset_scale")}
    market = vectors.market([], [option], {COIN: Spot(price=inputs["spot_price_usd"])})
    assessment = vectors.srm(given, [COIN]).assess(vectors.book([], [option], {}), market)
    columns = assessment.unit_columns()
    return {
        "isolated_initial_margin_usd": -float(columns["isolated_initial"].sum()),
        "isolated_maintenance_margin_usd": -float(columns["isolated_maintenance"].sum()),
    }


def _marked(coin: str, leg: Inputs, forward: float) -> Option:
    """An option with its mark; a long one that needs none is worth anything."""
    return Option(
        coin=coin,
        quantity=leg["amount"],
        seconds=leg["weeks_to_expiry"] * DAYS_PER_WEEK * SECONDS_A_DAY,
        strike=leg["strike_usd"],
        option_type=leg["type"],
        forward=forward,
        mark=_there(leg, "mark_usd", 0.0),
    )


def _short_contracts(coin: str, contracts: float, forward: float) -> Option:
    """Stands for short options of which nothing is known but their number."""
    return Option(
        coin=coin, quantity=-contracts, seconds=SECONDS_A_DAY, strike=forward, option_type="call", forward=forward, mark=0.0
    )


def _depeg(depeg: Inputs) -> dict[str, object]:
    return {"srm.depeg.threshold": depeg["threshold"], "srm.depeg.factor": depeg["factor"]}


def _parameters(markets: list[Inputs]) -> dict[str, object]:
    return {f"srm.market.{m['name']}.{name}": value for m in markets for name, value in m["params"].items()}


def _first(inputs: Inputs, *names: str) -> float | None:
    return next((inputs[name] for name in names if inputs.get(name) is not None), None)


def _there(inputs: Inputs, name: str, otherwise: Any) -> Any:
    """An optional input."""
    return otherwise if inputs.get(name) is None else inputs[name]


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "srm_account": srm_account,
    "srm_account_given_marks": srm_account_given_marks,
    "srm_isolated_option": srm_isolated_option,
}
