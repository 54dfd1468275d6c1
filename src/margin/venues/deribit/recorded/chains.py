"""One recorded instant as the tables of a market.

A market has one time, one index price per pair and one forward per option. A recording has a time per row, an index that
moves while the chain is read, and no forward that is exactly the one its marks were made with. `Chain` takes the medians
and says what was lost by it; rows that cannot be used are counted with the reason, none vanishes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.market import Market
from margin.venues.deribit.recorded.read import INDEX, SYNTHETIC, Columns, Recording

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Tables = dict[str, Columns]
Forward = Literal["parity", "underlying"]

CONTRACT_USD = {"BTC": 10.0, "ETH": 1.0}
"""USD per contract of inverse futures where the recording has no specification of them (instrument specification, not a rule)."""

YEAR = np.timedelta64(365 * 86_400_000, "ms")

SPREAD_TOLD = np.timedelta64(1, "s")
"""Rows further apart in time than this are reported."""


@dataclass(frozen=True, slots=True)
class Instant:
    """One recorded instant.

    Attributes
    ----------
    name : str
        The recorder's snapshot time, ``2026-02-04T04:24:03Z``; the key of `chain`.
    file : str
    options : dict of str to int
        Option rows by currency.
    futures, perpetuals : int
        Listed futures and perpetuals with a recorded price.
    """

    name: str
    file: str
    options: dict[str, int]
    futures: int
    perpetuals: int


@dataclass(frozen=True, slots=True)
class Chain:
    """The tables of one recorded instant, and what had to be decided to make them.

    Attributes
    ----------
    instant : str
    forward : {"parity", "underlying"}
    time : datetime64[ms]
        Median of the option rows' own times.
    tables : dict of str to dict of ndarray
        ``instruments``, ``quotes``, ``indices``, ``currencies``, as `margin.market.Market.of` takes them; options first.
    row_time : ndarray of datetime64[ms], shape (options,)
        Each option row's own time.
    left_out : dict of str to int
        Rows that are not in the tables, counted by reason.
    notes : tuple of str
        What was read off, replaced by a median, or is missing.
    """

    instant: str
    forward: str
    time: np.datetime64
    tables: Tables
    row_time: NDArray[np.datetime64]
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def market(self) -> Market:
        """The market of these tables."""
        return Market.of(time=self.time, **self.tables)


def instants(folder: str | Path | Recording) -> list[Instant]:
    """Every recorded instant of a data folder, in time order.

    Parameters
    ----------
    folder : path or Recording

    Raises
    ------
    DataError
        If the folder holds no recorded chain.
    """
    recording = Recording.read(folder)
    options, futures = recording.options, recording.futures
    found = []
    for name in np.unique(options["snapshot"]):
        row = options["snapshot"] == name
        kind = futures["kind"][futures["snapshot"] == name]
        counts = Counter(str(c) for c in options["currency"][row])
        file = str(options["file"][row][0])
        found.append(Instant(str(name), file, dict(counts), int((kind == "future").sum()), int((kind == "perpetual").sum())))
    return found


def chain(folder: str | Path | Recording, instant: str, *, forward: Forward = "parity") -> Chain:
    """The tables of one recorded instant.

    Parameters
    ----------
    folder : path or Recording
    instant : str
        A name of `instants`, or the start of one: ``2026-02-04T04:24``.
    forward : {"parity", "underlying"}
        Where an option's forward comes from. ``parity``: the median over strikes of ``K / (1 - (C - P))`` from the recorded
        marks of its expiry, which reproduces the marks best. ``underlying``: as the venue's API gave it with the row.

    Raises
    ------
    DataError
        If no instant, or more than one, starts with `instant`.
    """
    recording = Recording.read(folder)
    name = _resolve(recording, instant)
    left_out: Counter[str] = Counter()
    notes: list[str] = []

    options = _take(recording.options, recording.options["snapshot"] == name)
    options["parity"] = _parity(options)
    options["forward"] = options[forward]
    options = _usable(options, left_out)
    futures = _futures(recording, name, options, left_out, notes)
    time = np.median(options["ts"].astype(np.int64)).astype(np.int64).astype("datetime64[ms]")
    _tell_times(options, time, notes)
    zero = int((options["mark"] == 0.0).sum())
    if zero:
        notes.append(f"{zero} options with a recorded mark of 0 are kept")
    tables = _tables(options, futures, notes)
    return Chain(name, forward, time, tables, options["ts"].astype("datetime64[ms]"), dict(left_out), tuple(notes))


def _resolve(recording: Recording, instant: str) -> str:
    names = sorted({str(n) for n in recording.options["snapshot"] if str(n).startswith(instant)})
    if len(names) != 1:
        every = sorted({str(n) for n in recording.options["snapshot"]})
        problem = "no recorded instant starts with" if not names else f"{len(names)} recorded instants start with"
        raise DataError(f"{problem} {instant!r}", value=instant, hint=f"Recorded: {', '.join(names or every)}.")
    return names[0]


def _take(columns: Columns, keep: Mask | NDArray[np.int64]) -> Columns:
    return {name: column[keep] for name, column in columns.items()}


def _parity(options: Columns) -> Array:
    """Parity forward of each row's expiry: the recorded one, else the median over strikes; nan without a pair."""
    parity = options["parity"].astype(np.float64)
    for currency, expiry in {(str(c), e) for c, e in zip(options["currency"], options["expiry"], strict=True)}:
        here = (options["currency"] == currency) & (options["expiry"] == expiry)
        if np.isnan(parity[here]).any():
            call, put = _marks(options, here, "call"), _marks(options, here, "put")
            forwards = [k / (1.0 - (call[k] - put[k])) for k in call if k in put and call[k] - put[k] < 1.0]
            parity[here] = np.median(forwards) if forwards else np.nan
    return parity


