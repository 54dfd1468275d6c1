"""Standard margin of options: formulas of strike, index and mark for one short contract, and rules that apply them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import is_option
from margin.lines import Lines, segments
from margin.models.units import UsedRows

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Offsets = NDArray[np.int64]


class ShortMargin(NamedTuple):
    """Initial and maintenance margin of one short contract of each row; zero for what is no option in use."""

    initial: Array
    maintenance: Array


class ShortFormula(Protocol):
    """A formula for the margin of one short contract."""

    def short_margin(self, rows: UsedRows) -> ShortMargin:
        """Margins of each instrument in settlement currency, shape (n,); parameters are asked for options in use only."""


@dataclass(frozen=True, slots=True)
class MoneynessMargin:
    """Short option margin from how far the option is out of the money. A long option, once paid, requires nothing.

    With index S, strike K, mark m and all amounts per coin of underlying:

    inverse, in coin, ``otm = max(K - S, 0) / S`` (call) or ``max(S - K, 0) / S`` (put):
        call: ``IM = max(base - otm, minimum) + m``, ``MM = maintenance + m``;
        put: ``MM = max(maintenance, maintenance * m) + m``, ``IM = max(max(base - otm, minimum) + m, MM)``.
    linear, in quote currency, ``otm = max(K - S, 0)`` (call) or ``max(S - K, 0)`` (put):
        call: ``IM = max(base * S - otm, minimum * S) + m``, ``MM = maintenance * S + m``;
        put: ``IM = max(base * S - otm, minimum * K) + m``, ``MM = maintenance * min(S, K) + m``.

    Attributes
    ----------
    base, minimum, maintenance : float
        Fractions of the underlying.
    """

    base: float
    minimum: float
    maintenance: float

    def short_margin(self, rows: UsedRows) -> ShortMargin:
        """Margins of one short contract of every instrument."""
        market = rows.market
        options = is_option(market)
        index, strike, mark = market.index_price, market.strike, market.mark
        call = market.option_sign > 0
        out_of_money = np.maximum(np.where(call, strike - index, index - strike), 0.0)
        inverse = self._inverse(call, out_of_money / index, mark)
        linear = self._linear(call, out_of_money, index, strike, mark)
        initial, maintenance = (
            np.where(options, np.where(market.inverse, i, x) * market.contract_size, 0.0)
            for i, x in zip(inverse, linear, strict=True)
        )
        return ShortMargin(initial, maintenance)

    def _inverse(self, call: NDArray[np.bool_], otm: Array, mark: Array) -> tuple[Array, Array]:
        floor = np.where(call, self.maintenance, np.maximum(self.maintenance, self.maintenance * mark))
        maintenance = floor + mark
        initial = np.maximum(self.base - otm, self.minimum) + mark
        return np.where(call, initial, np.maximum(initial, maintenance)), maintenance

    def _linear(
        self, call: NDArray[np.bool_], otm: Array, index: Array, strike: Array, mark: Array
    ) -> tuple[Array, Array]:
        least = self.minimum * np.where(call, index, strike)
        initial = np.maximum(self.base * index - otm, least) + mark
        return initial, self.maintenance * np.where(call, index, np.minimum(index, strike)) + mark


@dataclass(frozen=True, slots=True)
class IndexShareMargin:
    """Short option margin in shares of the underlying, a put's never below a multiple of its maintenance margin.

    With ``u`` the worth of a coin in settlement currency (linear: the index S; inverse: 1), strike K, mark m, all per coin::

        otm  = max(K - S, 0) / S (call) or max(S - K, 0) / S (put)
        call: IM = max(base - otm, minimum) * u + m,   MM = call_maintenance * u + m
        put:  MM = max(put_maintenance * u, put_value * m) + m
              IM = max(max(base - otm, minimum) * u + m, put_floor * MM)

    A long option requires nothing. Every parameter is a fraction, by unit.

    Attributes
    ----------
    base, minimum : ByName
        Of the underlying, against the initial margin.
    call_maintenance, put_maintenance : ByName
        Of the underlying.
    put_value : ByName
        Of the mark.
    put_floor : ByName
        Of the maintenance margin.
    """

    base: ByName
    minimum: ByName
    call_maintenance: ByName
    put_maintenance: ByName
    put_value: ByName
    put_floor: ByName

    def short_margin(self, rows: UsedRows) -> ShortMargin:
        """Margins of one short contract of every option in use."""
        market, n = rows.market, len(rows.market)
        call = market.option_sign > 0
        used, puts = rows.options, rows.options & rows.padded(~call)

        def of(values: ByName, chosen: NDArray[np.bool_]) -> Array:
            return rows.parameter(values, chosen)[:n]

        underlying = np.where(market.inverse, 1.0, market.index_price)
        out_of_money = np.maximum(market.option_sign * (market.strike - market.index_price), 0.0) / market.index_price
        initial = np.maximum(of(self.base, used) - out_of_money, of(self.minimum, used)) * underlying + market.mark
        share = of(self.put_maintenance, puts) * underlying
        put = np.maximum(share, of(self.put_value, puts) * market.mark) + market.mark
        maintenance = np.where(call, of(self.call_maintenance, used & ~puts) * underlying + market.mark, put)
        initial = np.where(call, initial, np.maximum(initial, of(self.put_floor, puts) * put))
        scaled = (np.where(used[:n], margin * market.contract_size, 0.0) for margin in (initial, maintenance))
        return ShortMargin(*scaled)


@dataclass(frozen=True, slots=True, eq=False)
class OptionMargins:
    """Margins of runs of consecutive lines (a position, an expiry), in the pool's currency.

    Attributes
    ----------
    start : ndarray of int64, shape (n_runs + 1,)
        Offsets into the lines; the runs cover all of them, and no run is in two units.
    initial, maintenance : ndarray of float64, shape (n_runs,)
    parts : Mapping of str to ndarray of float64, shape (n_runs,)
        What the margins were chosen from, by name.
    """

    start: Offsets
    initial: Array
    maintenance: Array
    parts: Mapping[str, Array] = field(default_factory=dict)


class PreparedOptions(Protocol):
    """An option rule made ready for one market."""

    @property
    def short(self) -> ShortMargin:
        """Margins of one short contract on its own, in the pool's currency, shape (n_rows,)."""

    def margins(self, lines: Lines) -> OptionMargins:
        """Margins of all options; other lines have none. Where the rule nets, lines are sorted by expiry and strike."""


