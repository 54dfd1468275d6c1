"""What a page says about all accounts: sums and short lists, taken block by block, so that memory does not grow with accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.names import LIQUIDATION, STATUSES
from margin.report.results import Result, Vocabulary, numbers

Array = NDArray[np.float64]

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Bins of utilisation; below them nothing is required, above them the pool is in liquidation."""

TOP = (1, 10, 100, 1_000, 10_000)
"""Numbers of accounts whose share of the requirement is shown."""

SCENARIOS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class CurrencySum:
    """Sums over the pools that are counted in one currency."""

    currency: str
    usd: float
    pools: int
    equity: float
    collateral: float
    initial: float
    maintenance: float
    shortfall: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Pools of which the utilisation is in a range."""

    label: str
    pools: int
    maintenance_usd: float


@dataclass(frozen=True, slots=True)
class PoolRow:
    """One pool, as a list shows it; amounts in `currency`."""

    mode: str
    account: str
    pool: str
    currency: str
    equity: float
    collateral: float
    """What counts against the maintenance margin, after haircuts."""
    initial: float
    maintenance: float
    utilisation: float
    status: str
    worst: str
    order: float
    """What the list is ordered by, largest first."""


@dataclass(frozen=True, slots=True)
class Share:
    """What the accounts with the largest requirement add to the whole."""

    accounts: int
    maintenance_usd: float
    fraction: float


@dataclass(frozen=True, slots=True)
class Aggregates:
    """What is said about one result. Amounts named ``usd`` are in USD, others in the currency beside them.

    Attributes
    ----------
    mode : str
        The regime.
    components : dict of str to float
        Sum of each component of the initial margin, USD.
    units : dict of str to float
        Sum by risk unit: of worst losses where the run wrote them, else maintenance margin by the pools' worst unit; USD.
    unit_measure : str
        Which of the two.
    scenarios : tuple of (str, str, int, float)
        Worst unit, worst scenario, number of pools and their maintenance margin in USD.
    effective_accounts : float
        1 / sum of squared shares of the maintenance margin: as many equal accounts would be as concentrated.
    """

    mode: str
    accounts: int
    pools: int
    accounts_by_status: dict[str, int]
    pools_by_status: dict[str, int]
    currencies: tuple[CurrencySum, ...]
    bins: tuple[Bin, ...]
    components: dict[str, float]
    nearest: tuple[PoolRow, ...]
    short: tuple[PoolRow, ...]
    shares: tuple[Share, ...]
    effective_accounts: float
    units: dict[str, float]
    unit_measure: str
    scenarios: tuple[tuple[str, str, int, float], ...]

    def usd(self, name: str) -> float:
        """Sum over the currencies of one of the figures of `CurrencySum`, in USD."""
        return float(sum(getattr(row, name) * row.usd for row in self.currencies))


def aggregate(result: Result, *, nearest: int) -> Aggregates:
    """Read a result once.

    Parameters
    ----------
    result : Result
    nearest : int
        Rows in the lists of pools nearest to and in liquidation.
    """
    usd = result.usd()
    sums, of_units = _Sums(result, usd, nearest), {}
    for batch in result.blocks(sums.columns):
        sums.add(batch)
    by_account = sums.by_account()
    if result.has_units and "worst_loss" in result.unit_columns():
        of_units, measure = _worst_losses(result, usd, sums.pool_currency), "worst loss"
    else:
        of_units, measure = sums.by_worst_unit(), "maintenance margin, by each pool's worst unit"
    shares, effective = _concentration(by_account)
    return Aggregates(
        mode=result.regime,
        accounts=int(result.manifest["accounts"]),
        pools=sums.rows,
        accounts_by_status={name: int(n) for name, n in result.manifest["accounts_by_status"].items()},
        pools_by_status={name: int(n) for name, n in zip(STATUSES, sums.statuses, strict=True)},
        currencies=sums.by_currency(),
        bins=sums.bins(),
        components=dict(zip(result.components, map(float, sums.components), strict=True)),
        nearest=sums.nearest.rows(),
        short=sums.short.rows(),
        shares=shares,
        effective_accounts=effective,
        units=dict(sorted(of_units.items(), key=lambda item: -item[1])),
        unit_measure=measure,
        scenarios=sums.by_scenario(),
    )


class _Sums:
    """Sums that grow with each block."""

    def __init__(self, result: Result, usd: Mapping[str, float], shown: int) -> None:
        self._result, self._usd = result, usd
        self._currency, self._status, self._pool = Vocabulary(), Vocabulary(), Vocabulary()
        self._unit, self._scenario = Vocabulary(), Vocabulary()
        self._by_currency: dict[str, Array] = {}
        self._scenarios: dict[tuple[int, int], Array] = {}
        self._one_pool = result.manifest["pools"] == result.manifest["accounts"]
        self._maintenance: list[Array] = []
        self._account: list[Any] = []
        self.pool_currency: dict[str, str] = {}
        self.columns = (
            "account", "pool", "currency", "equity", "collateral_value", "initial_margin", "maintenance_margin", "utilisation",
            "excess", "status", "worst_unit", "worst_scenario", *result.components,
        )  # fmt: skip
        self.rows = 0
        self.statuses = np.zeros(len(STATUSES))
        self.components = np.zeros(len(result.components))
        self._histogram = np.zeros((2, len(EDGES) + 1))
        self.nearest, self.short = Largest(shown, result.regime), Largest(shown, result.regime)

    def add(self, batch: Any) -> None:
        """Add a block."""
        self.rows += len(batch)
        code = self._currency.codes(batch.column("currency"))
        rate = np.array([self._usd.get(word, np.nan) for word in self._currency.words])[code]
        if np.isnan(rate).any():
            word = self._currency.words[code[np.argmax(np.isnan(rate))]]
            problem = f"the manifest has no total of pools in {word}"
            raise DataError(problem, table="assessments", column="currency", value=word, hint="Margin the snapshot again.")
        pool, first = np.unique(self._pool.codes(batch.column("pool")), return_index=True)
        for p, row in zip(pool, first, strict=True):
            self.pool_currency[self._pool.words[p]] = self._currency.words[code[row]]
        maintenance, excess = numbers(batch, "maintenance_margin"), numbers(batch, "excess")
        status = self._status.codes(batch.column("status"))
        known = np.array([STATUSES.index(word) for word in self._status.words])[status]
        gone = known == STATUSES.index(LIQUIDATION)
        self.statuses += np.bincount(known, minlength=len(STATUSES))
        short = np.where(gone, -excess, 0.0)
        figures = (
            numbers(batch, "equity"), numbers(batch, "collateral_value"), numbers(batch, "initial_margin"), maintenance, short
        )  # fmt: skip
        for c in np.unique(code):
            here, word = code == c, self._currency.words[c]
            more = np.array([here.sum(), *(values[here].sum() for values in figures)])
            self._by_currency[word] = self._by_currency.get(word, 0.0) + more
        self.components += [float(numbers(batch, name) @ rate) for name in self._result.components]
        in_usd = maintenance * rate
        self._place(numbers(batch, "utilisation"), in_usd)
        self._worst(batch, in_usd)
        self._maintenance.append(in_usd)
        if not self._one_pool:
            self._account.append(batch.column("account"))
        alive = ~gone & (maintenance > 0)
        self.nearest.add(batch, np.where(alive, numbers(batch, "utilisation"), -np.inf))
        self.short.add(batch, np.where(gone, short * rate, -np.inf))

    def _place(self, utilisation: Array, in_usd: Array) -> None:
        """Count into the bins: nothing required, each range, one and above (infinite too)."""
        place = np.where(utilisation == 0, 0, np.searchsorted(EDGES, utilisation, side="right").clip(1))
        self._histogram[0] += np.bincount(place, minlength=len(EDGES) + 1)
        self._histogram[1] += np.bincount(place, weights=in_usd, minlength=len(EDGES) + 1)

    def _worst(self, batch: Any, in_usd: Array) -> None:
        unit, scenario = self._unit.codes(batch.column("worst_unit")), self._scenario.codes(batch.column("worst_scenario"))
        both, inverse = np.unique(np.stack((unit, scenario)), axis=1, return_inverse=True)
        inverse = inverse.reshape(-1)
        counts, sums = np.bincount(inverse), np.bincount(inverse, weights=in_usd)
        for u, s, n, total in zip(*both, counts, sums, strict=True):
            key = (int(u), int(s))
            self._scenarios[key] = self._scenarios.get(key, 0.0) + np.array([n, total])

    def by_currency(self) -> tuple[CurrencySum, ...]:
        """Largest maintenance margin in USD first."""
        rows = (
            CurrencySum(word, self._usd[word], int(sums[0]), *map(float, sums[1:])) for word, sums in self._by_currency.items()
        )
        return tuple(sorted(rows, key=lambda row: -row.maintenance * row.usd))

    def bins(self) -> tuple[Bin, ...]:
        """From nothing required to above one."""
        ranges = [f"{100 * low:.0f} to {100 * high:.0f} %" for low, high in pairwise(EDGES)]
        labels = ("nothing required", *ranges, "100 % and above")
        return tuple(Bin(label, int(n), float(m)) for label, n, m in zip(labels, *self._histogram, strict=True))

    def by_worst_unit(self) -> dict[str, float]:
        """Maintenance margin in USD by the pools' worst unit."""
        sums: dict[str, float] = {}
        for (unit, _), (_, total) in self._scenarios.items():
            if unit >= 0:
                sums[self._unit.words[unit]] = sums.get(self._unit.words[unit], 0.0) + float(total)
        return sums

    def by_scenario(self) -> tuple[tuple[str, str, int, float], ...]:
        """The scenarios that decide most of the requirement."""
        found = [
            (self._unit.words[u], self._scenario.words[s], int(n), float(total))
            for (u, s), (n, total) in self._scenarios.items()
            if u >= 0 and s >= 0
        ]
        return tuple(sorted(found, key=lambda row: -row[3])[:SCENARIOS_SHOWN])

    def by_account(self) -> Array:
        """Maintenance margin of each account in USD: eight bytes an account is all that grows with their number."""
        amounts = np.concatenate(self._maintenance) if self._maintenance else np.zeros(0)
        if self._one_pool or not self._account:
            return amounts
        import pyarrow as pa

        table = pa.table({"account": pa.chunked_array(self._account), "usd": amounts})
        sums: Array = table.group_by("account").aggregate([("usd", "sum")])["usd_sum"].to_numpy()
        return sums


