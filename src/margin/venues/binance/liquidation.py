"""Liquidation prices of futures by the venue's formula: one contract moves, all else of its pool stands at its mark.

In ``u``, the price of a linear contract or one over that of an inverse one, margin balance less maintenance margin is linear
within a bracket, so every bracket has one candidate; those whose notional lies in their bracket count. Legs of one symbol in a shared
pool have one price together.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from margin.contracts import unrealised_pnl
from margin.errors import DataError
from margin.models.rates import RateTable
from margin.models.standard import StandardModel

if TYPE_CHECKING:
    from margin.assessment import Assessment


@dataclass(frozen=True, slots=True)
class Leg:
    """A position or one leg of it.

    Attributes
    ----------
    size : float
        Signed: base units of a linear contract, quote currency (contracts x contract size) of an inverse one.
    reference : float
        Price at which its P&L is zero: the entry price, or the mark if what it has made stands in the balance.
    table : RateTable
        Maintenance margin over its notional.
    inverse : bool
    """

    size: float
    reference: float
    table: RateTable
    inverse: bool = False

    @property
    def slope(self) -> float:
        """P&L by u."""
        return -self.size if self.inverse else self.size

    @property
    def start(self) -> float:
        """The reference in u."""
        return 1 / self.reference if self.inverse else self.reference


class Nearest(NamedTuple):
    """Nearest liquidation prices below (or at) and above a price; None where there is none."""

    below: float | None
    above: float | None

    @property
    def either(self) -> float:
        """The one that the venue shows: the lower, else the upper; 0 where there is none."""
        return self.below or self.above or 0.0


def liquidation_prices(legs: Sequence[Leg], balance: float) -> tuple[float, ...]:
    """All prices at which the margin balance of a pool equals its maintenance margin, ascending.

    Parameters
    ----------
    legs : sequence of Leg
        The legs of one symbol, all linear or all inverse.
    balance : float
        Wallet balance, plus unrealised P&L and less maintenance margin of everything else in the pool; margin asset.

    Returns
    -------
    tuple of float
        Beyond its last bound a table goes on with its last rate.
    """
    sizes = [(leg, abs(leg.size)) for leg in legs if leg.size]
    kinks = sorted({bound / size for leg, size in sizes for bound in leg.table.floor})
    found: set[float] = set()
    for low, high in itertools.pairwise([*kinks, float("inf")]):
        inside = low if high == float("inf") else (low + high) / 2
        constant, slope = balance, 0.0
        for leg, size in sizes:
            tier = int(np.searchsorted(leg.table.floor, inside * size, side="right")) - 1
            constant += leg.table.deduction[tier] - leg.slope * leg.start
            slope += leg.slope - leg.table.rate[tier] * size
        if slope:
            u = -constant / slope
            if low <= u <= high and u > 0:
                found.add(1 / u if legs[0].inverse else u)
    return tuple(sorted(found))


def nearest(prices: Sequence[float], mark: float) -> Nearest:
    """The nearest of some prices in each direction; one at the mark itself counts as below."""
    below = [price for price in prices if price <= mark]
    above = [price for price in prices if price > mark]
    return Nearest(max(below, default=None), min(above, default=None))


class PoolPrices(NamedTuple):
    """Liquidation prices of one symbol in one pool: account, row of the assessment, symbol, prices."""

    account: str | int
    row: int
    symbol: str
    prices: Nearest


def of_assessment(assessment: Assessment) -> list[PoolPrices]:
    """Liquidation prices of every symbol of every pool of futures accounts, one by one: for single accounts.

    In multi-assets mode the contract itself counts one to one in its margin asset, and everything else over that asset's ask
    rate, as the printed formula has it.

    Raises
    ------
    DataError
        If the assessment is not one of a futures mode. In Portfolio Margin the collateral moves with the price too.
    """
    model = assessment.regime.model
    if not isinstance(model, StandardModel):
        raise DataError(
            f"{assessment.regime.name!r} is not a mode of futures wallets",
            table="assessment",
            column="regime",
            hint="Liquidation prices by the venue's formula exist for usdm_single, usdm_multi and coinm.",
        )
    market, regime, r = assessment.market, assessment.regime, assessment.results
    lines = regime.group(assessment.encoded, assessment.prepared, 0, len(assessment.book.accounts))[2]
    legs: dict[tuple[int, int], list[Leg]] = {}
    for pool, row, quantity in zip(lines.pool.tolist(), lines.row.tolist(), lines.quantity.tolist(), strict=True):
        table = model.futures.maintenance(str(market.instruments[row]))
        size = quantity * float(market.contract_size[row])
        legs.setdefault((pool, row), []).append(Leg(size, float(market.mark[row]), table, bool(market.inverse[row])))
    out = []
    for (pool, row), own in legs.items():
        mark = float(market.mark[row])
        margin = sum(float(leg.table.requirement(np.array([abs(leg.size) * _unit(mark, leg)]))[0]) for leg in own)
        excess = float(r.maintenance_collateral[pool] - r.maintenance[pool])
        if regime.pool.in_usd:
            excess = _in_asset(assessment, pool, row, excess, margin)
        account = assessment.book.accounts[int(r.account[pool])]
        prices = nearest(liquidation_prices(own, excess + margin), mark)
        out.append(PoolPrices(account, pool, str(market.instruments[row]), prices))
    return out


def _unit(price: float, leg: Leg) -> float:
    return 1 / price if leg.inverse else price


def _in_asset(assessment: Assessment, pool: int, row: int, excess: float, margin: float) -> float:
    """Excess of a pool in the margin asset of a contract: its own P&L and margin as they are, the rest over the ask rate."""
    market, collateral, held = assessment.market, assessment.regime.collateral, assessment.book.positions
    asset = market.currencies[int(market.settlement[row])]
    worth = float(market.usd[market.settlement[row]])
    ask = worth * (1 + collateral.debt_markup.of(asset))
    rows = assessment.encoded.instrument_row[held.instrument]
    profit = unrealised_pnl(market, rows, held.quantity, held.entry_price)
    of_account = held.account == assessment.results.account[pool]
    in_asset = of_account & (market.settlement[rows] == market.settlement[row])
    bid = worth * (1 - collateral.haircut.of(asset))
    own = float(profit[of_account & (rows == row)].sum())
    rate = bid if profit[in_asset].sum() > 0 else ask
    return (excess - own * rate + margin * ask) / ask + own - margin
