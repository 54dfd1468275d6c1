"""`margin-engine report`: what runs found, as one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

from margin.cli import options
from margin.cli.printing import progress, size


@click.command(short_help="Write one HTML file about the results of runs.")
@click.argument("results", metavar="RESULT...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Account to draw; may be given several times.")
@click.option(
    "--nearest", type=click.IntRange(min=0), default=3, show_default=True, help="Accounts to draw where none is named."
)
@click.option("--rows", type=click.IntRange(min=1), default=100, show_default=True, help="Rows in the lists of pools.")
@click.option(
    "--snapshot", type=click.Path(exists=True, path_type=Path), help="Where the snapshot is [default: where the run found it]"
)
@click.option("--stress", is_flag=True, help="Also margin every account after each shock of a list; takes as long as ten runs.")
@click.option("--title", default="Margin report", show_default=True, help="Title of the page.")
@options.threads_option
def report(
    results: tuple[Path, ...],
    output: Path,
    accounts: tuple[str, ...],
    nearest: int,
    rows: int,
    snapshot: Path | None,
    stress: bool,
    title: str,
    threads: int,
) -> None:
    """Write one HTML file about RESULT, the output folder of a run; several results are shown side by side.

    The file loads nothing from anywhere. It holds sums over all accounts, lists of the pools nearest to liquidation, and a few
    accounts in full, which are margined anew from the run's snapshot.

    \b
    Example:
      margin-engine report demo/result -o report.html --account acct-0000017 --stress
    """
    from margin.report import report as write

    with progress() as show:
        page = write(
            results,
            output,
            accounts=accounts,
            drawn=nearest,
            listed=rows,
            snapshot=snapshot,
            stress=stress,
            threads=threads,
            title=title,
            on_progress=show,
        )
    for message in page.missing:
        click.echo(f"left out: {message}", err=True)
    click.echo(f"report: {output} ({size(output.stat().st_size)})")
