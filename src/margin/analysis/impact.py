"""Impact of other rules on a whole exchange: who would be called, who liquidated, what changes in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import LIQUIDATED, RESTRICTED, Figures, status_names
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.market import Market
from margin.names import STATUSES
from margin.regime import Regime

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Impact(Tabular):
    """The same accounts under two sets of rules, in USD; n accounts.

    Attributes
    ----------
    before, after : Figures
    """

    before: Figures
    after: Figures

    @property
    def change(self) -> Array:
        """Change of the initial margin, shape (n,)."""
        return self.after.initial_margin - self.before.initial_margin

    @property
    def relative(self) -> Array:
        """Change over the initial margin before, shape (n,); NaN where that is zero."""
        before = self.before.initial_margin
        return np.asarray(np.divide(self.change, before, out=np.full(len(before), np.nan), where=before > 0))

    @property
    def called(self) -> Flags:
        """Accounts that met their initial margin and would not, shape (n,); those that would be liquidated are among them."""
        return np.asarray((self.before.status < RESTRICTED) & (self.after.status >= RESTRICTED))

    @property
    def liquidated(self) -> Flags:
        """Accounts that are not in liquidation and would be, shape (n,)."""
        return np.asarray((self.before.status < LIQUIDATED) & (self.after.status >= LIQUIDATED))

    @property
    def transitions(self) -> NDArray[np.int64]:
        """Number of accounts by status before (rows) and after (columns), shape (3, 3)."""
        pair = self.before.status.astype(np.int64) * 3 + self.after.status
        return np.bincount(pair, minlength=9).reshape(3, 3)

    def quantiles(self, at: Sequence[float] = QUANTILES) -> dict[str, Array]:
        """Distribution over accounts of the change and of the relative change of the initial margin."""
        relative = self.relative[~np.isnan(self.relative)]

        def of(values: Array) -> Array:
            return np.quantile(values, at) if len(values) else np.full(len(at), np.nan)

        return {"quantile": np.array(at), "change": of(self.change), "relative": of(relative)}

    @property
    def title(self) -> str:
        """How many are called and liquidated, and the change in all."""
        total, new = float(self.before.initial_margin.sum()), float(self.after.initial_margin.sum())
        relative = f" ({100 * (new / total - 1):+.1f} %)" if total > 0 else ""
        return (
            f"From {self.before.regime} to {self.after.regime}, {len(self.before.accounts)} accounts: initial margin "
            f"{total:,.0f} -> {new:,.0f} USD{relative}; {int(self.called.sum())} called, "
            f"{int(self.liquidated.sum())} liquidated"
        )

    def columns(self) -> dict[str, Any]:
        """One row for each account, the largest change of the initial margin first."""
        order = np.argsort(-np.abs(self.change), kind="stable")
        b, a = self.before.take(order), self.after.take(order)
        return {
            "account": b.accounts,
            "equity": b.equity,
            "initial_before": b.initial_margin,
            "initial_after": a.initial_margin,
            "change": self.change[order],
            "relative": self.relative[order],
            "maintenance_before": b.maintenance_margin,
            "maintenance_after": a.maintenance_margin,
            "available_after": a.available,
            "excess_after": a.excess,
            "status_before": status_names(b.status),
            "status_after": status_names(a.status),
        }


def impact(before: Regime, after: Regime, book: Book, market: Market, *, threads: int = 1) -> Impact:
    """Assess a book under two sets of rules.

    Parameters
    ----------
    before, after : Regime
        The same mode with other parameters, or any two regimes.
    book : Book
    market : Market
    threads : int
        As for `Regime.assess`.
    """
    figures = [Figures.of(regime.assess(book, market, threads=threads)) for regime in (before, after)]
    return Impact(*figures)


def transition_columns(result: Impact) -> dict[str, Any]:
    """Accounts by status before and after, as a table."""
    return {
        "before": list(STATUSES),
        **{f"after_{name}": result.transitions[:, i] for i, name in enumerate(STATUSES)},
    }
