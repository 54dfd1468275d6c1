"""Standard margin: each position on its own, nothing nets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.contracts import coin_per_contract, coin_value, is_option, settlement_value
from margin.lines import Lines, OrderLines, held, pool_sums, rank_rows
from margin.market import Market
from margin.models.options import MoneynessMargin, ShortMargin
from margin.models.orders import OptionFee, SideSizes, premium_to_pay
from margin.models.rates import RateTable, RateTables
from margin.models.requirement import Requirement

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StandardModel:
    """Requirement of a pool as the plain sum of the requirements of its positions.

    Futures and perpetuals pay a rate that depends on their size in coin, on that size, valued at the index (linear) or in
    coin (inverse). Short options pay a formula of their moneyness. Open orders raise the initial margin only: each instrument
    is margined as if its worse side had filled, and option buys beyond a short position need their premium and fee.

    Attributes
    ----------
    initial, maintenance : callable
        Name of the instrument's price index -> `RateTable` over the size in coin. Raises `ParameterError` where there is none.
    inverse_options, linear_options : MoneynessMargin
    inverse_fee, linear_fee : callable
        The `OptionFee` that a buy order reserves; called when there is such an order.
    """

    initial: Callable[[str], RateTable]
    maintenance: Callable[[str], RateTable]
    inverse_options: MoneynessMargin
    linear_options: MoneynessMargin
    inverse_fee: Callable[[], OptionFee]
    linear_fee: Callable[[], OptionFee]

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedStandard:
        """Rates and option margins of every instrument."""
        n = len(market)
        futures = used[:n] & ~is_option(market)
        pairs, table = np.unique(market.index[futures], return_inverse=True)
        names = [market.indices[i] for i in pairs]
        table_of = np.full(n, len(names), dtype=np.int32)
        table_of[futures] = table
        nothing = RateTable.flat(0.0)  # for options, which are not margined by rate
        return PreparedStandard(
            market=market,
            rank=rank_rows(np.arange(n + len(market.currencies), dtype=np.int32)),
            table=table_of,
            initial_rates=RateTables.of([*map(self.initial, names), nothing]),
            maintenance_rates=RateTables.of([*map(self.maintenance, names), nothing]),
            coin=coin_per_contract(market),
            coin_value=coin_value(market, in_usd=in_usd),
            to_pool=settlement_value(market) if in_usd else np.ones(n),
            short=_both(self.inverse_options.short_margin(market), self.linear_options.short_margin(market), market),
            inverse_fee=self.inverse_fee,
            linear_fee=self.linear_fee,
        )


def _both(inverse: ShortMargin, linear: ShortMargin, market: Market) -> ShortMargin:
    return ShortMargin(*(np.where(market.inverse, i, x) for i, x in zip(inverse, linear, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedStandard:
    """`StandardModel` for one market; arrays have one entry per instrument."""

    market: Market
    rank: Codes
    table: Codes
    initial_rates: RateTables
    maintenance_rates: RateTables
    coin: Array
    coin_value: Array
    to_pool: Array
    short: ShortMargin
    inverse_fee: Callable[[], OptionFee]
    linear_fee: Callable[[], OptionFee]

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Collateral is not a position here."""
        return np.zeros(len(self.market.currencies), dtype=np.bool_)

    @property
    def units(self) -> tuple[str, ...]:
        """No risk units."""
        return ()

    @property
    def n_scenarios(self) -> int:
        """No scenarios."""
        return 0

    def label(self, unit: int, scenario: int) -> str:
        """There are none to name."""
        raise IndexError(f"the standard model has no scenario {scenario} of unit {unit}")

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Sum of the requirements of positions and of what orders add."""
        futures, options, maintenance = self._positions(lines)
        margin_of_orders, premium = self._orders(lines, orders)

        def by_pool(values: Array, pool: Codes) -> Array:
            return pool_sums(pool, values, lines.n_pools)

        components = {
            "futures": by_pool(futures, lines.pool),
            "options": by_pool(options, lines.pool),
            "open_orders": by_pool(margin_of_orders, orders.pool),
            "order_premium": by_pool(premium, orders.pool),
        }
        initial = sum(components.values(), np.zeros(lines.n_pools))
        return Requirement(initial, by_pool(maintenance, lines.pool), components)

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Initial and maintenance margin of each line; nothing else adds to the positions' requirement."""
        futures, options, maintenance = self._positions(lines)
        return {"initial_margin": futures + options, "maintenance_margin": maintenance}, {}

    def _positions(self, lines: Lines) -> tuple[Array, Array, Array]:
        row = lines.row
        size = np.abs(lines.quantity) * self.coin[row]
        short = np.maximum(-lines.quantity, 0.0) * self.to_pool[row]
        futures = self.initial_rates.requirement(size, self.table[row]) * self.coin_value[row]
        options = short * self.short.initial[row]
        maintenance = self.maintenance_rates.requirement(size, self.table[row]) * self.coin_value[row]
        return futures, options, maintenance + short * self.short.maintenance[row]

    def _orders(self, lines: Lines, orders: OrderLines) -> tuple[Array, Array]:
        """What each order line adds to the initial margin: by its worse side, and by the premium of option buys."""
        row, position = orders.row, held(lines, orders, self.rank)
        sizes = SideSizes.of(orders, position, self.market)
        before = self.initial_rates.requirement(np.abs(sizes.held), self.table[row])
        after = self.initial_rates.requirement(sizes.worse(), self.table[row])
        more_short = np.maximum(orders.sell - position, 0.0) - np.maximum(-position, 0.0)
        short = self.to_pool[row] * self.short.initial[row] * np.maximum(more_short, 0.0)
        return (after - before) * self.coin_value[row] + short, self._premium(orders, position)

    def _premium(self, orders: OrderLines, position: Array) -> Array:
        contracts, premium = premium_to_pay(orders, position)
        bought = np.flatnonzero(is_option(self.market)[orders.row] & (contracts > 0))
        row, contracts, premium = orders.row[bought], contracts[bought], premium[bought]
        inverse = self.market.inverse[row]
        fee = np.zeros(len(bought))
        for fees, here, underlying in (
            (self.inverse_fee, inverse, np.ones(len(bought))),
            (self.linear_fee, ~inverse, self.market.index_price[row]),
        ):
            if here.any():
                fee[here] = fees().per_coin(premium[here] / contracts[here], underlying[here])
        cost = np.zeros(len(orders))
        cost[bought] = (premium + contracts * fee) * self.market.contract_size[row] * self.to_pool[row]
        return cost
