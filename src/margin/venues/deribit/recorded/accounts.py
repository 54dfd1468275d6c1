"""Example accounts on a recorded chain: seeded, with collateral in the coin they trade, positions entered at the marks.

The instants record markets, not accounts. These are invented to be of known kinds, so that a margin figure on a recorded
market can be read: who is directional, who is short options, who is hedged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import PCG64, Generator
from numpy.typing import NDArray

from margin import io
from margin.pricing import black76
from margin.venues.deribit.recorded.chains import YEAR, Chain, Forward, Tables, chain
from margin.venues.deribit.recorded.read import Columns, Recording

Array = NDArray[np.float64]
Holding = tuple[dict[str, float], float]
"""Contracts by instrument, and coins of collateral."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What can be traded in one coin at an instant.

    Attributes
    ----------
    option : ndarray of str
    sign, strike, years, delta, mark : ndarray of float64
        Of the options.
    futures : dict of str to float
        Coins per contract of futures and perpetual, the nearest first, the perpetual before all.
    """

    option: NDArray[np.str_]
    sign: Array
    strike: Array
    years: Array
    delta: Array
    mark: Array
    futures: dict[str, float]

    @property
    def hedge(self) -> str:
        """The perpetual, or the nearest future where none is recorded."""
        return next(iter(self.futures))

    def contracts(self, coins: float, instrument: str = "") -> float:
        """Whole contracts of a future, by default the hedge, for a size in coin."""
        return float(np.round(coins / self.futures[instrument or self.hedge]))

    def pick(self, rng: Generator, sign: int, delta: tuple[float, float], days: tuple[float, float]) -> int:
        """One option of a type with absolute delta and days to expiry in a range; the nearest in delta if there is none."""
        size = np.abs(self.delta)
        fits = (self.sign == sign) & (size > delta[0]) & (size < delta[1])
        fits &= (self.years * 365 > days[0]) & (self.years * 365 < days[1])
        if fits.any():
            return int(rng.choice(np.flatnonzero(fits)))
        return int(np.argmin(np.abs(size - np.mean(delta)) + 10.0 * (self.sign != sign)))


def _directional(way: float) -> Callable[[Generator, Desk], Holding]:
    def make(rng: Generator, desk: Desk) -> Holding:
        coins = float(rng.uniform(0.2, 5.0))
        return {desk.hedge: desk.contracts(way * coins)}, coins / float(rng.uniform(1.2, 4.0))

    return make


def _option_buyer(rng: Generator, desk: Desk) -> Holding:
    size = float(np.round(rng.uniform(0.5, 5.0), 1))
    legs = [desk.pick(rng, sign, (0.1, 0.4), (3, 120)) for sign in (1, -1)]
    paid = sum(size * desk.mark[leg] for leg in legs)
    return {str(desk.option[leg]): size for leg in legs}, float(paid * rng.uniform(1.1, 2.0))


def _option_seller(rng: Generator, desk: Desk) -> Holding:
    size = float(np.round(rng.uniform(0.5, 5.0), 1))
    legs = [desk.pick(rng, sign, (0.08, 0.3), (3, 60)) for sign in (1, -1)]
    return {str(desk.option[leg]): -size for leg in legs}, size * float(rng.uniform(0.35, 0.8))


def _covered_caller(rng: Generator, desk: Desk) -> Holding:
    size = float(np.round(rng.uniform(0.5, 5.0), 1))
    leg = desk.pick(rng, 1, (0.1, 0.35), (7, 90))
    return {str(desk.option[leg]): -size}, size


def _hedger(rng: Generator, desk: Desk) -> Holding:
    """Holds coins, sells some forward and buys puts for the rest."""
    coins = float(np.round(rng.uniform(2.0, 20.0), 1))
    leg = desk.pick(rng, -1, (0.15, 0.4), (20, 180))
    return {desk.hedge: desk.contracts(-0.5 * coins), str(desk.option[leg]): float(np.round(0.5 * coins, 1))}, coins


def _basis_trader(rng: Generator, desk: Desk) -> Holding:
    coins = float(rng.uniform(5.0, 40.0))
    dated = [name for name in desk.futures if name != desk.hedge]
    other = str(rng.choice(dated))
    return {desk.hedge: desk.contracts(coins), other: desk.contracts(-coins, other)}, coins * float(rng.uniform(0.08, 0.2))


def _market_maker(rng: Generator, desk: Desk) -> Holding:
    """Many options on both sides of the market, the sum of their deltas offset."""
    near = np.flatnonzero((np.abs(desk.delta) > 0.02) & (np.abs(desk.delta) < 0.98))
    legs = rng.choice(near, size=min(int(rng.integers(60, 140)), len(near)), replace=False)
    size = np.round(rng.lognormal(0.8, 0.8, len(legs)), 1) * rng.choice([1.0, -1.0], len(legs))
    size[size == 0.0] = 0.1
    coins = -float(size @ desk.delta[legs])
    held = {str(name): float(s) for name, s in zip(desk.option[legs], size, strict=True)}
    held[desk.hedge] = desk.contracts(coins)
    # Coins for an equity in proportion to the contracts: premiums were paid from them and received into them.
    equity = float(np.abs(size).sum() * rng.uniform(0.06, 0.12))
    return held, max(equity - float(size @ desk.mark[legs]), 0.1 * equity)


KINDS: dict[str, Callable[[Generator, Desk], Holding]] = {
    "long perpetual": _directional(1.0),
    "short perpetual": _directional(-1.0),
    "option buyer": _option_buyer,
    "option seller": _option_seller,
    "covered caller": _covered_caller,
    "hedger": _hedger,
    "basis trader": _basis_trader,
    "market maker": _market_maker,
}
"""What kinds of accounts there are. An account is named by its kind, coin and number: ``option seller BTC 3``."""


def example_accounts(found: Chain, *, among: Collection[str] | None = None, each: int = 20, seed: int = 0) -> Tables:
    """Accounts of every kind on the instruments of a chain.

    Parameters
    ----------
    found : Chain
    among : collection of str, optional
        Instruments to draw from, by default all of the chain.
    each : int
        Accounts of each kind and coin.
    seed : int

    Returns
    -------
    dict
        Tables ``positions`` (with entry prices: the marks of the chain) and ``balances``.
    """
    rng = Generator(PCG64(seed))
    names, marks = found.tables["quotes"]["instrument"], found.tables["quotes"]["mark"].astype(np.float64)
    mark = dict(zip((str(n) for n in names), marks.tolist(), strict=True))
    positions: list[tuple[str, str, float, float]] = []
    balances: list[tuple[str, str, float]] = []
    for currency in np.unique(found.tables["instruments"]["base"]):
        desk = _desk(found, str(currency), set(mark) if among is None else set(among))
        for kind, make in KINDS.items():
            for number in range(each):
                account = f"{kind} {currency} {number}"
                held, coins = make(rng, desk)
                # A worthless option has been bought for something.
                positions += [(account, name, size, max(mark[name], 1e-8)) for name, size in held.items() if size]
                balances.append((account, str(currency), coins))
    return {
        "positions": _columns(("account", "instrument", "quantity", "entry_price"), positions),
        "balances": _columns(("account", "currency", "amount"), balances),
    }


def write_snapshot_of(
    folder: str | Path | Recording, instant: str, out: str | Path, *, forward: Forward = "parity", each: int = 3, seed: int = 0
) -> Chain:
    """Write one recorded instant as a snapshot, with example accounts as its book, and return the chain it was made from.

    Parameters
    ----------
    folder, instant, forward
        As for `chain`.
    out : path
        Folder of Parquet tables, or a ``.json`` document.
    each, seed
        As for `example_accounts`; without accounts (0) the book is empty.
    """
    found = chain(folder, instant, forward=forward)
    book = example_accounts(found, each=each, seed=seed) if each else {}
    io.write_snapshot(out, {**found.tables, **book}, found.time)
    return found


def _columns(names: tuple[str, ...], rows: Sequence[tuple[str | float, ...]]) -> Columns:
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _desk(found: Chain, currency: str, among: set[str]) -> Desk:
    listed, quotes = found.tables["instruments"], found.tables["quotes"]
    usable = (listed["base"] == currency) & np.array([str(name) in among for name in listed["instrument"]])
    option = usable & (listed["kind"] == "option")
    sign = np.where(listed["option_type"][option] == "call", 1.0, -1.0)
    years = (listed["expiry"][option] - found.time) / YEAR
    strike = listed["strike"][option].astype(np.float64)
    value = black76(quotes["forward"][option].astype(np.float64), strike, years, quotes["vol"][option].astype(np.float64), sign)
    future = np.flatnonzero(usable & (listed["kind"] != "option"))
    nearest = future[np.lexsort((listed["expiry"][future], ~np.isnat(listed["expiry"][future])))]
    coins = {str(listed["instrument"][i]): float(listed["contract_size"][i] / quotes["mark"][i]) for i in nearest}
    mark = quotes["mark"][option].astype(np.float64)
    return Desk(listed["instrument"][option].astype(np.str_), sign, strike, years, value.delta, mark, coins)
