"""Portfolio margin: worst loss of each risk unit over stress scenarios, plus charges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from margin.lines import rank_rows
from margin.market import Market
from margin.models.charges import Charge, DeltaBasis, Sensitivities, black_delta, deltas
from margin.models.collateral_lines import BorrowCharge
from margin.models.combine import Factors
from margin.models.fold import SignDiscount
from margin.models.order_charges import OrderCharge
from margin.models.patterns import Patterns
from margin.models.prepared_portfolio import EXCESS_OF, WORST_LOSS, PreparedPortfolio
from margin.models.scenarios import Scenarios
from margin.models.shape import GainOffset
from margin.models.shocks import VolShock
from margin.models.stress import FoldedStress, NettedStress, Stress
from margin.models.units import CollateralUnit, UsedRows
from margin.models.valuation import PLAIN, Rows, Valuation, pnl_table, value_table

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class PortfolioModel:
    """Worst loss over scenarios, unit by unit, plus charges.

    A unit is the underlying coin where pools count in one money (inverse and linear contracts of a coin net, coin P&L counts at
    the shocked index, and collateral in that coin is a position like any other); else it is the price index within its
    settlement currency. Inside a unit everything nets in each scenario; units add up. A unit's worst loss is the largest of its
    losses over the scenarios and of the competing charges; what a unit's components add up to is raised to its minimum.

    With the factors ``f`` of each component::

        initial     = sum over units and components of f.initial * component     + debts + orders
        maintenance = sum over units and components of f.maintenance * component + debts

    Attributes
    ----------
    scenarios : Scenarios
    vol_shock : VolShock
    charges : tuple of Charge
        Added to the worst loss.
    competing : tuple of Charge
        Each is one more scenario; its amount is part of the worst loss where it is the largest.
    minimum : Charge or None
        Where it exceeds the sum of worst loss and charges, the rest is added as a component, ``excess_of_`` and its name.
    initial, maintenance : Factors
        Of ``worst_loss`` and of the charges by name.
    orders : OrderCharge or None
        A charge on resting orders.
    order_sets : bool
        Whether the initial margin is the largest of those of the positions alone, with all buy orders filled, and with all sell
        orders filled.
    borrow : BorrowCharge or None
        Margin of debts.
    fold : SignDiscount or None
        What happens to the value of each expiry before expiries are added up; None where P&L is added up as it is.
    valuation : Valuation
    gains : GainOffset or None
        How gains count in the vectors that are reported; a worst loss is a loss, so it is not affected.
    option_delta : callable
        Delta of options that charges use.
    settlement_window : float
        Minutes before expiry over which deltas decay.
    collateral_unit : callable or None
        Currency -> coin in whose unit its equity stands, None where it is no position. Where the field itself is None, collateral
        never is one.
    hedging_only : bool
        Whether the collateral of a unit takes part only as far as it hedges the unit's derivatives.
    unit_by_settlement : bool
        Whether contracts of a coin that settle in different currencies are units of their own, named ``coin/currency``, where
        pools count in one money.
    leaf_by_settlement : bool
        Whether contracts of one expiry that settle in different currencies stand apart in charges by expiry.
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
    minimum: Charge | None = None
    initial: Factors = field(default_factory=Factors)
    maintenance: Factors = field(default_factory=Factors)
    orders: OrderCharge | None = None
    order_sets: bool = False
    borrow: BorrowCharge | None = None
    fold: SignDiscount | None = None
    valuation: Valuation = PLAIN
    gains: GainOffset | None = None
    option_delta: DeltaBasis = black_delta
    settlement_window: float = 0.0
    collateral_unit: CollateralUnit | None = None
    hedging_only: bool = False
    unit_by_settlement: bool = False
    leaf_by_settlement: bool = True
    admitted_units: tuple[str, ...] | None = None
    moves: Callable[[str], bool] = lambda currency: True
    worst_decimals: int | None = None
    initial_decimals: int | None = None

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedPortfolio:
        """Price every used row under every scenario and take the parameters of the units in use."""
        rows = UsedRows.of(
            market,
            in_usd=in_usd,
            used=used,
            collateral_unit=self.collateral_unit,
            admitted=self.admitted_units,
            by_settlement=self.leaf_by_settlement,
            unit_by_settlement=self.unit_by_settlement,
        )
        unit, units, leaf, strike = rows.unit, rows.units, rows.leaf, rows.strike
        used = used & (unit >= 0)
        moves = np.ones(len(used), dtype=np.bool_)
        for c in np.flatnonzero(used[len(market) :]):
            moves[len(market) + c] = self.moves(market.currencies[c])
        sensitivities = Sensitivities.of(
            market,
            unit=unit,
            units=units,
            strike=strike,
            used=used,
            moves=moves,
            delta=deltas(market, option_delta=self.option_delta, window_minutes=self.settlement_window),
            in_usd=in_usd,
        )
        components = [WORST_LOSS, *(charge.name for charge in self.charges)]
        components += [] if self.minimum is None else [EXCESS_OF + self.minimum.name]
        return PreparedPortfolio(
            market=market,
            units=units,
            unit=unit,
            leaf=leaf,
            rank=rank_rows(unit, leaf, strike),
            stress=self._stress(market, sensitivities, leaf, in_usd=in_usd, used=used),
            shocked_currencies=(unit[len(market) :] >= 0) | (self.borrow is not None),
            sensitivities=sensitivities,
            charges={charge.name: charge.prepare(sensitivities) for charge in self.charges},
            competing={charge.name: charge.prepare(sensitivities) for charge in self.competing},
            minimum={charge.name: charge.prepare(sensitivities) for charge in (self.minimum,) if charge is not None},
            orders=None if self.orders is None else self.orders.prepare(market, sensitivities, in_usd=in_usd),
            order_sets=self.order_sets,
            borrow=self.borrow,
            hedging_only=self.hedging_only,
            gains=self.gains,
            initial=self.initial.of(components, market),
            maintenance=self.maintenance.of(components, market),
            worst_decimals=self.worst_decimals,
            initial_decimals=self.initial_decimals,
        )

    def _stress(
        self, market: Market, sensitivities: Sensitivities, leaf: Codes, *, in_usd: bool, used: NDArray[np.bool_]
    ) -> Stress:
        """The scenarios with the worth of every row under them, folded or not."""
        s = sensitivities
        table = self.scenarios.table(s.units)
        of_rows = Rows(unit=s.unit, units=s.units, used=used & s.moves)
        if self.fold is None:
            pnl = pnl_table(market, table, self.vol_shock, of_rows, in_usd=in_usd, valuation=self.valuation)
            patterns = Patterns.of(market, table, of_rows, in_usd=in_usd, valuation=self.valuation)
            patterns.fill(pnl, s.unit)
            return NettedStress.of(table, pnl, patterns, s, in_usd=in_usd)
        values = value_table(market, table, self.vol_shock, of_rows, in_usd=in_usd, valuation=self.valuation)
        return FoldedStress.of(table, values, self.fold, s, leaf)
