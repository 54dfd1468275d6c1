"""An engine gives what an assessment from nothing gives, to the last bit, after any markets and trades."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import worlds
from margin import Engine

seeds = st.integers(0, 2**32 - 1)


def same(found, wanted) -> None:
    """Every column of accounts and of units is the same to the last bit."""
    for one, other in ((found.columns(), wanted.columns()), (found.unit_columns(), wanted.unit_columns())):
        assert list(one) == list(other)
        for name, column in other.items():
            if isinstance(column, np.ndarray):
                np.testing.assert_array_equal(one[name], column, err_msg=name)
            else:
                assert [one[name][i] for i in range(len(one[name]))] == [column[i] for i in range(len(column))], name


@pytest.mark.parametrize("name", worlds.NAMES)
@settings(max_examples=10)
@given(seed=seeds)
def test_markets_and_trades_in_any_order(world_of, name, seed):
    world, rng = world_of(name), np.random.default_rng(seed)
    market = world.market
    engine = Engine(world.regime, worlds.book(world, rng, accounts=7), market)
    same(engine.assessment, world.regime.assess(engine.book, market))
    for _ in range(int(rng.integers(2, 6))):
        if rng.random() < 0.5:
            market = worlds.moved(world.market, rng)
            same(engine.reprice(market), world.regime.assess(engine.book, market))
        else:
            after = engine.trade(worlds.trades(world, rng, accounts=7, count=int(rng.integers(1, 4))))
            if rng.random() < 0.5:
                continue  # more trades before anybody asks
            wanted = world.regime.assess(engine.book, market)
            same(after, world.regime.assess(engine.book.select(after.book.accounts), market))
            same(engine.assessment, wanted)
    same(engine.assessment, world.regime.assess(engine.book, market))
