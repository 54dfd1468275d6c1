"""Shares of the worth of rows that a `SizeCharge` takes where prices are little trusted or the pool's money is below its peg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import is_option
from margin.lines import Lines, Segments
from margin.market import FUTURE, PERPETUAL
from margin.models.charges import Charge, PreparedCharge, Sensitivities
from margin.models.size_charges import PerContract, coin_notional
from margin.models.units import parameter_by_row

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

RowClass = Literal["futures", "options", "collateral"]
"""Futures include perpetuals."""

Feed = Callable[[Sensitivities], Array]
"""Confidence in one price feed of each row, a fraction, shape (n_rows,); 1 for a row without such a feed."""


def confidence_share(rows: RowClass, *, feeds: tuple[Feed, ...], threshold: ByName, factor: ByName) -> PerContract:
    """``(1 - c) * factor`` of the worth of rows whose confidence ``c``, the lowest of their feeds, is below a threshold.

    Instruments are worth their size in coin at the index, collateral its USD price as if the pool's money were worth a dollar.

    Parameters
    ----------
    rows : {"futures", "options", "collateral"}
    feeds : tuple of Feed
        At least one.
    threshold : ByName
        By unit; 0 switches the charge off.
    factor : ByName
        By unit; not asked for where the charge is off.
    """

    def per_contract(s: Sensitivities) -> Array:
        chosen = chosen_rows(s, rows)
        confidence = np.minimum.reduce([feed(s) for feed in feeds])
        least = parameter_by_row(threshold, unit=s.unit, units=s.units, chosen=chosen)
        low = chosen & (confidence < least)
        share = (1.0 - confidence) * parameter_by_row(factor, unit=s.unit, units=s.units, chosen=chosen & (least > 0))
        return _worth_of(s, low, share)

    return per_contract


def depeg_share(rows: RowClass, *, threshold: float, factor: float) -> PerContract:
    """``max(threshold - price of the pool's money, 0) * factor`` of the worth of rows.

    Parameters
    ----------
    rows : {"futures", "options", "collateral"}
    threshold : float
        USD per unit of the pool's money.
    factor : float
    """

    def per_contract(s: Sensitivities) -> Array:
        short_of_peg = max(threshold - s.market.money_usd, 0.0)
        return _worth_of(s, chosen_rows(s, rows), np.full(len(s.unit), short_of_peg * factor))

    return per_contract


def _worth_of(s: Sensitivities, rows: Flags, share: Array) -> Array:
    """A share of the worth of some rows, 0 for the others."""
    worth = coin_notional(s)
    worth[len(s.market) :] = s.market.usd * s.market.money_usd
    return np.where(rows, share * worth, 0.0)


def chosen_rows(s: Sensitivities, rows: RowClass) -> Flags:
    """Rows of a class that are in use and in a unit, shape (n_rows,)."""
    kind, n = s.market.kind, len(s.market)
    chosen = np.zeros(len(s.unit), dtype=np.bool_)
    if rows == "collateral":
        chosen[n:] = True
    elif rows == "options":
        chosen[:n] = is_option(s.market)
    else:
        chosen[:n] = (kind == PERPETUAL) | (kind == FUTURE)
    return chosen & s.used & (s.unit >= 0)


def mark_confidence(s: Sensitivities) -> Array:
    """Confidence in each instrument's mark, of an option in its vol."""
    return _of_instruments(s, s.market.confidence)


def index_confidence(s: Sensitivities) -> Array:
    """Confidence in each instrument's index."""
    return _of_instruments(s, s.market.index_confidence)


def forward_confidence(s: Sensitivities) -> Array:
    """Confidence in each option's forward."""
    return _of_instruments(s, s.market.forward_confidence)


def currency_confidence(s: Sensitivities) -> Array:
    """Confidence in the price of each currency."""
    return np.concatenate((np.ones(len(s.market)), s.market.currency_confidence))


def _of_instruments(s: Sensitivities, confidence: Array) -> Array:
    return np.concatenate((confidence, np.ones(len(s.market.currencies))))


@dataclass(frozen=True, slots=True)
class SummedCharge:
    """Several charges reported as one.

    Attributes
    ----------
    name : str
    charges : tuple of Charge
        Their own names do not appear.
    """

    name: str
    charges: tuple[Charge, ...]

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Prepare each of them."""
        prepared = [charge.prepare(sensitivities) for charge in self.charges]

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            return sum((each(lines, units, leaves) for each in prepared), np.zeros(len(units)))

        return amount
