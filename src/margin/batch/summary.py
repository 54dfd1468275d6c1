"""What a run found, in numbers that fit on a page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.assessment import LIQUIDATION, STATUSES, Assessment, pool_names, utilised
from margin.pools.holdings import MONEY

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

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
    book, market = assessment.book, assessment.market
    usd, status = _usd_of_rows(assessment), assessment.status
    liquidated = status == STATUSES.index(LIQUIDATION)
    short = _shortfall(assessment, liquidated)
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
        totals=_totals(assessment, usd, short),
        nearest=_rows(assessment, _nearest(assessment, ~liquidated)),
        short=_rows(assessment, _largest(short * usd, liquidated)),
    )


def _usd_of_rows(assessment: Assessment) -> Array:
    """USD per unit of each row's currency."""
    currency, market = assessment.results.currency, assessment.market
    return np.where(currency == MONEY, 1.0, market.usd[currency]) * market.money_usd


def _accounts_by_status(assessment: Assessment, status: NDArray[np.int8]) -> dict[str, int]:
    worst = np.zeros(len(assessment.book.accounts), dtype=np.int8)
    np.maximum.at(worst, assessment.results.account, status)
    counts = np.bincount(worst, minlength=len(STATUSES))
    return {name: int(count) for name, count in zip(STATUSES, counts, strict=True)}


def _shortfall(assessment: Assessment, liquidated: Flags) -> Array:
    """Maintenance margin less collateral of pools in liquidation, zero for others, in the pool's currency."""
    r = assessment.results
    return np.where(liquidated, r.maintenance - r.maintenance_collateral, 0.0)


def _totals(assessment: Assessment, usd: Array, short: Array) -> tuple[CurrencyTotal, ...]:
    r = assessment.results
    totals = []
    for code in np.unique(r.currency):
        here = r.currency == code
        totals.append(
            CurrencyTotal(
                currency=assessment.market.money if code == MONEY else assessment.market.currencies[code],
                pools=int(here.sum()),
                equity=float(r.equity[here].sum()),
                initial_margin=float(r.initial[here].sum()),
                maintenance_margin=float(r.maintenance[here].sum()),
                shortfall=float(short[here].sum()),
                usd=float(usd[here][0]),
            )
        )
    return tuple(sorted(totals, key=lambda t: -t.maintenance_margin * t.usd))


def _nearest(assessment: Assessment, alive: Flags) -> NDArray[np.int64]:
    """Rows not in liquidation with the highest utilisation."""
    r = assessment.results
    alive = alive & (r.maintenance > 0)
    ratio = np.divide(r.maintenance, r.maintenance_collateral, out=np.full(len(r.account), -1.0), where=alive)
    return _largest(ratio, alive)


def _largest(values: Array, among: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Where the largest values are, largest first, of equals the first."""
    candidates = np.flatnonzero(among)
    if len(candidates) > LISTED:  # all but those that may be listed need no order
        found = values[candidates]
        candidates = candidates[~(found < -np.partition(-found, LISTED - 1)[LISTED - 1])]
    return candidates[np.argsort(-values[candidates], kind="stable")[:LISTED]]


def _rows(assessment: Assessment, rows: NDArray[np.int64]) -> tuple[AccountRow, ...]:
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
