"""Distance: how far prices, vols, haircuts or a peg may go until an account is liquidated, on the whole assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A way to go: a shock for one unit of distance, and how far.

    Attributes
    ----------
    toward : Shock
        What one unit of distance is; half of it is ``toward.scaled(0.5)``.
    limit : float
        Largest distance, > 0.
    """

    toward: Shock
    limit: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < np.inf:
            raise ValueError(f"limit={self.limit}: a finite number above zero")


DIRECTIONS: Mapping[str, Direction] = MappingProxyType(
    {
        "price down": Direction(toward=Shock(price=-1.0), limit=0.95),
        "price up": Direction(toward=Shock(price=1.0), limit=3.0),
        "vol down": Direction(toward=Shock(vol=-1.0), limit=1.0),
        "vol up": Direction(toward=Shock(vol=1.0), limit=4.0),
        "haircut up": Direction(toward=Shock(haircut=1.0), limit=1.0),
    }
)
"""Directions by name, both sides of price and vol; one for a peg is `depeg`."""


def depeg(currency: str) -> Direction:
    """The direction in which a currency loses its peg; the distance is the fraction of its price that is lost."""
    return Direction(toward=Shock(depeg={currency: 1.0}), limit=0.95)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Distances(Tabular):
    """Nearest liquidation point of n accounts along d directions.

    Attributes
    ----------
    regime : str
    accounts : Ids, length n
    directions : Mapping of str to Direction
    inside, outside : ndarray of float64, shape (n, d)
        Last distance seen without a liquidation and first with one, apart by at most `tolerance`. Both 0 where the account is
        in liquidation as it is; NaN in `outside` where it survives up to the limit.
    equity_inside, collateral_inside, maintenance_inside : ndarray of float64, shape (n, d)
        Figures at `inside`, USD.
    start : Figures
        The accounts before any of it.
    tolerance : float
    assessments : int
        Assessments that were made, of all or of some accounts.
    """

    regime: str
    accounts: Ids
    directions: Mapping[str, Direction]
    inside: Array
    outside: Array
    equity_inside: Array
    collateral_inside: Array
    maintenance_inside: Array
    start: Figures
    tolerance: float
    assessments: int

    @property
    def title(self) -> str:
        """What was searched, and what it took."""
        return (
            f"Distance to liquidation of {len(self.accounts)} accounts under {self.regime}, "
            f"within {self.tolerance:g} ({self.assessments} assessments)"
        )

    def columns(self) -> dict[str, Any]:
        """One row for each account, one column for each direction: first distance with a liquidation, NaN without."""
        return {"account": self.accounts, **{name: self.outside[:, d] for d, name in enumerate(self.directions)}}

    @property
    def nearest(self) -> Array:
        """Distance in the nearest direction, shape (n,); NaN where there is none."""
        return np.asarray(np.fmin.reduce(self.outside, axis=1))


def distances(
    regime: Regime,
    book: Book,
    market: Market,
    directions: Mapping[str, Direction] = DIRECTIONS,
    *,
    start: Shock | None = None,
    tolerance: float = 1e-3,
    steps: int = 24,
    threads: int = 1,
) -> Distances:
    """Find the nearest liquidation point of every account along directions.

    The market is shocked and the whole book assessed anew, so P&L, option values, haircuts and requirement all move. One
    assessment tells about all accounts at one distance: after a scan of `steps` distances every account has an interval, and
    intervals that hold somebody are halved, each with the accounts inside it only, until they are shorter than the tolerance.
    A liquidation that ends again between two distances of the scan is not seen.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    directions : Mapping of str to Direction
    start : Shock, optional
        What has happened before, everywhere.
    tolerance : float
        Of each distance, > 0.
    steps : int
        Distances in the scan, >= 1.
    threads : int
        As for `Regime.assess`.

    Returns
    -------
    Distances
        With n accounts, a direction takes at most ``steps + min(n, cells) * halvings`` assessments, ``cells`` being the limit
        over the tolerance; each halving assesses every account once at most.

    Raises
    ------
    DataError
        If a shock does not suit the market.
    """
    if tolerance <= 0 or steps < 1:
        raise ValueError(f"tolerance={tolerance}, steps={steps}: above zero, 1 or more")
    walk = _Walk(regime, book, market, start or Shock(), threads)
    begin = walk.figures(Shock(), np.arange(len(book.accounts), dtype=np.int32))
    found = [_along(walk, direction, begin, tolerance, steps) for direction in directions.values()]
    inside, outside, equity, collateral, maintenance = (np.stack([f[i] for f in found], axis=1) for i in range(5))
    return Distances(
        regime=regime.name,
        accounts=book.accounts,
        directions=dict(directions),
        inside=inside,
        outside=outside,
        equity_inside=equity,
        collateral_inside=collateral,
        maintenance_inside=maintenance,
        start=begin,
        tolerance=tolerance,
        assessments=walk.count,
    )


@dataclass(slots=True)
class _Walk:
    """Assesses some accounts after a shock and counts how often."""

    regime: Regime
    book: Book
    market: Market
    start: Shock
    threads: int
    count: int = 0

    def figures(self, shock: Shock, accounts: Codes) -> Figures:
        self.count += 1
        market, regime = (self.start + shock).apply(self.market, self.regime)
        book = self.book if len(accounts) == len(self.book.accounts) else self.book.select(accounts, codes=True)
        return Figures.of(regime.assess(book, market, threads=self.threads))


def _along(walk: _Walk, direction: Direction, begin: Figures, tolerance: float, steps: int) -> tuple[Array, ...]:
    """Distances inside and outside, and equity, collateral and maintenance margin inside."""
    n = len(begin.accounts)
    inside, outside = np.zeros(n), np.full(n, np.nan)
    seen = [begin.equity.copy(), begin.maintenance_collateral.copy(), begin.maintenance_margin.copy()]
    outside[begin.liquidated] = 0.0
    alive = np.flatnonzero(~begin.liquidated).astype(np.int32)

    def look(at: float, accounts: Codes) -> Codes:
        """Assess accounts at a distance, note where they stand, and give those that survive."""
        figures = walk.figures(direction.toward.scaled(at), accounts)
        dead = figures.liquidated
        outside[accounts[dead]] = at
        living = accounts[~dead]
        inside[living] = at
        for column, now in zip(
            seen, (figures.equity, figures.maintenance_collateral, figures.maintenance_margin), strict=True
        ):
            column[living] = now[~dead]
        return living

    for step in range(1, steps + 1):
        if len(alive):
            alive = look(direction.limit * step / steps, alive)
    while True:
        wide = np.flatnonzero(outside - inside > tolerance).astype(np.int32)
        if not len(wide):
            return inside, outside, *seen
        middle = 0.5 * (inside[wide] + outside[wide])
        for at in np.unique(middle):
            look(float(at), wide[middle == at])
