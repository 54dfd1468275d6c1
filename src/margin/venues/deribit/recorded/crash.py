"""The same accounts before and in the crash of February 2026, under standard and portfolio margin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.book import Book
from margin.errors import DataError
from margin.market import FUTURE, PERPETUAL, Market
from margin.models.charges import black_delta
from margin.text import number, table
from margin.venues.deribit.recorded.chains import chain
from margin.venues.deribit.recorded.crash_book import CALM, CRASH, PARAMETERS_OF, render_accounts
from margin.venues.deribit.recorded.read import Recording
from margin.venues.deribit.rules import regime

SHOWN = (("segregated_standard", "coin"), ("segregated_portfolio", "coin"), ("cross_portfolio", "USD"))

COINS = ("BTC", "ETH")

EXPIRY = "27MAR26"
"""An expiry about seven weeks away that is listed at both instants, as future and as options."""

SIZE = {"BTC": 20.0, "ETH": 500.0}
"""Coins per leg: about the same worth for both coins."""

Legs = Mapping[str, float]
"""Coins held of each instrument, signed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Requirement of one account in one mode at both instants.

    Attributes
    ----------
    account, mode : str
    currency : str
        Of the requirements.
    calm, crash : float
        Initial margin.
    """

    account: str
    mode: str
    currency: str
    calm: float
    crash: float

    @property
    def ratio(self) -> float:
        """Requirement in the crash over the requirement before; nan where nothing was required before."""
        return self.crash / self.calm if self.calm else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Contracts:
    """Contracts of one coin that exist at every instant, seen at the first."""

    market: Market
    coin: str
    common: frozenset[str]

    def option(self, sign: int, delta: float) -> str:
        """The common option of `EXPIRY` whose absolute delta is nearest to `delta`: call for sign +1, put for -1."""
        names = self.market.instruments.to_list()
        prefix = f"{self.coin}-{EXPIRY}-"
        deltas = np.abs(black_delta(self.market))
        choice = [
            i
            for i, name in enumerate(names)
            if name.startswith(prefix) and self.market.option_sign[i] == sign and name in self.common
        ]
        if not choice:
            kind = "call" if sign > 0 else "put"
            raise DataError(
                f"no {kind} of {self.coin} that expires on {EXPIRY} is recorded at every instant",
                table="instruments",
                column="instrument",
                hint="Take a folder or days with chains of that expiry.",
            )
        return str(names[min(choice, key=lambda i: abs(deltas[i] - delta))])

    def delta(self, legs: Legs) -> float:
        """Delta of legs in coin."""
        deltas = black_delta(self.market)
        at = dict(zip(self.market.instruments.to_list(), np.where(np.isnan(deltas), 1.0, deltas), strict=True))
        return sum(coins * float(at[name]) for name, coins in legs.items())

    @property
    def perpetual(self) -> str:
        """Inverse perpetual of the coin."""
        return f"{self.coin}-PERPETUAL"

    @property
    def future(self) -> str:
        """Inverse future of `EXPIRY`."""
        return f"{self.coin}-{EXPIRY}"


def _strangle(c: Contracts, n: float) -> Legs:
    return {c.option(1, 0.25): -n, c.option(-1, 0.25): -n}


def _hedged_straddle(c: Contracts, n: float) -> Legs:
    options = {c.option(1, 0.5): -n, c.option(-1, 0.5): -n}
    return {**options, c.perpetual: -c.delta(options)}


ACCOUNTS: Mapping[str, Callable[[Contracts, float], Legs]] = {
    "long perpetual": lambda c, n: {c.perpetual: n},
    "basis: long future, short perpetual": lambda c, n: {c.future: n, c.perpetual: -n},
    "covered call": lambda c, n: {c.perpetual: n, c.option(1, 0.3): -n},
    "put spread, bought": lambda c, n: {c.option(-1, 0.4): n, c.option(-1, 0.2): -n},
    "short strangle": _strangle,
    "short straddle, delta-hedged": _hedged_straddle,
    "long straddle": lambda c, n: {c.option(1, 0.5): n, c.option(-1, 0.5): n},
}
"""What the example accounts hold: contracts and sizes in coin are fixed at the calm instant."""


def crash_comparison(folder: str | Path | Recording) -> tuple[Comparison, ...]:
    """Initial margin of the example accounts before and in the crash, in each of the modes shown.

    Parameters
    ----------
    folder : path or Recording
        Folder of the recorded data.
    """
    recording = Recording.read(folder)
    calm, crash = chain(recording, CALM).market(), chain(recording, CRASH).market()
    common = frozenset(map(str, calm.instruments)) & frozenset(map(str, crash.instruments))
    book = Book.of(positions=held(calm, common))
    found = []
    for mode, currency in SHOWN:
        rules = regime(mode, as_of=PARAMETERS_OF)
        before, after = (_margins(rules.assess(book, market).columns()) for market in (calm, crash))
        found += [Comparison(name, mode, currency, before[name], after[name]) for name in before]
    return tuple(found)


def render_comparison(folder: str | Path | Recording) -> str:
    """Positions and whole accounts before and in the crash, as text."""
    recording = Recording.read(folder)
    found = crash_comparison(recording)
    head = (
        f"Initial margin of the same positions at {CALM} (calm) and {CRASH} (crash).\n"
        f"Positions are sized at the calm instant ({', '.join(f'{SIZE[c]:g} {c}' for c in COINS)} a leg, options of {EXPIRY}), "
        f"without collateral.\nParameters of {PARAMETERS_OF} at both instants, so that only the market differs."
    )
    parts = [head]
    for mode, currency in SHOWN:
        rows = [(c.account, number(_short(c.calm)), number(_short(c.crash)), f"{c.ratio:.2f}") for c in found if c.mode == mode]
        parts.append(f"{mode}, in {currency}\n" + table(("account", "calm", "crash", "ratio"), rows))
    return "\n\n".join([*parts, render_accounts(recording)])


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def held(calm: Market, common: frozenset[str]) -> dict[str, list[Any]]:
    """Positions of the example accounts of both coins, in contracts of `common` and sized at the calm market."""
    names = {str(name): i for i, name in enumerate(calm.instruments)}
    rows = []
    for coin in COINS:
        contracts = Contracts(calm, coin, common)
        for account, legs in ACCOUNTS.items():
            for name, coins in legs(contracts, SIZE[coin]).items():
                i = names[name]
                in_quote = calm.kind[i] in (PERPETUAL, FUTURE)
                size = calm.contract_size[i] / (calm.mark[i] if in_quote else 1.0)
                rows.append((f"{coin} {account}", name, coins / float(size)))
    accounts, instruments, quantities = ([row[k] for row in rows] for k in range(3))
    return {"account": accounts, "instrument": instruments, "quantity": quantities}


def _margins(columns: Mapping[str, object]) -> dict[str, float]:
    accounts, margins = columns["account"], columns["initial_margin"]
    values: NDArray[np.float64] = np.asarray(margins)
    return {str(a): float(m) for a, m in zip(accounts, values, strict=True)}  # type: ignore[call-overload]
