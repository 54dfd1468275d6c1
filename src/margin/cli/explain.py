"""`margin-engine explain`: how one account's requirement comes about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from margin.cli import options
from margin.cli.tables import output_options, show


@click.command(short_help="Show how one account's requirement comes about.")
@options.snapshot_argument
@click.argument("account")
@options.regime_options
@click.option(
    "--draws", type=click.IntRange(2), default=64, show_default=True, help="Orders of positions to draw where there are many."
)
@output_options
def explain(snapshot: Path, account: str, draws: int, as_json: bool, output: Path | None, **regime: Any) -> None:
    """Show how the requirement of one ACCOUNT of SNAPSHOT comes about.

    By component, risk unit and scenario, down to every position in the worst scenario; then what each position contributes
    (contributions add up to the requirement) and its marginal margin (with it, less without it). --json and -o give the
    contributions.

    \b
    Example:
      margin-engine explain demo/snapshot acct-0000001 --venue deribit --mode cross_portfolio
    """
    from margin import io
    from margin.analysis.attribution import attribute

    loaded = io.read_snapshot(snapshot)
    market, book = loaded.market, loaded.book
    key = options.account_key(book, account)
    rules = options.regime_of(snapshot, **regime)(market)
    book = book.select([key])
    found = attribute(rules, book, market, key, draws=draws + draws % 2)
    if not as_json:
        click.echo(str(rules.assess(book, market).explain(key)))
        click.echo()
    show(found.title, found.columns(), as_json=as_json, output=output)
