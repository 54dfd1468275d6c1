"""The risk managers of Derive as compositions of pools, models and charges. Every subaccount is one pool, counted in USDC.

Numbers come from ``params/*.toml``; where sources differ or rules are not published, the choice is an option here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from margin.models.order_charges import RefusedOrderCharge
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import Collateral, CrossPool
from margin.regime import Regime, with_overrides
from margin.venues.derive.portfolio import pm1_model, pm2_collateral, pm2_model
from margin.venues.derive.srm import srm_collateral, srm_model
from margin.venues.presets import check_mode, load_parameters

if TYPE_CHECKING:
    from margin.models.requirement import Model

MODES = ("srm", "pm1_eth", "pm1_btc", "pm2_eth", "pm2_btc", "pm2_sol", "pm2_hype")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings where sources differ or rules are not published.

    Attributes
    ----------
    source : {"contract", "documentation"}
        Whose parameters to take where the production contracts and the documentation differ.
    static_discounts : {"documentation", "contract"}
        Positive values discounted and negative ones marked up, as documented and as the venue's tests have it; or the other way
        round, as the fields stand in the production contracts.
    orders : {"refuse", "ignore"}
        What open orders do: the venue's search for the worst fill is not published. Ignored, they add nothing, as in the
        venue's own margin calculator.
    """

    source: Literal["contract", "documentation"] = "contract"
    static_discounts: Literal["documentation", "contract"] = "documentation"
    orders: Literal["refuse", "ignore"] = "refuse"


def parameters(
    as_of: Day,
    *,
    params: Sequence[str | os.PathLike[str]] = (),
    accept: Sequence[str] = ACCEPTED,
    options: Options | None = None,
) -> Parameters:
    """Parameters of the venue on a day, files of the user last (and winning).

    Raises
    ------
    ParameterError
        If a file is malformed.
    """
    documented = ("documented",) if options is not None and options.source == "documentation" else ()
    return load_parameters(__package__, as_of=as_of, params=params, accept=accept, folders=documented)


def regime(
    mode: str,
    *,
    as_of: Day,
    params: Sequence[str | os.PathLike[str]] = (),
    accept: Sequence[str] = ACCEPTED,
    options: Options | None = None,
) -> Regime:
    """Regime of a risk manager on a day.

    Parameters
    ----------
    mode : str
        One of `MODES`.
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
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single currencies and markets
        are asked for when a book that needs them is assessed.
    """
    check_mode(mode, MODES)
    resolved = parameters(as_of, params=params, accept=accept, options=options)
    return with_overrides(resolved, lambda p: compose(mode, p, options or Options()))


def compose(mode: str, p: Parameters, options: Options) -> Regime:
    """Regime of a risk manager from resolved parameters."""
    model, collateral = _parts(mode, p, options)
    return Regime(
        name=f"derive {mode}",
        pool=CrossPool(money=p.text("general.cash")),
        model=model,
        collateral=collateral,
        provenance=p.provenance(),
    )


def _parts(mode: str, p: Parameters, options: Options) -> tuple[Model, Collateral]:
    """Model and collateral schedule of a risk manager."""
    manager, _, coin = mode.upper().partition("_")
    if manager == "SRM":
        return srm_model(p, ignore_orders=options.orders == "ignore"), srm_collateral(p)
    orders = None if options.orders == "ignore" else RefusedOrderCharge('Leave orders out, or choose Options(orders="ignore").')
    if manager == "PM1":
        return pm1_model(p, coin, orders=orders), Collateral()
    return pm2_model(p, coin, swapped=options.static_discounts == "contract", orders=orders), pm2_collateral(p, coin)
