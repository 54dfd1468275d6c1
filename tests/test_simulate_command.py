"""`margin-engine simulate`: its own example on a small demo, its tables, its paths and its refusals."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pq = pytest.importorskip("pyarrow.parquet")

RULES = ("--venue", "deribit", "--mode", "cross_portfolio")
TABLES = ["accounts.parquet", "distressed.parquet", "events.parquet", "times.parquet"]


def cli(*arguments, cwd=None):
    command = [sys.executable, "-m", "margin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulate")
    result = cli("demo", "--accounts", 300, "--seed", 5, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def test_the_example_of_the_help_runs_on_the_demo(folder):
    text = cli("simulate", "--help").stdout
    example = re.search(r"Example:\n\s+margin-engine (simulate .*?)\n\n", text, re.DOTALL).group(1)
    result = cli(*shlex.split(example.replace("\\\n", " ")), cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "deribit cross_portfolio: Simulation(10 instants" in result.stdout
    assert "hedge delta" in result.stdout
    assert sorted(p.name for p in (folder / "simulation").iterdir()) == TABLES
    tables = {name: pq.read_table(folder / "simulation" / name) for name in TABLES}
    assert tables["times.parquet"].num_rows == 10
    assert tables["accounts.parquet"].num_rows == 300
    assert tables["events.parquet"].num_rows > 0
    assert set(tables["distressed.parquet"]["account"].to_pylist()) <= set(tables["accounts.parquet"]["account"].to_pylist())
    again = cli(*shlex.split(example.replace("\\\n", " ")), cwd=folder)
    assert again.returncode == 2
    assert "not empty" in again.stderr


def test_paths_from_files_and_jumps(folder, tmp_path):
    path = tmp_path / "path.csv"
    path.write_text("seconds,price.BTC,vol.BTC,funding.BTC\n60,0.9,1.2,0.001\n120,0.8,1.4,0\n")
    result = cli("simulate", "demo/snapshot", *RULES, "--path", path, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "2 instants" in result.stdout
    closes = tmp_path / "closes.csv"
    closes.write_text("date,BTC_USD,ETH_USD\n2025-10-09,100,10\n2025-10-10,90,8\n2025-10-11,95,9\n")
    options = ("--closes", closes, "--from", "2025-10-09", "--days", 2, "--freeze-time")
    result = cli("simulate", "demo/snapshot", *RULES, *options, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "86,400" in result.stdout
    options = ("--jumps", 3, "--jump", 0.8, 1000, -0.05, 0.05, "--steps", 3)
    first, second = (cli("simulate", "demo/snapshot", *RULES, *options, cwd=folder) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give one path"),
        (("--shock", "BTC=-0.1", "--jumps", "1"), "give one path"),
        (("--jumps", "1"), "--jumps needs --jump"),
        (("--shock", "BTC"), "'BTC' is not NAME=NUMBER"),
        (("--shock", "NOPE=-0.1"), "moves NOPE, which is not in the market"),
        (("--shock", "BTC=-1.5"), "'--shock': 'BTC=-1.5' moves to zero or below"),
        (("--depeg", "USDC=-0.5", "--depeg", "USDC=-0.1"), "'--depeg': USDC is given twice"),
        (("--shock", "BTC=-0.1", "--interval", "10000000"), "expires on the path"),
        (("--shock", "BTC=-0.1", "--fund", "NOPE=1"), "the house holds NOPE"),
        (("--shock", "BTC=-0.1", "--accept", "official"), "has no value"),
    ],
)
def test_what_is_wrong_is_said(folder, options, message):
    result = cli("simulate", "demo/snapshot", *RULES, *options, cwd=folder)
    assert result.returncode == 2
    assert message in result.stderr


def test_the_example_of_the_page_runs_on_the_demo(folder):
    page = (Path(__file__).parents[1] / "docs" / "liquidation-procedures.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL).group(1) + "\nprint(result)\n"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "Simulation(10 instants" in result.stdout
