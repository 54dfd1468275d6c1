"""The recorded daily surfaces and the volatility index: implied vols of every listed strike, once a day."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np

from margin.analysis.surface import ListedVols
from margin.errors import DataError
from margin.io.daily import number, read_daily, read_rows

SURFACE_FILE = "deribit_surface_daily.csv.gz"
FORWARDS_FILE = "deribit_forwards_daily.csv.gz"
INDEX_FILE = "deribit_index_atm_6h.csv.gz"
DVOL_FILE = "deribit_btc_dvol_daily.csv.gz"


def daily_surfaces(folder: str | Path) -> dict[str, list[ListedVols]]:
    """Listed vols of each currency, day by day; empty where the folder has no recorded surfaces.

    The forward is that of each expiry, the price the index at the same instant. Options expire at 08:00 UTC.

    Raises
    ------
    DataError
        If an expiry has no recorded forward, an instant no index, or a cell is not a number above zero.
    """
    folder = Path(folder)
    if not (folder / SURFACE_FILE).exists():
        return {}
    forwards, index = _forwards(folder), _index(folder)
    instants: dict[tuple[str, str], list[tuple[str, float, float, float]]] = defaultdict(list)
    for i, row in enumerate(read_rows(folder / SURFACE_FILE)):
        snapshot, currency, expiry = row["snapshot_utc"], row["currency"], row["expiry"]
        forward = forwards.get((snapshot, currency, expiry))
        if forward is None:
            key = {"snapshot_utc": snapshot, "currency": currency, "expiry": expiry}
            raise DataError("the expiry has no forward", table=SURFACE_FILE, row=i, key=key, hint=f"See {FORWARDS_FILE}.")
        strike = number(row, "strike", table=SURFACE_FILE, at=i)
        vol = number(row, "mark_iv_pct", table=SURFACE_FILE, at=i) / 100.0
        instants[snapshot, currency].append((expiry, strike, forward, vol))
    found: dict[str, list[ListedVols]] = defaultdict(list)
    for (snapshot, currency), options in sorted(instants.items()):
        if (snapshot, currency) not in index:
            key = {"snapshot_utc": snapshot, "currency": currency}
            raise DataError("no index at this instant", table=INDEX_FILE, key=key)
        expiries, strikes, forward_of, vols = zip(*options, strict=True)
        found[currency].append(
            ListedVols(
                date=snapshot[:10],
                time=np.datetime64(snapshot.rstrip("Z"), "ms"),
                price=index[snapshot, currency],
                expiry=np.array([np.datetime64(f"{day}T08:00", "ms") for day in expiries]),
                strike=np.array(strikes),
                forward=np.array(forward_of),
                vol=np.array(vols),
            )
        )
    return dict(found)


def daily_vol_index(folder: str | Path) -> dict[str, dict[str, float]]:
    """The 30-day volatility index of each currency that has one: date to vol; empty where the folder has none."""
    path = Path(folder) / DVOL_FILE
    if not path.exists():
        return {}
    levels = read_daily(path, date_column="date_utc", value_column="btc_dvol_close_pct")
    return {"BTC": {day: level / 100.0 for day, level in levels.items()}}


def _forwards(folder: Path) -> dict[tuple[str, str, str], float]:
    rows = enumerate(read_rows(folder / FORWARDS_FILE))
    return {
        (row["snapshot_utc"], row["currency"], row["expiry"]): number(row, "forward_usd", table=FORWARDS_FILE, at=i)
        for i, row in rows
    }


def _index(folder: Path) -> dict[tuple[str, str], float]:
    """Index by minute and currency: the file has seconds, the surfaces have not."""
    found = {}
    for i, row in enumerate(read_rows(folder / INDEX_FILE)):
        for currency in ("BTC", "ETH"):
            minute = row["snapshot_utc"][:16] + "Z"
            found[minute, currency] = number(row, f"{currency.lower()}_index", table=INDEX_FILE, at=i)
    return found
