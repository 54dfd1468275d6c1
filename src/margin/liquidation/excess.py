"""What of a pool's excess moves with a price: collateral, maintenance margin and closing fees as terms of the solver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.lines import Lines, pool_sums
from margin.liquidation.moves import Moves, futures_of
from margin.liquidation.prices import NOISE, Terms
from margin.market import Market
from margin.models.standard import PreparedStandard
from margin.pools import Collateral, CrossPool, Holdings
from margin.rates import RateTables

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

WHOLE = RateTables(
    start=np.array([0, 1], dtype=np.int32),
    floor=np.array([-np.inf]),
    rate=np.ones(1),
    slope=np.zeros(1),
    deduction=np.zeros(1),
    closed="left",
)
"""One table under which every amount, positive or negative, counts in full."""

Part = tuple[Terms, RateTables]
"""Terms and the tables that they name."""


def joined(parts: Sequence[Part]) -> Part:
    """Parts behind each other."""
    terms, tables, n = [], [], 0
    for part, named in parts:
        terms.append(
            Terms(part.problem, part.fixed, part.moving, part.power, part.worth, part.worth_power, part.table + np.int32(n))
        )
        tables.append(named)
        n += len(named.start) - 1
    return Terms.concatenated(*terms), _packed(tables)


def _packed(tables: Sequence[RateTables]) -> RateTables:
    start = np.concatenate([[0], *(np.diff(t.start) for t in tables)]).cumsum().astype(np.int32)
    floor, rate, slope, deduction = (
        np.concatenate([getattr(t, name) for t in tables]) for name in ("floor", "rate", "slope", "deduction")
    )
    # Only tables of margins may jump at a bound; to the others it is the same on which side an amount at a bound counts.
    closed: Literal["left", "right"] = "right" if any(t.closed == "right" for t in tables) else "left"
    return RateTables(start, floor, rate, slope, deduction, closed)


def maintenance(prepared: PreparedStandard, moves: Moves) -> Part:
    """Maintenance margin of the moved lines."""
    futures, rule, row = prepared.futures, prepared.model.futures, moves.row
    inverse, in_usd = prepared.rows.market.inverse[row], prepared.rows.in_usd
    quoted = moves.index if rule.price == "index" else moves.mark
    in_coin = rule.tiers_in == "coin"
    converted = np.where(inverse, moves.index, moves.settlement) * in_usd
    return Terms(
        problem=moves.problem,
        fixed=np.zeros(len(row)),
        moving=np.abs(moves.quantity) * futures.coin[row] * futures.measure[row],
        power=np.where(inverse, -moves.mark, 0 if in_coin else quoted).astype(np.int8),
        worth=-futures.worth[row],
        worth_power=(np.where(inverse | (not in_coin), 0, quoted) + converted).astype(np.int8),
        table=futures.table[row],
    ), futures.maintenance_rates


def closing_fees(prepared: PreparedStandard, moves: Moves, rate: float) -> Part:
    """Fees for closing the moved lines at the mark."""
    inverse = prepared.rows.market.inverse[moves.row]
    converted = np.where(inverse, moves.index, moves.settlement) * prepared.rows.in_usd
    return Terms(
        problem=moves.problem,
        fixed=np.zeros(len(moves.row)),
        moving=np.abs(_change(prepared.rows.market, moves.row, moves.quantity)),
        power=np.where(inverse, -moves.mark, moves.mark).astype(np.int8),
        worth=-rate * prepared.rows.to_pool[moves.row],
        worth_power=converted.astype(np.int8),
        table=np.zeros(len(moves.row), dtype=np.int32),
    ), WHOLE


def fees_now(prepared: PreparedStandard, lines: Lines, rate: float) -> Array:
    """Fees for closing all futures and perpetuals of each pool at the mark, in the pool's currency."""
    held = np.flatnonzero(futures_of(lines, prepared.rows.market))
    row = lines.row[held]
    value = np.abs(_change(prepared.rows.market, row, lines.quantity[held])) * prepared.rows.to_pool[row]
    return pool_sums(lines.pool[held], rate * value, lines.n_pools)


