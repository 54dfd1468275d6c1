"""Analyses of whole books: comparison, impact, procyclicality, contagion, fragility; by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import books
from analysis.test_attribution import history
from margin.analysis.accounts import Figures
from margin.analysis.compare import compare
from margin.analysis.contagion import contagion
from margin.analysis.fragility import collateral_fragility, hidden_correlation
from margin.analysis.hedging import hedging
from margin.analysis.impact import impact, transition_columns
from margin.analysis.procyclicality import largest_rise, peak_to_trough, procyclicality
from margin.analysis.shocks import Shock
from margin.book import Book
from margin.errors import DataError, ParameterError
from margin.models.historical import HistoricalModel
from margin.models.tail_measure import TailMeasure
from margin.pools import CrossPool, SegregatedPool
from margin.regime import Regime
from margin.venues import load

MARKET = books.linear_market()


def three() -> Book:
    """Long AAA with little, with enough and with plenty of USDC."""
    return Book.of(
        positions={"account": ["a", "b", "c"], "instrument": ["AAA-P"] * 3, "quantity": [1.0, 1.0, 2.0],
                   "entry_price": [100.0] * 3},
        balances={"account": ["a", "b", "c"], "currency": ["USDC"] * 3, "amount": [6.0, 12.0, 100.0]},
    )  # fmt: skip


class TestFigures:
    def test_pools_of_an_account_are_added_up_in_usd(self, market):
        book = Book.of(
            positions={"account": ["a", "a"], "instrument": ["BTC-PERPETUAL", "ETH-PERPETUAL"], "quantity": [70_020.0, 1963.0]},
            balances={"account": ["a", "a"], "currency": ["BTC", "ETH"], "amount": [1.0, 0.001]},
        )
        regime = Regime("segregated", SegregatedPool(), books.flat())
        figures = Figures.of(regime.assess(book, market))
        # 10 coins at 10 %, and one coin.
        assert figures.initial_margin[0] == pytest.approx(1.0 * 70_000 + 0.1 * 1960)
        assert figures.equity[0] == pytest.approx(70_000 + 1.96)
        assert figures.excess[0] == pytest.approx((0.001 - 0.05) * 1960)  # of the pool that has least
        assert figures.shortfall[0] == pytest.approx(0.049 * 1960)
        assert (bool(figures.short[0]), bool(figures.liquidated[0])) == (True, True)


class TestImpact:
    def test_by_hand(self):
        # Rates of 10 and 5 % become 20 and 12 %: a (6) was restricted and is liquidated at 12, b (12) is healthy and liquidated.
        found = impact(books.cross(), books.cross(books.flat(0.2, 0.12), name="tighter"), three(), MARKET)
        assert found.change.tolist() == pytest.approx([10.0, 10.0, 20.0])
        assert found.called.tolist() == [False, True, False]
        assert found.liquidated.tolist() == [True, True, False]
        assert found.transitions.tolist() == [[1, 0, 1], [0, 0, 1], [0, 0, 0]]
        assert found.quantiles((0.0, 1.0))["relative"].tolist() == pytest.approx([1.0, 1.0])
        assert str(found.columns()["account"][0]) == "c"
        assert "40 -> 80 USD (+100.0 %); 1 called, 2 liquidated" in repr(found)
        assert transition_columns(found)["after_liquidation"].tolist() == [1, 1, 0]

    def test_the_same_rules_change_nothing(self):
        found = impact(books.cross(), books.cross(), three(), MARKET)
        assert not found.change.any()
        assert not found.called.any()


class TestProcyclicality:
    def test_by_hand(self):
        times = np.array(["2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05"], dtype="datetime64[ms]")
        series = np.array([100.0, 80.0, 90.0, 130.0])
        assert peak_to_trough(series) == pytest.approx(130 / 80)
        assert largest_rise(series, times, 1.0) == pytest.approx(130 / 90)
        assert largest_rise(series, times, 3.0) == pytest.approx(130 / 80)
        assert largest_rise(np.array([100.0, 90.0, 95.0, 80.0]), times, 1.0) == 1.0  # 90 to 95 takes two days
        assert np.isnan(peak_to_trough(np.array([0.0, 1.0])))
        assert np.isnan(largest_rise(np.array([0.0, 1.0]), times[:2], 1.0))

    def test_a_flat_rate_follows_the_price(self):
        moves = (0.0, 0.1, -0.3, 0.2)
        path = [Shock(price=move, days=float(day)).market(MARKET) for day, move in enumerate(moves)]
        found = procyclicality([books.cross()], three(), path)
        assert found.columns()["peak_to_trough"][0] == pytest.approx(1.2 / 0.7)
        assert found.columns()["rise_1_days"][0] == pytest.approx(1.2 / 0.7)
        assert found.initial_margin[0, :, 0].tolist() == pytest.approx([10 * (1 + move) for move in moves])
        assert len(found.account_columns()["account"]) == 3

    def test_a_path_runs_forward(self):
        with pytest.raises(DataError, match="market 1 is not later"):
            procyclicality([books.cross()], three(), [MARKET, MARKET])
        with pytest.raises(DataError, match="1 markets"):
            procyclicality([books.cross()], three(), [MARKET])


class TestCompare:
    def test_measures_by_hand(self):
        book = books.book({"AAA-P": 5.0, "BBB-P": 20.0}, USDC=200.0)
        found = compare([books.cross(), books.cross(books.flat(0.2, 0.1), name="tighter")], book, MARKET, tolerance=1e-4)
        columns = found.columns()
        assert columns["initial_margin"].tolist() == pytest.approx([70.0, 140.0])
        assert columns["driver"] == ["futures", "futures"]
        assert columns["hedging_benefit"].tolist() == pytest.approx([0.0, 0.0])
        assert columns["vol_sensitivity"].tolist() == [0.0, 0.0]
        # 200 - 700 x = 35 (1 - x): at the breach 173.7 of 200 are gone, and the requirement has fallen from 35 to 28.9.
        x = 165 / 665
        assert columns["price_lost_before"][0] == pytest.approx(700 * x / 200, abs=1e-3)
        assert columns["price_by_loss"][0] == pytest.approx(700 / 665, abs=1e-3)
        assert columns["price_behaviour"] == ["bleed", "bleed"]
        assert columns["vol_behaviour"] == ["none", "none"]
        assert found.account_columns()["initial_2"].tolist() == pytest.approx([140.0])

    def test_driver_names_the_scenario(self, market):
        regime = load("deribit").regime("segregated_portfolio", as_of="2026-02-15")
        book = Book.of(positions={"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [1000.0]},
                       balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]})  # fmt: skip
        driver = compare([regime], book, market, tolerance=0.1).columns()["driver"][0]
        assert driver.startswith("worst loss (price -16 %")

    def test_names_differ(self):
        with pytest.raises(DataError, match="two regimes are called 'cross'"):
            compare([books.cross(), books.cross()], three(), MARKET)
        with pytest.raises(DataError, match="no regimes"):
            compare([], three(), MARKET)


class TestContagion:
    def test_by_hand(self):
        # A fall of AAA by 20 % costs 100: the account with 90 is liquidated, and its BBB with it.
        book = books.book({"AAA-P": 5.0, "BBB-P": 3.0}, USDC=90.0)
        found = contagion(books.cross(), book, MARKET, moves=(-0.2,))
        assert len(found) == 1
        row = {name: values[0] for name, values in found.columns().items()}
        assert (str(row["account"]), row["coin"], str(row["victim"])) == ("a", "AAA", "BBB-P")
        assert (row["source_loss"], row["quantity"], row["notional_usd"]) == (pytest.approx(100.0), 3.0, pytest.approx(30.0))
        assert found.coin_columns()["accounts_liquidated"].tolist() == [1, 0]

    def test_what_is_in_liquidation_already_does_not_count(self):
        book = books.book({"AAA-P": 5.0, "BBB-P": 3.0}, USDC=1.0)
        assert len(contagion(books.cross(), book, MARKET, moves=(-0.2,))) == 0


class TestFragility:
    def test_collateral_by_hand(self):
        # b: 12 USDC for 5 % of 100. A haircut of 70 % leaves 3.6. A peg lost by 70 % leaves 3.6, and 1 AAA gains 100 USDC / 0.3.
        found = collateral_fragility(books.cross(), three(), MARKET, haircuts=(0.7,), depegs=(0.7,))
        assert found.currency == ("USDC", "USDC")
        assert found.collateral_lost[0] == pytest.approx(0.7 * 118)
        assert found.liquidated.tolist() == [2, 0]
        assert found.shortfall[0] == pytest.approx((5 - 1.8) + (5 - 3.6))

    def test_hidden_correlation(self):
        model = HistoricalModel(history=history(), measure=TailMeasure(kind="expected_shortfall", level=0.7), initial_factor=1.0,
                                maintenance_factor=1.0, orders=None)  # fmt: skip
        market = books.linear_market(BTC=100.0, ETH=10.0)
        book = Book.of(positions={"account": ["h"] * 2, "instrument": ["BTC-P", "ETH-P"], "quantity": [10.0, -100.0]},
                       balances={"account": ["h"], "currency": ["USDC"], "amount": [1000.0]})  # fmt: skip
        found = hidden_correlation(Regime("historical", CrossPool(), model), book, market)
        together = hedging(Regime("historical", CrossPool(), model), book, market)
        assert found.offsets[0] == pytest.approx(together.parts[0] - together.whole[0])
        assert found.offsets[0] > 0
        assert found.worst[0] > found.now[0]  # a long and a short rely on the correlation
        assert found.initial_margin[0, 0] > found.initial_margin[-1, 0]
        assert 0 < found.offsets_lost[0] <= 1.5

    def test_there_must_be_a_history(self):
        with pytest.raises(ParameterError, match="has no history"):
            hidden_correlation(books.cross(), three(), MARKET)