def _marks(options: Columns, here: Mask, option_type: str) -> dict[float, float]:
    row = here & (options["option_type"] == option_type) & ~np.isnan(options["mark"].astype(np.float64))
    return {float(k): float(m) for k, m in zip(options["strike"][row], options["mark"][row], strict=True)}


def _usable(options: Columns, left_out: Counter[str]) -> Columns:
    """The rows a market can hold."""
    _, first = np.unique(options["instrument"], return_index=True)
    repeated = np.ones(len(options["instrument"]), dtype=np.bool_)
    repeated[first] = False
    tests: tuple[tuple[str, Mask], ...] = (
        ("option listed twice (the first row is kept)", repeated),
        ("option type is neither call nor put", ~np.isin(options["option_type"], ("call", "put"))),
        ("option expired when recorded", ~(options["expiry"] > options["ts"])),
        ("option without a mark", ~(options["mark"].astype(np.float64) >= 0.0)),
        ("option without an implied volatility", ~(options["vol"].astype(np.float64) > 0.0)),
        ("option without a forward", ~(options["forward"].astype(np.float64) > 0.0)),
    )
    return _without(options, tests, left_out)


def _without(columns: Columns, tests: tuple[tuple[str, Mask], ...], left_out: Counter[str]) -> Columns:
    """The rows that no test names; a row is counted at the first that does."""
    keep = np.ones(len(tests[0][1]), dtype=np.bool_)
    for reason, at_fault in tests:
        if count := int((keep & at_fault).sum()):
            left_out[reason] += count
        keep &= ~at_fault
    return _take(columns, keep)


def _futures(recording: Recording, name: str, options: Columns, left_out: Counter[str], notes: list[str]) -> Columns:
    """Listed futures and perpetuals of the instant; where no file holds them, the options' listed underlyings."""
    futures = _take(recording.futures, recording.futures["snapshot"] == name)
    if len(futures["instrument"]) == 0:
        futures = _underlyings(options)
        count = len(futures["instrument"])
        notes.append(f"{count} futures are priced at the median underlying of their options; none is recorded")
    price = futures["price"].astype(np.float64)
    tests: tuple[tuple[str, Mask], ...] = (
        ("synthetic forward (no listed future)", futures["kind"] == "synthetic_forward"),
        ("underlying named index_price (no listed future)", futures["kind"] == "index"),
        ("future without a price", ~(price > 0.0)),
    )
    futures = _without(futures, tests, left_out)
    for currency in np.unique(options["currency"]):
        own = futures["kind"][futures["currency"] == currency]
        if "perpetual" not in own:
            notes.append(f"no perpetual of {currency} is recorded")
    if (futures["file"] == "deribit_forwards_2026.csv.gz").any():
        notes.append("futures are marked at the median underlying of their options, perpetuals at a trade price")
    return futures


