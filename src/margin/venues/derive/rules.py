"""The risk managers of Derive as compositions of pools, models and charges. Every subaccount is one pool, counted in USDC.

Numbers come from ``params/*.toml``; where sources differ or rules are not published, the choice is an option here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Literal

from margin.errors import ParameterError
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import CrossPool
from margin.regime import Regime
from margin.venues.derive.srm import srm_collateral, srm_model

MODES = ("srm",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings where sources differ or rules are not published.

    Attributes
    ----------
    source : {"contract", "documentation"}
        Whose parameters to take where the production contracts and the documentation differ.
    orders : {"refuse", "ignore"}
        What open orders do in SRM: the venue's search for the worst fill is not published. Ignored, they add nothing, as in the
        venue's own margin calculator.
    """

    source: Literal["contract", "documentation"] = "contract"
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
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single markets are asked for
        when a book that needs them is assessed.
    """
    if mode not in MODES:
        message = f"no mode {mode!r}; available: {', '.join(MODES)}"
        raise ParameterError(message, name="mode", scope="arguments")
    return compose(mode, parameters(as_of, params=params, accept=accept, options=options), options or Options())


def compose(mode: str, p: Parameters, options: Options) -> Regime:
    """Regime of a risk manager from resolved parameters."""
    return Regime(
        name=f"derive {mode}",
        pool=CrossPool(money=p.text("general.cash")),
        model=srm_model(p, ignore_orders=options.orders == "ignore"),
        collateral=srm_collateral(p),
        provenance={
            "as_of": p.as_of.isoformat(),
            "statuses": ", ".join(sorted(p.statuses())),
            "parameters": p.fingerprint(),
        },
    )
