"""The recorded accounts carried along the recorded marks of the crash of February 2026, sharing collateral and isolated.

Accounts are those of the last instant before the crash at which leverage types and margins were recorded. Positions are held
fixed: nobody trades, adds money, pays funding or is liquidated, so a figure says where the accounts would stand, not what
happened to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.names import LIQUIDATION, RESTRICTED, STATUSES
from margin.text import table
from margin.venues.hyperliquid.books import Account, Position, snapshot
from margin.venues.hyperliquid.figures import positions
from margin.venues.hyperliquid.recorded.read import Instant, Recording, accounts
from margin.venues.hyperliquid.rules import compose

START = "2026-02-04T06:11:08Z"

COLLATERAL = ("as recorded", "isolated")
"""Cross positions share their account's equity; or each is isolated with its part of it."""

SHOWN_COIN = "BTC"

HEAD = (
    *("instant", SHOWN_COIN, "no mark", "equity", "initial", "maintenance", "call", "liquidation", "so far"),
    *("pools", "their notional", "their equity", "missing"),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """All accounts at one instant.

    Attributes
    ----------
    collateral : str
        One of `COLLATERAL`.
    instant : str
    pools : int
        Cross accounts and isolated positions.
    unmarked : int
        Positions whose coin has no mark at the instant: they keep the last mark before.
    unmarked_notional : float
        Of those.
    equity, initial, maintenance : float
        Sums over pools, USDC.
    called : int
        Accounts with a pool whose initial margin exceeds its equity, none in liquidation.
    liquidated : int
        Accounts with a pool in liquidation.
    liquidated_so_far : int
        Accounts that have had one at this or an earlier instant of the path.
    liquidated_pools : int
    liquidated_notional, liquidated_equity : float
        Of the pools in liquidation.
    missing : float
        What pools below zero lack.
    """

    collateral: str
    instant: str
    pools: int
    unmarked: int
    unmarked_notional: float
    equity: float
    initial: float
    maintenance: float
    called: int
    liquidated: int
    liquidated_so_far: int
    liquidated_pools: int
    liquidated_notional: float
    liquidated_equity: float
    missing: float


@dataclass(frozen=True, slots=True, eq=False)
class _Assessed:
    """Pools at one instant: account, equity, initial and maintenance margin, notional, position of the status in `STATUSES`."""

    account: NDArray[np.int64]
    equity: NDArray[np.float64]
    initial: NDArray[np.float64]
    maintenance: NDArray[np.float64]
    notional: NDArray[np.float64]
    status: NDArray[np.int8]
    of_position: NDArray[np.float64]


def crash_standings(folder: str | Path | Recording, *, start: str = START) -> tuple[Standing, ...]:
    """Where the accounts of one instant stand at it and at every later one, for both ways of holding collateral.

    A position's later mark is the one recorded for its coin; where there is none it keeps the last one and is counted. Margin
    tables are those of the first instant throughout. Under ``isolated`` the equity of a cross account is split over its cross
    positions in proportion to their maintenance margin, so that at first each is as far from liquidation as the account was.

    Parameters
    ----------
    folder : path or Recording
    start : str
        An instant with recorded accounts.

    Raises
    ------
    DataError
        If the instant is not recorded, or the folder lacks a file.
    """
    recording = Recording.read(folder)
    found = accounts(recording, start)
    names = [name for name in recording.instants if name >= found.name]
    standings = []
    for collateral in COLLATERAL:
        held = found.accounts if collateral == COLLATERAL[0] else isolated(found)
        ever = np.zeros(len(held), dtype=np.bool_)
        for name in names:
            marks = {} if name == found.name else _marks(recording, name)
            held = tuple(_carried(account, marks) for account in held)
            at = _assessed(found, held, name)
            ever[at.account[at.status == STATUSES.index(LIQUIDATION)]] = True
            without = () if name == found.name else [p for a in held for p in a.positions if p.coin not in marks]
            standings.append(_standing(collateral, name, at, int(ever.sum()), without))
    return tuple(standings)


def isolated(found: Instant) -> tuple[Account, ...]:
    """The accounts with every cross position isolated, the equity split in proportion to maintenance margin."""
    part = iter(_assessed(found, found.accounts, found.name).of_position.tolist())
    split = []
    for account in found.accounts:
        maintenance = [next(part) for _ in account.positions]
        shared = sum(m for m, p in zip(maintenance, account.positions, strict=True) if p.margin is None)
        equity = sum(account.money.values())
        own = [
            replace(p, margin=equity * m / shared) if p.margin is None else p
            for m, p in zip(maintenance, account.positions, strict=True)
        ]
        split.append(replace(account, money={}, positions=own))
    return tuple(split)


def _marks(recording: Recording, instant: str) -> dict[str, float]:
    rows = (row for row in recording.markets if row["snapshot_utc"] == instant and row["mark_px"])
    return {row["coin"]: float(row["mark_px"]) for row in rows}


def _carried(account: Account, marks: Mapping[str, float]) -> Account:
    """The account at other marks: profit and loss goes to the pool of the position."""
    shared, moved = 0.0, []
    for p in account.positions:
        mark = marks.get(p.coin, p.mark)
        profit = p.size * (mark - p.mark)
        shared += profit if p.margin is None else 0.0
        moved.append(replace(p, mark=mark, margin=None if p.margin is None else p.margin + profit))
    money = {token: amount + shared for token, amount in account.money.items()}
    return replace(account, money=money, positions=moved)


def _assessed(found: Instant, held: tuple[Account, ...], name: str) -> _Assessed:
    market, book = snapshot(held, time=name, listed=found.listed)
    assessment = compose("standard", found.parameters()).assess(book, market)
    each = positions(assessment)
    notional = np.zeros(len(assessment))
    np.add.at(notional, each.row, each.notional)
    coins = [market.currencies[base] for base in market.base[each.instrument]]
    at = {key: i for i, key in enumerate(zip(assessment.results.account[each.row].tolist(), coins, strict=True))}
    order = [at[number, p.coin] for number, account in enumerate(held) for p in account.positions]
    r = assessment.results
    return _Assessed(
        r.account.astype(np.int64), r.equity, r.initial, r.maintenance, notional, assessment.status, each.maintenance[order]
    )


def _standing(collateral: str, name: str, at: _Assessed, so_far: int, without: list[Position] | tuple[()]) -> Standing:
    gone = at.status == STATUSES.index(LIQUIDATION)
    liquidated = set(at.account[gone].tolist())
    called = set(at.account[at.status == STATUSES.index(RESTRICTED)].tolist()) - liquidated
    return Standing(
        collateral=collateral,
        instant=name,
        pools=len(at.account),
        unmarked=len(without),
        unmarked_notional=sum(p.value for p in without),
        equity=float(at.equity.sum()),
        initial=float(at.initial.sum()),
        maintenance=float(at.maintenance.sum()),
        called=len(called),
        liquidated=len(liquidated),
        liquidated_so_far=so_far,
        liquidated_pools=int(gone.sum()),
        liquidated_notional=float(at.notional[gone].sum()),
        liquidated_equity=float(at.equity[gone].sum()),
        missing=float(np.maximum(-at.equity, 0.0).sum()),
    )


def render_crash(folder: str | Path | Recording) -> str:
    """The path as text, a table for each way of holding collateral."""
    recording = Recording.read(folder)
    found = accounts(recording, START)
    standings = crash_standings(recording)
    kept = sum(len(account.positions) for account in found.accounts)
    own = sum(p.margin is not None for account in found.accounts for p in account.positions)
    about = (
        f"The {len(found.accounts)} recorded accounts of {START} with their {kept} positions ({own} of them isolated as\n"
        "recorded), at the marks recorded then and later. Nobody trades, adds money, pays funding or is liquidated; margin\n"
        "tables are those of the first instant. No mark: positions whose coin has none at the instant; they keep the last one.\n"
        "Call: accounts with a pool whose initial margin exceeds its equity, none in liquidation. So far: accounts with a pool\n"
        "in liquidation now or before. Pools: in liquidation. Missing: what pools below zero lack. Million USDC."
    )
    parts = ["\n".join([about, *(f"Left out: {count} {reason}." for reason, count in found.left_out.items())])]
    titles = ("cross (collateral as recorded)", "isolated (equity split over positions by maintenance margin)")
    for collateral, title in zip(COLLATERAL, titles, strict=True):
        rows = [_row(recording, each) for each in standings if each.collateral == collateral]
        pools = next(each.pools for each in standings if each.collateral == collateral)
        parts.append(f"{title}: {pools} pools\n{table(HEAD, rows)}")
    return "\n\n".join(parts)


def _row(recording: Recording, s: Standing) -> tuple[object, ...]:
    mark = _marks(recording, s.instant).get(SHOWN_COIN, float("nan"))
    whole = (round(value / 1e6, 1) for value in (s.equity, s.initial, s.maintenance))
    gone = (round(value / 1e6, 2) for value in (s.liquidated_notional, s.liquidated_equity, s.missing))
    counts = (s.called, s.liquidated, s.liquidated_so_far, s.liquidated_pools)
    return (s.instant[:16], mark, s.unmarked, *whole, *counts, *gone)
