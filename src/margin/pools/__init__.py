"""Axis one, accounting: who shares collateral with whom."""

from margin.pools.collateral import Collateral, DiscountTiers
from margin.pools.cross import CrossPool
from margin.pools.holdings import Holdings, Partition, Pool, PoolValue
from margin.pools.isolated import IsolatedPool
from margin.pools.lending import LendingPool, LoanTerms
from margin.pools.partly_isolated import PartlyIsolated
from margin.pools.segregated import SegregatedPool
from margin.pools.shared_only import SharedOnly

__all__ = [
    "Collateral",
    "CrossPool",
    "DiscountTiers",
    "Holdings",
    "IsolatedPool",
    "LendingPool",
    "LoanTerms",
    "Partition",
    "PartlyIsolated",
    "Pool",
    "PoolValue",
    "SegregatedPool",
    "SharedOnly",
]
