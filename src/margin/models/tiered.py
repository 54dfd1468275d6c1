"""Standard margin by tiers of a family's size: chosen leverage for the initial margin, tier rates for maintenance, debts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.book_rows import LONG, NET
from margin.contracts import value_per_contract
from margin.errors import DataError
from margin.held import locate
from margin.lines import Lines, OrderLines, pool_sums, unprotected
from margin.market import SPOT, Market
from margin.models.collateral_lines import BorrowCharge
from margin.models.requirement import Requirement
from margin.models.tiered_options import FactoredOptions, PreparedFactoredOptions
from margin.models.tiers import Family, FamilyTiers, PositionTiers, Rates
from margin.models.units import UsedRows

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TieredModel:
    """Every position by the tier of its family, whose size counts positions and open orders together; positions do not net.

    Futures and perpetuals at the mark, with the rates of the tier and the leverage chosen::

        initial     = value / leverage, at least value * tier initial     (an isolated position: value at its entry price)
        maintenance = value * tier maintenance

    With open orders the initial margin is that of the worse side: the position after all buys or after all sells, orders valued
    at their own prices. A leg of a hedged position only grows, by the orders that open it.

    Attributes
    ----------
    family : callable
        Name of the family of an instrument.
    tiers : callable
        Family -> `PositionTiers`. Raises `ParameterError` where there are none.
    options : FactoredOptions
    orders_in_maintenance : bool
        Whether the maintenance margin of futures is that of the worse side too, at the mark.
    borrow : BorrowCharge or None
        Margin of debts. Its initial margin counts what open spot orders would borrow.
    """

    family: Family
    tiers: Callable[[str], PositionTiers]
    options: FactoredOptions
    orders_in_maintenance: bool = False
    borrow: BorrowCharge | None = None

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedTiered:
        """Take the tiers of the families in use."""
        rows = UsedRows.of(market, in_usd=in_usd, used=used)
        margined = used & rows.padded(market.kind != SPOT)
        return PreparedTiered(
            model=self,
            market=market,
            tiers=FamilyTiers.of(market, margined, self.family, self.tiers),
            options=self.options.prepare(rows),
            option=rows.options,
            future=margined & ~rows.options & rows.padded(np.ones(len(market), dtype=np.bool_)),
            value=rows.padded(value_per_contract(market)) * rows.to_pool,
            to_pool=rows.to_pool,
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedTiered:
    """`TieredModel` for one market; arrays have shape (n_rows,).

    Attributes
    ----------
    model : TieredModel
    market : Market
    tiers : FamilyTiers
    options : PreparedFactoredOptions
    option, future : ndarray of bool
    value : ndarray of float64
        Value of one contract in the pool's currency.
    to_pool : ndarray of float64
        Pool currency per unit of settlement currency.
    """

    model: TieredModel
    market: Market
    tiers: FamilyTiers
    options: PreparedFactoredOptions
    option: NDArray[np.bool_]
    future: NDArray[np.bool_]
    value: Array
    to_pool: Array

    @property
    def rank(self) -> Codes:
        """By row."""
        return np.arange(len(self.value), dtype=np.int32)

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """All where debts are margined."""
        return np.full(len(self.market.currencies), self.model.borrow is not None)

    @property
    def units(self) -> tuple[str, ...]:
        """There are no risk units."""
        return ()

    @property
    def n_scenarios(self) -> int:
        """No scenarios."""
        return 0

    def label(self, unit: int, scenario: int) -> str:
        """There are none to name."""
        raise IndexError(f"margin by tiers has no scenario {scenario} of unit {unit}")

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Sum of the margins of futures, options, orders and debts."""
        n = lines.n_pools
        orders = unprotected(orders)
        held, rates, of_orders = self._rates(lines, orders)
        futures, options = self._futures(held, rates), self._options(held, rates)
        more, more_maintenance, margin, premium = self._orders(held, rates, orders, of_orders)
        components = {
            "futures": pool_sums(held.pool, futures.initial, n),
            "options": pool_sums(held.pool, options.initial, n),
            "open_orders": pool_sums(orders.pool, more + margin, n),
            "order_premium": pool_sums(orders.pool, premium, n),
        }
        maintenance = pool_sums(held.pool, futures.maintenance + options.maintenance, n)
        if self.model.orders_in_maintenance:
            maintenance += pool_sums(orders.pool, more_maintenance, n)
        if self.model.borrow is not None:
            components[self.model.borrow.name] = self.model.borrow.margin(self._after_orders(lines, orders), self.market).initial
            maintenance += self.model.borrow.margin(lines, self.market).maintenance
        return Requirement(sum(components.values(), np.zeros(n)), maintenance, components)

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Margins of each line, those of debts on the lines of their currencies."""
        held, rates, _ = self._rates(lines, None)
        initial, maintenance = np.zeros(len(lines)), np.zeros(len(lines))
        placed = np.flatnonzero(self._margined(lines.row))
        for part in (self._futures(held, rates), self._options(held, rates)):
            initial[placed] += part.initial
            maintenance[placed] += part.maintenance
        if self.model.borrow is not None:
            for i in np.flatnonzero(lines.row >= len(self.market)):
                debt = self.model.borrow.margin(lines.take(np.array([i])), self.market)
                initial[i], maintenance[i] = debt.initial.sum(), debt.maintenance.sum()
        return {"initial_margin": initial, "maintenance_margin": maintenance}, {}

    def held_rates(self, lines: Lines, orders: OrderLines | None = None) -> tuple[Lines, Rates]:
        """The lines of futures and options, and the rates of their tiers."""
        return self._rates(lines, None if orders is None else unprotected(orders))[:2]

    def _margined(self, row: Codes) -> NDArray[np.bool_]:
        return np.asarray((self.future | self.option)[row])

    def _rates(self, lines: Lines, orders: OrderLines | None) -> tuple[Lines, Rates, Rates]:
        """Lines of instruments, their rates, and those of order lines (0 for spot pairs)."""
        held = lines.take(np.flatnonzero(self._margined(lines.row)))
        size = np.where(self.option[held.row], np.maximum(-held.quantity, 0.0), np.abs(held.quantity))
        if orders is None:
            (rates,) = self.tiers.rates((held.pool,), (held.row,), (size,))
            return held, rates, rates
        which = np.flatnonzero(self._margined(orders.row))
        ordered = np.where(self.option[orders.row], orders.sell, orders.buy + orders.sell)[which]
        rates, found = self.tiers.rates((held.pool, orders.pool[which]), (held.row, orders.row[which]), (size, ordered))
        of_orders = Rates(np.zeros(len(orders)), np.zeros(len(orders)))
        of_orders.initial[which], of_orders.maintenance[which] = found
        return held, rates, of_orders

    def _futures(self, held: Lines, rates: Rates) -> Rates:
        """Margins of the positions in futures, by line; zero for options."""
        future = self.future[held.row]
        value = np.where(future, np.abs(held.quantity) * self.value[held.row], 0.0)
        basis = value
        if held.isolated is not None and held.entry_value is not None:
            at_entry = np.abs(held.entry_value) * self.to_pool[held.row]
            basis = np.where(held.isolated[held.pool] & future, at_entry, value)
        return Rates(self._initial(basis, held.row, held.leverage, rates), value * rates.maintenance)

    def _options(self, held: Lines, rates: Rates) -> Rates:
        """Margins of the short options, by line; zero for futures."""
        short = np.where(self.option[held.row], np.maximum(-held.quantity, 0.0), 0.0)
        margin = self.options.short(held.row, rates)
        return Rates(short * margin.initial, short * margin.maintenance)

    def _initial(self, value: Array, row: Codes, leverage: Array | None, rates: Rates) -> Array:
        """Value over leverage, at least at the rate of the tier."""
        chosen = np.full(len(row), np.nan) if leverage is None else leverage
        wrong = np.flatnonzero((value > 0) & np.isnan(chosen))
        if len(wrong):
            raise DataError(
                f"{self.market.instruments[int(row[wrong[0]])]!r} is held or ordered without a leverage",
                table="positions",
                column="leverage",
                count=len(wrong),
                hint="Give the leverage chosen for it, on its position or its orders.",
            )
        by_leverage = np.divide(value, chosen, out=np.zeros(len(row)), where=value > 0)
        return np.maximum(by_leverage, value * rates.initial)

    def _orders(self, held: Lines, rates: Rates, orders: OrderLines, of_orders: Rates) -> tuple[Array, Array, Array, Array]:
        """What orders add, by order line: initial and maintenance margin of futures, margin of option orders, premium."""
        row, n = orders.row, len(orders)
        at = locate(held, orders, self.rank)
        there = at >= 0
        position, own = np.zeros(n), Rates(np.zeros(n), np.zeros(n))
        before, leverage = self._futures(held, rates), orders.leverage
        position[there] = held.quantity[at[there]]
        own.initial[there], own.maintenance[there] = before.initial[at[there]], before.maintenance[at[there]]
        if held.leverage is not None:
            chosen = np.full(n, np.nan)
            chosen[there] = held.leverage[at[there]]
            leverage = chosen if leverage is None else np.fmin(chosen, leverage)
        future, leg = self.future[row], np.full(n, NET, dtype=np.int8) if orders.leg is None else orders.leg
        worth = self.to_pool[row] * self._sizes()[row]
        inverse = self.market.inverse[row]
        buy = worth * np.where(inverse, orders.buy_inverse, orders.buy_cost)
        sell = worth * np.where(inverse, orders.sell_inverse, orders.sell_cost)
        value = np.where(future, _worse(position * self.value[row], buy, sell, leg), 0.0)
        initial = np.where(future, self._initial(value, row, leverage, of_orders) - own.initial, 0.0)
        contracts = np.where(future, _worse(position, orders.buy, orders.sell, leg), 0.0)
        maintenance = np.where(future, contracts * self.value[row] * of_orders.maintenance - own.maintenance, 0.0)
        margin, premium = self.options.orders(orders, position, of_orders)
        option = self.option[row]
        return initial, maintenance, np.where(option, margin, 0.0), np.where(option, premium, 0.0)

    def _sizes(self) -> Array:
        return np.append(self.market.contract_size, np.zeros(len(self.market.currencies)))

    def _after_orders(self, lines: Lines, orders: OrderLines) -> Lines:
        """Currency lines as they would stand after everything that open spot orders pay."""
        market, n = self.market, len(self.market)
        spot = np.flatnonzero(market.kind[orders.row] == SPOT)
        if not len(spot):
            return lines
        row, size = orders.row[spot], market.contract_size[orders.row[spot]]
        currency = lines.row >= n
        pool = np.concatenate((lines.pool[currency], orders.pool[spot], orders.pool[spot]))
        code = np.concatenate((lines.row[currency] - n, market.base[row], market.quote[row])).astype(np.int64)
        amount = np.concatenate((lines.quantity[currency], -orders.sell[spot] * size, -orders.buy_cost[spot] * size))
        keys, group = np.unique(pool * np.int64(len(market.currencies)) + code, return_inverse=True)
        return replace(
            lines.take(np.zeros(0, dtype=np.int64)),
            pool=(keys // len(market.currencies)).astype(np.int32),
            row=(n + keys % len(market.currencies)).astype(np.int32),
            quantity=pool_sums(group, amount, len(keys)),
        )


def _worse(held: Array, buy: Array, sell: Array, leg: NDArray[np.int8]) -> Array:
    """Size after the worse side of the orders; a leg grows by the orders that open it."""
    netted = np.maximum(np.abs(held + buy), np.abs(held - sell))
    return np.where(leg == NET, netted, np.abs(held) + np.where(leg == LONG, buy, sell))

