"""`margin-engine backtest`: the historical model on recorded history, against what the next day brought."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import click
import numpy as np

from margin.analysis.backtest import Backtest
from margin.analysis.margins import historical_margin
from margin.analysis.rolling import MarginAt, Method, methods, roll
from margin.analysis.study import NothingToTestError, Span, Study, linear_study, surface_study, vol_index_study
from margin.cli.printing import percent, table
from margin.cli.recorded import recordings, with_recordings
from margin.errors import DataError
from margin.io.daily import Closes, read_closes
from margin.models.history_stress import broken, pulled

CLOSES = "*daily_closes.csv*"
METHODS = ("plain", "filtered", "weighted", "stressed")

GROSS = 1e6
"""Notional of each portfolio and of each option leg, USD; margins are shown as a fraction of it."""

HEADERS = (
    "portfolio", "method", "days", "breaches", "expected", "Kupiec p", "indep. p", "Christ. p", "light", "loss/ES", "Z2",
    "mean VaR", "peak/trough", "rise",
)  # fmt: skip

_DATE = click.DateTime(["%Y-%m-%d"])
_FRACTION = click.FloatRange(0.0, 1.0, min_open=True, max_open=True)


@click.command(short_help="Backtest the historical model on recorded history.")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from", "start", type=_DATE, metavar="DATE", help="First day [default: the first with a full window]")
@click.option("--to", "end", type=_DATE, metavar="DATE", help="Last day [default: the last that is recorded]")
@click.option("--level", type=_FRACTION, default=0.99, show_default=True, help="Confidence of both measures.")
@click.option("--window", type=click.IntRange(2), default=365, show_default=True, help="Days of history a margin sees.")
@click.option(
    "--surface-window", type=click.IntRange(2), default=120, show_default=True, help="The same on listed surfaces."
)
@click.option(
    "--method", "chosen", multiple=True, type=click.Choice(METHODS), help="May be given several times [default: all]"
)
@click.option("--decay", type=_FRACTION, default=0.94, show_default=True, help="filtered: smoothing of the volatility.")
@click.option("--age-decay", type=_FRACTION, default=0.99, show_default=True, help="weighted: weight of a day over the next.")
@click.option("--stress-days", type=click.IntRange(2), default=90, show_default=True, help="stressed: the wildest period so far.")
@click.option("--stress-weight", type=_FRACTION, default=0.25, show_default=True, help="stressed: its total weight.")
@click.option("--unchanged-time", is_flag=True, help="Leave a day's decay out of the P&L of options, as the model does.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the order that breaks correlations.")
def backtest(
    folder: Path,
    start: datetime | None,
    end: datetime | None,
    level: float,
    window: int,
    surface_window: int,
    chosen: Sequence[str],
    decay: float,
    age_decay: float,
    stress_days: int,
    stress_weight: float,
    unchanged_time: bool,
    seed: int,
) -> None:
    """Margin example portfolios on every recorded day of FOLDER from the past alone, and compare with the day after.

    FOLDER holds daily closes, *daily_closes.csv or .csv.gz: a date column, then <COIN>_<quote> for each coin; and, where a venue
    recorded them, a volatility index and listed option surfaces. docs/backtest.md explains the columns.

    \b
    Example:
      margin-engine backtest data
      margin-engine backtest data --from 2025-01-01 --window 500 --method plain --method filtered
    """
    closes = _closes(folder)
    spans = [Span(size, _text(start), _text(end)) for size in (window, surface_window)]
    margin_at = historical_margin(level)
    names = tuple(dict.fromkeys(chosen)) or METHODS
    click.echo(
        f"Margins at {100.0 * level:g} % over one day, from the days before alone; "
        f"filtered: decay {decay:g}; weighted: decay {age_decay:g}; stressed: {stress_days} days at weight {stress_weight:g}."
    )
    found: list[str] = []
    for study, span in _studies(folder, closes, spans, ageing=not unchanged_time):
        found.append(study.title)
        every = methods(
            window=span.window, decay=decay, age_decay=age_decay, stress_days=stress_days, stress_weight=stress_weight
        )
        _show(study, span, {name: every[name] for name in names}, margin_at, level)
    if not found:
        raise NothingToTestError(f"no day to test in {folder}", hint="Shorten --window or widen --from and --to.")
    _show_correlation(closes, spans[0], margin_at, seed)


def _text(day: datetime | None) -> str:
    return day.date().isoformat() if day else ""


def _closes(folder: Path) -> Closes:
    found = sorted(folder.glob(CLOSES))
    if len(found) != 1:
        listed = ", ".join(path.name for path in found) or "none"
        raise DataError(f"{folder} holds {listed} that match {CLOSES}", hint="One file of daily closes is needed.")
    return read_closes(found[0])


def _studies(folder: Path, closes: Closes, spans: Sequence[Span], *, ageing: bool) -> Iterator[tuple[Study, Span]]:
    """What the folder and the span allow, in order; what they do not is said on stderr."""
    window, surface_window = spans
    perpetuals = partial(linear_study, closes, window, gross=GROSS)
    made: list[tuple[Callable[[], Study], Span]] = [(partial(perpetuals, missing="names"), window)]
    if np.isnan(closes.price).any():
        made.append((partial(perpetuals, missing="dates"), window))
    for venue in with_recordings():
        recorded = recordings(venue)
        if not hasattr(recorded, "daily_surfaces"):
            continue  # no options are recorded of it
        indices, surfaces = recorded.daily_vol_index(folder), recorded.daily_surfaces(folder)
        for coin, levels in indices.items():
            made.append((partial(vol_index_study, coin, closes, levels, window, notional=GROSS, ageing=ageing), window))
        if surfaces:
            made.append((partial(surface_study, surfaces, surface_window, notional=GROSS, ageing=ageing), surface_window))
        for what, there in (("volatility index", indices), ("option surfaces", surfaces)):
            if not there:
                click.echo(f"no {what} of {venue} in {folder}: its options are left out", err=True)
    for make, span in made:
        try:
            yield make(), span
        except NothingToTestError as error:
            click.echo(f"left out: {error}", err=True)


def _show(study: Study, span: Span, chosen: Mapping[str, Method], margin_at: MarginAt, level: float) -> None:
    rolled = roll(study.days(), study.history, chosen, margin_at)
    click.echo(f"\n{study.title}, {study.dates[0]} .. {study.dates[-1]}, window {span.window} days\n")
    rows = []
    for a, portfolio in enumerate(next(iter(rolled.values())).portfolios):
        for name, result in rolled.items():
            test = Backtest.of(
                result.loss[:, a], result.value_at_risk[:, a], result.expected_shortfall[:, a], level=level
            )
            mean = float(result.value_at_risk[:, a].mean()) / GROSS
            rows.append((portfolio, name, *_cells(test), percent(mean), _ratio(test.peak_to_trough), _ratio(test.largest_rise)))
    table(HEADERS, rows, left=2)


def _cells(test: Backtest) -> tuple[str, ...]:
    return (
        str(test.days),
        str(test.breaches),
        f"{test.expected:.1f}",
        f"{test.kupiec.p_value:.3f}",
        f"{test.independence.p_value:.3f}",
        f"{test.coverage.p_value:.3f}",
        test.light,
        _ratio(test.exceedance),
        f"{test.z2:.2f}",
    )


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _show_correlation(closes: Closes, span: Span, margin_at: MarginAt, seed: int) -> None:
    """The margins of the last day, on the history as it was and with its correlations changed."""
    try:
        tested = linear_study(closes, span, missing="names", gross=GROSS).dates
    except NothingToTestError:
        return  # said above
    study = linear_study(closes, replace(span, start=tested[-1]), missing="names", gross=GROSS)
    last = next(study.days())
    past = study.history.rows(0, study.history.labels.index(last.date) + 1).window(span.window)
    histories = {
        "as it was": past,
        "half way to one": pulled(past, 0.5, keep="moves"),
        "all one": pulled(past, 1.0, keep="moves"),
        "broken": broken(past, seed=seed),
    }
    margins = {name: margin_at(history, last.market, last.book) for name, history in histories.items()}
    click.echo(f"\nCorrelation stress: margins of {last.date}, window {span.window} days, under the history with correlations\n")
    rows = [
        (str(account), measure, *(percent(float(found[which][a]) / GROSS) for found in margins.values()))
        for a, account in enumerate(last.book.accounts)
        for which, measure in enumerate(("VaR", "ES"))
    ]
    table(("portfolio", "measure", *histories), rows, left=2)
