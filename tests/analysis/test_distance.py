"""Distances, frontiers and surfaces, by hand and by their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import books
from margin.analysis.accounts import Figures
from margin.analysis.breach import Breach
from margin.analysis.distance import DIRECTIONS, Direction, depeg, distances
from margin.analysis.frontier import frontier
from margin.analysis.shocks import Shock
from margin.analysis.stress_surface import Axis, depeg_axis, stress_surface
from margin.book import Book
from margin.errors import DataError
from margin.venues import load

MARKET = books.linear_market()
DOWN = {"price down": DIRECTIONS["price down"]}


def test_by_hand():
    # 100 + 5 * 100 * (-x) = 0.05 * 5 * 100 * (1 - x): 100 - 25 = 475 x
    book = books.book({"AAA-P": 5.0}, USDC=100.0)
    found = distances(books.cross(), book, MARKET, tolerance=1e-6)
    down, up = (list(found.directions).index(name) for name in ("price down", "price up"))
    assert found.outside[0, down] == pytest.approx(75 / 475, abs=1e-6)
    assert found.outside[0, down] - found.inside[0, down] <= 1e-6
    assert np.isnan(found.outside[0, up])
    assert found.nearest[0] == found.outside[0, down]
    short = distances(books.cross(), books.book({"AAA-P": -5.0}, USDC=100.0), MARKET, tolerance=1e-6)
    assert short.outside[0, up] == pytest.approx(75 / 525, abs=1e-6)


def test_haircut_peg_and_a_direction_of_ones_own():
    book = books.book({"AAA-P": 5.0}, AAA=1.0)
    # 100 (1 - 0.1 - h) = 25
    found = distances(
        books.cross(haircut=0.1),
        book,
        MARKET,
        {
            "haircut": DIRECTIONS["haircut up"],
            "USDC": depeg("USDC"),
            "two coins": Direction(toward=Shock(coins={"AAA": -0.1, "BBB": -0.2}), limit=4.0),
        },
        tolerance=1e-6,
    )
    assert found.outside[0, 0] == pytest.approx(0.65, abs=1e-6)
    assert np.isnan(found.outside[0, 1])  # a coin as collateral and long a coin: the peg does nothing
    # 0.9 * 100 (1 - x) - 500 x = 25 (1 - x), x = 65 / 565 of the price, at 0.1 a unit
    assert found.outside[0, 2] == pytest.approx(650 / 565, abs=1e-5)


def test_an_account_in_liquidation_is_at_no_distance():
    found = distances(books.cross(), books.book({"AAA-P": 5.0}, USDC=10.0), MARKET, DOWN)
    assert (found.inside[0, 0], found.outside[0, 0]) == (0.0, 0.0)
    assert not Breach.of(found, ["price down"]).breached.any()


@settings(max_examples=15)
@given(
    quantity=st.lists(st.floats(-400, 400), min_size=3, max_size=3),
    coin=st.floats(0.05, 3.0),
    name=st.sampled_from(["price down", "price up", "vol up", "haircut up"]),
)
def test_inside_survives_and_outside_does_not(market, quantity, coin, name):
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15")
    accounts = ["a", "b"]
    book = Book.of(
        positions={
            "account": ["a", "a", "b"],
            "instrument": ["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "BTC-27MAR26-60000-P"],
            "quantity": [quantity[0] * 10, quantity[1] / 100, quantity[2] / 100],
        },
        balances={"account": accounts, "currency": ["BTC", "BTC"], "amount": [coin, coin]},
    )
    direction = DIRECTIONS[name]
    found = distances(regime, book, market, {name: direction}, tolerance=0.01, steps=12)
    levels = int(np.ceil(np.log2(direction.limit / 12 / 0.01))) + 1
    assert found.assessments <= 1 + 12 + 2 * levels
    for i in range(2):
        for at, dead in ((found.inside[i, 0], False), (found.outside[i, 0], True)):
            if np.isnan(at) or (at == 0.0 and not dead):
                continue
            shocked, rules = direction.toward.scaled(float(at)).apply(market, regime)
            figures = Figures.of(rules.assess(book.select([accounts[i]]), shocked))
            assert figures.liquidated[0] == dead
            assert (figures.excess[0] <= 0) == dead


def test_accounts_do_not_change_each_others_distance():
    rng = np.random.default_rng(1)
    names = [f"n{i}" for i in range(20)]
    book = Book.of(
        positions={"account": names, "instrument": ["AAA-P"] * 20, "quantity": rng.uniform(1, 9, 20),
                   "entry_price": [100.0] * 20},
        balances={"account": names, "currency": ["USDC"] * 20, "amount": rng.uniform(20, 300, 20)},
    )  # fmt: skip
    together = distances(books.cross(), book, MARKET, DOWN, tolerance=1e-3)
    alone = [distances(books.cross(), book.select([name]), MARKET, DOWN, tolerance=1e-3).outside[0, 0] for name in names]
    np.testing.assert_array_equal(together.outside[:, 0], alone)


def test_frontier_of_a_short_option_shrinks_as_vols_rise(market):
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15")
    book = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["BTC-27MAR26-70000-C", "BTC-27MAR26-60000-P"], "quantity": [-3.0, -3.0]},
        balances={"account": ["a"], "currency": ["BTC"], "amount": [0.85]},
    )
    found = frontier(regime, book, market, "a", vols=(-0.5, 0.0, 0.25, 5.0), tolerance=0.01)
    width = found.up - found.down
    assert width[0] > width[1] > width[2] > 0
    assert (found.down[3], found.up[3]) == (0.0, 0.0)  # such a vol alone is enough


def test_surface_at_no_shock_is_the_assessment(market):
    regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15")
    book = Book.of(
        positions={"account": ["a", "b"], "instrument": ["BTC-PERPETUAL", "BTC-27MAR26-70000-C"], "quantity": [1000.0, -1.0]},
        balances={"account": ["a", "b"], "currency": ["BTC", "BTC"], "amount": [0.3, 0.5]},
    )
    now = Figures.of(regime.assess(book, market))
    surface = stress_surface(regime, book, market, Axis("price", (-0.1, 0.0)), Axis("vol", (0.0, 0.5)))
    np.testing.assert_array_equal(surface.initial_margin[1, 0], now.initial_margin)
    np.testing.assert_array_equal(surface.equity[1, 0], now.equity)
    np.testing.assert_array_equal(surface.utilisation[1, 0], now.utilisation)
    shocked, rules = Shock(price=-0.1, vol=0.5).apply(market, regime)
    np.testing.assert_array_equal(surface.initial_margin[0, 1], Figures.of(rules.assess(book, shocked)).initial_margin)
    assert surface.to_arrow().num_rows == 8
    assert surface.totals()["equity"][1, 0] == pytest.approx(now.equity.sum())


def test_surface_over_haircut_and_peg_by_hand():
    book, axes = books.book({"AAA-P": 1.0}, AAA=1.0), (Axis("haircut", (0.0, 0.2)), depeg_axis("USDC", (0.0, 0.1)))
    surface = stress_surface(books.cross(haircut=0.1), book, MARKET, *axes)
    # The coin keeps its price in USD, so it and the position's profit in USDC are worth the same.
    assert surface.collateral[:, 0, 0].tolist() == pytest.approx([90.0, 70.0])
    assert surface.equity[:, :, 0] == pytest.approx(np.array([[100.0, 100 + 100 / 9 * 0.9], [100.0, 110.0]]))


def test_bad_axes_and_limits():
    book = books.book({"AAA-P": 1.0}, USDC=100.0)
    with pytest.raises(DataError, match=r"there is no axis 'moon'\. Choose from price, vol"):
        Axis("moon", (0.0,))
    with pytest.raises(DataError, match="both axes are 'price'"):
        stress_surface(books.cross(), book, MARKET, Axis("price", (0.0,)), Axis("price", (0.1,)))
    with pytest.raises(DataError, match="has no values"):
        Axis("price", ())
    with pytest.raises(ValueError, match="limit=0"):
        Direction(toward=Shock(price=1.0), limit=0.0)
    with pytest.raises(ValueError, match="tolerance=0"):
        distances(books.cross(), book, MARKET, tolerance=0.0)
