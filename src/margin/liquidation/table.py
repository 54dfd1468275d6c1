"""Liquidation prices of a whole book as a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment
from margin.contracts import coin_per_contract
from margin.encoded import Encoded
from margin.errors import DataError, ParameterError
from margin.ids import Coded, Ids
from margin.liquidation import excess as parts
from margin.liquidation.moves import Moves, check_options, futures_of, of_instruments, of_underlyings
from margin.liquidation.prices import SPAN, nearest_changes, powers
from margin.models.requirement import Prepared
from margin.models.standard import PreparedStandard
from margin.names import pool_names
from margin.pools import CrossPool, Holdings, IsolatedPool, Partition, PartlyIsolated, SegregatedPool
from margin.regime import Regime

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from margin.market import Market

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]

BLOCK = 1 << 14
"""Accounts at a time, which bounds memory: every tier of every line is spelled out."""

By = Literal["instrument", "underlying"]


@dataclass(frozen=True, slots=True, eq=False)
class LiquidationPrices:
    """One row for each pool and price that moves: an instrument's mark, or an underlying's index with all that follows it.

    Attributes
    ----------
    by : {"instrument", "underlying"}
    accounts : Ids
        Accounts of the book.
    market : Market
    account : ndarray of int32, shape (n_rows,)
        Code of the account.
    pool : ndarray of int32, shape (n_rows,)
        Code of the pool's name, as in `Partition.name`.
    subject : ndarray of int32, shape (n_rows,)
        Row of the instrument, or code of the underlying's currency.
    quantity : ndarray of float64, shape (n_rows,)
        Contracts; by underlying the net size of futures and perpetuals in coin.
    price : ndarray of float64, shape (n_rows,), quote currency per coin
        The instrument's mark; the index price of the underlying's first instrument.
    below, above : ndarray of float64, shape (n_rows,), as price
        Nearest prices at which the pool enters liquidation, or leaves it if it is there; nan where there is none.
    in_liquidation : ndarray of bool, shape (n_rows,)
        Whether the pool is in liquidation now.
    """

    by: By
    accounts: Ids
    market: Market
    account: Codes
    pool: Codes
    subject: Codes
    quantity: Array
    price: Array
    below: Array
    above: Array
    in_liquidation: Flags

    def __len__(self) -> int:
        return len(self.account)

    @property
    def distance(self) -> Array:
        """Way to the nearer of both as a fraction of the price, infinite where there is none, shape (n_rows,)."""
        return np.fmin(np.fmin(1.0 - self.below / self.price, self.above / self.price - 1.0), np.inf)

    def columns(self) -> dict[str, Any]:
        """Every figure as a column, with names instead of codes; each of length ``len(self)``."""
        subject: Ids | Coded
        if self.by == "instrument":
            subject = self.market.instruments.take(self.subject)
        else:
            subject = Coded(self.subject, Ids.of(list(self.market.currencies)))
        return {
            "account": self.accounts.take(self.account),
            "pool": pool_names(self.market, self.pool),
            self.by: subject,
            "quantity": self.quantity,
            "price": self.price,
            "below": self.below,
            "above": self.above,
            "distance": self.distance,
            "in_liquidation": self.in_liquidation,
        }

    def to_arrow(self) -> pa.Table:
        """The columns as a pyarrow table."""
        from margin.io import to_arrow

        return to_arrow(self.columns())

    def to_parquet(self, path: str | Path) -> None:
        """Write the columns to a Parquet file, under a temporary name until it is complete."""
        from margin.io import write_parquet

        write_parquet(self.to_arrow(), path)


@dataclass(frozen=True, slots=True)
class _Asked:
    by: By
    hold_options: bool
    index_follows: bool
    closing_fee: float


def liquidation_prices(
    assessment: Assessment,
    *,
    by: By = "instrument",
    options: Literal["refuse", "hold"] = "refuse",
    index_follows: bool = True,
    closing_fee: float = 0.0,
) -> LiquidationPrices:
    """Nearest prices at which each pool of a standard model enters liquidation, everything else unchanged.

    A pool is in liquidation where its maintenance margin reaches its collateral, as in `Assessment.status`. A position without an
    entry price counts as entered at the mark.

    Parameters
    ----------
    assessment : Assessment
        Of a regime with a standard model and an isolated, segregated or cross pool; segregated pools may have isolated positions
        beside them.
    by : {"instrument", "underlying"}
        What moves: the mark of one future or perpetual (and its index price); or, by one common factor, the marks and index
        prices of all futures and perpetuals of a coin and, where pools count in one money, the USD price of the coin itself.
    options : {"refuse", "hold"}
        What becomes of options on the same underlying: an error, or their marks and margins stay as they are (in settlement
        currency).
    index_follows : bool
        By instrument: whether its index price moves with its mark, by the same factor, for all instruments of that index.
    closing_fee : float
        Fraction of the value at the mark of every future and perpetual of the pool, added to the maintenance margin.

    Returns
    -------
    LiquidationPrices
        In the order of accounts. By instrument: a row for each future or perpetual in a pool. By underlying: a row for each
        underlying of a pool's positions and, where pools count in one money, of its collateral.

    Raises
    ------
    ParameterError
        If the model, the pool or a charge is not supported; it is named. If a currency has no haircut.
    DataError
        If options would have to move, or a pool combines contracts that give no quadratic.

    Examples
    --------
    >>> table = liquidation_prices(regime.assess(book, market))  # doctest: +SKIP
    >>> table.columns()["below"]  # doctest: +SKIP
    """
    if by not in ("instrument", "underlying"):
        raise ValueError(f'by={by!r}: must be "instrument" or "underlying"')
    if options not in ("refuse", "hold"):
        raise ValueError(f'options={options!r}: must be "refuse" or "hold"')
    if by == "underlying" and not index_follows:
        raise ValueError('index_follows=False has no meaning with by="underlying": the index is what moves')
    if not (np.isfinite(closing_fee) and closing_fee >= 0):
        raise ValueError(f"closing_fee={closing_fee!r}: must be a finite fraction of 0 or more")
    asked = _Asked(by, options == "hold", index_follows, float(closing_fee))
    found = [
        _of_regime(regime, encoded, prepared, codes, asked) for regime, encoded, prepared, codes in _by_rules(assessment)
    ]
    whole = _concatenated(found)
    if len(found) == 1:
        return whole
    order = np.argsort(whole.account, kind="stable")
    return replace(whole, accounts=assessment.book.accounts, **{name: getattr(whole, name)[order] for name in ROWS})


ROWS = ("account", "pool", "subject", "quantity", "price", "below", "above", "in_liquidation")


def _by_rules(assessment: Assessment) -> list[tuple[Regime, Encoded, Prepared, Codes | None]]:
    """Parts of the book that share their rules: regime, encoded part, prepared model, codes of its accounts (None: all)."""
    regime, book = assessment.regime, assessment.book
    own = [code for code, account in enumerate(book.accounts) if str(account) in regime.overrides] if regime.overrides else []
    if not own:
        return [(regime, assessment.encoded, assessment.prepared, None)]
    rest = np.setdiff1d(np.arange(len(book.accounts)), own)
    groups = [(rest, replace(regime, overrides={})), *(((np.array([c])), regime.of(book.accounts[c])) for c in own)]
    parts: list[tuple[Regime, Encoded, Prepared, Codes | None]] = []
    for codes, rules in groups:
        chosen = codes.astype(np.int32)
        encoded = Encoded.of(book.select(chosen, codes=True), assessment.market)
        parts.append((rules, encoded, rules.prepare(encoded), chosen))
    return parts


def _of_regime(regime: Regime, encoded: Encoded, prepared: Prepared, codes: Codes | None, asked: _Asked) -> LiquidationPrices:
    standard = _standard(regime, prepared)
    n = len(encoded.book.accounts)
    blocks = [
        _block(regime, encoded, standard, first, min(first + BLOCK, n), asked) for first in range(0, max(n, 1), BLOCK)
    ]
    whole = _concatenated(blocks)
    return whole if codes is None else replace(whole, account=codes[whole.account])


def _standard(regime: Regime, prepared: Prepared) -> PreparedStandard:
    """The model, if its prices are known."""
    if not isinstance(prepared, PreparedStandard):
        message = f"{regime.name}: liquidation prices are known for standard models, not for {type(regime.model).__name__}"
        raise ParameterError(message, name="model", scope=regime.name)
    pool = regime.pool
    shared = pool.shared if isinstance(pool, PartlyIsolated) and isinstance(pool.shared, SegregatedPool) else pool
    if not isinstance(shared, CrossPool | SegregatedPool | IsolatedPool):
        message = f"{regime.name}: liquidation prices are known for isolated, segregated and cross pools, not for {regime.pool!r}"
        raise ParameterError(message, name="pool", scope=regime.name)
    collateral = regime.collateral
    if collateral.apart or collateral.tiers_in == "value" or collateral.debt_markup.values != 0.0:
        message = f"{regime.name}: how collateral counts by value, marked up or in parts as a price moves is not known here"
        raise ParameterError(message, name="collateral", scope=regime.name)
    counted = [name for name, factor in prepared.maintenance.items() if factor]
    if counted:
        message = f"{regime.name}: the charge {counted[0]!r} is part of the maintenance margin; how it moves is not known here"
        raise ParameterError(message, name=counted[0], scope=regime.name)
    return prepared


def _block(
    regime: Regime, encoded: Encoded, prepared: PreparedStandard, first: int, last: int, asked: _Asked
) -> LiquidationPrices:
    market = encoded.market
    holdings, partition, lines, orders = regime.group(encoded, prepared, first, last)
    if asked.by == "instrument":
        moves = of_instruments(lines, market, index_follows=asked.index_follows)
    else:
        moves = of_underlyings(lines, market, _equity(regime, holdings, market))
        _refuse_money(moves, regime, market)
    accounts = encoded.book.accounts.take(np.arange(first, last))
    check_options(moves, lines, market, partition.account, accounts, hold=asked.hold_options)

    required = prepared.requirement(lines, orders).maintenance + parts.fees_now(prepared, lines, asked.closing_fee)
    collateral = regime.pool.value(holdings, partition, market, regime.collateral).maintenance_collateral
    liquidation = (required >= collateral) & ((required > 0) | (collateral < 0))
    terms, tables = parts.joined(
        [
            _collateral(regime, holdings, market, moves),
            parts.maintenance(prepared, moves),
            *([parts.closing_fees(prepared, moves, asked.closing_fee)] if asked.closing_fee else []),
        ]
    )
    lowest, highest = powers(len(moves), terms, tables)
    _refuse_wide(highest - lowest > SPAN, moves, partition, encoded, first, asked)
    below, above = nearest_changes((collateral - required)[moves.pool], liquidation[moves.pool], terms, tables)
    price = market.mark[moves.subject] if asked.by == "instrument" else _index(market)[moves.subject]
    return LiquidationPrices(
        by=asked.by,
        accounts=encoded.book.accounts,
        market=market,
        account=partition.account[moves.pool] + np.int32(first),
        pool=partition.name[moves.pool],
        subject=moves.subject,
        quantity=lines.quantity[futures_of(lines, market)] if asked.by == "instrument" else _net_coin(moves, market),
        price=price,
        below=below * price,
        above=above * price,
        in_liquidation=liquidation[moves.pool],
    )


def _equity(regime: Regime, holdings: Holdings, market: Market) -> tuple[Codes, Codes] | None:
    """Pool and currency wherever a pool of the whole account has equity in a currency other than its money."""
    if not regime.pool.in_usd:
        return None
    equity = holdings.balance + holdings.worths.both
    pool, column = np.nonzero(equity)
    currency = holdings.currencies[column]
    foreign = np.array([name != market.money for name in market.currencies])[currency]
    return pool[foreign].astype(np.int32), currency[foreign]


def _collateral(regime: Regime, holdings: Holdings, market: Market, moves: Moves) -> parts.Part:
    if isinstance(regime.pool, CrossPool):
        return parts.shared_collateral(regime.pool, regime.collateral, holdings, market, moves)
    return parts.own_currency(market, moves)


def _refuse_money(moves: Moves, regime: Regime, market: Market) -> None:
    """A pool cannot count in the coin whose price moves."""
    if regime.pool.in_usd and any(market.currencies[c] == market.money for c in np.unique(moves.subject)):
        message = f'{regime.name}: pools count in {market.money}, so its own price cannot move; ask by="instrument"'
        raise ParameterError(message, name="by", scope=regime.name)


def _refuse_wide(wide: Flags, moves: Moves, partition: Partition, encoded: Encoded, first: int, asked: _Asked) -> None:
    if wide.any():
        k = int(np.argmax(wide))
        names = encoded.market.instruments if asked.by == "instrument" else encoded.market.currencies
        account = encoded.book.accounts[first + int(partition.account[moves.pool[k]])]
        raise DataError(
            "contracts of one pool whose margins grow with size and move in opposite ways give no quadratic",
            table="positions",
            key={"account": account, asked.by: names[int(moves.subject[k])]},
            count=int(wide.sum()),
            hint='Ask by="instrument".',
        )


def _index(market: Market) -> Array:
    """Index price of the first instrument of each currency, nan where it is no instrument's base."""
    price = np.full(len(market.currencies), np.nan)
    price[market.base[::-1]] = market.index_price[::-1]
    return price


def _net_coin(moves: Moves, market: Market) -> Array:
    own = np.flatnonzero(moves.mark)
    coin = moves.quantity[own] * coin_per_contract(market)[moves.row[own]]
    return np.bincount(moves.problem[own], weights=coin, minlength=len(moves)).astype(np.float64, copy=False)


def _concatenated(found: list[LiquidationPrices]) -> LiquidationPrices:
    rows: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in found]) for name in ROWS}
    return replace(found[0], **rows)
