"""The account modes of Hyperliquid as compositions of pools and models.

Positions are margined one by one in every mode; modes differ in who shares collateral and in what may be borrowed. A position
with collateral of its own is isolated. Money that stands on a dex of its own is a currency of its own (`books.dex_token`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from margin.borrowing import BorrowedMargin
from margin.models.futures import FuturesMargin
from margin.models.increasing_orders import IncreasingOrders
from margin.models.no_options import NoOptions
from margin.models.standard import StandardModel
from margin.params import ACCEPTED, Day, Parameters
from margin.pools import LendingPool, LoanTerms, PartlyIsolated, SegregatedPool
from margin.regime import Regime, with_overrides
from margin.venues.hyperliquid.tiers import maintenance, opening
from margin.venues.presets import check_mode, load_parameters

MODES = ("standard", "unified", "portfolio_margin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Readings where the documentation is silent or contradicts recordings.

    Attributes
    ----------
    min_borrow_offset : {"least", "added"}
        In portfolio margin the least maintenance margin of an account that borrows, as recordings have it, or an amount that
        is added to it, as documented.
    without_leverage : {"refuse", "maximum"}
        What becomes of a position or an order without a chosen leverage: an error, or the maximum leverage of its tier.
    """

    min_borrow_offset: Literal["least", "added"] = "least"
    without_leverage: Literal["refuse", "maximum"] = "refuse"


def parameters(as_of: Day, *, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED) -> Parameters:
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
        Statuses of parameters to take.
    options : Options, optional

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every book needs has no value. Margin tables of coins are asked for when a
        book that holds them is assessed.
    """
    check_mode(mode, MODES)
    return compose(mode, parameters(as_of, params=params, accept=accept), options or Options())


def compose(mode: str, p: Parameters, options: Options | None = None) -> Regime:
    """Regime of an account mode from resolved parameters, with the rules of accounts that have parameters of their own."""
    return with_overrides(p, lambda own: _compose(mode, own, options or Options()))


def _compose(mode: str, p: Parameters, options: Options) -> Regime:
    lends = mode == "portfolio_margin"
    return Regime(
        name=f"hyperliquid {mode}",
        pool=PartlyIsolated(lending_pool(p) if lends else SegregatedPool()),
        model=_model(p, options, buffer=1.0 if mode == "standard" else p.number("orders.buffer")),
        borrowing=borrowed_margin(p, options) if lends else None,
        liquidates_at="excess",
        provenance=p.provenance(),
    )


def _model(p: Parameters, options: Options, *, buffer: float) -> StandardModel:
    leverage: Literal["table", "position", "either"] = "position" if options.without_leverage == "refuse" else "either"
    return StandardModel(
        futures=FuturesMargin(
            initial=opening(p),
            maintenance=maintenance(p),
            price="mark",
            tiers_in="value",
            by="base",
            leverage="table" if p.number("general.every_leverage") else leverage,
        ),
        options=NoOptions(),
        orders=IncreasingOrders(buffer),
    )


def lending_pool(p: Parameters) -> LendingPool:
    """Who backs what in portfolio margin."""
    section = "portfolio_margin"

    def number(token: str, name: str) -> float:
        return p.number(f"{section}.token.{token}.{name}")

    def terms(token: str) -> LoanTerms:
        ltv = number(token, "ltv")
        return LoanTerms(ltv, liquidation_threshold(p, ltv), number(token, "user_supply_cap"))

    return LendingPool(
        borrowable={token: number(token, "user_borrow_cap") for token in p.texts(f"{section}.borrowable")},
        collateral={token: terms(token) for token in p.texts(f"{section}.collateral")},
    )


def liquidation_threshold(p: Parameters, ltv: float) -> float:
    """Fraction of a collateral's worth that counts in the portfolio margin ratio."""
    return p.number("portfolio_margin.threshold_base") + p.number("portfolio_margin.threshold_slope") * ltv


def borrowed_margin(p: Parameters, options: Options) -> BorrowedMargin:
    """When an account in portfolio margin is liquidated."""
    return BorrowedMargin(
        limit=p.number("portfolio_margin.ratio"),
        offset=p.number("portfolio_margin.min_borrow_offset"),
        offset_is=options.min_borrow_offset,
    )
