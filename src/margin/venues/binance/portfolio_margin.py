"""Portfolio Margin and Portfolio Margin Pro: cross margin, USD-M and COIN-M as one pool with the tiers of each leg.

A hedge is not netted in any requirement; it helps only through the equity, where gains and losses offset each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.book import Book
from margin.by_name import ByName
from margin.errors import DataError
from margin.market import Market
from margin.models.loans import LoanMargin, WithLoans
from margin.models.requirement import Model
from margin.params import Parameters
from margin.pools import Collateral
from margin.rates import RateTable
from margin.regime import Regime
from margin.venues.binance.futures import futures_model
from margin.venues.binance.margin import asset_tiers, margin_leverage


def portfolio_margin_model(p: Parameters) -> WithLoans:
    """Legs of futures by their brackets, and margin loans."""
    return with_margin_loans(p, futures_model(p))


def with_margin_loans(p: Parameters, model: Model) -> WithLoans:
    """A model and the margin of loans: ``loan / (leverage - 1)`` initial, a rate by leverage maintenance; interest included."""
    return WithLoans(
        model,
        LoanMargin(
            initial=lambda asset: RateTable.flat(1 / (p.number("margin.leverage") - 1)),
            maintenance=lambda asset: RateTable.flat(p.number(f"portfolio_margin.loan.{margin_leverage(p)}.mmr")),
        ),
    )


def flat_collateral(p: Parameters) -> Collateral:
    """Portfolio Margin: one ratio for each asset, on its net of wallets, loans and P&L; a negative net counts in full."""
    return Collateral(ByName("haircut", lambda asset: 1 - p.number(f"portfolio_margin.collateral.{asset}")))


def tiered_collateral(p: Parameters) -> Collateral:
    """Portfolio Margin Pro: the tiers of an asset's rank, or its own, marginal over the USD value of its net."""

    def refuse(asset: str) -> float:
        return p.number(f"portfolio_margin_pro.asset.{asset}.rank")

    return Collateral(ByName("rank", refuse), tiers=asset_tiers(p, "portfolio_margin_pro", "rank"), tiers_in="value")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOrder:
    """A resting Cross Margin order.

    Attributes
    ----------
    base, quote : str
    quantity : float
        Base units, buy above zero.
    price : float
        Quote per base.
    """

    base: str
    quote: str
    quantity: float
    price: float


def open_loss(regime: Regime, book: Book, market: Market, orders: Sequence[SpotOrder]) -> NDArray[np.float64]:
    """Adjusted equity that each open Cross Margin order would cost if it filled, every order alone, shape (n_orders,), USD.

    One collateral asset turns into another with another ratio. The venue does not publish the formula; this is equity now less
    equity with the order filled at its price, never below zero.

    Parameters
    ----------
    regime : Regime
        Of the account's mode.
    book : Book
        Of the one account.
    market : Market
    orders : sequence of SpotOrder

    Raises
    ------
    DataError
        If the book does not hold exactly one account.
    """
    if len(book) != 1:
        raise DataError(f"the book holds {len(book)} accounts, and orders belong to one", table="accounts", hint="Select it.")

    def equity(of: Book) -> float:
        return float(regime.assess(of, market).results.maintenance_collateral[0])

    now = equity(book)
    filled = (equity(_with_balances(book, {o.base: o.quantity, o.quote: -o.quantity * o.price})) for o in orders)
    return np.maximum(now - np.fromiter(filled, dtype=np.float64, count=len(orders)), 0.0)


def _with_balances(book: Book, changes: dict[str, float]) -> Book:
    """The book of one account with some balances changed."""
    owned = book.balances
    more = Book.of(
        accounts={"account": [book.accounts[0]]},
        balances={
            "account": [book.accounts[0]] * (len(owned) + len(changes)),
            "currency": [*(book.currencies[c] for c in owned.currency), *changes],
            "amount": [*owned.amount.tolist(), *changes.values()],
            "loan": [*([0] * len(owned) if owned.loan is None else owned.loan.tolist()), *([0] * len(changes))],
        },
    )
    return replace(book, currencies=more.currencies, balances=more.balances)


def chargeable_balance(total_balance: float, threshold: float) -> float:
    """Part of a negative balance beyond the free amount, <= 0, in the asset: ``min(balance + threshold, 0)``."""
    return min(total_balance + threshold, 0.0)


def negative_balance_interest(total_balance: float, *, threshold: float, daily_rate: float) -> float:
    """Interest of a day (charged at 00:00 UTC) on a negative balance of an asset over all wallets, >= 0, in the asset.

    Parameters
    ----------
    total_balance : float
        Sum over all wallets, signed.
    threshold : float
        Free negative amount, > 0; `free_amount` of a level and asset.
    daily_rate : float
        Daily margin borrow rate, fraction.
    """
    return -chargeable_balance(total_balance, threshold) * daily_rate + 0.0


def free_amount(p: Parameters, *, level: str, asset: str) -> float:
    """Negative balance that bears no interest; raises `ParameterError` for levels and assets that are not published."""
    return p.number(f"portfolio_margin.negative_balance.{level}.{asset}")


def total_wallet_balance(*, cross_margin_free: float, cross_margin_locked: float, um_wallet: float, cm_wallet: float) -> float:
    """Balance of an asset over all wallets; what is borrowed is not taken off."""
    return cross_margin_free + cross_margin_locked + um_wallet + cm_wallet


def max_withdraw(p: Parameters, *, equity: float, maintenance: float) -> float:
    """Portfolio Margin Pro: equity that may leave the account, USD."""
    return max(equity - p.number("portfolio_margin_pro.withdraw_multiple") * maintenance, 0.0)


def max_loan(*, leverage: float, withdrawable: float, virtual_loan: float, index: float, limit: float, owed: float) -> float:
    """Portfolio Margin Pro: how much of an asset may be borrowed, in the asset.

    Parameters
    ----------
    leverage : float
        Margin leverage.
    withdrawable : float
        `max_withdraw`, USD.
    virtual_loan : float
        VirtualSpotLoan, USD.
    index : float
        USD per unit.
    limit, owed : float
        Largest loan of the asset, and what is owed, in the asset.
    """
    virtual = (leverage - 1) * max(withdrawable - virtual_loan / (leverage - 1), 0.0)
    return min(virtual / index, limit - owed)
