"""Charges on the size of what is held: an amount for each contract, or each unit of a currency."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.contracts import coin_per_contract
from margin.lines import Lines, Segments
from margin.models.charges import GROSS, PreparedCharge, Sensitivities

Array = NDArray[np.float64]

PerContract = Callable[[Sensitivities], Array]
"""Amount for one contract or one unit of currency of each row, in the pool's currency, shape (n_rows,)."""


@dataclass(frozen=True, slots=True)
class SizeCharge:
    """Sum over lines of ``|quantity| * amount per contract``, counting both sides or one.

    Attributes
    ----------
    name : str
    per_contract : callable
        Amount by row; a row that is not charged has 0.
    side : int
        `GROSS`, `LONG` or `SHORT`.
    """

    name: str
    per_contract: PerContract
    side: int = GROSS

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Amounts of the rows."""
        amounts = self.per_contract(sensitivities)

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            return np.abs(kernels.line_sums(units.start, lines.row, lines.quantity, amounts, self.side))

        return amount


def coin_notional(sensitivities: Sensitivities) -> Array:
    """Worth at the index of the underlying coin of one contract of each row; 0 for currencies."""
    s = sensitivities
    size = np.concatenate((coin_per_contract(s.market), np.zeros(len(s.market.currencies))))
    return size * s.value


def share_of_futures(rate: float) -> PerContract:
    """A fraction of the worth at the index of futures and perpetuals."""
    return lambda s: np.where(s.option, 0.0, rate * coin_notional(s))


def share_of_currencies(rate: float) -> PerContract:
    """A fraction of the USD price of currencies, as if the pool's money were worth a dollar."""

    def per_unit(s: Sensitivities) -> Array:
        return np.concatenate((np.zeros(len(s.market)), rate * s.market.usd * s.market.money_usd))

    return per_unit
