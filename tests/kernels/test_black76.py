"""Black-76: against 50 digits, against the twin, and at its limits one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin import _core, kernels
from margin import _reference as twin
from margin.pricing import black76, option_payoff

mpmath = pytest.importorskip("mpmath")


def exact(forward, strike, years, vol, sign):
    """Price and delta with 50 digits."""
    with mpmath.workdps(50):
        f, k, s = mpmath.mpf(forward), mpmath.mpf(strike), mpmath.mpf(vol) * mpmath.sqrt(mpmath.mpf(years))
        d1 = mpmath.log(f / k) / s + s / 2
        price = sign * (f * mpmath.ncdf(sign * d1) - k * mpmath.ncdf(sign * (d1 - s)))
        return float(price), float(sign * mpmath.ncdf(sign * d1))


def test_accuracy_on_random_options():
    random = np.random.default_rng(0)
    n = 1500
    forward = np.exp(random.uniform(np.log(1e-4), np.log(1e6), n))
    strike = forward * np.exp(random.normal(0, 1.5, n))
    years, vol = random.uniform(1e-5, 3, n), random.uniform(0.01, 4, n)
    sign = random.choice([-1.0, 1.0], n)
    price, delta = _core.black76(forward, strike, years, vol, sign)
    for i in range(n):
        p, d = exact(*(float(a[i]) for a in (forward, strike, years, vol, sign)))
        scale = max(forward[i], strike[i])
        assert abs(price[i] - p) <= 2e-15 * scale
        assert abs(delta[i] - d) <= 2e-15


@given(
    st.floats(0, 1e6), st.floats(0, 1e6), st.floats(-1, 5), st.floats(0, 20), st.sampled_from([-1.0, 1.0])
)
def test_kernel_agrees_with_its_twin(forward, strike, years, vol, sign):
    arguments = [np.array([a]) for a in (forward, strike, years, vol, sign)]
    fast, slow = _core.black76(*arguments), twin.black76(*arguments)
    assert abs(fast[0][0] - slow[0][0]) <= 4e-15 * max(forward, strike)
    assert abs(fast[1][0] - slow[1][0]) <= 1e-14


@given(st.data())
def test_grid_is_the_single_price_under_each_scenario(data):
    # beyond options priced together, vols that are selected, scenarios of one tile
    n, n_scenarios = data.draw(st.sampled_from([1, 2, 5, 33, 65])), data.draw(st.sampled_from([1, 2, 33, 40, 257]))
    n_vols = data.draw(st.sampled_from([1, 3, 8, 9]))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    forward, strike = random.uniform(1, 1e5, n), random.uniform(1, 1e5, n)
    years, sign = random.uniform(0, 2, n), random.choice([-1.0, 1.0], n)
    vols = np.where(random.random((n, n_vols)) < 0.2, 0.0, random.uniform(0.01, 2, (n, n_vols)))
    unit = random.integers(0, 2, n).astype(np.int32)
    move, index = random.uniform(-0.9, 5, (2, n_scenarios)), random.integers(0, n_vols, n_scenarios).astype(np.int32)
    grid = _core.black76_grid(forward, strike, years, sign, vols, unit, move, index)
    assert grid.shape == (n, n_scenarios)
    for s in range(n_scenarios):
        shocked = forward * (1.0 + move[unit, s])
        single = twin.black76(shocked, strike, years, np.ascontiguousarray(vols[:, index[s]]), sign)[0]
        np.testing.assert_array_less(np.abs(grid[:, s] - single), 6e-15 * np.maximum(shocked, strike) + 1e-300)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("forward", "strike", "years", "vol"),
    [
        (100.0, 90.0, 0.0, 0.5),  # no time
        (100.0, 110.0, 0.0, 0.5),
        (100.0, 90.0, -1.0, 0.5),  # expired
        (100.0, 90.0, 1.0, 0.0),  # no vol
        (100.0, 100.0, 0.0, 0.0),  # at the money with neither
        (100.0, 90.0, 1e-300, 1e-300),  # next to nothing of both
        (100.0, 0.0, 1.0, 0.5),  # strike zero
        (0.0, 100.0, 1.0, 0.5),  # forward zero
    ],
)
def test_intrinsic_limits(sign, forward, strike, years, vol):
    price, delta = black76(forward, strike, years, vol, sign)
    gain = sign * (forward - strike)
    assert float(price) == max(gain, 0.0)
    assert float(delta) == sign * (1.0 if gain > 0 else 0.5 if gain == 0 else 0.0)


@pytest.mark.parametrize("implementation", [_core, twin])
def test_huge_vol_and_extreme_strikes(implementation):
    def price(forward, strike, years, vol, sign):
        return implementation.black76(*(np.array([a]) for a in (forward, strike, years, vol, sign)))[0][0]

    assert price(100.0, 120.0, 1.0, 100.0, 1.0) == pytest.approx(100.0, rel=1e-15)
    assert price(100.0, 120.0, 1.0, 100.0, -1.0) == pytest.approx(120.0, rel=1e-15)
    assert price(100.0, 1e12, 1.0, 0.5, 1.0) == pytest.approx(0.0, abs=1e-12)
    assert price(100.0, 1e12, 1.0, 0.5, -1.0) == pytest.approx(1e12 - 100, rel=1e-15)
    assert price(100.0, 1e-12, 1.0, 0.5, 1.0) == pytest.approx(100.0, rel=1e-15)
    assert 0.0 <= price(100.0, 1e-12, 1.0, 0.5, -1.0) < 1e-12


@pytest.mark.parametrize("column", range(4))
def test_nan_comes_out_as_nan(column):
    arguments = [np.array([100.0]), np.array([90.0]), np.array([1.0]), np.array([0.5]), np.array([1.0])]
    arguments[column][0] = math.nan
    assert np.isnan(_core.black76(*arguments)[0][0])
    assert np.isnan(twin.black76(*arguments)[0][0])


@given(st.floats(1, 1e5), st.floats(1, 1e5), st.floats(0.001, 3), st.floats(0.01, 3))
def test_parity_and_bounds(forward, strike, years, vol):
    call, put = (black76(forward, strike, years, vol, sign) for sign in (1, -1))
    scale = max(forward, strike)
    assert float(call.price - put.price) == pytest.approx(forward - strike, abs=1e-14 * scale)
    assert float(call.delta - put.delta) == pytest.approx(1.0, abs=1e-14)
    assert max(forward - strike, 0) - 1e-14 * scale <= call.price <= forward * (1 + 1e-14)


def test_payoffs():
    assert float(option_payoff(12500.0, 10000.0, 1, inverse=True)) == 0.2
    assert float(option_payoff(8000.0, 10000.0, -1)) == 2000.0
    assert float(option_payoff(8000.0, 10000.0, 1)) == 0.0


def test_broadcasting():
    price = black76(100.0, [90.0, 110.0], 1.0, 0.5, [[1], [-1]]).price
    assert price.shape == (2, 2)
    with pytest.raises(ValueError, match="broadcast"):
        black76([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, 0.5, 1)


def test_kernels_is_the_compiled_core_here():
    assert kernels.config().implementation in {"core", "python"}
