"""The command line as a user meets it: output, errors, exit codes, files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from margin.cli.printing import amount, percent

pq = pytest.importorskip("pyarrow.parquet")

RULES = ("--venue", "deribit", "--mode", "cross_portfolio")


def cli(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "margin", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snapshot") / "exchange"
    assert cli("synthetic", "-o", folder, "--accounts", 300, "--seed", 5).returncode == 0
    return folder


def test_demo_prints_a_summary(tmp_path):
    result = cli("demo", "--accounts", 200, "--out", tmp_path / "demo")
    assert result.returncode == 0, result.stderr
    words = "200 accounts|35 scenarios|load|encode|price|stress|write|total requirement|ILLUSTRATIVE|healthy|peak memory"
    for word in (*words.split("|"), "nearest to liquidation"):
        assert word in result.stdout
    assert "\x1b" not in result.stdout + result.stderr
    again = cli("demo", "--accounts", 200, "--out", tmp_path / "demo")
    assert again.returncode == 2
    assert "not empty" in again.stderr


def test_run_writes_results_and_manifest(snapshot, tmp_path):
    result = cli("run", snapshot, "-o", tmp_path / "out", *RULES, "--units", "--threads", 2)
    assert result.returncode == 0, result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["assessments.parquet", "manifest.json", "units.parquet"]
    table = pq.read_table(tmp_path / "out" / "assessments.parquet")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert table.num_rows == manifest["pools"] == 300
    assert set(table["status"].to_pylist()) <= {"healthy", "restricted", "liquidation"}
    total = sum(table["initial_margin"].to_pylist())
    assert manifest["totals"][0]["initial_margin"] == pytest.approx(total)
    assert len(manifest["files"]["positions.parquet"]["sha256"]) == 64
    units = pq.read_table(tmp_path / "out" / "units.parquet")
    assert sum(units["worst_loss"].to_pylist()) == pytest.approx(sum(table["worst_loss"].to_pylist()))


def test_liquidation_prices(snapshot, tmp_path):
    output = tmp_path / "prices.parquet"
    command = ("liquidation-prices", snapshot, "-o", output, "--venue", "deribit", "--mode", "segregated_standard")
    refused = cli(*command)
    assert refused.returncode == 2
    assert "--hold-options" in refused.stderr
    assert not output.exists()
    result = cli(*command, "--hold-options")
    assert result.returncode == 0, result.stderr
    assert "with a liquidation price" in result.stdout
    assert "nearest:" in result.stdout
    table = pq.read_table(output)
    names = ["account", "pool", "instrument", "quantity", "price", "below", "above", "distance", "in_liquidation"]
    assert table.column_names == names
    by_coin = cli(*command, "--hold-options", "--by", "underlying")
    assert by_coin.returncode == 0, by_coin.stderr
    assert set(pq.read_table(output)["underlying"].to_pylist()) >= {"BTC", "ETH"}
    wrong = cli(*command, "--closing-fee", "nan")
    assert (wrong.returncode, "--closing-fee" in wrong.stderr) == (2, True)


def test_explain_gives_the_same_number_as_the_run(snapshot, tmp_path):
    cli("run", snapshot, "-o", tmp_path / "out", *RULES)
    row = pq.read_table(tmp_path / "out" / "assessments.parquet").to_pylist()[3]
    result = cli("explain", snapshot, row["account"], *RULES)
    assert result.returncode == 0, result.stderr
    assert f"Account {row['account']} under deribit cross_portfolio" in result.stdout
    from margin.text import number

    assert number(row["initial_margin"]) in result.stdout


def test_report_of_a_run(snapshot, tmp_path):
    pytest.importorskip("jinja2")
    cli("run", snapshot, "-o", tmp_path / "out", *RULES)
    result = cli("report", tmp_path / "out", "-o", tmp_path / "r.html", "--nearest", 0)
    assert result.returncode == 0, result.stderr
    assert "report: " in result.stdout
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["nearest"][0]["account"] in html
    wrong = cli("report", snapshot, "-o", tmp_path / "r.html")
    assert wrong.returncode == 2
    assert "is no result" in wrong.stderr
    wrong = cli("report", tmp_path / "out", "-o", tmp_path / "r.html", "--account", "nobody")
    assert wrong.returncode == 2
    assert "'nobody' is not in the snapshot" in wrong.stderr


def test_verify_passes_and_fails(tmp_path):
    vectors = Path(__file__).parent / "vectors" / "deribit.json"
    good = cli("verify", vectors)
    assert good.returncode == 0
    assert "41 passed, 0 failed" in good.stdout
    broken = json.loads(vectors.read_text())
    broken[0]["expected"]["initial_margin"] += 1
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(broken))
    bad = cli("verify", path)
    assert bad.returncode == 1
    assert "40 passed, 1 failed" in bad.stdout
    assert broken[0]["id"] in bad.stdout


def test_params_shows_date_status_and_source():
    result = cli("params", "deribit", "--as-of", "2026-02-15")
    line = next(line for line in result.stdout.splitlines() if line.startswith("pair.ETH_USD.price_range"))
    assert "0.18" in line
    assert "recorded" in line
    assert "2026-02-15" in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "nowhere", "-o", "x", *RULES), "does not exist"),
        (("run", "{snapshot}", "-o", "{out}", "--venue", "deribit", "--mode", "x"), "choose from segregated_standard"),
        (("run", "{snapshot}", "-o", "{out}", "--venue", "nobody", "--mode", "x"), "deribit"),
        (("run", "{snapshot}", "-o", "{out}", *RULES, "--as-of", "soon"), "not a date"),
        (("run", "{snapshot}", "-o", "{out}", *RULES, "--as-of", "2020-01-01"), "has no value on 2020-01-01"),
        (("run", "{snapshot}", "-o", "{out}", *RULES, "--accept", "official"), "accept"),
        (("explain", "{snapshot}", "acct-9999999", *RULES), "acct-9999999"),
        (("params", "nobody"), "deribit"),
        (("verify", "nowhere.json"), "does not exist"),
        (("frobnicate",), "No such command"),
    ],
)
def test_errors_are_messages_without_traceback(snapshot, tmp_path, arguments, words):
    result = cli(*(str(a).format(snapshot=snapshot, out=tmp_path / "out") for a in arguments))
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def test_debug_shows_the_traceback(snapshot, tmp_path):
    arguments = ("run", snapshot, "-o", tmp_path / "out", *RULES, "--as-of", "2020-01-01")
    assert "Traceback" in cli(*arguments, MARGIN_DEBUG="1").stderr


def test_damaged_snapshot(snapshot, tmp_path):
    (tmp_path / "snapshot.json").write_text((snapshot / "snapshot.json").read_text())
    result = cli("run", tmp_path, "-o", tmp_path / "out", *RULES)
    assert result.returncode == 2
    assert "instruments" in result.stderr


def test_output_folder_is_not_overwritten(snapshot, tmp_path):
    (tmp_path / "mine").write_text("keep")
    refused = cli("run", snapshot, "-o", tmp_path, *RULES)
    assert refused.returncode == 2
    assert "not empty" in refused.stderr
    assert cli("run", snapshot, "-o", tmp_path, *RULES, "--overwrite").returncode == 0
    assert (tmp_path / "mine").read_text() == "keep"


def test_reader_that_stops_early(snapshot):
    command = f"{sys.executable} -m margin params deribit --as-of 2026-02-15 | true; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert result.returncode == 141


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_nothing(tmp_path, number):
    exchange, out = tmp_path / "exchange", tmp_path / "out"
    assert cli("synthetic", "-o", exchange, "--accounts", 20_000).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "margin", "run", str(exchange), "-o", str(out), *RULES],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MARGIN_IMPL": "python"},  # slow enough to be caught in the act
    )
    deadline = time.monotonic() + 60
    while not out.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert not out.exists()


@pytest.mark.parametrize("command", ["demo", "run", "report", "explain", "params", "verify", "synthetic", "recorded"])
def test_every_command_shows_an_example(command):
    result = cli(command, "--help")
    assert result.returncode == 0
    assert "Example" in result.stdout
    assert f"margin-engine {command}" in result.stdout


def test_version_and_help():
    assert cli("--version").stdout.strip().endswith("0.1.0")
    assert "Exit codes" in cli("--help").stdout


def test_what_rounds_to_zero_has_no_sign():
    assert [percent(x) for x in (-1e-9, 0.0, -0.5)] == ["0.0 %", "0.0 %", "-50.0 %"]
    assert [amount(-0.001), amount(-0.001, "BTC"), amount(-1234.5)] == ["0.00", "-0.001000", "-1,234.50"]
