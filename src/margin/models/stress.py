"""Scenarios with the worth of every row under them: from lines to the worst loss of each unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.errors import DataError
from margin.lines import Lines, Segments, segments
from margin.market import Market
from margin.models.charges import Sensitivities
from margin.models.fold import SignDiscount
from margin.models.patterns import Patterns
from margin.models.scenarios import ScenarioTable
from margin.models.shape import GainOffset, dampen
from margin.models.valuation import Values

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class LeafVector:
    """P&L of one expiry of one unit of one pool.

    Attributes
    ----------
    expiry : datetime64[ms]
        NaT for what does not expire.
    gain, loss : float
        Factors of a positive and of a negative value.
    pnl : ndarray of float64, shape (S,)
        Weighted.
    """

    expiry: np.datetime64
    gain: float
    loss: float
    pnl: Array


@dataclass(frozen=True, slots=True, eq=False)
class UnitVectors:
    """Scenario vectors of one unit of one pool, in the pool's currency; L lines, S scenarios.

    Attributes
    ----------
    unit : str
    row : ndarray of int32, shape (L,)
    moves : ndarray of float64, shape (S,)
        Relative price moves.
    n_regular : int
        The first so many scenarios are the grid, the others the extended moves.
    lines : ndarray of float64, shape (L, S)
        P&L of each line; where expiries are folded, its part of the folded P&L.
    total : ndarray of float64, shape (S,)
        Their sum.
    relief : ndarray of float64, shape (S,)
        By which a loss is dampened.
    shaped : ndarray of float64, shape (S,)
        The sum dampened, its gains counted in part.
    leaves : tuple of LeafVector
        By expiry, where expiries are folded.
    """

    unit: str
    row: Codes
    moves: Array
    n_regular: int
    lines: Array
    total: Array
    relief: Array
    shaped: Array
    leaves: tuple[LeafVector, ...] = ()


class Stress(Protocol):
    """Scenarios made ready for one market."""

    @property
    def scenarios(self) -> ScenarioTable:
        """The scenarios."""

    @property
    def by_leaf(self) -> bool:
        """Whether worst losses depend on leaves."""

    def worst(self, lines: Lines, units: Segments, leaves: Segments) -> tuple[Array, Codes]:
        """Worst loss of each run of `units`, >= 0, and the first scenario that gives it."""

    def vectors(self, lines: Lines, unit: Codes, leaf: Codes, gains: GainOffset | None) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool; `unit` and `leaf` by row."""


