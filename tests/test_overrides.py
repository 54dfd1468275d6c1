"""Accounts with parameters of their own inside a batch."""

from __future__ import annotations

import numpy as np
import pytest

from margin import Book, venues
from margin.errors import ParameterError

OWN = """
[[layer]]
as_of = 2026-01-01
status = "recorded"
source = "a market maker's agreement"

[layer.account.b.general]
mm_factor = 0.5

[layer.account.b.pair.BTC_USD]
price_range = 0.32
"""


@pytest.fixture
def books():
    positions = {
        "account": ["a", "a", "b", "c", "b"],
        "instrument": ["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "BTC-PERPETUAL", "ETH-PERPETUAL", "BTC-27MAR26-60000-P"],
        "quantity": [1000.0, -2.0, 1000.0, -500.0, -1.0],
    }
    balances = {"account": ["a", "b", "c"], "currency": ["BTC"] * 3, "amount": [1.0, 2.0, 3.0]}
    return Book.of(positions=positions, balances=balances)


def regime(path=None):
    return venues.load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=() if path is None else (path,))


def test_one_account_differs_and_the_others_stay(market, books, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    plain, own = regime().assess(books, market), regime(path).assess(books, market, threads=2)
    assert own.book.accounts.to_list() == plain.book.accounts.to_list()
    for name, column in plain.columns().items():
        for row in (0, 2):
            assert own.columns()[name][row] == column[row], name
    assert own.results.account.tolist() == [0, 1, 2]
    assert own.maintenance_margin[1] == pytest.approx(0.5 * own.initial_margin[1], rel=1e-9)
    assert own.columns()["worst_loss"][1] > 1.5 * plain.columns()["worst_loss"][1]
    assert "32 %" in own.columns()["worst_scenario"][1]
    explained = own.explain("b")
    assert explained.pools[0].figures["initial_margin"] == own.initial_margin[1]
    assert explained.assessment.regime.name == own.regime.name


def test_units_follow_their_pools(market, books, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    units = regime(path).assess(books, market).unit_columns()
    accounts = [units["account"][i] for i in range(len(units["worst_loss"]))]
    assert accounts == sorted(accounts)
    loss = dict(zip(accounts, units["worst_loss"].tolist(), strict=False))
    alone = regime(path).assess(books.select(["b"]), market).unit_columns()
    assert loss["b"] == alone["worst_loss"][0]


def test_overrides_of_absent_accounts_change_nothing(market, books, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace("account.b", "account.z"))
    plain, own = regime().assess(books, market), regime(path).assess(books, market)
    np.testing.assert_array_equal(plain.initial_margin, own.initial_margin)


def test_an_override_of_nothing_is_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN.replace("mm_factor", "mm_fator"))
    with pytest.raises(ParameterError, match=r"account\.b\.general.mm_fator overrides general.mm_fator, which has no value"):
        regime(path)