def own_currency(market: Market, moves: Moves) -> Part:
    """P&L of the moved lines where a pool counts in their settlement currency and discounts nothing."""
    own = np.flatnonzero(moves.mark)
    row, nothing = moves.row[own], np.zeros(len(own))
    return Terms(
        problem=moves.problem[own],
        fixed=nothing,
        moving=_change(market, row, moves.quantity[own]),
        power=np.where(market.inverse[row], -1, 1).astype(np.int8),
        worth=nothing + 1.0,
        worth_power=nothing.astype(np.int8),
        table=nothing.astype(np.int32),
    ), WHOLE


def shared_collateral(pool: CrossPool, collateral: Collateral, holdings: Holdings, market: Market, moves: Moves) -> Part:
    """Discounted equity of every currency that moved lines settle in, and of the coin whose price moves.

    Raises
    ------
    DataError
        If an inverse and a linear contract of one pool settle in the same moving coin.
    ParameterError
        If a currency has no haircut.
    """
    k, currencies = len(holdings.currencies), holdings.currencies
    own = np.flatnonzero(moves.mark)
    row = moves.row[own]
    coin = np.flatnonzero((moves.coin >= 0) & (holdings.column[moves.coin] >= 0))
    of_line = moves.problem[own].astype(np.int64) * k + holdings.column[market.settlement[row]]
    of_coin = coin * np.int64(k) + holdings.column[moves.coin[coin]]
    cell, place = np.unique(np.concatenate((of_line, of_coin)), return_inverse=True)
    line = place[: len(own)]
    power = np.ones(len(cell), dtype=np.int8)
    power[line[market.inverse[row]]] = -1
    if (power[line[~market.inverse[row]]] < 0).any():
        mixed = int(line[~market.inverse[row]][np.argmax(power[line[~market.inverse[row]]] < 0)])
        name = market.currencies[int(currencies[cell[mixed] % k])]
        raise DataError(
            "a pool holds an inverse and a linear contract that settle in the same moving coin",
            table="instruments",
            column="settlement",
            value=name,
            hint='Ask by="instrument".',
        )
    problem, column = (cell // k).astype(np.int32), cell % k
    moving = np.bincount(line, weights=_change(market, row, moves.quantity[own]), minlength=len(cell)).astype(np.float64)
    gross = np.bincount(line, weights=np.abs(_change(market, row, moves.quantity[own])), minlength=len(cell))
    moving[np.abs(moving) <= NOISE * gross] = 0.0
    counted = holdings.balance + holdings.worths.unrealised
    if collateral.counts_option_value:
        counted = counted + holdings.worths.option_value
    table, tables = _discounts(collateral, [market.currencies[currencies[c]] for c in range(k)], np.unique(column))
    return Terms(
        problem=problem,
        fixed=counted[moves.pool[problem], column] - moving,
        moving=moving,
        power=power,
        worth=pool.prices(holdings, market, collateral)[column],
        worth_power=(currencies[column] == moves.coin[problem]).astype(np.int8),
        table=table[column],
    ), tables


def _change(market: Market, row: Codes, quantity: Array) -> Array:
    """What moves in a line's P&L: its value at a linear mark, minus that at an inverse one; settlement currency, signed."""
    size = quantity * market.contract_size[row]
    return np.where(market.inverse[row], -size / market.mark[row], size * market.mark[row])


def _discounts(collateral: Collateral, names: Sequence[str], used: NDArray[np.int64]) -> tuple[Codes, RateTables]:
    """Table of each currency: in full below zero, then its tiers."""
    table, tables = np.zeros(len(names), dtype=np.int32), [WHOLE]
    for c in used:
        tiers = collateral.kept(names[int(c)])
        if set(tiers.rate) == {1.0}:
            continue
        floor, rate = np.array(tiers.floor), np.array(tiers.rate)
        steps = np.diff(rate, prepend=rate[0])
        table[c] = len(tables)
        tables.append(
            RateTables(
                start=np.array([0, len(floor) + 1], dtype=np.int32),
                floor=np.concatenate(([-np.inf], floor)),
                rate=np.concatenate(([1.0], rate)),
                slope=np.zeros(len(floor) + 1),
                deduction=np.concatenate(([0.0], np.cumsum(steps * floor))),
                closed="left",
            )
        )
    return table, _packed(tables)
