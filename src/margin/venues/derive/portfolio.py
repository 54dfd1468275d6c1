"""The portfolio managers: PM1 (contract PMRM) and PM2 (contract PMRM_2). One manager margins the derivatives of one market."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.combine import DepegFactor, Factors
from margin.models.confidence import ConfidenceCharge
from margin.models.expiry_charges import ForwardCharge, NakedShortCharge
from margin.models.fold import ExpiryDiscount, SignDiscount
from margin.models.order_charges import OrderCharge
from margin.models.portfolio import PortfolioModel
from margin.models.prepared_portfolio import WORST_LOSS
from margin.models.scenarios import ListedScenarios, Scenario
from margin.models.shocks import DOWN, SAME, SKEW, SMILE, UP, RelativeVolShock, SkewShock, WithSkew
from margin.models.size_charges import SizeCharge, share_of_currencies, share_of_futures
from margin.models.valuation import PLAIN, Valuation
from margin.params import Parameters
from margin.pools import Collateral

VOLS = {"up": UP, "none": SAME, "down": DOWN, "linear": SKEW, "abs": SMILE}
SKEWS = {"linear", "abs"}
DISCOUNTED = Valuation(discounted=True)
SECONDS_A_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "s")

Number = Callable[[str], float]


def pm1_model(p: Parameters, coin: str, *, orders: OrderCharge | None = None) -> PortfolioModel:
    """Requirement under PM1: undiscounted marks, static contingencies inside the loss factor, the base asset like a perpetual."""
    n = _numbers(p, f"pm1.{coin}")
    inside = ("perp", "base", "option")
    factor = DepegFactor(n("im_factor"), n("peg_loss_threshold"), n("peg_loss_factor"))
    cash = p.text("general.cash")

    def unit(currency: str) -> str | None:
        if currency not in (cash, coin):
            message = f"PM1 of {coin} holds {coin} and {cash}, not {currency}"
            raise ParameterError(message, name=f"pm1.{coin}.collateral.{currency}", scope=str(p.as_of))
        return coin if currency == coin else None

    return PortfolioModel(
        scenarios=_scenarios(p, f"pm1.{coin}"),
        vol_shock=_parallel(p, n, minimum_up=0, least_days=n("dte_floor_sec") / SECONDS_A_DAY),
        fold=SignDiscount(ExpiryDiscount(n("base_static_discount"), n("rate_mult"), n("rate_add"))),
        competing=(_forward(n, PLAIN),),
        charges=(
            SizeCharge("perp", share_of_futures(n("perp_percent"))),
            SizeCharge("base", share_of_currencies(n("base_percent"))),
            NakedShortCharge("option", n("option_percent")),
            ConfidenceCharge("oracle", n("conf_threshold"), n("conf_margin"), collateral="perpetual"),
        ),
        initial=Factors(1, {WORST_LOSS: factor} | dict.fromkeys(inside, factor)),
        maintenance=Factors(1, {"oracle": 0}),
        collateral_unit=unit,
        admitted_units=(coin,),
        orders=orders,
    )


def pm2_model(p: Parameters, coin: str, *, swapped: bool, orders: OrderCharge | None = None) -> PortfolioModel:
    """Requirement under PM2: discounted marks, skew and weighted tail scenarios, contingencies outside the loss factor.

    `swapped` exchanges the static discounts of positive and negative values.
    """
    n = _numbers(p, f"pm2.{coin}")
    cash, section = p.text("general.cash"), f"pm2.{coin}.collateral"
    long, short = ("short", "long") if swapped else ("long", "short")

    def skew(kind: str) -> SkewShock:
        width = (n(name) for name in ("min_k_star", "width_scale", "vol_param_static", "vol_param_scale"))
        return SkewShock(n(f"{kind}_base_cap"), n(f"{kind}_c_base"), *width)

    def discount(field: str, side: str, sign: int) -> ExpiryDiscount:
        base, multiple, add = n(f"{field}_base_static_discount"), n(f"{side}_rate_mult"), n(f"{side}_rate_add")
        return ExpiryDiscount(base, multiple, add, sign=sign, capped=sign > 0)

    parallel = _parallel(p, n, minimum_up=n("min_vol_up_shock"), least_days=n("dte_floor_days"))
    return PortfolioModel(
        scenarios=_scenarios(p, f"pm2.{coin}"),
        vol_shock=WithSkew(parallel, skew("linear"), skew("abs")),
        fold=SignDiscount(discount(long, "long", -1), discount(short, "short", 1)),
        valuation=DISCOUNTED,
        competing=(_forward(n, DISCOUNTED),),
        charges=(
            SizeCharge("perp", share_of_futures(n("mm_perp_percent"))),
            SizeCharge("perp_initial", share_of_futures(n("im_perp_percent_extra"))),
            NakedShortCharge("option", n("mm_option_percent")),
            NakedShortCharge("option_initial", n("im_option_percent_extra")),
            ConfidenceCharge("oracle", n("conf_threshold"), n("conf_margin")),
        ),
        initial=Factors(1, {WORST_LOSS: DepegFactor(n("im_factor"), n("peg_loss_threshold"), n("peg_loss_factor"))}),
        maintenance=Factors(1, {WORST_LOSS: n("mm_factor")} | dict.fromkeys(("perp_initial", "option_initial", "oracle"), 0)),
        collateral_unit=lambda currency: None if currency == cash else coin,
        moves=lambda currency: p.flag(f"{section}.{currency}.risk_cancelling"),
        admitted_units=(coin,),
        orders=orders,
    )


def pm2_collateral(p: Parameters, coin: str) -> Collateral:
    """Haircuts of PM2; those of the initial margin come on top."""
    cash, section = p.text("general.cash"), f"pm2.{coin}.collateral"

    def haircut(*fields: str) -> Callable[[str], float]:
        return lambda currency: 0.0 if currency == cash else sum(p.number(f"{section}.{currency}.{f}") for f in fields)

    return Collateral(
        haircut=ByName("mm_haircut", haircut("mm_haircut")),
        initial_haircut=ByName("im_haircut", haircut("mm_haircut", "im_haircut_extra")),
    )


def _numbers(p: Parameters, section: str) -> Number:
    return lambda name: p.number(f"{section}.{name}")


def _scenarios(p: Parameters, section: str) -> ListedScenarios:
    """Rows of spot multiplier, volatility shock and (by default 1) dampening."""
    name = f"{section}.scenarios"
    rows = p.get(name)
    out = []
    for row in rows if isinstance(rows, tuple) else ():
        if not isinstance(row, tuple) or len(row) not in (2, 2 + 1) or row[1] not in VOLS:
            message = f"{name}: {row!r} is not [spot multiplier, {' | '.join(VOLS)}, dampening]"
            raise ParameterError(message, name=name, scope=str(p.as_of))
        spot, vol, weight = float(row[0]), str(row[1]), float(row[2]) if row[2:] else 1.0  # type: ignore[arg-type]
        if vol in SKEWS and spot != 1:
            message = f"{name}: the skew shock {row!r} moves the spot; its multiplier must be 1"
            raise ParameterError(message, name=name, scope=str(p.as_of))
        out.append(Scenario(spot - 1, VOLS[vol], weight=weight, absolute=vol in SKEWS))
    return ListedScenarios(tuple(out))


def _parallel(p: Parameters, n: Number, *, minimum_up: float, least_days: float) -> RelativeVolShock:
    return RelativeVolShock(
        range_up=ByName("vol_range_up", n("vol_range_up")),
        range_down=ByName("vol_range_down", n("vol_range_down")),
        minimum_up=ByName("min_vol_up_shock", minimum_up),
        short_power=ByName("short_term_power", n("short_term_power")),
        long_power=ByName("long_term_power", n("long_term_power")),
        reference_days=p.number("general.vol_reference_days"),
        least_days=least_days,
    )


def _forward(n: Number, valuation: Valuation) -> ForwardCharge:
    moves = ListedScenarios(tuple(Scenario(n(f"basis_spot_{side}") - 1) for side in ("up", "down")))
    return ForwardCharge("forward", moves, n("basis_add_factor"), n("basis_mult_factor"), valuation)
