"""A book kept ready: the next market beside the whole run, questions of one account beside margining copies of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from time import perf_counter_ns

import numpy as np
import pytest

from margin import Engine, batch, io, synthetic
from margin.analysis.what_if import what_if
from margin.params import STATUSES
from margin.venues import load

pytest.importorskip("pyarrow")

ACCOUNTS = 100_000
POSITIONS = 50
CALLS = 10_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench") / "exchange"
    synthetic.exchange(accounts=ACCOUNTS, seed=1).write(folder)
    return folder


@pytest.fixture(scope="module")
def snapshot(exchange):
    return io.read_snapshot(exchange)


@pytest.fixture(scope="module")
def full(snapshot):
    return load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=snapshot.params, accept=STATUSES)


@pytest.fixture(scope="module")
def engine(full, snapshot):
    return Engine(full, snapshot.book, snapshot.market)


@pytest.fixture(scope="module")
def account(engine, snapshot):
    """An account of so many positions, and every instrument that is priced in the book."""
    count = np.bincount(snapshot.book.positions.account)
    account = engine.account(snapshot.book.accounts[int(np.flatnonzero(count == POSITIONS)[0])])
    priced = np.flatnonzero(account.sums.pool >= 0)
    return account, [snapshot.market.instruments[int(row)] for row in priced]


def later(market, factor):
    return market.with_(
        mark=market.mark * factor,
        forward=market.forward * factor,
        index_price=market.index_price * factor,
        usd=np.where(market.usd == 1, 1.0, market.usd * factor),
    )


def assert_same(found, wanted):
    for name, column in wanted.columns().items():
        if isinstance(column, np.ndarray):
            np.testing.assert_array_equal(found.columns()[name], column, err_msg=name)


@pytest.mark.parametrize("rules", ["scenarios alone", "all X:PM rules"])
def test_reprice_beside_the_whole_run(beside, exchange, snapshot, full, tmp_path, rules):
    """A new market for a book that is kept, beside a run that reads and writes it."""
    regime = full
    if rules == "scenarios alone":
        regime = replace(full, model=replace(full.model, charges=(), orders=None))
    markets = [snapshot.market, later(snapshot.market, 1.01)]
    engine = Engine(regime, snapshot.book, snapshot.market)
    assert_same(engine.reprice(markets[1]), regime.assess(snapshot.book, markets[1]))
    following = cycle(markets)

    def job():
        engine.reprice(next(following))

    def peer():
        """the whole run, Parquet to Parquet"""
        batch.run(exchange, tmp_path / "out", regime=regime, threads=1, overwrite=True)

    ratio = beside(job, peer, name=f"reprice {ACCOUNTS:,} accounts, {rules}", rounds=7)
    assert ratio > 2.5  # the least seen on a busy machine is 3.7


def test_one_question(note, account):
    """Every call is timed, from Python, after some to warm up."""
    account, names = account
    random = np.random.default_rng(0)
    instruments, quantities = random.integers(0, len(names), CALLS), random.normal(0, 10, CALLS)
    arguments = [(names[i], float(q)) for i, q in zip(instruments, quantities, strict=True)]
    assert {account.what_if(*given).path for given in arguments[:500]} == {"sums"}
    taken = []
    for given in arguments:
        started = perf_counter_ns()
        account.what_if(*given)
        taken.append(perf_counter_ns() - started)
    middle, late = np.percentile(taken, [50, 99]) / 1e3
    note(f"what-if of a trade, {POSITIONS} positions, all X:PM rules, {CALLS:,} calls: p50 {middle:.1f} us, p99 {late:.1f} us")


def test_a_thousand_candidates(beside, snapshot, full, account):
    """A thousand trades of one account, each alone."""
    account, names = account
    random = np.random.default_rng(1)
    instruments, quantities = [names[i] for i in random.integers(0, len(names), 1000)], random.normal(0, 10, 1000)
    own = snapshot.book.select(account.book.accounts)
    table = {"instrument": instruments, "quantity": quantities}
    name = account.book.accounts[0]
    found, wanted = account.what_if_each(instruments, quantities), what_if(full, own, snapshot.market, table, account=name)
    for field in ("initial_margin", "maintenance_margin", "available"):
        np.testing.assert_allclose(getattr(found.after, field), getattr(wanted.after, field), rtol=1e-9, atol=1e-6)

    def peer():
        """what_if: copies of the account, a market prepared"""
        what_if(full, own, snapshot.market, table, account=name)

    def job():
        account.what_if_each(instruments, quantities)

    beside(job, peer, name=f"a thousand what-ifs in one call, {POSITIONS} positions, all X:PM rules", rounds=7)


def test_a_trade(beside, engine, snapshot, full):
    """Two accounts trade and are margined anew; the peer margins the whole book."""
    names = [snapshot.book.accounts[i] for i in (3, 70_000)]
    trades = {"account": names, "instrument": ["BTC-PERPETUAL"] * 2, "quantity": [10.0, -10.0]}

    def job():
        engine.trade(trades)

    def peer():
        """Regime.assess of the whole book"""
        full.assess(snapshot.book, snapshot.market)

    beside(job, peer, name="a trade of two accounts in a kept book", rounds=5)
    assert_same(engine.assessment, full.assess(engine.book, snapshot.market))
