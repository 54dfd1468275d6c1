"""Settings and small markets shared by the tests."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from margin.market import Market

hypothesis.settings.register_profile("default", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first, so that the last of them does not run while other processors have nothing left to do."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded data beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded data lies beside the checkout only where the project is developed")
    return folder


@pytest.fixture(scope="session")
def market() -> Market:
    """Inverse and linear perpetuals, a future, inverse and linear options of two coins."""
    names = ["BTC-PERPETUAL", "ETH-PERPETUAL", "BTC_USDC-PERPETUAL", "BTC-27MAR26", "BTC-27MAR26-70000-C",
             "BTC-27MAR26-60000-P", "ETH-27MAR26-2000-C", "BTC_USDC-27MAR26-80000-C"]  # fmt: skip
    expiry = "2026-03-27T08:00:00Z"
    return Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={
            "instrument": names,
            "kind": ["perpetual", "perpetual", "perpetual", "future", "option", "option", "option", "option"],
            "contract": ["inverse", "inverse", "linear", "inverse", "inverse", "inverse", "inverse", "linear"],
            "base": ["BTC", "ETH", "BTC", "BTC", "BTC", "BTC", "ETH", "BTC"],
            "quote": ["USD", "USD", "USDC", "USD", "USD", "USD", "USD", "USDC"],
            "settlement": ["BTC", "ETH", "USDC", "BTC", "BTC", "BTC", "ETH", "USDC"],
            "contract_size": [10.0, 1.0, 0.001, 10.0, 1.0, 1.0, 1.0, 0.01],
            "strike": [None, None, None, None, 70000.0, 60000.0, 2000.0, 80000.0],
            "option_type": [None, None, None, None, "call", "put", "call", "call"],
            "expiry": [None, None, None, expiry, expiry, expiry, expiry, expiry],
        },
        quotes={
            "instrument": names,
            "mark": [70020.0, 1963.0, 70030.0, 70400.0, 0.07, 0.02, 0.06, 1500.0],
            "forward": [None, None, None, None, 70400.0, 70400.0, 1975.0, 70400.0],
            "vol": [None, None, None, None, 0.5, 0.6, 0.7, 0.52],
        },
        indices={"index": ["BTC_USD", "ETH_USD", "BTC_USDC"], "price": [70000.0, 1960.0, 70000.0]},
        currencies={
            "currency": ["BTC", "ETH", "USDC", "USDT", "SOL", "STETH"],
            "usd": [70000.0, 1960.0, 1.0, 0.999, 150.0, 1950.0],
        },
    )
