"""Margin of what a pool has borrowed, beside whatever its positions require."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.lines import Lines, OrderLines, numbered, pool_sums
from margin.market import Market
from margin.models.requirement import Model, Prepared, Requirement
from margin.rates import RateTable, RateTables

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

LOANS = "loans"
"""Component of the initial margin."""


@dataclass(frozen=True, slots=True)
class LoanMargin:
    """Margin of loans: rate tables over what the loan of each currency is worth in the pool's money.

    Attributes
    ----------
    initial, maintenance : callable
        Currency -> `RateTable`. Raises `ParameterError` where there is none; asked for where somebody has borrowed.
    """

    initial: Callable[[str], RateTable]
    maintenance: Callable[[str], RateTable]

    def margins(self, lines: Lines, market: Market) -> tuple[Array, Array]:
        """Initial and maintenance margin of the loans of each pool, in the pool's currency, shape (n_pools,)."""
        loans = lines.loans
        if loans is None or not len(loans.pool):
            return np.zeros(lines.n_pools), np.zeros(lines.n_pools)
        codes, table = numbered(loans.currency, len(market.currencies))
        worth = loans.amount * market.usd[loans.currency]

        def by_pool(tables: Callable[[str], RateTable]) -> Array:
            packed = RateTables.of([tables(market.currencies[c]) for c in codes])
            return pool_sums(loans.pool, packed.requirement(worth, table), lines.n_pools)

        return by_pool(self.initial), by_pool(self.maintenance)


@dataclass(frozen=True, slots=True)
class WithLoans:
    """A model and the margin of loans beside it; both add up. Loans are margined in pools of whole accounts.

    Attributes
    ----------
    model : Model
    loans : LoanMargin
    """

    model: Model
    loans: LoanMargin

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedWithLoans:
        """The model ready for the market.

        Raises
        ------
        ValueError
            If pools count in settlement currency, so that a loan belongs to none of them.
        """
        if not in_usd:
            raise ValueError("loans are margined in pools of whole accounts; choose a pool that counts in one money")
        return PreparedWithLoans(self.model.prepare(market, in_usd=in_usd, used=used), self.loans, market)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedWithLoans:
    """`WithLoans` for one market.

    Attributes
    ----------
    model : Prepared
    loans : LoanMargin
    market : Market
    """

    model: Prepared
    loans: LoanMargin
    market: Market

    @property
    def rank(self) -> Codes:
        """Order of the model."""
        return self.model.rank

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Those of the model."""
        return self.model.shocked_currencies

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the model."""
        return self.model.units

    @property
    def n_scenarios(self) -> int:
        """Scenarios of the model."""
        return self.model.n_scenarios

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words."""
        return self.model.label(unit, scenario)

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Margins of positions, orders and loans."""
        positions = self.model.requirement(lines, orders)
        initial, maintenance = self.loans.margins(lines, self.market)
        return replace(
            positions,
            initial=positions.initial + initial,
            maintenance=positions.maintenance + maintenance,
            components={**positions.components, LOANS: initial},
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Contributions of the model, and the initial margin of the loans."""
        by_line, rest = self.model.contributions(lines)
        return by_line, {**rest, LOANS: float(self.loans.margins(lines, self.market)[0].sum())}
