"""Listed vols: interpolation to nodes in total variance, picking and quoting options."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.analysis.option_books import OPTION_BOOKS, option_days
from margin.analysis.surface import FlatVol, ListedVols, levels_at_nodes
from margin.errors import DataError

TIME = np.datetime64("2026-01-01T08:00", "ms")
STRIKES = np.arange(50.0, 200.0, 5.0)
DAYS = (10, 40, 100)


def listed(vol_of=lambda years, x: 0.5 + 0.0 * x, *, days=DAYS, day=0, strikes=STRIKES) -> ListedVols:
    time = TIME + np.timedelta64(day, "D")
    expiry = np.repeat([TIME + np.timedelta64(d, "D") for d in days], len(strikes))
    strike = np.tile(strikes, len(days))
    years = (expiry - time) / np.timedelta64(365, "D")
    vol = vol_of(years, np.log(strike / 100.0) / np.sqrt(years))
    return ListedVols(date=str(time)[:10], time=time, price=100.0, expiry=expiry, strike=strike,
                      forward=np.full(len(strike), 100.0), vol=vol)  # fmt: skip


@given(st.floats(0.1, 2.0), st.floats(10.0, 100.0), st.floats(-0.5, 0.5))
def test_a_flat_surface_is_flat_at_every_node(vol: float, tenor: float, x: float) -> None:
    assert listed(lambda years, _: np.full(len(years), vol)).at_nodes([tenor], [x])[0, 0] == pytest.approx(vol, rel=1e-9)


def test_total_variance_is_linear_between_expiries() -> None:
    vols = listed(lambda years, _: np.where(years < 20 / 365, 0.8, 0.4)).at_nodes([10, 25, 40], [0.0])[:, 0]
    near, far = 0.8**2 * 10, 0.4**2 * 40
    assert vols == pytest.approx([0.8, np.sqrt((near + far) / 2 / 25), 0.4])


def test_total_variance_is_linear_between_strikes() -> None:
    surface = listed(lambda _, x: 0.5 + 0.2 * x**2, days=(40,), strikes=np.array([90.0, 110.0]))
    x = np.log(np.array([0.9, 1.1])) / np.sqrt(40 / 365)
    variance = (0.5 + 0.2 * x**2) ** 2
    assert surface.at_nodes([40.0], [x.mean()])[0, 0] == pytest.approx(np.sqrt(variance.mean()))


def test_nothing_is_extrapolated() -> None:
    surface = listed()
    assert np.isnan(surface.at_nodes([9.0, 101.0], [0.0])).all()
    assert np.isnan(surface.at_nodes([20.0], [-9.0, 9.0])).all()
    with pytest.raises(DataError, match=r"row 0 \(date '2026-01-01', tenor 7.0, .*\): no listed strikes around the node"):
        levels_at_nodes([surface], [7.0], [0.0])


def test_candidates_and_quotes() -> None:
    surface = listed()
    expiry, forward, strikes, vols = surface.candidates(30.0)
    assert expiry == TIME + np.timedelta64(40, "D")
    assert (forward, len(strikes), vols[0]) == (100.0, 30, 0.5)
    assert surface.quote(expiry, 100.0) == (100.0, 0.5)
    assert surface.quote(expiry, 101.0) is None
    level = FlatVol(date="2026-01-01", time=TIME, price=100.0, vol=0.6)
    assert level.candidates(30.0)[0] == TIME + np.timedelta64(30, "D")
    assert level.quote(expiry, 123.0) == (100.0, 0.6)


def test_an_option_that_is_gone_the_next_day_is_an_error() -> None:
    quotes = {"BTC": [listed(), listed(day=1, days=(10,))]}
    with pytest.raises(DataError, match=r"BTC-2026-02-10T08:00-115-C is not quoted on 2026-01-02. It was quoted the day before"):
        next(option_days(quotes, OPTION_BOOKS, notional=1.0, ageing=True))
