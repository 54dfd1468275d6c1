"""The liquidation frontier: how far the price may go, both ways, after each change of volatility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import code_of
from margin.analysis.distance import DIRECTIONS, distances
from margin.analysis.shocks import Shock
from margin.analysis.tabular import Tabular
from margin.book import Book
from margin.market import Market
from margin.regime import Regime

Array = NDArray[np.float64]

VOLS = (-0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frontier(Tabular):
    """Relative price moves at which an account is liquidated, by relative change of volatility.

    Attributes
    ----------
    account : str or int
    regime : str
    vol : ndarray of float64, shape (v,)
    down, up : ndarray of float64, shape (v,)
        Price moves, down below zero; 0 where the change of volatility alone liquidates, NaN where no move tried does.
    assessments : int
    """

    account: str | int
    regime: str
    vol: Array
    down: Array
    up: Array
    assessments: int

    @property
    def title(self) -> str:
        """Whose frontier."""
        return f"Liquidation frontier of account {self.account} under {self.regime} ({self.assessments} assessments)"

    def columns(self) -> dict[str, Any]:
        """One row for each change of volatility."""
        return {"vol": self.vol, "price_down": self.down, "price_up": self.up}


def frontier(
    regime: Regime,
    book: Book,
    market: Market,
    account: str | int,
    *,
    vols: Sequence[float] = VOLS,
    tolerance: float = 1e-3,
) -> Frontier:
    """Find the nearest liquidation price moves of one account after each change of all vols.

    Parameters
    ----------
    regime, book, market
    account : str or int
    vols : sequence of float
        Relative changes, > -1.
    tolerance : float
        Of the price moves.

    Raises
    ------
    DataError
        If the account is unknown.
    """
    alone = book.select([code_of(book, account)], codes=True)
    rules = regime.of(account)
    sides = {name: DIRECTIONS[name] for name in ("price down", "price up")}
    found = [distances(rules, alone, market, sides, start=Shock(vol=vol), tolerance=tolerance) for vol in vols]
    outside = np.array([f.outside[0] for f in found]).reshape(-1, 2)
    down = np.where(outside[:, 0] == 0, 0.0, -outside[:, 0])
    return Frontier(account, rules.name, np.array(vols, dtype=np.float64), down, outside[:, 1], sum(f.assessments for f in found))
