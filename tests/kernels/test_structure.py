"""Groups of delta-one lines in closed form: against the twin, and against every scenario evaluated with numpy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn
from strategies import anything, both, finite, lines, refused_alike

from margin import _core, kernels

I4, I8 = np.dtype("i4"), np.dtype("i8")
few = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1.0 + 2**-52, 1e-300, -1e-300, 5e-324, 1e18, 1e200, 3.0])
"""Numbers that tie, or differ by one rounding, or vanish beside others."""


def table_of(data, rows, n_scenarios, elements, padding):
    table = kernels.aligned_table(rows, n_scenarios)
    table[:, n_scenarios:] = padding
    table[:, :n_scenarios] = data.draw(hn.arrays(np.float64, (rows, n_scenarios), elements=elements))
    return table


@pytest.mark.parametrize("kind", [finite, few, st.one_of(few, anything)], ids=["finite", "ties", "anything"])
@given(data=st.data(), n_scenarios=st.integers(1, 90))
def test_twins(kind, data, n_scenarios):
    start, row, quantity, rows = data.draw(lines(kind))
    coefficient = data.draw(hn.arrays(np.float64, rows, elements=st.one_of(st.just(0.0), kind)))
    table = table_of(data, rows, n_scenarios, finite, -1e300)  # padding must never win
    pattern, relief = table_of(data, 2, n_scenarios, kind, -1e300), table_of(data, 2, n_scenarios, kind, -1e300)
    unit = data.draw(hn.arrays(np.int32, len(start) - 1, elements=st.integers(0, 1)))
    with np.errstate(all="ignore"):
        both("stress_structured", start, unit, row, quantity, table, coefficient, pattern, relief, n_scenarios)


def every_scenario(sums, pattern, relief):
    """What one line a group and its coefficient mean, in numpy."""
    values = sums[:, None] * pattern + relief
    return np.maximum(-values.min(axis=1), 0.0), values.argmin(axis=1)


def in_core(sums, pattern, relief):
    n, n_scenarios = len(sums), pattern.shape[1]
    padded = [kernels.aligned_table(1, n_scenarios) for _ in range(2)]
    for table, values in zip(padded, (pattern, relief), strict=True):
        table[:, :n_scenarios] = values
    start, first = np.arange(n + 1), np.zeros(n, I4)
    return _core.stress_structured(
        start, first, first, sums, kernels.aligned_table(1, n_scenarios), np.ones(1), *padded, n_scenarios
    )


def sums():
    """Coefficient sums of all sizes and both signs."""
    random = np.random.default_rng(11)
    size = np.concatenate((10.0 ** random.uniform(-320, 300, 4000), 10.0 ** random.uniform(-12, 12, 8000), [0.0, 1.0]))
    return size * random.choice([-1.0, 1.0], len(size))


GRID = np.repeat(0.16 * np.arange(-4, 5) / 4, 3)
FAR = np.array([-0.66, -0.33, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0])
CASES = {
    "grid": (GRID, np.zeros(27)),
    "grid and dampened moves": (
        np.append(GRID, FAR * (0.16 / np.abs(FAR))),
        np.append(np.zeros(27), (np.maximum(np.abs(FAR) / 0.16, 1) - 1) * 1e5),
    ),
    "moves that differ by one rounding": (np.array([0.1, np.nextafter(0.1, 0), -0.1, np.nextafter(-0.1, 0)]), np.zeros(4)),
    "equal columns": (np.array([0.0, -0.1, -0.1, 0.1, 0.1]), np.array([1.0, 0.0, 0.0, 0.0, 0.0])),
    "relief that swallows small sums": (np.array([0.1, 0.2, 0.3, -0.3, -0.4]), np.full(5, 1e9)),
    "falling relief": (np.linspace(-0.5, 0.5, 7), np.array([60.0, 50, 40, 30, 20, 10, 0])),
    "more on the list than fit": (np.linspace(-0.5, 0.5, 40), np.linspace(40, 0, 40) ** 2),
    "no two comparable, in falling order": (np.linspace(0.5, -0.5, 8), np.linspace(0, 7, 8)),
    "numbers too large for a list": (np.array([1.0, 2e31, -2e31]), np.array([0.0, 1e35, 1.0])),
    "nothing moves": (np.zeros(3), np.array([5.0, -2.0, -2.0])),
}


@pytest.mark.parametrize("case", CASES)
def test_closed_form_is_every_scenario(case):
    pattern, relief = (values[None, :] for values in CASES[case])
    with np.errstate(over="ignore", under="ignore"):
        worst, scenario = every_scenario(sums(), pattern, relief)
        got = in_core(sums(), pattern, relief)
    np.testing.assert_array_equal(got[0], worst)
    np.testing.assert_array_equal(got[1], scenario)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["pattern", "relief", "coefficient", "quantity"])
def test_what_is_not_finite_is_never_lost(bad, where):
    pattern, relief = kernels.aligned_table(1, 33), kernels.aligned_table(1, 33)
    pattern[0, :33] = np.linspace(-1, 1, 33)
    coefficient, quantity = np.ones(2), np.ones(3)
    {"pattern": pattern[0], "relief": relief[0], "coefficient": coefficient, "quantity": quantity}[where][1] = bad
    start, row = np.array([0, 2, 3], I8), np.array([0, 1, 0], I4)
    arguments = (start, np.zeros(2, I4), row, quantity, kernels.aligned_table(2, 33), coefficient, pattern, relief, 33)
    with np.errstate(all="ignore"):
        worst, _ = both("stress_structured", *arguments)
    if np.isnan(bad):
        assert np.isnan(worst[0])


def test_a_block_split_anywhere_gives_the_same_bits():
    random = np.random.default_rng(12)
    n_groups, n_scenarios = 1500, 35
    length = random.geometric(0.3, n_groups)
    length[random.random(n_groups) < 0.01] = 0
    start = np.concatenate(([0], np.cumsum(length)))
    row, quantity = random.integers(0, 50, start[-1]).astype(I4), random.normal(size=start[-1])
    table, pattern, relief = (kernels.aligned_table(k, n_scenarios) for k in (50, 3, 3))
    table[:, :n_scenarios] = random.normal(size=(50, n_scenarios))
    pattern[:, :n_scenarios], relief[1, :n_scenarios] = random.normal(size=(3, n_scenarios)), 1.0
    coefficient = np.where(random.random(50) < 0.7, random.normal(size=50), 0.0)
    unit = random.integers(0, 3, n_groups).astype(I4)

    def call(begin, end):
        return _core.stress_structured(
            start[begin : end + 1].copy(), unit[begin:end].copy(), row, quantity, table, coefficient, pattern, relief, n_scenarios
        )

    whole = call(0, n_groups)
    for cuts in ([0, 1, 2, 700, 1500], [0, 511, 512, 513, 1025, 1500]):
        parts = [call(a, b) for a, b in pairwise(cuts)]
        for k in range(2):
            np.testing.assert_array_equal(np.concatenate([part[k] for part in parts]), whole[k])


GOOD = {
    "start": np.array([0, 2], I8), "unit": np.zeros(1, I4), "row": np.zeros(2, I4), "quantity": np.ones(2),
    "table": np.zeros((1, 8)), "coefficient": np.ones(1), "pattern": np.zeros((1, 8)), "relief": np.zeros((1, 8)),
    "n_scenarios": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("coefficient", np.ones(2)), ("coefficient", np.ones(1, np.float32)), ("pattern", np.zeros((2, 8))),
        ("pattern", np.zeros((1, 16))), ("pattern", np.zeros(8)), ("relief", np.zeros((1, 16))), ("unit", np.ones(1, I4)),
        ("row", np.array([0, 1], I4)), ("start", np.array([0, 3], I8)), ("n_scenarios", 9), ("coefficient", [1.0]),
    ],
)  # fmt: skip
def test_hostile_input_is_refused_in_the_same_words(name, value):
    refused_alike("stress_structured", *(GOOD | {name: value}).values())


@pytest.mark.parametrize("n_groups", [0, 2])
def test_no_lines(n_groups):
    relief, none = np.full((1, 8), -3.0), np.zeros(0)
    unit, start = np.zeros(n_groups, I4), np.zeros(n_groups + 1, I8)
    worst, scenario = both(
        "stress_structured", start, unit, np.zeros(0, I4), none, np.zeros((0, 8)), none, np.ones((1, 8)), relief, 5
    )
    assert worst.tolist() == [3.0] * n_groups
    assert scenario.tolist() == [-1] * n_groups
