"""Adapters: published vectors of Derive run on the same code as a book, by kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from margin.venues.derive import conformance_pricing, conformance_srm
from margin.venues.derive.vectors import Inputs, Outputs

ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {**conformance_srm.ADAPTERS, **conformance_pricing.ADAPTERS}
