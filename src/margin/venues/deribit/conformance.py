"""Adapters: published vectors of Deribit run on the same code as a book.

Each adapter turns the inputs of one kind of vector into a market, a book and parameters, lets the engine compute, and
names the results as the vector does. What a vector says about parameters overrides the shipped ones; what it gives as a
finished figure (a charge, a margin of orders) stands in for the part that would compute it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import coin_per_contract, unrealised_pnl
from margin.models.charges import Charge, ExpiryDeltaCharge, GivenCharge, settlement_decay
from margin.models.order_charges import OPEN_ORDERS, PROTECTED_ORDERS, GivenOrderCharges
from margin.models.orders import WorseSideOrders
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ScenarioSet
from margin.models.shape import worst_loss
from margin.models.shocks import UP, Quoted, RelativeVolShock
from margin.models.standard import StandardModel
from margin.pools import Collateral
from margin.pricing import option_payoff
from margin.venues.deribit import summary, vectors
from margin.venues.deribit.vectors import ACCOUNT, COIN, Contract, Inputs

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.regime import Regime

Array = NDArray[np.float64]
Outputs = dict[str, Any]


def _risk(assessment: Assessment) -> float:
    """Worst losses and charges of all units."""
    assert isinstance(assessment.regime.model, PortfolioModel)
    columns = assessment.unit_columns()
    return float(sum(columns[name].sum() for name in ("worst_loss", *(c.name for c in assessment.regime.model.charges))))


def futures_standard_margin(inputs: Inputs) -> Outputs:
    """One future or perpetual under standard margin."""
    inverse = inputs["contract"] == "inverse"
    base, quote = inputs["base"], "USD" if inverse else inputs["settle_currency"]
    mark, index = vectors.given(inputs, "mark_price", "index_price"), vectors.given(inputs, "index_price", "mark_price")
    assert mark is not None
    assert index is not None
    pair = f"{base}_{quote}"
    market = vectors.market(
        [Contract(name=inputs["instrument"], base=base, quote=quote, inverse=inverse, mark=mark)], index={pair: index}
    )
    quantity = vectors.quantity(inputs, inverse=inverse, price=mark)
    rates = {"base_im": "base_im_rate", "base_mm": "base_mm_rate", "slope": "slope_per_coin"}
    regime = vectors.regime("segregated_standard", {f"pair.{pair}.{name}": inputs[key] for name, key in rates.items()})
    assessment = regime.assess(vectors.book([(inputs["instrument"], quantity)]), market)
    return {
        "size_coin_abs": abs(quantity * float(coin_per_contract(market)[0])),
        "initial_margin": float(assessment.initial_margin[0]),
        "maintenance_margin": float(assessment.maintenance_margin[0]),
    }


def option_standard_margin(inputs: Inputs) -> Outputs:
    """Option legs under standard margin, each an instrument of its own."""
    inverse = inputs["contract"] == "inverse"
    quote = "USD" if inverse else inputs["settle_currency"]
    # Where moneyness is all that is given, prices are in units of the index.
    index = vectors.given(inputs, "index_price") or 1.0
    contracts, positions = [], []
    for number, leg in enumerate(inputs["legs"]):
        away = (1 if leg["option_type"] == "call" else -1) * (vectors.given(leg, "otm_fraction") or 0.0)
        strike = vectors.given(leg, "strike")
        contracts.append(
            Contract(
                name=f"leg {number}",
                base=COIN,
                quote=quote,
                inverse=inverse,
                mark=leg["mark_price"],
                contract_size=leg["multiplier"],
                kind="option",
                expiry=vectors.after(1),
                strike=index * (1 + away) if strike is None else strike,
                option_type=leg["option_type"],
            )
        )
        positions.append((f"leg {number}", leg["size"] if leg["side"] == "long" else -leg["size"]))
    market = vectors.market(contracts, index={f"{COIN}_{quote}": index})
    assessment = vectors.regime("segregated_standard").assess(vectors.book(positions), market)
    return {
        "initial_margin": float(assessment.initial_margin.sum()),
        "maintenance_margin": float(assessment.maintenance_margin.sum()),
    }


def futures_pnl(inputs: Inputs) -> Outputs:
    """P&L of a futures position from one price to another."""
    inverse = inputs["contract"] == "inverse"
    quote = "USD" if inverse else inputs["settle_currency"]
    mark = inputs["mark_price"]
    contract = Contract(name="future", base=COIN, quote=quote, inverse=inverse, mark=mark)
    market = vectors.market([contract], index={f"{COIN}_{quote}": mark})
    quantity = np.array([vectors.quantity(inputs, inverse=inverse, price=mark)])
    entry = np.array([inputs["entry_price"]], dtype=np.float64)
    pnl = unrealised_pnl(market, np.zeros(1, dtype=np.int32), quantity, entry)
    return {"pnl": (vectors.given(inputs, "pnl_carried") or 0.0) + float(pnl[0])}


def option_payoff_at_expiry(inputs: Inputs) -> Outputs:
    """Payoff and net profit of a long option."""
    units = inputs["contracts"] * inputs["multiplier"]
    sign = 1 if inputs["option_type"] == "call" else -1
    per_unit = option_payoff(inputs["delivery_price"], inputs["strike"], sign, inverse=inputs["contract"] == "inverse")
    payoff, premium = units * float(per_unit), units * inputs["premium_per_unit"]
    return {"payoff": payoff, "premium_paid": premium, "net_profit": payoff - premium}


def option_fee(inputs: Inputs) -> Outputs:
    """Trading fee of an inverse option."""
    rates = {"fees.option_inverse": inputs["fee_rate_of_underlying"], "fees.option_cap": inputs["cap_fraction"]}
    model = vectors.regime("segregated_standard", rates).model
    assert isinstance(model, StandardModel)
    assert isinstance(model.orders, WorseSideOrders)
    per_unit = model.orders.inverse_fee().per_coin(np.array([inputs["option_price_coin"]], dtype=np.float64), np.ones(1))
    return {"fee_coin": abs(inputs["size"]) * float(per_unit[0])}


def settlement_delta_decay(inputs: Inputs) -> Outputs:
    """Delta of an option inside the settlement window."""
    window = inputs["window_minutes"]
    left = float(settlement_decay(np.array(window - inputs["minutes_into_window"]), window))
    delta = inputs["option_delta"]
    adjusted = summary.price_adjusted_delta(delta, inputs["option_mark_price_coin"])
    return {"decayed_delta": left * delta, "net_transaction_delta": left * adjusted}


def account_summary(inputs: Inputs) -> Outputs:
    """Figures of an account summary that follow from those given."""
    figures = {name: value for name, value in inputs.items() if isinstance(value, int | float)}
    return dict(summary.complete(figures, margin_model=inputs["margin_model"]))


def volatility_shock(inputs: Inputs) -> Outputs:
    """Volatility of an option after an up-move, and the range scaled to its time to expiry."""
    model = vectors.regime("segregated_portfolio").model
    assert isinstance(model, PortfolioModel)
    assert isinstance(model.vol_shock, RelativeVolShock)
    power = ByName("vega_power", inputs["vega_power"])
    shock = replace(
        model.vol_shock,
        range_up=ByName("range", inputs["volatility_range_up"]),
        range_down=ByName("range", 0.0),
        minimum_up=ByName("minimum", 0.0),
        short_power=power,
        long_power=power,
    )
    days = inputs["days_to_expiry"]
    out = {"scaled_range_percent": 100 * (_shocked_up(shock, 1.0, days) - 1)}
    if vectors.given(inputs, "mark_iv_percent") is not None:
        least = ByName("minimum", (vectors.given(inputs, "min_volatility_for_shock_up_percent") or 0.0) / 100)
        vol = _shocked_up(replace(shock, minimum_up=least), inputs["mark_iv_percent"] / 100, days)
        out["shocked_iv_up_percent"] = 100 * vol
    return out


def _shocked_up(shock: RelativeVolShock, vol: float, days: float) -> float:
    only = np.zeros(1, dtype=np.int32)
    option = Quoted(np.array([vol]), np.array([days], dtype=np.float64), np.zeros(1), only, ("",))
    return float(shock.shocked(option)[0, shock.columns.index(UP)])


def segregated_pm_account(inputs: Inputs) -> Outputs:
    """Portfolio margin of inverse futures of one coin, stage by stage."""
    coin, given = inputs["settle_currency"], inputs["params"]
    pair, section = f"pair.{coin}_USD", f"currency.{coin}"
    regime = vectors.regime(
        "segregated_portfolio",
        {
            f"{pair}.price_range": given["price_range"],
            f"{pair}.extended_table_factor": given["extended_table_factor"],
            f"{section}.extended_dampener": given["extended_dampener_usd"],
            f"{section}.annualised_move_risk": given["annualised_move_risk"],
            f"{section}.min_annualised_move": given["min_annualised_move"],
            f"{section}.pnl_offset": given["pnl_offset"],
            f"{section}.max_offsetable_pnl": given["max_offsetable_pnl_usd"],
            f"{section}.correlation_set": False,  # its contingency is given below
            "general.buckets_count": given["buckets_each_side"],
            "general.extended_moves": given["extended_moves"],
            "general.mm_factor": given["mm_factor"],
        },
    )
    orders = inputs["orders"]
    regime = _with_given_charges(
        regime,
        {"delta_shock": given["delta_shock_coin"], "correlation_contingency": given["correlation_contingency_coin"]},
        {
            OPEN_ORDERS: orders["open_orders_margin_coin"],
            PROTECTED_ORDERS: orders["mmp_margin_coin"],
            "spot_orders": orders["spot_margin_coin"],
        },
    )
    contracts = {p["instrument"]: _one_coin_future(p, coin) for p in inputs["positions"]}
    market = vectors.market(
        contracts.values(),
        index={f"{coin}_USD": inputs["index_price_usd"]},
        usd={coin: inputs["index_price_usd"]},
    )
    positions = [(p["instrument"], p["position_coin"]) for p in inputs["positions"]]
    assessment = regime.assess(vectors.book(positions, balances={coin: 0.0}), market)
    out = {
        "roll_shock_coin": float(assessment.columns()["roll_shock"].sum()),
        "risk_matrix_margin_coin": _risk(assessment),
        "initial_margin_coin": float(assessment.initial_margin[0]),
        "maintenance_margin_coin": float(assessment.maintenance_margin[0]),
    }
    return out | _stages(assessment, n_buckets=2 * given["buckets_each_side"] + 1)


def _with_given_charges(regime: Regime, charges: Mapping[str, float], orders: Mapping[str, float]) -> Regime:
    """A portfolio regime that keeps its roll shock and takes the other charges as they are given."""
    assert isinstance(regime.model, PortfolioModel)
    roll = tuple(charge for charge in regime.model.charges if isinstance(charge, ExpiryDeltaCharge))
    finished = tuple(GivenCharge(name, amount) for name, amount in charges.items())
    return replace(regime, model=replace(regime.model, charges=roll + finished, orders=GivenOrderCharges(orders)))


def _one_coin_future(position: Inputs, coin: str) -> Contract:
    """An inverse future whose contract is one coin at the mark, so that a size in coin is a number of contracts."""
    mark, days = position["mark_price_usd"], position["days_to_expiry"]
    expiry = vectors.after(days) if days > 0 else None
    kind = "perpetual" if expiry is None else "future"
    name = position["instrument"]
    return Contract(name=name, base=coin, quote="USD", inverse=True, mark=mark, contract_size=mark, kind=kind, expiry=expiry)


def _stages(assessment: Assessment, *, n_buckets: int) -> Outputs:
    """Scenario vectors of the account's one unit, from its instruments to the worst case."""
    (pool,) = assessment.explain(ACCOUNT).pools
    if not pool.vectors:
        return {"risk_vectors": {}, "worst_case_coin": 0.0}
    (unit,) = pool.vectors
    n = unit.n_regular
    standard, extended = slice(0, n), slice(n, None)

    def split(values: Array, first: str, second: str) -> Outputs:
        return {
            first: _by_move(unit.moves[standard], values[standard]),
            second: _by_move(unit.moves[extended], values[extended]),
        }

    each = zip(pool.names, unit.lines, strict=True)
    return {
        "risk_vectors": {name: split(line, "standard_coin", "extended_coin") for name, line in each},
        **split(unit.total, "pre_aggregated_coin", "pre_aggregated_extended_coin"),
        **split(unit.shaped, "aggregated_coin", "aggregated_extended_coin"),
        "worst_case_coin": worst_loss(unit.shaped),
        "worst_case_bucket_1based": 1 + int(np.argmin(unit.shaped[standard])) * n_buckets // n,
    }


