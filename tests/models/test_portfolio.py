"""The portfolio model against the rules written a second time, and its properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.book import Book
from margin.errors import ParameterError
from margin.models.prepared_portfolio import PreparedPortfolio
from margin.pools import IsolatedPool
from margin.regime import Regime
from margin.venues.deribit import regime

from . import slow_portfolio as slow

quantities = st.lists(st.integers(-400, 400).map(float), min_size=8, max_size=8)
amounts = st.integers(-50, 200).map(lambda n: n / 16)


@pytest.fixture(scope="module")
def cross() -> Regime:
    return regime("cross_portfolio", as_of="2026-02-15")


@pytest.fixture(scope="module")
def segregated() -> Regime:
    return regime("segregated_portfolio", as_of="2026-02-15")


def book_of(market, quantity, *, account="a", balances=(), orders=None) -> Book:
    names = market.instruments.to_list()
    held = [(n, q) for n, q in zip(names, quantity, strict=False) if q]
    return Book.of(
        positions={
            "account": [account] * len(held),
            "instrument": [n for n, _ in held],
            "quantity": np.array([q for _, q in held], dtype=np.float64),
        },
        balances={
            "account": [account] * len(balances),
            "currency": [c for c, _ in balances],
            "amount": np.array([a for _, a in balances], dtype=np.float64),
        },
        orders=orders,
    )


@given(quantity=quantities, btc=amounts, eth=amounts)
def test_cross_margin_follows_the_rules(market, cross, quantity, btc, eth):
    book = book_of(market, quantity, balances=[("BTC", btc), ("ETH", eth), ("USDC", 1000.0)])
    result = cross.assess(book, market)
    value = np.array([market.mark[i] * market.contract_size[i] if market.kind[i] == 2 else 0.0 for i in range(len(market))])
    held = np.array(quantity) * value
    equity = {"BTC": btc + held[[4, 5]].sum(), "ETH": eth + held[6]}
    initial, maintenance = slow.cross(market, dict(enumerate(quantity)), equity)
    assert result.initial_margin[0] == pytest.approx(initial, rel=1e-11, abs=2e-9)
    assert result.maintenance_margin[0] == pytest.approx(maintenance, rel=1e-11, abs=2e-9)


@given(quantity=quantities)
def test_segregated_margin_follows_the_rules(market, segregated, quantity):
    quantity = [*quantity[:2], 0.0, *quantity[3:7], 0.0]  # the linear pair has no parameters of its own
    result = segregated.assess(book_of(market, quantity, balances=[("BTC", 1.0), ("ETH", 1.0)]), market)
    columns = result.columns()
    for i in range(len(result)):
        coin = str(columns["currency"][i])
        initial, maintenance = slow.segregated_inverse(market, coin, dict(enumerate(quantity)))
        assert result.initial_margin[i] == pytest.approx(initial, rel=1e-11, abs=2e-9)
        assert result.maintenance_margin[i] == pytest.approx(maintenance, rel=1e-11, abs=2e-9)


def test_delta_shock_of_a_large_book(market, cross):
    """45 million USD of delta: 25 million beyond the threshold, at 0.00005 per coin, below the cap of 10 %."""
    result = cross.assess(book_of(market, [4_500_000.0], balances=[("USDC", 1e9)]), market)
    coin = 45e6 / 70020.0
    expected = min((coin * 70000 - 20e6) * 0.00005 * coin, 0.1 * coin * 70000)
    assert result.columns()["delta_shock"][0] == pytest.approx(expected, rel=1e-12)


@given(quantity=quantities, btc=amounts)
def test_explanation_adds_up_and_is_attained(market, cross, quantity, btc):
    book = book_of(market, quantity, balances=[("BTC", btc), ("USDC", 5.0)])
    result = cross.assess(book, market)
    pool = result.explain("a").pools[0]
    total = pool.lines["loss"].sum() + sum(pool.rest.values())
    assert total == pytest.approx(pool.figures["worst_loss"], rel=1e-9, abs=1e-6)
    units = result.results.units
    assert isinstance(result.prepared, PreparedPortfolio)
    for vectors, worst, scenario in zip(pool.vectors, units.worst_loss, units.scenario, strict=True):
        assert worst == pytest.approx(max(0.0, -vectors.shaped.min()), rel=1e-9, abs=1e-6)
        assert worst == pytest.approx(max(0.0, -vectors.shaped[scenario]), rel=1e-9, abs=1e-6)
        np.testing.assert_allclose(vectors.lines.sum(axis=0), vectors.total, rtol=1e-9, atol=1e-6)


@given(data=st.data(), quantity=quantities)
def test_order_of_rows_and_splitting_do_not_matter(market, cross, data, quantity):
    whole = book_of(market, quantity, balances=[("BTC", 1.0)])
    rows = [(n, part) for n, q in zip(market.instruments, quantity, strict=True) for part in (q / 4, 3 * q / 4)]
    rows = data.draw(st.permutations(rows))
    parts = Book.of(
        positions={"account": ["a"] * 16, "instrument": [r[0] for r in rows], "quantity": np.array([r[1] for r in rows])},
        balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]},
    )
    a, b = cross.assess(whole, market), cross.assess(parts, market)
    np.testing.assert_allclose(b.initial_margin, a.initial_margin, rtol=1e-11, atol=1e-9)


def many_accounts(market, *, seed=0, n=300) -> Book:
    random = np.random.default_rng(seed)
    rows = 2000
    names = np.array(market.instruments.to_list())
    return Book.of(
        positions={
            "account": random.integers(0, n, rows),
            "instrument": names[random.integers(0, len(names), rows)],
            "quantity": random.integers(-50, 50, rows) / 4,
            "entry_price": random.uniform(50_000, 90_000, rows),
        },
        balances={
            "account": np.arange(n),
            "currency": np.array(["BTC", "ETH", "USDC"])[random.integers(0, 3, n)],
            "amount": random.uniform(-1, 10, n),
        },
        orders={
            "account": random.integers(0, n, 400),
            "instrument": names[random.integers(0, len(names), 400)],
            "quantity": random.choice([-2.0, -1.0, 1.0, 3.0], 400),
            "price": random.uniform(0.01, 70_000, 400),
            "mmp": random.random(400) < 0.3,
        },
    )


@pytest.mark.parametrize(("threads", "block"), [(1, 1), (1, 7), (2, 64), (7, 50), (0, 1000)])
def test_blocks_and_threads_do_not_change_a_bit(market, cross, threads, block):
    book = many_accounts(market)
    one, other = cross.assess(book, market).columns(), cross.assess(book, market, threads=threads, block=block).columns()
    for name, column in one.items():
        if isinstance(column, np.ndarray):
            np.testing.assert_array_equal(column, other[name], err_msg=name)
        else:
            assert [column[i] for i in range(len(column))] == [other[name][i] for i in range(len(column))], name


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_rows_out_of_the_order_of_accounts_do_not_change_a_bit(market, cross, block):
    book = many_accounts(market)
    in_order = {name: by_account(getattr(book, name)) for name in ("positions", "balances", "orders")}
    assert not np.array_equal(book.positions.account, in_order["positions"].account)
    one, other = cross.assess(book, market, block=block), cross.assess(replace(book, **in_order), market)
    for name in ("equity", "maintenance_collateral", "unrealised", "option_value", "initial", "maintenance"):
        np.testing.assert_array_equal(getattr(one.results, name), getattr(other.results, name), err_msg=name)
    assert one.book is book


def by_account(rows):
    """Rows in the order of accounts, those of an account as they are."""
    order = np.argsort(rows.account, kind="stable")
    columns = {name: getattr(rows, name) for name in type(rows).__slots__}
    return replace(rows, **{name: column[order] for name, column in columns.items() if column is not None})


def test_without_its_units_a_book_keeps_the_worst_of_each_pool(market, cross):
    book = many_accounts(market)
    whole, part = cross.assess(book, market), cross.assess(book, market, units=False, block=9)
    for name, column in whole.columns().items():
        other = part.columns()[name]
        assert [column[i] for i in range(len(column))] == [other[i] for i in range(len(column))], name
    assert (np.diff(part.results.units.pool) > 0).all()
    with pytest.raises(ValueError, match="units=True"):
        part.unit_columns()


def test_one_by_one_equals_the_batch(market, cross):
    book = many_accounts(market, n=40)
    batch = cross.assess(book, market)
    for i, account in enumerate(book.accounts):
        alone = cross.assess(book.select([account]), market)
        assert alone.initial_margin[0] == batch.initial_margin[i]
        assert alone.maintenance_margin[0] == batch.maintenance_margin[i]
        assert alone.results.equity[0] == batch.results.equity[i]


def test_orders_raise_initial_margin_only(market, cross):
    orders = {
        "account": ["a"] * 4,
        "instrument": ["ETH-PERPETUAL"] * 3 + ["BTC-PERPETUAL"],
        "quantity": [100.0, 50.0, -120.0, 3.0],
        "price": [1900.0, 1800.0, 2100.0, 60000.0],
        "mmp": [False, False, False, True],
    }
    balances = [("USDC", 100.0)]
    without = cross.assess(book_of(market, [5.0], balances=balances), market)
    result = cross.assess(book_of(market, [5.0], balances=balances, orders=orders), market)
    worth = 0.2 * 0.18 * 150.0 / 1963.0 * 1960.0
    guarded = 0.2 * 0.16 * 3 * 10.0 / 70020.0 * 70000.0
    columns = result.columns()
    assert columns["open_orders"][0] == pytest.approx(worth, rel=1e-12)
    assert columns["mmp_orders"][0] == pytest.approx(guarded, rel=1e-12)
    assert result.maintenance_margin[0] == without.maintenance_margin[0]
    assert result.initial_margin[0] == pytest.approx(without.initial_margin[0] + worth + guarded, abs=2e-9)


def test_settlement_window_decays_deltas_not_the_matrix(market, cross):
    expiry = market.expiry[3]
    book = book_of(market, [0, 0, 0, 100.0], balances=[("USDC", 1.0)])
    roll = {}
    for minutes in (60, 30, 15, 3):
        late = market.with_(time=expiry - np.timedelta64(minutes, "m"))
        columns = cross.assess(book, late).columns()
        roll[minutes] = columns["roll_shock"][0]
        worst = columns["worst_loss"][0]
        assert worst == pytest.approx(100 * 10 / 70400 * 70000 * 0.16, rel=1e-12)
    assert roll[60] == pytest.approx(roll[30])
    assert roll[15] == pytest.approx(roll[30] / 2)
    assert roll[3] == pytest.approx(roll[30] / 10)


def test_isolated_portfolio_margin_is_a_regime_too(market, segregated):
    """The cell of the plane that no venue offers."""
    mine = Regime("isolated portfolio", IsolatedPool(), segregated.model)
    book = Book.of(
        positions={
            "account": ["a", "a"],
            "instrument": ["BTC-PERPETUAL", "BTC-27MAR26"],
            "quantity": [100.0, -100.0],
            "isolated_collateral": [0.01, 0.02],
        }
    )
    apart = mine.assess(book, market)
    together = segregated.assess(book, market)
    assert len(apart) == 2
    assert apart.columns()["worst_loss"].sum() > 100 * together.columns()["worst_loss"].sum()
    assert apart.results.equity.tolist() == [0.01, 0.02]


def test_empty_book(market, cross, segregated):
    for one in (cross, segregated):
        result = one.assess(Book.of(), market)
        assert len(result) == 0
        assert "0 accounts" in repr(result)


@pytest.mark.parametrize(
    ("currency", "parameter"), [("USDT", "currency.USDT.equity_side_impact"), ("SOL", "currency.SOL.equity_side_impact")]
)
def test_unknown_parameters_are_refused_by_name(market, cross, currency, parameter):
    with pytest.raises(ParameterError, match=parameter.replace(".", r"\.")):
        cross.assess(book_of(market, [1.0], balances=[(currency, 1.0)]), market)


def test_staked_ether_hedges_in_the_bucket_of_ether(market, cross):
    """Short ETH perpetuals against stETH: the unit nets, and only the haircut and the roll shock remain."""
    short = book_of(market, [0, -1950.0 * 1963 / 1960], balances=[("STETH", 1.0)])
    columns = cross.assess(short, market).columns()
    assert str(columns["worst_unit"][0]) in {"ETH", "None"}
    assert columns["worst_loss"][0] < 1e-6 * 1950
    assert columns["collateral_value"][0] == pytest.approx(0.925 * 1950)
