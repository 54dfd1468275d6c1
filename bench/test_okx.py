"""OKX portfolio margin of a whole exchange beside Deribit's cross portfolio margin of the same positions."""

from __future__ import annotations

import pytest

from margin import batch, synthetic
from margin.params import STATUSES
from margin.venues import load

pytest.importorskip("pyarrow")

ACCOUNTS = 100_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "exchange"
    synthetic.exchange(accounts=ACCOUNTS, seed=1).write(folder)
    return folder


def job(exchange, output, venue, mode):
    regime = load(venue).regime(mode, as_of="2026-02-15", params=(exchange / synthetic.PARAMETERS,), accept=STATUSES)
    return lambda: batch.run(exchange, output, regime=regime, threads=1, overwrite=True)


def test_run_beside_the_other_portfolio_margin(beside, exchange, tmp_path):
    run = job(exchange, tmp_path / "okx", "okx", "portfolio")
    other = job(exchange, tmp_path / "deribit", "deribit", "cross_portfolio")

    def peer():
        """Deribit X:PM, the same run"""
        other()

    ratio = beside(run, peer, name=f"whole OKX PM run, {ACCOUNTS:,} accounts, Parquet to Parquet", rounds=5)
    assert ratio > 0.5  # within twice the time per position
