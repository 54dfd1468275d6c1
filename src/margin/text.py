"""Results as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.explanation import Explanation, PoolExplanation

SHOWN = 10
UNITS = 6
"""Most units beside each other in an explanation."""


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with right-aligned numbers and left-aligned words, two spaces between columns."""
    cells = [list(header), *([number(c) if isinstance(c, float) else str(c) for c in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    numeric = [bool(rows) and all(isinstance(row[i], float | int) for row in rows) for i in range(len(header))]
    lines = (
        "  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(row, widths, numeric, strict=True)) for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def number(value: float) -> str:
    """A number for reading: grouped digits, about eight significant ones."""
    if not np.isfinite(value) or value == 0:
        return f"{value + 0.0:g}"  # a negative zero is a zero
    digits = max(0, 7 - int(np.floor(np.log10(abs(value)))))
    text = f"{value:,.{min(digits, 10)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def assessment_text(assessment: Assessment) -> str:
    """Counts by status and the first rows."""
    columns = assessment.columns()
    counts = np.bincount(assessment.status, minlength=3)
    head = (
        f"Assessment of {len(assessment.book.accounts)} accounts, {len(assessment)} pools under {assessment.regime.name}: "
        f"{counts[0]} healthy, {counts[1]} restricted, {counts[2]} in liquidation"
    )
    names = ("account", "pool", "currency", "equity", "initial_margin", "maintenance_margin", "utilisation", "status")
    shown = min(len(assessment), SHOWN)
    rows = [[_cell(columns[name][i]) for name in names] for i in range(shown)]
    more = f"\n... {len(assessment) - shown} more" if len(assessment) > shown else ""
    return f"{head}{_mark(assessment)}\n{table(names, rows)}{more}"


def explanation_text(explanation: Explanation) -> str:
    """Every pool: its figures, its units, its lines, and what no line adds."""
    head = f"Account {explanation.account} under {explanation.assessment.regime.name}{_mark(explanation.assessment)}"
    return "\n\n".join([head, *map(_pool_text, explanation.pools)])


def _pool_text(pool: PoolExplanation) -> str:
    parts = [f"Pool {pool.pool}, in {pool.currency}: {pool.status}"]
    parts.append(table(("figure", "amount"), list(pool.figures.items())))
    if pool.components:
        by_margin = ("component", "amount", "initial margin", "maintenance margin")
        parts.append(table(by_margin, [(name, *amounts) for name, amounts in pool.components.items()]))
    if pool.scenarios:
        parts.append(table(("unit", "worst scenario"), list(pool.scenarios.items())))
    if pool.names:
        header = ("holding", "quantity", *pool.lines)
        rows = [
            (name, float(quantity), *(float(column[i]) for column in pool.lines.values()))
            for i, (name, quantity) in enumerate(zip(pool.names, pool.quantity, strict=True))
        ]
        parts.append(table(header, rows))
    if pool.rest:
        stressed = "loss" in pool.lines
        own = float(pool.lines["loss" if stressed else "initial_margin"].sum())
        rows = [("losses of the holdings" if stressed else "holdings on their own", own), *pool.rest.items()]
        rows.append(("worst loss" if stressed else "initial margin without orders", own + sum(pool.rest.values())))
        parts.append(table(("in the worst scenario of each unit" if stressed else "initial margin", "amount"), rows))
    parts.extend(_unit_tables(pool))
    return "\n\n".join(parts)


def _unit_tables(pool: PoolExplanation) -> list[str]:
    """What each unit's requirement is made of, the largest unit first: a column for each unit, a row for each figure."""
    names = pool.units.get("unit", [])
    figures = {name: values for name, values in pool.units.items() if name != "unit" and any(values)}
    order = sorted(range(len(names)), key=lambda k: -max(float(values[k]) for values in figures.values())) if figures else []
    tables = []
    for first in range(0, len(order), UNITS):
        shown = order[first : first + UNITS]
        rows = [(name, *(values[k] for k in shown)) for name, values in figures.items()]
        tables.append(table(("risk unit, before it is added up", *(str(names[k]) for k in shown)), rows))
    return tables


def _mark(assessment: Assessment) -> str:
    return "\nILLUSTRATIVE: parameters in use are made up, and so is every number below" if assessment.illustrative else ""


def _cell(value: object) -> object:
    return float(value) if isinstance(value, np.floating) else value
