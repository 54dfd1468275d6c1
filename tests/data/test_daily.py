"""Files of daily closes: what they may look like, and what is said about those that do not."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from margin.errors import DataError
from margin.io.daily import read_closes, read_daily

GOOD = "date_utc,BTC_usdt,ETH_usdt\n2026-01-01,100,10\n2026-01-02,110,\n2026-01-03,120,12.5\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "daily_closes.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_closes(tmp_path: Path) -> None:
    closes = read_closes(written(tmp_path, GOOD))
    assert closes.dates == ("2026-01-01", "2026-01-02", "2026-01-03")
    assert (closes.names, closes.quote) == (("BTC", "ETH"), "usdt")
    np.testing.assert_array_equal(closes.price, [[100, 10], [110, np.nan], [120, 12.5]])


def test_gzip(tmp_path: Path) -> None:
    path = tmp_path / "daily_closes.csv.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert read_closes(path).price[2, 1] == 12.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"daily_closes.csv: no rows"),
        ("date,BTC\n2026-01-01,1\n", r"the header is date, BTC. Name the columns <COIN>_<quote>"),
        ("date\n2026-01-01\n", r"the header is date"),
        (GOOD.replace("ETH_usdt", "ETH_eur"), r"several quote currencies \(eur, usdt\)"),
        (GOOD.replace("2026-01-02", "2026-13-02"), r"daily_closes.csv.date_utc, row 1: '2026-13-02' is not a date"),
        (GOOD.replace("2026-01-02", "2026-01-04"), r"daily_closes.csv.date_utc, row 1: 2026-01-04 follows 2026-01-01"),
        (GOOD.replace("110", "-1"), r"daily_closes.csv.BTC_usdt, row 1: '-1' is not a number above zero"),
        (GOOD.replace("110", "n/a"), r"BTC_usdt, row 1: 'n/a' is not a number"),
        (GOOD.replace("110,", "110"), r"daily_closes.csv, row 1: the row has not as many cells as the header"),
    ],
)
def test_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_closes(written(tmp_path, text))


def test_not_compressed_as_named(tmp_path: Path) -> None:
    path = tmp_path / "daily_closes.csv.gz"
    path.write_text(GOOD)
    with pytest.raises(DataError, match=r"daily_closes.csv.gz: not a CSV file"):
        read_closes(path)


def test_one_number_a_day(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert read_daily(path, date_column="date_utc", value_column="BTC_usdt")["2026-01-02"] == 110.0
    with pytest.raises(DataError, match=r"ETH_usdt, row 1: '' is not a number above zero"):
        read_daily(path, date_column="date_utc", value_column="ETH_usdt")
    with pytest.raises(DataError, match="no rows with such a column"):
        read_daily(path, date_column="day", value_column="BTC_usdt")
    with pytest.raises(DataError, match=r"daily_closes.csv.SOL: no such column. The file has date_utc, BTC_usdt, ETH_usdt"):
        read_daily(path, date_column="date_utc", value_column="SOL")
