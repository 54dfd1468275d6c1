"""A regime: a pool, a model and a collateral schedule; and its assessment of a book."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment, Results
from margin.book import Book
from margin.borrowing import BorrowedMargin
from margin.contracts import entry_value
from margin.encoded import PARTS, Encoded, Rows
from margin.held import held_beside
from margin.joined import JoinedPrepared, joined_results
from margin.lines import Lines, Loans, OrderLines, group_lines, group_orders
from margin.market import Market
from margin.models.requirement import Model, Prepared
from margin.models.split import SplitModel
from margin.names import Names
from margin.params import Parameters
from margin.pools import Collateral, Holdings, Partition, Pool
from margin.pools.cross import counted_equity
from margin.threads import in_order

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

BLOCK = 1 << 16
"""Most accounts in a block."""

ROWS = 1 << 19
"""Positions and orders of a block, about: enough that what Python does for each hardly counts, few enough for memory."""

CELLS = 1 << 22
"""Most (account, currency) cells in a block, which bounds memory where accounts hold hundreds of coins."""


@dataclass(frozen=True, slots=True)
class Regime:
    """How an account is margined: who shares collateral, how much is required, what collateral counts for.

    Attributes
    ----------
    name : str
    pool : Pool
        Axis one: `IsolatedPool`, `SegregatedPool`, `CrossPool`.
    model : Model
        Axis two: `StandardModel`, `PortfolioModel`, ...
    collateral : Collateral
    provenance : Mapping of str to str
        What the parameters are: date, statuses, fingerprint. Copied into results.
    borrowing : BorrowedMargin or None
        How the requirement of a pool changes where it would have to borrow; None where pools do not.
    liquidates_at : {"equality", "excess"}
        Whether a pool is liquidated when its maintenance margin reaches its collateral, or only when it exceeds it.
    overrides : Mapping of str to Regime
        Rules of single accounts that differ from these in their parameters, by account (integers as text).

    Examples
    --------
    Any pool goes with any model; ``Regime("mine", IsolatedPool(), portfolio_model)`` is a regime that no venue offers.
    """

    name: str
    pool: Pool
    model: Model
    collateral: Collateral = field(default_factory=Collateral)
    provenance: Mapping[str, str] = field(default_factory=dict)
    borrowing: BorrowedMargin | None = None
    liquidates_at: Literal["equality", "excess"] = "equality"
    overrides: Mapping[str, Regime] = field(default_factory=dict)

    def of(self, account: str | int) -> Regime:
        """The regime of one account."""
        return self.overrides.get(str(account), self)

    def assess(
        self,
        book: Book,
        market: Market,
        *,
        threads: int = 1,
        block: int | None = None,
        units: bool = True,
        on_block: Callable[[int, Assessment], None] | None = None,
    ) -> Assessment:
        """Margin every account of a book.

        Parameters
        ----------
        book : Book
        market : Market
        threads : int
            Threads for what takes long, above all blocks of accounts; 0 takes all processors. The result does not depend on it.
        block : int, optional
            Accounts per block, by default as many as suits the cache. The result does not depend on it.
        units : bool
            Keep the figures of every risk unit for `Assessment.unit_columns`; else only each pool's unit with the largest loss.
        on_block : callable, optional
            Called after each block, in order, with the number of accounts done and the assessment of the block alone.

        Returns
        -------
        Assessment
            One row for each (account, pool).

        Raises
        ------
        DataError
            If the book names an instrument or a currency that the market lacks.
        ParameterError
            If a parameter that the book needs has no value.
        """
        if threads < 0 or (block is not None and block < 1):
            raise ValueError(f"threads={threads}, block={block}: threads must be 0 or more and block 1 or more")
        parts = self.parts(book)
        if len(parts) > 1:
            return self._assess_each(parts, book, market, threads=threads, block=block, units=units, on_block=on_block)
        started = time.perf_counter()
        encoded = self.encode(book, market, threads=threads)
        block = block or accounts_per_block(encoded)
        seconds = {"encode": time.perf_counter() - started}
        prepared = self.prepare(encoded)
        seconds["price"] = time.perf_counter() - started - seconds["encode"]

        by_block = encoded.in_blocks(block, threads=threads)

        def work(first: int) -> Results:
            results = self._block(by_block, prepared, first, min(first + block, len(book.accounts)))
            return results if units else results.worst_units()

        done, names = [], Names(encoded.market, prepared)
        starts = range(0, len(book.accounts), block)
        with in_order(work, starts, threads) as blocks:
            for first, results in zip(starts, blocks, strict=True):
                done.append(results)
                if on_block is not None:
                    part = Assessment(self, encoded, prepared, results, {}, every_unit=units, names=names)
                    on_block(min(first + block, len(book.accounts)), part)
        results = Results.concatenated(done, threads=threads) if done else self._block(encoded, prepared, 0, 0)
        seconds["stress"] = time.perf_counter() - started - sum(seconds.values())
        whole = Assessment(self, encoded, prepared, results, seconds, every_unit=units, names=names)
        if on_block is not None and not done:
            on_block(0, whole)
        return whole

    def parts(self, book: Book) -> tuple[tuple[Codes, Regime], ...]:
        """Accounts of a book with the rules that they share: those without rules of their own, then the others one by one."""
        own = [code for code, account in enumerate(book.accounts) if str(account) in self.overrides] if self.overrides else []
        rest = np.delete(np.arange(len(book.accounts), dtype=np.int32), own)
        alone = ((np.array([code], dtype=np.int32), self.of(book.accounts[code])) for code in own)
        return (rest, replace(self, overrides={})), *alone

    def _assess_each(
        self,
        parts: tuple[tuple[Codes, Regime], ...],
        book: Book,
        market: Market,
        *,
        threads: int,
        block: int | None,
        units: bool,
        on_block: Callable[[int, Assessment], None] | None,
    ) -> Assessment:
        """Accounts with rules of their own one by one, the others together."""
        started = time.perf_counter()
        done = [
            (codes, regime.assess(book.select(codes, codes=True), market, threads=threads, block=block, units=units))
            for codes, regime in parts
        ]
        results = joined_results([(codes, part.prepared, part.results) for codes, part in done])
        encoded = self.encode(book, market)
        seconds = dict(done[0][1].timings)
        seconds["stress"] += time.perf_counter() - started - sum(seconds.values())
        prepared = JoinedPrepared(tuple(part.prepared for _, part in done))
        whole = Assessment(self, encoded, prepared, results, seconds, every_unit=units)
        if on_block is not None:
            on_block(len(book.accounts), whole)
        return whole

    def encode(self, book: Book, market: Market, *, threads: int = 1) -> Encoded:
        """A book in the terms of a market, counted in the money of the pool."""
        spot_orders = self.collateral.spot_orders != "refused"
        return Encoded.of(book, market.counted_in(self.pool.money), spot_orders=spot_orders, threads=threads)

    def prepare(self, encoded: Encoded) -> Prepared:
        """Make the model ready for the market and the rows that the book uses."""
        return self.prepare_rows(encoded.market, encoded.used_rows(in_usd=self.pool.in_usd), encoded.isolated_rows())

    def prepare_rows(self, market: Market, used: NDArray[np.bool_], isolated: NDArray[np.bool_]) -> Prepared:
        """Make the model ready for a market, counted in the money of the pool.

        Parameters
        ----------
        market : Market
        used : ndarray of bool, shape (n_instruments + n_currencies,)
            Rows that occur.
        isolated : ndarray of bool, shape (n_instruments,)
            Instruments that occur in isolated positions.
        """
        if isinstance(self.model, SplitModel):
            return self.model.prepare(market, in_usd=self.pool.in_usd, used=used, isolated=isolated)
        return self.model.prepare(market, in_usd=self.pool.in_usd, used=used)

    def group(
        self, encoded: Encoded, prepared: Prepared, first: int, last: int
    ) -> tuple[Holdings, Partition, Lines, OrderLines]:
        """Holdings of accounts ``first .. last - 1``, their pools, and the lines of those pools."""
        market = encoded.market
        positions, orders = encoded.positions_of(first, last), encoded.orders_of(first, last)
        holdings = encoded.holdings(first, last)
        partition = self.pool.partition(holdings, market)
        held, resting = encoded.book.positions, encoded.book.orders
        pool, row, quantity = partition.position_pool, holdings.row, held.quantity[positions]
        leverage = None if held.leverage is None else held.leverage[positions]
        leg = holdings.leg
        if prepared.shocked_currencies.any():
            shocked = shocked_collateral(sharing(holdings, partition), prepared.shocked_currencies, market, self.collateral)
            pool, row = np.concatenate((pool, shocked[0])), np.concatenate((row, shocked[1]))
            quantity = np.concatenate((quantity, shocked[2]))
            more = len(shocked[0])
            leverage = None if leverage is None else np.append(leverage, np.full(more, np.nan))
            leg = None if leg is None else np.append(leg, np.zeros(more, dtype=np.int8))
        lines = group_lines(
            pool,
            row,
            quantity,
            prepared.rank,
            len(partition),
            leg=leg,
            leverage=leverage,
            isolated=partition.isolated,
            entry_value=None if partition.isolated is None else _entry_values(encoded, positions, len(row)),
        )
        if holdings.loan is not None and self.pool.in_usd:  # pools of whole accounts come first: account and pool are the same
            lines = replace(lines, loans=Loans.of(holdings.loan, holdings.currencies))
        order_lines = group_orders(
            partition.order_pool,
            holdings.order_row,
            resting.quantity[orders],
            _inside_band(resting.price[orders], holdings.order_row, market),
            resting.mmp[orders],
            prepared.rank,
            len(partition),
            leg=holdings.order_leg,
            leverage=None if resting.leverage is None else resting.leverage[orders],
        )
        return holdings, partition, lines, held_beside(order_lines, lines, partition.account)

    def _block(self, encoded: Encoded, prepared: Prepared, first: int, last: int) -> Results:
        return self.margins(first, encoded.market, prepared, *self.group(encoded, prepared, first, last))

    def margins(
        self,
        first: int,
        market: Market,
        prepared: Prepared,
        holdings: Holdings,
        partition: Partition,
        lines: Lines,
        orders: OrderLines,
    ) -> Results:
        """What the pools of accounts ``first ..`` are worth and require, from what `group` has grouped."""
        requirement = prepared.requirement(lines, orders)
        value = self.pool.value(holdings, partition, market, self.collateral)
        if self.borrowing is not None:
            requirement = self.borrowing.applied(requirement, value, partition)
        return Results.of(first, partition, value, requirement)


def with_overrides(parameters: Parameters, compose: Callable[[Parameters], Regime]) -> Regime:
    """The regime that parameters give, with the rules of the accounts that have parameters of their own.

    Parameters
    ----------
    parameters : Parameters
        Sections ``account.<account>`` hold what differs for an account.
    compose : callable
        Makes a regime of parameters.
    """
    own = {account: compose(parameters.of_account(account)) for account in parameters.names("account")}
    return replace(compose(parameters), overrides=own)


def accounts_per_block(encoded: Encoded) -> int:
    """Accounts in a block unless told otherwise."""
    book = encoded.book
    rows = max(1, len(book.positions) + len(book.orders))
    accounts = max(1, min(BLOCK, CELLS // max(1, len(encoded.currencies)), ROWS * len(book.accounts) // rows))
    return accounts if accounts < PARTS else accounts - accounts % PARTS


def sharing(holdings: Holdings, partition: Partition) -> Holdings:
    """Holdings without the positions that stand in pools of their own."""
    if partition.isolated is None:
        return holdings
    every_order = np.ones(len(holdings.order_row), dtype=np.bool_)
    return holdings.only(~partition.isolated[partition.position_pool], every_order)


def _entry_values(encoded: Encoded, positions: Rows, n_lines: int) -> Array | None:
    """Value of each position at its entry price, NaN for lines of currencies, which come last; None without entry prices."""
    held = encoded.book.positions
    if held.entry_price is None:
        return None
    row, quantity = encoded.instrument_row[held.instrument[positions]], held.quantity[positions]
    values = np.full(n_lines, np.nan)
    values[: len(row)] = entry_value(encoded.market, row, quantity, held.entry_price[positions])
    return values


def shocked_collateral(
    holdings: Holdings, shocked: NDArray[np.bool_], market: Market, collateral: Collateral
) -> tuple[Codes, Codes, Array]:
    """Equity of each shocked currency of each account as far as it is collateral, as lines: pool, row, amount.

    Only a pool of the whole account can hold them, and those come first, so account and pool are the same here.
    """
    equity = counted_equity(holdings, collateral)
    if holdings.hedge_cap is not None:
        equity = np.fmin(equity, holdings.hedge_cap)  # caps are not negative, so a debt stays whole
    account, column = np.nonzero(np.ascontiguousarray((equity != 0) & shocked[holdings.currencies]))
    row = len(market) + holdings.currencies[column]
    return account.astype(np.int32), row.astype(np.int32), equity[account, column]


def _inside_band(price: Array, row: Codes, market: Market) -> Array:
    """Order prices inside the instrument's price band, where it has one."""
    return np.fmin(np.fmax(price, market.min_price[row]), market.max_price[row])
