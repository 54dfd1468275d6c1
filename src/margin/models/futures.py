"""Standard margin of futures and perpetuals: a rate on their size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import coin_per_contract, is_option
from margin.errors import DataError
from margin.lines import Lines
from margin.market import Market
from margin.models.units import UsedRows
from margin.rates import RateTable, RateTables

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
    leverage : {"table", "position", "either"}
        Whether the initial margin follows its table, or is the value over the leverage chosen for the position. A position
        without one is refused by "position" and follows its table with "either".
    markup : ByName or None
        Fraction added where a requirement is counted in the pool's money, by settlement currency. None: nothing.
    """

    initial: Callable[[str], RateTable]
    maintenance: Callable[[str], RateTable]
    price: Literal["index", "mark"] = "index"
    tiers_in: Literal["coin", "value"] = "coin"
    by: Literal["index", "base", "instrument"] = "index"
    leverage: Literal["table", "position", "either"] = "table"
    markup: ByName | None = None

    def prepare(self, rows: UsedRows) -> PreparedFutures:
        """Take the rate tables of the instruments in use."""
        market, n = rows.market, len(rows.market)
        futures = rows.used[:n] & ~is_option(market)
        codes, table = np.unique(self._codes(market)[futures], return_inverse=True)
        names = [self._name(market, int(code)) for code in codes]
        by_table = self.leverage != "position"
        table_of = np.full(len(rows.used), len(names), dtype=np.int32)
        table_of[:n][futures] = table
        nothing = RateTable.flat(0.0)  # for all other rows, which are not margined by rate
        quoted = rows.padded(np.where(market.inverse, 1.0, market.index_price if self.price == "index" else market.mark))
        in_coin = self.tiers_in == "coin"
        to_pool = rows.to_pool if self.markup is None else rows.to_pool * self._marked_up(self.markup, rows, futures)
        return PreparedFutures(
            table=table_of,
            initial_rates=RateTables.of([*map(self.initial, names), nothing] if by_table else [nothing] * (len(names) + 1)),
            maintenance_rates=RateTables.of([*map(self.maintenance, names), nothing]),
            coin=rows.padded(coin_per_contract(market)),
            measure=np.ones(len(rows.used)) if in_coin else quoted,
            worth=quoted * to_pool if in_coin else to_pool,
            value=quoted * to_pool,
            to_pool=to_pool,
            leverage=None if self.leverage == "table" else rows.padded(futures.astype(np.float64)),
            needs_leverage=self.leverage == "position",
            market=market,
        )

    def _marked_up(self, markup: ByName, rows: UsedRows, futures: NDArray[np.bool_]) -> Array:
        """What a requirement of each row is multiplied by; the markup is asked for where something is in use."""
        factor = np.ones(len(rows.used))
        settlement = rows.market.settlement
        for code in np.unique(settlement[futures]):
            factor[: len(settlement)][settlement == code] += markup.of(rows.market.currencies[code])
        return factor

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
    value : ndarray of float64
        Pool currency per coin.
    to_pool : ndarray of float64
        Pool currency per unit of settlement currency of a requirement.
    leverage : ndarray of float64 or None
        1 for rows whose initial margin is value over the leverage of the position; None where that is the table's.
    needs_leverage : bool
        Whether positions in these rows without a leverage are refused, or follow the table.
    market : Market
    """

    table: Codes
    initial_rates: RateTables
    maintenance_rates: RateTables
    coin: Array
    measure: Array
    worth: Array
    value: Array
    to_pool: Array
    leverage: Array | None
    needs_leverage: bool
    market: Market

    def initial(self, size: Array, row: Codes, leverage: Array | None = None) -> Array:
        """Initial margin of sizes in coin, >= 0, in the pool's currency.

        Parameters
        ----------
        size : ndarray of float64, shape (n,)
        row : ndarray of int32, shape (n,)
        leverage : ndarray of float64, shape (n,), or None
            Chosen for each; NaN or None where none is.

        Raises
        ------
        DataError
            If a position that needs a leverage has none.
        """
        if self.leverage is None:
            return self._initial_by_table(size, row)
        chosen = np.full(len(row), np.nan) if leverage is None else leverage
        if self.needs_leverage:
            self._check_leverage(size, row, chosen)
            margin = np.zeros(len(row))
        else:
            margin = self._initial_by_table(size, row)
        by_leverage = (self.leverage[row] > 0) & (size > 0) & ~np.isnan(chosen)
        return np.divide(size * self.value[row], chosen, out=margin, where=by_leverage)

    def _initial_by_table(self, size: Array, row: Codes) -> Array:
        return self.initial_rates.requirement(size * self.measure[row], self.table[row]) * self.worth[row]

    def maintenance(self, size: Array, row: Codes) -> Array:
        """Maintenance margin of sizes in coin, >= 0, in the pool's currency."""
        return self.maintenance_rates.requirement(size * self.measure[row], self.table[row]) * self.worth[row]

    def margins(self, lines: Lines) -> tuple[Array, Array]:
        """Initial and maintenance margin of each line."""
        size = np.abs(lines.quantity) * self.coin[lines.row]
        return self.initial(size, lines.row, lines.leverage), self.maintenance(size, lines.row)

    def _check_leverage(self, size: Array, row: Codes, chosen: Array) -> None:
        assert self.leverage is not None
        wrong = np.flatnonzero((self.leverage[row] > 0) & (size > 0) & np.isnan(chosen))
        if len(wrong):
            raise DataError(
                f"{self.market.instruments[int(row[wrong[0]])]!r} is held or ordered without a leverage",
                table="positions",
                column="leverage",
                count=len(wrong),
                hint="Give the leverage chosen for it, on its position or its orders.",
            )
