"""Backtest statistics against numbers worked out by hand and against scipy."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from margin.analysis.backtest import (
    Backtest,
    acerbi_szekely,
    chi_square_tail,
    conditional_coverage,
    independence,
    kupiec,
    traffic_light,
)
from margin.errors import DataError


@given(st.floats(0.0, 200.0))
def test_chi_square_tail(statistic: float) -> None:
    for degrees in (1, 2):
        assert chi_square_tail(statistic, degrees=degrees) == pytest.approx(scipy.stats.chi2.sf(statistic, degrees), rel=1e-10)


class TestKupiec:
    def test_by_hand(self) -> None:
        # 5 of 250 at 99 %: 2 * (245 ln(.98 / .99) + 5 ln(.02 / .01))
        by_hand = 2 * (245 * math.log(0.98 / 0.99) + 5 * math.log(2))
        assert by_hand == pytest.approx(1.9568, abs=1e-4)
        test = kupiec(5, 250, level=0.99)
        assert test.statistic == pytest.approx(by_hand, rel=1e-12)
        assert test.p_value == pytest.approx(0.1619, abs=1e-4)

    @given(st.integers(1, 3000), st.data())
    def test_against_binomial_likelihoods(self, days: int, data: Any) -> None:
        breaches = data.draw(st.integers(0, days))
        best = scipy.stats.binom.logpmf(breaches, days, breaches / days)
        expected = 2 * (best - scipy.stats.binom.logpmf(breaches, days, 0.01))
        assert kupiec(breaches, days, level=0.99).statistic == pytest.approx(expected, rel=1e-7, abs=1e-8)

    def test_none_and_all(self) -> None:
        assert kupiec(0, 250, level=0.99).statistic == pytest.approx(-2 * 250 * math.log(0.99))
        assert kupiec(250, 250, level=0.99).statistic == pytest.approx(-2 * 250 * math.log(0.01))
        assert kupiec(1, 100, level=0.99).p_value == pytest.approx(1.0)

    @pytest.mark.parametrize(("breaches", "days"), [(-1, 10), (11, 10), (0, 0)])
    def test_impossible_counts(self, breaches: int, days: int) -> None:
        with pytest.raises(ValueError, match=f"breaches={breaches}, days={days}"):
            kupiec(breaches, days, level=0.99)

    @pytest.mark.parametrize("level", [0.0, 1.0, 99.0, math.nan])
    def test_impossible_level(self, level: float) -> None:
        with pytest.raises(ValueError, match=r"0\.99 for 99 %"):
            kupiec(1, 10, level=level)


class TestIndependence:
    def test_by_hand(self) -> None:
        breach = [0, 0, 1, 1, 0, 0, 0, 1, 0, 0]  # transitions 00: 4, 01: 2, 10: 2, 11: 1
        apart = 4 * math.log(4 / 6) + 2 * math.log(2 / 6) + 2 * math.log(2 / 3) + math.log(1 / 3)
        one = 6 * math.log(6 / 9) + 3 * math.log(3 / 9)
        assert independence(breach).statistic == pytest.approx(2 * (apart - one), abs=1e-12)

    def test_clusters_are_found(self) -> None:
        spread, cluster = np.zeros(500, dtype=bool), np.zeros(500, dtype=bool)
        spread[25::50] = True
        cluster[100:110] = True
        assert independence(spread).p_value > 0.4
        assert independence(cluster).p_value < 1e-10

    @pytest.mark.parametrize("breach", [[False] * 20, [True] * 20, [True], []])
    def test_nothing_to_tell(self, breach: list[bool]) -> None:
        assert independence(breach).statistic == 0.0
        assert independence(breach).p_value == 1.0

    @given(st.lists(st.booleans(), min_size=3, max_size=200))
    def test_is_the_g_test_of_the_table_of_transitions(self, breach: list[bool]) -> None:
        counts = np.zeros((2, 2))
        for before, after in itertools.pairwise(breach):
            counts[int(before), int(after)] += 1
        if (counts.sum(axis=0) == 0).any() or (counts.sum(axis=1) == 0).any():
            assert independence(breach).statistic == pytest.approx(0.0, abs=1e-10)
        else:
            expected = scipy.stats.chi2_contingency(counts, correction=False, lambda_="log-likelihood")
            assert independence(breach).statistic == pytest.approx(expected.statistic, abs=1e-8)
            assert independence(breach).p_value == pytest.approx(expected.pvalue, abs=1e-8)


def test_conditional_coverage_is_the_sum() -> None:
    breach = np.zeros(300, dtype=bool)
    breach[[10, 11, 12, 200]] = True
    test = conditional_coverage(breach, level=0.99)
    assert test.statistic == pytest.approx(kupiec(4, 300, level=0.99).statistic + independence(breach).statistic)
    assert test.p_value == pytest.approx(scipy.stats.chi2.sf(test.statistic, 2))


@pytest.mark.parametrize(("breaches", "light"), [(0, "green"), (4, "green"), (5, "yellow"), (9, "yellow"), (10, "red")])
def test_traffic_light_of_250_days(breaches: int, light: str) -> None:
    assert traffic_light(breaches, 250, level=0.99) == light


@given(st.integers(1, 2000), st.data())
def test_traffic_light_is_the_binomial(days: int, data: Any) -> None:
    breaches = data.draw(st.integers(0, days))
    probability = scipy.stats.binom.cdf(breaches, days, 0.01)
    light = "green" if probability < 0.95 else "yellow" if probability < 0.9999 else "red"
    assert traffic_light(breaches, days, level=0.99) == light


class TestShortfall:
    def test_by_hand(self) -> None:
        # Two breaches of 10 days at 80 %, at 1.5 and 0.5 times the shortfall: 1 - (1.5 + 0.5) / (10 * 0.2)
        loss = [0.0] * 8 + [3.0, 1.0]
        assert acerbi_szekely(loss, [0.5] * 10, [2.0] * 10, level=0.8) == pytest.approx(0.0)
        assert acerbi_szekely(loss, [5.0] * 10, [6.0] * 10, level=0.8) == 1.0

    def test_is_zero_on_average_under_the_model(self) -> None:
        loss = np.random.default_rng(5).standard_normal(400_000)
        var = scipy.stats.norm.ppf(0.99)
        shortfall = scipy.stats.norm.pdf(var) / 0.01
        z2 = acerbi_szekely(loss, np.full(len(loss), var), np.full(len(loss), shortfall), level=0.99)
        assert abs(z2) < 0.05

    def test_no_shortfall(self) -> None:
        with pytest.raises(DataError, match=r"backtest.expected_shortfall, row 1: 0 is not above zero"):
            acerbi_szekely([1.0, 1.0], [1.0, 1.0], [1.0, 0.0], level=0.99)


class TestBacktest:
    def test_all_figures(self) -> None:
        loss = np.array([0.0, 3.0, 4.0, -1.0, 0.0])
        result = Backtest.of(loss, [1.0, 1.0, 2.0, 2.0, 4.0], [2.0, 2.0, 2.0, 3.0, 5.0], level=0.9)
        assert (result.days, result.breaches, result.expected) == (5, 2, pytest.approx(0.5))
        assert result.exceedance == pytest.approx((1.5 + 2.0) / 2)
        assert (result.peak_to_trough, result.largest_rise) == (4.0, 2.0)
        assert result.z2 == pytest.approx(1 - 3.5 / 0.5)
        assert result.kupiec == kupiec(2, 5, level=0.9)
        assert result.light == traffic_light(2, 5, level=0.9)

    def test_a_loss_at_the_value_at_risk_is_no_breach(self) -> None:
        result = Backtest.of([1.0], [1.0], [1.0], level=0.99)
        assert result.breaches == 0
        assert math.isnan(result.largest_rise)
        assert math.isnan(result.exceedance)

    def test_what_has_no_value_is_nan(self) -> None:
        result = Backtest.of([1.0, 0.0], [0.0, 0.0], [0.0, 1.0], level=0.99)
        assert math.isnan(result.z2)
        assert math.isnan(result.peak_to_trough)
        assert math.isnan(result.largest_rise)

    @pytest.mark.parametrize(
        ("series", "message"),
        [
            (([], [], []), r"backtest.loss: shape \(0,\)"),
            (([1.0], [1.0, 2.0], [1.0]), r"backtest.value_at_risk: shape \(2,\), loss has \(1,\)"),
            (([1.0, math.nan], [1.0, 1.0], [1.0, 1.0]), "backtest.loss, row 1: nan is not a finite number"),
        ],
    )
    def test_refused(self, series: tuple[list[float], ...], message: str) -> None:
        with pytest.raises(DataError, match=message):
            Backtest.of(*series, level=0.99)
