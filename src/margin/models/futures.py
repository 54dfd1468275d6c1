"""Standard margin of futures and perpetuals: a rate on their size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.contracts import coin_per_contract, is_option
from margin.lines import Lines
from margin.market import Market
from margin.models.rates import RateTable, RateTables
from margin.models.units import UsedRows

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class FuturesMargin:
    """Each future and perpetual on its own, by rate tables over its size.

    With the size in coin ``a`` (inverse contracts: at the mark) and the price ``p`` of a coin::

        tiers in coin:   requirement = table(a) * p
        tiers in value:  requirement = table(a * p)

    An inverse contract is margined in its coin, so there ``p`` is 1.

    Attributes
    ----------
    initial, maintenance : callable
        Name (of what `by` says) -> `RateTable`. Raises `ParameterError` where there is none.
    price : {"index", "mark"}
        What values a coin of a linear contract.
    tiers_in : {"coin", "value"}
        What the rate tables are over.
    by : {"index", "base", "instrument"}
        Whose name the tables are asked for: the price index, the base coin, the instrument itself.
    """

    initial: Callable[[str], RateTable]
    maintenance: Callable[[str], RateTable]
    price: Literal["index", "mark"] = "index"
    tiers_in: Literal["coin", "value"] = "coin"
    by: Literal["index", "base", "instrument"] = "index"

    def prepare(self, rows: UsedRows) -> PreparedFutures:
        """Take the rate tables of the instruments in use."""
        market, n = rows.market, len(rows.market)
        futures = rows.used[:n] & ~is_option(market)
        codes, table = np.unique(self._codes(market)[futures], return_inverse=True)
        names = [self._name(market, int(code)) for code in codes]
        table_of = np.full(len(rows.used), len(names), dtype=np.int32)
        table_of[:n][futures] = table
        nothing = RateTable.flat(0.0)  # for all other rows, which are not margined by rate
        quoted = rows.padded(np.where(market.inverse, 1.0, market.index_price if self.price == "index" else market.mark))
        in_coin = self.tiers_in == "coin"
        return PreparedFutures(
            table=table_of,
            initial_rates=RateTables.of([*map(self.initial, names), nothing]),
            maintenance_rates=RateTables.of([*map(self.maintenance, names), nothing]),
            coin=rows.padded(coin_per_contract(market)),
            measure=np.ones(len(rows.used)) if in_coin else quoted,
            worth=quoted * rows.to_pool if in_coin else rows.to_pool,
        )

    def _codes(self, market: Market) -> Codes:
        if self.by == "instrument":
            return np.arange(len(market), dtype=np.int32)
        return market.index if self.by == "index" else market.base

    def _name(self, market: Market, code: int) -> str:
        if self.by == "instrument":
            return str(market.instruments[code])
        return market.indices[code] if self.by == "index" else market.currencies[code]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedFutures:
    """`FuturesMargin` for one market; arrays have one entry per row, and rows that are no futures require nothing.

    Attributes
    ----------
    table : ndarray of int32
        Rate table of each row.
    initial_rates, maintenance_rates : RateTables
    coin : ndarray of float64
        Coin per contract.
    measure : ndarray of float64
        What the tables are over, per coin.
    worth : ndarray of float64
        Pool currency per unit of what the tables give.
    """

    table: Codes
    initial_rates: RateTables
    maintenance_rates: RateTables
    coin: Array
    measure: Array
    worth: Array

    def initial(self, size: Array, row: Codes) -> Array:
        """Initial margin of sizes in coin, >= 0, in the pool's currency."""
        return self.initial_rates.requirement(size * self.measure[row], self.table[row]) * self.worth[row]

    def maintenance(self, size: Array, row: Codes) -> Array:
        """Maintenance margin of sizes in coin, >= 0, in the pool's currency."""
        return self.maintenance_rates.requirement(size * self.measure[row], self.table[row]) * self.worth[row]

    def margins(self, lines: Lines) -> tuple[Array, Array]:
        """Initial and maintenance margin of each line."""
        size = np.abs(lines.quantity) * self.coin[lines.row]
        return self.initial(size, lines.row), self.maintenance(size, lines.row)
