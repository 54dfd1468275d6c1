"""Minimum charges: what closing the positions would cost, scaled up as they grow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.by_name import ByName
from margin.contracts import is_option
from margin.lines import Lines, Segments
from margin.models.charges import GROSS, LONG, SHORT, Charge, DeltaBasis, PreparedCharge, Sensitivities
from margin.rates import RateTable, RateTables

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScaledCharge:
    """The sum of other charges, with multipliers on the part of the sum inside each tier.

    Attributes
    ----------
    name : str
    parts : tuple of Charge
    tiers : callable
        Unit -> incremental `RateTable` over the sum in the pool's currency. Raises `ParameterError` where there is none.
    """

    name: str
    parts: tuple[Charge, ...]
    tiers: Callable[[str], RateTable]

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Prepare the parts; the tiers of a unit are asked for where it holds instruments."""
        s = sensitivities
        parts = tuple(part.prepare(s) for part in self.parts)
        nothing = RateTable.flat(0.0)
        tables = RateTables.of(
            [self.tiers(unit) if held else nothing for unit, held in zip(s.units, s.holds_instruments, strict=True)] or [nothing]
        )

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            raw = sum((part(lines, units, leaves) for part in parts), np.zeros(len(units)))
            return tables.requirement(raw, units.code)

        return amount


@dataclass(frozen=True, slots=True)
class DeltaOneCharge:
    """A rate on the worth at the mark of futures and perpetuals, contract by contract without netting.

    Attributes
    ----------
    name : str
    rate : ByName
        By unit.
    """

    name: str
    rate: ByName

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Charge per contract."""
        s = sensitivities
        futures = s.used & ~s.option & (s.delta != 0)
        rate = np.full(len(s.units) + 1, np.nan)
        for code in np.unique(s.unit[futures]):
            rate[code] = self.rate.of(s.units[code])
        per_contract = np.where(futures, rate[s.unit] * np.abs(s.delta) * s.at_mark, 0.0)
        return lambda lines, units, leaves: kernels.line_sums(units.start, lines.row, lines.quantity, per_contract, GROSS)


@dataclass(frozen=True, slots=True)
class OptionSlippageCharge:
    """Slippage and cost of closing options, position by position.

    All per coin of underlying::

        slippage of a short = max(least, per_delta * |delta|)
        slippage of a long  = min(slippage of a short, mark)
        closing cost        = min(fee, cap * mark), or a fixed amount

    Attributes
    ----------
    name : str
    least : ByName
        Coin per coin, by unit.
    per_delta : callable
        Returns coin per coin and unit of delta.
    close : callable
        Returns fee (coin per coin) and cap (fraction of the mark, infinite where the fee is fixed).
    delta : callable
        Delta of one coin of each option.

    The parameters are asked for where options are held.
    """

    name: str
    least: ByName
    per_delta: Callable[[], float]
    close: Callable[[], tuple[float, float]]
    delta: DeltaBasis

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Charge of one contract, long and short."""
        s, market = sensitivities, sensitivities.market
        options = is_option(market) & s.used[: len(market)]
        if not options.any():
            return lambda lines, units, leaves: np.zeros(len(units))
        mark = np.where(market.inverse, market.mark, market.mark / market.index_price)
        least = np.full(len(s.units) + 1, np.nan)
        for code in np.unique(s.unit[: len(market)][options]):
            least[code] = self.least.of(s.units[code])
        slope = self.per_delta() * np.abs(np.nan_to_num(self.delta(market)))
        short = np.maximum(least[s.unit[: len(market)]], slope)
        fee, cap = self.close()
        close = np.full(len(market), fee) if np.isinf(cap) else np.minimum(fee, cap * mark)
        worth = np.where(options, market.contract_size, 0.0) * s.value[: len(market)]
        none = np.zeros(len(market.currencies))
        if_long, if_short = (
            np.concatenate((np.where(options, worth * (slip + close), 0.0), none)) for slip in (np.minimum(short, mark), short)
        )

        def amount(lines: Lines, units: Segments, leaves: Segments) -> Array:
            def total(per_contract: Array, side: int) -> Array:
                return np.abs(kernels.line_sums(units.start, lines.row, lines.quantity, per_contract, side))

            return total(if_long, LONG) + total(if_short, SHORT)

        return amount
