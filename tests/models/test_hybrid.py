"""Hybrid margins: the arithmetic of every step, components that add up, models of any kind in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.book import Book
from margin.models.historical import HistoricalModel
from margin.models.hybrid import Buffer, Floor, HybridModel, PreparedHybrid, StressedWeight, Sum
from margin.pools import CrossPool, SegregatedPool
from margin.regime import Regime
from margin.venues.deribit import regime

from .test_historical import history_of, model_of
from .test_portfolio import book_of, many_accounts

quantities = st.lists(st.integers(-400, 400).map(float), min_size=8, max_size=8)
COLLATERAL = {"BTC": "BTC", "ETH": "ETH"}.get


@pytest.fixture(scope="module")
def portfolio() -> Regime:
    return regime("cross_portfolio", as_of="2026-02-15")


@pytest.fixture(scope="module")
def historical() -> HistoricalModel:
    return model_of(collateral_unit=COLLATERAL)


@pytest.fixture(scope="module")
def stressed() -> HistoricalModel:
    return model_of(history_of(20, seed=1, weight=np.arange(20)), level=0.8)


def assess(model, market, quantity, *, in_usd=True, balances=(("BTC", 2.0), ("USDC", 1.0))):
    pool = CrossPool() if in_usd else SegregatedPool()
    return Regime("hybrid", pool, model).assess(book_of(market, quantity, balances=list(balances)), market)


def both_margins(result):
    return np.array([result.initial_margin[0], result.maintenance_margin[0]])


@given(quantity=quantities)
@pytest.mark.parametrize("turned", [False, True])
def test_every_step_follows_its_formula(market, portfolio, historical, stressed, quantity, turned):
    one, other = (historical, portfolio.model) if turned else (portfolio.model, historical)
    model = HybridModel(
        model=one,
        steps=(
            Floor(name="grid_or_history", model=other),
            StressedWeight(name="stressed", model=stressed, weight=0.25),
            Buffer(name="buffer", fraction=0.25),
            Floor(name="floor", model=stressed),
            Sum(name="added", model=other),
        ),
    )
    a, b, c = (both_margins(assess(m, market, quantity)) for m in (one, other, stressed))
    expected = 1.25 * (0.75 * np.maximum(a, b) + 0.25 * c)
    expected = np.maximum(expected, c) + b
    result = assess(model, market, quantity)
    np.testing.assert_allclose(both_margins(result), expected, rtol=1e-9, atol=1e-6)
    total = sum(values[0] for values in result.results.components.values())
    assert result.initial_margin[0] == pytest.approx(total, rel=1e-9, abs=1e-6)
    assert list(result.results.components)[-5:] == ["grid_or_history", "stressed", "buffer", "floor", "added"]
    assert result.results.components["added"][0] == pytest.approx(b[0], rel=1e-12, abs=1e-9)


def test_the_larger_is_the_larger_whichever_binds(market, portfolio, historical):
    for quantity in ([100.0], [0, 0, 0, 0, -5.0]):
        hybrid = HybridModel(model=portfolio.model, steps=(Floor(name="historical", model=historical),))
        a, b = (assess(m, market, quantity).initial_margin[0] for m in (portfolio.model, historical))
        assert assess(hybrid, market, quantity).initial_margin[0] == pytest.approx(max(a, b), rel=1e-15)


def test_a_weight_of_zero_and_no_buffer_change_nothing(market, historical, stressed):
    steps = (StressedWeight(name="stressed", model=stressed, weight=0.0), Buffer(name="buffer", fraction=0.0))
    hybrid = HybridModel(model=historical, steps=steps)
    plain = assess(historical, market, [100.0, -20.0])
    np.testing.assert_array_equal(both_margins(assess(hybrid, market, [100.0, -20.0])), both_margins(plain))
    assert both_margins(assess(HybridModel(model=historical, steps=()), market, [5.0])).tolist() == both_margins(
        assess(historical, market, [5.0])
    ).tolist()


def test_a_weight_of_one_is_the_other_model(market, historical, stressed):
    hybrid = HybridModel(model=historical, steps=(StressedWeight(name="stressed", model=stressed, weight=1.0),))
    result, other = (assess(m, market, [100.0, -20.0]) for m in (hybrid, stressed))
    np.testing.assert_allclose(both_margins(result), both_margins(other), rtol=1e-12)


def test_collateral_is_shocked_for_the_part_that_shocks_it_only(market, historical):
    """Only one of two equal models counts the coin; each sees its own lines, whichever comes first."""
    blind = model_of()
    balances = (("BTC", 3.0),)
    seeing = assess(historical, market, [], balances=balances).initial_margin[0]
    assert seeing > 1000
    assert assess(blind, market, [], balances=balances).initial_margin[0] == 0
    for one, other in ((historical, blind), (blind, historical)):
        result = assess(HybridModel(model=one, steps=(Sum(name="other", model=other),)), market, [], balances=balances)
        assert result.initial_margin[0] == pytest.approx(seeing, rel=1e-15)
        assert result.prepared.shocked_currencies.any()


def test_units_and_labels_of_all_parts(market, portfolio, historical):
    hybrid = HybridModel(model=portfolio.model, steps=(Floor(name="historical", model=historical),))
    result = assess(hybrid, market, [100.0, -300.0, 0, 0, -5.0])
    assert isinstance(result.prepared, PreparedHybrid)
    assert result.prepared.units == ("BTC", "ETH", "historical joint")
    units = result.unit_columns()
    assert [str(units["unit"][i]) for i in range(3)] == ["BTC", "ETH", "historical joint"]
    assert str(units["worst_scenario"][0]).startswith(("price", "extended"))
    assert str(units["worst_scenario"][2]).startswith("day ")
    assert units["roll_shock"][2] == 0
    assert result.prepared.label(0, 39) == ""
    with pytest.raises(IndexError, match="only 3 units"):
        result.prepared.label(3, 0)
    parts = [assess(m, market, [100.0, -300.0, 0, 0, -5.0]) for m in (portfolio.model, historical)]
    np.testing.assert_array_equal(
        result.results.units.worst_loss, np.concatenate([p.results.units.worst_loss for p in parts])
    )


@given(quantity=quantities)
def test_contributions_are_those_of_the_parts(market, portfolio, historical, quantity):
    hybrid = HybridModel(model=portfolio.model, steps=(Floor(name="historical", model=historical),))
    pool = assess(hybrid, market, quantity).explain("a").pools[0]
    first = assess(portfolio.model, market, quantity).explain("a").pools[0]
    second = assess(historical, market, quantity).explain("a").pools[0]
    mine = {name: i for i, name in enumerate(pool.names)}
    for alone, name, column in ((first, "loss", "loss"), (second, "expected_shortfall", "historical_expected_shortfall")):
        assert set(alone.names) <= set(pool.names)
        for line, value in zip(alone.names, alone.lines[name], strict=True):
            assert pool.lines[column][mine[line]] == pytest.approx(value, rel=1e-9, abs=1e-6)
        assert pool.lines[column].sum() == pytest.approx(alone.lines[name].sum(), rel=1e-9, abs=1e-6)
    assert pool.rest == first.rest


@pytest.mark.parametrize("mode", ["cross_standard", "cross_portfolio", "segregated_standard", "segregated_portfolio"])
def test_any_model_can_be_a_part(market, mode, historical):
    """Orders, isolated names and order rules of a venue's model go through a hybrid unchanged."""
    venue = regime(mode, as_of="2026-02-15")
    book = many_accounts(market)
    book = book.select(book.accounts.to_list()[:50])
    if mode == "segregated_portfolio":  # the linear pair has no parameters of its own
        keep = [n for n in market.instruments.to_list() if "USDC" not in n]
        held = [keep[i % len(keep)] for i in range(60)]
        book = Book.of(positions={"account": np.arange(60) % 20, "instrument": held, "quantity": np.arange(60.0) - 30})
    for one, other in ((venue.model, historical), (historical, venue.model)):
        results = [
            Regime("one", venue.pool, m, venue.collateral).assess(book, market)
            for m in (HybridModel(model=one, steps=(Floor(name="other", model=other),)), one, other)
        ]
        hybrid, a, b = (np.array([r.initial_margin, r.maintenance_margin]) for r in results)
        np.testing.assert_allclose(hybrid, np.maximum(a, b), rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(("threads", "block"), [(1, 7), (2, 64)])
def test_blocks_and_threads_do_not_change_a_bit(market, portfolio, historical, threads, block):
    hybrid = HybridModel(model=portfolio.model, steps=(Floor(name="historical", model=historical),))
    mine, book = Regime("hybrid", CrossPool(), hybrid, portfolio.collateral), many_accounts(market)
    one, other = mine.assess(book, market), mine.assess(book, market, threads=threads, block=block)
    np.testing.assert_array_equal(one.initial_margin, other.initial_margin)
    np.testing.assert_array_equal(one.results.units.worst_loss, other.results.units.worst_loss)
    np.testing.assert_array_equal(one.results.units.pool, other.results.units.pool)


def test_a_hybrid_of_hybrids(market, historical, stressed):
    inner = HybridModel(model=historical, steps=(Buffer(name="buffer", fraction=0.25),))
    outer = HybridModel(model=stressed, steps=(Floor(name="floor", model=inner),))
    a, b, c = (both_margins(assess(m, market, [100.0, 30.0])) for m in (historical, stressed, outer))
    np.testing.assert_allclose(c, np.maximum(b, 1.25 * a), rtol=1e-14)


def test_empty_book(market, portfolio, historical):
    hybrid = HybridModel(model=portfolio.model, steps=(Floor(name="historical", model=historical),))
    assert len(Regime("hybrid", CrossPool(), hybrid).assess(Book.of(), market)) == 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: Buffer(name="b", fraction=-0.1), "fraction is -0.1; expected a finite number, 0 or more"),
        (lambda m: StressedWeight(name="w", model=m, weight=1.5), "weight is 1.5; expected 0 <= weight <= 1"),
        (lambda m: StressedWeight(name="w", model=m, weight=float("nan")), "weight is nan"),
        (lambda m: HybridModel(model=m, steps=(Buffer(name="b", fraction=0.1),) * 2), "two steps have the name 'b'"),
    ],
)
def test_bad_settings_are_refused(historical, make, message):
    with pytest.raises(ValueError) as caught:
        make(historical)
    assert message in str(caught.value)


def test_a_step_must_not_hide_a_component(market, historical):
    hybrid = HybridModel(model=historical, steps=(Buffer(name="expected_shortfall", fraction=0.1),))
    with pytest.raises(ValueError, match="the step 'expected_shortfall' is named like a component of the model"):
        assess(hybrid, market, [1.0])
