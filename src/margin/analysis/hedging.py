"""Hedging benefit: what positions need together against what they need one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures
from margin.analysis.tabular import Tabular
from margin.analysis.variants import Variants
from margin.book import Book
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hedging(Tabular):
    """Initial margins without open orders, USD; n accounts.

    Attributes
    ----------
    regime : str
    accounts : Ids
    whole : ndarray of float64, shape (n,)
        Of all positions and balances together.
    parts : ndarray of float64, shape (n,)
        Sum of those of each position row alone, and of the balances alone.
    """

    regime: str
    accounts: Ids
    whole: Array
    parts: Array

    @property
    def benefit(self) -> Array:
        """Fraction of the sum of the parts that standing together saves, shape (n,); negative where it costs; 0 of nothing."""
        return np.asarray(1.0 - np.divide(self.whole, self.parts, out=np.ones(len(self.parts)), where=self.parts > 0))

    @property
    def total_benefit(self) -> float:
        """The same of all accounts added up."""
        parts = float(self.parts.sum())
        return 1.0 - float(self.whole.sum()) / parts if parts > 0 else 0.0

    @property
    def title(self) -> str:
        """Of all accounts."""
        return f"Hedging benefit of {len(self.accounts)} accounts under {self.regime}: {100 * self.total_benefit:z.1f} %"

    def columns(self) -> dict[str, Any]:
        """One row for each account."""
        return {"account": self.accounts, "whole": self.whole, "sum_of_parts": self.parts, "benefit": self.benefit}


def hedging(regime: Regime, book: Book, market: Market, *, threads: int = 1) -> Hedging:
    """Margin each position alone, each account's balances alone, and all of them together.

    Parameters
    ----------
    regime, book, market
    threads : int
        As for `Regime.assess`.
    """
    n, held = len(book.accounts), book.positions
    everyone = np.arange(n, dtype=np.int32)
    # First each account whole, then its balances alone, then one account for each position row.
    variants = Variants.of(book, np.concatenate((everyone, everyone, held.account)))
    variant = variants.book.positions.account
    alone = variants.position == variant - 2 * n
    variants = variants.keeping(
        positions=(variant < n) | ((variant >= 2 * n) & alone),
        orders=np.zeros(len(variants.order), dtype=np.bool_),
        balances=variants.book.balances.account < 2 * n,
    )
    margin = Figures.of(variants.rules(regime, book).assess(variants.book, market, threads=threads)).initial_margin
    parts = margin[n : 2 * n] + np.bincount(held.account, weights=margin[2 * n :], minlength=n)
    return Hedging(regime.name, book.accounts, margin[:n], parts)
