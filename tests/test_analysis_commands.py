"""explain, what-if, compare and impact as a user meets them, on the demo's snapshot."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("click")

RULES = ("--venue", "deribit", "--mode", "cross_portfolio")
WHO = "acct-0000001"


def cli(*arguments, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "margin", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "MARGIN_DEBUG": ""},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where `margin-engine demo` was run."""
    folder = tmp_path_factory.mktemp("analysis")
    result = cli("demo", "--accounts", 300, cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


def table(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("command", ["explain", "what-if", "compare", "impact"])
def test_examples_of_the_help_run(folder, command):
    text = cli(command, "--help").stdout
    examples = re.findall(rf"^ *margin-engine ({command} .*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        result = cli(*shlex.split(example), cwd=folder)
        assert result.returncode == 0, result.stderr
        assert len(result.stdout.splitlines()) > 3 or "meets its" in result.stdout
        assert not re.search(r"\bnan\b", result.stdout)


def test_contributions_add_up_to_the_margin_of_the_run(folder):
    rows = table(cli("explain", "demo/snapshot", WHO, *RULES, "--json", cwd=folder))
    run = {row["account"]: row for row in pq.read_table(folder / "demo/result/assessments.parquet").to_pylist()}
    assert sum(row["initial_margin"] for row in rows) == pytest.approx(run[WHO]["initial_margin"])
    assert sum(row["worst_loss"] for row in rows) == pytest.approx(run[WHO]["worst_loss"])
    assert rows[-1]["part"] == "collateral"
    assert rows[-1]["marginal_initial"] is None


def test_what_if_takes_trades_from_the_line_and_from_files(folder, tmp_path):
    one = table(cli("what-if", "demo/snapshot", WHO, "--trade", "BTC-PERPETUAL:-1000", "--json", *RULES, cwd=folder))
    assert one[0]["candidate"] == "BTC-PERPETUAL:-1000"
    both = table(
        cli("what-if", "demo/snapshot", WHO, *("--trade", "BTC-PERPETUAL:-1000", "--trade", "BTC-PERPETUAL:1000", "--together"),
            "--json", *RULES, cwd=folder)
    )  # fmt: skip
    assert len(both) == 1
    assert both[0]["initial_change"] == pytest.approx(0.0, abs=1e-3)
    cheap = table(cli("what-if", "demo/snapshot", WHO, "--trade", "BTC-PERPETUAL:-1000@1000", "--json", *RULES, cwd=folder))
    assert cheap[0]["status_after"] == "liquidation"  # sold far below the mark
    (tmp_path / "t.csv").write_text("instrument,quantity\nBTC-PERPETUAL,-1000\nETH-PERPETUAL,50\n")
    files = ("--trades", tmp_path / "t.csv", "-o", tmp_path / "out.parquet")
    result = cli("what-if", "demo/snapshot", WHO, *files, *RULES, cwd=folder)
    assert result.returncode == 0, result.stderr
    written = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert written[0]["initial_after"] == pytest.approx(one[0]["initial_after"])


def test_cure_ends_a_shortfall(folder):
    run = pq.read_table(folder / "demo/result/assessments.parquet").to_pylist()
    short = next(row["account"] for row in run if row["status"] == "restricted")
    rows = table(cli("what-if", "demo/snapshot", short, "--cure", "--json", *RULES, cwd=folder))
    best = rows[0]
    assert best["cures"]
    trade = f"{best['instrument']}:{best['quantity']!r}"
    after = table(cli("what-if", "demo/snapshot", short, "--trade", trade, "--json", *RULES, cwd=folder))
    assert after[0]["status_before"] == "restricted"
    assert after[0]["status_after"] == "healthy"


@pytest.mark.slow
def test_compare_one_account_and_all(folder, tmp_path):
    regimes = ("--regime", "deribit:cross_standard", "--regime", "deribit:cross_portfolio")
    one = table(cli("compare", "demo/snapshot", WHO, *regimes, "--json", cwd=folder))
    assert [row["regime"] for row in one] == ["deribit cross_standard", "deribit cross_portfolio"]
    assert one[0]["hedging_benefit"] == 0.0
    result = cli("compare", "demo/snapshot", *regimes, "--accounts", "-o", tmp_path / "c.parquet", cwd=folder)
    assert result.returncode == 0, result.stderr
    for words in ("primary driver", "hedging benefit", "equity lost before the breach", "liquidation comes as"):
        assert words in result.stdout
    assert pq.read_table(tmp_path / "c.parquet").num_rows == 300


def test_impact_of_a_wider_range(folder):
    result = cli("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_range=0.2", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("ILLUSTRATIVE: ")
    assert re.search(r"margin calls: \d+ accounts, new liquidations: \d+", result.stdout)
    rows = table(cli("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_range=0.2", "--json", cwd=folder))
    assert len(rows) == 300
    assert sum(row["initial_after"] for row in rows) > sum(row["initial_before"] for row in rows)


def test_impact_of_a_parameter_file(folder, tmp_path):
    (tmp_path / "p.toml").write_text(
        '[[layer]]\nas_of = 2026-01-01\nstatus = "third_party"\nsource = "test"\n[layer.pair.BTC_USD]\nprice_range = 0.2\n'
    )
    file = table(cli("impact", "demo/snapshot", *RULES, "--new-params", tmp_path / "p.toml", "--json", cwd=folder))
    line = table(cli("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_range=0.2", "--json", cwd=folder))
    assert file == line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("what-if", "demo/snapshot", WHO, *RULES), "give one of --trade, --trades, --order and --cure"),
        (("what-if", "demo/snapshot", WHO, "--trade", "BTC-PERPETUAL", *RULES), "is not INSTRUMENT:QUANTITY"),
        (("what-if", "demo/snapshot", WHO, "--trade", "XXX:1", *RULES), "'XXX' is not in the market"),
        (("what-if", "demo/snapshot", "nobody", "--trade", "BTC-PERPETUAL:1", *RULES), "nobody"),
        (("what-if", "demo/snapshot", "nobody", "--cure", *RULES), "nobody"),
        (("compare", "demo/snapshot", "--regime", "deribit"), "is not VENUE:MODE"),
        (("compare", "demo/snapshot", "--regime", "deribit:x"), "--regime: deribit has no mode 'x'"),
        (("compare", "demo/snapshot", WHO, *("--regime", "deribit:cross_standard") * 2), "two regimes are called"),
        (("impact", "demo/snapshot", *RULES), "say what changes"),
        (("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_range"), "is not SECTION.NAME=VALUE"),
        (("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_rnge=1"), "did you mean pair.BTC_USD.price_range"),
        (("impact", "demo/snapshot", *RULES, "--set", "nosuch.thing=1"), "no parameter is called nosuch.thing; see"),
        (("impact", "demo/snapshot", *RULES, "--set", "pair.BTC_USD.price_range=0.2x"), "is not SECTION.NAME=VALUE"),
        (("impact", "demo/snapshot", *RULES, "--new-mode", "x"), "choose from segregated_standard"),
    ],
)
def test_errors_are_messages(folder, arguments, words):
    result = cli(*arguments, cwd=folder)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
