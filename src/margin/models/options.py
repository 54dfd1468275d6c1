"""Standard margin of option positions: formulas of strike, index and mark, without netting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option
from margin.market import Market

Array = NDArray[np.float64]


class ShortMargin(NamedTuple):
    """Initial and maintenance margin of one short contract, in settlement currency, shape (n,); zero for other instruments."""

    initial: Array
    maintenance: Array


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

    def short_margin(self, market: Market) -> ShortMargin:
        """Margins of one short contract of every instrument."""
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
