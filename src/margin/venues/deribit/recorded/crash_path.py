"""The example positions along every recorded instant of the crash of February 2026, with collateral put down at the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment
from margin.book import Book
from margin.errors import DataError
from margin.market import Market
from margin.names import LIQUIDATION, RESTRICTED, STATUSES
from margin.regime import Regime
from margin.text import table
from margin.venues.deribit.recorded.chains import chain, instants
from margin.venues.deribit.recorded.crash import COINS, EXPIRY, SHOWN, SIZE, held, render_comparison
from margin.venues.deribit.recorded.crash_book import PARAMETERS_OF
from margin.venues.deribit.recorded.read import Recording
from margin.venues.deribit.rules import regime

Array = NDArray[np.float64]

FIRST_DAY, LAST_DAY = "2026-01-31", "2026-02-22"

COVER = 1.5
"""Collateral at the first instant over the initial margin there."""

ROUNDS = 100
"""Most rounds until the collateral covers a requirement that depends on it."""

MARK = {RESTRICTED: " c", LIQUIDATION: " L"}
"""How a status is printed beside a utilisation."""


@dataclass(frozen=True, slots=True)
class MarginPath:
    """One account in one mode along the path: its positions and coins never change.

    Attributes
    ----------
    account, mode : str
    currency : str
        Of all amounts but the coins.
    coins : float
        Put down at the first instant.
    instants : tuple of str
    requirement : tuple of float
        Initial margin at each instant.
    equity : tuple of float
        Coins, unrealised profit and loss, value of options.
    utilisation : tuple of float
        Initial margin over the collateral that counts against it; infinite where none is left.
    status : tuple of str
        ``healthy``, ``restricted`` (a call: initial margin exceeds the collateral) or ``liquidation``.
    """

    account: str
    mode: str
    currency: str
    coins: float
    instants: tuple[str, ...]
    requirement: tuple[float, ...]
    equity: tuple[float, ...]
    utilisation: tuple[float, ...]
    status: tuple[str, ...]

    @property
    def ratio(self) -> float:
        """Largest requirement over the first; nan where nothing was required at first."""
        return max(self.requirement) / self.requirement[0] if self.requirement[0] else float("nan")


def crash_paths(
    folder: str | Path | Recording, *, first: str = FIRST_DAY, last: str = LAST_DAY, cover: float = COVER
) -> tuple[MarginPath, ...]:
    """Margin the example positions at every recorded instant of some days, in each of the modes shown.

    Positions are sized and entered at the first instant, in contracts that every instant records. Collateral is the coin traded,
    as many coins as make it `cover` times the initial margin at the first instant in the mode; none where the positions alone
    are worth that much.

    Parameters
    ----------
    folder : path or Recording
    first, last : str
        Days, both included.
    cover : float

    Raises
    ------
    DataError
        If the days hold no instant, or no collateral covers a requirement as asked.
    """
    recording = Recording.read(folder)
    names = _names(recording, first, last)
    markets = [chain(recording, name).market() for name in names]
    common = frozenset.intersection(*(frozenset(map(str, market.instruments)) for market in markets))
    start = markets[0]
    marks = dict(zip(map(str, start.instruments), start.mark.tolist(), strict=True))
    positions = held(start, common)
    positions["entry_price"] = [marks[name] for name in positions["instrument"]]
    accounts = list(dict.fromkeys(positions["account"]))
    currency = [account.partition(" ")[0] for account in accounts]

    def book(coins: Array) -> Book:
        balances = {"account": accounts, "currency": currency, "amount": coins}
        return Book.of(positions=positions, balances=balances, accounts={"account": accounts})

    found = []
    for mode, unit in SHOWN:
        rules = regime(mode, as_of=PARAMETERS_OF)
        usd = np.array([start.usd[start.currencies.index(c)] for c in currency]) if unit == "USD" else np.ones(len(accounts))
        coins = _coins(rules, start, book, usd, cover)
        along = [_by_account(rules.assess(book(coins), market), accounts) for market in markets]
        for k, account in enumerate(accounts):
            need, equity, used = (tuple(float(at[n][k]) for at in along) for n in ("requirement", "equity", "utilisation"))
            status = tuple(STATUSES[int(at["status"][k])] for at in along)
            in_ = currency[k] if unit == "coin" else unit
            found.append(MarginPath(account, mode, in_, float(coins[k]), names, need, equity, used, status))
    return tuple(found)


def _names(recording: Recording, first: str, last: str) -> tuple[str, ...]:
    names = tuple(each.name for each in instants(recording) if first <= each.name[:10] <= last)
    if not names:
        raise DataError(f"no recorded instant from {first} to {last}", hint="Choose days that `recorded list` shows.")
    return names


def _by_account(assessment: Assessment, accounts: list[str]) -> dict[str, Array]:
    """Figures of accounts that have one pool each: all of an account here is in one coin."""
    columns = assessment.columns()
    at = columns["account"].lookup(assessment.book.accounts)
    code = {str(name): i for i, name in enumerate(assessment.book.accounts)}
    order = np.array([code[name] for name in accounts])
    shown = {
        "requirement": columns["initial_margin"],
        "equity": columns["equity"],
        "collateral": columns["collateral_value"],
        "utilisation": columns["initial_utilisation"],
        "status": assessment.status.astype(np.float64),
    }
    found = {}
    for name, values in shown.items():
        whole = np.zeros(len(accounts))
        whole[at] = values
        found[name] = whole[order]
    return found


def _coins(rules: Regime, market: Market, book: Callable[[Array], Book], usd: Array, cover: float) -> Array:
    """Coins with which the collateral is `cover` times the initial margin; rounds, since a requirement may depend on them."""
    coins = np.zeros(len(usd))
    for _ in range(ROUNDS):
        at = _by_account(rules.assess(book(coins), market), list(map(str, book(coins).accounts)))
        more = np.maximum(coins + (cover * at["requirement"] - at["collateral"]) / usd, 0.0)
        if np.allclose(more, coins, rtol=1e-12, atol=1e-12):
            return more
        coins = more
    raise DataError(f"no collateral is {cover:g} times the initial margin that it takes part in", hint="Choose a smaller cover.")


def render_crash(folder: str | Path | Recording) -> str:
    """The comparison of two instants and the path, as text."""
    recording = Recording.read(folder)
    return f"{render_comparison(recording)}\n\n{render_path(recording)}"


def render_path(folder: str | Path | Recording) -> str:
    """The path as text: markets, then requirement, equity and utilisation of each account in each mode."""
    recording = Recording.read(folder)
    found = crash_paths(recording)
    names = found[0].instants
    sizes = ", ".join(f"{SIZE[coin]:g} {coin}" for coin in COINS)
    about = (
        f"The same positions at every recorded instant from {FIRST_DAY} to {LAST_DAY}, sized at the first\n"
        f"({sizes} a leg, options of {EXPIRY}), parameters of {PARAMETERS_OF} throughout.\n"
        f"Collateral: the coin traded, at first {COVER:g} times the initial margin in the mode. Nobody adds or closes anything.\n"
        "Utilisation is initial margin over collateral; c: call (initial margin exceeds collateral), L: liquidation."
    )
    parts = [about, _markets(recording, names)]
    days = [name[5:16].replace("T", " ") for name in names]
    for mode, unit in SHOWN:
        own = [path for path in found if path.mode == mode]
        requirement = [(p.account, *map(_short, p.requirement), _ratio(p.ratio)) for p in own]
        equity = [(p.account, *map(_short, p.equity), f"{p.coins:.4g}") for p in own]
        used = [
            (p.account, *(f"{u:.2f}{MARK.get(s, '')}" for u, s in zip(p.utilisation, p.status, strict=True))) for p in own
        ]
        parts.append(f"{mode}: initial margin, {unit}\n" + table(("account", *days, "peak/first"), requirement))
        parts.append(f"{mode}: equity, {unit}\n" + table(("account", *days, "coins put down"), equity))
        parts.append(f"{mode}: utilisation and status\n" + table(("account", *days), used))
    return "\n\n".join(parts)


def _markets(recording: Recording, names: tuple[str, ...]) -> str:
    rows = []
    for name in names:
        market = chain(recording, name).market()
        index = [float(round(market.usd[market.currencies.index(coin)], 2)) for coin in COINS]
        vol = market.vol[~np.isnan(market.vol)]
        rows.append((name[:16], *index, len(vol), f"{np.median(vol):.0%}", f"{vol.max():.0%}"))
    return table(("instant", *(f"{coin} index" for coin in COINS), "options", "mark vol, median", "largest"), rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def _ratio(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"
