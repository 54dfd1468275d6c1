"""`margin-engine explain`: how one account's requirement comes about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from margin.cli import options
from margin.errors import DataError


@click.command(short_help="Show how one account's requirement comes about.")
@options.snapshot_argument
@click.argument("account")
@options.regime_options
def explain(snapshot: Path, account: str, **regime: Any) -> None:
    """Show how the requirement of one ACCOUNT of SNAPSHOT comes about, down to every position in the worst scenario.

    \b
    Example:
      margin-engine explain demo/snapshot acct-0000001 --venue deribit --mode cross_portfolio
    """
    from margin import io

    loaded = io.read_snapshot(snapshot)
    market, book = loaded.market, loaded.book
    key: str | int = account
    if book.accounts.is_integer:
        try:
            key = int(account)
        except ValueError:
            message = f"accounts of this snapshot are integers, {account!r} is none"
            raise DataError(message, table="accounts", column="account", value=account) from None
    rules = options.regime_of(snapshot, **regime)(market)
    click.echo(str(rules.assess(book.select([key]), market).explain(key)))
