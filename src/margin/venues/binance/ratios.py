"""The ratios and statuses that the venue names, of numbers and of assessments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.params import Parameters

Array = NDArray[np.float64]

NORMAL, MARGIN_CALL, REDUCE_ONLY, LIQUIDATION, BANKRUPTED = (
    "NORMAL",
    "MARGIN_CALL",
    "REDUCE_ONLY",
    "FORCE_LIQUIDATION",
    "BANKRUPTED",
)


def margin_ratio(maintenance: float, margin_balance: float) -> float:
    """Futures: maintenance margin over margin balance; infinite where there is a requirement and no balance."""
    return _over(maintenance, margin_balance) if margin_balance > 0 or not maintenance else float("inf")


def liquidated(maintenance: float, margin_balance: float) -> bool:
    """Futures: whether the margin balance is below the maintenance margin."""
    return margin_balance < maintenance


def uni_mmr(equity: float, maintenance: float) -> float:
    """Portfolio margin: adjusted equity over maintenance margin; infinite where nothing is required."""
    return _over(equity, maintenance)


def margin_level(assets: float, liabilities: float) -> float:
    """Spot margin: assets over liabilities, interest included; Cross Margin Pro: net equity over maintenance margin."""
    return _over(assets, liabilities)


def uni_mmr_status(value: float, p: Parameters) -> str:
    """Status of a uniMMR; a bound belongs to the class below it. The pairing of names with ranges is inferred."""
    for name, status in (
        ("normal", NORMAL),
        ("margin_call", MARGIN_CALL),
        ("reduce_only", REDUCE_ONLY),
        ("liquidation", LIQUIDATION),
    ):
        if value > p.number(f"portfolio_margin.status.{name}"):
            return status
    return BANKRUPTED


def margin_level_status(level: float, p: Parameters, *, pro: bool) -> str:
    """Status of a margin level: FORCE_LIQUIDATION at or below its bound, MARGIN_CALL at or below that of a call (Pro: below it).

    Cross Margin Classic takes the bounds of the account's leverage, ``margin.leverage``.
    """
    section = "cross_margin.pro" if pro else f"cross_margin.classic.{p.number('margin.leverage'):g}x"
    call = p.number(f"{section}.call")
    if level <= p.number(f"{section}.liquidation"):
        return LIQUIDATION
    return MARGIN_CALL if level < call or (level == call and not pro) else NORMAL


def available(equity: float, initial: float) -> float:
    """Portfolio margin: what is left for orders and loans; futures show it only as far as it is above zero."""
    return equity - initial


def margin_ratios(assessment: Assessment) -> Array:
    """Margin ratio of every pool of a futures account, shape (n_rows,)."""
    r = assessment.results
    pairs = zip(r.maintenance.tolist(), r.maintenance_collateral.tolist(), strict=True)
    return np.array([margin_ratio(maintenance, balance) for maintenance, balance in pairs])


def uni_mmrs(assessment: Assessment, *, open_loss: float | Array = 0) -> Array:
    """UniMMR of every account in portfolio margin, shape (n_rows,).

    Parameters
    ----------
    assessment : Assessment
    open_loss : float or ndarray
        Loss of open Cross Margin orders, USD (Portfolio Margin only); see `portfolio_margin.open_loss`.
    """
    r = assessment.results
    equity = r.maintenance_collateral - open_loss
    return np.array([uni_mmr(*pair) for pair in zip(equity.tolist(), r.maintenance.tolist(), strict=True)])


def liabilities(assessment: Assessment) -> Array:
    """What every account has borrowed, in USD, shape (n_rows,); for pools of whole accounts."""
    owned, market = assessment.book.balances, assessment.market
    if owned.loan is None:
        return np.zeros(len(assessment))
    worth = owned.loan * market.usd[assessment.encoded.currency_row[owned.currency]] * market.money_usd
    owed: Array = np.bincount(owned.account, weights=worth, minlength=len(assessment.book)).astype(np.float64, copy=False)
    return owed[assessment.results.account]


def margin_levels(assessment: Assessment) -> Mapping[str, Array]:
    """Levels of margin wallets, each of shape (n_rows,).

    ``margin_level``: assets over liabilities. ``collateral_margin_level``: the same with assets at their collateral ratios.
    ``pro_margin_level``: net equity over maintenance margin, the level of Cross Margin Pro.
    """
    r, owed = assessment.results, liabilities(assessment)

    def each(top: Array, bottom: Array) -> Array:
        return np.array([margin_level(*pair) for pair in zip(top.tolist(), bottom.tolist(), strict=True)])

    return {
        "margin_level": each(r.equity + owed, owed),
        "collateral_margin_level": each(r.initial_collateral + owed, owed),
        "pro_margin_level": each(r.maintenance_collateral, r.maintenance),
    }


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("inf")
