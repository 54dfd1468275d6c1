"""A block of accounts as it is kept between markets: grouped rows, of which only worths change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Results
from margin.contracts import option_worth, unrealised_pnl
from margin.encoded import Encoded
from margin.lines import Lines, OrderLines
from margin.market import Market
from margin.models.prepared_portfolio import PreparedPortfolio
from margin.models.requirement import Prepared
from margin.pools import Holdings, Partition
from margin.regime import Regime, sharing, shocked_collateral

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

STATIC = ("kind", "inverse", "base", "quote", "settlement", "index", "contract_size", "strike", "option_sign", "expiry")
"""What an instrument is, whatever its price; grouping depends on that and on the names."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Accounts ``first .. last - 1`` of a book in one market.

    Attributes
    ----------
    first, last : int
    holdings : Holdings
    partition : Partition
    lines : Lines
    orders : OrderLines
    entry : ndarray of float64, shape (n_positions,), or None
        Entry prices.
    coin : ndarray of int64
        The lines of currencies, by account and currency.
    """

    first: int
    last: int
    holdings: Holdings
    partition: Partition
    lines: Lines
    orders: OrderLines
    entry: Array | None
    coin: Rows

    @classmethod
    def of(cls, regime: Regime, encoded: Encoded, prepared: Prepared, first: int, last: int) -> Block:
        """Group the rows of the accounts."""
        holdings, partition, lines, orders = regime.group(encoded, prepared, first, last)
        held, positions = encoded.book.positions, encoded.positions_of(first, last)
        coin = np.flatnonzero(lines.row >= len(encoded.market))
        return cls(
            first=first,
            last=last,
            holdings=holdings,
            partition=partition,
            lines=_with_runs(lines, prepared),
            orders=orders,
            entry=None if held.entry_price is None else held.entry_price[positions],
            coin=coin[np.lexsort((lines.row[coin], lines.pool[coin]))],
        )

    def repriced(self, regime: Regime, encoded: Encoded, prepared: Prepared) -> Block:
        """The same rows in another market; grouped anew where an equity has become zero or ceased to be.

        The instruments of both markets are alike, the models rank, number and shock the same rows, and price bands are the same.
        """
        market, row = encoded.market, self.holdings.row
        holdings = replace(
            self.holdings,
            since_entry=None if self.entry is None else unrealised_pnl(market, row, self.holdings.quantity, self.entry),
            option_worth=option_worth(market),
        )
        if not prepared.shocked_currencies.any():
            return replace(self, holdings=holdings)
        pool, currency, equity = shocked_collateral(
            sharing(holdings, self.partition), prepared.shocked_currencies, market, regime.collateral
        )
        lines = self.lines
        if not (np.array_equal(pool, lines.pool[self.coin]) and np.array_equal(currency, lines.row[self.coin])):
            return Block.of(regime, encoded, prepared, self.first, self.last)
        quantity = lines.quantity.copy()
        quantity[self.coin] = equity
        return replace(self, holdings=holdings, lines=replace(lines, quantity=quantity))

    def numbered(self, prepared: Prepared) -> Block:
        """The same with the numbers that a model ready for more rows gives to units and leaves."""
        return replace(self, lines=_with_runs(self.lines, prepared))

    def results(self, regime: Regime, market: Market, prepared: Prepared) -> Results:
        """What the pools are worth and require."""
        return regime.margins(self.first, market, prepared, self.holdings, self.partition, self.lines, self.orders)


def _with_runs(lines: Lines, prepared: Prepared) -> Lines:
    """Lines that know their units and leaves, where all stand in one."""
    if not isinstance(prepared, PreparedPortfolio) or (prepared.unit[lines.row] < 0).any():
        return replace(lines, runs=None)
    return replace(lines, runs=prepared.runs(lines))


def alike(one: Market, other: Market) -> bool:
    """Whether two markets list the same instruments in the same order, so that rows of the one are rows of the other."""
    return (
        one.instruments == other.instruments
        and one.currencies == other.currencies
        and one.indices == other.indices
        and all(_same(getattr(one, name), getattr(other, name)) for name in STATIC)
    )


def same_bands(one: Market, other: Market) -> bool:
    """Whether order price bands are the same."""
    return _same(one.min_price, other.min_price) and _same(one.max_price, other.max_price)


def same_order(one: Prepared, other: Prepared) -> bool:
    """Whether two models rank and number the rows alike and take the equity of the same currencies for lines."""
    numbered = not isinstance(one, PreparedPortfolio) or (
        isinstance(other, PreparedPortfolio) and _same(one.unit, other.unit) and _same(one.leaf, other.leaf)
    )
    return numbered and _same(one.rank, other.rank) and _same(one.shocked_currencies, other.shocked_currencies)


def _same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one is other or np.array_equal(one, other, equal_nan=one.dtype.kind in "fM")
