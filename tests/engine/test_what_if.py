"""What trades would change, from stored amounts, against margining copies of the account from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine import worlds
from margin import Book, Engine
from margin.analysis.what_if import what_if
from margin.contracts import option_value, value_per_contract
from margin.models.prepared_portfolio import rounded_number

seeds = st.integers(0, 2**32 - 1)
FIGURES = ("equity", "initial_collateral", "maintenance_collateral", "initial_margin", "maintenance_margin", "available",
           "excess", "shortfall")  # fmt: skip


def slack(world, book, trades) -> float:
    """What another order of summation may change, in USD: 1e-12 of all gross amounts, and the last decimal that rules state."""
    market = world.market
    usd = market.usd * market.money_usd
    row = book.resolve(market)[0][book.positions.instrument] if len(book.positions) else np.zeros(0, dtype=np.int32)
    worth = np.abs(value_per_contract(market)) + np.abs(option_value(market, np.arange(len(market)), np.ones(len(market))))
    worth = worth * usd[market.settlement]
    names = {name: i for i, name in enumerate(market.instruments.to_list())}
    traded = [names[name] for name in trades["instrument"]]
    gross = (np.abs(book.positions.quantity) * worth[row]).sum() + (np.abs(trades["quantity"]) * worth[traded]).sum()
    codes = book.resolve(market)[1][book.balances.currency]
    gross += np.nansum(np.abs(book.balances.amount) * usd[codes])
    decimals = 10.0 ** -getattr(world.regime.model, "initial_decimals", None) if decimals_of(world) else 0.0
    return 1e-12 * gross + 2 * decimals * max(1.0, np.nanmax(usd))


def decimals_of(world) -> bool:
    return getattr(world.regime.model, "initial_decimals", None) is not None


def close(found, wanted, atol) -> None:
    for name in FIGURES:
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("name", worlds.NAMES)
@settings(max_examples=12)
@given(seed=seeds)
def test_equals_the_analysis(world_of, name, seed):
    """One by one and all at once, whoever answers."""
    world, rng = world_of(name), np.random.default_rng(seed)
    book = worlds.book(world, rng, accounts=3, held=9)
    engine = Engine(world.regime, book, world.market)
    table = worlds.trades(world, rng, accounts=3, count=8, priced=False)
    if world.isolated and "isolated_collateral" in table:
        table["isolated_collateral"] = table["isolated_collateral"] * 0.0  # what a trade without the column adds
    del table["account"]
    account = int(rng.integers(3))
    wanted = what_if(world.regime, book, world.market, table, account=account)
    atol = slack(world, book, table)
    asked = engine.account(account)
    if "isolated_collateral" not in table:
        each = asked.what_if_each(table["instrument"], table["quantity"])
        close(each.after, wanted.after, atol)
        close(each.before, wanted.before, 0.0)
        np.testing.assert_array_equal(each.columns()["candidate"].to_numpy(), np.arange(8))
    asked = engine.account(account)  # what was asked about is priced by now
    close(asked.what_if_trades(table).after, wanted.after, 0.0)
    for i, (instrument, quantity) in enumerate(zip(table["instrument"].tolist(), table["quantity"].tolist(), strict=True)):
        if "isolated_collateral" in table:
            break
        effect = asked.what_if(instrument, quantity)
        assert effect.path in (world.path, "general")
        for field, value in (
            (effect.initial_before, wanted.before.initial_margin[i]),
            (effect.initial_after, wanted.after.initial_margin[i]),
            (effect.maintenance_before, wanted.before.maintenance_margin[i]),
            (effect.maintenance_after, wanted.after.maintenance_margin[i]),
            (effect.initial_collateral, wanted.after.initial_collateral[i]),
            (effect.maintenance_collateral, wanted.after.maintenance_collateral[i]),
            (effect.available, wanted.after.available[i]),
            (effect.excess, wanted.after.excess[i]),
        ):
            assert field == pytest.approx(value, rel=0, abs=atol)
        if min(abs(effect.available), abs(effect.excess)) > atol:
            assert effect.status == wanted.columns()["status_after"][i]


@pytest.mark.parametrize("mode", ["cross_portfolio", "segregated_portfolio"])
@pytest.mark.parametrize("quantity", [200.0, -300.0, -900.0, -3000.0])
def test_long_options_against_a_large_short(world_of, mode, quantity):
    """Delta beyond the threshold, reduced by calls that are bought, sold in part, sold out and sold short."""
    world = world_of(f"deribit {mode}")
    call = "BTC-27MAR26-70000-C"
    held = {"account": ["a"] * 2, "instrument": ["BTC-PERPETUAL", call], "quantity": [-1e7, 500.0]}
    book = Book.of(positions=held, balances={"account": ["a"], "currency": ["BTC"], "amount": [1e4]})
    engine = Engine(world.regime, book, world.market)
    assert engine.assessment.columns()["delta_shock"][0] > 0
    for name, size in ((call, quantity), ("BTC-27MAR26-60000-P", quantity), ("BTC-PERPETUAL", 1e4 * quantity)):
        found = engine.account("a").what_if(name, size)
        found = engine.account("a").what_if(name, size) if found.path == "general" else found
        wanted = what_if(world.regime, book, world.market, {"instrument": [name], "quantity": [size]}, account="a").after
        assert found.path == "sums"
        assert found.initial_after == pytest.approx(wanted.initial_margin[0], rel=1e-12)
        assert found.maintenance_after == pytest.approx(wanted.maintenance_margin[0], rel=1e-12)


@given(value=st.floats(-1e12, 1e12), decimals=st.sampled_from([None, 0, 2, 8]))
@example(value=float("nan"), decimals=8)
@example(value=float("inf"), decimals=2)
def test_a_number_is_rounded_as_an_array_is(value, decimals):
    wanted = value if decimals is None else float(np.array([value]).round(decimals)[0])
    assert rounded_number(value, decimals) == pytest.approx(wanted, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize("name", worlds.NAMES)
def test_the_path_is_told(world_of, name):
    """Portfolio models in pools that share answer from what is stored, all others by margining the account."""
    world, rng = world_of(name), np.random.default_rng(1)
    book = worlds.book(world, rng, accounts=2, held=9)
    engine = Engine(world.regime, book, world.market)
    assert engine.account(0).path == world.path
    if not world.isolated:
        names = world.names[:6].tolist()
        for _ in range(2):  # what nobody holds is priced the first time
            paths = {engine.account(0).what_if(name, 1.0).path for name in names}
        assert world.path in paths