def _by_move(moves: Array, values: Array) -> dict[str, float]:
    """Values by price move as a signed decimal; a move that is no short decimal is spelled with 6 to 17 digits."""
    out: dict[str, float] = {}
    for move, value in zip(moves.tolist(), values.tolist(), strict=True):
        for digits in range(6, 18):
            out.setdefault(f"{move:+.{digits}g}" if move else "0", value)
    return out


def cross_pm_account(inputs: Inputs) -> Outputs:
    """Risk matrix and maintenance margin of a cross portfolio margin account of perpetuals and collateral."""
    params, usd = inputs["params"], _usd_prices(inputs)
    bases = dict.fromkeys(p["base"] for p in inputs["positions"])
    overrides: dict[str, object] = {"general.mm_factor": params["mm_factor"]}
    overrides |= {f"pair.{base}_USD.price_range": value for base, value in params["price_range"].items()}
    for base in bases:
        overrides[f"currency.{base}.min_annualised_move"] = params["min_annualised_move"]
        overrides[f"currency.{base}.annualised_move_risk"] = 0.0  # perpetuals have no time to expiry that it would act on
        overrides[f"currency.{base}.equity_side_impact"] = "none"  # of no equity, unless the next lines say otherwise
    for line in inputs["equities"]:
        overrides[f"currency.{line['currency']}.equity_side_impact"] = line["equity_side_impact"]
    regime = _without_extended_moves(_with_given_charges(vectors.regime("cross_portfolio", overrides), {}, {}))
    contracts = {p["instrument"]: _perpetual(p, usd) for p in inputs["positions"]}
    market = vectors.market(
        contracts.values(),
        index={f"{base}_USD": usd[base] for base in bases} | {f"{base}_USDC": usd[base] / usd["USDC"] for base in bases},
        usd=usd,
    )
    balances: dict[str, float] = {}
    for line in inputs["equities"]:
        code, amount = line["currency"], vectors.given(line, "equity")
        balances[code] = balances.get(code, 0.0) + (line["equity_usd"] / usd[code] if amount is None else amount)
    positions = [
        (p["instrument"], vectors.quantity(p, inverse=c.inverse, price=c.mark))
        for p, c in ((p, contracts[p["instrument"]]) for p in inputs["positions"])
    ]
    assessment = regime.assess(vectors.book(positions, balances=balances), market)
    return {
        "risk_matrix_margin_usd": _risk(assessment),
        "total_maintenance_margin_usd": float(assessment.maintenance_margin.sum()),
    }


