"""Output that suits where it goes: tables and a progress display on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from margin.errors import MissingExtraError

Progress = Callable[[str, float], None]
"""Called with a stage's name and the fraction of it that is done."""


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> None:
    """Print a table, the first `left` columns aligned left and the others right."""
    if sys.stdout.isatty():
        _rich_table(headers, rows, left)
        return
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in (headers, *rows):
        cells = [c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        click.echo("  ".join(cells).rstrip())


def _rich_table(headers: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> None:
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError as error:
        raise MissingExtraError("output on a terminal", "rich") from error
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, header in enumerate(headers):
        grid.add_column(header, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        grid.add_row(*map(Text, row))
    Console().print(grid)


@contextmanager
def progress() -> Iterator[Progress]:
    """A progress display on stderr: bars on a terminal, else one line when a stage ends."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars
    except ImportError as error:
        raise MissingExtraError("output on a terminal", "rich") from error
    columns = (TextColumn("{task.description:<8}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(stage: str, done: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            # A bar without a total pulses: a stage that only starts and ends does not pretend to know more.
            bars.update(tasks[stage], completed=done, total=1.0 if done > 0.0 else None)

        yield show


def _lines() -> Progress:
    begun: dict[str, float] = {}
    ended: set[str] = set()

    def show(stage: str, done: float) -> None:
        begun.setdefault(stage, time.perf_counter())
        if done >= 1.0 and stage not in ended:
            ended.add(stage)
            click.echo(f"{stage}: {time.perf_counter() - begun[stage]:.2f} s", err=True)

    return show


def count(value: int) -> str:
    """A whole number with thousands separators."""
    return f"{value:,}"


def amount(value: float, currency: str = "USD") -> str:
    """A sum of money: two decimals for dollars (and what counts as one), six for coins."""
    return f"{value:z,.2f}" if "USD" in currency or "EUR" in currency else f"{value:z,.6f}"


def percent(value: float) -> str:
    """A fraction as percents."""
    return f"{100.0 * value:z,.1f} %"


def size(value: int) -> str:
    """Bytes in the unit that suits."""
    return f"{value / 2**30:.2f} GiB" if value >= 2**30 else f"{value / 2**20:.0f} MiB"
