"""Liquidation prices against whole assessments of moved markets: the state changes there, and nowhere before."""

from __future__ import annotations

import numpy as np
import pytest

from margin.liquidation import liquidation_prices
from margin.venues.deribit import regime

from . import books
from .slow_prices import FAR, first_change, state

STEP = 1e-9


def check(rules, book, market, by, *, scanned=10, **options):
    """Every price of the table flips the state; scanning outwards from the mark finds the same prices (of some rows)."""
    table = liquidation_prices(rules.assess(book, market), by=by, **options)
    columns = table.columns()
    found = 0
    for row in range(len(table)):
        account, pool, subject = (columns[name][row] for name in ("account", "pool", by))
        one = book.select([account])
        what = {"coin": str(subject)} if by == "underlying" else {"instrument": list(market.instruments).index(subject)}
        if not options.get("index_follows", True):
            what["index_follows"] = False
        now = state(rules, one, market, str(pool), 1.0, **what)[0]
        assert now == table.in_liquidation[row]
        for price, way in ((table.below[row], -1), (table.above[row], 1)):
            if not np.isnan(price):
                factor, found = price / table.price[row], found + 1
                inside, outside = (state(rules, one, market, str(pool), factor * (1 + s * way * STEP), **what) for s in (-1, 1))
                place = f"{rules.name} {account} {pool} {subject} {factor}: {inside} {outside}"
                assert (inside[0], outside[0]) == (now, not now), place
                assert way * (factor - 1) >= 0
            if row < scanned:
                expected = first_change(rules, one, market, str(pool), up=way > 0, **what)
                factor = price / table.price[row]
                if np.isnan(factor) or max(factor, 1 / factor) > FAR:
                    assert np.isnan(expected), (rules.name, account, pool, subject, expected, way)
                else:
                    assert factor == pytest.approx(expected, rel=1e-10), (rules.name, account, pool, subject, way)
    return found


@pytest.fixture(scope="module")
def market():
    return books.market()


@pytest.mark.parametrize("kind", ["flat", "whole", "incremental", "scaled", "falling"])
@pytest.mark.parametrize("pool", ["cross", "segregated", "isolated"])
@pytest.mark.parametrize("by", ["instrument", "underlying"])
@pytest.mark.parametrize("value", [False, True])
def test_the_state_changes_at_the_price(market, pool, kind, by, value):
    rng = np.random.default_rng(sum(map(ord, pool + kind + by)) + value)
    names = books.NAMES
    if by == "underlying" and value and kind == "scaled" and pool == "cross":
        names = [name for name in names if "_" in name]  # the quadratics of both kinds of contracts give no quadratic
    if by == "underlying" and pool == "segregated":
        names = names[:-1]  # settles in the coin of inverse contracts
    book = books.book(6, rng, market, instruments=names)
    price = ("mark", "index")[int(rng.integers(2))]
    assert check(books.regime(pool, kind, value=value, price=price), book, market, by, scanned=2) > 3


@pytest.mark.parametrize("pool", ["cross", "segregated"])
def test_the_mark_alone(market, pool):
    """The index stays: margins valued at it do not move."""
    book = books.book(8, np.random.default_rng(7), market)
    assert check(books.regime(pool, "scaled", price="index"), book, market, "instrument", scanned=3, index_follows=False) > 4


@pytest.mark.parametrize("mode", ["segregated_standard", "cross_standard"])
@pytest.mark.parametrize("by", ["instrument", "underlying"])
def test_a_venue(market, mode, by):
    """Rates that grow with size, haircuts of the venue."""
    names = [name for name in books.NAMES if name not in {"ETH_BTC-PERP", "ETH_USDC-PERP"}]
    book = books.book(8, np.random.default_rng(8), market, instruments=names, free="USDC")
    assert check(regime(mode, as_of="2026-02-15"), book, market, by, scanned=3) > 4
