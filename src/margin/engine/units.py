"""What a trade would change in a pool under a portfolio model: one risk unit; all others are as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.engine.unit_sums import UnitSums
from margin.lines import Lines, OrderLines, Segments, group_lines
from margin.models.order_charges import OPEN_ORDERS
from margin.models.prepared_portfolio import PreparedPortfolio, rounded_number

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

EVERY = -1
"""In place of the code of a unit: what no unit is taken from."""


@dataclass(frozen=True, slots=True, eq=False)
class UnitLines:
    """What a pool holds in one risk unit, in the order of the model; L lines.

    Attributes
    ----------
    unit : Segments
        The one run of all lines.
    leaves : Segments
    row, rank : ndarray of int32, shape (L,)
    quantity : ndarray of float64, shape (L,)
    line : Mapping of int to int
        Line of each row.
    orders : OrderLines
        Those that rest in the unit.
    sums : UnitSums or None
        Sums over the lines, where the model needs no more.
    """

    unit: Segments
    leaves: Segments
    row: Codes
    rank: Codes
    quantity: Array
    line: Mapping[int, int]
    orders: OrderLines
    sums: UnitSums | None

    @classmethod
    def of(cls, prepared: PreparedPortfolio, code: int, lines: Lines, orders: OrderLines) -> UnitLines:
        """The lines and orders of a pool that stand in a unit."""
        here = np.flatnonzero(prepared.unit[lines.row] == code)
        resting = np.flatnonzero(prepared.unit[orders.row] == code)
        row, quantity, n = lines.row[here], lines.quantity[here], len(here)
        leaf = prepared.leaf[row]
        begins = np.flatnonzero(np.diff(leaf, prepend=-1))
        unit, leaves = _run(n, code), Segments(np.append(begins, n), np.zeros(len(begins), dtype=np.int32), leaf[begins])
        return cls(
            unit=unit,
            leaves=leaves,
            row=row,
            rank=prepared.rank[row],
            quantity=quantity,
            line={int(r): i for i, r in enumerate(row)},
            orders=orders.take(resting),
            sums=UnitSums.of(prepared, Lines(np.zeros(n, dtype=np.int32), row, quantity, 1), unit, leaves),
        )

    @classmethod
    def empty(cls, prepared: PreparedPortfolio, code: int) -> UnitLines:
        """A unit in which nothing is held."""
        codes, values, flags = np.zeros(0, dtype=np.int32), np.zeros(0), np.zeros(0, dtype=np.bool_)
        none = OrderLines(codes, codes, values, values, values, values, values, values, flags)
        return cls.of(prepared, code, Lines(codes, codes, values, 1), none)

    def margins(self, prepared: PreparedPortfolio) -> tuple[float, float]:
        """Initial and maintenance margin as things stand."""
        return self._margins(prepared, self.row, self.quantity, self.unit, self.leaves)

    def traded(self, prepared: PreparedPortfolio, row: int, quantity: float) -> tuple[float, float]:
        """The same after a trade."""
        if self.sums is not None:
            return self.sums.traded(row, quantity)
        line = self.line.get(row)
        if line is not None:
            held = self.quantity.copy()
            held[line] += quantity
            return self._margins(prepared, self.row, held, self.unit, self.leaves)
        at, leaf = self.rank.searchsorted(prepared.rank[row]), prepared.leaf[row]
        starts, leaves = self.leaves.start, self.leaves.code
        k = leaves.searchsorted(leaf)
        if k < len(leaves) and leaves[k] == leaf:
            starts = starts.copy()
        else:
            starts, leaves = _inserted(starts, k, at), _inserted(leaves, k, leaf)
        starts[k + 1 :] += 1
        return self._margins(
            prepared,
            _inserted(self.row, at, row),
            _inserted(self.quantity, at, quantity),
            _run(len(self.row) + 1, int(prepared.unit[row])),
            Segments(starts, np.zeros(len(leaves), dtype=np.int32), leaves),
        )

    def _margins(
        self, prepared: PreparedPortfolio, row: Codes, quantity: Array, unit: Segments, leaves: Segments
    ) -> tuple[float, float]:
        lines = Lines(np.zeros(len(row), dtype=np.int32), row, quantity, 1)
        risk = prepared.amounts(lines, unit, leaves) if len(row) else prepared.risk(lines)
        initial = maintenance = 0.0
        if len(row):
            for name, amount in risk.parts.items():
                value = float(amount[0])
                initial += prepared.initial[name] * value
                maintenance += prepared.maintenance[name] * value
        if prepared.order_sets and len(self.orders):
            initial += float(prepared.order_sets_of(lines, self.orders, risk)[0])
        return initial, maintenance


@dataclass(frozen=True, slots=True, eq=False)
class PoolUnits:
    """A pool by risk unit: what it holds in each, and the margins of everything but it.

    Attributes
    ----------
    prepared : PreparedPortfolio
    units : dict of int to UnitLines
        By code of the unit; those in which nothing is held are added when they are first asked about.
    initial, maintenance : Mapping of int to float
        Margins of all but one unit, by its code, before rounding; under `EVERY` of all.
    """

    prepared: PreparedPortfolio
    units: dict[int, UnitLines]
    initial: Mapping[int, float]
    maintenance: Mapping[int, float]

    @classmethod
    def of(
        cls, prepared: PreparedPortfolio, lines: Lines, orders: OrderLines, components: Mapping[str, float], maintenance: float
    ) -> PoolUnits:
        """Take a pool apart.

        Parameters
        ----------
        prepared : PreparedPortfolio
        lines, orders : Lines, OrderLines
            Of this pool alone, which is number 0.
        components : Mapping of str to float
            What the pool's initial margin is made of.
        maintenance : float
            Its maintenance margin.
        """
        codes = np.unique(np.concatenate((prepared.unit[lines.row], prepared.unit[orders.row])))
        units = {int(code): UnitLines.of(prepared, int(code), lines, orders) for code in codes[codes >= 0]}
        margins = {code: own.margins(prepared) for code, own in units.items()}
        initial, required = ({code: pair[i] for code, pair in margins.items()} for i in (0, 1))
        by_unit = {*prepared.initial} | ({OPEN_ORDERS} if prepared.order_sets else set())
        beside = sum(amount for name, amount in components.items() if name not in by_unit)
        return cls(
            prepared=prepared,
            units=units,
            initial=_without_each(initial, beside),
            maintenance=_without_each(required, maintenance - sum(required.values())),
        )

    def traded(self, row: int, quantity: float) -> tuple[float, float]:
        """Initial and maintenance margin of the pool after a trade."""
        code = int(self.prepared.unit[row])
        initial, maintenance = self._unit(code).traded(self.prepared, row, quantity)
        known = code if code in self.initial else EVERY
        stated = rounded_number(self.initial[known] + initial, self.prepared.initial_decimals)
        return stated, self.maintenance[known] + maintenance

    @property
    def keeps_sums(self) -> bool:
        """Whether units are answered from sums over their lines, not from the lines."""
        return UnitLines.empty(self.prepared, 0).sums is not None if self.prepared.units else False

    def traded_each(self, row: Codes, quantity: Array) -> tuple[Array, Array]:
        """Initial and maintenance margin of the pool after each of k trades alone, shape (k,)."""
        prepared, k = self.prepared, len(row)
        code = prepared.unit[row].tolist()
        known = [c if c in self.initial else EVERY for c in code]
        own = [self._unit(c) for c in code]
        number = np.arange(k, dtype=np.int32)
        lines = group_lines(
            np.concatenate((np.repeat(number, [len(u.row) for u in own]), number)),
            np.concatenate([u.row for u in own] + [row]),
            np.concatenate([u.quantity for u in own] + [quantity]),
            prepared.rank,
            k,
        )
        risk = prepared.risk(lines)
        initial, maintenance = prepared.initial_of(risk), prepared.maintenance_of(risk)
        if prepared.order_sets:
            orders = [replace(u.orders, pool=np.full(len(u.orders), i, dtype=np.int32)) for i, u in enumerate(own)]
            initial = initial + prepared.order_sets_of(lines, _behind(orders), risk)
        beside = (np.array([margins[c] for c in known]) for margins in (self.initial, self.maintenance))
        return prepared.rounded(next(beside) + initial), next(beside) + maintenance

    def _unit(self, code: int) -> UnitLines:
        if code not in self.units:
            self.units[code] = UnitLines.empty(self.prepared, code)
        return self.units[code]


def _without_each(margins: Mapping[int, float], beside: float) -> dict[int, float]:
    """Sum of all but each, and of all under `EVERY`; what belongs to none in all of them."""
    out = {code: beside + sum(amount for other, amount in margins.items() if other != code) for code in margins}
    return out | {EVERY: beside + sum(margins.values())}


def _run(n: int, code: int) -> Segments:
    return Segments(np.array([0, n], dtype=np.int64), np.zeros(1, dtype=np.int32), np.array([code], dtype=np.int32))


def _inserted(values: NDArray[Any], at: int, value: Any) -> NDArray[Any]:
    """As `numpy.insert` of one value, many times as fast."""
    out = np.empty(len(values) + 1, dtype=values.dtype)
    out[:at], out[at], out[at + 1 :] = values[:at], value, values[at:]
    return out


def _behind(orders: list[OrderLines]) -> OrderLines:
    """Order lines of several pools, as far as sets of orders read them."""
    names = ("pool", "row", "buy", "sell", "buy_cost", "sell_cost", "buy_inverse", "sell_inverse", "protected")
    columns: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in orders]) for name in names}
    return OrderLines(**columns)
