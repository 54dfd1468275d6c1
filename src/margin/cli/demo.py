"""`margin-engine demo`: a synthetic exchange, margined."""

from __future__ import annotations

from pathlib import Path

import click

from margin import venues
from margin.cli import options
from margin.cli.printing import progress
from margin.cli.summary import print_summary

SHOWN = "cross_portfolio"
"""The account mode that uses most of the engine."""


@click.command(short_help="Write a synthetic exchange and margin every account of it.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo"), show_default=True, help="Folder to write to.")
@click.option("--accounts", type=click.IntRange(min=1), default=20_000, show_default=True, help="Number of accounts.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same exchange.")
@options.threads_option
@options.overwrite_option
def demo(out: Path, accounts: int, seed: int, threads: int, overwrite: bool) -> None:
    """Write a synthetic exchange to OUT/snapshot, margin every account, write OUT/result and print the summary.

    \b
    Example:
      margin-engine demo --accounts 100000
    """
    from margin import batch, synthetic

    snapshot, result = out / "snapshot", out / "result"
    if not overwrite and out.exists() and (not out.is_dir() or any(out.iterdir())):
        message = f"{out} exists and is not empty; choose another folder or give --overwrite"
        raise click.BadParameter(message, param_hint="--out")
    synthetic.exchange(accounts=accounts, seed=seed).write(snapshot)
    venue = next(name for name in venues.available() if SHOWN in venues.load(name).MODES)
    with progress() as show:
        summary = batch.run(
            snapshot,
            result,
            regime=options.regime_of(snapshot, venue=venue, mode=SHOWN, as_of=None, files=(), accept=()),
            threads=threads,
            units=True,
            overwrite=overwrite,
            on_progress=show,
        )
    print_summary(summary)
