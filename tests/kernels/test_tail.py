"""Value-at-risk and expected shortfall: the compiled kernel against its twin and against definitions, and limits one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from strategies import refused_alike

from margin import _core, kernels
from margin import _reference as twin

I4, I8 = np.dtype("i4"), np.dtype("i8")
finite = st.floats(-1e6, 1e6, allow_nan=False)
coarse = st.integers(-3, 3).map(float)  # many ties
levels = st.one_of(st.sampled_from([0.5, 0.9, 0.95, 0.975, 0.99]), st.floats(1e-3, 0.9999))
weights = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))


def both(*arguments):
    """Results of kernel and twin, equal to the last bit."""
    fast, slow = _core.tail(*arguments), twin.tail(*arguments)
    for a, b in zip(fast, slow, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        np.testing.assert_array_equal(a, b)
    return fast


def one(losses, weight=None, level=0.9):
    """Figures of a single group with the given losses."""
    losses = np.asarray(losses, dtype=np.float64)
    table = kernels.aligned_table(1, len(losses))
    table[0, : len(losses)] = -losses
    table[0, len(losses) :] = -1e300  # padding must never win
    weight = np.full(len(losses), 1 / len(losses)) if weight is None else np.asarray(weight, dtype=np.float64)
    return tuple(r[0].item() for r in both(np.array([0, 1]), np.zeros(1, I4), np.ones(1), table, weight, level))


@given(data=st.data(), n_scenarios=st.integers(1, 45), elements=st.sampled_from([finite, coarse]), level=levels)
def test_kernel_equals_twin(data, n_scenarios, elements, level):
    n, rows = data.draw(st.integers(0, 20)), data.draw(st.integers(1, 4))
    cuts = data.draw(st.lists(st.integers(0, n), max_size=4))
    start = np.array([0, *sorted(cuts), n], dtype=np.int64)
    row = data.draw(hn.arrays(np.int32, n, elements=st.integers(0, rows - 1)))
    quantity = data.draw(hn.arrays(np.float64, n, elements=elements))
    table = kernels.aligned_table(rows, n_scenarios)
    table[:, :n_scenarios] = data.draw(hn.arrays(np.float64, (rows, n_scenarios), elements=elements))
    weight = data.draw(hn.arrays(np.float64, n_scenarios, elements=weights).filter(lambda w: w.sum() > 0))
    var, shortfall, worst, at, worst_at = both(start, row, quantity, table, weight, level)
    profit = twin.accumulate(start, row, quantity, table, n_scenarios)
    assert (var <= shortfall).all()
    assert (shortfall <= worst + 1e-9 * abs(worst)).all()
    for g in np.flatnonzero(at >= 0):
        np.testing.assert_array_equal(var[g], -profit[g, at[g]])
        np.testing.assert_array_equal(worst[g], -profit[g, worst_at[g]])
        assert worst[g] == -profit[g, weight > 0].min()


@given(losses=st.lists(st.integers(-20, 20), min_size=1, max_size=30), data=st.data(), percent=st.integers(1, 99))
def test_definitions_in_exact_arithmetic(losses, data, percent):
    """Both definitions word for word, in fractions; masses that meet the tail exactly included."""
    shares = data.draw(st.lists(st.integers(0, 10), min_size=len(losses), max_size=len(losses)).filter(any))
    total, level = sum(shares), Fraction(percent, 100)
    p = [Fraction(s, total) for s in shares]
    held = [(x, q) for x, q in zip(losses, p, strict=True) if q]
    var = min(x for x, _ in held if sum(q for y, q in held if y > x) <= 1 - level)
    left, shortfall = 1 - level, Fraction(0)
    for x, q in sorted(held, reverse=True):
        counted = min(q, left)
        shortfall += counted * x
        left -= counted
    figures = one(losses, [s / total for s in shares], percent / 100)
    assert figures[0] == var
    assert figures[1] == pytest.approx(float(shortfall / (1 - level)), rel=1e-12, abs=1e-12)
    assert figures[2] == max(x for x, _ in held)


@pytest.mark.parametrize(
    ("n", "level", "inside"),
    [(1000, 0.99, 10), (1000, 0.975, 25), (500, 0.99, 5), (250, 0.9, 25), (3000, 0.999, 3), (20, 0.95, 1)],
)
@pytest.mark.parametrize("scale", [1.0, 1 / 3, 1e-9])
def test_equal_weights_fill_the_tail_exactly(n, level, inside, scale):
    losses = np.random.default_rng(0).permutation(n).astype(float)
    var, shortfall, worst, *_ = one(losses, np.full(n, scale / n), level)
    assert var == n - 1 - inside
    assert shortfall == pytest.approx(np.sort(losses)[-inside:].mean(), rel=1e-12)
    assert worst == n - 1


def test_the_boundary_scenario_counts_in_part():
    """A tail of 0.25 of ten scenarios: the two worst in full, the third by half."""
    var, shortfall, *_ = one([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], level=0.75)
    assert var == 7
    assert shortfall == pytest.approx((9 + 8 + 0.5 * 7) / 2.5, rel=1e-15)


def test_one_scenario_is_every_measure():
    assert one([3.0], level=0.01) == (3.0, 3.0, 3.0, 0, 0)
    assert one([-3.0], level=0.99) == (-3.0, -3.0, -3.0, 0, 0)


def test_extreme_levels():
    losses = [5.0, -1.0, 7.0, 2.0]
    assert one(losses, level=1 - 1e-15) == (7.0, 7.0, 7.0, 2, 2)
    var, shortfall, worst, at, _ = one(losses, level=1e-15)
    assert (var, worst, at) == (-1.0, 7.0, 1)
    assert shortfall == pytest.approx(np.mean(losses))


def test_scenarios_without_weight_do_not_exist():
    assert one([9.0, 1.0, 2.0], [0.0, 0.5, 0.5], 0.5) == (1.0, 2.0, 2.0, 1, 2)


def test_ties_take_the_first_scenario_as_the_worst():
    assert one([1.0, 2.0, 2.0, 2.0, 0.0], level=0.5)[2:] == (2.0, 3, 1)


def test_groups_without_lines_lose_nothing():
    start, none, table = np.zeros(3, I8), np.zeros(0), kernels.aligned_table(1, 3)
    both(start, np.zeros(0, I4), none, table, np.ones(3), 0.9)
    both(np.zeros(1, I8), np.zeros(0, I4), none, np.zeros((0, 8)), np.ones(3), 0.9)
    both(np.array([0, 0, 1, 1]), np.zeros(1, I4), np.ones(1), table, np.ones(3), 0.9)


@pytest.mark.parametrize("where", [0, 3, 9])
def test_nan_is_never_lost(where):
    losses = np.arange(10.0)
    losses[where] = np.nan
    for weight in (np.ones(10), np.arange(10.0)):
        figures = one(losses, weight)
        assert np.isnan(figures[:3]).all()
        assert figures[3:] == (where, where)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
def test_infinite_losses_are_the_same_in_both(value, level):
    losses = np.arange(10.0)
    losses[[4, 5]] = value
    with np.errstate(invalid="ignore"):
        figures = one(losses, level=level)
    assert figures[2] == (np.inf if value > 0 else 9.0)


SHAPES = {
    "normal": lambda r: r.normal(size=1003),
    "fat tails": lambda r: r.standard_t(2, size=1003),
    "losses capped": lambda r: np.maximum(r.normal(size=1003), -0.2),
    "rare large losses": lambda r: np.where(r.random(1003) < 0.01, -100.0, 1.0),
    "all equal": lambda r: np.ones(1003),
    "two values": lambda r: r.choice([-1.0, 1.0], 1003),
    "huge": lambda r: 1e200 * r.normal(size=1003),
    "small beside its mean": lambda r: 1e9 + r.normal(size=1003),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0.01, 0.5, 0.975, 0.999])
def test_the_first_guess_decides_about_time_only(shape, level):
    random = np.random.default_rng(3)
    losses = -SHAPES[shape](random)
    for weight in (np.ones(1003), 0.97 ** np.arange(1003.0), random.random(1003) * (random.random(1003) < 0.3)):
        one(losses, weight, level)


GOOD = (np.array([0, 1], I8), np.zeros(1, I4), np.ones(1), np.zeros((1, 8)))
HOSTILE = {
    "level of one": (*GOOD, np.ones(8), 1.0),
    "level of nan": (*GOOD, np.ones(8), float("nan")),
    "negative weight": (*GOOD, np.array([1.0, -0.5]), 0.9),
    "weight that is nan": (*GOOD, np.array([1.0, np.nan]), 0.9),
    "weights of zero": (*GOOD, np.zeros(8), 0.9),
    "no scenarios": (*GOOD, np.zeros(0), 0.9),
    "weights too large": (*GOOD, np.full(8, 1e308), 0.9),
    "more weights than columns": (*GOOD, np.ones(9), 0.9),
    "row beyond the table": (GOOD[0], np.ones(1, I4), *GOOD[2:], np.ones(8), 0.9),
    "weights of another type": (*GOOD, np.ones(8, np.float32), 0.9),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_input_is_refused_in_the_same_words(case):
    refused_alike("tail", *HOSTILE[case])
