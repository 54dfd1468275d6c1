"""What a run found, in numbers that fit on a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from margin.assessment import Assessment
from margin.ids import Ids
from margin.market import Market

STATUSES = ("healthy", "restricted", "liquidation")
NEAREST = 10


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
    collateral_value: float
    maintenance_margin: float
    utilisation: float


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What went in, what came out and what it took.

    Attributes
    ----------
    accounts, pools, positions, balances, orders, instruments, scenarios : int
        Counts. `pools` is the number of result rows.
    seconds : dict[str, float]
        Wall time of load, encode, price, stress and write, in the order they happened, and of the whole run.
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
