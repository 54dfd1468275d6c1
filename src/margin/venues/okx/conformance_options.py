"""Adapters: greeks of an option in coin, its minimum charge, its stress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from margin.market import DAYS_A_YEAR
from margin.models.minimum_charges import OptionSlippageCharge, ScaledCharge
from margin.models.prepared_portfolio import SCENARIO_LOSS
from margin.models.scenarios import ListedGrid
from margin.models.shocks import UnchangedVol
from margin.models.stress_charges import StressCharge, TimeDecayCharge
from margin.pools import SegregatedPool
from margin.pricing import black76, coin_greeks
from margin.regime import Regime
from margin.venues.okx import vectors
from margin.venues.okx.portfolio import INDEX_MOVES, VOL_RULES
from margin.venues.okx.rules import Options
from margin.venues.okx.vectors import COIN, DOLLAR, Contract, Inputs, Outputs

DAY_MS = np.timedelta64(1, "D") / np.timedelta64(1, "ms")
POINT = 0.01  # a volatility point


def option_greeks(inputs: Inputs) -> Outputs:
    """Deltas and coin greeks of a position, coin price per coin of underlying."""
    moneyness = inputs.get("ln_forward_over_strike")
    forward, strike = (inputs["forward_usd"], inputs["strike_usd"]) if moneyness is None else (np.exp(moneyness), 1.0)
    days = inputs.get("days_to_expiry")
    years = ((inputs["expiry_ms"] - inputs["ts_ms"]) / DAY_MS if days is None else days) / DAYS_A_YEAR
    option = (forward, strike, years, inputs["vol"], _sign(inputs))
    greeks, size = coin_greeks(*option), inputs["contracts"] * inputs["contract_value_coin"]
    return {
        "delta_bs": size * float(black76(*option).delta),
        "delta_pa": size * float(greeks.delta),
        "gamma_pa": size * float(greeks.gamma),
        "theta_pa_per_day": size * float(greeks.theta) / DAYS_A_YEAR,
        "vega_pa_per_vol_point": size * float(greeks.vega) * POINT,
        "mark_price_coin": float(greeks.price),
    }


def pm_option_mr7(inputs: Inputs) -> Outputs:
    """Raw minimum charge of an inverse option whose delta and mark are given, and the part of it that is slippage."""

    def charge(close: float) -> float:
        given = {
            f"pm.option.{COIN}.mr7_slip_min": inputs["slip_min"],
            "pm.option.mr7_slip_per_delta": inputs["slip_per_delta"],
            "pm.option.mr7_close_fixed": close,
        }
        regime = vectors.regime(given, options=Options(option_close="fixed"))
        scaled = vectors.portfolio_model(regime).minimum
        assert isinstance(scaled, ScaledCharge)
        (option,) = (part for part in scaled.parts if isinstance(part, OptionSlippageCharge))
        delta = np.array([inputs["delta_pa_per_coin"]], dtype=np.float64)
        raw = OptionSlippageCharge("minimum", option.least, option.per_delta, option.close, lambda market: delta)
        regime = vectors.with_model(regime, minimum=raw, borrow=None)
        contract = _option(inputs, days=1.0, forward=1.0, strike=1.0, vol=0.0, mark=inputs["mark_coin"])
        return vectors.component(_assess(regime, contract, inputs, index=1.0), "minimum")  # at an index of 1 USD is coin

    return {"slippage_coin": charge(0.0), "mr7_coin": charge(inputs["close_fixed_per_coin"])}


def pm_option_stress(inputs: Inputs) -> Outputs:
    """Stress of an inverse option in coin, its volatility shocked by a fraction of itself and by points."""
    if inputs["smile"] != "sticky_strike":
        Options(smile=inputs["smile"])  # refuses it by name
    table = {"tenors": [0], "points": [inputs["vol_shock_points"]], "fraction": [inputs["vol_shock_percent"]], "floor": 0}
    regime = vectors.regime({f"pm.vol.{name}": value for name, value in table.items()})
    reach, extreme = inputs["spot_move_mr1"], inputs["spot_move_mr6"]
    forward = inputs["forward_usd"]
    decay = next(c for c in vectors.portfolio_model(regime).competing if isinstance(c, TimeDecayCharge))
    both = ListedGrid(lambda unit: (-extreme, extreme))
    competing = (decay, StressCharge("extreme_move", both, UnchangedVol(), inputs["mr6_factor"], INDEX_MOVES))
    contract = _option(inputs, days=inputs["days_to_expiry"], forward=forward, strike=inputs["strike_usd"], vol=inputs["vol"])

    def stressed(rule: str) -> Any:
        moves = tuple(reach * part / 3 for part in range(-3, 4))
        scenarios = ListedGrid(lambda unit: moves, VOL_RULES[rule])
        model = vectors.with_model(
            regime, scenarios=scenarios, competing=competing, charges=(), minimum=None, borrow=None, collateral_unit=None,
            hedging_only=False,
        ).model  # fmt: skip
        return _assess(Regime("in coin", SegregatedPool(), model), contract, inputs, index=forward)

    by_fraction, by_points = stressed("fraction"), stressed("points")
    return {
        "mr1_percent_coin": vectors.component(by_fraction, SCENARIO_LOSS),
        "mr1_points_coin": vectors.component(by_points, SCENARIO_LOSS),
        "mr2_coin": vectors.component(by_points, "time_decay"),
        "mr6_coin": vectors.component(by_points, "extreme_move"),
    }


def _option(inputs: Inputs, *, days: float, forward: float, strike: float, vol: float, mark: float | None = None) -> Contract:
    if mark is None:
        mark = float(coin_greeks(forward, strike, days / DAYS_A_YEAR, vol, _sign(inputs)).price)
    return Contract(
        name="option", mark=mark, inverse=True, kind="option", contract_size=inputs["contract_value_coin"],
        expiry=vectors.after(days), strike=strike, option_type=inputs.get("option_type", "call"), vol=vol, forward=forward,
    )  # fmt: skip


def _assess(regime: Regime, contract: Contract, inputs: Inputs, *, index: float) -> Any:
    market = vectors.market([contract], index={f"{COIN}_{DOLLAR}": index}, usd={COIN: index})
    return regime.assess(vectors.book({contract.name: inputs["contracts"]}), market)


def _sign(inputs: Inputs) -> int:
    return -1 if inputs.get("option_type") == "put" else 1


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "option_greeks": option_greeks,
    "pm_option_mr7": pm_option_mr7,
    "pm_option_stress": pm_option_stress,
}
