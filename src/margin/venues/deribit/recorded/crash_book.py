"""Whole accounts, with collateral, before and in the crash of February 2026: who is closer to liquidation, and who is in it.

Positions and collateral do not change between the two instants; prices, volatilities and times to expiry do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.book import Book
from margin.market import Market
from margin.regime import Regime
from margin.text import table
from margin.venues.deribit.recorded.accounts import KINDS, example_accounts
from margin.venues.deribit.recorded.chains import chain
from margin.venues.deribit.recorded.read import Recording
from margin.venues.deribit.rules import regime

CALM, CRASH = "2026-02-04T04:24:03Z", "2026-02-05T21:29:37Z"

PARAMETERS_OF = "2026-02-15"
"""Day on which the parameters of both coins had been recorded; the same are taken at both instants: only markets differ."""

SHOWN = ("segregated_standard", "segregated_portfolio", "cross_portfolio")


@dataclass(frozen=True, slots=True)
class Jump:
    """All accounts of one kind in one account mode, before and after.

    Attributes
    ----------
    kind, mode : str
    accounts : int
    calm, crash : float
        Maintenance margin of all of them together, USD.
    calm_utilisation, crash_utilisation : float
        Median of maintenance margin over collateral; infinite where more than half have no collateral left.
    calm_liquidated, crash_liquidated : int
        Accounts whose maintenance margin reaches their collateral.
    """

    kind: str
    mode: str
    accounts: int
    calm: float
    crash: float
    calm_utilisation: float
    crash_utilisation: float
    calm_liquidated: int
    crash_liquidated: int

    @property
    def ratio(self) -> float:
        """Requirement in the crash over the requirement before; nan where nothing was required before."""
        return self.crash / self.calm if self.calm else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Accounts at one instant: maintenance margin in USD, utilisation, whether in liquidation."""

    maintenance: NDArray[np.float64]
    utilisation: NDArray[np.float64]
    liquidated: NDArray[np.bool_]


def crash_accounts(
    folder: str | Path | Recording, *, modes: tuple[str, ...] = SHOWN, each: int = 20, seed: int = 0
) -> tuple[Jump, ...]:
    """Margin the same seeded accounts at a calm instant and in the crash, 41 hours later.

    Accounts hold only contracts that both instants record, entered at the calm marks; their collateral is the coin they trade.

    Parameters
    ----------
    folder : path or Recording
    modes : tuple of str
        Account modes of the venue.
    each : int
        Accounts of each kind and coin.
    seed : int

    Raises
    ------
    DataError
        If the folder does not hold the two instants.
    """
    recording = Recording.read(folder)
    chains = chain(recording, CALM), chain(recording, CRASH)
    listed = [{str(name) for name in c.tables["instruments"]["instrument"]} for c in chains]
    held = example_accounts(chains[0], among=listed[0] & listed[1], each=each, seed=seed)
    book = Book.of(positions=held["positions"], balances=held["balances"])
    markets = [c.market() for c in chains]
    found = []
    for mode in modes:
        rules = regime(mode, as_of=PARAMETERS_OF)
        calm, crash = (_state(rules, book, market) for market in markets)
        for kind in KINDS:
            own = np.array([str(account).startswith(f"{kind} ") for account in book.accounts], dtype=np.bool_)
            found.append(_jump(kind, mode, calm, crash, own))
    return tuple(found)


def _state(rules: Regime, book: Book, market: Market) -> _State:
    """Every account here has one coin, so one pool in any mode."""
    columns = rules.assess(book, market).columns()
    at = columns["account"].lookup(book.accounts)
    usd = np.array([1.0 if name == "USD" else market.usd[market.currencies.index(name)] for name in columns["currency"].decode()])
    state = _State(np.zeros(len(book)), np.zeros(len(book)), np.zeros(len(book), dtype=np.bool_))
    state.maintenance[at] = columns["maintenance_margin"] * usd
    state.utilisation[at] = columns["utilisation"]
    state.liquidated[at] = [name == "liquidation" for name in columns["status"].decode()]
    return state


def _jump(kind: str, mode: str, calm: _State, crash: _State, own: NDArray[np.bool_]) -> Jump:
    return Jump(
        kind,
        mode,
        int(own.sum()),
        float(calm.maintenance[own].sum()),
        float(crash.maintenance[own].sum()),
        float(np.median(calm.utilisation[own])),
        float(np.median(crash.utilisation[own])),
        int(calm.liquidated[own].sum()),
        int(crash.liquidated[own].sum()),
    )


def render_accounts(folder: str | Path | Recording) -> str:
    """The comparison as text."""
    found = crash_accounts(folder)
    about = (
        "Whole accounts: maintenance margin in USD of all accounts of a kind, median utilisation (maintenance margin over\n"
        "collateral), and how many are in liquidation. Collateral is the coin traded. Accounts are invented, markets recorded."
    )
    parts = [about]
    head = ("account", "number", "calm", "crash", "ratio", "utilisation", "in crash", "liquidation", "in crash")
    for mode in dict.fromkeys(jump.mode for jump in found):
        rows = [
            (
                j.kind,
                j.accounts,
                float(f"{j.calm:.5g}"),
                float(f"{j.crash:.5g}"),
                round(j.ratio, 2),
                round(j.calm_utilisation, 2),
                round(j.crash_utilisation, 2),
                j.calm_liquidated,
                j.crash_liquidated,
            )
            for j in found
            if j.mode == mode
        ]
        parts.append(f"{mode}\n{table(head, rows)}")
    return "\n\n".join(parts)
