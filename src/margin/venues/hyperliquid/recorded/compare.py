"""How well the recorded liquidation prices are met."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.venues.hyperliquid.books import snapshot
from margin.venues.hyperliquid.figures import pools, positions
from margin.venues.hyperliquid.prices import liquidation_prices
from margin.venues.hyperliquid.recorded.read import Instant, Recording, accounts, instants
from margin.venues.hyperliquid.rules import compose

TOLERANCE = 1e-6
"""Largest relative error of a price that agrees."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Recorded and computed liquidation prices of one instant.

    Attributes
    ----------
    instant : str
    accounts, positions : int
        In the batch.
    left_out : int
        Positions that are not in it.
    checkable : int
        Recorded prices that the data checks: of isolated positions, and of cross positions whose account's equity other prices
        imply.
    agreeing : int
        Of those, computed within the tolerance.
    stated : int
        Of those, recomputed by the data's own check.
    stated_agreeing : int
        Of these, computed within the tolerance.
    missing, correctly_missing : int
        Checkable positions without a recorded price, and those of them for which none is computed.
    seconds : float
        For the whole batch: assessment, figures and prices.
    """

    instant: str
    accounts: int
    positions: int
    left_out: int
    checkable: int
    agreeing: int
    stated: int
    stated_agreeing: int
    missing: int
    correctly_missing: int
    seconds: float


def agreement(folder: str | Path | Recording) -> list[Agreement]:
    """Every instant, each as one batch."""
    recording = Recording.read(folder)
    return [compared(accounts(recording, name)) for name in recording.instants]


def computed_prices(found: Instant) -> NDArray[np.float64]:
    """Liquidation price of every position of an instant, in the order of its rows; nan where there is none."""
    market, book = snapshot(found.accounts, time=found.name, listed=found.listed)
    p = found.parameters()
    assessment = compose("standard", p).assess(book, market)
    held = positions(assessment, step=p.number("rounding.step"))
    price = liquidation_prices(assessment, p, held, pools(assessment, p, held=held))
    account = assessment.results.account[held.row]
    base = market.base[held.instrument]
    at = {(int(a), market.currencies[b]): i for i, (a, b) in enumerate(zip(account, base, strict=True))}
    order = [at[a, p.coin] for a, each in enumerate(found.accounts) for p in each.positions]
    return price[order]


def compared(found: Instant) -> Agreement:
    """One instant."""
    started = time.perf_counter()
    price = computed_prices(found)
    seconds = time.perf_counter() - started
    recorded = np.array([float(row["liquidation_px"] or "nan") for row in found.rows])
    check = np.array([row["liq_recomputed_ok"] for row in found.rows])
    close = np.abs(price - recorded) <= TOLERANCE * np.abs(recorded)
    there = ~np.isnan(recorded)
    checkable, stated = there & (check != ""), there & (check == "1")
    return Agreement(
        instant=found.name,
        accounts=len(found.accounts),
        positions=len(found.rows),
        left_out=sum(found.left_out.values()),
        checkable=int(checkable.sum()),
        agreeing=int((checkable & close).sum()),
        stated=int(stated.sum()),
        stated_agreeing=int((stated & close).sum()),
        missing=int((~there & (check != "")).sum()),
        correctly_missing=int((~there & (check != "") & np.isnan(price)).sum()),
        seconds=seconds,
    )


def render_accounts(folder: str | Path | Recording) -> str:
    """Agreement by instant, as text."""
    head = ("accounts", "positions", "left out", "checkable", "agree", "stated", "agree", "none", "none here", "seconds")
    lines = [f"{'instant':<20}" + "".join(f"{name:>11}" for name in head)]
    found = agreement(folder)
    rows = [tuple(getattr(a, name) for name in Agreement.__slots__ if name not in {"instant", "seconds"}) for a in found]
    names, seconds = [a.instant.removesuffix("Z") for a in found], [a.seconds for a in found]
    total = tuple(map(sum, zip(*rows, strict=True)))
    for name, row, took in zip([*names, "all"], [*rows, total], [*seconds, sum(seconds)], strict=True):
        lines.append(f"{name:<20}" + "".join(f"{count:>11,}" for count in row) + f"{took:>11.3f}")
    return "\n".join(lines)


def render_list(folder: str | Path | Recording) -> str:
    """The recorded instants of a folder, as text."""
    lines = [f"{'instant':<22}{'accounts':>9}{'positions':>11}{'coins':>7}"]
    lines += [
        f"{each.name:<22}{len(each.accounts):>9}{len(each.rows):>11}{len(each.listed):>7}" for each in instants(folder)
    ]
    return "\n".join(lines)


def render_chain(found: Instant) -> str:
    """What became of one recorded instant: what was kept and what was left out."""
    lines = [f"{found.name}: {len(found.accounts)} accounts, {len(found.rows)} positions"]
    lines += [f"left out: {count} {reason}" for reason, count in found.left_out.items()]
    return "\n".join(lines)
