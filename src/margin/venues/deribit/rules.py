"""The account modes of Deribit as compositions of pools, models and charges.

Numbers come from ``params/*.toml``; where the venue's rules leave a choice open, the choice is an option here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.charges import (
    Charge,
    DeltaConcentrationCharge,
    ExpiryDeltaCharge,
    black_delta,
    price_adjusted_delta,
)
from margin.models.combine import Factors
from margin.models.futures import FuturesMargin
from margin.models.options import MoneynessMargin, PerPosition
from margin.models.order_charges import WorseSideCharge
from margin.models.orders import OptionFee, WorseSideOrders
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ExtendedMoves, PriceVolGrid, ScenarioSet
from margin.models.shape import GainOffset
from margin.models.shocks import RelativeVolShock
from margin.models.standard import StandardModel
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import Collateral, CrossPool, SegregatedPool
from margin.rates import RateTable
from margin.regime import Regime, with_overrides
from margin.venues.presets import check_mode, load_parameters

MODES = ("segregated_standard", "cross_standard", "segregated_portfolio", "cross_portfolio")

MINUTES_PER_DAY = np.timedelta64(1, "D") / np.timedelta64(1, "m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings of rules that the venue does not publish.

    Attributes
    ----------
    haircut_on : {"both", "initial"}
        Whether haircuts lower the collateral for both margins or for the initial margin only.
    option_delta : {"black", "price_adjusted"}
        Delta of options in roll and delta shock.
    grid_source : Mapping of str to str
        Coin -> pair whose parameters its bucket takes in cross portfolio margin; by default its inverse pair where that has
        parameters, else its USDC pair.
    """

    haircut_on: Literal["both", "initial"] = "both"
    option_delta: Literal["black", "price_adjusted"] = "black"
    grid_source: Mapping[str, str] = field(default_factory=dict)


def parameters(
    as_of: Day, *, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED
) -> Parameters:
    """Parameters of the venue on a day, files of the user last (and winning).

    Raises
    ------
    ParameterError
        If a file is malformed.
    """
    return load_parameters(__package__, as_of=as_of, params=params, accept=accept)


def regime(
    mode: str,
    *,
    as_of: Day,
    params: Sequence[str | os.PathLike[str]] = (),
    accept: Sequence[str] = ACCEPTED,
    options: Options | None = None,
) -> Regime:
    """Regime of an account mode on a day.

    Parameters
    ----------
    mode : str
        One of `MODES`: S:SM, X:SM, S:PM, X:PM.
    as_of : date or "YYYY-MM-DD"
        Day whose parameters hold.
    params : sequence of paths
        Parameter files of the user, which win over the venue's.
    accept : sequence of str
        Statuses of parameters to take.
    options : Options, optional

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single pairs and currencies
        are asked for when a book that needs them is assessed.
    """
    check_mode(mode, MODES)
    resolved = parameters(as_of, params=params, accept=accept)
    return with_overrides(resolved, lambda p: compose(mode, p, options or Options()))


def compose(mode: str, p: Parameters, options: Options) -> Regime:
    """Regime of an account mode from resolved parameters."""
    cross = mode.startswith("cross")
    portfolio = mode.endswith("portfolio")
    haircut = ByName("haircut", lambda currency: p.number(f"currency.{currency}.haircut"))
    return Regime(
        name=f"deribit {mode}",
        pool=CrossPool() if cross else SegregatedPool(),
        model=(_cross_portfolio(p, options) if cross else _segregated_portfolio(p, options)) if portfolio else _standard(p),
        collateral=Collateral(
            haircut=haircut if options.haircut_on == "both" else ByName("haircut", 0.0),
            initial_haircut=None if options.haircut_on == "both" else haircut,
            counts_option_value=portfolio,
        ),
        provenance=p.provenance(),
    )


def _standard(p: Parameters) -> StandardModel:
    def rates(base: str) -> Callable[[str], RateTable]:
        return lambda pair: RateTable.size_scaled(p.number(f"pair.{pair}.{base}"), p.number(f"pair.{pair}.slope"))

    options = MoneynessMargin(
        base=p.number("option.otm_deduction_base"),
        minimum=p.number("option.minimum"),
        maintenance=p.number("option.maintenance"),
    )

    def fee(rate: str) -> Callable[[], OptionFee]:
        return lambda: OptionFee(p.number(f"fees.{rate}"), p.number("fees.option_cap"))

    return StandardModel(
        futures=FuturesMargin(initial=rates("base_im"), maintenance=rates("base_mm")),
        options=PerPosition(inverse=options, linear=options),
        orders=WorseSideOrders(inverse_fee=fee("option_inverse"), linear_fee=fee("option_linear_taker")),
    )


