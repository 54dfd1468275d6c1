"""Adapters: a risk unit, how its components combine, an account, the scaling of the minimum charge, the stablecoin charge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from margin.models.charges import GivenCharge
from margin.models.collateral_lines import BorrowCharge
from margin.models.minimum_charges import ScaledCharge
from margin.models.prepared_portfolio import SCENARIO_LOSS
from margin.models.scenarios import ListedGrid
from margin.models.shocks import DOWN, SAME, UP
from margin.models.stress_charges import StressCharge
from margin.pools import Collateral
from margin.rates import RateTable
from margin.regime import Regime
from margin.venues.okx import summary, vectors
from margin.venues.okx.vectors import ACCOUNT, COIN, DOLLAR, Contract, Inputs, Outputs

if TYPE_CHECKING:
    from margin.assessment import Assessment

Array = NDArray[np.float64]

UNMOVED = ListedGrid(lambda unit: (0.0,))


def pm_risk_unit(inputs: Inputs) -> Outputs:
    """A unit of one linear perpetual: scenario grid, components, margins, delta, P&L."""
    base, name, usd = inputs["base"], inputs["inst_id"], inputs["usdt_usd"]
    quote = "USDT"
    market = vectors.market(
        [Contract(name=name, base=base, quote=quote, mark=inputs["mark_px_usdt"], contract_size=inputs["contract_value_base"])],
        index={f"{base}_{quote}": inputs["index_px_usdt"]},
        usd={quote: usd, base: inputs["index_px_usdt"] * usd},
    )
    # What a vector does not give is not part of it: the minimum charge is a rate without tiers.
    given: dict[str, object] = {f"pm.coin.{base}.mr7_bounds": [0], f"pm.coin.{base}.mr7_multipliers": [1]}
    for key, parameter in (("mr4_rate_perpetual", "mr4_perpetual"), ("mr7_rate", "mr7_rate")):
        if inputs.get(key) is not None:
            given[f"pm.coin.{base}.{parameter}"] = inputs[key]
    if inputs.get("mr6_move") is not None:
        given[f"pm.coin.{base}.mr6_move"] = [inputs["mr6_move"]]
    regime = vectors.regime(given)
    moves = tuple(map(float, inputs["mr1_spot_shocks"]))
    regime = vectors.with_model(regime, scenarios=ListedGrid(lambda unit: moves, (UP, SAME, DOWN)), borrow=None)
    quantity, entry = inputs["contracts"], inputs.get("avg_px_usdt")
    book = vectors.book({name: quantity}, entry=None if entry is None else {name: entry})
    assessment = regime.assess(book, market)
    extreme = next(c for c in vectors.portfolio_model(regime).competing if isinstance(c, StressCharge))
    at_extreme = vectors.with_model(regime, scenarios=extreme.scenarios).assess(book, market)
    pnl = _vectors(assessment)[1].reshape(len(moves), -1)
    worst = np.unravel_index(int(np.argmin(pnl)), pnl.shape)
    extreme_moves, extreme_pnl = _vectors(at_extreme)
    unrealised = float(assessment.results.unrealised[0])
    return {
        "pnl_usd_by_spot_shock": _by_move(inputs["mr1_spot_shocks"], pnl[:, 1].tolist()),
        "worst_spot_shock": moves[worst[0]],
        "worst_vol_shock": (UP, SAME, DOWN)[int(worst[1])],
        "pnl_identical_for_all_vol_shifts": bool((pnl == pnl[:, :1]).all()),
        "mr1_usd": vectors.component(assessment, SCENARIO_LOSS),
        "mr2_usd": vectors.component(assessment, "time_decay"),
        "mr3_usd": vectors.component(assessment, "term_structure"),
        "mr4_usd": vectors.component(assessment, "basis"),
        "mr5_usd": vectors.component(assessment, "yield_curve"),
        "mr6_usd": vectors.component(assessment, "extreme_move"),
        "mr6_full_pnl_usd": float(extreme_pnl.min()),
        "mr6_spot_shock": float(extreme_moves[np.argmin(extreme_pnl)]),
        "mr7_usd": vectors.component(assessment, "minimum"),
        "mr9_usd": vectors.component(assessment, "depeg"),
        "mmr_usd": float(assessment.maintenance_margin[0]),
        "imr_usd": float(assessment.initial_margin[0]),
        "delta_usd": quantity * float(summary.delta_usd(market)[0]),
        "upl_usd": unrealised,
        "float_pnl_usdt": unrealised / usd,
    }


def _vectors(assessment: Assessment) -> tuple[Array, Array]:
    """Moves of the one unit's scenarios and its P&L in them."""
    (pool,) = assessment.explain(ACCOUNT).pools
    (unit,) = pool.vectors
    return unit.moves, unit.total


def _by_move(moves: Sequence[float], values: Sequence[float]) -> dict[str, float]:
    """Values by price move, spelled as given and as a short decimal."""
    out: dict[str, float] = {}
    for move, value in zip(moves, values, strict=True):
        for key in (str(move), f"{move:.12g}"):
            out.setdefault(key, value)
    return out


