"""The example of the Derive document runs as printed; the command works on a Derive snapshot."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from margin.io import read_snapshot
from margin.venues.derive import regime

DOCS = Path(__file__).parents[1] / "docs"
SNAPSHOT = DOCS / "examples" / "derive.json"
PM2 = ["--venue", "derive", "--mode", "pm2_eth"]


def run(*arguments: object) -> str:
    command = [sys.executable, "-m", "margin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_example_runs_as_printed():
    text = (DOCS / "derive.md").read_text(encoding="utf-8")
    printed = re.search(r"```text\n(.*?)```", text, re.DOTALL).group(1).strip()
    assert "margin-engine explain docs/examples/derive.json calendar --venue derive --mode pm2_eth" in text
    assert printed in run("explain", SNAPSHOT, "calendar", *PM2)


def test_an_exchange_runs(tmp_path):
    pytest.importorskip("pyarrow")
    assert "3 accounts, 5 positions" in run("run", SNAPSHOT, "-o", tmp_path / "out", *PM2)
    assert (tmp_path / "out" / "assessments.parquet").exists()


def test_long_parameters_are_cut():
    lines = run("params", "derive", "--as-of", "2026-01-01").splitlines()
    (line,) = (line for line in lines if line.startswith("pm2.ETH.scenarios"))
    assert "[1.135, up, 1]" in line
    assert "... (33)" in line


def test_the_worst_scenario_is_named():
    snapshot = read_snapshot(SNAPSHOT)
    result = regime("pm2_eth", as_of="2026-03-01").assess(snapshot.book, snapshot.market)
    pools = {account: result.explain(account).pools[0] for account in ("covered", "calendar", "puts")}
    assert pools["calendar"].scenarios == {"ETH": "price -66 %, vol up, weight 0.21"}
    for pool in pools.values():
        amount, initial, maintenance = pool.components["worst_loss"]
        assert (initial, maintenance) == pytest.approx((1.02 * amount, 0.8 * amount), rel=1e-14)
        assert pool.lines["loss"].sum() + sum(pool.rest.values()) == pytest.approx(amount, rel=1e-12)
