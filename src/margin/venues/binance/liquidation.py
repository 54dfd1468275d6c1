"""Liquidation prices of futures by the venue's formula: one contract moves, all else of its pool stands at its mark.

Legs of one symbol in a shared pool have one price together. The bracket is that of the notional at the price itself, whatever the
bracket is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.contracts import unrealised_pnl
from margin.errors import DataError
from margin.liquidation.prices import Terms, nearest_changes
from margin.models.standard import PreparedStandard
from margin.rates import RateTable, RateTables

if TYPE_CHECKING:
    from margin.assessment import Assessment

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

IN_FULL = RateTable.flat(1)


class Nearest(NamedTuple):
    """Nearest liquidation prices at or below a mark and above it; nan where there is none."""

    below: float
    above: float

    @property
    def shown(self) -> float:
        """The one price that the venue shows: the lower, else the upper, 0 where there is none."""
        return next((price for price in self if price > 0), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A position, or one leg of a hedged one.

    Attributes
    ----------
    size : float
        Signed: base units of a linear contract, USD (contracts times contract size) of an inverse one.
    entry : float
        Entry price.
    table : RateTable
        Maintenance margin over the notional; beyond its last bound it goes on.
    """

    size: float
    entry: float
    table: RateTable


def liquidation_price(legs: Sequence[Leg], *, balance: float, mark: float, inverse: bool = False) -> Nearest:
    """Prices at which the margin balance of a pool meets its maintenance margin, from the legs of one symbol.

    Parameters
    ----------
    legs : sequence of Leg
    balance : float
        Wallet balance, plus unrealised P&L and less maintenance margin of everything else in the pool; margin asset.
    mark : float
    inverse : bool
    """
    size = np.array([leg.size for leg in legs])
    entry = np.array([leg.entry for leg in legs])
    notional = np.abs(size / mark if inverse else size * mark)
    profit = size * (1 / entry - 1 / mark) if inverse else size * (mark - entry)
    margin = sum(float(leg.table.requirement(notional[i : i + 1])[0]) for i, leg in enumerate(legs))
    below, above = _nearest(
        problem=np.zeros(len(legs), dtype=np.int32),
        value=np.copysign(notional, size),
        inverse=np.full(len(legs), inverse),
        table=np.arange(len(legs), dtype=np.int32),
        tables=RateTables.of([*(leg.table for leg in legs), IN_FULL]),
        excess=np.array([balance + float(profit.sum()) - margin]),
    )
    return Nearest(float(below[0] * mark), float(above[0] * mark))


def liquidation_prices(assessment: Assessment) -> dict[str, Any]:
    """Liquidation prices of every symbol of every pool of futures accounts, as columns.

    ``row`` (of the assessment), ``instrument``, ``mark``, ``below`` and ``above`` (nan where there is none). In multi-assets mode
    the contract itself counts one to one in its margin asset, and everything else over that asset's ask rate, as printed.

    Raises
    ------
    DataError
        If the assessment is not one of a futures mode. In Portfolio Margin the collateral moves with the price too.
    """
    prepared, market, regime = assessment.prepared, assessment.market, assessment.regime
    if not isinstance(prepared, PreparedStandard):
        raise DataError(
            f"{regime.name!r} is not a mode of futures wallets",
            table="assessment",
            column="regime",
            hint="The venue's formula holds for usdm_single, usdm_multi and coinm.",
        )
    lines = regime.group(assessment.encoded, prepared, 0, len(assessment.book.accounts))[2]
    futures = prepared.futures
    key = lines.pool.astype(np.int64) * len(futures.table) + lines.row
    _, first, problem = np.unique(key, return_index=True, return_inverse=True)
    pool, row = lines.pool[first], lines.row[first]
    value = lines.quantity * futures.coin[lines.row] * futures.measure[lines.row]
    margin = futures.maintenance_rates.requirement(np.abs(value), futures.table[lines.row])
    own = np.bincount(problem, weights=margin, minlength=len(first)).astype(np.float64, copy=False)
    excess = assessment.excess[pool]
    if regime.pool.in_usd:
        excess = _in_margin_asset(assessment, pool, row, excess, own)
    rates = futures.maintenance_rates
    below, above = _nearest(
        problem=problem.astype(np.int32),
        value=value,
        inverse=market.inverse[lines.row],
        table=futures.table[lines.row],
        tables=_with_full(rates),
        excess=excess,
    )
    mark = market.mark[row]
    instrument = market.instruments.take(row)
    return {"row": pool, "instrument": instrument, "mark": mark, "below": below * mark, "above": above * mark}


def _nearest(
    *, problem: Codes, value: Array, inverse: NDArray[np.bool_], table: Codes, tables: RateTables, excess: Array
) -> tuple[Array, Array]:
    """Factors on the mark; `value` is the signed notional of each leg, the last of the tables counts in full."""
    n = len(value)
    power = np.where(inverse, -1, 1).astype(np.int8)
    moving = np.where(inverse, -value, value)  # what of the P&L moves: an inverse contract gains as one over the price falls
    terms = Terms(
        problem=np.concatenate((problem, problem)),
        fixed=np.zeros(2 * n),
        moving=np.concatenate((moving, np.abs(value))),
        power=np.concatenate((power, power)),
        worth=np.repeat([1.0, -1.0], n),
        worth_power=np.zeros(2 * n, dtype=np.int8),
        table=np.concatenate((np.full(n, len(tables.start) - 2, dtype=np.int32), table)),
    )
    return nearest_changes(excess, excess <= 0, terms, tables)


def _with_full(tables: RateTables) -> RateTables:
    """The same tables, and one more that counts in full."""
    full = RateTables.of([IN_FULL])
    columns = {
        name: np.concatenate((getattr(tables, name), getattr(full, name))) for name in ("floor", "rate", "slope", "deduction")
    }
    start = np.append(tables.start, tables.start[-1] + 1).astype(np.int32)
    return RateTables(start=start, closed=tables.closed, **columns)


def _in_margin_asset(assessment: Assessment, pool: Codes, row: Codes, excess: Array, margin: Array) -> Array:
    """Excess in the margin asset of each contract: its own P&L and margin as they are, the rest over the ask rate."""
    market, collateral, held = assessment.market, assessment.regime.collateral, assessment.book.positions
    rows = assessment.encoded.instrument_row[held.instrument]
    profit = unrealised_pnl(market, rows, held.quantity, held.entry_price)
    out = np.empty(len(pool))
    for i, (p, r) in enumerate(zip(pool.tolist(), row.tolist(), strict=True)):
        settlement = market.settlement[r]
        asset, worth = market.currencies[settlement], float(market.usd[settlement])
        bid, ask = worth * (1 - collateral.haircut.of(asset)), worth * (1 + collateral.debt_markup.of(asset))
        of_account = held.account == assessment.results.account[p]
        together = float(profit[of_account & (market.settlement[rows] == settlement)].sum())
        own = float(profit[of_account & (rows == r)].sum())
        out[i] = (excess[i] - own * (bid if together > 0 else ask) + margin[i] * ask) / ask + own - margin[i]
    return out
