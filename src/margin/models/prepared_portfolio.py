"""A portfolio model made ready for one market: from lines to requirements."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.lines import Lines, OrderLines, Segments, group_lines, pool_sums, segments
from margin.market import Market
from margin.models.charges import PreparedCharge, Sensitivities
from margin.models.collateral_lines import BorrowCharge, hedging_part
from margin.models.order_charges import OPEN_ORDERS, PreparedOrderCharge
from margin.models.requirement import Requirement, UnitResults
from margin.models.shape import GainOffset
from margin.models.stress import Stress, UnitVectors

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Charges = Mapping[str, PreparedCharge]

WORST_LOSS, SCENARIO_LOSS, EXCESS_OF = "worst_loss", "scenario_loss", "excess_of_"
"""Component of a unit's worst loss; the part of it that scenarios give; prefix of what a minimum adds."""

INITIAL, MAINTENANCE = "initial_margin", "maintenance_margin"


class Risk(NamedTuple):
    """Amounts of the units of pools before factors.

    Attributes
    ----------
    lines : Lines
        Those that take part.
    units : Segments
    worst : ndarray of float64, shape (n_units,)
        Largest loss over scenarios and competing charges.
    scenario : ndarray of int32, shape (n_units,)
    shown : dict of str to ndarray
        What the parts are made of: the competing charges, the loss by scenarios alone beside them, the minimum.
    parts : dict of str to ndarray
        Components by name: the worst loss, the charges, what is missing to the minimum.
    """

    lines: Lines
    units: Segments
    worst: Array
    scenario: Codes
    shown: dict[str, Array]
    parts: dict[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPortfolio:
    """`PortfolioModel` for one market; fields that are not described here are the model's.

    Attributes
    ----------
    market : Market
    units : tuple of str
    unit, leaf, rank : ndarray of int32, shape (n_rows,)
    stress : Stress
    shocked_currencies : ndarray of bool, shape (n_currencies,)
        Currencies whose equity is a line: those in a unit, and all where debts are charged.
    sensitivities : Sensitivities
    initial, maintenance : dict of str to float
        Factor of each component.
    """

    market: Market
    units: tuple[str, ...]
    unit: Codes
    leaf: Codes
    rank: Codes
    stress: Stress
    shocked_currencies: NDArray[np.bool_]
    sensitivities: Sensitivities
    charges: Charges
    competing: Charges
    minimum: Charges
    orders: PreparedOrderCharge | None
    order_sets: bool
    borrow: BorrowCharge | None
    hedging_only: bool
    gains: GainOffset | None
    initial: dict[str, float]
    maintenance: dict[str, float]
    worst_decimals: int | None
    initial_decimals: int | None

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, the competing charges among them."""
        return self.stress.scenarios.n_scenarios + len(self.competing)

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words."""
        rival = scenario - self.stress.scenarios.n_scenarios
        return self.stress.scenarios.label(unit, scenario) if rival < 0 else tuple(self.competing)[rival]

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Worst losses and charges of all units, margins of all pools."""
        n, inside = lines.n_pools, self._inside(lines)
        risk = self._risk(inside)
        summed = {name: pool_sums(risk.units.pool, amount, n) for name, amount in risk.parts.items()}
        components = {name: self.initial[name] * amount for name, amount in summed.items()}
        maintenance = sum((self.maintenance[name] * amount for name, amount in summed.items()), np.zeros(n))
        of_orders = {} if self.orders is None else self.orders(orders, n)
        if self.order_sets:
            of_orders[OPEN_ORDERS] = self.order_sets_of(inside, orders, risk)
        if self.borrow is not None:
            debts = self.borrow.margin(lines, self.market)
            components[self.borrow.name] = debts.initial
            maintenance = maintenance + debts.maintenance
        initial = sum((components | of_orders).values(), np.zeros(n))
        return Requirement(
            initial=self.rounded(initial),
            maintenance=maintenance,
            components=components | of_orders,
            units=UnitResults(
                risk.units.pool,
                risk.units.code,
                risk.worst,
                risk.scenario,
                _without(risk.parts, WORST_LOSS)
                | risk.shown
                | {INITIAL: self.initial_of(risk), MAINTENANCE: self.maintenance_of(risk)},
            ),
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Loss of each line in its unit's worst scenario, and what turns their sum into the sum of worst losses.

        Where a competing charge is the worst loss it belongs to no line. The lines' losses and the other parts add up to the
        units' worst losses.
        """
        risk = self.risk(lines)
        placed = np.flatnonzero(self.unit[lines.row] >= 0)
        loss = np.zeros(len(lines))
        rest = dict.fromkeys(("dampening", "gains not counted", "rounding", *self.competing), 0.0)
        for u, vectors in enumerate(self.vectors(lines)):
            if risk.scenario[u] < 0:  # there is none
                continue
            rival = int(risk.scenario[u]) - self.stress.scenarios.n_scenarios
            if rival >= 0:
                name = tuple(self.competing)[rival]
                rest[name] += float(risk.shown[name][u])
                continue
            relieved = vectors.total + vectors.relief
            worst = int(np.argmin(relieved))
            loss[placed[risk.units.start[u] : risk.units.start[u + 1]]] = -vectors.lines[:, worst]
            rest["dampening"] -= float(vectors.relief[worst])
            gain = max(0.0, float(relieved[worst]))
            rest["gains not counted"] += gain
            exact = gain - float(relieved[worst])
            rest["rounding"] += float(_rounded(np.array(exact), self.worst_decimals)) - exact
        return {"loss": loss}, rest

    def vectors(self, lines: Lines) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool."""
        lines = self._inside(lines)
        return self.stress.vectors(self._hedging(lines, segments(lines, self.unit)), self.unit, self.leaf, self.gains)

    def _hedging(self, lines: Lines, units: Segments) -> Lines:
        """Coin as far as it takes part."""
        return hedging_part(lines, units, self.sensitivities) if self.hedging_only else lines

    def _inside(self, lines: Lines) -> Lines:
        """The lines that stand in a unit."""
        outside = self.unit[len(self.market) :] < 0  # instruments in use stand in a unit
        if not (outside & self.shocked_currencies).any():
            return lines
        return lines.take(np.flatnonzero(self.unit[lines.row] >= 0))

    def risk(self, lines: Lines) -> Risk:
        """Amounts of the units of all pools."""
        return self._risk(self._inside(lines))

    def _risk(self, lines: Lines) -> Risk:
        """Amounts of the units of all pools, from lines that all stand in a unit."""
        return self.amounts(lines, *(lines.runs or self.runs(lines)))

    def runs(self, lines: Lines) -> tuple[Segments, Segments]:
        """Runs of each unit and each leaf; where nothing looks at leaves, units are as good."""
        units = segments(lines, self.unit)
        by_leaf = self.stress.by_leaf or self.charges or self.competing or self.minimum
        return units, segments(lines, self.leaf) if by_leaf else units

    def amounts(self, lines: Lines, units: Segments, leaves: Segments) -> Risk:
        """Amounts of the units of all pools, from lines that all stand in a unit and the runs of each unit and leaf."""
        lines = self._hedging(lines, units)
        worst, scenario = self.stress.worst(lines, units, leaves)
        by_scenarios = worst = _rounded(worst, self.worst_decimals)
        rivals = {name: amount(lines, units, leaves) for name, amount in self.competing.items()}
        for k, rival in enumerate(rivals.values()):
            wins = (rival > worst) | np.isnan(rival)
            worst = np.where(wins, rival, worst)
            scenario = np.where(wins, np.int32(self.stress.scenarios.n_scenarios + k), scenario)
        parts = {WORST_LOSS: worst} | {name: amount(lines, units, leaves) for name, amount in self.charges.items()}
        shown = dict(rivals)
        if rivals:
            shown[SCENARIO_LOSS] = by_scenarios
        for name, minimum in self.minimum.items():
            shown[name] = minimum(lines, units, leaves)
            parts[EXCESS_OF + name] = np.maximum(shown[name] - sum(parts.values(), np.zeros(len(units))), 0.0)
        return Risk(lines, units, worst, scenario, shown, parts)

    def order_sets_of(self, lines: Lines, orders: OrderLines, positions: Risk) -> Array:
        """By how much initial margins of units rise when all buy orders, or all sell orders, are filled: the larger, at least 0.

        Each unit takes its worst case of the three; pools get the sum. Only units with orders of a side are looked at again.
        All lines stand in units.
        """
        if not len(orders):
            return np.zeros(lines.n_pools)
        before = _ByUnit(positions.units, self.initial_of(positions))
        buys, sells = (self._rise(lines, orders, quantity, before) for quantity in (orders.buy, -orders.sell))
        both = np.maximum(sells.values, buys.of(sells.units))
        only = np.where(sells.has(buys.units), 0.0, buys.values)
        pool = np.concatenate((sells.units.pool, buys.units.pool))
        return pool_sums(pool, np.concatenate((both, only)), lines.n_pools)

    def _rise(self, lines: Lines, orders: OrderLines, quantity: Array, before: _ByUnit) -> _ByUnit:
        """Rise of the initial margin, at least 0, of each unit in which the orders' signed quantity is not 0.

        All lines stand in units, those whose margins `before` holds.
        """
        on = np.flatnonzero(quantity)
        pool, row = orders.pool[on], orders.row[on]
        touched = np.zeros((lines.n_pools, len(self.units)), dtype=np.bool_)
        touched[pool, self.unit[row]] = True
        units = before.units
        held = np.flatnonzero(np.repeat(touched[units.pool, units.code], np.diff(units.start)))
        risk = self._risk(
            group_lines(
                np.concatenate((lines.pool[held], pool)),
                np.concatenate((lines.row[held], row)),
                np.concatenate((lines.quantity[held], quantity[on])),
                self.rank,
                lines.n_pools,
            )
        )
        return _ByUnit(risk.units, np.maximum(self.initial_of(risk) - before.of(risk.units), 0.0))

    def rounded(self, initial: Array) -> Array:
        """Initial margins as they are stated."""
        return _rounded(initial, self.initial_decimals)

    def initial_of(self, risk: Risk) -> Array:
        """Initial margin of each unit, without orders and debts."""
        return _weighted(risk, self.initial)

    def maintenance_of(self, risk: Risk) -> Array:
        """Maintenance margin of each unit, without debts."""
        return _weighted(risk, self.maintenance)


class _ByUnit(NamedTuple):
    """A figure of each unit of each pool; the units ascend by pool and code."""

    units: Segments
    values: Array

    def of(self, wanted: Segments) -> Array:
        """Figures of other units, 0 where they are not among these."""
        at, same = self._find(wanted)
        return np.where(same, np.append(self.values, 0.0)[at], 0.0)

    def has(self, wanted: Segments) -> NDArray[np.bool_]:
        """Which other units are among these."""
        return self._find(wanted)[1]

    def _find(self, wanted: Segments) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        width = np.int64(1 + max(self.units.code.max(initial=0), wanted.code.max(initial=0)))
        key, want = (s.pool * width + s.code for s in (self.units, wanted))
        at = np.searchsorted(key, want)
        return at, np.append(key, -1)[at] == want


def _weighted(risk: Risk, factor: Mapping[str, float]) -> Array:
    """Sum of a unit's parts, each times its factor."""
    (name, amount), *others = risk.parts.items()
    total = factor[name] * amount
    for name, amount in others:
        total += factor[name] * amount
    return total


def _without(parts: dict[str, Array], name: str) -> dict[str, Array]:
    return {other: amount for other, amount in parts.items() if other != name}


def _rounded(values: Array, decimals: int | None) -> Array:
    return values if decimals is None else values.round(decimals)


def rounded_number(value: float, decimals: int | None) -> float:
    """One number as numpy rounds an array of them."""
    if decimals is None or not math.isfinite(value):
        return value
    scale = 10.0**decimals
    return round(value * scale) / scale
