"""`margin-engine run`: margin every account of a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from margin.cli import options
from margin.cli.printing import progress
from margin.cli.summary import print_summary


@click.command(short_help="Margin every account of a snapshot.")
@options.snapshot_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@options.regime_options
@options.threads_option
@click.option("--units", is_flag=True, help="Also write units.parquet: components and worst scenario by risk unit.")
@click.option("--strict", is_flag=True, help="Reject positions given twice for an account and instrument [default: add up]")
@options.overwrite_option
def run(
    snapshot: Path, output: Path, threads: int, units: bool, strict: bool, overwrite: bool, **regime: Any
) -> None:
    """Margin every account of SNAPSHOT, a folder of Parquet tables or a JSON document.

    Writes assessments.parquet (a row per account and pool) and manifest.json (inputs, parameters and totals) to the output
    folder, under temporary names until they are complete.

    \b
    Example:
      margin-engine run demo/snapshot -o result --venue deribit --mode cross_portfolio
    """
    from margin import batch

    with progress() as show:
        summary = batch.run(
            snapshot,
            output,
            regime=options.regime_of(snapshot, **regime),
            threads=threads,
            units=units,
            strict=strict,
            overwrite=overwrite,
            on_progress=show,
        )
    print_summary(summary)
