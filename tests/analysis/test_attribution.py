"""Contributions: they add up, under every kind of model; some by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import books
from margin.analysis.attribution import ORDERS, attribute
from margin.book import Book
from margin.errors import DataError
from margin.models.historical import HistoricalModel
from margin.models.history import History
from margin.models.hybrid import Floor, HybridModel
from margin.models.tail_measure import TailMeasure
from margin.pools import CrossPool, IsolatedPool
from margin.regime import Regime
from margin.venues import load

INSTRUMENTS = ["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "ETH-PERPETUAL", "BTC-27MAR26", "BTC-27MAR26-60000-P",
               "ETH-27MAR26-2000-C"]  # fmt: skip


def history() -> History:
    """Six joint days of two coins."""
    price = [[-0.1, -0.12], [0.05, 0.02], [0.08, 0.1], [-0.03, 0.04], [0.01, -0.06], [-0.06, -0.02]]
    return History.of(
        labels=[f"day {i}" for i in range(6)],
        names=["BTC", "ETH"],
        price=price,
        vol=np.zeros((6, 2, 1, 1)),
        tenors=[30.0],
        moneyness=[0.0],
    )


def regimes() -> list[Regime]:
    deribit = load("deribit")
    historical = HistoricalModel(
        history=history(),
        measure=TailMeasure(kind="expected_shortfall", level=0.7),
        initial_factor=1.5,
        maintenance_factor=1.0,
        orders=None,
    )
    portfolio = deribit.regime("cross_portfolio", as_of="2026-02-15")
    floored = HybridModel(model=portfolio.model, steps=(Floor(name="floor", model=historical),))
    return [
        deribit.regime("segregated_standard", as_of="2026-02-15"),
        deribit.regime("segregated_portfolio", as_of="2026-02-15"),
        portfolio,
        Regime("historical", CrossPool(), historical),
        Regime("hybrid", CrossPool(), floored, portfolio.collateral),
    ]


quantities = st.lists(st.sampled_from([-50.0, -3.0, 1.0, 20.0, 400.0]), min_size=1, max_size=6)


@pytest.mark.parametrize("regime", regimes(), ids=lambda r: r.name)
@settings(max_examples=8)
@given(quantity=quantities, orders=st.booleans())
def test_contributions_add_up_to_the_requirement(market, regime, quantity, orders):
    positions = {"account": ["a"] * len(quantity), "instrument": INSTRUMENTS[: len(quantity)], "quantity": quantity}
    resting = {"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [30.0], "price": [69_000.0]}
    book = Book.of(
        positions=positions,
        orders=resting if orders else None,
        balances={"account": ["a"] * 2, "currency": ["BTC", "USDC"], "amount": [0.3, 1000.0]},
    )
    assessment = regime.assess(book, market)
    found = attribute(regime, book, market, "a")
    columns = found.columns()
    assert (ORDERS in columns["part"]) == orders
    by_pool = {str(p): i for i, p in enumerate(assessment.columns()["pool"])}
    for figure in ("initial_margin", "maintenance_margin", *assessment.results.components):
        for q, pool in enumerate(found.pools):
            total = float(assessment.columns()[figure][by_pool[pool]])
            own = found.contribution[found.figures.index(figure), :, q].sum()
            assert own == pytest.approx(total, rel=1e-9, abs=1e-9)
    # Marginal margin is the requirement with all less that without one.
    rows = [0, *range(1, len(quantity))]
    fewer = Book.of(
        positions={k: [v[i] for i in rows[1:]] for k, v in positions.items()} if len(rows) > 1 else None,
        orders=resting if orders else None,
        balances={"account": ["a"] * 2, "currency": ["BTC", "USDC"], "amount": [0.3, 1000.0]},
    )
    without = regime.assess(fewer, market).results
    usd = market.usd

    def in_usd(results):
        return sum(
            float(v) * (1.0 if c < 0 else float(usd[c])) for v, c in zip(results.initial, results.currency, strict=True)
        )

    worth = [1.0 if c == "USD" else float(usd[market.currencies.index(c)]) for c in found.currencies]
    marginal = float((found.marginal[0, 0] * worth).sum())
    # Rounding of the requirement to eight decimals of a coin.
    assert marginal == pytest.approx(in_usd(assessment.results) - in_usd(without), rel=1e-9, abs=2e-3)


def test_positions_that_do_not_net_contribute_their_own_margin():
    book = books.book({"AAA-P": 2.0, "BBB-P": -5.0}, USDC=100.0)
    found = attribute(books.cross(), book, books.linear_market(), "a")
    assert found.parts == ("AAA-P", "BBB-P", "collateral")
    assert found.contribution[0, :, 0].tolist() == pytest.approx([20.0, 5.0, 0.0])
    assert found.marginal[1, :2, 0].tolist() == pytest.approx([10.0, 2.5])


def test_a_pair_shares_what_it_saves(market):
    # Long and short the same coin: together near nothing, alone the same, so each contributes half of what is left.
    regime = load("deribit").regime("segregated_portfolio", as_of="2026-02-15")
    book = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["BTC-PERPETUAL", "BTC-27MAR26"], "quantity": [1000.0, -1000.0]},
        balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]},
    )
    found = attribute(regime, book, market, "a")
    alone = [Book.of(positions={"account": ["a"], "instrument": [name], "quantity": [q]})
             for name, q in (("BTC-PERPETUAL", 1000.0), ("BTC-27MAR26", -1000.0))]  # fmt: skip
    one, other = (float(regime.assess(b, market).initial_margin[0]) for b in alone)
    whole = float(found.total[0, 0])
    assert whole < 0.2 * (one + other)
    assert found.contribution[0, :2, 0].tolist() == pytest.approx([(one + whole - other) / 2, (other + whole - one) / 2])
    assert found.marginal[0, :2, 0].tolist() == pytest.approx([whole - other, whole - one])


def test_many_positions_are_drawn_and_still_add_up():
    coins = {f"C{i}": 10.0 + i for i in range(14)}
    market = books.linear_market(**coins)
    book = Book.of(
        positions={"account": ["a"] * 14, "instrument": [f"{c}-P" for c in coins], "quantity": [(-1.0) ** i for i in range(14)]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [100.0]},
    )
    found = attribute(books.cross(), book, market, "a", draws=4)
    assert not found.exact
    assert found.contribution[0, :14, 0].tolist() == pytest.approx([0.1 * price for price in coins.values()])
    assert found.marginal[0, :14, 0].tolist() == pytest.approx([0.1 * price for price in coins.values()])
    again = attribute(books.cross(), book, market, "a", draws=4)
    np.testing.assert_array_equal(found.contribution, again.contribution)


def test_isolated_pools_stand_apart():
    book = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["AAA-P", "BBB-P"], "quantity": [1.0, 1.0], "entry_price": [100.0, 10.0],
                   "isolated_collateral": [20.0, 2.0]},
    )  # fmt: skip
    found = attribute(Regime("isolated", IsolatedPool(), books.flat()), book, books.linear_market(), "a")
    columns = found.columns()
    assert list(zip(columns["part"], columns["pool"], strict=True))[:2] == [("AAA-P", "AAA-P"), ("BBB-P", "BBB-P")]
    assert columns["initial_margin"].tolist()[:2] == pytest.approx([10.0, 1.0])


def test_bad_arguments():
    book = books.book({"AAA-P": 1.0}, USDC=10.0)
    with pytest.raises(DataError, match="'b' is not in the book"):
        attribute(books.cross(), book, books.linear_market(), "b")
    with pytest.raises(ValueError, match="draws=3"):
        attribute(books.cross(), book, books.linear_market(), "a", draws=3)
