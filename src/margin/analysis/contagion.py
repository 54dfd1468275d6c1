"""Contagion: whose losses would liquidate which other positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import LIQUIDATED
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.assessment import Assessment
from margin.book import Book
from margin.contracts import coin_per_contract, coin_value, settlement_value
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

MOVES = (-0.2, 0.2)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contagion(Tabular):
    """Positions that a move of another coin would liquidate; one entry for each of k (position, coin, move).

    Attributes
    ----------
    regime : str
    account : Ids, length k
    coin : tuple of str, length k
        Coin whose move liquidates the pool.
    move : ndarray of float64, shape (k,)
        Its relative move; nothing else moves but what is priced with it.
    pool : tuple of str, length k
    source_loss : ndarray of float64, shape (k,)
        What positions in the coin lose in that pool, USD; where it is not above zero, it is the collateral that fell.
    victim : Ids, length k
        The instrument that would be liquidated with it, on another coin.
    quantity, notional : ndarray of float64, shape (k,)
        Contracts of the victim, and their coins at the index in USD.
    moved : tuple of str
        All coins that were moved.
    liquidated : ndarray of int64, shape (c, m)
        Accounts that each of c coins would liquidate by each of m moves, with or without victims.
    moves : tuple of float, length m
    """

    regime: str
    account: Ids
    coin: tuple[str, ...]
    move: Array
    pool: tuple[str, ...]
    source_loss: Array
    victim: Ids
    quantity: Array
    notional: Array
    moved: tuple[str, ...]
    liquidated: NDArray[np.int64]
    moves: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.coin)

    @property
    def title(self) -> str:
        """How many positions fall with others."""
        return f"{len(self)} positions would be liquidated by the loss of another coin under {self.regime}"

    def columns(self) -> dict[str, Any]:
        """One row for each victim, coin and move."""
        return {
            "account": self.account,
            "coin": list(self.coin),
            "move": self.move,
            "pool": list(self.pool),
            "source_loss": self.source_loss,
            "victim": self.victim,
            "quantity": self.quantity,
            "notional_usd": self.notional,
        }

    def coin_columns(self) -> dict[str, Any]:
        """One row for each coin and move: accounts liquidated, and positions on other coins that go with them."""
        pairs = [(coin, move) for coin in self.moved for move in self.moves]
        coins = np.array(self.coin, dtype=object)
        hits = [(coins == coin) & (self.move == move) for coin, move in pairs]
        return {
            "coin": [coin for coin, _ in pairs],
            "move": np.array([move for _, move in pairs]),
            "accounts_liquidated": self.liquidated.reshape(-1),
            "victims": np.array([int(hit.sum()) for hit in hits]),
            "victims_notional_usd": np.array([float(self.notional[hit].sum()) for hit in hits]),
        }


def contagion(
    regime: Regime,
    book: Book,
    market: Market,
    *,
    moves: Sequence[float] = MOVES,
    coins: Sequence[str] | None = None,
    on_coin: Callable[[float], None] | None = None,
) -> Contagion:
    """Move one coin at a time and see which positions on other coins are liquidated with it.

    Under isolated pools there are none: a pool holds one position. Pools that are in liquidation as things stand do not count.

    Parameters
    ----------
    regime, book, market
    moves : sequence of float
        Relative moves, > -1.
    coins : sequence of str, optional
        By default all on which somebody has a position.
    on_coin : callable, optional
        Called with the fraction of the coins that is done.

    Raises
    ------
    DataError
        If a coin is unknown.
    """
    parts = [_Part.of(rules, some, market) for rules, some in _by_rules(regime, book)]
    if coins is None:
        coins = tuple(dict.fromkeys(market.currencies[int(c)] for part in parts for c in np.unique(market.base[part.row])))
    rows: list[tuple[Any, ...]] = []
    liquidated = np.zeros((len(coins), len(moves)), dtype=np.int64)
    for c, coin in enumerate(coins):
        for m, move in enumerate(moves):
            shocked = Shock(coins={coin: move}).market(market)
            for part in parts:
                accounts, found = part.after(coin, shocked)
                liquidated[c, m] += accounts
                rows += [(account, coin, move, *rest) for account, *rest in found]
        if on_coin is not None:
            on_coin((c + 1) / len(coins))
    account, coin_of, move_of, pool, loss, victim, quantity, notional = zip(*rows, strict=True) if rows else ((),) * 8
    return Contagion(
        regime=regime.name,
        account=Ids.of(list(account)),
        coin=tuple(coin_of),
        move=np.array(move_of, dtype=np.float64),
        pool=tuple(pool),
        source_loss=np.array(loss, dtype=np.float64),
        victim=Ids.of(list(victim)),
        quantity=np.array(quantity, dtype=np.float64),
        notional=np.array(notional, dtype=np.float64),
        moved=tuple(coins),
        liquidated=liquidated,
        moves=tuple(moves),
    )


def _by_rules(regime: Regime, book: Book) -> Iterator[tuple[Regime, Book]]:
    """Accounts with the same rules together."""
    own = [code for code, account in enumerate(book.accounts) if str(account) in regime.overrides] if regime.overrides else []
    shared = np.setdiff1d(np.arange(len(book.accounts), dtype=np.int32), own)
    yield replace(regime, overrides={}), book if not own else book.select(shared, codes=True)
    for code in own:
        yield regime.of(book.accounts[code]), book.select([code], codes=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Accounts under the same rules, as they are."""

    regime: Regime
    before: Assessment
    pool: Codes  # row of the assessment that each position stands in
    row: Codes
    value: Array

    @classmethod
    def of(cls, regime: Regime, book: Book, market: Market) -> _Part:
        before = _in_one_block(regime, book, market)
        row, pool, value = _positions(before)
        return cls(regime, before, pool, row, value)

    def after(self, coin: str, shocked: Market) -> tuple[int, list[tuple[Any, ...]]]:
        """Accounts liquidated, and the victims among positions, when a coin has moved."""
        book, market = self.before.book, self.before.market
        after = _in_one_block(self.regime, book, shocked)
        fallen = (after.status == LIQUIDATED) & (self.before.status != LIQUIDATED)
        if not fallen.any():
            return 0, []
        on_coin = market.base[self.row] == market.currencies.index(coin)
        lost = np.where(on_coin, self.value - _positions(after)[2], 0.0)
        loss = np.bincount(self.pool, weights=lost, minlength=len(fallen))
        victims = np.flatnonzero(fallen[self.pool] & ~on_coin & (book.positions.quantity != 0))
        worth = coin_per_contract(market) * coin_value(market, in_usd=True) * market.money_usd
        pools = self.before.columns()["pool"]
        quantity = book.positions.quantity
        rows = [
            (
                book.accounts[int(book.positions.account[v])],
                str(pools[int(self.pool[v])]),
                float(loss[self.pool[v]]),
                str(market.instruments[int(self.row[v])]),
                float(quantity[v]),
                float(abs(quantity[v]) * worth[self.row[v]]),
            )
            for v in victims
        ]
        return len(np.unique(self.before.results.account[fallen])), rows


def _in_one_block(regime: Regime, book: Book, market: Market) -> Assessment:
    """In one block pools are numbered as the partition of the whole book numbers them."""
    return regime.assess(book, market, block=max(len(book.accounts), 1))


def _positions(assessment: Assessment) -> tuple[Codes, Codes, Array]:
    """Market row, row of the assessment, and worth in USD of each position."""
    encoded, n = assessment.encoded, len(assessment.book.accounts)
    market = encoded.market
    order = encoded.positions.sorting[1]
    holdings = encoded.holdings(0, n)
    partition = assessment.regime.pool.partition(holdings, market)
    row, pool, value = np.empty(len(order), dtype=np.int32), np.empty(len(order), dtype=np.int32), np.empty(len(order))
    row[order], pool[order] = holdings.row, partition.position_pool
    worth = settlement_value(market)[holdings.row] * market.money_usd
    value[order] = (holdings.unrealised + holdings.option_value) * worth
    return row, pool, value


