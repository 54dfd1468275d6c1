"""Adapters: the inputs of a published vector, converted for the public API, and its results under the vector's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margin.venues.hyperliquid.conformance_accounts import (
    account_snapshot,
    cross_position_in_summary,
    isolated_position,
    position_margin,
    tier_order_limit,
)
from margin.venues.hyperliquid.conformance_lending import (
    borrow_lend_reserve,
    funding_rate,
    portfolio_margin_borrow,
    portfolio_margin_ratio,
)
from margin.venues.hyperliquid.vectors import Inputs, Outputs

ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "account_snapshot": account_snapshot,
    "cross_position_in_summary": cross_position_in_summary,
    "isolated_position": isolated_position,
    "position_margin": position_margin,
    "tier_order_limit": tier_order_limit,
    "borrow_lend_reserve": borrow_lend_reserve,
    "funding_rate": funding_rate,
    "portfolio_margin_borrow": portfolio_margin_borrow,
    "portfolio_margin_ratio": portfolio_margin_ratio,
}
