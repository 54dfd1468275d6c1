"""A hundred thousand random PM2 accounts at once: what each gets alone, bit for bit, and what the rules say."""

from __future__ import annotations

import os

import numpy as np
import pytest

import derive_books as books
from margin import config
from margin.venues.derive import regime

from . import slow_derive as slow

ACCOUNTS = 100_000 if config().implementation == "core" else 400


@pytest.fixture(scope="module")
def pm2():
    return regime("pm2_eth", as_of="2025-12-08")


@pytest.fixture(scope="module")
def exchange():
    market = books.market(7)
    return market, books.book(market, ACCOUNTS, 7)


@pytest.fixture(scope="module")
def batch(pm2, exchange):
    market, book = exchange
    return pm2.assess(book, market)


def bits(assessment) -> dict[str, np.ndarray]:
    """Every number of an assessment, of accounts and of their units."""
    columns = {name: c for name, c in assessment.columns().items() if isinstance(c, np.ndarray)}
    units = assessment.results.units
    return columns | {"unit_pool": units.pool, "unit_loss": units.worst_loss, "unit_scenario": units.scenario, **units.charges}


def alone_equals_batch(pm2, exchange, batch, codes) -> None:
    market, book = exchange
    whole, units = batch.columns(), batch.results.units
    names = [name for name, column in whole.items() if isinstance(column, np.ndarray)]
    start = np.searchsorted(units.pool, np.arange(ACCOUNTS + 1))
    for code in codes:
        alone = pm2.assess(book.select([book.accounts[int(code)]]), market)
        own, here = alone.columns(), slice(start[code], start[code + 1])
        assert [own[n][0] for n in names] == [whole[n][code] for n in names], code
        one = alone.results.units
        assert one.worst_loss.tolist() == units.worst_loss[here].tolist()
        assert one.scenario.tolist() == units.scenario[here].tolist()
        assert {n: c.tolist() for n, c in one.charges.items()} == {n: c[here].tolist() for n, c in units.charges.items()}


def test_the_books_are_what_they_should_be(exchange):
    """Accounts with nothing, with collateral only, without collateral, of one expiry and of many."""
    market, book = exchange
    rows = book.resolve(market)[0][book.positions.instrument]
    count = np.bincount(book.positions.account, minlength=ACCOUNTS)
    owned = np.bincount(book.balances.account, minlength=ACCOUNTS)
    pairs = np.unique(np.column_stack((book.positions.account, market.expiry[rows].astype(np.int64))), axis=0)
    expiries = np.bincount(pairs[:, 0], minlength=ACCOUNTS)
    idle = count == 0
    for some in (idle & (owned == 0), idle & (owned > 1), (count > 9) & (owned == 0), expiries == 1, expiries > 6):
        assert some.sum() > ACCOUNTS / 100


@pytest.mark.parametrize(("threads", "block"), [(1, 1000), (2, None), (2, 4097), (1, ACCOUNTS)])
def test_blocks_and_threads_do_not_change_a_bit(pm2, exchange, batch, threads, block):
    market, book = exchange
    other = bits(pm2.assess(book, market, threads=threads, block=block))
    for name, column in bits(batch).items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


def test_an_account_alone_has_the_bits_of_the_batch(pm2, exchange, batch):
    """Alone, an account sees only the rows it uses: codes of leaves, ranks and what is priced together are others."""
    alone_equals_batch(pm2, exchange, batch, range(0, ACCOUNTS, 251))


@pytest.mark.slow
@pytest.mark.skipif("MARGIN_SLOW" not in os.environ, reason="takes minutes; set MARGIN_SLOW=1")
def test_every_account_alone_has_the_bits_of_the_batch(pm2, exchange, batch):
    alone_equals_batch(pm2, exchange, batch, range(ACCOUNTS))


def test_the_batch_follows_the_rules(exchange, batch):
    """Every 401st account against the twin, relative to its gross worth."""
    market, book = exchange
    for code in range(0, ACCOUNTS, 401):
        account = books.account(market, *books.holdings(book, market, code), slow.ETH_PM2, slow.ETH_HAIRCUTS)
        expected, near = slow.pm2(account), 1e-12 * max(slow.scale(account), 1.0)
        assert batch.available[code] == pytest.approx(expected["net_initial_margin_usd"], rel=0, abs=near)
        assert batch.excess[code] == pytest.approx(expected["net_maintenance_margin_usd"], rel=0, abs=near)
