"""Two accounts through a fall of the market under venues that take over and deleverage."""

import numpy as np
import pytest

from margin.book import Book
from margin.liquidation.paths import Path
from margin.liquidation.simulation import check_conserved, simulate
from margin.market import Market
from margin.venues import load, load_procedure

GIVEN = """
[[layer]]
as_of = 2020-01-01
status = "illustrative"
source = "a test"
[layer.liquidation]
order_share = 0.5
[layer.liquidation.fee]
BTC_USDT = 0.0125
"""
VENUES = {"hyperliquid": ("standard", "USDC", "BTC"), "binance": ("usdm_single", "USDT", "BTCUSDT")}


def exchange(money, name):
    market = Market.of(
        time="2026-06-01T00:00:00Z",
        instruments={"instrument": [name], "kind": ["perpetual"], "contract": ["linear"], "base": ["BTC"], "quote": [money],
                     "settlement": [money], "contract_size": [1.0]},
        quotes={"instrument": [name], "mark": [60_000.0]},
        indices={"index": [f"BTC_{money}"], "price": [60_000.0]},
        currencies={"currency": [money, "BTC"], "usd": [1.0, 60_000.0]},
    )  # fmt: skip
    book = Book.of(
        positions={"account": ["long", "short"], "instrument": [name] * 2, "quantity": [10.0, -10.0],
                   "entry_price": [60_000.0] * 2, "leverage": [20.0] * 2},
        balances={"account": ["long", "short"], "currency": [money] * 2, "amount": [31_000.0, 100_000.0]},
    )  # fmt: skip
    return market, book


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(("fall", "steps"), [(-0.05, 10), (-0.08, 1)])
def test_a_leveraged_account_is_liquidated_and_the_loss_finds_somebody(venue, fall, steps, tmp_path):
    mode, money, name = VENUES[venue]
    file = tmp_path / "given.toml"
    file.write_text(GIVEN)
    rules = {"as_of": "2026-06-01", "params": (file,), "accept": ("official", "recorded", "third_party", "illustrative")}
    market, book = exchange(money, name)
    result = simulate(
        book,
        market,
        Path.shock(steps=steps, seconds=10.0, price={"BTC": fall}),
        regime=load(venue).regime(mode, **rules),
        procedure=load_procedure(venue)(mode, **rules),
        fund={money: 1e5},
    )
    check_conserved(result.end, result.start.totals())
    used = {event.step for event in result.events if event.account == "long"}
    end = result.end
    assert result.times["debts"][-1] >= -1e-6
    if fall == -0.05:
        assert "close" in used
        assert "auto-deleverage" not in used
        assert np.allclose(end.quantity[end.holder == 1], -10.0)
    else:  # through the bankruptcy price in one step: the loss is 48,000 of 31,000
        assert ("auto-deleverage" if venue == "hyperliquid" else "close") in used
        assert np.allclose(end.quantity[end.holder == 0], 0.0)
