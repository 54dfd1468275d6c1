"""What users are told about margin modes, shown to hold on small books."""

from __future__ import annotations

import numpy as np
import pytest

from analysis import books
from margin.analysis.accounts import Figures
from margin.analysis.breach import Breach
from margin.analysis.contagion import contagion
from margin.analysis.distance import DIRECTIONS, depeg, distances
from margin.analysis.fragility import hidden_correlation
from margin.analysis.hedging import hedging
from margin.analysis.shocks import Shock
from margin.book import Book
from margin.market import Market
from margin.models.historical import HistoricalModel
from margin.models.history import History
from margin.models.tail_measure import TailMeasure
from margin.pools import CrossPool, IsolatedPool
from margin.pricing import black76
from margin.regime import Regime
from margin.venues import load


def deribit(mode):
    return load("deribit").regime(mode, as_of="2026-02-15")


def test_cross_margin_lets_a_bad_position_liquidate_a_healthy_one_and_isolated_does_not():
    market = books.linear_market()
    book = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["AAA-P", "BBB-P"], "quantity": [5.0, 20.0], "entry_price": [100.0, 10.0],
                   "isolated_collateral": [50.0, 40.0]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [0.0]},
    )  # fmt: skip
    shared = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["AAA-P", "BBB-P"], "quantity": [5.0, 20.0], "entry_price": [100.0, 10.0]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [90.0]},
    )
    cross = contagion(books.cross(), shared, market, moves=(-0.2,))
    assert [str(v) for v in cross.victim] == ["BBB-P"]
    isolated = contagion(Regime("isolated", IsolatedPool(), books.flat()), book, market, moves=(-0.2,))
    assert len(isolated) == 0
    assert isolated.liquidated[0, 0] == 1  # the bad one goes all the same


def test_a_hedged_book_needs_less_under_portfolio_margin_and_a_concentrated_one_more(market):
    def needs(mode, positions):
        book = Book.of(
            positions={"account": ["a"] * len(positions), "instrument": list(positions), "quantity": list(positions.values())},
            balances={"account": ["a"], "currency": ["BTC"], "amount": [20.0]},
        )
        regime = deribit(mode)
        return float(regime.assess(book, market).initial_margin[0]), hedging(regime, book, market).total_benefit

    hedged = {"BTC-27MAR26": 140_000.0, "BTC-PERPETUAL": -140_000.0}
    concentrated = {"BTC-PERPETUAL": 140_000.0}
    standard, portfolio = needs("segregated_standard", hedged), needs("segregated_portfolio", hedged)
    assert portfolio[0] < 0.6 * standard[0]
    assert (standard[1], portfolio[1] > 0.9) == (0.0, True)
    assert needs("segregated_portfolio", concentrated)[0] > 3 * needs("segregated_standard", concentrated)[0]


def strangle_market() -> Market:
    """A call and a put far out of the money, at their model value."""
    strike, sign = np.array([90_000.0, 52_000.0]), np.array([1.0, -1.0])
    mark = black76(70_000.0, strike, 40 / 365, 0.5, sign).price / 70_000.0
    names = ["C", "P"]
    return Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={"instrument": names, "kind": ["option"] * 2, "contract": ["inverse"] * 2, "base": ["BTC"] * 2,
                     "quote": ["USD"] * 2, "settlement": ["BTC"] * 2, "contract_size": [1.0] * 2, "strike": strike,
                     "option_type": ["call", "put"], "expiry": [books.EXPIRY] * 2},
        quotes={"instrument": names, "mark": mark, "forward": [70_000.0] * 2, "vol": [0.5] * 2},
        indices={"index": ["BTC_USD"], "price": [70_000.0]},
        currencies={"currency": ["BTC"], "usd": [70_000.0]},
    )  # fmt: skip


