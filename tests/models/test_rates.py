"""Rate tables of every kind against sums written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.pools import DiscountTiers
from margin.rates import RateTable, RateTables

bounds = st.lists(st.integers(1, 1000), min_size=0, max_size=5, unique=True).map(lambda b: (0.0, *sorted(map(float, b))))
amounts = st.lists(st.integers(0, 1200).map(float), min_size=1, max_size=20)


@st.composite
def tiers(draw):
    floor = draw(bounds)
    rate = draw(st.lists(st.integers(0, 64).map(lambda n: n / 64), min_size=len(floor), max_size=len(floor)))
    return floor, tuple(rate)


def by_parts(amount, floor, rate):
    """Sum over tiers of the part of the amount inside each."""
    upper = (*floor[1:], float("inf"))
    return sum(max(min(amount, b) - a, 0.0) * r for a, b, r in zip(floor, upper, rate, strict=True))


@given(table=tiers(), amount=amounts)
def test_incremental_tiers_add_up_part_by_part(table, amount):
    floor, rate = table
    expected = [by_parts(a, floor, rate) for a in amount]
    np.testing.assert_allclose(RateTable.incremental(floor, rate).requirement(np.array(amount)), expected, atol=1e-9)
    np.testing.assert_allclose(DiscountTiers(floor, rate).value(np.array(amount)), expected, atol=1e-9)


@given(table=tiers(), amount=amounts)
def test_whole_tiers_take_the_rate_of_the_tier(table, amount):
    floor, rate = table
    expected = [a * rate[max(i for i, f in enumerate(floor) if f <= a)] for a in amount]
    np.testing.assert_array_equal(RateTable.whole(floor, rate).requirement(np.array(amount)), expected)


def test_amount_at_a_bound():
    table = RateTable.whole((0, 10), (0.01, 0.02))
    amount, zeros = np.array([0.0, 10.0]), np.zeros(2, dtype=np.int32)
    assert RateTables.of([table]).requirement(amount, zeros).tolist() == [0.0, 0.2]
    assert RateTables.of([table], closed="right").requirement(amount, zeros).tolist() == [0.0, 0.1]


def test_leverage_tiers():
    table = RateTable.leverage((0, 100), (50, 10), scale=2 / 3)
    np.testing.assert_allclose(table.requirement(np.array([50.0, 200.0])), [50 * 2 / 150, 200 * 2 / 30])


@pytest.mark.parametrize(
    ("floor", "rate", "message"),
    [
        ((), (), "at least one"),
        ((1, 2), (0.1, 0.2), "ascend from 0"),
        ((0, 5, 5), (0.1, 0.2, 0.3), "ascend from 0"),
        ((0,), (float("nan"),), "not finite"),
    ],
)
def test_malformed_tables(floor, rate, message):
    with pytest.raises(ValueError, match=message):
        RateTable.whole(floor, rate)
