"""`margin-engine recorded`: recorded markets and accounts of a venue, as snapshots and as a check of the engine's prices."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from margin import venues

F = TypeVar("F", bound=Callable[..., Any])


def with_recordings() -> list[str]:
    """Venues that come with readers of recorded markets."""
    return [name for name in venues.available() if importlib.util.find_spec(f"{venues.__name__}.{name}.recorded")]


def _offered(venue: str, name: str, what: str) -> Callable[..., Any]:
    """A function of a venue's readers, where the venue has it."""
    function: Callable[..., Any] | None = getattr(recordings(venue), name, None)
    if function is None:
        message = f"no {what} are recorded of {venue}"
        raise click.BadParameter(message, param_hint="--venue")
    return function


def _arguments(function: F) -> F:
    function = click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))(function)
    return click.option("--venue", required=True, type=click.Choice(with_recordings()), help="Whose markets.")(function)


def recordings(venue: str) -> ModuleType:
    """A venue's readers of recorded markets."""
    return importlib.import_module(f"{venues.__name__}.{venue}.recorded")


@click.group(short_help="Recorded markets: list, turn into snapshots, compare.")
def recorded() -> None:
    """Work with recorded markets: a FOLDER of files that third parties kept, described by the README beside them.

    \b
    Example:
      margin-engine recorded list data --venue deribit
      margin-engine recorded snapshot data 2026-02-05T21:29:37 -o crash --venue deribit
    """


@recorded.command("list", short_help="The instants that are recorded.")
@_arguments
def instants(folder: Path, venue: str) -> None:
    """List the instants that FOLDER records."""
    click.echo(recordings(venue).render_list(folder))


@recorded.command("snapshot", short_help="Write one instant as a snapshot.")
@_arguments
@click.argument("instant")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the snapshot.")
def snapshot(folder: Path, venue: str, instant: str, output: Path) -> None:
    """Write one INSTANT of FOLDER as a snapshot, with a few example accounts."""
    written = _offered(venue, "write_snapshot_of", "instants")(folder, instant, output)
    click.echo(recordings(venue).render_chain(written))


@recorded.command("reprice", short_help="Reprice every recorded mark.")
@_arguments
def reprice(folder: Path, venue: str) -> None:
    """Reprice every recorded option from its recorded volatility and show how far it is from the recorded mark."""
    click.echo(_offered(venue, "render_reprice", "option prices")(folder))


@recorded.command("crash", short_help="The same accounts before and in a crash.")
@_arguments
def crash(folder: Path, venue: str) -> None:
    """Margin the same accounts at the instants of the crash that FOLDER records: requirements, equity, calls, liquidations.

    \b
    Example:
      margin-engine recorded crash data --venue hyperliquid
    """
    click.echo(_offered(venue, "render_crash", "instants of a crash")(folder))


@recorded.command("accounts", short_help="Margin recorded accounts, compare liquidation prices.")
@_arguments
def accounts(folder: Path, venue: str) -> None:
    """Margin every recorded account of FOLDER, instant by instant, and compare liquidation prices with the recorded ones."""
    click.echo(_offered(venue, "render_accounts", "accounts")(folder))
