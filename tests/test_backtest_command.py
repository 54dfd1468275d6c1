"""`margin-engine backtest` on small files made up here, and on the recorded ones."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from margin.book import Book
from margin.errors import DataError
from margin.io.daily import read_closes
from margin.market import Market
from margin.venues.deribit.recorded import daily_surfaces, daily_vol_index

DAYS = 24
DATES = [str(d) for d in np.datetime64("2026-01-01") + np.arange(DAYS)]
EXPIRIES = [*DATES[2::3], "2026-01-27", "2026-02-20", "2026-04-10", "2026-08-28"]
SMALL = ("--window", 15, "--surface-window", 15, "--stress-days", 5, "--level", 0.9)


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "margin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(path: Path, header: str, rows: list[str]) -> None:
    path.write_bytes(gzip.compress("\n".join([header, *rows, ""]).encode()))


def write_closes(folder: Path) -> np.ndarray:
    rng = np.random.default_rng(2)
    price = 1000.0 * np.exp(np.cumsum(0.03 * rng.standard_normal((DAYS, 5)), axis=0))
    rows = [f"{date},{','.join(f'{p:.6f}' for p in row)}" for date, row in zip(DATES, price, strict=True)]
    rows[0] = rows[0].rpartition(",")[0] + ","  # the last coin starts a day later
    write(folder / "spot_daily_closes.csv.gz", "date_utc,BTC_usdt,ETH_usdt,SOL_usdt,XRP_usdt,SUI_usdt", rows)
    return price


def write_venue(folder: Path, price: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    vol = 50.0 * np.exp(np.cumsum(0.03 * rng.standard_normal(DAYS)))
    write(folder / "deribit_btc_dvol_daily.csv.gz", "date_utc,btc_dvol_close_pct,source",
          [f"{d},{v:.4f},A" for d, v in zip(DATES, vol, strict=True)])  # fmt: skip
    surface, forwards, index = [], [], []
    for t, date in enumerate(DATES):
        index.append(f"{date}T16:00:05Z,{price[t, 0]},{vol[t]},10,{price[t, 1]},{vol[t]},10")
        for c, coin in enumerate(("BTC", "ETH")):
            for expiry in EXPIRIES:
                if expiry > date:
                    forwards.append(f"{date}T16:00Z,{coin},{expiry},{price[t, c]}")
                    surface += [f"{date}T16:00Z,{coin},{expiry},{k},{vol[t]:.4f}" for k in range(400, 2500, 50)]
    write(folder / "deribit_surface_daily.csv.gz", "snapshot_utc,currency,expiry,strike,mark_iv_pct", surface)
    write(folder / "deribit_forwards_daily.csv.gz", "snapshot_utc,currency,expiry,forward_usd", forwards)
    write(folder / "deribit_index_atm_6h.csv.gz",
          "snapshot_utc,btc_index,btc_atm_iv_30d_pct,btc_options,eth_index,eth_atm_iv_30d_pct,eth_options", index)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    write_venue(made, write_closes(made))
    return made


def test_every_study_is_printed(folder: Path) -> None:
    result = cli("backtest", folder, *SMALL)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for title in (
        "Margins at 90 % over one day",
        "perpetuals of 4 coins, 2026-01-16 .. 2026-01-23, window 15 days",
        "perpetuals of 5 coins, 2026-01-17 .. 2026-01-23, window 15 days",
        "BTC options on the volatility index, 2026-01-16 .. 2026-01-23",
        "BTC and ETH options on the listed surface, 2026-01-16 .. 2026-01-23",
        "Correlation stress: margins of 2026-01-23",
    ):
        assert title in result.stdout
    lines = result.stdout.splitlines()
    books = [line for line in lines if line.startswith("BTC short strangle")]
    assert [line.split()[3] for line in books] == ["plain", "filtered", "weighted", "stressed"] * 2
    assert len([line for line in lines if line.startswith("ETH ")]) == 6 * 4 + 2 * 4 + 2
    header = next(line for line in lines if line.startswith("portfolio"))
    for column in ("breaches", "expected", "Kupiec p", "Christ. p", "loss/ES", "peak/trough"):
        assert column in header


def test_span_and_methods_are_chosen(folder: Path) -> None:
    result = cli("backtest", folder, *SMALL, "--method", "plain", "--from", "2026-01-18", "--to", "2026-01-22")
    assert result.returncode == 0, result.stderr
    assert "perpetuals of 4 coins, 2026-01-18 .. 2026-01-21" in result.stdout
    assert "filtered  " not in result.stdout
    assert cli("backtest", folder, *SMALL).stdout == cli("backtest", folder, *SMALL).stdout


def test_decay_can_be_left_out(folder: Path) -> None:
    runs = [cli("backtest", folder, *SMALL, "--method", "plain", *more) for more in ((), ("--unchanged-time",))]
    assert [run.returncode for run in runs] == [0, 0]
    aged, held = (run.stdout for run in runs)
    assert aged != held
    assert aged.partition("options")[0] == held.partition("options")[0]


def test_without_a_venue_the_options_are_left_out_aloud(tmp_path: Path) -> None:
    write_closes(tmp_path)
    result = cli("backtest", tmp_path, *SMALL, "--method", "plain")
    assert result.returncode == 0, result.stderr
    assert "no volatility index of deribit in" in result.stderr
    assert "no option surfaces of deribit in" in result.stderr
    assert "options on" not in result.stdout


def test_what_the_span_does_not_allow_is_left_out_aloud(folder: Path) -> None:
    result = cli("backtest", folder, *SMALL[2:], "--window", 22, "--method", "plain")
    assert result.returncode == 0, result.stderr
    assert "left out: perpetuals of 5 coins: no day to test with a window of 22 in 2026-01-03 .. 2026-01-24" in result.stderr
    assert "BTC options on the volatility index" in result.stdout
    assert "Correlation stress" in result.stdout


def test_wrong_input_is_told(tmp_path: Path, folder: Path) -> None:
    empty = cli("backtest", tmp_path)
    assert empty.returncode == 2
    assert "holds none that match *daily_closes.csv*. One file of daily closes is needed." in empty.stderr
    long = cli("backtest", folder, "--window", 100)
    assert long.returncode == 2
    assert "left out: perpetuals of 4 coins: no day to test with a window of 100 in 2026-01-02 .. 2026-01-24" in long.stderr
    assert "error: no day to test in" in long.stderr
    assert cli("backtest", folder, "--level", 99).returncode == 2
    assert "margin-engine backtest data --from 2025-01-01" in cli("backtest", "--help").stdout


def test_the_example_of_the_document_runs(folder: Path, market: Market) -> None:
    text = (Path(__file__).parents[1] / "docs" / "backtest.md").read_text(encoding="utf-8")
    code = text.partition("```python\n")[2].partition("```")[0].replace("window(365)", "window(20)")
    held = {"BTC-PERPETUAL": 100.0, "ETH-PERPETUAL": -700.0}
    book = Book.of(positions={"account": ["a", "a"], "instrument": list(held), "quantity": list(held.values())})
    names = {"file": folder / "spot_daily_closes.csv.gz", "market": market, "book": book}
    exec(code, names)
    (together,), (apart,) = names["margins"]  # type: ignore[misc]
    assert 0.0 < together < 2000.0
    assert 0.0 < apart < 2000.0


def test_surfaces_are_read(folder: Path) -> None:
    found = daily_surfaces(folder)
    assert {coin: len(days) for coin, days in found.items()} == {"BTC": DAYS, "ETH": DAYS}
    first = found["BTC"][0]
    assert (first.date, str(first.time)) == ("2026-01-01", "2026-01-01T16:00:00.000")
    assert len(first.strike) == len(EXPIRIES) * 42
    assert str(first.expiry[0]) == "2026-01-03T08:00:00.000"
    assert 0.2 < first.vol[0] < 1.0
    assert 0.2 < daily_vol_index(folder)["BTC"]["2026-01-24"] < 1.0


def test_surfaces_without_forward_or_index(tmp_path: Path, folder: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    write(tmp_path / "deribit_forwards_daily.csv.gz", "snapshot_utc,currency,expiry,forward_usd", [])
    with pytest.raises(DataError, match=r"deribit_surface_daily.csv.gz, row 0 .*: the expiry has no forward"):
        daily_surfaces(tmp_path)
    (tmp_path / "deribit_forwards_daily.csv.gz").write_bytes((folder / "deribit_forwards_daily.csv.gz").read_bytes())
    write(tmp_path / "deribit_index_atm_6h.csv.gz", "snapshot_utc,btc_index,eth_index", [])
    with pytest.raises(DataError, match="no index at this instant"):
        daily_surfaces(tmp_path)
    assert daily_surfaces(tmp_path / "nowhere") == {}


@pytest.mark.slow
def test_recorded_history(shared_data: Path) -> None:
    """The figures of docs/backtest.md that are spoken about there."""
    result = cli("backtest", shared_data, "--method", "plain")
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    found = {" ".join(row[:-14]): row[-13:] for row in reversed(rows) if "plain" in row}  # the first of a name stays
    closes = read_closes(shared_data / "binance_spot_daily_closes.csv.gz")
    price = closes.price[:, closes.names.index("BTC")]
    move = price[1:] / price[:-1] - 1.0
    fourth_worst = [np.sort(move[t - 365 : t])[3] for t in range(365, len(move))]  # 3 of 365 are fewer than 1 %
    breaches = int((move[365:] < fourth_worst).sum())
    assert found["BTC long"][:3] == [str(len(move) - 365), str(breaches), "15.3"]
    assert float(found["equal weights, 10 coins"][4]) < 0.01
    assert int(found["BTC long straddle, hedged"][1]) > 1.5 * float(found["BTC long straddle, hedged"][2])