class Largest:
    """The rows with the largest values seen so far, of equals the first."""

    def __init__(self, shown: int, mode: str) -> None:
        self._shown, self._mode = shown, mode
        self._rows: list[PoolRow] = []

    def add(self, batch: Any, values: Array) -> None:
        """Rows of a block; those at -inf take no part."""
        candidates = np.flatnonzero(values > -np.inf)
        if len(self._rows) == self._shown and self._shown:
            candidates = candidates[values[candidates] > self._rows[-1].order]
        best = candidates[np.argsort(-values[candidates], kind="stable")[: self._shown]]
        rows = [_pool_row(self._mode, row, float(values[i])) for i, row in zip(best, batch.take(best).to_pylist(), strict=True)]
        self._rows = sorted([*self._rows, *rows], key=lambda row: -row.order)[: self._shown]

    def rows(self) -> tuple[PoolRow, ...]:
        """Largest first."""
        return tuple(self._rows)


def _pool_row(mode: str, row: Mapping[str, Any], order: float) -> PoolRow:
    worst = ": ".join(row[name] for name in ("worst_unit", "worst_scenario") if row[name])
    return PoolRow(
        mode=mode,
        account=str(row["account"]),
        pool=row["pool"],
        currency=row["currency"],
        equity=row["equity"],
        collateral=row["excess"] + row["maintenance_margin"],
        initial=row["initial_margin"],
        maintenance=row["maintenance_margin"],
        utilisation=row["utilisation"],
        status=row["status"],
        worst=worst,
        order=order,
    )


