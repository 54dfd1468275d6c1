"""The same book under several regimes: what drives the requirement, what hedges save, what a vol does, how liquidations come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, usd_per_unit
from margin.analysis.breach import Breach
from margin.analysis.distance import DIRECTIONS, distances
from margin.analysis.hedging import Hedging, hedging
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.assessment import Assessment
from margin.book import Book
from margin.errors import DataError
from margin.market import Market
from margin.models.prepared_portfolio import WORST_LOSS
from margin.names import STATUSES
from margin.regime import Regime

Array = NDArray[np.float64]

PRICE, VOL = ("price down", "price up"), ("vol up",)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What one regime does to a book.

    Attributes
    ----------
    figures : Figures
    driver : str
        The component with the largest sum; of a worst loss also the scenario that makes most of it.
    driver_share : float
        Its part of the initial margin.
    hedging : Hedging
    after_vol : Figures
        The same book after the shock of volatility.
    price, vol : Breach
        Along the price, whichever side is nearer, and along a rising volatility.
    """

    figures: Figures
    driver: str
    driver_share: float
    hedging: Hedging
    after_vol: Figures
    price: Breach
    vol: Breach

    @property
    def vol_sensitivity(self) -> float:
        """Relative change of the initial margin of the book by the shock of volatility, price fixed; NaN of nothing."""
        before, after = (float(f.initial_margin.sum()) for f in (self.figures, self.after_vol))
        return after / before - 1.0 if before > 0 else np.nan


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison(Tabular):
    """One book under several regimes, USD.

    Attributes
    ----------
    what : str
        The account, or how many.
    vol_up : float
        Relative shock of volatility in `vol_sensitivity`.
    measured : tuple of Measured
    """

    what: str
    vol_up: float
    measured: tuple[Measured, ...]

    @property
    def title(self) -> str:
        """Whose book."""
        return f"Comparison of {len(self.measured)} regimes on {self.what}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each regime."""
        m = self.measured

        def total(name: str) -> Array:
            return np.array([float(getattr(one.figures, name).sum()) for one in m])

        counts = {status: np.array([int((o.figures.status == s).sum()) for o in m]) for s, status in enumerate(STATUSES)}
        return {
            "regime": [one.figures.regime for one in m],
            "initial_margin": total("initial_margin"),
            "maintenance_margin": total("maintenance_margin"),
            "equity": total("equity"),
            "collateral": total("maintenance_collateral"),
            **counts,
            "driver": [one.driver for one in m],
            "driver_share": np.array([one.driver_share for one in m]),
            "hedging_benefit": np.array([one.hedging.total_benefit for one in m]),
            "vol_sensitivity": np.array([one.vol_sensitivity for one in m]),
            **_breaches("price", [one.price for one in m]),
            **_breaches("vol", [one.vol for one in m]),
        }

    def account_columns(self) -> dict[str, Any]:
        """One row for each account: both margins and the status under each regime."""
        first = self.measured[0].figures
        columns: dict[str, Any] = {"account": first.accounts, "equity": first.equity}
        for number, one in enumerate(self.measured, start=1):
            columns[f"initial_{number}"] = one.figures.initial_margin
            columns[f"maintenance_{number}"] = one.figures.maintenance_margin
            columns[f"status_{number}"] = [STATUSES[s] for s in one.figures.status]
        return columns


def compare(
    regimes: Sequence[Regime],
    book: Book,
    market: Market,
    *,
    vol_up: float = 0.5,
    tolerance: float = 0.02,
    threads: int = 1,
    on_regime: Callable[[float], None] | None = None,
) -> Comparison:
    """Measure regimes on a book.

    Parameters
    ----------
    regimes : sequence of Regime
        Of different names.
    book : Book
        One account, or all (`Book.select` takes some).
    market : Market
    vol_up : float
        Relative shock of volatility whose effect on the requirement is measured, > 0.
    tolerance : float
        Of the distances to the breach.
    threads : int
        As for `Regime.assess`.
    on_regime : callable, optional
        Called with the fraction of the regimes that is done.

    Raises
    ------
    DataError
        If there are no regimes, or two have the same name.
    """
    names = [regime.name for regime in regimes]
    twice = [name for name in names if names.count(name) > 1]
    if not regimes or twice:
        problem = f"two regimes are called {twice[0]!r}" if twice else "there are no regimes to compare"
        raise DataError(problem, table="compare", hint="Give one or more, each with a name of its own.")
    if vol_up <= 0:
        raise ValueError(f"vol_up={vol_up}: above zero")
    measured = []
    for done, regime in enumerate(regimes, start=1):
        assessment = regime.assess(book, market, threads=threads)
        shocked, rules = Shock(vol=vol_up).apply(market, regime)
        found = distances(
            regime, book, market, {name: DIRECTIONS[name] for name in (*PRICE, *VOL)}, tolerance=tolerance, threads=threads
        )
        driver, share = primary_driver(assessment)
        measured.append(
            Measured(
                figures=Figures.of(assessment),
                driver=driver,
                driver_share=share,
                hedging=hedging(regime, book, market, threads=threads),
                after_vol=Figures.of(rules.assess(book, shocked, threads=threads)),
                price=Breach.of(found, PRICE),
                vol=Breach.of(found, VOL),
            )
        )
        if on_regime is not None:
            on_regime(done / len(regimes))
    what = f"account {book.accounts[0]}" if len(book.accounts) == 1 else f"{len(book.accounts)} accounts"
    return Comparison(what, vol_up, tuple(measured))


def primary_driver(assessment: Assessment) -> tuple[str, float]:
    """The component with the largest sum over all pools, and its part of the initial margin; of nothing, none and 0.

    Of a worst loss the scenario is named that makes the largest part of it.
    """
    worth = usd_per_unit(assessment)
    sums = {name: float((amount * worth).sum()) for name, amount in assessment.results.components.items()}
    total = sum(sums.values())
    if not sums or total <= 0:
        return "none", 0.0
    name = max(sums, key=lambda component: sums[component])
    return _with_scenario(assessment, name, worth), sums[name] / total


def _with_scenario(assessment: Assessment, component: str, worth: Array) -> str:
    units = assessment.results.units
    if component != WORST_LOSS or units is None or not (units.worst_loss > 0).any():
        return component.replace("_", " ")
    loss: dict[str, float] = {}
    pairs, number = np.unique(np.stack((units.unit, units.scenario)), axis=1, return_inverse=True)
    weight = np.bincount(number.reshape(-1), weights=units.worst_loss * worth[units.pool])
    for (unit, scenario), amount in zip(pairs.T, weight, strict=True):
        if scenario >= 0:
            label = assessment.prepared.label(int(unit), int(scenario))
            loss[label] = loss.get(label, 0.0) + float(amount)
    return f"worst loss ({max(loss, key=lambda label: loss[label])})" if loss else "worst loss"


def _breaches(name: str, found: Sequence[Breach]) -> dict[str, Any]:
    return {
        f"{name}_breaches": np.array([int(b.breached.sum()) for b in found]),
        f"{name}_lost_before": np.array([b.lost_before for b in found]),
        f"{name}_by_loss": np.array([b.by_loss for b in found]),
        f"{name}_behaviour": [b.behaviour for b in found],
    }
