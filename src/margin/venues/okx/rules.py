"""The account modes of OKX as compositions of pools, models and charges.

Numbers come from ``params/*.toml``; where the venue's rules leave a choice open, the choice is an option here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from margin.errors import ParameterError
from margin.models.requirement import Model
from margin.models.split import SplitModel
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import Collateral, CrossPool, PartlyIsolated, Pool, SegregatedPool
from margin.regime import Regime, with_overrides
from margin.venues.okx import portfolio, standard
from margin.venues.presets import check_mode, load_parameters

MODES = ("spot", "futures", "multi_currency", "portfolio")


CHOICES = {
    "vol_rule": tuple(portfolio.VOL_RULES),
    "smile": ("sticky_strike",),
    "option_close": ("fee", "fixed"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings of rules that the venue does not publish.

    Attributes
    ----------
    vol_rule : {"max_loss", "larger_shift", "points", "fraction"}
        How MR1 shocks volatilities: all by points and all by a fraction of themselves, the larger loss of the unit counting;
        each option by the larger of the two; or by one of them.
    smile : {"sticky_strike"}
        Which volatility is shocked when the price moves: that of the strike. A smile that moves with the forward, which the
        venue's example of 2022 suggests, needs a volatility surface and is refused.
    option_close : {"fee", "fixed"}
        Closing cost of options in MR7: the taker fee, never above a part of the mark; or the fixed amount of 2022.
    interest : bool
        Whether MR5 is charged.
    option_basis : bool
        Whether deltas of options count in MR4.
    merged_units : bool
        Whether contracts of a coin net over settlement currencies, which the venue is said to grant from some fee level on.
        Without it each settlement currency is a unit, spot hedges the contracts that settle in the coin, and nothing is charged
        for stablecoins.
    discounted : bool
        Whether the discount tiers of collateral, which always count in the modes spot and multi_currency, count under portfolio
        margin too, as the venue has it; the tiers of every coin held must then be known.
    borrowing : bool
        Whether an account in spot mode may borrow: all its currencies then stand together.
    order_fee : bool
        Whether the fee is part of the margin of option orders, as on the pages before 2026.
    """

    vol_rule: Literal["max_loss", "larger_shift", "points", "fraction"] = "max_loss"
    smile: Literal["sticky_strike"] = "sticky_strike"
    option_close: Literal["fee", "fixed"] = "fee"
    interest: bool = True
    option_basis: bool = False
    merged_units: bool = True
    discounted: bool = False
    borrowing: bool = True
    order_fee: bool = False

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                message = f"no {name} {getattr(self, name)!r}; available: {', '.join(known)}"
                raise ParameterError(message, name=name, scope="options")


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
        One of `MODES`.
    as_of : date or "YYYY-MM-DD"
        Day whose parameters hold.
    params : sequence of paths
        Parameter files of the user, which win over the venue's.
    accept : sequence of str
        Statuses of parameters to take; with ``illustrative`` among them every result is marked.
    options : Options, optional

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single coins and currencies
        are asked for when a book that needs them is assessed.
    """
    check_mode(mode, MODES)
    resolved = parameters(as_of, params=params, accept=accept)
    return with_overrides(resolved, lambda p: compose(mode, p, options or Options()))


def compose(mode: str, p: Parameters, options: Options) -> Regime:
    """Regime of an account mode from resolved parameters."""
    pool, model, collateral = _MODES[mode](p, options)
    return Regime(
        name=f"okx {mode}",
        pool=pool,
        model=model,
        collateral=collateral,
        provenance=p.provenance(),
    )


Parts = tuple[Pool, Model, Collateral]


def _spot(p: Parameters, options: Options) -> Parts:
    """Balances and orders in spot pairs: one pool of all currencies where they may be borrowed, else one for each."""
    model = standard.spot_model(p, borrowing=options.borrowing)
    if options.borrowing:
        return CrossPool(), model, _discounted(p)
    return SegregatedPool(), model, Collateral(spot_orders="reserved")


def _futures(p: Parameters, options: Options) -> Parts:
    """One pool for each settlement currency; option values are no part of the balance."""
    model = standard.model(p, cross_currency=False, order_fee=options.order_fee)
    return PartlyIsolated(SegregatedPool()), model, Collateral(counts_option_value=False, spot_orders="reserved")


def _multi_currency(p: Parameters, options: Options) -> Parts:
    """One pool in USD; long options are paid and held, only short ones count."""
    model = standard.model(p, cross_currency=True, order_fee=options.order_fee)
    return PartlyIsolated(CrossPool()), model, replace(_discounted(p), counts_option_value="short")


def _portfolio(p: Parameters, options: Options) -> Parts:
    """One pool in USD, its derivatives in risk units; isolated positions are margined as in the other modes."""
    shared = portfolio.model(
        p,
        vol_rule=options.vol_rule,
        close=options.option_close,
        interest=options.interest,
        option_basis=options.option_basis,
        merged=options.merged_units,
    )
    collateral = replace(_discounted(p), spot_orders="refused") if options.discounted else Collateral()
    isolated = replace(standard.model(p, cross_currency=True, order_fee=options.order_fee), borrow=None)
    return PartlyIsolated(CrossPool()), SplitModel(shared, isolated), collateral


def _discounted(p: Parameters) -> Collateral:
    return Collateral(haircut=standard.undiscounted(p), tiers=standard.discounts(p), spot_orders="loss")


_MODES = {"spot": _spot, "futures": _futures, "multi_currency": _multi_currency, "portfolio": _portfolio}
