"""Names in results: pools, currencies, risk units, scenarios and statuses by code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.ids import Coded, Ids, concat

if TYPE_CHECKING:
    from margin.market import Market
    from margin.models.requirement import Prepared

Codes = NDArray[np.int32]

Vocabulary = tuple[Codes, Ids]
"""Number of each of some names, and the names that the numbers stand for."""

HEALTHY, RESTRICTED, LIQUIDATION = "healthy", "restricted", "liquidation"
STATUSES = (HEALTHY, RESTRICTED, LIQUIDATION)


@dataclass(frozen=True, eq=False)
class Names:
    """The long lists of names of a market and a model, spelled when they are first asked for.

    Attributes
    ----------
    market : Market
    prepared : Prepared
    """

    market: Market
    prepared: Prepared

    @cached_property
    def pools(self) -> Vocabulary:
        """Pools of instruments, of currencies, and of whole accounts."""
        return _pool_vocabulary(self.market)

    @cached_property
    def currencies(self) -> Vocabulary:
        """Currencies of the market, and the money that whole accounts count in."""
        return spelled([*self.market.currencies, self.market.money])

    @cached_property
    def units(self) -> Vocabulary:
        """Risk units."""
        return spelled(self.prepared.units or ("",))

    @cached_property
    def statuses(self) -> Vocabulary:
        """`STATUSES`."""
        return spelled(STATUSES)

    @cached_property
    def scenarios(self) -> Vocabulary:
        """Scenarios of the first unit, then of the next, and so on."""
        units, scenarios = range(len(self.prepared.units)), range(self.prepared.n_scenarios)
        return spelled([self.prepared.label(unit, scenario) for unit in units for scenario in scenarios])


def pool_names(market: Market, name: Codes) -> Coded:
    """Names of pools by the codes of `Partition.name`."""
    return pools_of(_pool_vocabulary(market), name)


def _pool_vocabulary(market: Market) -> Vocabulary:
    """Names of the pools of instruments, of currencies, and of whole accounts."""
    return spelled(concat(_as_text(market.instruments), Ids.of([*market.currencies, "cross"])))


def pools_of(names: Vocabulary, name: Codes) -> Coded:
    """The same where the names are spelled already."""
    return named(names, np.where(name < 0, len(names[0]) - 1, name))


def spelled(names: Iterable[str] | Ids) -> Vocabulary:
    """Number of each name in a list, and the names; one that is there twice becomes one, as data frames want it."""
    return (names if isinstance(names, Ids) else Ids.of(list(names))).encode()


def named(names: Vocabulary, code: NDArray[Any]) -> Coded:
    """Names by code, -1 for none."""
    number, vocabulary = names
    return Coded(np.append(number, np.int32(-1))[code].astype(np.int32, copy=False), vocabulary)


def _as_text(ids: Ids) -> Ids:
    return Ids.of([str(i) for i in ids]) if ids.is_integer else ids
