"""Hashes of what a run reads: right, not waited for in vain, and of what was read."""

from __future__ import annotations

import hashlib
import json
import time

import pytest

from margin import batch, synthetic
from margin.batch import inputs
from margin.errors import DataError
from margin.params import STATUSES
from margin.venues import load


@pytest.fixture
def exchange(tmp_path):
    pytest.importorskip("pyarrow")
    synthetic.exchange(accounts=50, seed=3).write(tmp_path / "exchange")
    return tmp_path / "exchange"


def run(exchange, output, **options):
    params = (exchange / synthetic.PARAMETERS,)
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=params, accept=STATUSES)
    return batch.run(exchange, output, regime=regime, **options)


def test_every_file_is_hashed(exchange, tmp_path):
    run(exchange, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    assert found == {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size}
        for path in exchange.iterdir()
    }


def test_the_time_of_a_run_is_the_whole_of_it(exchange, tmp_path, monkeypatch):
    """Also what is waited for in the end."""
    hashes = inputs.file_hashes

    def slow(*arguments):
        time.sleep(1.5)
        return hashes(*arguments)

    monkeypatch.setattr(inputs, "file_hashes", slow)
    assert run(exchange, tmp_path / "out").seconds["total"] > 1.4


def test_a_run_that_fails_does_not_wait_for_hashes(exchange, tmp_path, monkeypatch):
    monkeypatch.setattr(inputs, "PIECE", 1)  # some seconds for ten million bytes
    (exchange / "beside.bin").write_bytes(bytes(100_000_000))
    (exchange / "quotes.parquet").unlink()
    started = time.perf_counter()
    with pytest.raises(DataError, match="quotes"):
        run(exchange, tmp_path / "out")
    assert time.perf_counter() - started < 10


def test_a_file_that_changes_meanwhile_is_told(exchange, tmp_path):
    def meddle(stage, done):
        if stage == "write" and done == 0:
            with (exchange / "positions.parquet").open("ab") as file:
                file.write(b"more")

    with pytest.raises(DataError, match=r"positions\.parquet changed while it was read; nothing was written"):
        run(exchange, tmp_path / "out", on_progress=meddle)
    assert not (tmp_path / "out").exists()