def _underlyings(options: Columns) -> Columns:
    name = options["underlying_name"].astype(np.str_)
    listed = (name != "") & (name != INDEX) & (np.char.find(name, SYNTHETIC) != 0)
    names, first = np.unique(options["underlying_name"][listed], return_index=True)
    rows = np.flatnonzero(listed)[first]
    price = [float(np.median(options["underlying"][options["underlying_name"] == n].astype(np.float64))) for n in names]
    return {
        "file": options["file"][rows],
        "instrument": names,
        "currency": options["currency"][rows],
        "kind": np.full(len(rows), "future"),
        "price": np.array(price, dtype=np.float64),
        "contract_size": np.full(len(rows), np.nan),
        "expiry": options["expiry"][rows],
    }


def _tell_times(options: Columns, time: np.datetime64, notes: list[str]) -> None:
    early, late = options["ts"].min(), options["ts"].max()
    if late - early > SPREAD_TOLD:
        seconds = [(t - time) / np.timedelta64(1, "s") for t in (early, late)]
        notes.append(f"option rows were read {seconds[0]:+.0f} s to {seconds[1]:+.0f} s around the market's time")


def _tables(options: Columns, futures: Columns, notes: list[str]) -> Tables:
    n_options, n_futures = len(options["instrument"]), len(futures["instrument"])

    def column(option: object, future: object) -> NDArray[np.generic]:
        return np.concatenate([np.broadcast_to(np.asarray(option), n_options), np.broadcast_to(np.asarray(future), n_futures)])

    currency = column(options["currency"], futures["currency"])
    usual = np.array([CONTRACT_USD.get(str(c), np.nan) for c in futures["currency"]], dtype=np.float64)
    recorded = futures["contract_size"].astype(np.float64)
    coins = options["contract_size"].astype(np.float64)
    currencies = np.unique(options["currency"])
    index = np.array([_index(options, str(c), notes) for c in currencies])
    return {
        "instruments": {
            "instrument": column(options["instrument"], futures["instrument"]),
            "kind": column("option", futures["kind"]),
            "contract": column("inverse", "inverse"),
            "base": currency,
            "quote": column("USD", "USD"),
            "settlement": currency,
            "contract_size": column(np.where(np.isnan(coins), 1.0, coins), np.where(np.isnan(recorded), usual, recorded)),
            "strike": column(options["strike"], np.nan),
            "option_type": column(options["option_type"].astype(object), None),
            "expiry": column(options["expiry"], futures["expiry"]),
        },
        "quotes": {
            "instrument": column(options["instrument"], futures["instrument"]),
            "mark": column(options["mark"], futures["price"]),
            "vol": column(options["vol"], np.nan),
            "forward": column(options["forward"], np.nan),
            "min_price": column(options["min_price"], np.nan),
            "max_price": column(options["max_price"], np.nan),
        },
        "indices": {"index": np.array([f"{c}_USD" for c in currencies]), "price": index},
        "currencies": {"currency": np.append(currencies, "USD"), "usd": np.append(index, 1.0)},
    }


def _index(options: Columns, currency: str, notes: list[str]) -> float:
    """Median index of the rows; how far it moved within the recording is told."""
    prices = options["index"][options["currency"] == currency].astype(np.float64)
    median = float(np.median(prices))
    notes.append(f"{currency} index {median:.2f} is a median; within the recording it moved {np.ptp(prices) / median:.3%}")
    return median
