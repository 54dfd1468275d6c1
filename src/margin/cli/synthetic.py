"""`margin-engine synthetic`: write a synthetic exchange to disk."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(short_help="Write a synthetic exchange as a snapshot.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the snapshot.")
@click.option("--accounts", type=click.IntRange(min=1), default=20_000, show_default=True, help="Number of accounts.")
@click.option(
    "--kind",
    type=click.Choice(("exchange", "retail")),
    default="exchange",
    show_default=True,
    help="Every kind of account and instrument, or 1 to 5 linear perpetuals an account.",
)
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="The same seed gives the same exchange.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that is not empty.")
def synthetic(output: Path, accounts: int, kind: str, seed: int, overwrite: bool) -> None:
    """Write a synthetic exchange: a market, accounts, open orders, and the illustrative parameters they need.

    \b
    Example:
      margin-engine synthetic -o exchange --accounts 100000 --seed 7
      margin-engine synthetic -o book --kind retail --accounts 5000000
    """
    from margin.synthetic import exchange, retail

    if not overwrite and output.exists() and (not output.is_dir() or any(output.iterdir())):
        message = f"{output} exists and is not empty; choose another folder or give --overwrite"
        raise click.BadParameter(message, param_hint="--output")
    made = (retail if kind == "retail" else exchange)(accounts, seed=seed)
    made.write(output)
    click.echo(f"{output}: {accounts:,} accounts, seed {seed}")
