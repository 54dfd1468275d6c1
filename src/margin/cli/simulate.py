"""`margin-engine simulate`: accounts of a snapshot along a market path, with a venue's liquidations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, TypeVar

import click
import numpy as np

from margin.by_name import ByName
from margin.cli import options
from margin.cli.printing import amount, count, progress, table
from margin.errors import DataError
from margin.io.daily import read_closes, read_rows
from margin.liquidation.impact import Impact, LinearImpact
from margin.liquidation.paths import Path
from margin.liquidation.simulation import Simulation
from margin.liquidation.simulation import simulate as run
from margin.market import Market

F = TypeVar("F", bound=Callable[..., Any])

ALL = "all"
SHOWN = 12
"""Instants that the summary lists; of more, as many evenly spaced ones."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=FilePath)
_NAMED = "NAME=NUMBER"
_MOVES = frozenset({"shock", "depeg"})
"""Options whose numbers are relative moves of prices."""


def _numbers(_ctx: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    out: dict[str, float] = {}
    for text in values:
        name, _, number = text.partition("=")
        try:
            value = float(number)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not {_NAMED}", param=option) from None
        if name in out:
            raise click.BadParameter(f"{name} is given twice", param=option)
        if option.name in _MOVES and not value > -1.0:
            raise click.BadParameter(f"{text!r} moves to zero or below; a relative move is above -1", param=option)
        out[name] = value
    return out


def _named(name: str, meaning: str) -> Callable[[F], F]:
    return click.option(name, multiple=True, metavar=_NAMED, callback=_numbers, help=meaning)


@click.command(short_help="Run accounts of a snapshot along a market path, with liquidations.")
@options.snapshot_argument
@options.regime_options
@click.option("--path", "file", type=_FILE, help="CSV of the path: seconds, price.BTC, vol.BTC, usd.USDC, funding.BTC, ...")
@click.option("--closes", type=_FILE, help="CSV of daily closes to repeat: date, then <COIN>_<quote>; with --from and --days.")
@click.option("--from", "start", metavar="DATE", help="--closes: the day whose close is the start.")
@click.option("--days", type=click.IntRange(1), help="--closes: so many days.")
@click.option("--jumps", "seed", type=click.IntRange(0), metavar="SEED", help="A path with jumps that hit all coins at once.")
@click.option("--jump", nargs=4, type=float, metavar="VOL N SIZE SD", help="--jumps: vol, jumps a year, log size, its sd.")
@_named("--shock", "Price move at the end, by coin or 'all': BTC=-0.3. May be given several times, as those that follow.")
@_named("--vol", "Relative move of implied volatilities, by coin or 'all'.")
@_named("--depeg", "Relative move of a currency: USDC=-0.05.")
@_named("--funding", "Funding of each step, by coin or 'all', fraction paid by longs.")
@click.option("--steps", type=click.IntRange(1), default=10, show_default=True, help="Steps of a shock or of jumps.")
@click.option("--interval", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds from step to step.")
@click.option("--freeze-time", is_flag=True, help="Options do not age; a path may be longer than their lives.")
@_named("--fund", "Insurance fund at the start, by currency: USDC=1000000.")
@_named("--backstop", "Backstop at the start, by currency.")
@click.option("--impact", nargs=3, type=float, metavar="RATE MOST KEPT",
              help="Price move by USD million traded, the most of one trade, and the share that stays [default: no impact]")
@options.threads_option
@click.option("-o", "--output", type=click.Path(path_type=FilePath, file_okay=False), help="Folder for the tables (Parquet).")
def simulate(snapshot: FilePath, venue: str, mode: str, output: FilePath | None, threads: int, **given: Any) -> None:
    """Move the market of SNAPSHOT along a path; at each instant settle, margin every account, and liquidate as the venue does.

    Prints the path by time and what the procedure did. With -o writes events.parquet, times.parquet (accounts, fund and losses
    by time), distressed.parquet (pools in liquidation by time) and accounts.parquet (first and last worth).

    \b
    Example:
      margin-engine simulate demo/snapshot --venue deribit --mode cross_portfolio --shock all=-0.3 --vol all=0.5 \\
          --fund USDC=1000000 --impact 0.0002 0.05 0.5 -o simulation
    """
    from margin import io

    if output is not None and output.exists() and any(output.iterdir()):
        message = f"{output} is not empty; choose another folder"
        raise click.BadParameter(message, param_hint="--output")
    rules = {"venue": venue, "mode": mode, **{name: given.pop(name) for name in ("as_of", "files", "accept")}}
    loaded = io.read_snapshot(snapshot)
    path = _path(loaded.market, given)
    named = options.regime_of(snapshot, **rules)
    regime, procedure = named(loaded.market), named.procedure(loaded.market)
    with progress() as show:
        result = run(
            loaded.book,
            loaded.market,
            path,
            regime=regime,
            procedure=procedure,
            fund=given["fund"],
            backstop=given["backstop"],
            impact=_impact(given["impact"]),
            ageing=not given["freeze_time"],
            threads=threads,
            on_instant=lambda done: show("simulate", done / len(path)),
        )
    _print(result)
    if output is not None:
        _write(result, output)
        click.echo(f"\ntables: {output}")


def _path(market: Market, given: Mapping[str, Any]) -> Path:
    """The one path that the options describe."""
    asked = [name for name in ("file", "closes", "seed") if given[name] is not None]
    shocked = any(given[name] for name in ("shock", "vol", "depeg", "funding"))
    if len(asked) + shocked != 1:
        raise click.UsageError("give one path: --path, --closes, --jumps, or --shock with --vol, --depeg and --funding")
    coins = sorted({market.currencies[c] for c in np.unique(market.base)})
    if shocked:
        every = {name: _spread(given[name], coins) for name in ("shock", "vol", "funding")}
        return Path.shock(
            steps=given["steps"],
            seconds=given["interval"],
            price=every["shock"],
            vol=every["vol"],
            usd=given["depeg"],
            funding=every["funding"],
        )
    if given["file"] is not None:
        return _path_of_rows(given["file"])
    if given["closes"] is not None:
        return _path_of_closes(given["closes"], given["start"], given["days"], coins)
    if given["jump"] is None:
        raise click.UsageError("--jumps needs --jump: yearly vol, jumps a year, log size of a jump and its deviation")
    vol, often, jump, deviation = given["jump"]
    return Path.jumps(
        coins,
        steps=given["steps"],
        seconds=given["interval"],
        seed=given["seed"],
        vol=vol,
        jumps_a_year=often,
        jump=jump,
        jump_deviation=deviation,
    )


def _spread(moves: Mapping[str, float], coins: Sequence[str]) -> dict[str, float]:
    """Moves with 'all' spelled out; a coin's own move wins."""
    everywhere = dict.fromkeys(coins, moves[ALL]) if ALL in moves else {}
    return everywhere | {name: move for name, move in moves.items() if name != ALL}


def _path_of_rows(file: FilePath) -> Path:
    rows = read_rows(file)
    if not rows:
        raise DataError("the path has no rows", table=file.name)
    columns: dict[str, list[float]] = {name: [] for name in rows[0]}
    for i, row in enumerate(rows):
        for name, text in row.items():
            try:
                columns[name].append(float(text))
            except ValueError:
                raise DataError(f"{text!r} is no number", table=file.name, column=name, row=i, value=text) from None
    return Path.of_columns(columns)


def _path_of_closes(file: FilePath, start: str | None, days: int | None, coins: Sequence[str]) -> Path:
    """Recorded daily moves of the coins that the market and the file have."""
    closes = read_closes(file)
    if start is None or days is None:
        raise click.UsageError("--closes needs --from and --days")
    if start not in closes.dates:
        raise DataError(f"no close on {start}", table=file.name, column="date", value=start)
    first = closes.dates.index(start)
    if first + days >= len(closes.dates):
        raise DataError(f"{len(closes.dates) - first - 1} days follow {start}", table=file.name, column="date", value=days)
    price = closes.price[first : first + days + 1]
    known = [i for i, name in enumerate(closes.names) if name in coins and np.isfinite(price[:, i]).all()]
    if not known:
        raise DataError("no coin of the snapshot has all these closes", table=file.name, hint="Choose other days.")
    moves = price[1:, known] / price[:-1, known] - 1.0
    return Path.of_moves([closes.names[i] for i in known], moves, seconds=float(np.timedelta64(1, "D") / np.timedelta64(1, "s")))


def _impact(given: tuple[float, float, float] | None) -> Impact | None:
    if given is None:
        return None
    rate, most, kept = given
    return LinearImpact(per_million=ByName("impact", rate), largest=most, permanent=kept)


def _print(result: Simulation) -> None:
    t = result.times
    click.echo(f"{result.procedure.name}: {result!r}\n")
    last = len(t["seconds"]) - 1
    chosen = sorted({round(last * i / (SHOWN - 1)) for i in range(SHOWN)}) if last >= 0 else []
    names = ("accounts", "fund", "backstop", "fees", "market", "debts", "socialised")
    rows = [
        (
            f"{t['seconds'][i]:,.0f}",
            *(count(int(t[name][i])) for name in ("liquidation", "in_liquidation_after", "touched")),
            *(amount(float(t[name][i])) for name in names),
        )
        for i in chosen
    ]
    table(("seconds", "in liquidation", "after", "touched", *(f"{name} USD" for name in names)), rows)
    done = Counter((event.step, event.what) for event in result.events)
    if done:
        click.echo()
        table(("step", "what", "events"), [(step, what, count(n)) for (step, what), n in done.items()], left=2)


def _write(result: Simulation, folder: FilePath) -> None:
    from margin.io.arrow import to_arrow, write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in (
        ("events", result.event_columns()),
        ("times", result.times),
        ("distressed", result.distressed),
        ("accounts", result.account_columns()),
    ):
        write_parquet(to_arrow(columns), folder / f"{name}.parquet")
