"""Adapters of the published vectors, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margin.venues.derive import conformance_auctions, conformance_portfolio, conformance_pricing, conformance_srm

ADAPTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    **conformance_srm.ADAPTERS,
    **conformance_portfolio.ADAPTERS,
    **conformance_pricing.ADAPTERS,
    **conformance_auctions.ADAPTERS,
}
