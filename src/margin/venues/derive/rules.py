"""The risk managers of Derive as compositions of pools, models and charges. Every subaccount is one pool, counted in USDC.

Numbers come from ``params/*.toml``; where sources differ, the choice is an option here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Literal

from margin.errors import ParameterError
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import Collateral, CrossPool
from margin.regime import Regime, with_overrides
from margin.venues.derive.portfolio import pm1_model, pm2_collateral, pm2_model

MODES = ("pm1_eth", "pm1_btc", "pm2_eth", "pm2_btc", "pm2_sol", "pm2_hype")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings where sources differ.

    Attributes
    ----------
    source : {"contract", "documentation"}
        Whose parameters to take where the production contracts and the documentation differ.
    static_discounts : {"documentation", "contract"}
        Positive values discounted and negative ones marked up, as documented and as the venue's tests have it; or the other way
        round, as the fields stand in the production contracts.
    """

    source: Literal["contract", "documentation"] = "contract"
    static_discounts: Literal["documentation", "contract"] = "documentation"


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
    documented = options is not None and options.source == "documentation"
    with as_file(files(__package__) / "params") as folder:
        shipped = sorted(folder.glob("*.toml")) + (sorted(folder.glob("documented/*.toml")) if documented else [])
        return Parameters.load(*shipped, *params, as_of=as_of, accept=accept)


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
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single currencies are asked
        for when a book that needs them is assessed.
    """
    if mode not in MODES:
        message = f"no mode {mode!r}; available: {', '.join(MODES)}"
        raise ParameterError(message, name="mode", scope="arguments")
    resolved = parameters(as_of, params=params, accept=accept, options=options)
    return with_overrides(resolved, lambda p: compose(mode, p, options or Options()))


def compose(mode: str, p: Parameters, options: Options) -> Regime:
    """Regime of a risk manager from resolved parameters."""
    manager, _, coin = mode.upper().partition("_")
    swapped = options.static_discounts == "contract"
    return Regime(
        name=f"derive {mode}",
        pool=CrossPool(money=p.text("general.cash")),
        model=pm1_model(p, coin) if manager == "PM1" else pm2_model(p, coin, swapped=swapped),
        collateral=Collateral() if manager == "PM1" else pm2_collateral(p, coin),
        provenance={
            "as_of": p.as_of.isoformat(),
            "statuses": ", ".join(sorted(p.statuses())),
            "parameters": p.fingerprint(),
        },
    )
