"""What moves with one price: the instrument alone, or every future of an underlying and the coin itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option
from margin.errors import DataError
from margin.ids import Ids
from margin.lines import Lines
from margin.market import Market

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]
Powers = NDArray[np.int8]

_HOLD = 'Hold them: options="hold", on the command line --hold-options.'


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Problems (a pool and a price that moves by a factor) and the lines of futures that the factor touches.

    Attributes
    ----------
    pool, subject : ndarray of int32, shape (n_problems,)
        Pool; row of the instrument, or code of the underlying's currency.
    coin : ndarray of int32, shape (n_problems,)
        Currency whose USD price moves too, -1 for none.
    problem, row : ndarray of int32, shape (n_lines,)
        A line may be in two problems: that of its underlying and that of its settlement currency.
    quantity : ndarray of float64, shape (n_lines,)
        Contracts, signed.
    mark, index, settlement : ndarray of int8, shape (n_lines,)
        1 where the line's mark, its index price, or the USD price of the currency it settles in moves, else 0.
    """

    pool: Codes
    subject: Codes
    coin: Codes
    problem: Codes
    row: Codes
    quantity: Array
    mark: Powers
    index: Powers
    settlement: Powers

    def __len__(self) -> int:
        return len(self.pool)


def of_instruments(lines: Lines, market: Market, *, index_follows: bool) -> Moves:
    """Each future and perpetual on its own: its mark and, if that follows, the index price that it shares with others."""
    held = np.flatnonzero(futures_of(lines, market))
    pool, row = lines.pool[held], lines.row[held]
    together = market.index[row] if index_follows else row  # legs of one instrument always move together
    problem, line = _pairs(pool.astype(np.int64) * (len(market) + len(market.indices)) + together)
    itself = (row[problem] == row[line]).astype(np.int8)
    return Moves(
        pool=pool,
        subject=row,
        coin=np.full(len(held), -1, dtype=np.int32),
        problem=problem.astype(np.int32),
        row=row[line],
        quantity=lines.quantity[held][line],
        mark=itself,
        index=np.full(len(line), index_follows, dtype=np.int8),
        settlement=np.zeros(len(line), dtype=np.int8),
    )


def _pairs(key: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of entries with equal keys, each with itself too."""
    order = np.argsort(key, kind="stable")
    _, start, size = np.unique(key[order], return_index=True, return_counts=True)
    first, count = np.repeat(start, size), np.repeat(size, size)  # of the run of each sorted entry
    one = np.repeat(np.arange(len(key)), count)
    inside = np.arange(len(one)) - np.repeat(np.cumsum(count) - count, count)
    return order[one], order[first[one] + inside]


def of_underlyings(lines: Lines, market: Market, equity: tuple[Codes, Codes] | None) -> Moves:
    """Each underlying of a pool: marks and indices of its futures, and the USD price of the coin.

    Parameters
    ----------
    lines : Lines
    market : Market
    equity : (pool, currency) or None
        Pools and currencies with equity, where pools count in one money: a coin is then a problem of its own wherever it is the
        base of an instrument.
    """
    n_currencies = np.int64(len(market.currencies))
    real = lines.row < len(market)
    pool, row, quantity = lines.pool[real], lines.row[real], lines.quantity[real]
    base, settlement = market.base[row], market.settlement[row]

    def key(pool: Codes, currency: Codes) -> NDArray[np.int64]:
        return pool.astype(np.int64) * n_currencies + currency

    keys = key(pool, base)
    if equity is not None:
        coins = np.isin(equity[1], market.base)
        keys = np.concatenate((keys, key(equity[0][coins], equity[1][coins])))
    keys = np.unique(keys)
    future = ~is_option(market)[row]
    own = np.flatnonzero(future)
    other = np.flatnonzero(future & (settlement != base) & (equity is not None) & np.isin(key(pool, settlement), keys))
    line = np.concatenate((own, other))
    at = np.searchsorted(keys, np.concatenate((key(pool, base)[own], key(pool, settlement)[other])))
    itself = np.repeat(np.array([1, 0], dtype=np.int8), (len(own), len(other)))
    settles = (settlement == base)[line] & ~market.inverse[row[line]] if equity is not None else np.zeros(len(line), np.bool_)
    coin = (keys % n_currencies).astype(np.int32)
    return Moves(
        pool=(keys // n_currencies).astype(np.int32),
        subject=coin,
        coin=coin,
        problem=at.astype(np.int32),
        row=row[line],
        quantity=quantity[line],
        mark=itself,
        index=itself,
        settlement=np.where(itself == 1, settles, True).astype(np.int8),
    )


def check_options(moves: Moves, lines: Lines, market: Market, account: Codes, accounts: Ids, *, hold: bool) -> None:
    """Refuse pools whose options would move too, unless they are to be held as they are.

    Raises
    ------
    DataError
        If a pool has options on an underlying whose price moves and they are not held; if its linear options settle in a coin
        whose price moves, so that they cannot be held.
    """
    options = (lines.row < len(market)) & ~futures_of(lines, market)
    pool, row = lines.pool[options], lines.row[options]

    def in_problem(currency: Codes, problem_pool: Codes, moved: Codes) -> Flags:
        n = np.int64(len(market.currencies))
        return np.isin(pool.astype(np.int64) * n + currency, problem_pool.astype(np.int64) * n + moved)

    coins = moves.coin >= 0
    underlying = np.where(coins, moves.subject, market.base[np.where(coins, 0, moves.subject)])
    on = in_problem(market.base[row], moves.pool, underlying)
    settled = ~market.inverse[row] & in_problem(market.settlement[row], moves.pool[coins], moves.coin[coins])
    for wrong, problem, hint in (
        (on & (not hold), "value and margin of an option are no simple function of the price", _HOLD),
        (settled, "an option settles in a coin whose price moves", 'Ask by="instrument".'),
    ):
        if wrong.any():
            first = int(np.argmax(wrong))
            raise DataError(
                problem,
                table="positions",
                column="instrument",
                key={"account": accounts[int(account[pool[first]])], "instrument": market.instruments[int(row[first])]},
                count=int(wrong.sum()),
                hint=hint,
            )


def futures_of(lines: Lines, market: Market) -> Flags:
    """Which lines are futures or perpetuals."""
    n = len(market)
    return np.append(~is_option(market), False)[np.minimum(lines.row, n)]
