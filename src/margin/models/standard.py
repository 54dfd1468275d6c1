"""Standard margin: futures by rate, options by formula, orders by rule, charges on size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.held import held
from margin.lines import Lines, OrderLines, Segments, pool_sums, rank_rows, segments
from margin.market import Market
from margin.models.charges import Charge, PreparedCharge, Sensitivities, black_delta, deltas
from margin.models.combine import Factors
from margin.models.futures import FuturesMargin, PreparedFutures
from margin.models.options import OptionMargins, OptionRule, PreparedOptions
from margin.models.orders import OrderRule, PreparedOrders
from margin.models.requirement import Requirement, UnitResults
from margin.models.units import CollateralUnit, UsedRows

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StandardModel:
    """Requirement of a pool as the sum of that of its futures, its options, its open orders and of charges.

    Futures and perpetuals do not net; options net as far as their rule says; orders raise the initial margin only.

    Attributes
    ----------
    futures : FuturesMargin
    options : OptionRule
        `PerPosition`, `ExpiryNetting`.
    orders : OrderRule
        `WorseSideOrders`, `IgnoredOrders`, `RefusedOrders`.
    charges : tuple of Charge
    initial, maintenance : Factors
        What each charge counts for in the two margins.
    collateral_unit : callable or None
        Currency -> coin in whose unit charges see its equity, None where they do not. Where the field itself is None, charges see
        no collateral.
    """

    futures: FuturesMargin
    options: OptionRule
    orders: OrderRule
    charges: tuple[Charge, ...] = ()
    initial: Factors = field(default_factory=Factors)
    maintenance: Factors = field(default_factory=Factors)
    collateral_unit: CollateralUnit | None = None

    @property
    def by_unit(self) -> bool:
        """Whether lines are sorted by risk unit and results are given for each of them."""
        return self.options.nets or bool(self.charges)

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedStandard:
        """Rates, option margins and charges of every instrument."""
        collateral = self.collateral_unit if self.charges else None
        rows = UsedRows.of(market, in_usd=in_usd, used=used, collateral_unit=collateral)
        futures, options = self.futures.prepare(rows), self.options.prepare(rows)
        sensitivities = _sensitivities(rows) if self.charges else None
        return PreparedStandard(
            model=self,
            rows=rows,
            rank=rank_rows(rows.leaf, rows.strike) if self.by_unit else np.arange(len(used), dtype=np.int32),
            futures=futures,
            options=options,
            orders=self.orders.prepare(rows, futures, options.short),
            charges=() if sensitivities is None else tuple(charge.prepare(sensitivities) for charge in self.charges),
            initial=self.initial.of((charge.name for charge in self.charges), market),
            maintenance=self.maintenance.of((charge.name for charge in self.charges), market),
        )


def _sensitivities(rows: UsedRows) -> Sensitivities:
    """What charges are computed from; the delta of an option is that of Black-76."""
    market = rows.market
    return Sensitivities.of(
        market,
        unit=rows.unit,
        units=rows.units,
        strike=rows.strike,
        used=rows.used & (rows.unit >= 0),
        moves=np.zeros(len(rows.used), dtype=np.bool_),
        delta=deltas(market, option_delta=black_delta, window_minutes=0.0),
        in_usd=rows.in_usd,
    )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStandard:
    """`StandardModel` for one market."""

    model: StandardModel
    rows: UsedRows
    rank: Codes
    futures: PreparedFutures
    options: PreparedOptions
    orders: PreparedOrders
    charges: tuple[PreparedCharge, ...]
    initial: dict[str, float]
    maintenance: dict[str, float]

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Collateral that charges see."""
        return np.asarray(self.rows.unit[len(self.rows.market) :] >= 0)

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the risk units; none where nothing stands together."""
        return self.rows.units if self.model.by_unit else ()

    @property
    def n_scenarios(self) -> int:
        """No scenarios."""
        return 0

    def label(self, unit: int, scenario: int) -> str:
        """There are none to name."""
        raise IndexError(f"the standard model has no scenario {scenario} of unit {unit}")

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Sum of the requirements of futures, options, charges and of what orders add."""
        n = lines.n_pools
        futures, options = self.futures.margins(lines), self.options.margins(lines)
        units = segments(lines, self.rows.unit) if self.model.by_unit else None
        charges = {} if units is None else self._charges(lines, units)
        of_run = lines.pool[options.start[:-1]]
        components = {"futures": pool_sums(lines.pool, futures[0], n), "options": pool_sums(of_run, options.initial, n)}
        maintenance = pool_sums(lines.pool, futures[1], n) + pool_sums(of_run, options.maintenance, n)
        if units is not None:
            for name, amount in charges.items():
                charge = pool_sums(units.pool, amount, n)
                components[name] = self.initial[name] * charge
                maintenance += self.maintenance[name] * charge
        components |= self.orders(orders, held(lines, orders, self.rank), n)
        return Requirement(
            initial=sum(components.values(), np.zeros(n)),
            maintenance=maintenance,
            components=components,
            units=None if units is None else _unit_results(units, futures, options, charges),
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Margins of each line on its own, and what turns the sum of initial margins into that of the positions."""
        futures, options = self.futures.margins(lines), self.options.margins(lines)
        short = np.maximum(-lines.quantity, 0.0)
        initial, maintenance = (short * margin[lines.row] for margin in self.options.short)
        rest = {}
        if self.model.by_unit:
            rest["options together"] = float(options.initial.sum() - initial.sum())
            charges = self._charges(lines, segments(lines, self.rows.unit))
            rest |= {name: self.initial[name] * float(amount.sum()) for name, amount in charges.items()}
        return {"initial_margin": futures[0] + initial, "maintenance_margin": futures[1] + maintenance}, rest

    def _charges(self, lines: Lines, units: Segments) -> dict[str, Array]:
        """Amount of each charge by unit, unweighted."""
        leaves = segments(lines, self.rows.leaf)
        return {
            charge.name: amount(lines, units, leaves)
            for charge, amount in zip(self.model.charges, self.charges, strict=True)
        }


def _unit_results(
    units: Segments, futures: tuple[Array, Array], options: OptionMargins, charges: dict[str, Array]
) -> UnitResults:
    """Both margins of futures and options, what the latter were chosen from, and charges, for each unit of each pool."""
    inside = np.searchsorted(options.start, units.start).astype(np.int64)  # runs of options lie inside units
    of_options = {"options_initial": options.initial, "options_maintenance": options.maintenance, **options.parts}
    figures = {
        "futures_initial": kernels.segment_sum(units.start, futures[0]),
        "futures_maintenance": kernels.segment_sum(units.start, futures[1]),
        **{name: kernels.segment_sum(inside, values) for name, values in of_options.items()},
    }
    none = np.full(len(units), -1, dtype=np.int32)
    return UnitResults(units.pool, units.code, np.zeros(len(units)), none, figures | charges)
