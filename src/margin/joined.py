"""Assessments of parts of a book, each under its own rules, as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Results
from margin.lines import Lines, OrderLines
from margin.models.requirement import Prepared, Requirement

Array = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class JoinedPrepared:
    """Several prepared models behind each other; the first is that of the accounts without rules of their own.

    Units of the parts are numbered through; a unit may be there once for each part.

    Attributes
    ----------
    parts : tuple of Prepared
    """

    parts: tuple[Prepared, ...]

    @property
    def rank(self) -> Codes:
        """Order of the rows of the first."""
        return self.parts[0].rank

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Currencies whose equity is a line of its own in the first."""
        return self.parts[0].shocked_currencies

    @property
    def units(self) -> tuple[str, ...]:
        """Units of all parts."""
        return tuple(unit for part in self.parts for unit in part.units)

    @property
    def n_scenarios(self) -> int:
        """The largest number of scenarios."""
        return max(part.n_scenarios for part in self.parts)

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words; empty where the unit's part has fewer."""
        for part in self.parts:
            if unit < len(part.units):
                return part.label(unit, scenario) if scenario < part.n_scenarios else ""
            unit -= len(part.units)
        raise IndexError(f"there is no unit {unit}")

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Margins under the first."""
        return self.parts[0].requirement(lines, orders)

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Contributions under the first."""
        return self.parts[0].contributions(lines)


def joined_results(parts: Sequence[tuple[Codes, Prepared, Results]]) -> Results:
    """Results of parts of a book as results of the whole, in the order of its accounts.

    Parameters
    ----------
    parts : sequence of (codes, Prepared, Results)
        Codes of the part's accounts in the whole book, in the order in which the part numbers them.
    """
    placed = []
    n_units = 0
    for codes, prepared, results in parts:
        units = results.units
        if units is not None:
            units = replace(units, unit=units.unit + np.int32(n_units))
        placed.append(replace(results, account=codes[results.account].astype(np.int32), units=units))
        n_units += len(prepared.units)
    whole = Results.concatenated(placed)
    order = np.argsort(whole.account, kind="stable")
    rows = {f.name: getattr(whole, f.name)[order] for f in fields(Results) if f.name not in {"components", "units"}}
    components: Mapping[str, Array] = {name: amount[order] for name, amount in whole.components.items()}
    units = whole.units
    if units is not None:
        row = np.empty(len(order), dtype=np.int32)
        row[order] = np.arange(len(order), dtype=np.int32)
        by_pool = np.argsort(row[units.pool], kind="stable")
        units = replace(units, pool=row[units.pool]).take(by_pool)
    return Results(**rows, components=components, units=units)
