"""The recorded option chains of a data folder, as columns.

Three recorders kept three layouts: snapshots of 2026 (options and forwards of BTC and ETH), January 2026 (BTC with full
instrument specifications) and one of May 2020. `Recording` brings them to one set of columns; nothing is judged here, so a
row that cannot be used is still in it.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError

Columns = dict[str, NDArray[Any]]
Row = dict[str, str]

OPTION_FILES = (
    "deribit_options_2026.csv.gz",
    "deribit_btc_options_2026-01.csv.gz",
    "deribit_btc_options_2020-05-21.csv.gz",
)
FUTURE_FILES = ("deribit_forwards_2026.csv.gz", "deribit_btc_futures_2026-01.csv.gz")

SYNTHETIC = "SYN."
"""Prefix of a forward without a listed future."""

INDEX = "index_price"
"""Name the API gives the underlying of options that expire soon and have no future: the index, not an instrument."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Every option and future row of a data folder.

    Attributes
    ----------
    options : dict of ndarray
        ``file``, ``snapshot`` (ISO, seconds), ``instrument``, ``currency``, ``option_type`` (call, put), ``underlying_name``
        (empty if not recorded) as strings; ``strike``, ``underlying``, ``index``, ``parity`` in USD, ``mark``, ``min_price``,
        ``max_price``, ``contract_size`` in coin, ``vol`` as a fraction per year: nan where not recorded; ``expiry`` and ``ts``
        (each row's own time) as datetime64[ms].
    futures : dict of ndarray
        ``file``, ``snapshot``, ``instrument``, ``currency``, ``kind`` (future, perpetual, synthetic_forward, index), ``price``
        and ``index`` in USD, ``contract_size`` in USD (nan if not recorded), ``expiry`` (NaT for perpetuals).
    """

    options: Columns
    futures: Columns

    @classmethod
    def read(cls, folder: str | Path | Recording) -> Recording:
        """Read the recorded files of `folder`; files that are absent are skipped, a folder with none is an error.

        Raises
        ------
        DataError
            If the folder holds no recorded option chain.
        """
        if isinstance(folder, Recording):
            return folder
        options = _read(Path(folder), OPTION_FILES)
        if not options:
            raise DataError(f"{folder} holds no recorded option chain", hint=f"Expected one of {', '.join(OPTION_FILES)}.")
        return cls(_option_columns(options), _future_columns(_read(Path(folder), FUTURE_FILES)))


def _read(folder: Path, names: tuple[str, ...]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        path = folder / name
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
                rows.extend({**row, "file": name} for row in csv.DictReader(file))
    return rows


def _option_columns(rows: list[Row]) -> Columns:
    def price(name: str) -> NDArray[np.float64]:
        return _numbers(rows, name)

    return {
        "file": _texts(rows, lambda r: r["file"]),
        "snapshot": _texts(rows, lambda r: r["snapshot_utc"]),
        "instrument": _texts(rows, lambda r: r["instrument"]),
        "currency": _texts(rows, _currency),
        "option_type": _texts(rows, lambda r: {"C": "call", "P": "put"}.get(r["option_type"], r["option_type"])),
        "underlying_name": _texts(rows, lambda r: r.get("underlying_name") or ""),
        "strike": price("strike"),
        "mark": price("mark_price"),
        "vol": price("mark_iv_pct") / 100.0,
        "underlying": price("underlying_price"),
        "index": price("index_price"),
        "parity": price("parity_forward"),
        "min_price": price("min_price"),
        "max_price": price("max_price"),
        "contract_size": price("contract_size"),
        "expiry": _times(rows, "expiry_ms"),
        "ts": _times(rows, "ts_ms"),
    }


def _future_columns(rows: list[Row]) -> Columns:
    return {
        "file": _texts(rows, lambda r: r["file"]),
        "snapshot": _texts(rows, lambda r: r["snapshot_utc"]),
        "instrument": _texts(rows, lambda r: r["instrument"]),
        "currency": _texts(rows, _currency),
        "kind": _texts(rows, _future_kind),
        "price": _numbers(rows, "price_usd", "mark_price"),
        "index": _numbers(rows, "index_price"),
        "contract_size": _numbers(rows, "contract_size_usd"),
        "expiry": _times(rows, "expiry_ms"),
    }


def _currency(row: Row) -> str:
    return row.get("currency") or row["instrument"].partition("-")[0]


def _future_kind(row: Row) -> str:
    if row["instrument"] == INDEX:
        return "index"  # the file calls it a future
    return row.get("kind") or ("future" if row["expiry_ms"] else "perpetual")


def _texts(rows: list[Row], value: Callable[[Row], str]) -> NDArray[np.str_]:
    return np.array([value(row) for row in rows], dtype=np.str_)


def _numbers(rows: list[Row], *names: str) -> NDArray[np.float64]:
    """The first of the named cells that is filled, else nan."""
    cells = [next((row[n] for n in names if row.get(n)), "nan") for row in rows]
    return np.array(cells, dtype=np.float64)


def _times(rows: list[Row], name: str) -> NDArray[np.datetime64]:
    cells = [int(float(row[name])) if row.get(name) else None for row in rows]
    return np.array(["NaT" if c is None else np.datetime64(c, "ms") for c in cells], dtype="datetime64[ms]")
