"""Charges by expiry and by strike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import is_option
from margin.lines import Lines, Segments, segments
from margin.models.charges import ALL, PreparedCharge, Sensitivities
from margin.models.scenarios import ListedScenarios
from margin.models.shocks import UnchangedVol
from margin.models.valuation import Rows, Valuation, pnl_table

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ForwardCharge:
    """Worst loss of the options of each expiry when its forward moves alone, in part, growing with the time to expiry.

    ``sum over expiries of max(worst loss over the moves, 0) * (add + multiple * years)``, at unchanged volatility. Expiries do
    not net: it measures the risk that the forwards of different expiries (the basis) move apart.

    Attributes
    ----------
    name : str
    scenarios : ListedScenarios
        Moves of the forward.
    add, multiple : float
        Share of the loss that counts, and its growth per year.
    valuation : Valuation
    """

    name: str
    scenarios: ListedScenarios
    add: float
    multiple: float
    valuation: Valuation

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Price the options in use under the moves."""
        s, market = sensitivities, sensitivities.market
        scenarios = self.scenarios.table(s.units)
        table = pnl_table(
            market,
            scenarios,
            UnchangedVol(),
            Rows(unit=s.unit, units=s.units, used=s.used & s.option),
            in_usd=s.in_usd,
            valuation=self.valuation,
        )
        share = self.add + self.multiple * s.years  # of any line of an expiry
        no_relief = kernels.aligned_table(1, scenarios.n_scenarios)

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            every = np.zeros(len(leaves), dtype=np.int32)
            worst, _ = kernels.stress(
                leaves.start, every, lines.row, lines.quantity, table, no_relief, scenarios.n_scenarios
            )
            return kernels.segment_sum(leaves.inside(units), worst * share[lines.row[leaves.start[:-1]]])

        return amount


@dataclass(frozen=True, slots=True)
class NakedShortCharge:
    """A rate on the options that are short on balance at each expiry and strike.

    ``rate * index * sum over (expiry, strike) of max(-(net calls + net puts), 0)``, sizes in coin. Calls and puts of one strike
    net against each other: a short straddle counts twice, a synthetic forward not at all.

    Attributes
    ----------
    name : str
    rate : float
        Fraction of the index.
    """

    name: str
    rate: float

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Size and worth of one contract."""
        s, market = sensitivities, sensitivities.market
        none = np.zeros(len(market.currencies))
        size = np.concatenate((np.where(is_option(market), market.contract_size, 0.0), none))
        worth = self.rate * s.value

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            strikes = segments(lines, s.strike)
            net = kernels.line_sums(strikes.start, lines.row, lines.quantity, size, ALL)
            charge = np.maximum(-net, 0.0) * worth[lines.row[strikes.start[:-1]]]
            return kernels.segment_sum(strikes.inside(units), charge)

        return amount
