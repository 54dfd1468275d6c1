"""Portfolio margin: worst loss of each risk unit over stress scenarios, plus charges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option
from margin.errors import DataError
from margin.lines import Lines, OrderLines, Segments, pool_sums, rank_rows, segments
from margin.market import Market
from margin.models.charges import Charge, DeltaBasis, PreparedCharge, Sensitivities, black_delta, deltas
from margin.models.combine import Factors
from margin.models.fold import SignDiscount
from margin.models.leaves import expiry_leaves, strike_leaves
from margin.models.order_charges import OrderCharge, PreparedOrderCharge
from margin.models.requirement import Requirement, UnitResults
from margin.models.scenarios import Scenarios
from margin.models.shape import GainOffset
from margin.models.shocks import VolShock
from margin.models.stress import FoldedStress, NettedStress, Stress, UnitVectors
from margin.models.valuation import Rows, pnl_table, value_table
from margin.pricing import check_rates

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

WORST_LOSS = "worst_loss"
"""Name of the component."""


@dataclass(frozen=True, slots=True)
class PortfolioModel:
    """Worst loss over scenarios, unit by unit, plus charges.

    A unit is the underlying coin where pools count in one money (inverse and linear contracts of a coin net, coin P&L counts at
    the shocked index, and collateral in that coin is a position like any other); else it is the price index within its
    settlement currency. Inside a unit everything nets in each scenario; units add up. A unit's worst loss is the largest of its
    losses over the scenarios and of the competing charges.

    With the factors ``f`` of each component::

        initial     = sum over units and components of f.initial * component     + orders
        maintenance = sum over units and components of f.maintenance * component

    Attributes
    ----------
    scenarios : Scenarios
    vol_shock : VolShock
    charges : tuple of Charge
        Added to the worst loss.
    competing : tuple of Charge
        Each is one more scenario; its amount is part of the worst loss where it is the largest.
    initial, maintenance : Factors
        Of ``worst_loss`` and of the charges by name.
    orders : OrderCharge or None
    fold : SignDiscount or None
        What happens to the value of each expiry before expiries are added up; None where P&L is added up as it is.
    discounted : bool
        Whether options are worth their discounted value, at the market's rate.
    gains : GainOffset or None
        How gains count in the vectors that are reported; a worst loss is a loss, so it is not affected.
    option_delta : callable
        Delta of options that charges use.
    settlement_window : float
        Minutes before expiry over which deltas decay.
    collateral_unit : callable or None
        Currency -> coin in whose unit its equity stands, None where it is no position. Where the field itself is None, collateral
        never is one.
    admitted_units : tuple of str or None
        The units that may be held, all if None.
    moves : callable
        Currency -> whether its equity moves with the price in the scenarios, or is only charged.
    worst_decimals, initial_decimals : int or None
        Rounding of each unit's worst loss and of the initial margin.
    """

    scenarios: Scenarios
    vol_shock: VolShock
    charges: tuple[Charge, ...] = ()
    competing: tuple[Charge, ...] = ()
    initial: Factors = field(default_factory=Factors)
    maintenance: Factors = field(default_factory=Factors)
    orders: OrderCharge | None = None
    fold: SignDiscount | None = None
    discounted: bool = False
    gains: GainOffset | None = None
    option_delta: DeltaBasis = black_delta
    settlement_window: float = 0.0
    collateral_unit: Callable[[str], str | None] | None = None
    admitted_units: tuple[str, ...] | None = None
    moves: Callable[[str], bool] = lambda currency: True
    worst_decimals: int | None = None
    initial_decimals: int | None = None

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedPortfolio:
        """Price every used row under every scenario and take the parameters of the units in use."""
        unit, units = self._units(market, in_usd=in_usd, used=used)
        used = used & (unit >= 0)
        if self.discounted:
            check_rates(market, used[: len(market)] & is_option(market))
        leaf = expiry_leaves(market, unit)
        strike = strike_leaves(market, leaf)
        sensitivities = Sensitivities.of(
            market,
            unit=unit,
            units=units,
            strike=strike,
            used=used,
            delta=deltas(market, option_delta=self.option_delta, window_minutes=self.settlement_window),
            in_usd=in_usd,
        )
        components = (WORST_LOSS, *(charge.name for charge in self.charges))
        return PreparedPortfolio(
            model=self,
            units=units,
            unit=unit,
            leaf=leaf,
            rank=rank_rows(unit, leaf, strike),
            stress=self._stress(market, sensitivities, leaf, in_usd=in_usd, used=used),
            shocked_currencies=unit[len(market) :] >= 0,
            sensitivities=sensitivities,
            charges=tuple(charge.prepare(sensitivities) for charge in self.charges),
            competing=tuple(charge.prepare(sensitivities) for charge in self.competing),
            orders=None if self.orders is None else self.orders.prepare(market, sensitivities, in_usd=in_usd),
            initial=self.initial.of(components, market),
            maintenance=self.maintenance.of(components, market),
        )

    def _stress(
        self, market: Market, sensitivities: Sensitivities, leaf: Codes, *, in_usd: bool, used: NDArray[np.bool_]
    ) -> Stress:
        """The scenarios with the worth of every row under them, folded or not."""
        s = sensitivities
        moving = used.copy()
        for c in np.flatnonzero(used[len(market) :]):
            moving[len(market) + c] = self.moves(market.currencies[c])
        table = self.scenarios.table(s.units)
        of_rows = Rows(unit=s.unit, units=s.units, used=moving)
        if self.fold is None:
            pnl = pnl_table(market, table, self.vol_shock, of_rows, in_usd=in_usd, discounted=self.discounted)
            return NettedStress.of(table, pnl, s, in_usd=in_usd)
        values = value_table(market, table, self.vol_shock, of_rows, in_usd=in_usd, discounted=self.discounted)
        return FoldedStress.of(table, values, self.fold, s, leaf)

    def _units(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> tuple[Codes, tuple[str, ...]]:
        """Unit of each row, -1 for rows that are not in use or no position, and the names of the units."""
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
        if self.admitted_units is not None:
            _refuse_others(market, names, code[:n], self.admitted_units)
        present = np.unique(code[code >= 0])
        compact = np.full(len(names) + 1, -1, dtype=np.int32)
        compact[present] = np.arange(len(present), dtype=np.int32)
        return compact[code], tuple(names[c] for c in present)


def _refuse_others(market: Market, names: tuple[str, ...], code: Codes, units: tuple[str, ...]) -> None:
    """Refuse instruments in use whose unit is not among the given ones."""
    wrong = np.flatnonzero((code >= 0) & ~np.isin(code, [names.index(unit) for unit in units if unit in names]))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"it stands in the unit {names[code[row]]}; this model margins {', '.join(units)} only",
            table="instruments",
            column="base",
            row=row,
            key={"instrument": market.instruments[row]},
            count=len(wrong),
            hint="Margin its accounts under the model of that unit.",
        )


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


@dataclass(frozen=True, slots=True, eq=False)
class PreparedPortfolio:
    """`PortfolioModel` for one market.

    Attributes
    ----------
    units : tuple of str
    unit, leaf, rank : ndarray of int32, shape (n_rows,)
    stress : Stress
    shocked_currencies : ndarray of bool, shape (n_currencies,)
    initial, maintenance : dict of str to float
        Factor of each component.
    """

    model: PortfolioModel
    units: tuple[str, ...]
    unit: Codes
    leaf: Codes
    rank: Codes
    stress: Stress
    shocked_currencies: NDArray[np.bool_]
    sensitivities: Sensitivities
    charges: tuple[PreparedCharge, ...]
    competing: tuple[PreparedCharge, ...]
    orders: PreparedOrderCharge | None
    initial: dict[str, float]
    maintenance: dict[str, float]

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, the competing charges among them."""
        return self.stress.scenarios.n_scenarios + len(self.competing)

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words."""
        rival = scenario - self.stress.scenarios.n_scenarios
        return self.stress.scenarios.label(unit, scenario) if rival < 0 else self.model.competing[rival].name

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Worst losses and charges of all units, margins of all pools."""
        units, leaves = segments(lines, self.unit), segments(lines, self.leaf)
        worst, scenario, rivals = self._worst(lines, units, leaves)
        charges = _amounts(self.model.charges, self.charges, lines, units, leaves)
        summed = {
            name: pool_sums(units.pool, amount, lines.n_pools) for name, amount in ({WORST_LOSS: worst} | charges).items()
        }
        components = {name: self.initial[name] * amount for name, amount in summed.items()}
        maintenance = sum((self.maintenance[name] * amount for name, amount in summed.items()), np.zeros(lines.n_pools))
        of_orders = {} if self.orders is None else self.orders(orders, lines.n_pools)
        initial = sum((components | of_orders).values(), np.zeros(lines.n_pools))
        return Requirement(
            initial=_rounded(initial, self.model.initial_decimals),
            maintenance=maintenance,
            components=components | of_orders,
            units=UnitResults(units.pool, units.code, worst, scenario, charges | rivals),
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Loss of each line in its unit's worst scenario, and what turns their sum into the sum of worst losses.

        Where a competing charge is the worst loss it belongs to no line. The lines' losses and the other parts add up to the
        units' worst losses.
        """
        loss = np.zeros(len(lines))
        rest = dict.fromkeys(("dampening", "gains not counted", "rounding", *(c.name for c in self.model.competing)), 0.0)
        units, leaves = segments(lines, self.unit), segments(lines, self.leaf)
        _, scenario, rivals = self._worst(lines, units, leaves)
        for u, vectors in enumerate(self.vectors(lines)):
            if scenario[u] < 0:  # there is none
                continue
            rival = int(scenario[u]) - self.stress.scenarios.n_scenarios
            if rival >= 0:
                name = self.model.competing[rival].name
                rest[name] += float(rivals[name][u])
                continue
            relieved = vectors.total + vectors.relief
            worst = int(np.argmin(relieved))
            loss[units.start[u] : units.start[u + 1]] = -vectors.lines[:, worst]
            rest["dampening"] -= float(vectors.relief[worst])
            gain = max(0.0, float(relieved[worst]))
            rest["gains not counted"] += gain
            exact = gain - float(relieved[worst])
            rest["rounding"] += float(_rounded(np.array(exact), self.model.worst_decimals)) - exact
        return {"loss": loss}, rest

    def vectors(self, lines: Lines) -> tuple[UnitVectors, ...]:
        """Scenario vectors of each unit of one pool."""
        return self.stress.vectors(lines, self.unit, self.leaf, self.model.gains)

    def _worst(self, lines: Lines, units: Segments, leaves: Segments) -> tuple[Array, Codes, dict[str, Array]]:
        """Worst loss of each unit over scenarios and competing charges, which of them gives it, and those charges."""
        worst, scenario = self.stress.worst(lines, units, leaves)
        worst = _rounded(worst, self.model.worst_decimals)
        rivals = _amounts(self.model.competing, self.competing, lines, units, leaves)
        for k, amount in enumerate(rivals.values()):
            wins = (amount >= worst) & (amount > 0)
            worst = np.where(wins, amount, worst)
            scenario = np.where(wins, np.int32(self.stress.scenarios.n_scenarios + k), scenario)
        return worst, scenario, rivals


def _amounts(
    charges: tuple[Charge, ...], prepared: tuple[PreparedCharge, ...], lines: Lines, units: Segments, leaves: Segments
) -> dict[str, Array]:
    """Amount of each charge by unit."""
    return {charge.name: amount(lines, units, leaves) for charge, amount in zip(charges, prepared, strict=True)}


def _rounded(values: Array, decimals: int | None) -> Array:
    return values if decimals is None else np.round(values, decimals)
