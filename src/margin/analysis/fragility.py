"""Hidden fragility: offsets that rest on correlations, and collateral that rests on haircuts and pegs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import LIQUIDATED, RESTRICTED, Figures
from margin.analysis.hedging import hedging
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

PULLS = (-1.0, -0.5, 0.5, 1.0)
HAIRCUTS = (0.05, 0.1, 0.25)
DEPEGS = (0.02, 0.1, 0.3)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HiddenCorrelation(Tabular):
    """Initial margin of n accounts under changed correlations, USD.

    Attributes
    ----------
    regime : str
    accounts : Ids
    pulls : tuple of float, length k
        As `Shock.correlation`: above zero towards one, below zero towards none.
    initial_margin : ndarray of float64, shape (k, n)
    now : ndarray of float64, shape (n,)
        With correlations as they are.
    offsets : ndarray of float64, shape (n,)
        What standing together saves now: sum of the parts less the requirement without orders.
    """

    regime: str
    accounts: Ids
    pulls: tuple[float, ...]
    initial_margin: Array
    now: Array
    offsets: Array

    @property
    def worst(self) -> Array:
        """Largest requirement, shape (n,)."""
        return np.asarray(np.maximum(self.now, self.initial_margin.max(axis=0)))

    @property
    def offsets_lost(self) -> Array:
        """Fraction of the offsets that the worst of the changes takes away, shape (n,); 0 where there are none."""
        rise = self.worst - self.now
        return np.asarray(np.divide(rise, self.offsets, out=np.zeros(len(rise)), where=self.offsets > 0))

    @property
    def title(self) -> str:
        """By how much the requirement of all rises."""
        total = float(self.now.sum())
        rise = f"{100 * (float(self.worst.sum()) / total - 1):+.1f} %" if total > 0 else "nothing"
        return f"Changed correlations raise the initial margin of {len(self.accounts)} accounts under {self.regime} by {rise}"

    def columns(self) -> dict[str, Any]:
        """One row for each account."""
        changed = {f"correlation_{pull:+g}": self.initial_margin[k] for k, pull in enumerate(self.pulls)}
        return {
            "account": self.accounts, "now": self.now, **changed, "offsets": self.offsets, "offsets_lost": self.offsets_lost
        }  # fmt: skip


def hidden_correlation(
    regime: Regime, book: Book, market: Market, *, pulls: Sequence[float] = PULLS, threads: int = 1
) -> HiddenCorrelation:
    """Requirement when the correlations of the regime's history change, and what that takes of the offsets.

    Parameters
    ----------
    regime : Regime
        With a model of a history, alone or in a hybrid.
    book, market
    pulls : sequence of float
        In [-1, 1].
    threads : int
        As for `Regime.assess`.

    Raises
    ------
    ParameterError
        If the regime has no history.
    """
    if not pulls:
        raise ValueError("pulls: give one at least")
    now = Figures.of(regime.assess(book, market, threads=threads)).initial_margin
    changed = [
        Figures.of(Shock(correlation=pull).rules(regime).assess(book, market, threads=threads)).initial_margin for pull in pulls
    ]
    together = hedging(regime, book, market, threads=threads)
    return HiddenCorrelation(
        regime.name, book.accounts, tuple(pulls), np.array(changed), now, together.parts - together.whole
    )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Fragility(Tabular):
    """What shocks of one collateral currency at a time would do to all accounts; one entry for each of k shocks.

    Attributes
    ----------
    regime : str
    currency : tuple of str
    kind : tuple of str
        ``haircut`` (added) or ``depeg`` (fraction of the price lost).
    size : ndarray of float64, shape (k,)
    collateral_lost : ndarray of float64, shape (k,)
        USD, sum over accounts.
    called, liquidated : ndarray of int64, shape (k,)
        Accounts that met their initial margin and would not; that would newly be in liquidation.
    shortfall : ndarray of float64, shape (k,)
        Added to what pools lack to their maintenance margins, USD.
    """

    regime: str
    currency: tuple[str, ...]
    kind: tuple[str, ...]
    size: Array
    collateral_lost: Array
    called: NDArray[np.int64]
    liquidated: NDArray[np.int64]
    shortfall: Array

    @property
    def title(self) -> str:
        """Under which regime."""
        return f"Collateral under stress, one currency at a time, {self.regime}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each shock."""
        return {
            "currency": list(self.currency),
            "shock": list(self.kind),
            "size": self.size,
            "collateral_lost": self.collateral_lost,
            "called": self.called,
            "liquidated": self.liquidated,
            "shortfall": self.shortfall,
        }


def collateral_fragility(
    regime: Regime,
    book: Book,
    market: Market,
    *,
    currencies: Sequence[str] | None = None,
    haircuts: Sequence[float] = HAIRCUTS,
    depegs: Sequence[float] = DEPEGS,
    threads: int = 1,
) -> Fragility:
    """Raise the haircut, then break the peg of one currency at a time.

    Parameters
    ----------
    regime, book, market
    currencies : sequence of str, optional
        By default all that somebody has a balance of.
    haircuts : sequence of float
        Added to the haircut of the currency, also where it is zero.
    depegs : sequence of float
        Fractions of its price that the currency loses; a coin then falls with all that is priced with it.
    threads : int
        As for `Regime.assess`.

    Raises
    ------
    DataError
        If a currency is unknown.
    """
    if currencies is None:
        held = np.unique(book.balances.currency[book.balances.amount != 0])
        currencies = tuple(book.currencies[int(c)] for c in held)
    before = Figures.of(regime.assess(book, market, threads=threads))
    rows = []
    for currency in currencies:
        shocks = [("haircut", up, Shock(haircuts={currency: up})) for up in haircuts]
        shocks += [("depeg", lost, Shock(depeg={currency: lost})) for lost in depegs]
        for kind, size, shock in shocks:
            shocked, rules = shock.apply(market, regime)
            after = Figures.of(rules.assess(book, shocked, threads=threads))
            lost = float((before.maintenance_collateral - after.maintenance_collateral).sum())
            called = int(((before.status < RESTRICTED) & (after.status >= RESTRICTED)).sum())
            liquidated = int(((before.status < LIQUIDATED) & (after.status >= LIQUIDATED)).sum())
            rows.append((currency, kind, size, lost, called, liquidated, float((after.shortfall - before.shortfall).sum())))
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    numbers = [np.array(columns[i], dtype=np.float64) for i in (2, 3, 6)]
    counts = [np.array(columns[i], dtype=np.int64) for i in (4, 5)]
    return Fragility(regime.name, columns[0], columns[1], numbers[0], numbers[1], counts[0], counts[1], numbers[2])