class OptionRule(Protocol):
    """How much the options of a pool require together."""

    @property
    def nets(self) -> bool:
        """Whether options of a unit are margined together, so that lines must be sorted by unit."""

    def prepare(self, rows: UsedRows) -> PreparedOptions:
        """Do what depends on the market only."""


def isolated(formulas: tuple[ShortFormula, ShortFormula], rows: UsedRows) -> ShortMargin:
    """Margins by the formula for inverse and the one for linear options, in the pool's currency, shape (n_rows,)."""
    inverse, linear = (formula.short_margin(rows) for formula in formulas)
    chosen = (np.where(rows.market.inverse, i, x) for i, x in zip(inverse, linear, strict=True))
    return ShortMargin(*(rows.to_pool * rows.padded(margin) for margin in chosen))


@dataclass(frozen=True, slots=True)
class PerPosition:
    """Each short option on its own; long options require nothing and offset nothing.

    Attributes
    ----------
    inverse, linear : ShortFormula
    """

    inverse: ShortFormula
    linear: ShortFormula
    nets: ClassVar[bool] = False

    def prepare(self, rows: UsedRows) -> PreparedPerPosition:
        """Margins of one short contract."""
        return PreparedPerPosition(isolated((self.inverse, self.linear), rows))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPerPosition:
    """`PerPosition` for one market."""

    short: ShortMargin

    def margins(self, lines: Lines) -> OptionMargins:
        """Margins of each line."""
        short = np.maximum(-lines.quantity, 0.0)
        start = np.arange(len(lines) + 1, dtype=np.int64)
        return OptionMargins(start, short * self.short.initial[lines.row], short * self.short.maintenance[lines.row])


@dataclass(frozen=True, slots=True)
class GivenOptionMargins:
    """Option margins of some units that are known from elsewhere; the others are left to a rule.

    Attributes
    ----------
    rule : OptionRule
    initial, maintenance : Mapping of str to float
        By unit, the same for every pool that holds something in it, in the pool's currency. A unit in one of the two is given.
    """

    rule: OptionRule
    initial: Mapping[str, float]
    maintenance: Mapping[str, float]
    nets: ClassVar[bool] = True

    def prepare(self, rows: UsedRows) -> PreparedGivenOptions:
        """Sort out the units."""
        given = np.array([name in self.initial or name in self.maintenance for name in rows.units], dtype=np.bool_)
        initial, maintenance = (
            np.array([margins.get(name, 0.0) for name in rows.units], dtype=np.float64)
            for margins in (self.initial, self.maintenance)
        )
        return PreparedGivenOptions(self.rule.prepare(rows), rows.unit, given, ShortMargin(initial, maintenance))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedGivenOptions:
    """`GivenOptionMargins` for one market; `given` and `margin` have one entry per unit."""

    rule: PreparedOptions
    unit: Codes
    given: NDArray[np.bool_]
    margin: ShortMargin

    @property
    def short(self) -> ShortMargin:
        """That of the rule."""
        return self.rule.short

    def margins(self, lines: Lines) -> OptionMargins:
        """Margins of the rule, but in given units the given ones, on the first run of the unit."""
        found = self.rule.margins(lines)
        units = segments(lines, self.unit)
        first = np.searchsorted(found.start, units.start[:-1])
        of_run = self.unit[lines.row[found.start[:-1]]]
        replaced, placed = self.given[of_run], self.given[units.code]

        def with_given(margins: Array, given: Array) -> Array:
            out = np.where(replaced, 0.0, margins)
            out[first[placed]] = given[units.code[placed]]
            return out

        return replace(
            found,
            initial=with_given(found.initial, self.margin.initial),
            maintenance=with_given(found.maintenance, self.margin.maintenance),
            parts={name: np.where(replaced, 0.0, part) for name, part in found.parts.items()},
        )
