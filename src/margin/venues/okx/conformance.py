"""Adapters of the published vectors, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from margin.venues.okx import conformance_options, conformance_portfolio, conformance_standard

ADAPTERS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    **conformance_portfolio.ADAPTERS,
    **conformance_options.ADAPTERS,
    **conformance_standard.ADAPTERS,
}
