"""Instruments and their prices, as far as an account uses them, as a market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from margin.errors import DataError
from margin.market import Market
from margin.venues.okx.payloads.fields import Record, records

KINDS = {"SWAP": "perpetual", "FUTURES": "future", "OPTION": "option", "SPOT": "spot", "MARGIN": "spot"}
DOLLAR = "USD"
TYPES = {"C": "call", "P": "put"}


@dataclass(frozen=True, slots=True)
class Listed:
    """One instrument in the words of the tables, of `record` in the payload."""

    record: Record
    columns: Mapping[str, Any]

    @property
    def pair(self) -> tuple[str, str]:
        """Base and quote."""
        return self.columns["base"], self.columns["quote"]

    @classmethod
    def of(cls, record: Record) -> Listed:
        """Read an instrument.

        Raises
        ------
        DataError
            Naming the field at fault.
        """
        kind = KINDS[record.choice("instType", *KINDS)]
        if kind == "spot":
            base, quote = record.text("baseCcy"), record.text("quoteCcy")
            return cls(record, _columns(record, kind, base, quote, quote, 1.0, inverse=False))
        family = record.text("uly" if record.has("uly") else "instFamily")
        parts = family.split("-")
        if len(parts) != 2:
            record.refuse("uly", f"{family!r} is not <coin>-<currency>")
        base, quote = parts[0], parts[1].split("_")[0]
        settle = record.text("settleCcy")
        inverse = settle == base
        if record.has("ctType") and (record.choice("ctType", "linear", "inverse") == "inverse") is not inverse:
            record.refuse("ctType", f"{record.text('ctType')!r} does not agree with settleCcy {settle!r} of {family!r}")
        size = record.positive("ctVal") * (record.positive("ctMult") if record.has("ctMult") else 1.0)
        return cls(record, _columns(record, kind, base, quote, settle, size, inverse=inverse))


def _columns(record: Record, kind: str, base: str, quote: str, settle: str, size: float, *, inverse: bool) -> dict[str, Any]:
    option = kind == "option"
    dated = kind in ("option", "future")
    return {
        "instrument": record.text("instId"), "kind": kind, "contract": "inverse" if inverse else "linear", "base": base,
        "quote": quote, "settlement": settle, "contract_size": size, "index": f"{base}_{quote}",
        "expiry": np.datetime64(int(record.positive("expTime")), "ms") if dated else np.datetime64("NaT", "ms"),
        "strike": record.positive("stk") if option else np.nan,
        "option_type": TYPES[record.choice("optType", *TYPES)] if option else None,
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by instrument and by pair, from the payloads that give them.

    Attributes
    ----------
    marks, forwards, vols : dict of str to float
        By instrument.
    indices : dict of tuple of (str, str) to float
        By base and quote.
    """

    marks: dict[str, float]
    forwards: dict[str, float]
    vols: dict[str, float]
    indices: dict[tuple[str, str], float]

    @classmethod
    def of(cls, *, marks: object, indices: object, options: object, tickers: object) -> Prices:
        """Read mark prices, index tickers, option summaries and spot tickers; each may be None."""
        given = [
            [] if payload is None else records(payload, name)
            for payload, name in ((marks, "marks"), (indices, "indices"), (options, "option_summary"), (tickers, "tickers"))
        ]
        prices = cls({}, {}, {}, {})
        for record in given[0]:
            prices.marks[record.text("instId")] = record.number("markPx")
        for record in given[1]:
            base, _, quote = record.text("instId").partition("-")
            prices.indices[base, quote] = record.positive("idxPx")
        for record in given[2]:
            prices.forwards[record.text("instId")] = record.positive("fwdPx")
            prices.vols[record.text("instId")] = record.number("markVol")
        for record in given[3]:
            prices.marks.setdefault(record.text("instId"), record.positive("last"))
        return prices


def market_of(listed: Iterable[Listed], prices: Prices, *, usd: Mapping[str, float], time: np.datetime64) -> Market:
    """A market of some instruments.

    Raises
    ------
    DataError
        Naming the instrument or the currency whose price no payload gives.
    """
    rows = list(listed)
    names = [row.columns["instrument"] for row in rows]
    option = [row.columns["kind"] == "option" for row in rows]

    def price(of: Mapping[str, float], what: str, payload: str, name: str) -> float:
        if name not in of:
            raise DataError(f"{name!r} has no {what}", column=payload, value=name, hint=f"Give its row in {payload}.")
        return of[name]

    def of_options(given: Mapping[str, float], what: str) -> list[float | None]:
        return [price(given, what, "option_summary", name) if o else None for name, o in zip(names, option, strict=True)]

    pairs = {row.pair: _index(row, prices) for row in rows}
    worth = {**{c: np.nan for row in rows for c in (row.columns["settlement"], row.columns["base"])}, **usd, DOLLAR: 1.0}
    for (base, quote), index in pairs.items():
        if np.isnan(worth.get(base, np.nan)) and quote in worth and not np.isnan(worth[quote]):
            worth[base] = index * worth[quote]
    for currency in sorted({row.columns["settlement"] for row in rows}):
        if np.isnan(worth[currency]):
            raise DataError(
                f"{currency} has no USD price", column="usd", value=currency, hint="Give it in usd, or its index in indices."
            )
    return Market.of(
        time=time,
        instruments={
            name: [row.columns[name] for row in rows] if name != "expiry" else np.array(
                [row.columns[name] for row in rows], dtype="datetime64[ms]"
            )
            for name in (
                "instrument", "kind", "contract", "base", "quote", "settlement", "contract_size", "index", "expiry", "strike",
                "option_type",
            )
        },
        quotes={
            "instrument": names,
            "mark": [price(prices.marks, "mark", "marks", name) for name in names],
            "forward": of_options(prices.forwards, "forward"),
            "vol": of_options(prices.vols, "vol"),
        },
        indices={"index": [f"{base}_{quote}" for base, quote in pairs], "price": list(pairs.values())},
        currencies={
            "currency": [c for c, x in worth.items() if not np.isnan(x)], "usd": [x for x in worth.values() if not np.isnan(x)]
        },
    )  # fmt: skip


def _index(row: Listed, prices: Prices) -> float:
    if row.pair in prices.indices:
        return prices.indices[row.pair]
    if row.columns["kind"] == "spot" and row.columns["instrument"] in prices.marks:
        return prices.marks[row.columns["instrument"]]
    name = "-".join(row.pair)
    raise DataError(f"the index {name!r} has no price", column="indices", value=name, hint="Give its row in indices.")
