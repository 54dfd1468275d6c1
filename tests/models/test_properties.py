"""Properties of worst losses that hold for the portfolio model and the kernels below it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from margin import kernels
from margin.pools import CrossPool
from margin.regime import Regime
from margin.venues.deribit import regime

from .test_portfolio import book_of

quantities = st.lists(st.integers(-400, 400).map(float), min_size=8, max_size=8)


@pytest.fixture(scope="module")
def cross() -> Regime:
    return regime("cross_portfolio", as_of="2026-02-15")


@given(table=hn.arrays(np.float64, (3, 30), elements=st.floats(-1e6, 1e6)), data=st.data(), n=st.integers(1, 29))
def test_adding_a_scenario_never_lowers_a_worst_loss(table, data, n):
    padded = kernels.aligned_table(3, 30)
    padded[:, :30] = table
    start, row = np.array([0, 2, 5]), np.array([0, 1, 0, 1, 2], dtype=np.int32)
    quantity = data.draw(hn.arrays(np.float64, 5, elements=st.floats(-1e3, 1e3)))
    unit, relief = np.zeros(2, dtype=np.int32), kernels.aligned_table(1, 30)
    few, more = (kernels.stress(start, unit, row, quantity, padded, relief, k)[0] for k in (n, n + 1))
    assert (more >= few).all()
    few, more = (kernels.tail(start, row, quantity, padded, np.ones(k), 0.5)[2] for k in (n, n + 1))
    assert (more >= few).all()


@given(quantity=quantities, move=st.floats(-0.95, 8.0).filter(lambda x: abs(x) > 0.01))
def test_adding_a_scenario_never_lowers_a_portfolio_margin(market, cross, quantity, move):
    scenarios = cross.model.scenarios
    wider = replace(scenarios, extended=replace(scenarios.extended, moves=(*scenarios.extended.moves, move)))
    book = book_of(market, quantity, balances=[("BTC", 1.0)])
    one, other = (
        Regime("mine", CrossPool(), replace(cross.model, scenarios=s)).assess(book, market) for s in (scenarios, wider)
    )
    assert other.initial_margin[0] >= one.initial_margin[0]
    assert (other.results.units.worst_loss >= one.results.units.worst_loss).all()


@given(quantity=quantities, btc=st.integers(-5, 5))
def test_the_reported_scenario_attains_the_worst_loss(market, cross, quantity, btc):
    result = cross.assess(book_of(market, quantity, balances=[("BTC", btc), ("USDC", 1.0)]), market)
    units, pool = result.results.units, result.explain("a").pools[0]
    for vectors, worst, scenario in zip(pool.vectors, units.worst_loss, units.scenario, strict=True):
        assert worst == pytest.approx(max(0.0, -vectors.shaped[scenario]), rel=1e-9, abs=1e-6)
        assert (-vectors.shaped <= worst + 1e-6 + 1e-9 * worst).all()