def cross_pm_open_orders(inputs: Inputs) -> Outputs:
    """Initial margin of a cross portfolio margin account from its maintenance margin and its orders."""
    overrides: dict[str, object] = {"general.mm_factor": inputs["mm_factor"]}
    orders = inputs["orders"]
    overrides |= {f"pair.{order['base']}_USD.price_range": order["price_range"] for order in orders}
    regime = _without_extended_moves(vectors.regime("cross_portfolio", overrides), charges=())
    contracts = {order["instrument"]: _perpetual(order, {}) for order in orders}
    market = vectors.market(contracts.values(), index={f"{c.base}_{c.quote}": c.mark for c in contracts.values()})
    resting = [(order["instrument"], order["size_base"], order["mark_price_usdc"]) for order in orders]
    of_orders = float(regime.assess(vectors.book(orders=resting), market).columns()[OPEN_ORDERS].sum())
    return {
        "open_orders_margin_usd": of_orders,
        "total_initial_margin_usd": summary.initial_margin(
            inputs["total_maintenance_margin_usd"], mm_factor=inputs["mm_factor"], orders=of_orders
        ),
    }


def _without_extended_moves(regime: Regime, charges: tuple[Charge, ...] | None = None) -> Regime:
    """A regime for vectors that give no parameters of extended moves and ask nothing about haircuts."""
    model = regime.model
    assert isinstance(model, PortfolioModel)
    assert isinstance(model.scenarios, ScenarioSet)
    model = replace(model, scenarios=ScenarioSet(model.scenarios.grid), charges=model.charges if charges is None else charges)
    return replace(regime, model=model, collateral=Collateral())


