"""`margin-engine liquidation-prices`: how far the prices are at which pools are liquidated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from margin.cli import options
from margin.cli.printing import count, percent, table

if TYPE_CHECKING:
    from margin.liquidation import LiquidationPrices

SHOWN = 10


@click.command("liquidation-prices", short_help="Write the prices at which pools are liquidated.")
@options.snapshot_argument
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Parquet file to write.")
@options.regime_options
@options.threads_option
@click.option(
    "--by",
    type=click.Choice(["instrument", "underlying"]),
    default="instrument",
    show_default=True,
    help="What moves: one instrument's mark, or all futures of a coin and the coin.",
)
@click.option("--hold-options", is_flag=True, help="Leave options as they are [default: refuse pools that hold some]")
@click.option(
    "--closing-fee", type=float, default=0.0, show_default=True, help="Fraction of value added to the maintenance margin."
)
def liquidation_prices(
    snapshot: Path, output: Path, threads: int, by: Any, hold_options: bool, closing_fee: float, **regime: Any
) -> None:
    """Write the nearest price on either side at which each pool of SNAPSHOT is liquidated, and print the nearest of all.

    A row for each future or perpetual of a pool (or each underlying), everything else unchanged. Standard models only.

    \b
    Example:
      margin-engine liquidation-prices demo/snapshot -o prices.parquet --venue deribit --mode cross_standard --hold-options
    """
    from margin import io
    from margin.liquidation import liquidation_prices as find

    if not (np.isfinite(closing_fee) and closing_fee >= 0):
        message = f"{closing_fee} is no fraction of 0 or more"
        raise click.BadParameter(message, param_hint="--closing-fee")
    loaded = io.read_snapshot(snapshot)
    rules = options.regime_of(snapshot, loaded.market.time, **regime)
    assessment = rules.assess(loaded.book, loaded.market, threads=threads)
    found = find(assessment, by=by, options="hold" if hold_options else "refuse", closing_fee=closing_fee)
    found.to_parquet(output)
    _print(rules.name, found)
    click.echo()
    click.echo(f"prices: {output}")


def _print(name: str, found: LiquidationPrices) -> None:
    """How many prices there are, and the nearest of pools that are not in liquidation."""
    with_price = np.isfinite(found.distance)
    click.echo(
        f"{name}: {count(len(found))} rows, {count(int(with_price.sum()))} with a liquidation price, "
        f"{count(int(found.in_liquidation.sum()))} in liquidation now"
    )
    distance = np.where(found.in_liquidation, np.inf, found.distance)
    nearest = [int(row) for row in np.argsort(distance, kind="stable")[:SHOWN] if np.isfinite(distance[row])]
    if not nearest:
        return
    columns = found.columns()
    click.echo()
    click.echo("nearest:")
    rows = [
        (
            *(str(columns[name][row]) for name in ("account", "pool", found.by)),
            *(_number(columns[name][row]) for name in ("quantity", "price", "below", "above")),
            percent(distance[row]),
        )
        for row in nearest
    ]
    table(("account", "pool", found.by, "quantity", "price", "below", "above", "distance"), rows, left=3)


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:,.6g}"
