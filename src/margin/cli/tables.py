"""How commands print results of analyses: as text, as JSON, or into a Parquet file."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import numpy as np

from margin.text import ILLUSTRATIVE, rows_text

if TYPE_CHECKING:
    from margin.regime import Regime

F = TypeVar("F", bound=Callable[..., Any])


def output_options(function: F) -> F:
    """``--json`` and ``-o FILE``: other forms of the table than text."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the table, all rows, as JSON records only.")
    file = click.option(
        "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Also write all rows to a Parquet file."
    )
    return as_json(file(function))


def show(
    title: str, columns: Mapping[str, Any], *, as_json: bool, output: Path | None, rows: int | None = None, full: bool = False
) -> None:
    """Print a table, or its JSON, and write it where asked to.

    Parameters
    ----------
    title : str
    columns : Mapping
    as_json : bool
    output : Path or None
    rows : int, optional
        Most rows of text.
    full : bool
        Show text columns too in which every number is zero.
    """
    if output is not None:
        from margin.io import to_arrow, write_parquet

        plain = {name: np.array(values) if isinstance(values, list) else values for name, values in columns.items()}
        write_parquet(to_arrow(plain), output)
    if as_json:
        click.echo(json.dumps(records(columns), allow_nan=False))
        return
    click.echo(title)
    click.echo()
    click.echo(rows_text(columns if full else without_zeros(columns), rows))
    if output is not None:
        click.echo()
        click.echo(f"written: {output}")


def mark(*regimes: Regime) -> None:
    """Say so, in a line, where a regime uses parameters that are made up."""
    if any("illustrative" in regime.provenance.get("statuses", "") for regime in regimes):
        click.echo(ILLUSTRATIVE)


def records(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One dict for each row; what is not a finite number is null."""
    count = len(next(iter(columns.values())))
    return [{name: _plain(values[i]) for name, values in columns.items()} for i in range(count)]


def without_zeros(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Columns in which something is not zero."""
    return {name: values for name, values in columns.items() if not _zero(values)}


def _zero(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind == "f" and not np.nan_to_num(values).any()


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
