"""Results as small HTML tables for notebooks: no script, no style sheet, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from margin.names import STATUSES
from margin.text import SHOWN, number

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.explanation import Explanation, PoolExplanation


def table(caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table whose first column names the rows; numbers stand right."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(f"<tr>{''.join(_cell(value, first=i == 0) for i, value in enumerate(row))}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object, *, first: bool) -> str:
    if first:
        return f'<th scope="row">{escape(str(value))}</th>'
    if isinstance(value, float | np.floating):
        return f'<td style="text-align:right">{number(float(value))}</td>'
    return f"<td>{escape(str(value))}</td>"


def assessment_html(assessment: Assessment) -> str:
    """Counts by status and the first rows."""
    columns = assessment.columns()
    counts = np.bincount(assessment.status, minlength=len(STATUSES))
    words = ", ".join(f"{n:,} {name}" for name, n in zip(STATUSES, counts, strict=True))
    caption = f"{len(assessment.book.accounts):,} accounts, {len(assessment):,} pools under {assessment.regime.name}: {words}"
    names = ("account", "pool", "currency", "equity", "initial_margin", "maintenance_margin", "utilisation", "status")
    shown = min(len(assessment), SHOWN)
    rows = [[columns[name][i] for name in names] for i in range(shown)]
    more = f"<p>{len(assessment) - shown:,} more pools</p>" if len(assessment) > shown else ""
    return f"<div>{table(caption, [_words(name) for name in names], rows)}{more}</div>"


def explanation_html(explanation: Explanation) -> str:
    """Every pool: its figures, its components, its worst scenarios and its holdings."""
    head = f"<h4>Account {escape(str(explanation.account))} under {escape(explanation.assessment.regime.name)}</h4>"
    return f"<div>{head}{''.join(map(_pool, explanation.pools))}</div>"


def _pool(pool: PoolExplanation) -> str:
    parts = [
        table(
            f"Pool {pool.pool}, in {pool.currency}: {pool.status}",
            ("figure", "amount"),
            [(_words(name), amount) for name, amount in pool.figures.items()],
        )
    ]
    if pool.components:
        header = ("component", "amount", "initial margin", "maintenance margin")
        parts.append(table("Components", header, [(_words(name), *amounts) for name, amounts in pool.components.items()]))
    if pool.scenarios:
        parts.append(table("Worst scenarios", ("unit", "scenario"), list(pool.scenarios.items())))
    if pool.names:
        rows = [
            (name, float(pool.quantity[i]), *(float(column[i]) for column in pool.lines.values()))
            for i, name in enumerate(pool.names)
        ]
        parts.append(table("Holdings", ("holding", "quantity", *map(_words, pool.lines)), rows))
    if pool.rest:
        parts.append(table("What no holding adds", ("part", "amount"), list(pool.rest.items())))
    return "".join(parts)


def _words(name: str) -> str:
    return name.replace("_", " ")
