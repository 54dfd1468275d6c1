"""Generated arguments of kernels, and the comparison of a kernel with its slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from margin import _core
from margin import _reference as twin

finite = st.floats(-1e6, 1e6, allow_nan=False)
anything = st.one_of(finite, st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324]))


def both(name, *arguments):
    """Results of kernel and twin, equal to the last bit."""
    fast, slow = getattr(_core, name)(*arguments), getattr(twin, name)(*arguments)
    for a, b in zip(*(x if isinstance(x, tuple) else (x,) for x in (fast, slow)), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    return fast


def refused_alike(name, *arguments):
    """Kernel and twin raise the same error in the same words."""
    with pytest.raises((ValueError, TypeError)) as slow:
        getattr(twin, name)(*arguments)
    with pytest.raises(type(slow.value)) as fast:
        getattr(_core, name)(*arguments)
    assert str(fast.value) == str(slow.value)


def floats(n, elements=finite):
    return hn.arrays(np.float64, n, elements=elements)


@st.composite
def segments(draw, n):
    """Offsets of segments over n items, some of them empty."""
    cuts = draw(st.lists(st.integers(0, n), max_size=6))
    return np.array([0, *sorted(cuts), n], dtype=np.int64)


@st.composite
def lines(draw, elements=finite):
    """start, row, quantity of some groups over a table of 1 to 6 rows."""
    n, rows = draw(st.integers(0, 30)), draw(st.integers(1, 6))
    row = draw(hn.arrays(np.int32, n, elements=st.integers(0, rows - 1)))
    return draw(segments(n)), row, draw(floats(n, elements)), rows
