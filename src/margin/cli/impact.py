"""`margin-engine impact`: what other parameters, or another mode, would do to every account."""

from __future__ import annotations

import contextlib
import difflib
import re
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from margin.cli import options
from margin.cli.printing import count, progress
from margin.cli.tables import mark, output_options, show
from margin.text import rows_text

if TYPE_CHECKING:
    from margin.params import Parameters

SHOWN = 10


@click.command(short_help="Show what other parameters would do to every account.")
@options.snapshot_argument
@options.regime_options
@click.option("--new-mode", help="Account mode after the change [default: the same]")
@click.option("--new-as-of", metavar="DATE", help="Day of the parameters after the change [default: the same]")
@click.option(
    "--new-params",
    multiple=True,
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Parameter file that holds after the change; may be given several times.",
)
@click.option(
    "--set", "changes", multiple=True, metavar="NAME=VALUE", help="One parameter after the change; may be given several times."
)
@options.threads_option
@output_options
def impact(
    snapshot: Path,
    new_mode: str | None,
    new_as_of: str | None,
    new_params: Sequence[Path],
    changes: Sequence[str],
    threads: int,
    as_json: bool,
    output: Path | None,
    **regime: Any,
) -> None:
    """Margin every account of SNAPSHOT before and after a change of the rules.

    Prints who would be called and who liquidated, the change of the total requirement, its distribution over accounts, and the
    accounts that are affected most. --json and -o give all accounts.

    \b
    Example:
      margin-engine impact demo/snapshot --venue deribit --mode cross_portfolio --set pair.BTC_USD.price_range=0.2
      margin-engine impact demo/snapshot --venue deribit --mode cross_standard --new-mode cross_portfolio
    """
    from margin import io
    from margin.analysis.impact import impact as measure
    from margin.analysis.impact import transition_columns

    if not (new_mode or new_as_of or new_params or changes):
        raise click.UsageError("say what changes: --set, --new-params, --new-as-of or --new-mode")
    loaded = io.read_snapshot(snapshot)
    market = loaded.market
    before = options.regime_of(snapshot, **regime)(market)
    _refuse_unknown(changes, options.regime_of(snapshot, **regime, quiet=True).parameters(market))
    with _written(changes, str(market.time.astype("datetime64[D]"))) as own:
        new = dict(regime, mode=new_mode or regime["mode"], as_of=new_as_of or regime["as_of"])
        new["files"] = (*regime["files"], *new_params, *own)
        after = options.regime_of(snapshot, **new, quiet=True)(market)
        with progress() as shown:
            shown("impact", 0.0)
            found = measure(before, after, loaded.book, market, threads=threads)
            shown("impact", 1.0)
    if as_json:
        show(found.title, found.columns(), as_json=True, output=output)
        return
    mark(before, after)
    click.echo(found.title)
    click.echo()
    click.echo(f"margin calls: {count(int(found.called.sum()))} accounts, new liquidations: {count(int(found.liquidated.sum()))}")
    click.echo()
    click.echo("accounts by status before and after:")
    click.echo(rows_text(transition_columns(found)))
    click.echo()
    click.echo("initial margin over accounts, change in USD and relative:")
    click.echo(rows_text(found.quantiles()))
    click.echo()
    show("affected most:", found.columns(), as_json=False, output=output, rows=SHOWN, full=True)


def _refuse_unknown(changes: Sequence[str], known: Parameters) -> None:
    """A name that no parameter has would change nothing, and look like a change without effect."""
    names = {*known.values, *known.passed_over}
    for text in changes:
        name = re.sub(r"^account\.[^.]+\.", "", text.partition("=")[0].strip())
        if "=" in text and "." in name and name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.7)
            hint = f"did you mean {', '.join(near)}?" if near else "see margin-engine params."
            message = f"no parameter is called {name}; {hint} A new one comes in a file, --new-params"
            raise click.BadParameter(message, param_hint="--set")


@contextlib.contextmanager
def _written(changes: Sequence[str], day: str) -> Iterator[tuple[Path, ...]]:
    """The changes as a parameter file, while it is needed."""
    if not changes:
        yield ()
        return
    # A value that somebody states is third_party: accepted by default, and neither official nor recorded.
    lines = ["[[layer]]", f"as_of = {day}", 'status = "third_party"', 'source = "--set"']
    for text in changes:
        name, equals, value = text.partition("=")
        section, dot, key = name.strip().rpartition(".")
        try:
            tomllib.loads(f"[layer.{section}]\n{key} = {value}")
        except tomllib.TOMLDecodeError:
            equals = ""
        if not equals or not dot:
            message = f'{text!r} is not SECTION.NAME=VALUE with a TOML value (0.2, true, "text")'
            raise click.BadParameter(message, param_hint="--set")
        lines.append(f"layer.{section}.{key} = {value}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.toml"
        head, body = lines[:4], [line.removeprefix("layer.") for line in lines[4:]]
        path.write_text("\n".join([*head, *body]) + "\n", encoding="utf-8")
        yield (path,)
