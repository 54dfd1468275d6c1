"""Codes by which rows are grouped inside a unit: expiries and strikes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from margin.market import Market

Codes = NDArray[np.int32]


def expiry_leaves(market: Market, unit: Codes, *, by_settlement: bool = True) -> Codes:
    """Code of (unit, settlement currency, expiry) of each row; currencies stand apart from instruments.

    Without `by_settlement` contracts of all settlement currencies share the code of their expiry.
    """
    n, m = len(market), len(unit) - len(market)
    keys = np.zeros((n + m, 3), dtype=np.int64)
    keys[:, 0] = unit
    keys[:, 1] = np.concatenate((market.settlement if by_settlement else np.zeros(n), np.full(m, -1)))
    keys[:n, 2] = market.expiry.astype(np.int64)
    return _numbered(keys)


def strike_leaves(market: Market, leaf: Codes) -> Codes:
    """Code of (leaf, strike) of each row; what has no strike shares one code in its leaf."""
    strike = np.full(len(leaf), -1.0)
    strike[: len(market)] = np.where(np.isnan(market.strike), -1.0, market.strike)
    return _numbered(np.column_stack((leaf, np.unique(strike, return_inverse=True)[1])))


def _numbered(keys: NDArray[np.int64]) -> Codes:
    """Number of each row's keys among the distinct ones, ascending by the first key, then the next."""
    order = np.lexsort(keys.T[::-1])
    new = (keys[order][1:] != keys[order][:-1]).any(axis=1)
    code = np.zeros(len(keys), dtype=np.int32)
    code[order[1:]] = np.cumsum(new)
    return code
