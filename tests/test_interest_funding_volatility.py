"""Small formulas around margin: what they refuse. Their values are tested on published vectors."""

import numpy as np
import pytest

from margin.errors import DataError
from margin.funding import PremiumFunding
from margin.interest import KinkedRate, utilisation
from margin.volatility import SviCurve


def test_utilisation_refuses_what_cannot_be():
    assert utilisation(0.0, 0.0) == 0.0
    assert utilisation(1.0, 3.0) == utilisation(0.0, 3.0) == utilisation(2.0, 2.0) == 1.0
    assert utilisation(4.0, 1.0) == 0.25
    for supplied, borrowed in ((-1.0, 0.0), (1.0, -1.0), (np.nan, 1.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="amounts must be zero or above"):
            utilisation(supplied, borrowed)


def test_a_kinked_rate_is_continuous_at_its_kink():
    rate = KinkedRate(minimum=0.02, slope=0.1, kink=0.8, steep_slope=2.0)
    assert rate.at(0.8) == pytest.approx(0.1)
    assert rate.at(0.8 + 1e-9) == pytest.approx(0.1, abs=1e-8)
    assert rate.at(7.0) == rate.at(1.0) == pytest.approx(0.5)


@pytest.mark.parametrize(("index", "hours"), [(0.0, 8.0), (-1.0, 8.0), (100.0, 0.0)])
def test_funding_refuses_an_index_or_a_time_that_is_not_above_zero(index, hours):
    with pytest.raises(ValueError, match="both must be above zero"):
        PremiumFunding(hours=hours, interest=0.0, cap=0.1).rate(index, impact_bid=1.0, impact_ask=1.0)


def test_svi_of_many_strikes_and_what_it_refuses():
    curve = SviCurve(a=0.04, b=0.0, rho=0.0, m=0.0, sigma=0.1, forward=100.0, years=0.25)
    assert curve.vol([[0.0, 50.0], [100.0, 1e9]]).tolist() == [[0.0, 0.4], [0.4, 0.4]]
    assert float(curve.vol(100.0, most_variance=0.01)) == pytest.approx(0.2)
    for forward, years, column in ((0.0, 1.0, "forward"), (1.0, np.nan, "years")):
        wrong = SviCurve(a=0.04, b=0.0, rho=0.0, m=0.0, sigma=0.1, forward=forward, years=years)
        with pytest.raises(DataError, match=rf"svi.{column}.*not above zero"):
            wrong.vol(100.0)
