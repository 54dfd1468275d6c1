"""Figures that the venue names, from an assessment: per position, per pool, per account.

The engine computes without rounding. The venue floors the margins of every position to a step before it adds them up; `floored`
figures do the same, and what is computed from sums follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.borrowing import Ratio
from margin.lines import Lines, pool_sums
from margin.models.standard import PreparedStandard
from margin.names import pool_names

if TYPE_CHECKING:
    from collections.abc import Collection

    from margin.assessment import Assessment
    from margin.params import Parameters
    from margin.venues.hyperliquid.tiers import MarginTable

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]

SLACK = np.finfo(np.float64).eps * 2 * 2
"""What rounding may have taken from a margin, relative to it: a read-back mark, a product, a quotient, a deduction."""


@dataclass(frozen=True, slots=True, eq=False)
class PositionFigures:
    """Positions in the order of accounts, shape (n,); rows of one coin in one pool are one position.

    Attributes
    ----------
    row : ndarray of int64
        Row of the position's pool in the assessment.
    instrument : ndarray of int32
        Row of the market.
    size, mark, notional : ndarray of float64
        Coin, signed; collateral token.
    initial, maintenance : ndarray of float64
        Margins, floored if that was asked for.
    isolated : ndarray of bool
    lines : Lines
        The same as lines of the whole book.
    """

    row: NDArray[np.int64]
    instrument: Codes
    size: Array
    mark: Array
    notional: Array
    initial: Array
    maintenance: Array
    isolated: Flags
    lines: Lines

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True, eq=False)
class PoolFigures:
    """Pools in the order of the assessment, in their collateral token, shape (n_rows,).

    Attributes
    ----------
    account_value : ndarray of float64
        Worth of the pool; of an isolated position its margin. Without credit for collateral in other tokens.
    notional, initial, maintenance : ndarray of float64
        Sums over the positions.
    orders : ndarray of float64
        What resting orders reserve.
    transfer_required : ndarray of float64
        The larger of the initial margin and a share of the notional.
    available : ndarray of float64
        Account value and what may be borrowed, less initial margin and orders.
    credit : ndarray of float64
        What collateral in other tokens adds before liquidation; zero where nothing is borrowed.
    isolated : ndarray of bool
    strict : ndarray of bool
        Isolated positions whose margin is released only as they shrink.
    """

    account_value: Array
    notional: Array
    initial: Array
    maintenance: Array
    orders: Array
    transfer_required: Array
    available: Array
    credit: Array
    isolated: Flags
    strict: Flags

    @property
    def withdrawable(self) -> Array:
        """What may leave the pool; of an isolated position what may be removed, nothing where it is strictly isolated."""
        return np.where(self.strict, 0.0, withdrawable(self.account_value, self.transfer_required, self.orders))

    @property
    def available_after_maintenance(self) -> Array:
        """Account value and credit less maintenance margin."""
        return self.account_value + self.credit - self.maintenance

    @property
    def ratio(self) -> Array:
        """Maintenance margin over account value: infinite where nothing stands against it."""
        return Ratio(self.maintenance, self.account_value, np.zeros(len(self.maintenance))).ratio

    @property
    def liquidatable(self) -> Flags:
        """Where the account value is below the maintenance margin; in portfolio margin see `Assessment.status`."""
        return np.asarray(self.account_value < self.maintenance)


def positions(assessment: Assessment, *, step: float | None = None) -> PositionFigures:
    """Every position with its margins.

    Parameters
    ----------
    assessment : Assessment
        Under a regime of this venue.
    step : float, optional
        Floor both margins of every position to a multiple of it.
    """
    regime, encoded = assessment.regime, assessment.encoded
    shared = replace(regime, overrides={})
    prepared = shared.prepare(encoded)
    _, partition, lines, _ = shared.group(encoded, prepared, 0, len(encoded.book.accounts))
    initial, maintenance = _margins(prepared, lines)
    of_line = partition.account[lines.pool]
    for code in _overridden(assessment):
        own = np.flatnonzero(of_line == code)
        its = regime.of(encoded.book.accounts[code])
        initial[own], maintenance[own] = _margins(its.prepare(encoded), lines.take(own))
    mark = assessment.market.mark[lines.row]
    notional = np.abs(lines.quantity) * assessment.market.contract_size[lines.row] * mark
    if step is not None:
        initial, maintenance = floored(initial, step), floored(maintenance, step)
    isolated = np.zeros(len(partition), dtype=np.bool_) if partition.isolated is None else partition.isolated
    return PositionFigures(
        row=_rows(assessment, partition.account, partition.name)[lines.pool],
        instrument=lines.row,
        size=lines.quantity,
        mark=mark,
        notional=notional,
        initial=initial,
        maintenance=maintenance,
        isolated=isolated[lines.pool],
        lines=lines,
    )


def pools(
    assessment: Assessment,
    p: Parameters,
    *,
    floor: bool = False,
    held: PositionFigures | None = None,
    strict: Collection[str] = (),
) -> PoolFigures:
    """Every pool.

    Parameters
    ----------
    assessment : Assessment
        Under a regime of this venue.
    p : Parameters
        Of the day.
    floor : bool
        Floor the margins of every position before they are added up.
    held : PositionFigures, optional
        If they are at hand already; then `floor` is theirs.
    strict : collection of str
        Coins whose positions are strictly isolated.
    """
    found = held or positions(assessment, step=p.number("rounding.step") if floor else None)
    n, r = len(assessment), assessment.results
    row = found.row.astype(np.int32)
    notional, initial, maintenance = (pool_sums(row, x, n) for x in (found.notional, found.initial, found.maintenance))
    orders = r.components["open_orders"]
    market = assessment.market
    isolated = (r.name >= 0) & (r.name < len(market))
    strictly = np.array([*(market.currencies[base] in strict for base in market.base), False], dtype=np.bool_)
    return PoolFigures(
        account_value=r.equity,
        notional=notional,
        initial=initial,
        maintenance=maintenance,
        orders=orders,
        transfer_required=transfer_required(initial, notional, p),
        available=r.initial_collateral - initial - orders,
        credit=r.maintenance_collateral - r.equity,
        isolated=isolated,
        strict=isolated & strictly[np.where(isolated, r.name, -1)],
    )


def pool_columns(assessment: Assessment, figures: PoolFigures) -> dict[str, Any]:
    """Figures of pools as columns with names."""
    names = {"account_value", "notional", "initial", "maintenance", "orders", "transfer_required", "available"}
    return {
        "account": assessment.book.accounts.take(assessment.results.account),
        "pool": pool_names(assessment.market, assessment.results.name),
        **{name: getattr(figures, name) for name in PoolFigures.__slots__ if name in names},
        "withdrawable": figures.withdrawable,
        "available_after_maintenance": figures.available_after_maintenance,
        "ratio": figures.ratio,
    }


def transfer_required(initial: Array, notional: Array, p: Parameters) -> Array:
    """What a transfer must leave behind, from the sums of a pool."""
    return np.maximum(initial, p.number("transfer.notional_share") * notional)


def withdrawable(account_value: Array, required: Array, orders: Array | float = 0.0) -> Array:
    """What may be withdrawn beside what must stay."""
    return np.maximum(account_value - required - orders, 0.0)


def largest_orders(
    table: MarginTable, *, leverage: float, size: float, mark: float, available: tuple[float, float], step: float
) -> tuple[float, float]:
    """Largest buy and largest sell: what is available at the leverage, and what the tiers allow at it.

    Parameters
    ----------
    table : MarginTable
    leverage : float
    size : float
        Position, coin, signed.
    mark : float
    available : (float, float)
        To buy and to sell.
    step : float
        Size step, to which the result is floored.
    """
    most = table.largest_notional(leverage) / mark

    def largest(side: int, money: float) -> float:
        return float(floored(np.array(max(min(money * leverage / mark, most - side * size), 0.0)), step))

    return largest(1, available[0]), largest(-1, available[1])


def portfolio_ratio(assessment: Assessment, figures: PoolFigures) -> Array:
    """Portfolio margin ratio of each account, the largest over what can be owed, shape (n_accounts,); -inf without any pool."""
    borrowing = assessment.regime.borrowing
    assert borrowing is not None, "only portfolio margin has the ratio"
    shared = ~figures.isolated
    ratio = borrowing.of(figures.maintenance, figures.account_value, figures.credit).ratio
    worst = np.full(len(assessment.book.accounts), -np.inf)
    np.maximum.at(worst, assessment.results.account[shared], ratio[shared])
    return worst


def floored(amount: Array, step: float) -> Array:
    """Amounts >= 0 cut to a multiple of a step; what rounding has moved just below a multiple counts as that multiple.

    Parameters
    ----------
    amount : ndarray of float64
    step : float
        Its inverse is a whole number.
    """
    in_a_unit = round(1 / step)
    return np.asarray(np.floor(amount * (1.0 + SLACK) * in_a_unit) / in_a_unit)


def _margins(prepared: Any, lines: Lines) -> tuple[Array, Array]:
    assert isinstance(prepared, PreparedStandard)
    return prepared.futures.margins(lines)


def _overridden(assessment: Assessment) -> list[int]:
    own = assessment.regime.overrides
    return [code for code, account in enumerate(assessment.book.accounts) if str(account) in own] if own else []


def _rows(assessment: Assessment, account: Codes, name: Codes) -> NDArray[np.int64]:
    """Row of the assessment of each pool, which is the only one of its account with that name."""
    n = 1 + len(assessment.market) + len(assessment.market.currencies)
    known = assessment.results.account.astype(np.int64) * n + assessment.results.name
    order = np.argsort(known)
    return order[np.searchsorted(known[order], account.astype(np.int64) * n + name)]
