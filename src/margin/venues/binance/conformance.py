"""Adapters of the published vectors, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margin.venues.binance import conformance_accounts, conformance_futures

ADAPTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    **conformance_futures.ADAPTERS,
    **conformance_accounts.ADAPTERS,
}
