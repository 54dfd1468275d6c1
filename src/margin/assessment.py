"""The result of assessing a book: one row for each (account, pool)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from margin.ids import Coded
from margin.models.requirement import Prepared, Requirement, UnitResults
from margin.names import Names, named, pools_of, spelled
from margin.pools.holdings import MONEY, Partition, PoolValue
from margin.threads import each, for_rows

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from margin.book import Book
    from margin.encoded import Encoded
    from margin.explanation import Explanation
    from margin.market import Market
    from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """Figures of pools as arrays; codes instead of names. Every array has shape (n_rows,)."""

    account: Codes
    name: Codes
    currency: Codes
    equity: Array
    initial_collateral: Array
    maintenance_collateral: Array
    unrealised: Array
    option_value: Array
    initial: Array
    maintenance: Array
    components: Mapping[str, Array]
    units: UnitResults | None

    def worst_units(self) -> Results:
        """The same with one unit of each pool, that of the largest loss, without its charges."""
        if self.units is None:
            return self
        units = replace(self.units, charges={})
        return replace(self, units=units.take(units.worst(len(self.account))))

    @classmethod
    def of(cls, first: int, partition: Partition, value: PoolValue, requirement: Requirement) -> Results:
        """Results of one block whose first account is `first`; units name their pool by its row."""
        return cls(
            account=partition.account + np.int32(first),
            name=partition.name,
            currency=partition.currency,
            equity=value.equity,
            initial_collateral=value.initial_collateral,
            maintenance_collateral=value.maintenance_collateral,
            unrealised=value.unrealised,
            option_value=value.option_value,
            initial=requirement.initial,
            maintenance=requirement.maintenance,
            components=requirement.components,
            units=requirement.units,
        )

    @classmethod
    def concatenated(cls, parts: Iterable[Results], *, threads: int = 1) -> Results:
        """Blocks behind each other, the columns joined on so many threads."""
        parts = list(parts)
        units = [part.units for part in parts if part.units is not None]
        rows = np.cumsum([0, *(len(part.account) for part in parts[:-1])])
        names = [name for name in cls.__slots__ if name not in {"components", "units"}]
        columns = [[getattr(part, name) for part in parts] for name in names]
        columns += [[part.components[name] for part in parts] for name in parts[0].components]
        if units:
            columns.append([u.pool + np.int32(offset) for u, offset in zip(units, rows, strict=True)])
            columns += [[getattr(u, name) for u in units] for name in ("unit", "worst_loss", "scenario")]
            columns += [[u.charges[name] for u in units] for name in units[0].charges]
        joined = iter(each(np.concatenate, columns, for_rows(threads, sum(len(part.account) for part in parts))))
        return cls(
            **{name: next(joined) for name in names},
            components={name: next(joined) for name in parts[0].components},
            units=UnitResults(
                pool=next(joined),
                unit=next(joined),
                worst_loss=next(joined),
                scenario=next(joined),
                charges={name: next(joined) for name in units[0].charges},
            )
            if units
            else None,
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Assessment:
    """What every pool is worth and what it requires, in the pool's currency.

    Attributes
    ----------
    regime : Regime
    encoded : Encoded
        The book in the terms of the market.
    prepared : Prepared
        The regime's model, ready for the market.
    results : Results
    timings : Mapping of str to float
        Seconds spent to ``encode`` (look up and sort), ``price`` (market) and ``stress`` (accounts).
    every_unit : bool
        Whether results hold every unit of a pool, or only the one with the largest loss.
    names : Names or None
        Where assessments share them.

    Notes
    -----
    A pool is ``liquidation`` when its maintenance margin reaches its collateral value (and is not zero, or the collateral is
    negative; under rules that say so, when it exceeds it), else ``restricted`` when its initial margin exceeds it (or is not a
    number), else ``healthy``.
    """

    regime: Regime
    encoded: Encoded
    prepared: Prepared
    results: Results
    timings: Mapping[str, float]
    every_unit: bool = True
    names: Names | None = None

    @property
    def book(self) -> Book:
        """The book that was assessed."""
        return self.encoded.book

    @property
    def market(self) -> Market:
        """The market it was assessed in."""
        return self.encoded.market

    @property
    def illustrative(self) -> bool:
        """Whether a parameter in use is made up: then so is every figure."""
        return "illustrative" in self.regime.provenance.get("statuses", "")

    def __len__(self) -> int:
        """Number of rows: pools of accounts."""
        return len(self.results.account)

    @property
    def initial_margin(self) -> Array:
        """Initial margin, shape (n_rows,)."""
        return self.results.initial

    @property
    def maintenance_margin(self) -> Array:
        """Maintenance margin, shape (n_rows,)."""
        return self.results.maintenance

    @property
    def available(self) -> Array:
        """Collateral less initial margin; negative where short of it, shape (n_rows,)."""
        return self.results.initial_collateral - self.results.initial

    @property
    def excess(self) -> Array:
        """Collateral less maintenance margin, what is left before liquidation, shape (n_rows,)."""
        return self.results.maintenance_collateral - self.results.maintenance

    @property
    def status(self) -> NDArray[np.int8]:
        """Position in `STATUSES` of each row."""
        r = self.results
        status = statuses(
            r.initial, r.maintenance, r.initial_collateral, r.maintenance_collateral, liquidates_at=self.regime.liquidates_at
        )
        return np.asarray(status, dtype=np.int8)

    def columns(self) -> dict[str, Any]:
        """Every figure as a column: numpy arrays, `Ids` and (where few names repeat) `Coded`, each of length ``len(self)``.

        ``collateral_value`` is what counts against the initial margin, after haircuts. ``utilisation`` is maintenance margin over
        collateral, ``initial_utilisation`` initial margin over collateral; infinite where a requirement meets no collateral.
        """
        r, names = self.results, self._names
        worst_unit, worst_scenario = self._worst(names)
        return {
            "account": self.book.accounts.take(r.account),
            "pool": pools_of(names.pools, r.name),
            "currency": named(names.currencies, np.where(r.currency == MONEY, len(self.market.currencies), r.currency)),
            "equity": r.equity,
            "collateral_value": r.initial_collateral,
            "unrealised_pnl": r.unrealised,
            "option_value": r.option_value,
            "initial_margin": r.initial,
            "maintenance_margin": r.maintenance,
            **r.components,
            "worst_unit": worst_unit,
            "worst_scenario": worst_scenario,
            "utilisation": utilised(r.maintenance, r.maintenance_collateral),
            "initial_utilisation": utilised(r.initial, r.initial_collateral),
            "available": self.available,
            "excess": self.excess,
            "status": named(names.statuses, self.status),
        }

    def unit_columns(self) -> dict[str, Any]:
        """One entry for each (pool, risk unit): worst loss and its scenario where the model has any, and the unit's charges.

        Raises
        ------
        ValueError
            If the book was assessed without its units.
        """
        if not self.every_unit:
            message = "the book was assessed without its units; assess it with units=True"
            raise ValueError(message)
        r, units, names = self.results, self.results.units, self._names
        if units is None:
            return {}
        pools = pools_of(names.pools, r.name)
        worst: dict[str, Any] = {}
        if self.prepared.n_scenarios:
            label = self._label(units.unit, units.scenario)
            worst = {"worst_loss": units.worst_loss, "worst_scenario": named(names.scenarios, label)}
        return {
            "account": self.book.accounts.take(r.account[units.pool]),
            "pool": Coded(pools.codes[units.pool], pools.vocabulary),
            "unit": named(names.units, units.unit),
            **worst,
            **units.charges,
        }

    def to_arrow(self) -> pa.Table:
        """The columns as a pyarrow table."""
        from margin.io import to_arrow

        return to_arrow(self.columns())

    def to_parquet(self, path: str | Path) -> None:
        """Write the columns to a Parquet file, under a temporary name until it is complete."""
        from margin.io import write_parquet

        write_parquet(self.to_arrow(), path)

    def to_pandas(self) -> pd.DataFrame:
        """The columns as a pandas data frame."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> pl.DataFrame:
        """The columns as a polars data frame."""
        import polars as pl

        frame = pl.from_arrow(self.to_arrow())
        assert isinstance(frame, pl.DataFrame)
        return frame

    def explain(self, account: str | int) -> Explanation:
        """How the requirement of one account comes about, down to its positions."""
        from margin.explanation import explain

        return explain(self.regime, self.book.select([account]), self.market)

    def __repr__(self) -> str:
        """Counts, totals and the first rows."""
        from margin.text import assessment_text

        return assessment_text(self)

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        from margin.markup import assessment_html

        return assessment_html(self)

    def _worst(self, names: Names) -> tuple[Coded, Coded]:
        """Unit with the largest loss of each row and its scenario in words; missing where nothing is at risk."""
        unit, label, labels = np.full(len(self), -1, dtype=np.int64), np.full(len(self), -1, dtype=np.int64), spelled([""])
        units = self.results.units
        if units is not None and len(units.pool):
            worst, labels = units.worst(len(self)), names.scenarios
            unit[units.pool[worst]] = units.unit[worst]
            label[units.pool[worst]] = self._label(units.unit[worst], units.scenario[worst])
        return named(names.units, unit), named(labels, label)

    def _label(self, unit: Codes, scenario: Codes) -> NDArray[np.int64]:
        """Code of each (unit, scenario) in the names of scenarios, -1 without a scenario."""
        return np.where(scenario < 0, -1, unit.astype(np.int64) * self.prepared.n_scenarios + scenario)

    @property
    def _names(self) -> Names:
        return self.names or Names(self.market, self.prepared)


def statuses(
    initial: Array | float,
    maintenance: Array | float,
    initial_collateral: Array | float,
    maintenance_collateral: Array | float,
    *,
    liquidates_at: Literal["equality", "excess"],
) -> Any:
    """Position in `STATUSES` of pools, or of one pool, by margins and what counts against them, as `Assessment` has it."""
    reached = maintenance > maintenance_collateral if liquidates_at == "excess" else maintenance >= maintenance_collateral
    liquidation = reached & ((maintenance > 0) | (maintenance_collateral < 0))
    met = initial <= initial_collateral  # nan is not healthy
    one = np.int8(1) if isinstance(met, np.ndarray) else 1  # small numbers of many pools, plain ones of a single one
    return (one + one) * liquidation + (one - liquidation) * (one - met)


def utilised(requirement: Array, collateral: Array) -> Array:
    """Requirement over collateral: 0 where nothing is required, infinite where no collateral stands against it."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # hardly any collateral is as good as none
        ratio = requirement / (np.fmax(collateral, 0.0) + 0.0)
    nothing = ~(requirement > 0)
    ratio[nothing & ~(collateral > 0)] = np.inf
    ratio[nothing & (requirement == 0) & (collateral >= 0)] = 0.0
    return ratio
