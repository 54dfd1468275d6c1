"""Charges that are worst losses of their own: other shocks applied to the same positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.by_name import ByName
from margin.errors import ParameterError
from margin.lines import Lines, Segments, numbered
from margin.models.charges import ALL, GROSS, LONG, SHORT, PreparedCharge, Sensitivities
from margin.models.scenarios import Scenarios
from margin.models.shocks import VolShock
from margin.models.valuation import Rows, Valuation, option_pnl, pnl_table
from margin.pricing import coin_greeks

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StressCharge:
    """A share of the worst loss of a unit over scenarios of its own; everything nets.

    Attributes
    ----------
    name : str
    scenarios : Scenarios
    vol_shock : VolShock
    share : float
        Fraction of the loss that counts.
    valuation : Valuation
    """

    name: str
    scenarios: Scenarios
    vol_shock: VolShock
    share: float
    valuation: Valuation

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Price the rows in use under the scenarios."""
        s = sensitivities
        scenarios = self.scenarios.table(s.units)
        rows = Rows(unit=s.unit, units=s.units, used=s.used & s.moves)
        table = pnl_table(s.market, scenarios, self.vol_shock, rows, in_usd=s.in_usd, valuation=self.valuation)
        return _worst_of(table, scenarios.n_scenarios, self.share)


@dataclass(frozen=True, slots=True)
class YieldCurveCharge:
    """Worst loss of the options of a unit over moves of the yield curve, which move the forwards and nothing else.

    A move is ``dr(T) = a * level(T) + b * slope(T)``; a forward becomes ``forward * exp(dr * T)`` at unchanged volatility.

    Attributes
    ----------
    name : str
    tenors : tuple of float
        Days, ascending; loadings are linear between them and flat outside.
    level, slope : tuple of float
        Loadings of the parallel move and of the change of slope at each tenor, as fractions per year.
    moves : tuple of (float, float)
        Sizes (a, b) of the two.
    """

    name: str
    tenors: tuple[float, ...]
    level: tuple[float, ...]
    slope: tuple[float, ...]
    moves: tuple[tuple[float, float], ...]

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Price the options in use at the shifted forwards."""
        s = sensitivities
        options = np.flatnonzero(s.used & s.option)
        days = (s.market.expiry[options] - s.market.time) / np.timedelta64(1, "D")
        loadings = (np.interp(days, self.tenors, x) for x in (self.level, self.slope))
        level, slope = (x * s.years[options] for x in loadings)
        shift = np.array([a * level + b * slope for a, b in self.moves]).T.reshape(len(options), len(self.moves))
        table = kernels.aligned_table(len(s.unit), len(self.moves))
        table[options, : len(self.moves)] = option_pnl(s.market, options, np.expm1(shift), in_usd=s.in_usd)
        return _worst_of(table, len(self.moves), 1.0)


def _worst_of(table: Array, n_scenarios: int, share: float) -> PreparedCharge:
    """A share of the worst loss over a table's scenarios."""
    no_relief = kernels.aligned_table(1, n_scenarios)

    def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
        every = np.zeros(len(units), dtype=np.int32)
        worst, _ = kernels.stress(units.start, every, lines.row, lines.quantity, table, no_relief, n_scenarios)
        return share * worst

    return amount


@dataclass(frozen=True, slots=True)
class TimeDecayCharge:
    """Absolute change of the value of the options of a unit when time passes and nothing else happens.

    Attributes
    ----------
    name : str
    days : float
        Days that pass.
    """

    name: str
    days: float

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Change of value of one contract of each option."""
        s = sensitivities
        options = np.flatnonzero(s.used & s.option)
        change = np.zeros(len(s.unit))
        unmoved = np.zeros((len(options), 1))
        change[options] = option_pnl(s.market, options, unmoved, in_usd=s.in_usd, days=self.days)[:, 0]

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            return np.abs(kernels.line_sums(units.start, lines.row, lines.quantity, change, ALL))

        return amount


@dataclass(frozen=True, slots=True)
class TermStructureCharge:
    """Vegas of opposite sign at different expiries, which a parallel move of all volatilities lets net.

    With ``w`` the net vega of an expiry per unit of volatility times the move of volatility at its tenor::

        share * min(sum of positive w, -sum of negative w)

    Attributes
    ----------
    name : str
    tenors, move : tuple of float
        Days, ascending, and the move of volatility there (per year, as a fraction); linear between, flat outside.
    share : ByName
        By unit.
    """

    name: str
    tenors: tuple[float, ...]
    move: tuple[float, ...]
    share: ByName

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Vega of one contract of each option times the move at its tenor."""
        s = sensitivities
        options = np.flatnonzero(s.used & s.option)
        market = s.market
        days = (market.expiry[options] - market.time) / np.timedelta64(1, "D")
        inputs = (market.forward, market.strike, market.years, market.vol, market.option_sign)
        vega = coin_greeks(*(a[options] for a in inputs)).vega
        per_coin = np.where(market.inverse, s.value[: len(market)], s.at_mark[: len(market)])[options]
        weighted = np.zeros(len(s.unit))
        weighted[options] = market.contract_size[options] * vega * per_coin * np.interp(days, self.tenors, self.move)

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            def total(side: int) -> Array:
                return np.abs(kernels.leaf_sums(units.start, leaves.start, lines.row, lines.quantity, weighted, side))

            up, down = total(LONG), total(SHORT)
            opposed = np.minimum(up, down)
            share = np.zeros(len(s.units))
            for code in numbered(units.code[opposed > 0], len(s.units))[0]:  # asked for only where it matters
                share[code] = self.share.of(s.units[code])
            return share[units.code] * opposed

        return amount


@dataclass(frozen=True, slots=True)
class UnknownCharge:
    """A charge whose rule or parameters are not known: nothing where a unit holds options of at most one expiry, else an error.

    Attributes
    ----------
    name : str
    parameter : str
        What is missing, for the message.
    """

    name: str
    parameter: str

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Mark the options."""
        s = sensitivities
        option = np.where(s.option, 1.0, 0.0)

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            held = kernels.line_sums(leaves.start, lines.row, lines.quantity, option, GROSS) > 0
            expiries = kernels.segment_sum(leaves.inside(units), held.astype(np.float64))
            wrong = np.flatnonzero(expiries > 1)
            if len(wrong):
                unit = s.units[units.code[wrong[0]]]
                message = (
                    f"{self.parameter} has no value, and an account holds options of {int(expiries[wrong[0]])} expiries in "
                    f"{unit}, for which {self.name} needs it. Give it, or take the venue's illustrative parameters."
                )
                raise ParameterError(message, name=self.parameter)
            return np.zeros(len(units))

        return amount
