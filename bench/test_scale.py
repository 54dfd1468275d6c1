"""Exchange-wide runs, Parquet to Parquet: 20 million rows with string ids beside duckdb and beside pyarrow's reading and writing.

Two threads each. ``MARGIN_BENCH_ACCOUNTS`` sets the number of accounts (20 positions each).
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from books import POSITIONS, RandomBook, full_rules, scenarios_only
from margin import Engine, batch, io, synthetic
from margin.market import SPOT

duckdb = pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

ACCOUNTS = int(os.environ.get("MARGIN_BENCH_ACCOUNTS", "1000000"))
THREADS = 2
COLUMNS = ["account", "instrument", "quantity"]
SIZE = f"{ACCOUNTS:,} accounts, {ACCOUNTS * POSITIONS:,} rows"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scale")


@pytest.fixture(scope="module")
def market(scratch):
    synthetic.exchange(accounts=2_000, seed=1).write(scratch / "market")
    return scratch / "market"


@pytest.fixture(scope="module")
def unsorted(scratch, market):
    return RandomBook(scratch / "unsorted", ACCOUNTS).write(market, by_account=False)


@pytest.fixture(scope="module")
def by_account(scratch, market):
    return RandomBook(scratch / "by_account", ACCOUNTS).write(market, by_account=True)


def job(book, output, rules=scenarios_only):
    def run():
        return batch.run(book.folder, output, regime=rules(book.folder), threads=THREADS, overwrite=True)

    return run


class Sums:
    """What the scenario-only run computes, in SQL: join, sums by account and coin, the least of them, added up by account."""

    def __init__(self, book, scratch):
        market = io.read_snapshot(book.folder.parent / "market").market
        used = np.concatenate((market.kind != SPOT, np.zeros(len(market.currencies), dtype=np.bool_)))
        prepared = scenarios_only(book.folder).model.prepare(market, in_usd=True, used=used)
        count = prepared.n_scenarios
        coins = [market.currencies[c] for c in market.base]
        table = {"instrument": market.instruments.to_list(), "coin": coins}
        table |= {f"s{s}": prepared.stress.pnl[: len(market), s].copy() for s in range(count)}
        parquet.write_table(pa.table(table), scratch / "pnl.parquet")
        self.output = scratch / "worst.parquet"
        self._joined = f"'{book.positions}' join '{scratch}/pnl.parquet' using (instrument)"
        self._sums = ", ".join(f"sum(quantity * s{s}) as s{s}" for s in range(count))
        self._worst = f"greatest(0, -least({', '.join(f's{s}' for s in range(count))}))"
        self._connection = duckdb.connect()
        self._connection.execute(f"set threads = {THREADS}")

    def by_coin(self):
        """duckdb: join, sums by account and coin, least"""
        inner = f"select account, coin, {self._sums} from {self._joined} group by account, coin"
        self._write(f"select account, sum({self._worst}) as worst from ({inner}) group by account")

    def by_account(self):
        """duckdb: join, sums by account alone, least"""
        inner = f"select account, {self._sums} from {self._joined} group by account"
        self._write(f"select account, {self._worst} as worst from ({inner})")

    def _write(self, query):
        self._connection.execute(f"copy ({query}) to '{self.output}' (format parquet)")


def assert_same(assessments, worst):
    """Every account's worst loss, whatever the order of rows."""
    ours = parquet.read_table(assessments, columns=["account", "worst_loss"]).sort_by("account")
    theirs = parquet.read_table(worst).sort_by("account")
    assert ours["account"].equals(theirs["account"])
    np.testing.assert_allclose(ours["worst_loss"].to_numpy(), theirs["worst"].to_numpy(), rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("order", ["unsorted", "by_account"])
def test_run_beside_duckdb(beside, scratch, order, request):
    book = request.getfixturevalue(order)
    run, sums = job(book, scratch / "out"), Sums(book, scratch)
    run()
    sums.by_coin()
    assert_same(scratch / "out" / "assessments.parquet", sums.output)
    beside(run, sums.by_coin, name=f"scenario run, {SIZE} {order.replace('_', ' ')}", rounds=3)


@pytest.mark.parametrize("order", ["unsorted", "by_account"])
def test_run_beside_sums_by_account_alone(beside, scratch, order, request):
    """An easier job for duckdb: one sum for each account over all coins, which no venue asks for."""
    book = request.getfixturevalue(order)
    beside(job(book, scratch / "out"), Sums(book, scratch).by_account, name=f"the same, {order.replace('_', ' ')}", rounds=3)


def test_run_beside_reading_and_writing(beside, scratch, unsorted):
    run = job(unsorted, scratch / "out")
    run()
    result = parquet.read_table(scratch / "out" / "assessments.parquet")
    columns = dict(zip(result.column_names, result.combine_chunks().columns, strict=True))

    pa.set_cpu_count(THREADS)  # by default it counts what OMP_NUM_THREADS says

    def peer():
        """pyarrow: read the columns, write the result"""
        parquet.read_table(unsorted.positions, columns=COLUMNS)
        with io.parquet_parts(scratch / "written.parquet") as parts:
            parts.add(columns)

    beside(run, peer, name="scenario run, unsorted", rounds=7)


def test_full_rules_beside_scenarios(beside, scratch, unsorted):
    book = unsorted.with_balances(scratch / "with_balances")
    scenarios = job(book, scratch / "out")

    def peer():
        """the scenario-only run"""
        scenarios()

    beside(job(book, scratch / "full", full_rules), peer, name="full X:PM run, unsorted, with balances", rounds=3)


def test_market_update_beside_the_whole_run(beside, scratch, unsorted):
    snapshot, rules = io.read_snapshot(unsorted.folder), scenarios_only(unsorted.folder)
    engine = Engine(rules, snapshot.book, snapshot.market, threads=THREADS)
    markets = cycle([snapshot.market.with_(mark=snapshot.market.mark * 1.01), snapshot.market])
    run = job(unsorted, scratch / "out")

    def reprice():
        return engine.reprice(next(markets))

    def peer():
        """the whole run"""
        run()

    moved = next(markets)
    np.testing.assert_array_equal(engine.reprice(moved).initial_margin, rules.assess(snapshot.book, moved).initial_margin)
    beside(reprice, peer, name=f"next market for {SIZE}", rounds=5)


def test_memory(note, scratch, unsorted):
    """A process of its own, so that nothing else counts; the interpreter and its libraries do."""
    _, peak = measured(unsorted, scratch / "out", "scenarios")
    needed = parquet.read_table(unsorted.positions, columns=COLUMNS).nbytes
    note(f"peak memory of the scenario run, {SIZE}: {peak / 2**20:,.0f} MiB, {peak / needed:.2f}x its input columns")


def test_growth(note, scratch, market):
    for millions in (1, 2, 5, 10, 20):
        book = RandomBook(scratch / f"growth{millions}", millions * 1_000_000 // POSITIONS).write(market, by_account=False)
        seconds, peak = measured(book, scratch / "out", "scenarios")
        rows = book.accounts * POSITIONS
        note(f"growth: {rows:>12,} rows  {1e9 * seconds / rows:6.0f} ns a row  {peak / rows:5.0f} bytes a row  {seconds:6.2f} s")


def measured(book, output, rules):
    """Seconds and peak memory of a run."""
    command = [sys.executable, str(Path(__file__).with_name("books.py")), book.folder, output, rules, str(THREADS)]
    seconds, peak = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), int(peak)
