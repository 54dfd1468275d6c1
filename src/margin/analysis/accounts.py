"""Figures of whole accounts: the pools of each account together, in USD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from margin.analysis.tabular import Tabular
from margin.assessment import Assessment
from margin.book import Book
from margin.ids import Coded, Ids
from margin.names import STATUSES
from margin.pools.holdings import MONEY

Array = NDArray[np.float64]

LIQUIDATED = STATUSES.index("liquidation")
RESTRICTED = STATUSES.index("restricted")

Margin = Literal["initial", "maintenance"]

Assess = Callable[[Book], Assessment]
"""Margins a book in one market under one regime; whatever keeps a market prepared between books fits."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Figures(Tabular):
    """One entry for each account of a book, in USD; n accounts.

    Attributes
    ----------
    regime : str
    accounts : Ids
    equity, initial_collateral, maintenance_collateral : ndarray of float64, shape (n,)
        Sums over the account's pools.
    initial_margin, maintenance_margin : ndarray of float64, shape (n,)
        The same.
    available, excess : ndarray of float64, shape (n,)
        Collateral less initial (maintenance) margin of the pool that has least of it: pools do not help each other.
    shortfall : ndarray of float64, shape (n,)
        What pools lack to their maintenance margins, >= 0.
    status : ndarray of int8, shape (n,)
        Position in `STATUSES` of the account's worst pool.
    """

    regime: str
    accounts: Ids
    equity: Array
    initial_collateral: Array
    maintenance_collateral: Array
    initial_margin: Array
    maintenance_margin: Array
    available: Array
    excess: Array
    shortfall: Array
    status: NDArray[np.int8]

    @classmethod
    def of(cls, assessment: Assessment) -> Figures:
        """Add up the pools of each account."""
        r, n = assessment.results, len(assessment.book.accounts)
        worth = usd_per_unit(assessment)

        def total(values: Array) -> Array:
            return np.bincount(r.account, weights=values * worth, minlength=n).astype(np.float64, copy=False)

        def least(values: Array) -> Array:
            low = np.full(n, np.inf)
            np.minimum.at(low, r.account, values * worth)
            return np.where(np.isinf(low), 0.0, low)  # an account without any pool lacks nothing

        status = np.zeros(n, dtype=np.int8)
        np.maximum.at(status, r.account, assessment.status)
        return cls(
            regime=assessment.regime.name,
            accounts=assessment.book.accounts,
            equity=total(r.equity),
            initial_collateral=total(r.initial_collateral),
            maintenance_collateral=total(r.maintenance_collateral),
            initial_margin=total(r.initial),
            maintenance_margin=total(r.maintenance),
            available=least(assessment.available),
            excess=least(assessment.excess),
            shortfall=total(np.maximum(-assessment.excess, 0.0)),
            status=status,
        )

    def take(self, which: NDArray[Any]) -> Figures:
        """Some of the accounts, in the order asked for."""
        arrays = {f.name: getattr(self, f.name)[which] for f in fields(self) if f.name not in {"regime", "accounts"}}
        return Figures(regime=self.regime, accounts=self.accounts.take(np.arange(len(self.accounts))[which]), **arrays)

    def meets(self, requirement: Margin) -> NDArray[np.bool_]:
        """Accounts whose pools all meet the initial margin, or of which none is in liquidation, shape (n,)."""
        if requirement not in ("initial", "maintenance"):
            raise ValueError(f"requirement={requirement!r}: choose from initial, maintenance")
        return ~(self.short if requirement == "initial" else self.liquidated)

    @property
    def liquidated(self) -> NDArray[np.bool_]:
        """Accounts with a pool in liquidation, shape (n,)."""
        return np.asarray(self.status == LIQUIDATED)

    @property
    def short(self) -> NDArray[np.bool_]:
        """Accounts with a pool that does not meet its initial margin, shape (n,)."""
        return np.asarray(self.status >= RESTRICTED)

    @property
    def utilisation(self) -> Array:
        """Maintenance margin over collateral, shape (n,): 0 where nothing is required, infinite without collateral."""
        return ratio(self.maintenance_margin, self.maintenance_collateral)

    @property
    def title(self) -> str:
        """Regime and number of accounts."""
        return f"{len(self.accounts)} accounts under {self.regime}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each account."""
        return {
            "account": self.accounts,
            "equity": self.equity,
            "initial_margin": self.initial_margin,
            "maintenance_margin": self.maintenance_margin,
            "utilisation": self.utilisation,
            "available": self.available,
            "excess": self.excess,
            "status": status_names(self.status),
        }


def usd_per_unit(assessment: Assessment) -> Array:
    """USD per unit of the currency that each row of an assessment counts in, shape (n_rows,)."""
    market, currency = assessment.market, assessment.results.currency
    return np.where(currency == MONEY, 1.0, market.usd[currency]) * market.money_usd


def ratio(requirement: Array, collateral: Array) -> Array:
    """Requirement over collateral: 0 where nothing is required and nothing owed, infinite where there is no collateral."""
    out = np.divide(requirement, collateral, out=np.full(np.shape(requirement), np.inf), where=collateral > 0)
    return np.where((requirement == 0) & (collateral >= 0), 0.0, out)


def status_names(status: NDArray[np.int8]) -> Coded:
    """Statuses in words."""
    return Coded(status.astype(np.int32), Ids.of(list(STATUSES)))


def code_of(book: Book, account: str | int) -> int:
    """Code of an account in a book; a `DataError` names one that is unknown."""
    known = Ids.of([account]).lookup(book.accounts)
    if known[0] < 0:
        book.select([account])  # raises, and says what ids there are
    return int(known[0])
