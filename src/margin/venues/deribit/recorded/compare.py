"""How well the recorded marks are reproduced by Black-76 at the recorded volatility."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option
from margin.market import Market
from margin.pricing import black76
from margin.venues.deribit.recorded.chains import YEAR, Chain, Forward, chain, instants
from margin.venues.deribit.recorded.read import Recording

Array = NDArray[np.float64]

STATED = {
    ("deribit_options_2026.csv.gz", "parity"): "p50 1.1e-6, p90 7.7e-6, p99 2.5e-5, max 1.3e-3",
    ("deribit_options_2026.csv.gz", "underlying"): "p50 1e-6 to 3e-5, p99 3e-5 to 1.4e-3 by instant and currency",
    ("deribit_btc_options_2026-01.csv.gz", "underlying"): "p50 2.4e-5 to 2.9e-5 by instant, max 4.3e-4 (marks rounded to 1e-4)",
    ("deribit_btc_options_2020-05-21.csv.gz", "underlying"): "p50 3.9e-6, p99 1.1e-4, max 2.4e-4",
}
"""The errors the README of the recorded data states, by file and forward."""


def reprice(market: Market, *, time: NDArray[np.datetime64] | None = None) -> Array:
    """Absolute error of Black-76 against the mark, of every option of a market.

    Parameters
    ----------
    market : Market
    time : ndarray of datetime64, shape (options,), optional
        When each option was recorded, in the order of the market's options; by default all at the market's time.

    Returns
    -------
    ndarray of float64, shape (options,)
        In settlement currency per coin: the coin for inverse options, whose Black-76 value is divided by the forward.
    """
    option = is_option(market)
    years = market.years[option] if time is None else (market.expiry[option] - time) / YEAR
    forward = market.forward[option]
    price = black76(forward, market.strike[option], years, market.vol[option], market.option_sign[option]).price
    value = np.where(market.inverse[option], price / forward, price)
    return np.abs(value - market.mark[option])


def render_list(folder: str | Path | Recording) -> str:
    """The recorded instants of a folder, as text."""
    lines = [f"{'instant':<22}{'options':<24}{'futures':>8}{'perpetuals':>12}  file"]
    for each in instants(folder):
        options = ", ".join(f"{currency} {count}" for currency, count in sorted(each.options.items()))
        lines.append(f"{each.name:<22}{options:<24}{each.futures:>8}{each.perpetuals:>12}  {each.file}")
    return "\n".join(lines)


def render_chain(found: Chain) -> str:
    """What became of one recorded instant: rows kept, rows left out with the reason, and what had to be decided."""
    kind = found.tables["instruments"]["kind"]
    kept = ", ".join(f"{int((kind == name).sum())} {name}s" for name in ("option", "future", "perpetual"))
    lines = [f"{found.instant}: {kept}; forward: {found.forward}; market time {found.time}Z"]
    lines += [f"  left out: {count} x {reason}" for reason, count in sorted(found.left_out.items())]
    lines += [f"  {note}" for note in found.notes]
    return "\n".join(lines)


def render_reprice(folder: str | Path | Recording) -> str:
    """The error of repriced marks at every recorded instant, by currency, beside the errors the data's README states.

    Each row is repriced at its own recorded time. Where the rows of an instant are apart in time, the last column shows
    the largest error at the market's single time instead: what a margin run on that snapshot sees.
    """
    recording = Recording.read(folder)
    parts = [_render_file(recording, file, forward) for file, forward in _sweeps(recording)]
    return "\n\n".join(parts)


def _sweeps(recording: Recording) -> Iterable[tuple[str, Forward]]:
    for file in dict.fromkeys(str(f) for f in recording.options["file"]):
        yield file, "parity"
        yield file, "underlying"


def _render_file(recording: Recording, file: str, forward: Forward) -> str:
    lines = [
        f"{file}, forward: {forward}. Absolute error in coin.",
        f"{'instant':<22}{'':<5}{'options':>8}{'p50':>10}{'p90':>10}{'p99':>10}{'max':>10}{'max, one time':>15}",
    ]
    errors: list[Array] = []
    left_out: dict[str, int] = {}
    for each in instants(recording):
        if each.file != file:
            continue
        found = chain(recording, each.name, forward=forward)
        market = found.market()
        own, single = reprice(market, time=found.row_time), reprice(market)
        currency = found.tables["instruments"]["base"][: len(own)]
        for name in np.unique(currency):
            row = currency == name
            lines.append(f"{each.name:<22}{name:<5}{_figures(own[row])}{single[row].max():>15.1e}")
        errors.append(own)
        for reason, count in found.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    every = np.concatenate(errors)
    lines.append(f"{'all':<27}{_figures(every)}")
    lines.append(f"stated in the README of the data: {STATED.get((file, forward), 'nothing for this forward')}")
    lines.append("left out: " + (", ".join(f"{count} x {reason}" for reason, count in left_out.items()) or "nothing"))
    return "\n".join(lines)


def _figures(errors: Sequence[float] | Array) -> str:
    p50, p90, p99 = np.quantile(errors, (0.5, 0.9, 0.99))
    return f"{len(errors):>8}{p50:>10.1e}{p90:>10.1e}{p99:>10.1e}{np.max(errors):>10.1e}"
