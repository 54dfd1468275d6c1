"""Portfolio margin: worst loss of each risk unit over stress scenarios, plus charges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.errors import DataError
from margin.lines import Lines, OrderLines, Segments, pool_sums, rank_rows, segments
from margin.market import Market
from margin.models.charges import Charge, DeltaBasis, PreparedCharge, Sensitivities, deltas
from margin.models.order_charges import OrderCharge, PreparedOrderCharge
from margin.models.requirement import Requirement, UnitResults
from margin.models.scenarios import ScenarioSet, ScenarioTable
from margin.models.shape import GainOffset, dampen
from margin.models.shocks import RelativeVolShock
from margin.models.valuation import pnl_table

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PortfolioModel:
    """Worst loss over scenarios, unit by unit, plus charges.

    A unit is the underlying coin where pools count in USD (inverse and linear contracts of a coin net, coin P&L counts at the
    shocked index, and collateral in that coin is a position like any other); else it is the price index within its settlement
    currency. Inside a unit everything nets in each scenario; units add up.

    With ``risk = sum over units of worst loss + charges``::

        initial     = risk + orders
        maintenance = maintenance_factor * risk

    Attributes
    ----------
    scenarios : ScenarioSet
    vol_shock : RelativeVolShock
    gains : GainOffset
        How gains count in the vectors that are reported; a worst loss is a loss, so it is not affected.
    charges : tuple of Charge
    orders : OrderCharge
    maintenance_factor : float
    option_delta : callable
        Delta of options that charges use.
    settlement_window : float
        Minutes before expiry over which deltas decay.
    collateral_unit : callable or None
        Currency -> coin in whose unit its equity is shocked, None where it is not. Where the field itself is None, collateral is
        never shocked.
    worst_decimals, initial_decimals : int or None
        Rounding of each unit's worst loss and of the initial margin.
    """

    scenarios: ScenarioSet
    vol_shock: RelativeVolShock
    gains: GainOffset
    charges: tuple[Charge, ...]
    orders: OrderCharge
    maintenance_factor: float
    option_delta: DeltaBasis
    settlement_window: float
    collateral_unit: Callable[[str], str | None] | None = None
    worst_decimals: int | None = None
    initial_decimals: int | None = None

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedPortfolio:
        """Price every used row under every scenario and take the parameters of the units in use."""
        unit, units = self._units(market, in_usd=in_usd, used=used)
        used = used & (unit >= 0)
        scenarios = self.scenarios.table(units)
        per_contract = deltas(market, option_delta=self.option_delta, window_minutes=self.settlement_window)
        sensitivities = Sensitivities.of(market, unit=unit, units=units, used=used, delta=per_contract, in_usd=in_usd)
        leaf = _leaves(market, unit)
        per_usd, conversion = sensitivities.per_usd[:, None], 1.0 + scenarios.conversion
        in_coin = _counts_in_coin(market, unit, len(units), in_usd=in_usd)
        relief = kernels.aligned_table(len(units), scenarios.n_scenarios)
        relief[:, : scenarios.n_scenarios] = scenarios.relief * np.where(in_coin[:, None], per_usd / conversion, per_usd)
        return PreparedPortfolio(
            model=self,
            units=units,
            unit=unit,
            leaf=leaf,
            rank=rank_rows(unit, leaf),
            scenarios=scenarios,
            pnl=pnl_table(market, scenarios, self.vol_shock, unit=unit, units=units, in_usd=in_usd, used=used),
            relief=relief,
            shocked_currencies=unit[len(market) :] >= 0,
            sensitivities=sensitivities,
            charges=tuple(charge.prepare(sensitivities) for charge in self.charges),
            orders=self.orders.prepare(market, sensitivities, in_usd=in_usd),
        )

    def _units(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> tuple[Codes, tuple[str, ...]]:
        """Unit of each row, -1 for rows that are not in use or not shocked, and the names of the units."""
        n = len(market)
        names = market.currencies if in_usd else market.indices
        code = np.full(len(used), -1, dtype=np.int32)
        code[:n] = market.base if in_usd else market.index
        if self.collateral_unit is not None:
            for c in np.flatnonzero(used[n:]):
                coin = self.collateral_unit(market.currencies[c])
                if coin is not None:
                    code[n + c] = _code_of(coin, market)
        code[~used] = -1
        present = np.unique(code[code >= 0])
        compact = np.full(len(names) + 1, -1, dtype=np.int32)
        compact[present] = np.arange(len(present), dtype=np.int32)
        return compact[code], tuple(names[c] for c in present)


def _code_of(coin: str, market: Market) -> int:
    if coin not in market.currencies:
        raise DataError(
            f"collateral is shocked with the coin {coin!r}, which the market does not know",
            table="currencies",
            column="currency",
            value=coin,
            hint="Add the coin and its USD price.",
        )
    return market.currencies.index(coin)


def _leaves(market: Market, unit: Codes) -> Codes:
    """Code of (unit, settlement currency, expiry) of each row; currencies stand apart from instruments."""
    n, m = len(market), len(unit) - len(market)
    keys = np.zeros((n + m, 3), dtype=np.int64)
    keys[:, 0] = unit
    keys[:, 1] = np.concatenate((market.settlement, np.full(m, -1)))
    keys[:n, 2] = market.expiry.astype(np.int64)
    return np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int32)


def _counts_in_coin(market: Market, unit: Codes, n_units: int, *, in_usd: bool) -> NDArray[np.bool_]:
    """Units whose P&L is in coin."""
    coin = np.zeros(n_units, dtype=np.bool_)
    if not in_usd:
        placed = unit[: len(market)]
        coin[placed[market.inverse & (placed >= 0)]] = True
    return coin


@dataclass(frozen=True, slots=True, eq=False)
class UnitVectors:
    """Scenario vectors of one unit of one pool, in the pool's currency; L lines, S scenarios.

    Attributes
    ----------
    unit : str
    row : ndarray of int32, shape (L,)
    moves : ndarray of float64, shape (S,)
        Relative price moves.
    n_regular : int
        The first so many scenarios are the grid, the others the extended moves.
    lines : ndarray of float64, shape (L, S)
        P&L of each line.
    total : ndarray of float64, shape (S,)
        Their sum.
    shaped : ndarray of float64, shape (S,)
        The sum dampened, its gains counted in part.
    """

    unit: str
    row: Codes
    moves: Array
    n_regular: int
    lines: Array
    total: Array
    shaped: Array


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPortfolio:
    """`PortfolioModel` for one market.

    Attributes
    ----------
    units : tuple of str
    unit, leaf, rank : ndarray of int32, shape (n_rows,)
    scenarios : ScenarioTable
    pnl : ndarray of float64, shape (n_rows, W)
        P&L of one contract under each scenario, padded.
    relief : ndarray of float64, shape (n_units, W)
        Dampening of losses, pool currency, padded.
    shocked_currencies : ndarray of bool, shape (n_currencies,)
    """

    model: PortfolioModel
    units: tuple[str, ...]
    unit: Codes
    leaf: Codes
    rank: Codes
    scenarios: ScenarioTable
    pnl: Array
    relief: Array
    shocked_currencies: NDArray[np.bool_]
    sensitivities: Sensitivities
    charges: tuple[PreparedCharge, ...]
    orders: PreparedOrderCharge

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios."""
        return self.scenarios.n_scenarios

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words."""
        return self.scenarios.label(unit, scenario)

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Worst losses and charges of all units, margins of all pools."""
        units = segments(lines, self.unit)
        worst, scenario = kernels.stress(
            units.start, units.code, lines.row, lines.quantity, self.pnl, self.relief, self.n_scenarios
        )
        worst = _rounded(worst, self.model.worst_decimals)
        charges = self._charges(lines, units)

        def by_pool(values: Array) -> Array:
            return pool_sums(units.pool, values, lines.n_pools)

        components = {"worst_loss": by_pool(worst)} | {name: by_pool(charge) for name, charge in charges.items()}
        risk = sum(components.values(), np.zeros(lines.n_pools))
        of_orders = self.orders(orders, lines.n_pools)
        initial = _rounded(risk + sum(of_orders.values(), np.zeros(lines.n_pools)), self.model.initial_decimals)
        return Requirement(
            initial=initial,
            maintenance=self.model.maintenance_factor * risk,
            components=components | of_orders,
            units=UnitResults(units.pool, units.code, worst, scenario, charges),
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Loss of each line in its unit's worst scenario, and what turns their sum into the sum of worst losses.

        The lines' losses and the other parts add up to the component ``worst_loss``.
        """
        loss = np.zeros(len(lines))
        relief = gains = rounding = 0.0
        units = segments(lines, self.unit)
        for u, vectors in enumerate(self.vectors(lines)):
            here = slice(units.start[u], units.start[u + 1])
            relieved = vectors.total + self.relief[units.code[u], : self.n_scenarios]
            worst = int(np.argmin(relieved))
            loss[here] = -vectors.lines[:, worst]
            relief -= self.relief[units.code[u], worst]
            gain = max(0.0, float(relieved[worst]))
            gains += gain
            exact = gain - float(relieved[worst])
            rounding += float(_rounded(np.array(exact), self.model.worst_decimals)) - exact
        return {"loss": loss}, {"dampening": relief, "gains not counted": gains, "rounding": rounding}

    def vectors(self, lines: Lines) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool."""
        units = segments(lines, self.unit)
        totals = kernels.accumulate(units.start, lines.row, lines.quantity, self.pnl, self.n_scenarios)
        out = []
        for u, code in enumerate(units.code):
            here = slice(units.start[u], units.start[u + 1])
            row = lines.row[here]
            name, total = self.units[code], totals[u]
            damped = dampen(total, self.relief[code, : self.n_scenarios])
            shaped = self.model.gains.apply(damped, name, per_usd=float(self.sensitivities.per_usd[code]))
            each = lines.quantity[here, None] * self.pnl[row, : self.n_scenarios]
            moves = self.scenarios.move[code]
            out.append(UnitVectors(name, row, moves, self.scenarios.n_regular, each, total, shaped))
        return tuple(out)

    def _charges(self, lines: Lines, units: Segments) -> dict[str, Array]:
        leaves = segments(lines, self.leaf)
        return {
            charge.name: amount(lines, units, leaves)
            for charge, amount in zip(self.model.charges, self.charges, strict=True)
        }


def _rounded(values: Array, decimals: int | None) -> Array:
    return values if decimals is None else np.round(values, decimals)
