"""Options that several commands share, and what they add up to: a regime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from margin import venues
from margin.book import Book
from margin.errors import DataError
from margin.params import ACCEPTED, STATUSES
from margin.venues.named import NamedRegime

F = TypeVar("F", bound=Callable[..., Any])

SNAPSHOT_PARAMS = "params.toml"
"""A parameter file in a snapshot's folder: the market that it belongs to needs it."""


def snapshot_argument(function: F) -> F:
    """SNAPSHOT: a folder of Parquet tables or a JSON document."""
    return click.argument("snapshot", type=click.Path(exists=True, path_type=Path))(function)


def regime_options(function: F) -> F:
    """``--venue --mode --as-of --params --accept``: which rules, with the parameters of which day."""
    for option in reversed(
        (
            click.option("--venue", required=True, type=click.Choice(venues.available()), help="Whose rules."),
            click.option("--mode", required=True, help="Account mode; a wrong one lists those there are."),
            click.option("--as-of", metavar="DATE", help="Day of the parameters [default: the snapshot's day]"),
            params_option,
            accept_option,
        )
    ):
        function = option(function)
    return function


def params_option(function: F) -> F:
    """``--params FILE``, any number of them."""
    return click.option(
        "--params",
        "files",
        multiple=True,
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Parameter file (TOML) that adds to or overrides the venue's own; may be given several times.",
    )(function)


def accept_option(function: F) -> F:
    """``--accept STATUS``, any number of them."""
    return click.option(
        "--accept",
        multiple=True,
        type=click.Choice(STATUSES),
        help=f"Take parameters of this status; may be given several times [default: {', '.join(ACCEPTED)}]",
    )(function)


def threads_option(function: F) -> F:
    """``--threads N``."""
    return click.option(
        "--threads", type=click.IntRange(min=0), default=0, show_default="one for each core", help="Threads to use."
    )(function)


def overwrite_option(function: F) -> F:
    """``--overwrite``."""
    return click.option("--overwrite", is_flag=True, help="Replace earlier results in the output folder.")(function)


def account_key(book: Book, account: str) -> str | int:
    """An account as the book names it: text, or an integer."""
    if not book.accounts.is_integer:
        return account
    try:
        return int(account)
    except ValueError:
        message = f"accounts of this snapshot are integers, {account!r} is none"
        raise DataError(message, table="accounts", column="account", value=account) from None


def regime_of(
    snapshot: Path,
    *,
    venue: str,
    mode: str,
    as_of: str | None,
    files: Sequence[Path],
    accept: Sequence[str],
    quiet: bool = False,
    option: str = "--mode",
) -> NamedRegime:
    """The regime that the options describe, for a snapshot.

    A snapshot that brings its own parameter file gets it, and says so on stderr. Unless ``--accept`` says otherwise its
    illustrative values are taken too: the snapshot is made for them, and the result is marked as illustrative. `quiet` says
    nothing, for the second regime of a command; `option` is the one that named the mode.
    """
    modes = venues.load(venue).MODES
    if mode not in modes:
        message = f"{venue} has no mode {mode!r}; choose from {', '.join(modes)}"
        raise click.BadParameter(message, param_hint=option)
    own = snapshot / SNAPSHOT_PARAMS
    accepted = tuple(accept) or ACCEPTED
    if own.is_file():
        files = (own, *files)
        accepted = tuple(accept) or STATUSES
        if not quiet:
            click.echo(f"using the snapshot's own parameters, {own}", err=True)
    params = tuple(str(path.resolve()) for path in files)
    return NamedRegime(venue=venue, mode=mode, as_of=as_of, params=params, accept=accepted)
