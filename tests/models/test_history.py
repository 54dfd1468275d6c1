"""Histories: checks, moves from levels, windows, weights, volatility scaling, stressed periods, correlation stress."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.errors import DataError
from margin.models.history import History
from margin.models.history_levels import history_of_levels
from margin.models.history_stress import broken, pulled
from margin.models.history_weights import age_weighted, filtered, joined, stressed_rows

GOOD: dict[str, Any] = {
    "labels": ["a", "b", "c"],
    "names": ["BTC", "ETH"],
    "price": [[0.1, 0.2], [-0.1, 0.0], [0.05, -0.3]],
    "vol": np.full((3, 2, 2, 3), 0.01),
    "tenors": [7.0, 30.0],
    "moneyness": [-0.5, 0.0, 0.5],
}


def made(seed: int = 0, *, s: int = 60, u: int = 3, n: int = 1, m: int = 2, correlation: float = 0.6) -> History:
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((s, 1))
    x = 0.03 * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * rng.standard_normal((s, u)))
    vol = -1.5 * x[:, :, None, None] + 0.02 * rng.standard_normal((s, u, n, m))
    return History.of(
        labels=[str(i) for i in range(s)],
        names=[f"C{i}" for i in range(u)],
        price=np.expm1(x),
        vol=np.expm1(vol),
        tenors=30.0 + np.arange(n),
        moneyness=np.arange(float(m)),
    )


def changed(**columns: Any) -> dict[str, Any]:
    return {**GOOD, **columns}


def with_cell(column: str, place: tuple[int, ...], value: float) -> dict[str, Any]:
    array = np.array(GOOD[column], dtype=float)
    array[place] = value
    return changed(**{column: array})


class TestOf:
    def test_good(self) -> None:
        history = History.of(**GOOD)
        assert history.n_scenarios == 3
        assert history.weight.tolist() == [1 / 3] * 3
        assert repr(history) == "History(3 scenarios a .. c, BTC ETH, 2 x 3 vol nodes)"

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (changed(labels=[]), "history.labels: no scenario"),
            (changed(names=[]), "history.names: no underlying"),
            (changed(names="BTC"), "is a text, not a list of names"),
            (changed(names=["BTC", "BTC"]), "history.names, row 1: 'BTC' occurs twice"),
            (changed(names=["BTC", ""]), "history.names, row 1: '' is not a name"),
            (changed(price=[[0.1, 0.2]]), r"history.price: shape \(1, 2\), not \(3, 2\)"),
            (changed(vol=np.zeros((3, 2))), r"history.vol: shape \(3, 2\), not \(3, 2, 2, 3\)"),
            (with_cell("price", (1, 0), np.nan), r"history.price, row 1 \(label 'b', name 'BTC'\): nan is not a finite number"),
            (with_cell("price", (2, 1), -1.0), r"row 2 \(label 'c', name 'ETH'\): -1 is not above -1"),
            (with_cell("vol", (2, 1, 0, 2), -1.5), r"history.vol, row 2 .*tenor 0, moneyness 2\): -1.5 is not above -1"),
            (with_cell("vol", (0, 0, 0, 0), np.inf), "inf is not a finite number"),
            (changed(tenors=[30.0, 7.0]), "history.tenors, row 1: 7 cannot stand there"),
            (changed(tenors=[0.0, 7.0]), "history.tenors, row 0: 0 cannot stand there"),
            (changed(moneyness=[0.0, 0.0, 1.0]), "history.moneyness, row 1"),
            (changed(moneyness=[]), "not a list of nodes"),
            (changed(weight=[0.5, 0.5]), r"history.weight: shape \(2,\)"),
            (changed(weight=[0.5, 0.6, -0.1]), r"history.weight, row 2 \(label 'c'\): -0.1 is not a probability"),
            (changed(weight=[0.5, 0.5, 0.5]), "weights add up to 1.5, not 1. Divide them by their sum."),
        ],
    )
    def test_refused(self, given: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError, match=message):
            History.of(**given)


class TestParts:
    def test_window_is_the_newest_rows_with_weights_scaled(self) -> None:
        history = History.of(**changed(weight=[0.5, 0.2, 0.3])).window(2)
        assert history.labels == ("b", "c")
        assert history.weight == pytest.approx([0.4, 0.6])
        assert history.price.tolist() == GOOD["price"][1:]

    def test_select_keeps_the_order_asked_for(self) -> None:
        history = History.of(**GOOD).select(["ETH", "BTC"])
        assert history.names == ("ETH", "BTC")
        assert history.price[:, 0].tolist() == [0.2, 0.0, -0.3]

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            (lambda h: h.window(4), "a window of 4 scenarios of 3"),
            (lambda h: h.window(0), "a window of 0"),
            (lambda h: h.rows(2, 2), "rows 2 .. 1 of 3"),
            (lambda h: replace(h, weight=np.array([1.0, 0, 0])).window(2), "rows 1 .. 2 have no weight"),
            (lambda h: h.select(["SOL"]), "'SOL' is not an underlying of this history. It has BTC, ETH."),
            (lambda h: h.select(["BTC", "BTC"]), "'BTC' occurs twice"),
        ],
    )
    def test_refused(self, part: Callable[[History], History], message: str) -> None:
        with pytest.raises(DataError, match=message):
            part(History.of(**GOOD))


class TestLevels:
    GIVEN: ClassVar[dict[str, Any]] = {
        "dates": ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05"],
        "names": ["BTC", "ETH"],
        "price": [[100.0, 10.0], [110.0, 10.0], [121.0, 20.0], [100.0, 20.0], [90.0, 10.0]],
        "vol": {"BTC": np.array([0.5, 0.6, 0.3, 0.3, 0.6]).reshape(5, 1, 1), "ETH": None},
        "tenors": [30.0],
        "moneyness": [0.0],
    }

    def test_one_day(self) -> None:
        history = history_of_levels(**self.GIVEN, horizon=1, overlapping=True)
        assert history.labels == ("2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05")
        assert history.price[:, 0] == pytest.approx([0.1, 0.1, 100 / 121 - 1, -0.1])
        assert history.vol[:, 0, 0, 0] == pytest.approx([0.2, -0.5, 0.0, 1.0])
        assert not history.vol[:, 1].any()

    def test_two_days_overlapping_or_counted_back_from_the_newest(self) -> None:
        every = history_of_levels(**self.GIVEN, horizon=2, overlapping=True)
        apart = history_of_levels(**self.GIVEN, horizon=2, overlapping=False)
        assert every.price[:, 0] == pytest.approx([0.21, 100 / 110 - 1, 90 / 121 - 1])
        assert apart.labels == ("2026-01-03", "2026-01-05")
        assert apart.price.tolist() == every.price[::2].tolist()

    def late(self, **more: Any) -> dict[str, Any]:
        price = np.array(self.GIVEN["price"])
        price[0, 1] = np.nan
        return {**self.GIVEN, "price": price, "horizon": 1, "overlapping": True, **more}

    def test_missing_is_refused_or_restricted(self) -> None:
        with pytest.raises(DataError, match=r"row 0 \(date '2026-01-01', name 'ETH'\): not observed. Restrict with missing"):
            history_of_levels(**self.late())
        assert history_of_levels(**self.late(missing="dates")).labels[0] == "2026-01-03"
        assert history_of_levels(**self.late(missing="names", vol={"BTC": None, "ETH": None})).names == ("BTC",)

    def test_a_gap_inside_is_never_bridged(self) -> None:
        price = np.array(self.GIVEN["price"])
        price[2, 1] = np.nan
        with pytest.raises(DataError, match=r"date '2026-01-03', name 'ETH'\): not observed. The gap lies inside"):
            history_of_levels(**self.late(price=price, missing="dates"))

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"dates": ["2026-01-01", "2026-01-03", "2026-01-02", "2026-01-04", "2026-01-05"]}, "2026-01-02 does not come after"),
            ({"dates": ["2026-01-01"]}, r"shape \(5, 2\), not \(1, 2\)"),
            ({"vol": {"BTC": None}}, "no vols of 'ETH'. Give levels, or None"),
            ({"vol": {"BTC": None, "ETH": None, "SOL": None}}, "'SOL' has vols but no prices"),
            ({"price": [[100.0, 0.0]] * 5}, "history.price, row 0: 0 is not a level above zero"),
            ({"horizon": 5}, "5 dates. A move over 5 needs 6"),
        ],
    )
    def test_refused(self, more: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError, match=message):
            history_of_levels(**{**self.GIVEN, "horizon": 1, "overlapping": True, **more})

    @pytest.mark.parametrize("more", [{"horizon": 0}, {"missing": "fill"}])
    def test_wrong_arguments(self, more: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"horizon=0|missing='fill'"):
            history_of_levels(**{**self.GIVEN, "horizon": 1, "overlapping": True, **more})


class TestWeights:
    def test_age(self) -> None:
        assert age_weighted(History.of(**GOOD), decay=0.5).weight == pytest.approx([1 / 7, 2 / 7, 4 / 7])
        assert age_weighted(History.of(**GOOD), decay=1.0).weight.tolist() == [1 / 3] * 3

    @pytest.mark.parametrize("decay", [0.0, 1.5, np.nan])
    def test_decay_out_of_range(self, decay: float) -> None:
        for change in (age_weighted, filtered):
            with pytest.raises(ValueError, match="decay="):
                change(made(), decay=decay)

    @given(st.lists(st.booleans(), min_size=2, max_size=40), st.floats(0.01, 0.99), st.floats(0.001, 0.5))
    def test_filtering_constant_volatility_is_the_identity(self, up: list[bool], decay: float, size: float) -> None:
        x = np.where(up, size, -size)[:, None]
        history = History.of(
            labels=[str(i) for i in range(len(up))], names=["BTC"], price=np.expm1(x),
            vol=np.expm1(-x)[:, :, None, None], tenors=[30.0], moneyness=[0.0],
        )  # fmt: skip
        again = filtered(history, decay=decay)
        np.testing.assert_allclose(again.price, history.price, rtol=1e-12)
        np.testing.assert_allclose(again.vol, history.vol, rtol=1e-12)

    def test_filtering_by_hand(self) -> None:
        x = np.array([0.01, 0.02, -0.04])
        history = History.of(
            labels=["1", "2", "3"], names=["BTC"], price=np.expm1(x)[:, None], vol=np.zeros((3, 1, 1, 1)),
            tenors=[30.0], moneyness=[0.0],
        )  # fmt: skip
        v1 = (0.01**2 + 0.02**2 + 0.04**2) / 3
        v2 = 0.9 * v1 + 0.1 * 0.01**2
        v3 = 0.9 * v2 + 0.1 * 0.02**2
        now = 0.9 * v3 + 0.1 * 0.04**2
        again = filtered(history, decay=0.9)
        assert np.log1p(again.price[:, 0]) == pytest.approx(x * np.sqrt(now / np.array([v1, v2, v3])), rel=1e-12)
        assert not again.vol.any()

    def test_filtering_keeps_the_shape_of_a_surface_move(self) -> None:
        history = made(3, n=2, m=3)
        before, after = np.log1p(history.vol), np.log1p(filtered(history, decay=0.9).vol)
        ratio = after / before
        np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :, :1, :1], ratio.shape), rtol=1e-9)

    def test_stressed_rows_are_the_wildest(self) -> None:
        x = np.full((10, 1), 0.01)
        x[4:6] = [[0.2], [-0.2]]
        history = History.of(
            labels=list("abcdefghij"), names=["BTC"], price=np.expm1(x), vol=np.zeros((10, 1, 1, 1)), tenors=[30.0],
            moneyness=[0.0],
        )  # fmt: skip
        assert stressed_rows(history, n=2).labels == ("e", "f")
        assert stressed_rows(history, n=3).labels[-2:] in {("e", "f"), ("f", "g")}
        with pytest.raises(DataError, match="a stressed period of 11 scenarios of 10"):
            stressed_rows(history, n=11)

    def test_joined(self) -> None:
        history = History.of(**GOOD)
        both = joined(history, history.rows(1, 2), stressed_weight=0.25)
        assert both.labels == ("stress b", "a", "b", "c")
        assert both.weight == pytest.approx([0.25, 0.25, 0.25, 0.25])
        assert both.price[0].tolist() == GOOD["price"][1]

    def test_joined_refused(self) -> None:
        history = History.of(**GOOD)
        with pytest.raises(DataError, match=r"history.names: BTC ETH cannot be joined with BTC"):
            joined(history, history.select(["BTC"]), stressed_weight=0.25)
        with pytest.raises(DataError, match=r"history.tenors"):
            joined(history, History.of(**changed(tenors=[7.0, 60.0])), stressed_weight=0.25)
        with pytest.raises(ValueError, match="stressed_weight=2"):
            joined(history, history, stressed_weight=2)


def correlation_of(history: History) -> np.ndarray:
    return np.corrcoef(np.log1p(history.price).T)


def pairs(history: History) -> list[set[tuple[float, ...]]]:
    """For each coin its price moves, each with the move of its surface."""
    return [{(p, *v.ravel()) for p, v in zip(history.price[:, u], history.vol[:, u], strict=True)}
            for u in range(len(history.names))]  # fmt: skip


class TestPulled:
    @given(st.integers(0, 50), st.integers(1, 5))
    def test_by_nothing_is_the_identity(self, seed: int, u: int) -> None:
        history = made(seed, u=u)
        assert np.array_equal(pulled(history, 0.0, keep="volatilities").price, history.price)
        near = pulled(history, 1e-12, keep="volatilities")
        np.testing.assert_allclose(near.price, history.price, atol=1e-9)
        np.testing.assert_allclose(near.vol, history.vol, atol=1e-9)

    @given(st.integers(0, 50), st.floats(0.0, 1.0), st.integers(2, 6))
    def test_correlation_is_the_target_and_volatilities_stay(self, seed: int, k: float, u: int) -> None:
        history = made(seed, u=u)
        result = pulled(history, k, keep="volatilities")
        np.testing.assert_allclose(correlation_of(result), (1 - k) * correlation_of(history) + k, atol=1e-7)
        for before, after in ((history.price, result.price), (history.vol, result.vol)):
            np.testing.assert_allclose(np.log1p(after).std(axis=0), np.log1p(before).std(axis=0), rtol=1e-6)
            np.testing.assert_allclose(np.log1p(after).mean(axis=0), np.log1p(before).mean(axis=0), atol=1e-9)

    def test_wholly_is_comonotone(self) -> None:
        result = np.log1p(pulled(made(4), 1.0, keep="volatilities").price)
        standard = (result - result.mean(axis=0)) / result.std(axis=0)
        np.testing.assert_allclose(standard, np.broadcast_to(standard[:, :1], standard.shape), atol=1e-9)

    def test_vols_follow_their_price(self) -> None:
        history = made(5, u=2, correlation=0.0)
        result = pulled(history, 1.0, keep="volatilities")
        across = np.corrcoef(np.log1p(result.price[:, 0]), np.log1p(result.vol[:, 1, 0, 0]))[0, 1]
        assert across < -0.8

    @given(st.integers(0, 50), st.floats(0.0, 1.0), st.integers(1, 5))
    def test_moves_kept_are_the_moves_of_each_coin_with_its_surface(self, seed: int, k: float, u: int) -> None:
        history = made(seed, u=u)
        result = pulled(history, k, keep="moves")
        assert pairs(result) == pairs(history)
        if u == 1:
            assert np.array_equal(result.price, history.price)

    def test_moves_kept_come_near_the_target(self) -> None:
        history = made(8, s=2000, correlation=0.2)
        for k in (0.3, 0.6, 0.9):
            result = correlation_of(pulled(history, k, keep="moves"))
            np.testing.assert_allclose(result, (1 - k) * correlation_of(history) + k, atol=0.02)

    def test_moves_kept_wholly_are_in_one_order(self) -> None:
        result = pulled(made(9), 1.0, keep="moves").price
        assert len({tuple(np.argsort(column)) for column in result.T}) == 1

    def test_still_vols_stay_still(self) -> None:
        history = replace(made(6), vol=np.zeros((60, 3, 1, 2)))
        assert not pulled(history, 0.7, keep="volatilities").vol.any()

    def test_refused(self) -> None:
        with pytest.raises(ValueError, match=r"k=1.5"):
            pulled(made(), 1.5, keep="volatilities")
        with pytest.raises(ValueError, match="keep='ranks'"):
            pulled(made(), 0.5, keep="ranks")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="scenarios of different weight cannot be permuted"):
            pulled(age_weighted(made(), decay=0.9), 0.5, keep="moves")
        with pytest.raises(DataError, match=r"history.price \(name 'C0'\): the price never moves"):
            pulled(replace(made(u=1), price=np.full((60, 1), 0.01)), 0.5, keep="moves")
        with pytest.raises(DataError, match="the moves of 5 coins in 3 scenarios span too few dimensions"):
            pulled(made(s=3, u=5), 0.5, keep="volatilities")


class TestBroken:
    @given(st.integers(0, 50), st.integers(0, 2**32))
    def test_each_coin_keeps_its_moves_and_its_surface(self, data: int, seed: int) -> None:
        history = made(data)
        result = broken(history, seed=seed)
        assert pairs(result) == pairs(history)

    def test_joint_structure_vanishes(self) -> None:
        history = made(1, s=4000, correlation=0.9)
        assert correlation_of(history)[0, 1] > 0.85
        assert abs(correlation_of(broken(history, seed=7))[0, 1]) < 0.05

    def test_a_seed_gives_one_history(self) -> None:
        assert np.array_equal(broken(made(), seed=3).price, broken(made(), seed=3).price)

    def test_weights_are_refused(self) -> None:
        with pytest.raises(DataError, match=r"history.weight: scenarios of different weight cannot be permuted. Change"):
            broken(age_weighted(made(), decay=0.9), seed=1)