def test_a_vol_jump_steps_on_a_portfolio_account_where_a_standard_one_bleeds():
    """Two accounts with the same short strangle and the same headroom, no price moves, vols rise by a half."""
    market = strangle_market()

    def short_strangle(coins):
        return Book.of(
            positions={"account": ["a"] * 2, "instrument": ["C", "P"], "quantity": [-10.0, -10.0]},
            balances={"account": ["a"], "currency": ["BTC"], "amount": [coins]},
        )

    standard, portfolio = deribit("segregated_standard"), deribit("segregated_portfolio")
    needed = {r.name: float(r.assess(short_strangle(5.0), market).excess[0]) for r in (standard, portfolio)}
    headroom = 0.4
    books_of = {r.name: short_strangle(5.0 - needed[r.name] + headroom) for r in (standard, portfolio)}
    up = {"vol up": DIRECTIONS["vol up"]}
    found = {r.name: distances(r, books_of[r.name], market, up) for r in (standard, portfolio)}
    jump = Shock(vol=0.5).market(market)
    figures = {r.name: Figures.of(r.assess(books_of[r.name], jump)) for r in (standard, portfolio)}
    assert not figures[standard.name].liquidated[0]
    assert figures[portfolio.name].liquidated[0]
    bled, stepped = (Breach.of(found[r.name], ["vol up"]) for r in (standard, portfolio))
    # What the standard account is asked for is a rate on the coin and the mark: its headroom goes by losses alone. Of the
    # portfolio account's more than half goes by the requirement, and most of its equity is still there when it is liquidated.
    assert (bled.behaviour, bled.by_loss) == ("bleed", pytest.approx(1.0, abs=1e-6))
    assert stepped.behaviour == "step"
    assert stepped.lost_before < 0.25
    assert stepped.distance[0] < 0.6 * bled.distance[0]


def test_a_depeg_breaks_a_hedged_book():
    """Long a coin against USD, short it against a stablecoin: no price of the coin matters much, the peg does."""
    market = Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={"instrument": ["USD-P", "USDC-P"], "kind": ["perpetual"] * 2, "contract": ["linear"] * 2,
                     "base": ["AAA"] * 2, "quote": ["USD", "USDC"], "settlement": ["USD", "USDC"], "contract_size": [1.0] * 2},
        quotes={"instrument": ["USD-P", "USDC-P"], "mark": [100.0, 100.0]},
        indices={"index": ["AAA_USD", "AAA_USDC"], "price": [100.0, 100.0]},
        currencies={"currency": ["USD", "USDC", "AAA"], "usd": [1.0, 1.0, 100.0]},
    )  # fmt: skip
    book = Book.of(
        positions={"account": ["a"] * 2, "instrument": ["USD-P", "USDC-P"], "quantity": [10.0, -10.0],
                   "entry_price": [100.0] * 2},
        balances={"account": ["a"], "currency": ["USD"], "amount": [250.0]},
    )  # fmt: skip
    sides = {name: DIRECTIONS[name] for name in ("price down", "price up")}
    found = distances(books.cross(), book, market, sides | {"depeg": depeg("USDC")}, tolerance=1e-4)
    assert np.isnan(found.outside[0, 0])
    assert found.outside[0, 1] > 1.0  # only because 5 % of a larger value is more
    # A peg lost by d costs the short 1,000 d in USD: 250 - 1000 d = 0.05 * 2000.
    assert found.outside[0, 2] == pytest.approx(0.15, abs=2e-4)


def test_stressed_correlations_remove_offsets():
    rng = np.random.default_rng(7)
    common = rng.normal(0, 0.04, 250)
    moves = np.column_stack((common + rng.normal(0, 0.005, 250), common + rng.normal(0, 0.005, 250)))
    history = History.of(labels=[str(i) for i in range(250)], names=["AAA", "BBB"], price=moves, vol=np.zeros((250, 2, 1, 1)),
                         tenors=[30.0], moneyness=[0.0])  # fmt: skip
    model = HistoricalModel(history=history, measure=TailMeasure(kind="expected_shortfall", level=0.975), initial_factor=1.0,
                            maintenance_factor=0.8, orders=None)  # fmt: skip
    regime = Regime("historical", CrossPool(), model)
    book = books.book({"AAA-P": 10.0, "BBB-P": -100.0}, USDC=60.0)
    market = books.linear_market()
    found = hidden_correlation(regime, book, market, pulls=(-1.0,))
    assert found.now[0] < 0.25 * hedging(regime, book, market).parts[0]  # most of the requirement is offset away
    assert found.initial_margin[0, 0] > 4 * found.now[0]
    assert found.offsets_lost[0] > 0.5
    # And the account that was well covered is not any more, without any loss.
    assert not Figures.of(regime.assess(book, market)).short[0]
    stressed = Figures.of(Shock(correlation=-1.0).rules(regime).assess(book, market))
    assert stressed.liquidated[0]
    assert stressed.equity[0] == 60.0
