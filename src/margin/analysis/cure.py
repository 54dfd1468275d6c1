"""The smallest trades that cure a shortfall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, Margin, code_of
from margin.analysis.crossing import Codes, first_crossing
from margin.analysis.tabular import Tabular
from margin.analysis.trades import Trades, rows_of, traded
from margin.analysis.variants import Variants
from margin.book import Book
from margin.contracts import coin_per_contract, coin_value
from margin.errors import DataError
from margin.ids import Ids
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

SIZES, SMALLEST, ROUNDS = 48, 1e-4, 40
"""Sizes that are scanned, the smallest as a fraction of the largest, and halvings after the scan."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Cures(Tabular):
    """For each instrument and side the smallest trade after which the account meets its requirement, smallest notional first.

    Attributes
    ----------
    account : str or int
    requirement : {"initial", "maintenance"}
    before : Figures
        The account as it is.
    instruments : Ids, length k
    quantity : ndarray of float64, shape (k,)
        Contracts, bought above zero; NaN where no size cures.
    notional : ndarray of float64, shape (k,)
        Coins of the trade at the index, USD; NaN likewise.
    side : tuple of str, length k
    after : Figures
        The account after each trade; as it is where none cures.
    evaluations : int
        Assessments that were made.
    """

    account: str | int
    requirement: Margin
    before: Figures
    instruments: Ids
    side: tuple[str, ...]
    quantity: Array
    notional: Array
    after: Figures
    evaluations: int

    @property
    def title(self) -> str:
        """Whether there is a shortfall, and of what."""
        lacking = float((self.before.available if self.requirement == "initial" else self.before.excess)[0])
        if self.before.meets(self.requirement)[0]:
            return f"Account {self.account} meets its {self.requirement} margin, {lacking:,.2f} USD to spare"
        return f"Account {self.account} lacks {-lacking:,.2f} USD to its {self.requirement} margin; the smallest cures"

    def columns(self) -> dict[str, Any]:
        """One row for each instrument and side."""
        cured = ~np.isnan(self.quantity)

        def after(values: Array) -> Array:
            return np.where(cured, values, np.nan)

        return {
            "instrument": self.instruments,
            "side": list(self.side),
            "cures": cured,
            "quantity": self.quantity,
            "notional_usd": self.notional,
            "initial_after": after(self.after.initial_margin),
            "maintenance_after": after(self.after.maintenance_margin),
            "available_after": after(self.after.available),
        }


def cure(
    regime: Regime,
    book: Book,
    market: Market,
    account: str | int,
    *,
    instruments: object = None,
    requirement: Margin = "initial",
    largest: float | None = None,
) -> Cures:
    """Find the smallest single trades at the mark after which an account meets its requirement.

    Sizes are scanned on both sides of each instrument, close at the small end, and the first size that cures is refined by
    halving; all candidates are margined together. Fees are left out, and trades are not rounded to lots.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    account : str or int
    instruments : Ids or anything `Ids.of` takes, optional
        What may be traded, by default what the account holds.
    requirement : {"initial", "maintenance"}
        Which margin must be met.
    largest : float, optional
        Largest notional to try, USD, by default the gross notional of the account's positions.

    Raises
    ------
    DataError
        If the account or an instrument is unknown, or there is nothing to trade.
    """
    code = code_of(book, account)
    regime, book = regime.of(account), book.select([code], codes=True)
    before = Figures.of(regime.assess(book, market))
    held = book.positions
    names = book.instruments.take(np.unique(held.instrument)) if instruments is None else Ids.of(instruments)
    row = rows_of(market, names, table="instruments")
    coin_usd = coin_per_contract(market) * coin_value(market, in_usd=True)  # USD of one contract
    if largest is None:
        rows = book.instruments.take(held.instrument).lookup(market.instruments)
        largest = float((np.abs(held.quantity) * coin_usd[rows]).sum())
    if not len(names) or not 0 < largest < np.inf:
        hint = "Name instruments and a largest notional above zero."
        raise DataError(f"account {account!r} has nothing to trade", table="positions", value=largest, hint=hint)
    row, sign = np.repeat(row, 2), np.tile((1.0, -1.0), len(row))
    cap = largest / coin_usd[row]

    def after(line: Codes, size: Array) -> Figures:
        variants = Variants.of(book, np.zeros(len(line), dtype=np.int32))
        at = row[line]
        trades = Trades(np.arange(len(line), dtype=np.int32), at, sign[line] * size, market.mark[at])
        return Figures.of(regime.assess(traded(variants, trades, market).book, market))

    points = np.concatenate(([0.0], np.geomspace(SMALLEST, 1.0, SIZES))) * cap[:, None]
    found = first_crossing(lambda line, size: after(line, size).meets(requirement), points, rounds=ROUNDS)
    lines = np.arange(len(row), dtype=np.int32)
    order = np.argsort(np.where(found.found, found.after * coin_usd[row], np.inf), kind="stable")
    quantity = np.where(found.found, sign * found.after, np.nan)
    return Cures(
        account=account,
        requirement=requirement,
        before=before,
        instruments=market.instruments.take(row[order]),
        side=tuple("buy" if sign[i] > 0 else "sell" for i in order),
        quantity=quantity[order],
        notional=(np.abs(quantity) * coin_usd[row])[order],
        after=after(lines, np.where(found.found, found.after, 0.0)).take(order),
        evaluations=found.evaluations + 2,
    )
