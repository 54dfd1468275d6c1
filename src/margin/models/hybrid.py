"""Margins made of other margins: the larger or the sum of two, a share of another, a buffer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, OrderLines, order_by
from margin.market import Market
from margin.models.requirement import Model, Prepared, Requirement, UnitResults

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]


class Step(Protocol):
    """One thing that is done to a margin. Its name is the component that shows what it added."""

    @property
    def name(self) -> str:
        """Name of the component in results."""

    @property
    def model(self) -> Model | None:
        """The other model it looks at, if any."""

    def added(self, margin: Array, other: Array) -> Array:
        """What is added to the margin so far, given that of the other model (zeros without one); both >= 0, same shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The margin of another model on top."""

    name: str
    model: Model

    def added(self, margin: Array, other: Array) -> Array:
        """All of it."""
        return other


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """At least the margin of another model: the larger of a stress grid and a historical measure, or a floor under either.

    With a model over a long window this is the third tool against procyclicality of Commission Delegated Regulation (EU)
    153/2013, Art. 28(1)(c): margins not lower than those from volatility estimated over a 10 year look-back period.
    """

    name: str
    model: Model

    def added(self, margin: Array, other: Array) -> Array:
        """What is missing to it."""
        return np.maximum(other - margin, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StressedWeight:
    """A weight on stressed observations: ``(1 - weight) * margin + weight * margin of another model``.

    The second tool against procyclicality of Regulation (EU) 153/2013, Art. 28(1)(b): a weight of at least 25 % on stressed
    observations in the look-back period. What it adds is negative where the stressed model asks for less. The weights of a
    `History` that holds stressed scenarios beside current ones are the other way to the same end: one tail over both.

    Attributes
    ----------
    weight : float
        Between 0 and 1.
    """

    name: str
    model: Model
    weight: float

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight is {self.weight!r}; expected 0 <= weight <= 1")

    def added(self, margin: Array, other: Array) -> Array:
        """The weight times what the other model asks for beyond the margin."""
        return self.weight * (other - margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Buffer:
    """A fraction of the margin so far on top.

    The first tool against procyclicality of Regulation (EU) 153/2013, Art. 28(1)(a): a buffer of at least 25 % of the margin,
    which may be exhausted for a time while margins rise; a smaller fraction says how much of it is left.

    Attributes
    ----------
    fraction : float
        Of the margin, >= 0.
    """

    name: str
    fraction: float

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < np.inf:
            raise ValueError(f"fraction is {self.fraction!r}; expected a finite number, 0 or more")

    @property
    def model(self) -> None:
        """No other model."""

    def added(self, margin: Array, other: Array) -> Array:
        """The fraction of the margin."""
        return self.fraction * margin


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridModel:
    """A model whose margins are raised step by step, each step one component of the result.

    Every step is done to the initial margin and to the maintenance margin alike, the other model's initial margin against the
    initial, its maintenance margin against the maintenance. Margins include what a model asks for orders, so with `Sum` give
    the order rule to one of the two only. Any model will do, also another hybrid.

    Attributes
    ----------
    model : Model
        Where it starts; its components are kept as they are.
    steps : tuple of Step
        `Sum`, `Floor`, `StressedWeight`, `Buffer`, in the order in which they are done. Names differ.

    Examples
    --------
    The larger of a stress grid and expected shortfall, then a quarter on top::

        HybridModel(model=portfolio, steps=(Floor(name="historical", model=historical), Buffer(name="buffer", fraction=0.25)))
    """

    model: Model
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two steps have the name {name!r}; each is a component of its own")

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedHybrid:
        """Prepare every model for the same market and rows."""
        parts = [self.model.prepare(market, in_usd=in_usd, used=used)]
        parts += [step.model.prepare(market, in_usd=in_usd, used=used) for step in self.steps if step.model is not None]
        shocked = np.logical_or.reduce([part.shocked_currencies for part in parts])
        return PreparedHybrid(model=self, parts=tuple(parts), rank=parts[0].rank, shocked_currencies=shocked)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHybrid:
    """`HybridModel` for one market.

    Attributes
    ----------
    parts : tuple of Prepared
        The model where it starts, then those of the steps that have one.
    rank : ndarray of int32, shape (n_rows,)
        That of the first part; lines are sorted anew for the others.
    shocked_currencies : ndarray of bool, shape (n_currencies,)
        Those that any part shocks.
    """

    model: HybridModel
    parts: tuple[Prepared, ...]
    rank: Codes
    shocked_currencies: NDArray[np.bool_]

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each part: empty for the first, then those of the steps."""
        return ("", *(step.name for step in self.model.steps if step.model is not None))

    @property
    def units(self) -> tuple[str, ...]:
        """Risk units of all parts, those of a step with its name before theirs."""
        return tuple(
            f"{name} {unit}".lstrip() for name, part in zip(self.names, self.parts, strict=True) for unit in part.units
        )

    @property
    def n_scenarios(self) -> int:
        """The most scenarios of any part."""
        return max(part.n_scenarios for part in self.parts)

    def label(self, unit: int, scenario: int) -> str:
        """What happens in a scenario of the part that the unit belongs to; empty beyond its last."""
        for part in self.parts:
            if unit < len(part.units):
                return part.label(unit, scenario) if scenario < part.n_scenarios else ""
            unit -= len(part.units)
        raise IndexError(f"there are only {len(self.units)} units")

    def requirements(self, lines: Lines, orders: OrderLines) -> tuple[Requirement, ...]:
        """What each part alone requires, the parts in order."""
        out = []
        for part in self.parts:
            held = self._taken(part, lines)
            mine = lines.take(held[order_by(lines.take(held), part.rank)])
            out.append(part.requirement(mine, orders.take(order_by(orders, part.rank))))
        return tuple(out)

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Margins of all pools, step by step."""
        requirements = self.requirements(lines, orders)
        first, others = requirements[0], iter(requirements[1:])
        initial, maintenance = first.initial, first.maintenance
        components = dict(first.components)
        none = np.zeros(lines.n_pools)
        for step in self.model.steps:
            if step.name in components:
                raise ValueError(f"the step {step.name!r} is named like a component of the model; give it another name")
            other = None if step.model is None else next(others)
            components[step.name] = step.added(initial, none if other is None else other.initial)
            initial = initial + components[step.name]
            maintenance = maintenance + step.added(maintenance, none if other is None else other.maintenance)
        return Requirement(initial, maintenance, components, self._units(requirements, lines.n_pools))

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Contributions to each part, those of a step with its name before theirs; what no line adds is of the first part."""
        by_line: dict[str, Array] = {}
        rest: dict[str, float] = {}
        for name, part in zip(self.names, self.parts, strict=True):
            held = self._taken(part, lines)
            at = held[order_by(lines.take(held), part.rank)]
            mine, beside = part.contributions(lines.take(at))
            for column, values in mine.items():
                by_line[f"{name}_{column}".lstrip("_")] = spread = np.zeros(len(lines))
                spread[at] = values
            rest = rest if name else beside
        return by_line, rest

    def _taken(self, part: Prepared, lines: Lines) -> Offsets:
        """Lines that concern a part: all but collateral that it does not shock."""
        if np.array_equal(part.shocked_currencies, self.shocked_currencies):
            return np.arange(len(lines))
        instruments = np.ones(len(part.rank) - len(part.shocked_currencies), dtype=np.bool_)
        return np.flatnonzero(np.concatenate((instruments, part.shocked_currencies))[lines.row])

    def _units(self, requirements: Sequence[Requirement], n_pools: int) -> UnitResults | None:
        """Units of all parts, by pool."""
        first = np.cumsum([0, *(len(part.units) for part in self.parts)])
        results = [(r.units, offset) for r, offset in zip(requirements, first, strict=False) if r.units is not None]
        if not results:
            return None
        pool = np.concatenate([u.pool for u, _ in results])
        _, order = kernels.group(pool, None, n_pools)
        charges = {name: None for u, _ in results for name in u.charges}
        return UnitResults(
            pool=pool,
            unit=np.concatenate([u.unit + np.int32(offset) for u, offset in results]),
            worst_loss=np.concatenate([u.worst_loss for u, _ in results]),
            scenario=np.concatenate([u.scenario for u, _ in results]),
            charges={name: np.concatenate([_charge(u, name) for u, _ in results]) for name in charges},
        ).take(order)


def _charge(units: UnitResults, name: str) -> Array:
    charges: Mapping[str, Array] = units.charges
    return charges.get(name, np.zeros(len(units.pool)))
