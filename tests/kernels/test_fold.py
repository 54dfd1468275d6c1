"""The folding kernels against their twin and against the rule written out with numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from strategies import both, finite, floats, lines, refused_alike, segments

from margin import _core, kernels

I4, I8 = np.dtype("i4"), np.dtype("i8")


@st.composite
def folds(draw):
    """Arguments of both kernels: leaves over lines, groups over leaves."""
    leaf_start, row, quantity, rows = draw(lines())
    n_scenarios, n_leaves = draw(st.integers(1, 45)), len(leaf_start) - 1
    unit_start = draw(segments(n_leaves))
    table, weight = kernels.aligned_table(rows, n_scenarios), kernels.aligned_table(2, n_scenarios)
    table[:, :n_scenarios] = draw(hn.arrays(np.float64, (rows, n_scenarios), elements=finite))
    weight[:, :n_scenarios] = draw(hn.arrays(np.float64, (2, n_scenarios), elements=st.floats(0, 1)))
    table[:, n_scenarios:] = -1e300  # padding must never win
    weight[:, n_scenarios:] = 1.0
    absolute = np.zeros(table.shape[1])
    absolute[:n_scenarios] = draw(hn.arrays(np.float64, n_scenarios, elements=st.sampled_from([0.0, 1.0])))
    unit = draw(hn.arrays(np.int32, len(unit_start) - 1, elements=st.integers(0, 1)))
    leaf = draw(hn.arrays(np.int32, n_leaves, elements=st.integers(0, 2)))
    gain, loss = draw(floats(3, st.floats(0.5, 1.5))), draw(floats(3, st.floats(0.5, 1.5)))
    base = draw(floats(rows))
    return unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n_scenarios


@given(folds())
def test_twins_and_formula(arguments):
    unit_start, unit, leaf_start, leaf, row, quantity, table, base, gain, loss, absolute, weight, n = arguments
    profit = both("fold", *arguments)
    worst, scenario = both("stress_folded", *arguments)
    for g in range(len(unit)):
        total = np.zeros(n)
        held = 0
        for e in range(unit_start[g], unit_start[g + 1]):
            here = slice(leaf_start[e], leaf_start[e + 1])
            held += leaf_start[e + 1] - leaf_start[e]
            value = quantity[here] @ table[row[here], :n]
            own = value * np.where(value >= 0, gain[leaf[e]], loss[leaf[e]]) - quantity[here] @ base[row[here]]
            total += np.where(absolute[:n] != 0, -np.abs(own), own)
        np.testing.assert_allclose(profit[g], total * weight[unit[g], :n], rtol=1e-9, atol=1e-3)
        assert worst[g] == max(0.0, -profit[g].min())
        assert scenario[g] == (np.argmin(profit[g]) if held else -1)


def test_one_leaf_without_factors_is_plain_stress():
    random = np.random.default_rng(5)
    table = kernels.aligned_table(4, 33)
    table[:, :33] = random.normal(size=(4, 33))
    start, row, quantity = np.array([0, 3, 6], I8), random.integers(0, 4, 6).astype(I4), random.normal(size=6)
    unit, one, width = np.zeros(2, I4), np.ones(1), table.shape[1]
    plain = _core.stress(start, unit, row, quantity, table, kernels.aligned_table(1, 33), 33)
    leaves = np.arange(3, dtype=I8)
    folded = _core.stress_folded(
        leaves, unit, start, unit, row, quantity, table, np.zeros(4), one, one, np.zeros(width), np.ones((1, width)), 33
    )
    np.testing.assert_array_equal(folded[0], plain[0])
    np.testing.assert_array_equal(folded[1], plain[1])


def test_nan_is_never_lost():
    table = kernels.aligned_table(1, 9)
    table[0, :9] = 1.0
    table[0, 4] = np.nan
    one, start = np.ones(1), np.array([0, 1], I8)
    arguments = (start, np.zeros(1, I4), start, np.zeros(1, I4), np.zeros(1, I4), one, table, np.zeros(1), one, one)
    worst, scenario = both("stress_folded", *arguments, np.zeros(16), np.ones((1, 16)), 9)
    assert np.isnan(worst[0])
    assert scenario[0] == 4


GOOD = {
    "unit_start": np.array([0, 1], I8), "unit": np.zeros(1, I4), "leaf_start": np.array([0, 2], I8), "leaf": np.zeros(1, I4),
    "row": np.zeros(2, I4), "quantity": np.ones(2), "table": np.zeros((1, 8)), "base": np.zeros(1), "gain": np.ones(1),
    "loss": np.ones(1), "absolute": np.zeros(8), "weight": np.ones((1, 8)), "n_scenarios": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("unit_start", np.array([0, 2], I8)), ("unit", np.ones(1, I4)), ("unit", np.zeros(2, I4)), ("leaf", np.ones(1, I4)),
        ("leaf", np.zeros(2, I4)), ("leaf_start", np.array([0, 3], I8)), ("row", np.array([0, 1], I4)), ("base", np.zeros(2)),
        ("loss", np.ones(2)), ("absolute", np.zeros(7)), ("weight", np.ones((1, 7))), ("gain", np.ones(1, np.float32)),
    ],
)  # fmt: skip
def test_hostile_input_is_refused_in_the_same_words(name, value):
    refused_alike("stress_folded", *(GOOD | {name: value}).values())


def test_empty_input_gives_empty_output():
    none, codes, zero = np.zeros(0), np.zeros(0, I4), np.zeros(1, I8)
    arguments = (zero, codes, zero, codes, codes, none, np.zeros((0, 8)), none, none, none, np.zeros(8), np.zeros((0, 8)), 8)
    both("stress_folded", *arguments)
    both("fold", *arguments)
