"""The whole job, Parquet to Parquet, beside duckdb doing the scenario sums alone; two threads each."""

from __future__ import annotations

import numpy as np
import pytest

from margin import batch, io, synthetic
from margin.venues import load

duckdb = pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")

ACCOUNTS = 100_000
ALL = ("official", "recorded", "third_party", "illustrative")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "exchange"
    synthetic.exchange(accounts=ACCOUNTS, seed=1).write(folder)
    return folder


def test_run_beside_duckdb(beside, exchange, tmp_path):
    """duckdb joins, adds up by (account, coin) and takes the least entry; the run does all Deribit X:PM rules besides."""
    snapshot = io.read_snapshot(exchange)
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=snapshot.params, accept=ALL)
    assessment = regime.assess(snapshot.book, snapshot.market)
    prepared, market = assessment.prepared, snapshot.market
    n, count = len(market), prepared.n_scenarios
    table = {f"s{s}": prepared.stress.pnl[:n, s].copy() for s in range(count)}
    names = pa.array(market.instruments.to_list())
    coin = pa.array([market.currencies[c] for c in market.base])
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"instrument": names, "coin": coin, **table}), tmp_path / "pnl.parquet")
    sums = ", ".join(f"sum(quantity * s{s}) as s{s}" for s in range(count))
    least = ", ".join(f"s{s}" for s in range(count))
    query = f"""
        copy (select account, coin, greatest(0, -least({least})) as worst from
              (select account, coin, {sums} from '{exchange}/positions.parquet' join '{tmp_path}/pnl.parquet' using (instrument)
               group by account, coin))
        to '{tmp_path}/worst.parquet' (format parquet)"""
    connection = duckdb.connect()
    connection.execute("set threads = 2")

    def peer():
        """duckdb: join, sums and least in SQL only"""
        connection.execute(query)

    def run():
        return batch.run(exchange, tmp_path / "out", regime=regime, threads=2, overwrite=True)

    peer()
    _assert_same_worst(assessment, tmp_path / "worst.parquet", prepared)
    beside(run, peer, name=f"whole X:PM run, {ACCOUNTS:,} accounts, Parquet to Parquet", rounds=3)


def _assert_same_worst(assessment, path, prepared):
    """duckdb's sums against the kernel's, without dampening and collateral, which SQL leaves out."""
    from margin import kernels
    from margin.lines import group_lines, segments

    pq = pytest.importorskip("pyarrow.parquet")
    book, encoded = assessment.book, assessment.encoded
    row = encoded.instrument_row[book.positions.instrument]
    lines = group_lines(book.positions.account, row, book.positions.quantity, prepared.rank, len(book.accounts))
    units = segments(lines, prepared.unit)
    stress = prepared.stress
    worst, _ = kernels.stress(
        units.start, units.code, lines.row, lines.quantity, stress.pnl, np.zeros_like(stress.relief), prepared.n_scenarios
    )
    got = pq.read_table(path)
    accounts = {name: i for i, name in enumerate(book.accounts.to_list())}
    codes = {name: i for i, name in enumerate(prepared.units)}
    key = np.array([accounts[a] for a in got["account"].to_pylist()]) * len(codes)
    key += np.array([codes[c] for c in got["coin"].to_pylist()])
    ours = units.pool.astype(np.int64) * len(codes) + units.code
    order = np.argsort(key)
    np.testing.assert_array_equal(key[order], np.sort(ours))
    np.testing.assert_allclose(got["worst"].to_numpy()[order], worst[np.argsort(ours)], rtol=1e-9, atol=1e-6)
