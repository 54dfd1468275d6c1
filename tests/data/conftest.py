"""Tables of a small valid snapshot, to be broken one value at a time."""

from __future__ import annotations

from typing import Any

import pytest

Tables = dict[str, dict[str, Any]]

TIME = "2026-02-15T08:00:00Z"
EXPIRY = "2026-03-27T08:00:00Z"


def valid() -> Tables:
    """Every table, with every column, as lists."""
    return {
        "instruments": {
            "instrument": ["BTC-PERPETUAL", "BTC-27MAR26", "BTC-27MAR26-70000-C", "ETH_USDC"],
            "kind": ["perpetual", "future", "option", "spot"],
            "contract": ["inverse", "inverse", "inverse", "linear"],
            "base": ["BTC", "BTC", "BTC", "ETH"],
            "quote": ["USD", "USD", "USD", "USDC"],
            "settlement": ["BTC", "BTC", "BTC", "USDC"],
            "contract_size": [10.0, 10.0, 1.0, 0.5],
            "index": [None, "BTC_USD", None, "ETH_USD"],
            "expiry": [None, EXPIRY, EXPIRY, None],
            "strike": [None, None, 70000.0, None],
            "option_type": [None, None, "call", None],
        },
        "quotes": {
            "instrument": ["ETH_USDC", "BTC-27MAR26-70000-C", "BTC-PERPETUAL", "BTC-27MAR26"],
            "mark": [1963.0, 0.07, 70020.0, 70400.0],
            "vol": [None, 0.5, None, None],
            "forward": [None, 70400.0, None, None],
            "min_price": [None, None, 69000.0, None],
            "max_price": [None, None, 71000.0, None],
        },
        "indices": {"index": ["BTC_USD", "ETH_USD"], "price": [70000.0, 1960.0]},
        "currencies": {"currency": ["BTC", "USDC"], "usd": [70000.0, 1.0]},
        "positions": {
            "account": ["A-1", "A-2", "A-1", "A-3"],
            "instrument": ["BTC-PERPETUAL", "BTC-PERPETUAL", "BTC-27MAR26-70000-C", "ETH_USDC"],
            "quantity": [100.0, -50.0, 2.0, 3.0],
            "entry_price": [69000.0, 70500.0, 0.05, 1900.0],
            "isolated_collateral": [0.0, 0.1, 0.0, 0.0],
        },
        "balances": {"account": ["A-1", "A-4"], "currency": ["BTC", "USDC"], "amount": [1.5, -20.0]},
        "orders": {
            "account": ["A-2"],
            "instrument": ["BTC-27MAR26"],
            "quantity": [-10.0],
            "price": [70500.0],
            "mmp": [True],
        },
        "accounts": {"account": ["A-0", "A-1", "A-2", "A-3", "A-4"]},
    }


@pytest.fixture
def tables() -> Tables:
    return valid()
