"""Figures of accounts as the venue reports them; every amount in USD, arrays with one entry per account."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.contracts import coin_per_contract, is_option, settlement_value, value_per_contract
from margin.lines import pool_sums
from margin.models.portfolio import PortfolioModel
from margin.models.split import SplitModel

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.market import Market

Array = NDArray[np.float64]


class AccountFigures(NamedTuple):
    """Account level of a portfolio margin response, shape (n_accounts,).

    Attributes
    ----------
    adjusted_equity : ndarray of float64
    borrow_mmr, borrow_imr : ndarray of float64
        Margins of debts (MR8).
    total_mmr, total_imr : ndarray of float64
        Derivatives and debts; the initial margin with orders.
    liquidation_fee : ndarray of float64
    margin_ratio, account_leverage : ndarray of float64
    """

    adjusted_equity: Array
    borrow_mmr: Array
    borrow_imr: Array
    total_mmr: Array
    total_imr: Array
    liquidation_fee: Array
    margin_ratio: Array
    account_leverage: Array


def account_figures(assessment: Assessment, *, taker_fee: float) -> AccountFigures:
    """Figures of every account of an assessment under portfolio margin.

    Parameters
    ----------
    assessment : Assessment
    taker_fee : float
        Spot fee of the accounts' tier, a fraction; 0 leaves the liquidation fee out of the margin ratio.

    Raises
    ------
    ValueError
        If the assessment is of another mode.
    """
    model, market, r = assessment.regime.model, assessment.market, assessment.results
    model = model.shared if isinstance(model, SplitModel) else model
    if not isinstance(model, PortfolioModel) or model.borrow is None:
        message = f"{assessment.regime.name} has no margin of debts; these figures are those of portfolio margin"
        raise ValueError(message)
    n = len(assessment.book.accounts)
    lines = assessment.regime.group(assessment.encoded, assessment.prepared, 0, n)[2]
    owed = np.flatnonzero((lines.row >= len(market)) & (lines.quantity < 0))
    debt = pool_sums(lines.pool[owed], -lines.quantity[owed] * market.usd[lines.row[owed] - len(market)], n)
    margins = model.borrow.margin(lines, market)
    fee = liquidation_fee(debt, margins.maintenance, taker_fee)
    held = np.flatnonzero(lines.row < len(market))
    notional = pool_sums(lines.pool[held], np.abs(lines.quantity[held]) * _notional(market)[lines.row[held]], n)
    return AccountFigures(
        adjusted_equity=r.maintenance_collateral,
        borrow_mmr=margins.maintenance,
        borrow_imr=margins.initial,
        total_mmr=r.maintenance,
        total_imr=r.initial,
        liquidation_fee=fee,
        margin_ratio=margin_ratio(r.maintenance_collateral, r.maintenance, fee=fee),
        account_leverage=leverage(notional, r.maintenance_collateral),
    )


def liquidation_fee(debt: ArrayLike, borrow_mmr: ArrayLike, taker_fee: float) -> Array:
    """Fee of repaying debts at the market, ``debt * (1 + mmr rate) * taker_fee``.

    Under portfolio margin only debts bear it; what closing derivatives costs is part of their requirement.

    Parameters
    ----------
    debt : array_like
        USD, >= 0.
    borrow_mmr : array_like
        Maintenance margin of the debts, debt times rate, USD.
    taker_fee : float
    """
    return (np.asarray(debt, dtype=np.float64) + np.asarray(borrow_mmr, dtype=np.float64)) * taker_fee


def margin_ratio(adjusted_equity: ArrayLike, maintenance_margin: ArrayLike, *, fee: ArrayLike) -> Array:
    """Adjusted equity over maintenance margin and liquidation fee; at 1 or below an account is liquidated.

    Infinite where nothing is required and there is equity, positive or negative; 0 where there is neither.
    """
    return _over(adjusted_equity, np.asarray(maintenance_margin, dtype=np.float64) + np.asarray(fee))


def leverage(notional: ArrayLike, adjusted_equity: ArrayLike) -> Array:
    """Gross notional over adjusted equity, with the sign of the equity; infinite where there is none."""
    return _over(notional, adjusted_equity)


def delta_usd(market: Market) -> Array:
    """Delta of one contract of each future and perpetual in USD, at the mark; nan for options, shape (n,)."""
    coins = coin_per_contract(market) * market.mark
    worth = np.where(market.inverse, 1.0, market.usd[market.settlement])
    return np.where(is_option(market), np.nan, coins * worth)


def _notional(market: Market) -> Array:
    """USD per contract: linear at the mark, inverse at face value, options at the index."""
    futures = np.where(market.inverse, market.contract_size, value_per_contract(market) * settlement_value(market))
    money = np.where(market.inverse, 1.0, market.usd[market.settlement])
    return np.where(is_option(market), coin_per_contract(market) * market.index_price * money, futures)


def _over(amount: ArrayLike, base: ArrayLike) -> Array:
    amount, base = np.broadcast_arrays(np.asarray(amount, dtype=np.float64), np.asarray(base, dtype=np.float64))
    nothing = np.where(amount == 0, 0.0, np.copysign(np.inf, amount))
    with np.errstate(over="ignore"):  # hardly any requirement is as good as none
        ratio: Array = np.divide(amount, base, out=nothing, where=base != 0)
    return ratio
