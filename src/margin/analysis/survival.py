"""Survival sizing: the largest position, or the least collateral, with which an account outlives a stress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, Margin, code_of
from margin.analysis.crossing import Codes, first_crossing
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.analysis.trades import Trades, rows_of, traded
from margin.analysis.variants import Variants
from margin.book import Book
from margin.errors import DataError
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

SIZES, SMALLEST, ROUNDS = 64, 1e-6, 40
"""Sizes that are scanned, the smallest as a fraction of the largest, and halvings after the scan."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sizes(Tabular):
    """One entry for each of n accounts.

    Attributes
    ----------
    regime, what : str
    stress : Shock
    requirement : {"initial", "maintenance"}
    accounts : Ids
    now : ndarray of float64, shape (n,)
        What the account has: contracts of the instrument, or units of the currency.
    size : ndarray of float64, shape (n,)
        The largest size up to which, or the least amount from which, the stress is survived; contracts signed. NaN where none is.
    survives : ndarray of bool, shape (n,)
        Whether the account as it is survives.
    bounded : ndarray of bool, shape (n,)
        False where no size that was tried fails (`size` is then the largest tried), or none survives.
    evaluations : int
        Assessments that were made.
    """

    regime: str
    what: str
    stress: Shock
    requirement: Margin
    accounts: Ids
    now: Array
    size: Array
    survives: NDArray[np.bool_]
    bounded: NDArray[np.bool_]
    evaluations: int

    @property
    def title(self) -> str:
        """What is sized for which stress."""
        return f"{self.what} that meets the {self.requirement} margin after {self.stress} under {self.regime}"

    def columns(self) -> dict[str, Any]:
        """One row for each account."""
        return {
            "account": self.accounts,
            "now": self.now,
            "survives": self.survives,
            "size": self.size,
            "change": self.size - self.now,
            "bounded": self.bounded,
        }


def largest_position(
    regime: Regime,
    book: Book,
    market: Market,
    instrument: str | int,
    stress: Shock,
    *,
    largest: float,
    side: str | None = None,
    account: str | int | None = None,
    requirement: Margin = "maintenance",
) -> Sizes:
    """The largest size of a position with which accounts still meet their requirement after a stress.

    The position is traded to each size at the mark of today, all else stays, and the account is assessed in the stressed market.
    Sizes from zero on are scanned, close at the small end; what counts is the first size that fails, refined by halving.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    instrument : str or int
    stress : Shock
    largest : float
        Largest size to try, contracts, > 0.
    side : {"long", "short"}, optional
        By default that of each account's position; accounts without one are then left out.
    account : str or int, optional
        One account instead of all.
    requirement : {"initial", "maintenance"}

    Raises
    ------
    DataError
        If account or instrument is unknown, or nobody holds the instrument and no side is given.
    """
    if not 0 < largest < np.inf:
        raise ValueError(f"largest={largest}: a finite number above zero")
    if side not in (None, "long", "short"):
        raise ValueError(f"side={side!r}: choose from long, short")
    row = int(rows_of(market, Ids.of([instrument]), table="instruments")[0])
    held = book.positions
    code = Ids.of([instrument]).lookup(book.instruments)[0]
    own = (held.instrument == code) & (code >= 0)
    now = np.bincount(held.account[own], weights=held.quantity[own], minlength=len(book.accounts)).astype(np.float64, copy=False)
    chosen = np.arange(len(book.accounts)) if account is None else np.array([code_of(book, account)])
    sign = np.sign(now) if side is None else np.full(len(now), 1.0 if side == "long" else -1.0)
    chosen = chosen[sign[chosen] != 0].astype(np.int32)
    if not len(chosen):
        hint = "Say on which side the position is to stand."
        raise DataError(f"nobody asked about holds {instrument!r}", table="positions", value=instrument, hint=hint)
    shocked, rules = stress.apply(market, regime)

    def met(line: Codes, size: Array) -> NDArray[np.bool_]:
        source = chosen[line]
        variants = Variants.of(book, source)
        number, at = np.arange(len(line), dtype=np.int32), np.full(len(line), row, dtype=np.int32)
        trades = Trades(number, at, sign[source] * size - now[source], market.mark[at])
        after = traded(variants, trades, market)
        return Figures.of(after.rules(rules, book).assess(after.book, shocked)).meets(requirement)

    points = np.tile(np.concatenate(([0.0], np.geomspace(SMALLEST, 1.0, SIZES) * largest)), (len(chosen), 1))
    found = first_crossing(lambda line, size: ~met(line, size), points, rounds=ROUNDS)
    # Where it fails at every size from zero on, the stress kills the rest of the account.
    size = np.where(found.found, found.before, largest)
    return Sizes(
        regime=regime.name,
        what=f"Largest position in {instrument}",
        stress=stress,
        requirement=requirement,
        accounts=book.accounts.take(chosen),
        now=now[chosen],
        size=sign[chosen] * size,
        survives=met(np.arange(len(chosen), dtype=np.int32), np.abs(now[chosen])),
        bounded=found.found & ~np.isnan(found.before),
        evaluations=found.evaluations + 1,
    )


def least_collateral(
    regime: Regime,
    book: Book,
    market: Market,
    currency: str,
    stress: Shock,
    *,
    largest: float,
    account: str | int | None = None,
    requirement: Margin = "maintenance",
) -> Sizes:
    """The least balance of a currency with which accounts still meet their requirement after a stress.

    From nothing on (a debt is what it is) amounts are scanned, close at the small end, and the first that survives is refined
    by halving. It does not exist where the collateral itself loses more than it brings.

    Parameters
    ----------
    regime, book, market
        As for `largest_position`.
    currency : str
    stress : Shock
    largest : float
        Largest balance to try, units of the currency, > 0.
    account, requirement
        As for `largest_position`.

    Raises
    ------
    DataError
        If account or currency is unknown.
    """
    if not 0 < largest < np.inf:
        raise ValueError(f"largest={largest}: a finite number above zero")
    if currency not in market.currencies:
        raise DataError(f"the market has no currency {currency!r}", table="currencies", column="currency", value=currency)
    owned = book.balances
    own = np.array([name == currency for name in (*book.currencies, None)])[owned.currency]
    now = np.bincount(owned.account[own], weights=owned.amount[own], minlength=len(book.accounts)).astype(np.float64, copy=False)
    chosen = np.arange(len(book.accounts)) if account is None else np.array([code_of(book, account)])
    chosen = chosen.astype(np.int32)
    shocked, rules = stress.apply(market, regime)

    def met(line: Codes, amount: Array) -> NDArray[np.bool_]:
        source = chosen[line]
        number = np.arange(len(line), dtype=np.int32)
        variants = Variants.of(book, source).with_balance(number, currency, amount - now[source])
        return Figures.of(variants.rules(rules, book).assess(variants.book, shocked)).meets(requirement)

    least = np.minimum(now[chosen], 0.0)[:, None]
    points = least + np.concatenate(([0.0], np.geomspace(SMALLEST, 1.0, SIZES) * largest))
    found = first_crossing(met, points, rounds=ROUNDS)
    return Sizes(
        regime=regime.name,
        what=f"Least {currency}",
        stress=stress,
        requirement=requirement,
        accounts=book.accounts.take(chosen),
        now=now[chosen],
        size=found.after,
        survives=met(np.arange(len(chosen), dtype=np.int32), now[chosen]),
        bounded=found.found,
        evaluations=found.evaluations + 1,
    )