@dataclass(frozen=True, slots=True, eq=False)
class NettedStress:
    """Everything inside a unit nets in each scenario.

    Attributes
    ----------
    scenarios : ScenarioTable
    pnl : ndarray of float64, shape (n_rows, W)
        P&L of one contract under each scenario, padded.
    patterns : Patterns
        The same of delta-one rows, to the last bit, as a coefficient times a pattern of their unit.
    relief : ndarray of float64, shape (n_units, W)
        Dampening of losses, pool currency, padded.
    sensitivities : Sensitivities
    """

    by_leaf: ClassVar[bool] = False
    scenarios: ScenarioTable
    pnl: Array
    patterns: Patterns
    relief: Array
    sensitivities: Sensitivities

    @classmethod
    def of(
        cls, scenarios: ScenarioTable, pnl: Array, patterns: Patterns, sensitivities: Sensitivities, *, in_usd: bool
    ) -> NettedStress:
        """The dampening, given in USD, in the currency of each unit."""
        n, s = scenarios.n_scenarios, sensitivities
        per_usd, conversion = s.per_usd[:, None], 1.0 + scenarios.conversion
        in_coin = _counts_in_coin(s.market, s.unit, len(s.units), in_usd=in_usd)
        relief = kernels.aligned_table(len(s.units), n)
        relief[:, :n] = scenarios.relief * np.where(in_coin[:, None], per_usd / conversion, per_usd)
        return cls(scenarios, pnl, patterns, relief, sensitivities)

    def worst(self, lines: Lines, units: Segments, leaves: Segments) -> tuple[Array, Codes]:
        """Worst loss of each run of `units`, and its scenario."""
        coefficient, pattern = self.patterns.coefficient, self.patterns.pattern
        return kernels.stress_structured(
            units.start, units.code, lines.row, lines.quantity, self.pnl, coefficient, pattern, self.relief,
            self.scenarios.n_scenarios,
        )  # fmt: skip

    def vectors(self, lines: Lines, unit: Codes, leaf: Codes, gains: GainOffset | None) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool."""
        n, units = self.scenarios.n_scenarios, segments(lines, unit)
        totals = kernels.accumulate(units.start, lines.row, lines.quantity, self.pnl, n)
        out = []
        for u, code in enumerate(units.code):
            here = slice(units.start[u], units.start[u + 1])
            row, name = lines.row[here], self.sensitivities.units[code]
            relief = self.relief[code, :n]
            shaped = dampen(totals[u], relief)
            if gains is not None:
                shaped = gains.apply(shaped, name, per_usd=float(self.sensitivities.per_usd[code]))
            each = lines.quantity[here, None] * self.pnl[row, :n]
            moves = self.scenarios.move[code]
            out.append(UnitVectors(name, row, moves, self.scenarios.n_regular, each, totals[u], relief, shaped))
        return tuple(out)


def _counts_in_coin(market: Market, unit: Codes, n_units: int, *, in_usd: bool) -> NDArray[np.bool_]:
    """Units whose P&L is in coin."""
    coin = np.zeros(n_units, dtype=np.bool_)
    if not in_usd:
        placed = unit[: len(market)]
        coin[placed[market.inverse & (placed >= 0)]] = True
    return coin


@dataclass(frozen=True, slots=True, eq=False)
class FoldedStress:
    """The value of each expiry of a unit is folded before expiries are added up.

    Attributes
    ----------
    scenarios : ScenarioTable
    values : Values
        Shocked and unshocked worth of one contract; of what is no option its P&L, and 0.
    gain, loss : ndarray of float64, shape (n_leaves,)
        Factors of the positive and of the negative value of a leaf.
    absolute : ndarray of float64, shape (W,)
        1 in scenarios in which every leaf counts at its loss.
    weight : ndarray of float64, shape (n_units, W)
        Share of the P&L that counts.
    units : tuple of str
    expiry : ndarray of datetime64[ms], shape (n_leaves,)
    """

    by_leaf: ClassVar[bool] = True
    scenarios: ScenarioTable
    values: Values
    gain: Array
    loss: Array
    absolute: Array
    weight: Array
    units: tuple[str, ...]
    expiry: NDArray[np.datetime64]

    @classmethod
    def of(
        cls, scenarios: ScenarioTable, values: Values, fold: SignDiscount, sensitivities: Sensitivities, leaf: Codes
    ) -> FoldedStress:
        """Factors by leaf from those by instrument: an expiry has one rate."""
        s, n, market = sensitivities, scenarios.n_scenarios, sensitivities.market
        rows = np.flatnonzero(s.used[: len(market)] & (s.unit[: len(market)] >= 0))
        positive, negative = fold.factors(market, (s.used & s.option)[: len(market)])
        gain, loss = np.ones(int(leaf.max(initial=-1)) + 1), np.ones(int(leaf.max(initial=-1)) + 1)
        expiry = np.full(len(gain), "NaT", dtype="datetime64[ms]")
        ordered = rows[np.argsort(s.option[rows], kind="stable")]  # of futures and options of an expiry the options decide
        gain[leaf[ordered]], loss[leaf[ordered]], expiry[leaf[rows]] = positive[ordered], negative[ordered], market.expiry[rows]
        options = rows[s.option[rows]]
        _check_one_rate(market, options, (gain[leaf[options]] != positive[options]) | (loss[leaf[options]] != negative[options]))
        width = values.shocked.shape[1]
        absolute, weight = np.zeros(width), kernels.aligned_table(len(s.units), n)
        absolute[:n] = scenarios.absolute
        weight[:, :n] = scenarios.weight
        return cls(scenarios, values, gain, loss, absolute, weight, s.units, expiry)

    def worst(self, lines: Lines, units: Segments, leaves: Segments) -> tuple[Array, Codes]:
        """Worst loss of each run of `units`, and its scenario."""
        return self._call(kernels.stress_folded, lines, units, leaves)

    def vectors(self, lines: Lines, unit: Codes, leaf: Codes, gains: GainOffset | None) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool."""
        units, leaves = segments(lines, unit), segments(lines, leaf)
        totals = self._call(kernels.fold, lines, units, leaves)
        inside = leaves.inside(units)
        out = []
        for u, code in enumerate(units.code):
            here = slice(units.start[u], units.start[u + 1])
            each = [self._leaf_lines(lines, leaves, e, int(code)) for e in range(inside[u], inside[u + 1])]
            vectors = tuple(
                LeafVector(self.expiry[c], float(self.gain[c]), float(self.loss[c]), pnl.sum(axis=0))
                for c, pnl in zip(leaves.code[inside[u] : inside[u + 1]], each, strict=True)
            )
            out.append(
                UnitVectors(
                    unit=self.units[code],
                    row=lines.row[here],
                    moves=self.scenarios.move[code],
                    n_regular=self.scenarios.n_regular,
                    lines=_stacked(each, self.scenarios.n_scenarios),
                    total=totals[u],
                    relief=np.zeros(self.scenarios.n_scenarios),
                    shaped=totals[u],
                    leaves=vectors,
                )
            )
        return tuple(out)

    def _call(self, kernel: Callable[..., T], lines: Lines, units: Segments, leaves: Segments) -> T:
        return kernel(
            leaves.inside(units), units.code, leaves.start, leaves.code, lines.row, lines.quantity, self.values.shocked,
            self.values.base, self.gain, self.loss, self.absolute, self.weight, self.scenarios.n_scenarios,
        )  # fmt: skip

    def _leaf_lines(self, lines: Lines, leaves: Segments, leaf: int, unit: int) -> Array:
        """P&L of each line of a leaf, shape (L, S): what the leaf counts for is their sum."""
        n, here = self.scenarios.n_scenarios, slice(leaves.start[leaf], leaves.start[leaf + 1])
        row, quantity, code = lines.row[here], lines.quantity[here, None], leaves.code[leaf]
        value = quantity * self.values.shocked[row, :n]
        factor = np.where(value.sum(axis=0) >= 0, self.gain[code], self.loss[code])
        pnl = value * factor - quantity * self.values.base[row, None]
        turned = np.where((self.absolute[:n] != 0) & (pnl.sum(axis=0) > 0), -1.0, 1.0)
        return np.asarray(pnl * turned * self.weight[unit, :n])


def _stacked(parts: Sequence[Array], n_scenarios: int) -> Array:
    return np.concatenate(parts) if parts else np.zeros((0, n_scenarios))


def _check_one_rate(market: Market, options: NDArray[np.int64], wrong: NDArray[np.bool_]) -> None:
    if wrong.any():
        row = int(options[np.argmax(wrong)])
        raise DataError(
            f"{market.rate[row]} differs from the rate of another option of the same expiry",
            table="quotes",
            column="rate",
            row=row,
            key={"instrument": market.instruments[row]},
            value=float(market.rate[row]),
            hint="Give one rate for each expiry.",
        )
