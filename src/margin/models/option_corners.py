"""Short option margin with a formula of one shape for both margins, calls and puts alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from margin.by_name import ByName
from margin.models.options import ShortMargin
from margin.models.units import UsedRows


@dataclass(frozen=True, slots=True)
class ReducedShareMargin:
    """A share of the underlying less what the option is out of the money, never below a lesser share, plus the mark.

    With ``u`` the worth of a coin in settlement currency (linear: the index S; inverse: 1), strike K, mark m, all per coin::

        otm = max(K - S, 0) / S (call) or max(S - K, 0) / S (put)
        IM  = max(initial - otm, initial_minimum) * u + m
        MM  = max(maintenance - otm, maintenance_minimum) * u + m

    A long option requires nothing. Every parameter is a fraction of the underlying, by unit.

    Attributes
    ----------
    initial, initial_minimum, maintenance, maintenance_minimum : ByName
    """

    initial: ByName
    initial_minimum: ByName
    maintenance: ByName
    maintenance_minimum: ByName

    def short_margin(self, rows: UsedRows) -> ShortMargin:
        """Margins of one short contract of every option in use."""
        market, n = rows.market, len(rows.market)
        used = rows.options
        underlying = np.where(market.inverse, 1.0, market.index_price)
        otm = np.maximum(market.option_sign * (market.strike - market.index_price), 0.0) / market.index_price

        def margin(share: ByName, least: ByName) -> np.ndarray:
            rate = np.maximum(rows.parameter(share, used)[:n] - otm, rows.parameter(least, used)[:n])
            return np.where(used[:n], (rate * underlying + market.mark) * market.contract_size, 0.0)

        return ShortMargin(margin(self.initial, self.initial_minimum), margin(self.maintenance, self.maintenance_minimum))
