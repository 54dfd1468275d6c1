"""`margin-engine params`: the parameters of a venue on a day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from margin import venues
from margin.cli import options
from margin.cli.printing import table
from margin.params import ACCEPTED

CELL = 60
"""Most characters of a value in the table."""


@click.command(short_help="Show the parameters of a venue on a day.")
@click.argument("venue", type=click.Choice(venues.available()))
@click.option("--as-of", metavar="DATE", help="Day of the parameters [default: today]")
@options.params_option
@options.accept_option
def params(venue: str, as_of: str | None, files: tuple[Path, ...], accept: tuple[str, ...]) -> None:
    """Show every parameter of VENUE as it is resolved on a day, since when it holds, how well founded it is and its source.

    \b
    Example:
      margin-engine params deribit --as-of 2026-02-15
    """
    resolved = venues.load(venue).parameters(
        as_of=as_of or dt.datetime.now(dt.UTC).date().isoformat(),
        params=files,
        accept=accept or ACCEPTED,
    )
    rows = [(name, _in_a_cell(v.value), str(v.as_of), v.status, v.source) for name, v in resolved.items()]
    table(("parameter", "value", "as of", "status", "source"), rows, left=5)
    dates = sorted({value.as_of for _, value in resolved.items()})
    click.echo()
    click.echo(f"{len(rows)} parameters on {resolved.as_of}, from layers of {', '.join(map(str, dates)) or 'no date'}")


def _in_a_cell(value: Any) -> str:
    """A value, of a long list the beginning and the length: the whole stands in the parameter file."""
    text = _shown(value)
    return text if not isinstance(value, tuple) or len(text) <= CELL else f"{text[:CELL]} ... ({len(value)})"


def _shown(value: Any) -> str:
    """A value as a parameter file writes it."""
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)
