"""How a liquidation comes about: equity bleeds away, or the requirement steps up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.distance import Distances
from margin.analysis.tabular import Tabular
from margin.ids import Ids

Array = NDArray[np.float64]

BLEED, STEP, NONE = "bleed", "step", "none"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Breach(Tabular):
    """Figures up to the breach along the nearest of some directions, USD; n accounts, NaN or zero where there is no breach.

    Attributes
    ----------
    regime : str
    accounts : Ids
    distance : ndarray of float64, shape (n,)
        First distance at which the account is in liquidation; accounts that are so as things stand count as not breached.
    equity, equity_left : ndarray of float64, shape (n,)
        Equity at the start, and just before the breach: what a liquidation takes over.
    headroom, headroom_left : ndarray of float64, shape (n,)
        Collateral less maintenance margin, at the start and just before the breach.
    """

    regime: str
    accounts: Ids
    distance: Array
    equity: Array
    equity_left: Array
    headroom: Array
    headroom_left: Array

    @classmethod
    def of(cls, found: Distances, directions: Sequence[str]) -> Breach:
        """From distances in which the named directions were searched."""
        named = list(found.directions)
        outside = found.outside[:, [named.index(name) for name in directions]]
        outside = np.where((outside > 0) & ~found.start.liquidated[:, None], outside, np.inf)
        nearest = np.argmin(outside, axis=1)
        line = np.arange(len(found.accounts))
        at = np.array([named.index(name) for name in directions])[nearest]
        breached = np.isfinite(outside[line, nearest])
        s = found.start

        def where(values: Array) -> Array:
            return np.where(breached, values, 0.0)

        return cls(
            regime=found.regime,
            accounts=found.accounts,
            distance=np.where(breached, outside[line, nearest], np.nan),
            equity=where(s.equity),
            equity_left=where(found.equity_inside[line, at]),
            headroom=where(s.maintenance_collateral - s.maintenance_margin),
            headroom_left=where(found.collateral_inside[line, at] - found.maintenance_inside[line, at]),
        )

    @property
    def breached(self) -> NDArray[np.bool_]:
        """Accounts that are liquidated on the way, shape (n,)."""
        return ~np.isnan(self.distance)

    @property
    def lost_before(self) -> float:
        """Share of their equity that accounts have lost just before the breach, all together; NaN without a breach."""
        equity = float(self.equity.sum())
        return 1.0 - float(self.equity_left.sum()) / equity if equity > 0 else np.nan

    @property
    def by_loss(self) -> float:
        """Lost equity over the headroom that was used up, of all accounts together; NaN where none was.

        The rest is the requirement, which rises beyond what was lost. Above one the requirement fell meanwhile. Equity and not
        collateral is compared: where options are no collateral, the requirement of a short option holds the loss on it.
        """
        used = float((self.headroom - self.headroom_left).sum())
        return float((self.equity - self.equity_left).sum()) / used if used > 0 else np.nan

    @property
    def behaviour(self) -> str:
        """``bleed`` where losses use the headroom up, ``step`` where the requirement does, ``none`` without a breach."""
        return NONE if np.isnan(self.by_loss) else BLEED if self.by_loss >= 0.5 else STEP

    @property
    def title(self) -> str:
        """How many breach, and how."""
        return f"{int(self.breached.sum())} of {len(self.accounts)} accounts breach under {self.regime}: {self.behaviour}"

    def columns(self) -> dict[str, Any]:
        """One row for each account."""
        return {
            "account": self.accounts,
            "distance": self.distance,
            "equity": self.equity,
            "equity_left": self.equity_left,
            "headroom": self.headroom,
            "headroom_left": self.headroom_left,
        }
