"""The account modes of Binance as compositions of pools, models and collateral.

Numbers come from ``params/*.toml``, or from the account's own payloads (``given``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from margin.models.requirement import Model
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import Collateral, CrossPool, PartlyIsolated, Pool, SegregatedPool, SharedOnly
from margin.regime import Regime, with_overrides
from margin.venues.binance import margin
from margin.venues.binance.futures import asset_buffer, futures_model, multi_assets_collateral
from margin.venues.binance.options import options_model
from margin.venues.binance.portfolio_margin import flat_collateral, portfolio_margin_model, tiered_collateral
from margin.venues.binance.span import span_model
from margin.venues.presets import check_mode, load_parameters


@dataclass(frozen=True, slots=True)
class _Mode:
    pool: Pool
    model: Callable[[Parameters], Model]
    collateral: Callable[[Parameters], Collateral]


def _plain(p: Parameters) -> Collateral:
    return Collateral()


_WHOLE = SharedOnly(CrossPool())
_FUTURES = PartlyIsolated(SegregatedPool())
_MODES: Mapping[str, _Mode] = {
    "usdm_single": _Mode(_FUTURES, futures_model, _plain),
    "usdm_multi": _Mode(_WHOLE, lambda p: futures_model(p, markup=asset_buffer(p, "ask")), multi_assets_collateral),
    "coinm": _Mode(_FUTURES, futures_model, _plain),
    "cross_margin_classic": _Mode(_WHOLE, margin.classic_model, margin.classic_collateral),
    "cross_margin_pro": _Mode(_WHOLE, margin.pro_model, margin.pro_collateral),
    "isolated_margin": _Mode(_WHOLE, margin.isolated_model, lambda p: margin.isolated_collateral()),
    "options": _Mode(SegregatedPool(), options_model, _plain),
    "portfolio_margin": _Mode(_WHOLE, portfolio_margin_model, flat_collateral),
    "portfolio_margin_pro": _Mode(_WHOLE, portfolio_margin_model, tiered_collateral),
    "portfolio_margin_pro_span": _Mode(_WHOLE, span_model, tiered_collateral),
}

MODES = tuple(_MODES)


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
    given: Mapping[str, object] | None = None,
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
        Statuses of parameters to take.
    given : Mapping of str to value, optional
        Parameters by name that win over all files, such as the account's own brackets from `payloads` or
        `brackets.given_brackets`.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every book needs has no value. Parameters of single symbols and assets are
        asked for when a book that needs them is assessed.
    """
    check_mode(mode, MODES)
    resolved = parameters(as_of, params=params, accept=accept)
    if given:
        resolved = resolved.with_(given, source="given", status="recorded")
    return with_overrides(resolved, lambda p: compose(mode, p))


def compose(mode: str, p: Parameters) -> Regime:
    """Regime of an account mode from resolved parameters."""
    rules = _MODES[mode]
    return Regime(
        name=f"binance {mode}",
        pool=rules.pool,
        model=rules.model(p),
        collateral=rules.collateral(p),
        provenance=p.provenance(),
    )
