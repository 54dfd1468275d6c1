"""What a model is asked and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, OrderLines
from margin.market import Market

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class UnitResults:
    """One entry for each (pool, risk unit) that holds something.

    Attributes
    ----------
    pool, unit : ndarray of int32
        Pool and code of the unit in `Prepared.units`.
    worst_loss : ndarray of float64
        Largest loss over the scenarios, >= 0, in the pool's currency; 0 where the model has no scenarios.
    scenario : ndarray of int32
        The first scenario that attains it, a code in `Prepared.scenarios`; -1 where there is none.
    charges : Mapping of str to ndarray of float64
        Charges of the unit by name; of a model without scenarios also its margins.
    """

    pool: Codes
    unit: Codes
    worst_loss: Array
    scenario: Codes
    charges: Mapping[str, Array]

    def worst(self, n_pools: int) -> NDArray[np.int64]:
        """The entry of each pool with the largest loss, the first of equals; pools that nothing can happen to have none."""
        at = kernels.peaks(self.pool, self.worst_loss, n_pools)
        at = at[at >= 0]
        return at[self.worst_loss[at] > 0]

    def take(self, order: NDArray[np.int64]) -> UnitResults:
        """Some of the entries, or all in another order."""
        return UnitResults(
            pool=self.pool[order],
            unit=self.unit[order],
            worst_loss=self.worst_loss[order],
            scenario=self.scenario[order],
            charges={name: amount[order] for name, amount in self.charges.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """Initial and maintenance margin of each pool, in the pool's currency.

    Attributes
    ----------
    initial, maintenance : ndarray of float64, shape (n_pools,)
    components : Mapping of str to ndarray of float64, shape (n_pools,)
        Parts the margins are made of, positive where they ask for collateral.
    units : UnitResults or None
        None where the model has no risk units.
    """

    initial: Array
    maintenance: Array
    components: Mapping[str, Array]
    units: UnitResults | None = None


class Prepared(Protocol):
    """A model made ready for one market: everything that does not depend on the accounts."""

    @property
    def rank(self) -> Codes:
        """Order of the rows inside a pool, shape (n_rows,)."""

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Currencies whose equity is a line of its own, shape (n_currencies,)."""

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the risk units."""

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, 0 where the model has none."""

    def label(self, unit: int, scenario: int) -> str:
        """What happens in a scenario, in words."""

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Margins of all pools."""

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """How the requirement of one pool comes about: figures of each line, and the parts that belong to no line."""


class Model(Protocol):
    """A rule that says how much collateral lines require."""

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> Prepared:
        """Do all work that depends on the market only.

        Parameters
        ----------
        market : Market
        in_usd : bool
            Whether the pools count in USD, else in settlement currency.
        used : ndarray of bool, shape (n_instruments + n_currencies,)
            Rows that occur. Parameters of others are not asked for.
        """
