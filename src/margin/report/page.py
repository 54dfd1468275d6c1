"""One HTML file from what was found: templates, styles, script and charts in one, nothing to be loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from margin import kernels
from margin.errors import MissingExtraError
from margin.report import figures
from margin.report.accounts import AccountDetail, Bar
from margin.report.aggregates import Aggregates, PoolRow
from margin.report.shocked import Stressed
from margin.text import number

TEMPLATES = "templates"

NOTHING = "\N{EN DASH}"
"""Where there is no number."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Page:
    """Everything that a page shows.

    Attributes
    ----------
    title : str
    manifests : tuple of mapping
        Of the results, in the order of `results`.
    results : tuple of Aggregates
    accounts : tuple of AccountDetail
    stress : tuple of (str, tuple of Stressed)
        By mode.
    missing : tuple of str
        What could not be shown, and why.
    """

    title: str
    manifests: tuple[Mapping[str, Any], ...]
    results: tuple[Aggregates, ...]
    accounts: tuple[AccountDetail, ...] = ()
    stress: tuple[tuple[str, tuple[Stressed, ...]], ...] = ()
    missing: tuple[str, ...] = ()

    def total(self, name: str) -> float:
        """Sum over all results of a figure, USD."""
        return float(sum(result.usd(name) for result in self.results))

    def counted(self, status: str) -> int:
        """Accounts of a status in all results."""
        return sum(result.accounts_by_status.get(status, 0) for result in self.results)

    @property
    def nearest(self) -> list[PoolRow]:
        """Nearest to liquidation of all results."""
        return sorted((row for result in self.results for row in result.nearest), key=lambda row: -row.order)

    @property
    def short(self) -> list[PoolRow]:
        """In liquidation, largest shortfall first, of all results."""
        return sorted((row for result in self.results for row in result.short), key=lambda row: -row.order)

    @property
    def illustrative(self) -> bool:
        """Whether a parameter in use is made up."""
        return any(manifest["illustrative"] for manifest in self.manifests)


def render(page: Page) -> str:
    """The page as HTML.

    Raises
    ------
    MissingExtraError
        If jinja2, or for charts plotly, is not installed.
    """
    template = _environment().get_template("page.html.j2")
    return str(
        template.render(
            page=page,
            version=kernels.config().version,
            style=_text("page.css"),
            script=_text("page.js"),
            plotly=_plotly() if page.accounts else "",
            figures=figures,
        )
    )


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("a report", "jinja2", extra="report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("margin.report", TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "money": money,
        "short": short,
        "percent": percent,
        "count": lambda value: f"{value:,}",
        "words": lambda name: str(name).replace("_", " "),
        "quantity": lambda value: NOTHING if np.isnan(value) else number(value),
        "exact": exact,
        "json": as_json,
        "offsets": offsets,
        "move": figures.percent,
    }
    return environment


def _text(name: str) -> str:
    return (files("margin.report") / TEMPLATES / name).read_text(encoding="utf-8")


def _plotly() -> str:
    """The script of plotly.js as the plotly package brings it; it is the bulk of the file, so only pages with charts hold it."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("a report with charts", "plotly", extra="report") from error
    return str(get_plotlyjs())


def money(value: float) -> str:
    """An amount for reading: whole above a thousand, else about four digits."""
    if not np.isfinite(value):
        return "∞" if value > 0 else NOTHING
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 1_000:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if size >= 10 else f"{value:.4g}" if size >= 1e-4 else f"{value:.2e}"


def short(value: float) -> str:
    """An amount in a word: 248 M."""
    for unit, name in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:,.3g} {name}" if abs(value) < 1_000 * unit else f"{value / unit:,.0f} {name}"
    return money(value)


def percent(value: float) -> str:
    """A fraction as percents; what has no collateral against it is infinite."""
    if not np.isfinite(value):
        return "∞" if value > 0 else NOTHING
    if 0.9995 <= value < 1:  # must not read as reached
        return f"{np.floor(1e4 * value) / 100:.2f} %"
    return f"{100 * value:z,.1f} %"


def exact(value: object) -> str:
    """A number for machines, every digit of it."""
    return repr(float(value)) if isinstance(value, float | np.floating) else str(value)


def as_json(value: object) -> Any:
    """JSON that may stand inside a script element."""
    from markupsafe import Markup

    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def offsets(bars: Sequence[Bar]) -> list[tuple[Bar, float, float]]:
    """Each bar with where it starts and how long it is, in percent of the range that all of them span."""
    ends = [0.0, *(bar.start for bar in bars), *(bar.start + bar.amount for bar in bars)]
    low, span = min(ends), max(max(ends) - min(ends), np.finfo(np.float64).tiny)
    return [
        (bar, 100 * (min(bar.start, bar.start + bar.amount) - low) / span, 100 * abs(bar.amount) / span) for bar in bars
    ]
