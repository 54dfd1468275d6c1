"""Which shocks are applied: a price x volatility grid, extended moves beyond it, or a list of scenarios."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.shocks import DOWN, SAME, UP

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ScenarioTable:
    """Scenarios of several risk units; U units, S scenarios each.

    Attributes
    ----------
    move : ndarray of float64, shape (U, S)
        Relative price move, >= -1; above -1 where inverse contracts are held.
    vol : tuple of str, length S
        What volatilities do: `UP`, `SAME`, ...
    weight : ndarray of float64, shape (U, S)
        Share of the P&L that counts.
    conversion : ndarray of float64, shape (U, S)
        Price move at which money is turned back into coin where a unit counts in coin.
    relief : ndarray of float64, shape (U, S)
        USD by which a loss or a gain is dampened towards zero.
    n_regular : int
        The first so many scenarios are the grid, the others the extended moves.
    absolute : ndarray of bool, shape (S,)
        Scenarios in which every leaf of a unit counts at its loss, minus the absolute value of its P&L.
    """

    move: Array
    vol: tuple[str, ...]
    weight: Array
    conversion: Array
    relief: Array
    n_regular: int
    absolute: NDArray[np.bool_]

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, S."""
        return len(self.vol)

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words: ``price -16 %, vol up``."""
        regular, weight = scenario < self.n_regular, self.weight[unit, scenario]
        kind, part = "price" if regular else "extended price", f", weight {weight:.4g}" if regular and weight != 1 else ""
        return f"{kind} {100 * self.move[unit, scenario]:+.4g} %, vol {self.vol[scenario]}{part}"


class Scenarios(Protocol):
    """Which shocks a model applies."""

    def table(self, units: Sequence[str]) -> ScenarioTable:
        """Scenarios of the named units; raises `ParameterError` where a unit has none."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One shock.

    Attributes
    ----------
    move : float
        Relative price move, >= -1; above -1 where inverse contracts are held.
    vol : str
        What volatilities do.
    weight : float
        Share of the P&L that counts.
    absolute : bool
        Every leaf of a unit counts at its loss.
    """

    move: float
    vol: str = SAME
    weight: float = 1.0
    absolute: bool = False

    def __post_init__(self) -> None:
        if not self.move >= -1:
            raise ValueError(f"a price move of {self.move} is below -1")


@dataclass(frozen=True, slots=True)
class ListedScenarios:
    """Scenarios listed one by one, the same for every unit.

    Attributes
    ----------
    scenarios : tuple of Scenario
    """

    scenarios: tuple[Scenario, ...]

    def table(self, units: Sequence[str]) -> ScenarioTable:
        """The list, once for each unit."""
        move, weight = (
            np.tile(np.array([getattr(s, name) for s in self.scenarios], dtype=np.float64), (len(units), 1))
            for name in ("move", "weight")
        )
        return ScenarioTable(
            move=move,
            vol=tuple(s.vol for s in self.scenarios),
            weight=weight,
            conversion=move,
            relief=np.zeros_like(move),
            n_regular=len(self.scenarios),
            absolute=np.array([s.absolute for s in self.scenarios], dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class PriceVolGrid:
    """Evenly spaced price moves up to a range on both sides, each with the volatility moved up, unchanged and down.

    Move-major: the first scenarios are those of the most negative move.

    Attributes
    ----------
    price_range : ByName
        Largest relative move, by unit.
    steps : int
        Price steps on each side of zero.
    vol : tuple of str
        Volatility moves within a price move.
    """

    price_range: ByName
    steps: int
    vol: tuple[str, ...] = (UP, SAME, DOWN)

    def moves(self, units: Sequence[str]) -> Array:
        """Price moves, shape (len(units), 2 * steps + 1)."""
        return self.price_range.array(units)[:, None] * np.arange(-self.steps, self.steps + 1) / self.steps


@dataclass(frozen=True, slots=True)
class ListedGrid:
    """Price moves listed for each unit, each with several moves of the volatility; move-major.

    Attributes
    ----------
    moves : callable
        Unit -> relative price moves, as many for every unit. Raises `ParameterError` where a unit has none.
    vol : tuple of str
        Volatility moves within a price move.
    """

    moves: Callable[[str], tuple[float, ...]]
    vol: tuple[str, ...] = (SAME,)

    def table(self, units: Sequence[str]) -> ScenarioTable:
        """Scenarios of the named units."""
        listed = [self.moves(unit) for unit in units]
        counts = {len(moves) for moves in listed}
        if len(counts) > 1:
            message = f"units have {min(counts)} to {max(counts)} price moves; every unit needs the same number"
            raise ParameterError(message, name="moves", scope="scenarios")
        n_moves = max(counts, default=0)
        moves = np.repeat(np.array(listed, dtype=np.float64).reshape(len(units), n_moves), len(self.vol), axis=1)
        n = n_moves * len(self.vol)
        return ScenarioTable(
            move=moves,
            vol=self.vol * n_moves,
            weight=np.ones_like(moves),
            conversion=moves,
            relief=np.zeros_like(moves),
            n_regular=n,
            absolute=np.zeros(n, dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class ExtendedMoves:
    """Price moves beyond the grid, volatility up, of which a part counts.

    A loss at move x is valued at the shocked price, counts by ``factor * price_range / |x|``, and is dampened towards zero by
    ``(max(|x| / price_range, 1) - 1) * dampener``.

    Attributes
    ----------
    moves : tuple of float
        Relative price moves, none of them zero, each > -1.
    factor : ByName
        By unit.
    dampener : ByName
        USD, by unit.
    """

    moves: tuple[float, ...]
    factor: ByName
    dampener: ByName

    def __post_init__(self) -> None:
        if any(not x > -1 or x == 0 for x in self.moves):
            raise ValueError(f"extended moves {self.moves} must be above -1 and not zero")


@dataclass(frozen=True, slots=True)
class ScenarioSet:
    """A grid, and extended moves behind it.

    Attributes
    ----------
    grid : PriceVolGrid
    extended : ExtendedMoves or None
    """

    grid: PriceVolGrid
    extended: ExtendedMoves | None = None

    def table(self, units: Sequence[str]) -> ScenarioTable:
        """Scenarios of the named units; raises `ParameterError` where a unit has no range."""
        moves = np.repeat(self.grid.moves(units), len(self.grid.vol), axis=1)
        vol = self.grid.vol * (2 * self.grid.steps + 1)
        n = moves.shape[1]
        regular = ScenarioTable(moves, vol, np.ones_like(moves), moves, np.zeros_like(moves), n, np.zeros(n, dtype=np.bool_))
        return regular if self.extended is None else self._with_extended(regular, self.extended, units)

    def _with_extended(self, regular: ScenarioTable, extended: ExtendedMoves, units: Sequence[str]) -> ScenarioTable:
        price_range = self.grid.price_range.array(units)[:, None]
        moves = np.tile(np.array(extended.moves), (len(units), 1))
        multiple = np.abs(moves) / price_range
        weight = extended.factor.array(units)[:, None] / multiple
        relief = (np.maximum(multiple, 1.0) - 1.0) * extended.dampener.array(units)[:, None]
        return ScenarioTable(
            move=np.hstack((regular.move, moves)),
            vol=regular.vol + (UP,) * len(extended.moves),
            weight=np.hstack((regular.weight, weight)),
            conversion=np.hstack((regular.conversion, np.sign(moves) * price_range)),
            relief=np.hstack((regular.relief, relief)),
            n_regular=regular.n_regular,
            absolute=np.concatenate((regular.absolute, np.zeros(len(extended.moves), dtype=np.bool_))),
        )
