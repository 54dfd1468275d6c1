"""`margin-engine verify`: compare the engine with published numbers."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command(short_help="Compare the engine with published numbers.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(files: tuple[Path, ...], as_json: bool) -> None:
    """Run the vectors of FILES: numbers that a venue published, against what this engine computes from the same inputs.

    Prints what passed, failed and is unsupported by venue and kind, and every failure with expected value, actual value and
    tolerance. Ends with exit code 1 if a vector failed.

    \b
    Example:
      margin-engine verify tests/vectors/*.json
    """
    from margin.conformance import run_files

    report = run_files(files)
    click.echo(report.to_json() if as_json else report.render())
    if not report.ok:
        sys.exit(1)
