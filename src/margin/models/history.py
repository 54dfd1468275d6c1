"""Joint scenarios: what prices and volatilities of several underlyings did together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class History:
    """Joint scenario returns: one row for each scenario; S scenarios, U underlyings, N tenors, M moneyness nodes.

    Attributes
    ----------
    labels : tuple of str, length S
        What each scenario is, usually a date.
    names : tuple of str, length U
        Underlying coins, as in the currencies of a market.
    price : ndarray of float64, shape (S, U)
        Relative (simple) price moves, > -1.
    vol : ndarray of float64, shape (S, U, N, M)
        Relative changes of implied volatility, > -1, at the nodes; between nodes linear, outside flat.
    tenors : ndarray of float64, shape (N,)
        Days to expiry, ascending.
    moneyness : ndarray of float64, shape (M,)
        ``ln(strike / forward) / sqrt(years)``, ascending.
    weight : ndarray of float64, shape (S,)
        Probability of each scenario, >= 0, adding up to 1.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    price: Array
    vol: Array
    tenors: Array
    moneyness: Array
    weight: Array

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, S."""
        return len(self.labels)