def _segregated_portfolio(p: Parameters, options: Options) -> PortfolioModel:
    """Units are pairs; a linear pair takes the charges of its settlement currency, an inverse pair those of its coin."""
    return _portfolio(p, options, pair=lambda pair: pair, currency=lambda pair: _money(p, *pair.split("_", 1)))


def _cross_portfolio(p: Parameters, options: Options) -> PortfolioModel:
    """Units are coins; collateral of a coin is a position in its unit."""
    known = frozenset(p.names("pair"))

    def pair(coin: str) -> str:
        inverse = f"{coin}_USD"
        return options.grid_source.get(coin, inverse if inverse in known else f"{coin}_USDC")

    def collateral_unit(currency: str) -> str | None:
        side = p.text(f"currency.{currency}.equity_side_impact")
        if side not in ("both", "none"):
            message = (
                f"currency.{currency}.equity_side_impact is {side!r}, and its rule is not known; only 'both' and 'none' are. "
                "Leave the currency out of the book, or override the parameter."
            )
            raise ParameterError(message, name=f"currency.{currency}.equity_side_impact", scope=str(p.as_of))
        bucket = f"currency.{currency}.risk_bucket"
        return None if side == "none" else p.text(bucket) if bucket in p else currency

    return _portfolio(p, options, pair=pair, currency=lambda coin: coin, collateral_unit=collateral_unit)


def _money(p: Parameters, base: str, quote: str) -> str:
    """Section of the currency that a pair settles in; USD stablecoins without one of their own share that of USD."""
    if quote == "USD":
        return base
    return quote if f"currency.{quote}.annualised_move_risk" in p else "USD"


def _portfolio(
    p: Parameters,
    options: Options,
    *,
    pair: Callable[[str], str],
    currency: Callable[[str], str],
    collateral_unit: Callable[[str], str | None] | None = None,
) -> PortfolioModel:
    def of_pair(name: str) -> ByName:
        return ByName(name, lambda unit: p.number(f"pair.{pair(unit)}.{name}"))

    def of_currency(name: str) -> ByName:
        return ByName(name, lambda unit: p.number(f"currency.{currency(unit)}.{name}"))

    def dampener(unit: str) -> float:
        _refuse_correlation(p, currency(unit))
        return p.number(f"currency.{currency(unit)}.extended_dampener")

    price_range = of_pair("price_range")
    factor = p.number("general.mm_factor")
    decimals = int(p.number("general.margin_decimals"))
    return PortfolioModel(
        scenarios=ScenarioSet(
            grid=PriceVolGrid(
                price_range=price_range,
                steps=int(p.number("general.buckets_count")),
                vol=tuple(str(name) for name in _names(p, "general.standard_vol_scenarios")),
            ),
            extended=ExtendedMoves(
                moves=p.numbers("general.extended_moves"),
                factor=of_pair("extended_table_factor"),
                dampener=ByName("extended_dampener", dampener),
            ),
        ),
        vol_shock=RelativeVolShock(
            range_up=of_pair("volatility_range_up"),
            range_down=of_pair("volatility_range_down"),
            minimum_up=of_pair("min_volatility_for_shock_up"),
            short_power=of_pair("short_term_vega_power"),
            long_power=of_pair("long_term_vega_power"),
            reference_days=p.number("general.vega_reference_days"),
            least_days=p.number("general.vega_least_minutes") / MINUTES_PER_DAY,
        ),
        gains=GainOffset(of_currency("pnl_offset"), of_currency("max_offsetable_pnl")),
        charges=_charges(of_pair, of_currency),
        orders=WorseSideCharge(share=1 - factor, price_range=price_range),
        maintenance=Factors(factor),
        option_delta=black_delta if options.option_delta == "black" else price_adjusted_delta,
        settlement_window=p.number("settlement.window_minutes"),
        collateral_unit=collateral_unit,
        worst_decimals=decimals,
        initial_decimals=decimals,
    )


def _charges(of_pair: Callable[[str], ByName], of_currency: Callable[[str], ByName]) -> tuple[Charge, ...]:
    return (
        ExpiryDeltaCharge("roll_shock", of_currency("annualised_move_risk"), of_currency("min_annualised_move")),
        DeltaConcentrationCharge(
            "delta_shock",
            threshold=of_pair("delta_total_liq_shock_threshold"),
            increment=of_pair("m_inc"),
            maximum=of_pair("max_delta_shock"),
        ),
    )


def _refuse_correlation(p: Parameters, currency: str) -> None:
    name = f"currency.{currency}.correlation_set"
    if p.flag(name):
        message = f"{name} is true, and the formula of the correlation contingency is not known. Set it to false to go without."
        raise ParameterError(message, name=name, scope=str(p.as_of))


def _names(p: Parameters, name: str) -> tuple[object, ...]:
    value = p.get(name)
    return value if isinstance(value, tuple) else (value,)