def pm_margin_combination(inputs: Inputs) -> Outputs:
    """Margins of a unit whose components are given; of a maintenance margin alone, what it makes of the initial margin."""
    given = inputs.get("components") or {"mr3": inputs.get("mmr")}
    mr = {name: float(given.get(name) or 0.0) for name in ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7")}
    borrowed = float(inputs.get("borrow_imr") or 0.0)
    regime = _of_figures(
        competing=tuple(GivenCharge(name, mr[name]) for name in ("mr1", "mr2", "mr6")),
        charges=tuple(GivenCharge(name, mr[name]) for name in ("mr3", "mr4", "mr5")),
        minimum=GivenCharge("minimum", mr["mr7"]),
        borrow=BorrowCharge("borrow", lambda currency: RateTable.flat(borrowed), lambda currency: RateTable.flat(0.0)),
    )
    assessment = _of_one_contract(regime, balances=[(DOLLAR, -1.0)])  # one dollar of debt bears the margin of debts
    return {"mmr": float(assessment.maintenance_margin[0]), "imr": float(assessment.initial_margin[0])}


def pm_mr7_scaling(inputs: Inputs) -> Outputs:
    """The minimum charge before and after its multipliers, against the other components."""
    raw = GivenCharge("raw", inputs["mr7_raw_usd"])
    tiers = RateTable.incremental(*_tiers(inputs["tiers"], "multiplier"))
    other = (GivenCharge("other", inputs["mr_other_usd"]),)
    scaled = _of_one_contract(_of_figures(charges=other, minimum=ScaledCharge("minimum", (raw,), lambda unit: tiers)))
    plain = _of_one_contract(_of_figures(charges=other, minimum=raw))
    return {
        "mr7_adjusted_usd": vectors.component(scaled, "minimum"),
        "mmr_usd": float(scaled.maintenance_margin[0]),
        "mmr_before_scaling_usd": float(plain.maintenance_margin[0]),
    }


def _of_figures(**parts: object) -> Regime:
    """Portfolio margin whose components are those given, and no others."""
    return vectors.with_model(
        vectors.regime(), **{"scenarios": UNMOVED, "competing": (), "charges": (), "minimum": None} | parts
    )


def _of_one_contract(regime: Regime, balances: Sequence[tuple[str, float]] = ()) -> Assessment:
    """An account with one contract, so that it has a unit."""
    market = vectors.market([Contract(name="contract", mark=1.0)], index={f"{COIN}_{DOLLAR}": 1.0}, usd={DOLLAR: 1.0, COIN: 1.0})
    return regime.assess(vectors.book({"contract": 1.0}, balances=balances), market)


def pm_mr9_charge(inputs: Inputs) -> Outputs:
    """Stablecoin charge of contracts in USDT that hedge contracts in dollars."""
    bounds, factors = _tiers(inputs["tiers"], "factor")
    regime = vectors.regime({"pm.mr9.bounds": bounds, "pm.mr9.prices": [1], "pm.mr9.factors": [factors]})
    contracts = [Contract(name=money, quote=money, mark=1.0) for money in ("USDT", DOLLAR)]
    market = vectors.market(
        contracts,
        index={f"{COIN}_{c.quote}": 1.0 for c in contracts},
        usd={"USDT": 1.0, DOLLAR: 1.0, COIN: 1.0},
    )
    volume = inputs["hedging_volume_usd"]
    assessment = regime.assess(vectors.book({"USDT": volume, DOLLAR: -volume}), market)
    return {"mr9_usd": vectors.component(assessment, "depeg")}


def _tiers(tiers: Sequence[Inputs], name: str) -> tuple[list[float], list[float]]:
    """Lower bounds and rates of tiers that are given with upper bounds; the last goes on."""
    ordered = sorted(tiers, key=lambda t: np.inf if t["up_to_usd"] is None else t["up_to_usd"])
    return [0.0, *(float(t["up_to_usd"]) for t in ordered[:-1])], [float(t[name]) for t in ordered]


def pm_account(inputs: Inputs) -> Outputs:
    """Margins of debts, adjusted equity, liquidation fee, margin ratio and leverage of given equities and notionals."""
    lines = inputs["balances"]
    given: dict[str, object] = {}
    for line in lines:
        section = f"borrow.{line['ccy']}"
        given |= {f"{section}.{rate}": [line[f"borrow_{rate}_rate"]] for rate in ("mmr", "imr")} | {f"{section}.bounds": [0]}
    # Equities count at their price: a vector gives no discount rates.
    regime = replace(vectors.regime(given), collateral=Collateral())
    market = vectors.market((), index={}, usd={line["ccy"]: line["price_usd"] for line in lines})
    assessment = regime.assess(vectors.book(balances=[(line["ccy"], line["equity"]) for line in lines]), market)
    fee = inputs["spot_taker_fee"]
    figures = summary.account_figures(assessment, taker_fee=fee)
    equity, of_fee = figures.adjusted_equity, figures.liquidation_fee
    return {
        "borrow_mmr_usd": float(figures.borrow_mmr[0]),
        "borrow_imr_usd": float(figures.borrow_imr[0]),
        "adjusted_equity_usd": float(equity[0]),
        "liquidation_fee_usd": float(of_fee[0]),
        "margin_ratio": float(summary.margin_ratio(equity, inputs["total_mmr_usd"], fee=of_fee)[0]),
        "account_leverage": float(summary.leverage(np.abs(inputs["notional_usd"]).sum(), equity)[0]),
    }


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "pm_risk_unit": pm_risk_unit,
    "pm_margin_combination": pm_margin_combination,
    "pm_account": pm_account,
    "pm_mr7_scaling": pm_mr7_scaling,
    "pm_mr9_charge": pm_mr9_charge,
}
