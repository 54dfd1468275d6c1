"""How the requirement of one account comes about, down to its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment
from margin.lines import Lines
from margin.models.prepared_portfolio import WORST_LOSS, PreparedPortfolio
from margin.models.split import ISOLATED, PreparedSplit
from margin.models.stress import UnitVectors

if TYPE_CHECKING:
    from margin.book import Book
    from margin.market import Market
    from margin.regime import Regime

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PoolExplanation:
    """One pool of an account, in the pool's currency.

    Attributes
    ----------
    pool, currency, status : str
    figures : Mapping of str to float
        The row of the assessment: equity, margins, components, ratios.
    names : tuple of str
        What each line holds: instruments, and currencies whose equity is shocked.
    quantity : ndarray of float64, shape (L,)
        Contracts, or units of currency.
    lines : Mapping of str to ndarray of float64, shape (L,)
        What each line adds. Portfolio model: ``loss`` in the worst scenario of its unit. Standard model: ``initial_margin`` and
        ``maintenance_margin`` on its own.
    rest : Mapping of str to float
        What no line adds. Portfolio model: with the lines' losses the amount of the component ``worst_loss``. Standard model:
        with the lines' initial margins the initial margin without orders.
    units : Mapping of str to sequence
        By risk unit: its name, and its components and margins before they are added up; empty for a model without units.
    components : Mapping of str to (float, float, float)
        Portfolio model: the amount of each component, what it adds to the initial and to the maintenance margin.
    scenarios : Mapping of str to str
        The worst scenario of each risk unit, in words.
    vectors : tuple of UnitVectors
        Scenario vectors of each risk unit; empty for a model without scenarios.
    """

    pool: str
    currency: str
    status: str
    figures: Mapping[str, float]
    names: tuple[str, ...]
    quantity: Array
    lines: Mapping[str, Array]
    rest: Mapping[str, float]
    units: Mapping[str, Sequence[str | float]]
    components: Mapping[str, tuple[float, float, float]]
    scenarios: Mapping[str, str]
    vectors: tuple[UnitVectors, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation:
    """How the requirement of one account comes about.

    Attributes
    ----------
    account : str or int
    assessment : Assessment
        Of this account alone; the same numbers as in the run it was taken from.
    pools : tuple of PoolExplanation
    """

    account: str | int
    assessment: Assessment
    pools: tuple[PoolExplanation, ...]

    def __repr__(self) -> str:
        """The whole explanation as text."""
        from margin.text import explanation_text

        return explanation_text(self)


def explain(regime: Regime, book: Book, market: Market) -> Explanation:
    """Explain the requirement of a book that holds one account."""
    regime = regime.of(book.accounts[0])
    assessment = regime.assess(book, market)
    columns = assessment.columns()
    lines = regime.group(assessment.encoded, assessment.prepared, 0, len(book.accounts))[2]
    texts = {"account", "pool", "currency", "status", "worst_unit", "worst_scenario"}
    pools = []
    for i in range(len(assessment)):
        own = _lines_of(lines, i)
        by_line, rest = assessment.prepared.contributions(own)
        pools.append(
            PoolExplanation(
                pool=str(columns["pool"][i]),
                currency=str(columns["currency"][i]),
                status=str(columns["status"][i]),
                figures={name: float(column[i]) for name, column in columns.items() if name not in texts},
                names=tuple(_row_name(market, int(row)) for row in own.row),
                quantity=own.quantity,
                lines=by_line,
                rest=rest,
                units=_units(assessment, i),
                components=_components(assessment, i, own),
                scenarios=_scenarios(assessment, i),
                vectors=_vectors(assessment, own),
            )
        )
    return Explanation(book.accounts[0], assessment, tuple(pools))


def _units(assessment: Assessment, pool: int) -> dict[str, Sequence[str | float]]:
    """Unit columns of one pool: texts as they are, figures as floats."""
    units = assessment.results.units
    here = [] if units is None else np.flatnonzero(units.pool == pool).tolist()
    return {
        name: [str(column[k]) if name == "unit" else float(column[k]) for k in here]
        for name, column in assessment.unit_columns().items()
        if name not in {"account", "pool", "worst_scenario"}
    }


def _vectors(assessment: Assessment, lines: Lines) -> tuple[UnitVectors, ...]:
    prepared = _portfolio(assessment, lines)
    return () if prepared is None else prepared.vectors(lines)


def _portfolio(assessment: Assessment, lines: Lines) -> PreparedPortfolio | None:
    """The portfolio model that margins the lines of one pool, if it is one."""
    prepared = assessment.prepared
    if isinstance(prepared, PreparedSplit):
        prepared = prepared.isolated if lines.isolated is not None and lines.isolated[0] else prepared.shared
    return prepared if isinstance(prepared, PreparedPortfolio) else None


def _components(assessment: Assessment, pool: int, lines: Lines) -> dict[str, tuple[float, float, float]]:
    """Amount of each component of a pool before its factors, and after that of the initial and of the maintenance margin."""
    prepared, results = _portfolio(assessment, lines), assessment.results
    if prepared is None or results.units is None:
        return {}
    own = results.units.pool == pool
    out = {}
    for name, initial in results.components.items():
        if name.startswith(ISOLATED):
            continue
        of_units = results.units.worst_loss if name == WORST_LOSS else results.units.charges.get(name)
        amount = float(initial[pool]) if of_units is None else float(of_units[own].sum())
        out[name] = (amount, float(initial[pool]), prepared.maintenance.get(name, 0.0) * amount)
    if prepared.borrow is not None:  # it has no factors; what no other component adds is its own
        amount, initial_margin, _ = out[prepared.borrow.name]
        rest = float(results.maintenance[pool]) - sum(maintenance for _, _, maintenance in out.values())
        out[prepared.borrow.name] = (amount, initial_margin, rest)
    return out


def _scenarios(assessment: Assessment, pool: int) -> dict[str, str]:
    units = assessment.results.units
    if units is None:
        return {}
    own = np.flatnonzero((units.pool == pool) & (units.scenario >= 0) & (units.worst_loss > 0))
    prepared = assessment.prepared
    return {prepared.units[units.unit[u]]: prepared.label(int(units.unit[u]), int(units.scenario[u])) for u in own}


def _lines_of(lines: Lines, pool: int) -> Lines:
    here = slice(*np.searchsorted(lines.pool, (pool, pool + 1)))
    own = lines.take(np.arange(here.start, here.stop))
    isolated = None if lines.isolated is None else lines.isolated[pool : pool + 1]
    loans = None if lines.loans is None else lines.loans.of_pool(pool)
    return replace(own, pool=np.zeros(len(own), dtype=np.int32), n_pools=1, isolated=isolated, loans=loans)


def _row_name(market: Market, row: int) -> str:
    return str(market.instruments[row]) if row < len(market) else market.currencies[row - len(market)]