def _perpetual(row: Inputs, usd: Mapping[str, float]) -> Contract:
    """The perpetual of a position or an order, at the mark that the row gives or implies, else at the index."""
    inverse, size, delta = row["contract"] == "inverse_perpetual", row.get("size_usd"), row.get("delta_coin")
    if inverse:
        mark = size / delta if size and delta else usd[row["base"]]
    else:
        mark = vectors.given(row, "mark_price_usdc") or usd[row["base"]] / usd["USDC"]
    quote = "USD" if inverse else "USDC"
    return Contract(name=row["instrument"], base=row["base"], quote=quote, inverse=inverse, mark=mark)


def _usd_prices(inputs: Inputs) -> dict[str, float]:
    """USD per unit of every currency of a cross account: as given, else implied by a position.

    Where neither is the case and all amounts are in USD, any price gives the same result.
    """
    usd: dict[str, float] = {}
    codes = dict.fromkeys((*inputs["params"]["price_range"], *(p["base"] for p in inputs["positions"])))
    needed = set()
    for line in inputs["equities"]:
        index, amount, worth = (vectors.given(line, name) for name in ("index_usd", "equity", "equity_usd"))
        codes[line["currency"]] = None
        if index is None and amount and worth:
            index = worth / amount
        if index is not None:
            usd.setdefault(line["currency"], index)
        elif amount and line["equity_side_impact"] != "none":
            needed.add(line["currency"])
    usd.setdefault("USDC", 1.0)
    for row in sorted(inputs["positions"], key=lambda p: bool(p["contract"] != "inverse_perpetual")):
        mark = vectors.given(row, "mark_price_usdc")
        if row.get("size_usd") and row.get("delta_coin"):
            usd.setdefault(row["base"], row["size_usd"] / row["delta_coin"])
        elif mark is not None:
            usd.setdefault(row["base"], mark * usd["USDC"])
        elif row.get("size_base"):
            needed.add(row["base"])
    for code in sorted(needed - set(usd)):
        message = f"no price of {code} is given or implied"
        raise ValueError(message)
    return {**dict.fromkeys(codes, 1.0), **usd}


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "futures_standard_margin": futures_standard_margin,
    "option_standard_margin": option_standard_margin,
    "futures_pnl": futures_pnl,
    "option_payoff": option_payoff_at_expiry,
    "option_fee": option_fee,
    "settlement_delta_decay": settlement_delta_decay,
    "account_summary": account_summary,
    "segregated_pm_account": segregated_pm_account,
    "volatility_shock": volatility_shock,
    "cross_pm_account": cross_pm_account,
    "cross_pm_open_orders": cross_pm_open_orders,
}
