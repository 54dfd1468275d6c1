"""What an account needs does not depend on what others in the book hold."""

from __future__ import annotations

import numpy as np
import pytest

from margin.book import Book
from margin.market import Market
from margin.venues.deribit import regime


@pytest.fixture(scope="module")
def cross():
    return regime("cross_portfolio", as_of="2026-02-15")


def two_indices(names, contracts) -> Market:
    """Perpetuals of one coin on two indices that differ."""
    linear = [c == "linear" for c in contracts]
    return Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={
            "instrument": names, "kind": ["perpetual"] * 2, "contract": contracts, "base": ["BTC"] * 2,
            "quote": ["USDC" if x else "USD" for x in linear], "settlement": ["USDC" if x else "BTC" for x in linear],
            "contract_size": [0.001 if x else 10.0 for x in linear],
        },
        quotes={"instrument": names, "mark": [70_500.0 if x else 70_000.0 for x in linear]},
        indices={"index": ["BTC_USD", "BTC_USDC"], "price": [70_000.0, 70_700.0]},
        currencies={"currency": ["BTC", "USDC"], "usd": [70_000.0, 1.0]},
    )  # fmt: skip


@pytest.mark.parametrize("names", [["INVERSE", "LINEAR"], ["LINEAR", "INVERSE"]])
def test_a_coin_has_one_index_whoever_holds_what(cross, names):
    """The delta shock of an inverse position took the linear index where another account held the linear contract."""
    market = two_indices(names, [name.lower() for name in names])
    book = Book.of(
        positions={"account": ["a", "b"], "instrument": ["INVERSE", "LINEAR"], "quantity": [3e6, 1e6]},
        balances={"account": ["a", "b"], "currency": ["USDC"] * 2, "amount": [1e6, 1e6]},
    )
    batch = cross.assess(book, market)
    assert (batch.columns()["delta_shock"] > 0).all()
    coin = 3e7 / 70_000
    assert batch.columns()["delta_shock"][0] == pytest.approx((coin * 70_000 - 2e7) * 0.00005 * coin, rel=1e-12)
    for i, account in enumerate("ab"):
        assert cross.assess(book.select([account]), market).initial_margin[0] == batch.initial_margin[i]


def test_a_part_of_a_book_asks_only_for_what_it_holds(cross, market):
    """The whole book names a coin without price and an instrument that another market lacks; the part holds neither."""
    book = Book.of(
        positions={"account": ["a", "b"], "instrument": ["BTC-PERPETUAL", "NEW"], "quantity": [3.0, 1.0]},
        balances={"account": ["a", "b"], "currency": ["USDC", "USD"], "amount": [1e3, 1e3]},
    )
    part = cross.assess(book.select(["a"]), market)
    assert part.encoded.held.tolist() == [0]
    assert np.array(market.currencies)[part.encoded.currencies].tolist() == ["BTC", "USDC"]
    alone = Book.of(
        positions={"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [3.0]},
        balances={"account": ["a"], "currency": ["USDC"], "amount": [1e3]},
    )
    assert part.initial_margin[0] == cross.assess(alone, market).initial_margin[0]