def _concentration(by_account: Array) -> tuple[tuple[Share, ...], float]:
    """Shares of the largest accounts, and as how many equal ones they are."""
    positive = by_account[by_account > 0]
    total = float(positive.sum())
    if total == 0:
        return (), 0.0
    counts = [n for n in TOP if n < len(positive)]
    ordered = np.sort(positive)[::-1]
    running = np.cumsum(ordered)
    shares = (*(Share(n, float(running[n - 1]), float(running[n - 1]) / total) for n in counts), Share(len(positive), total, 1.0))
    return shares, float(1.0 / np.sum((positive / total) ** 2))


def _worst_losses(result: Result, usd: Mapping[str, float], pool_currency: Mapping[str, str]) -> dict[str, float]:
    """Sum of worst losses by risk unit, in USD."""
    units, pools = Vocabulary(), Vocabulary()
    sums: dict[str, float] = {}
    for batch in result.unit_blocks(("pool", "unit", "worst_loss")):
        unit, pool = units.codes(batch.column("unit")), pools.codes(batch.column("pool"))
        rate = np.array([usd[pool_currency[word]] if word in pool_currency else np.nan for word in pools.words])[pool]
        totals = np.bincount(unit, weights=numbers(batch, "worst_loss") * rate, minlength=len(units.words))
        for code in np.unique(unit):
            sums[units.words[code]] = sums.get(units.words[code], 0.0) + float(totals[code])
    return sums
