"""What a run found, in numbers that fit on a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.assessment import Assessment, utilised
from margin.market import Market
from margin.names import LIQUIDATION, STATUSES, pool_names
from margin.pools.holdings import MONEY

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

LISTED = 10
"""Rows in the lists of a summary."""


@dataclass(frozen=True, slots=True)
class CurrencyTotal:
    """Sums over all pools that are counted in one currency."""

    currency: str
    pools: int
    equity: float
    initial_margin: float
    maintenance_margin: float
    shortfall: float
    usd: float
    """USD per unit of the currency."""


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One pool of one account, as the summary lists it. Amounts in `currency`."""

    account: str | int
    pool: str
    currency: str
    equity: float
    collateral: float
    """What counts against the maintenance margin, after haircuts."""
    maintenance_margin: float
    utilisation: float | None
    """Maintenance margin over collateral; None where there is no collateral."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What went in, what came out and what it took.

    Attributes
    ----------
    accounts, pools, positions, balances, orders, instruments, scenarios : int
        Counts. `pools` is the number of result rows.
    seconds : dict[str, float]
        Wall time of load, encode, price, stress and write, in the order they happened, and ``total``, that of the whole run:
        their sum and what lies between them (this summary). Results are written while accounts are under stress; ``write`` is
        what is left of it then.
    peak_memory : int or None
        Largest resident size of the process in bytes; None where the system does not tell.
    accounts_by_status : dict[str, int]
        An account counts under the worst status of its pools.
    totals : tuple[CurrencyTotal, ...]
        Largest maintenance margin in USD first.
    nearest : tuple[AccountRow, ...]
        The pools with the highest utilisation that are not in liquidation yet.
    short : tuple[AccountRow, ...]
        The pools in liquidation with the largest shortfall (maintenance margin less collateral value, in USD).
    illustrative : bool
        True if a parameter in use is illustrative: then so is every number.
    """

    snapshot: str
    output: str
    time: str
    regime: str
    illustrative: bool
    accounts: int
    pools: int
    positions: int
    balances: int
    orders: int
    instruments: int
    scenarios: int
    seconds: dict[str, float]
    peak_memory: int | None
    accounts_by_status: dict[str, int]
    totals: tuple[CurrencyTotal, ...]
    nearest: tuple[AccountRow, ...]
    short: tuple[AccountRow, ...]

    @property
    def initial_margin_usd(self) -> float:
        """Initial margin of all pools in USD."""
        return float(sum(total.initial_margin * total.usd for total in self.totals))

    @property
    def maintenance_margin_usd(self) -> float:
        """Maintenance margin of all pools in USD."""
        return float(sum(total.maintenance_margin * total.usd for total in self.totals))

    @property
    def shortfall_usd(self) -> float:
        """Maintenance margin less collateral value in USD, over the pools in liquidation."""
        return float(sum(total.shortfall * total.usd for total in self.totals))


def summarise(snapshot: Path, output: Path, assessment: Assessment) -> RunSummary:
    """The summary of a run, but for its times and its memory, which are not known before it ends.

    Parameters
    ----------
    snapshot, output : Path
    assessment : Assessment
    """
    book, market, status = assessment.book, assessment.market, assessment.status
    liquidated = status == STATUSES.index(LIQUIDATION)
    short = _short(assessment, np.flatnonzero(liquidated))
    return RunSummary(
        snapshot=str(snapshot),
        output=str(output),
        time=f"{market.time}Z",
        regime=assessment.regime.name,
        illustrative=assessment.illustrative,
        accounts=len(book.accounts),
        pools=len(assessment),
        positions=len(book.positions.account),
        balances=len(book.balances.account),
        orders=len(book.orders.account),
        instruments=len(market),
        scenarios=assessment.prepared.n_scenarios,
        seconds={},
        peak_memory=None,
        accounts_by_status=_accounts_by_status(assessment, status),
        totals=_totals(assessment, short),
        nearest=_rows(assessment, _nearest(assessment, np.flatnonzero(~liquidated))),
        short=_rows(assessment, short.rows[_largest(short.amount * _usd(market)[short.currency])]),
    )


class _Short(NamedTuple):
    """Rows in liquidation, and by how much their maintenance margin exceeds their collateral, in their currency."""

    rows: Rows
    currency: NDArray[np.int32]
    amount: Array


def _short(assessment: Assessment, rows: Rows) -> _Short:
    r = assessment.results
    return _Short(rows, r.currency[rows], r.maintenance[rows] - r.maintenance_collateral[rows])


def _usd(market: Market) -> Array:
    """USD per unit of each currency; at the end, where `MONEY` finds it, of the money that whole accounts count in."""
    return np.append(market.usd, 1.0) * market.money_usd


def _accounts_by_status(assessment: Assessment, status: NDArray[np.int8]) -> dict[str, int]:
    worst = np.zeros(len(assessment.book.accounts), dtype=np.int8)
    np.maximum.at(worst, assessment.results.account, status)
    counts = np.bincount(worst, minlength=len(STATUSES))
    return {name: int(count) for name, count in zip(STATUSES, counts, strict=True)}


def _totals(assessment: Assessment, short: _Short) -> tuple[CurrencyTotal, ...]:
    r, market = assessment.results, assessment.market
    codes = np.flatnonzero(kernels.occurring(r.currency - np.int32(MONEY), len(market.currencies) + 1)) + MONEY
    totals = []
    for code in codes:
        here = slice(None) if len(codes) == 1 else r.currency == code
        totals.append(
            CurrencyTotal(
                currency=market.money if code == MONEY else market.currencies[code],
                pools=len(r.currency[here]),
                equity=float(r.equity[here].sum()),
                initial_margin=float(r.initial[here].sum()),
                maintenance_margin=float(r.maintenance[here].sum()),
                shortfall=float(short.amount[short.currency == code].sum()),
                usd=float(_usd(market)[code]),
            )
        )
    return tuple(sorted(totals, key=lambda t: -t.maintenance_margin * t.usd))


def _nearest(assessment: Assessment, alive: Rows) -> Rows:
    """Of the rows not in liquidation those with the highest utilisation."""
    r = assessment.results
    required = r.maintenance[alive]
    at_risk = required > 0
    alive = alive[at_risk]
    return alive[_largest(required[at_risk] / r.maintenance_collateral[alive])]


def _largest(values: Array) -> Rows:
    """Where the largest values are, largest first, of equals the first."""
    candidates = np.arange(len(values))
    if len(values) > LISTED:  # all but those that may be listed need no order
        candidates = np.flatnonzero(~(values < -np.partition(-values, LISTED - 1)[LISTED - 1]))
    return candidates[np.argsort(-values[candidates], kind="stable")[:LISTED]]


def _rows(assessment: Assessment, rows: Rows) -> tuple[AccountRow, ...]:
    r, market = assessment.results, assessment.market
    pools = pool_names(market, r.name[rows])
    utilisation = utilised(r.maintenance[rows], r.maintenance_collateral[rows])
    return tuple(
        AccountRow(
            account=assessment.book.accounts[int(r.account[i])],
            pool=str(pools[k]),
            currency=market.money if r.currency[i] == MONEY else market.currencies[r.currency[i]],
            equity=float(r.equity[i]),
            collateral=float(r.maintenance_collateral[i]),
            maintenance_margin=float(r.maintenance[i]),
            utilisation=float(utilisation[k]) if np.isfinite(utilisation[k]) else None,
        )
        for k, i in enumerate(rows)
    )
