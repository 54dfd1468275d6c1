"""`margin-engine compare`: the same book under several regimes, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from margin import venues
from margin.cli import options
from margin.cli.printing import amount, count, percent, progress, table
from margin.cli.tables import mark, output_options, show

if TYPE_CHECKING:
    from margin.regime import Regime

SHOWN = "cross_portfolio"
"""Without a choice the modes of the first venue with this one are compared."""


@click.command(short_help="Put the same book under several regimes, side by side.")
@options.snapshot_argument
@click.argument("account", required=False)
@click.option(
    "--regime",
    "wanted",
    multiple=True,
    metavar="VENUE:MODE",
    help="A regime; may be given several times [default: all modes of the demo's venue]",
)
@click.option("--as-of", metavar="DATE", help="Day of the parameters [default: the snapshot's day]")
@options.params_option
@options.accept_option
@click.option("--vol-up", type=click.FloatRange(0, min_open=True), default=0.5, show_default=True, help="Relative shock of vols.")
@click.option("--accounts", "by_account", is_flag=True, help="Give --json and -o a row for each account.")
@options.threads_option
@output_options
def compare(
    snapshot: Path,
    account: str | None,
    wanted: Sequence[str],
    as_of: str | None,
    files: Sequence[Path],
    accept: Sequence[str],
    vol_up: float,
    by_account: bool,
    threads: int,
    as_json: bool,
    output: Path | None,
) -> None:
    """Compare regimes on one ACCOUNT of SNAPSHOT, or on all of them, by what they do to this very book.

    What drives the requirement; what hedges save, against the sum of what each position needs alone; what a shock of volatility
    does to the requirement while prices stand still; and how liquidations come about, when prices move against the account and
    when volatility rises: whether losses use up the headroom (slow bleed) or the requirement rises to meet it (step).

    \b
    Example:
      margin-engine compare demo/snapshot acct-0000001 --regime deribit:cross_standard --regime deribit:cross_portfolio
    """
    from margin import io
    from margin.analysis.compare import compare as measure

    names = [_split(text) for text in wanted or _default()]
    loaded = io.read_snapshot(snapshot)
    book, market = loaded.book, loaded.market
    if account is not None:
        book = book.select([options.account_key(book, account)])
    regimes: list[Regime] = [
        options.regime_of(
            snapshot, venue=venue, mode=mode, as_of=as_of, files=files, accept=accept, quiet=number > 0, option="--regime"
        )(market)
        for number, (venue, mode) in enumerate(names)
    ]
    with progress() as shown:
        shown("compare", 0.0)
        found = measure(
            regimes, book, market, vol_up=vol_up, threads=threads, on_regime=lambda done: shown("compare", done)
        )
    columns = found.account_columns() if by_account else found.columns()
    if not as_json:
        mark(*regimes)
    if as_json or output is not None:
        show(found.title, columns, as_json=as_json, output=output, rows=0 if not by_account else 10)
    if not as_json:
        _print(found.title, found.columns(), vol_up)


def _default() -> list[str]:
    venue = next(name for name in venues.available() if SHOWN in venues.load(name).MODES)
    return [f"{venue}:{mode}" for mode in venues.load(venue).MODES]


def _split(text: str) -> tuple[str, str]:
    venue, colon, mode = text.partition(":")
    if not colon or venue not in venues.available():
        known = ", ".join(venues.available())
        message = f"{text!r} is not VENUE:MODE; venues are {known}"
        raise click.BadParameter(message, param_hint="--regime")
    return venue, mode


def _print(title: str, columns: Mapping[str, Any], vol_up: float) -> None:
    """One line for each thing measured, one column for each regime."""
    click.echo(title)
    click.echo()
    n = len(columns["regime"])

    def line(name: str, words: Any) -> tuple[str, ...]:
        return (name, *(words(i) for i in range(n)))

    def money(name: str) -> Any:
        return lambda i: amount(float(columns[name][i]))

    def fraction(name: str) -> Any:
        return lambda i: _percent(float(columns[name][i]))

    def counted(name: str) -> Any:
        return lambda i: count(int(columns[name][i]))

    rows = [
        line("initial margin", money("initial_margin")),
        line("maintenance margin", money("maintenance_margin")),
        line("equity", money("equity")),
        line("collateral after haircuts", money("collateral")),
        *(line(f"accounts {status}", counted(status)) for status in ("healthy", "restricted", "liquidation")),
        line("primary driver", lambda i: str(columns["driver"][i])),
        line("  its part of the initial margin", fraction("driver_share")),
        line("hedging benefit", fraction("hedging_benefit")),
        line(f"initial margin, vols {100 * vol_up:+g} %", fraction("vol_sensitivity")),
    ]
    for path, words in (("price", "price moves"), ("vol", "vol rises")):
        rows += [
            line(f"{words}: accounts liquidated", counted(f"{path}_breaches")),
            line("  equity lost before the breach", fraction(f"{path}_lost_before")),
            line("  equity left at the breach", lambda i, p=path: _percent(1.0 - float(columns[f"{p}_lost_before"][i]))),
            line("  headroom used by losses", fraction(f"{path}_by_loss")),
            line("  liquidation comes as", lambda i, p=path: str(columns[f"{p}_behaviour"][i])),
        ]
    table(("", *(str(name) for name in columns["regime"])), rows)


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else percent(value)
