"""A subaccount of Derive from its first shortfall to the end of its auction, under the venue's own rules and parameters."""

import numpy as np
import pytest

from margin.book import Book
from margin.liquidation.paths import Instant, Path
from margin.liquidation.simulation import simulate
from margin.market import Market
from margin.venues import load, load_procedure

GIVEN = """
[[layer]]
as_of = 2020-01-01
status = "illustrative"
source = "a test"
[layer.auction]
bidder_discount = 0.2
"""


@pytest.mark.parametrize(("mode", "cash"), [("srm", 28_000.0), ("pm2_eth", 50_000.0)])
def test_an_account_is_auctioned_until_its_margin_is_met(mode, cash, tmp_path):
    market = Market.of(
        time="2026-06-01T00:00:00Z",
        instruments={"instrument": ["ETH-PERP"], "kind": ["perpetual"], "contract": ["linear"], "base": ["ETH"],
                     "quote": ["USDC"], "settlement": ["USDC"], "contract_size": [1.0]},
        quotes={"instrument": ["ETH-PERP"], "mark": [2000.0]},
        indices={"index": ["ETH_USDC"], "price": [2000.0]},
        currencies={"currency": ["USDC", "ETH"], "usd": [1.0, 2000.0]},
    )  # fmt: skip
    book = Book.of(
        positions={"account": ["long", "short"], "instrument": ["ETH-PERP"] * 2, "quantity": [100.0, -100.0]},
        balances={"account": ["long", "short"], "currency": ["USDC"] * 2, "amount": [cash, 90_000.0]},
    )
    file = tmp_path / "given.toml"
    file.write_text(GIVEN)
    rules = {"as_of": "2026-06-01", "params": (file,), "accept": ("official", "recorded", "third_party", "illustrative")}
    path = Path(tuple(Instant(seconds=300.0 * i, price={"ETH": 0.89 if i else 1.0}) for i in range(6)))
    result = simulate(
        book, market, path, regime=load("derive").regime(mode, **rules), procedure=load_procedure("derive")(mode, **rules)
    )
    what = [(e.seconds, e.what) for e in result.events if e.account == "long"]
    assert what[:2] == [(300.0, "start"), (300.0, "fee")]
    # 0.95 falls to 0.70 in 900 s: below 0.8 at the instant 600 s after the start.
    assert {seconds for seconds, kind in what if kind == "bid"} == {900.0}
    assert result.times["in_liquidation_after"].tolist() == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    long = result.end.quantity[(result.end.holder == 0)][0]
    assert 0.0 < long < 100.0
    assert np.isclose(result.times["fund"][-1], -result.events[1].amount)
