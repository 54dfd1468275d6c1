"""Requirement, equity and their ratio over a grid of two shocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, ratio, status_names
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.errors import DataError
from margin.ids import Coded, Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

UNITS = {
    "price": Shock(price=1.0),
    "vol": Shock(vol=1.0),
    "vol_points": Shock(vol_points=1.0),
    "time": Shock(days=1.0),
    "haircut": Shock(haircut=1.0),
    "correlation": Shock(correlation=1.0),
}
"""What one unit along an axis is: a whole price, a whole vol, a day, a whole haircut, full correlation."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Values of one kind of shock.

    Attributes
    ----------
    name : str
        One of `UNITS`, or a name of one's own together with `unit`; ``depeg`` and a currency are made by `depeg_axis`.
    values : tuple of float
    unit : Shock or None
        What one unit is; None takes that of the name.
    """

    name: str
    values: tuple[float, ...]
    unit: Shock | None = None

    def __post_init__(self) -> None:
        if self.unit is None and self.name not in UNITS:
            hint = f"Choose from {', '.join(UNITS)}, or give a unit."
            raise DataError(f"there is no axis {self.name!r}", table="surface", value=self.name, hint=hint)
        if not self.values:
            raise DataError(f"the axis {self.name!r} has no values", table="surface", hint="Give one at least.")

    def shock(self, value: float) -> Shock:
        """The shock at a value of the axis."""
        return (self.unit or UNITS[self.name]).scaled(value)


def depeg_axis(currency: str, values: Sequence[float]) -> Axis:
    """An axis along which a currency loses a fraction of its price."""
    return Axis(f"depeg of {currency}", tuple(values), Shock(depeg={currency: 1.0}))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StressSurface(Tabular):
    """Figures of n accounts over a grid of x by y shocks, USD. Every array has shape (x, y, n).

    Attributes
    ----------
    regime : str
    x, y : Axis
    accounts : Ids
    equity, collateral, initial_margin, maintenance_margin : ndarray of float64
        Collateral is what counts against the maintenance margin.
    status : ndarray of int8
    """

    regime: str
    x: Axis
    y: Axis
    accounts: Ids
    equity: Array
    collateral: Array
    initial_margin: Array
    maintenance_margin: Array
    status: NDArray[np.int8]

    @property
    def utilisation(self) -> Array:
        """Maintenance margin over collateral."""
        return ratio(self.maintenance_margin, self.collateral)

    @property
    def title(self) -> str:
        """Axes and regime."""
        return f"{self.x.name} by {self.y.name} for {len(self.accounts)} accounts under {self.regime}, USD"

    def columns(self) -> dict[str, Any]:
        """One row for each point and account."""
        shape = self.equity.shape
        x, y, account = (index.reshape(-1) for index in np.indices(shape))
        return {
            self.x.name: np.array(self.x.values, dtype=np.float64)[x],
            self.y.name: np.array(self.y.values, dtype=np.float64)[y],
            "account": Coded(account.astype(np.int32), self.accounts),
            "equity": self.equity.reshape(-1),
            "collateral": self.collateral.reshape(-1),
            "initial_margin": self.initial_margin.reshape(-1),
            "maintenance_margin": self.maintenance_margin.reshape(-1),
            "utilisation": self.utilisation.reshape(-1),
            "status": status_names(self.status.reshape(-1)),
        }

    def totals(self) -> dict[str, Array]:
        """Sums over accounts at each point, and how many are in liquidation, each of shape (x, y)."""
        names = ("equity", "collateral", "initial_margin", "maintenance_margin")
        sums = {name: getattr(self, name).sum(axis=2) for name in names}
        return {**sums, "liquidated": (self.status == 2).sum(axis=2)}


def stress_surface(
    regime: Regime,
    book: Book,
    market: Market,
    x: Axis,
    y: Axis,
    *,
    threads: int = 1,
    on_point: Callable[[float], None] | None = None,
) -> StressSurface:
    """Assess a book at every point of a grid of shocks.

    Parameters
    ----------
    regime, book, market
    x, y : Axis
    threads : int
        As for `Regime.assess`.
    on_point : callable, optional
        Called with the fraction of the points that is done.

    Raises
    ------
    DataError
        If both axes have the same name, or a shock does not suit the market.
    """
    if x.name == y.name:
        raise DataError(f"both axes are {x.name!r}", table="surface", hint="Choose two.")
    shape = (len(x.values), len(y.values), len(book.accounts))
    equity, collateral, initial, maintenance = (np.empty(shape) for _ in range(4))
    status = np.empty(shape, dtype=np.int8)
    for i, along_x in enumerate(x.values):
        for j, along_y in enumerate(y.values):
            shocked, rules = (x.shock(along_x) + y.shock(along_y)).apply(market, regime)
            f = Figures.of(rules.assess(book, shocked, threads=threads))
            equity[i, j], collateral[i, j] = f.equity, f.maintenance_collateral
            initial[i, j], maintenance[i, j] = f.initial_margin, f.maintenance_margin
            status[i, j] = f.status
            if on_point is not None:
                on_point((i * shape[1] + j + 1) / (shape[0] * shape[1]))
    return StressSurface(regime.name, x, y, book.accounts, equity, collateral, initial, maintenance, status)
