"""The summary of a run as a risk officer reads it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from margin.batch import AccountRow, RunSummary
from margin.cli.printing import amount, count, percent, size, table


def print_summary(summary: RunSummary) -> None:
    """Print counts, times, totals, how many accounts are short, and who is nearest to liquidation."""
    click.echo(f"{summary.regime}, market of {summary.time}")
    if summary.illustrative:
        click.echo("ILLUSTRATIVE: parameters in use are made up, and so is every number below")
    scenarios = f", {count(summary.scenarios)} scenarios" if summary.scenarios else ""
    click.echo(
        f"{count(summary.accounts)} accounts, {count(summary.positions)} positions, {count(summary.orders)} open orders, "
        f"{count(summary.balances)} balances; {count(summary.instruments)} instruments{scenarios}"
    )
    click.echo("seconds: " + "  ".join(f"{stage} {seconds:.2f}" for stage, seconds in summary.seconds.items()))
    if summary.peak_memory is not None:
        click.echo(f"peak memory: {size(summary.peak_memory)}")
    click.echo()
    _print_totals(summary)
    click.echo()
    by_status = summary.accounts_by_status.items()
    shares = (f"{count(n)} {status} ({percent(n / max(summary.accounts, 1))})" for status, n in by_status)
    click.echo("accounts: " + ", ".join(shares))
    click.echo(f"shortfall of those in liquidation: {amount(summary.shortfall_usd)} USD")
    _print_accounts("nearest to liquidation", summary.nearest)
    _print_accounts("in liquidation, largest shortfall first", summary.short)
    click.echo()
    click.echo(f"results: {summary.output}")


def _print_totals(summary: RunSummary) -> None:
    rows = [
        (t.currency, count(t.pools), *(amount(v, t.currency) for v in (t.equity, t.initial_margin, t.maintenance_margin)))
        for t in summary.totals
    ]
    table(("currency", "pools", "equity", "initial margin", "maintenance margin"), rows)
    click.echo(
        f"total requirement: initial {amount(summary.initial_margin_usd)} USD, "
        f"maintenance {amount(summary.maintenance_margin_usd)} USD"
    )


def _print_accounts(title: str, accounts: Sequence[AccountRow]) -> None:
    if not accounts:
        return
    click.echo()
    click.echo(f"{title}:")
    rows = [
        (
            str(a.account),
            a.pool,
            a.currency,
            *(amount(value, a.currency) for value in (a.equity, a.collateral, a.maintenance_margin)),
            "-" if a.utilisation is None else percent(a.utilisation),
        )
        for a in accounts
    ]
    headers = ("account", "pool", "currency", "equity", "collateral", "maintenance margin", "utilisation")
    table(headers, rows, left=3)
