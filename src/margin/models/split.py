"""One model for pools that share, another for positions in pools of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin.lines import Lines, OrderLines, order_by
from margin.market import Market
from margin.models.requirement import Model, Prepared, Requirement

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

ISOLATED = "isolated_"
"""Prefix of the components of isolated pools."""


@dataclass(frozen=True, slots=True)
class SplitModel:
    """Isolated pools are margined under one model, all others under another.

    Components of the isolated pools carry the prefix ``isolated_``.

    Attributes
    ----------
    shared : Model
    isolated : Model
    """

    shared: Model
    isolated: Model

    def prepare(
        self, market: Market, *, in_usd: bool, used: NDArray[np.bool_], isolated: NDArray[np.bool_] | None = None
    ) -> PreparedSplit:
        """Both models ready for the market.

        Parameters
        ----------
        market : Market
        in_usd : bool
        used : ndarray of bool, shape (n_instruments + n_currencies,)
        isolated : ndarray of bool, shape (n_instruments,), optional
            Instruments that occur in isolated positions, by default all that are used: the parameters of others are not asked
            of the model of isolated pools.
        """
        n = len(market)
        instruments = np.append(used[:n] if isolated is None else isolated, np.zeros(len(used) - n, dtype=np.bool_))
        return PreparedSplit(
            self.shared.prepare(market, in_usd=in_usd, used=used),
            self.isolated.prepare(market, in_usd=in_usd, used=instruments),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSplit:
    """`SplitModel` for one market.

    Attributes
    ----------
    shared, isolated : Prepared
    """

    shared: Prepared
    isolated: Prepared

    @property
    def rank(self) -> Codes:
        """Order of the shared model; isolated lines are sorted anew."""
        return self.shared.rank

    @property
    def shocked_currencies(self) -> NDArray[np.bool_]:
        """Those of the shared model."""
        return self.shared.shocked_currencies

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the shared model."""
        return self.shared.units

    @property
    def n_scenarios(self) -> int:
        """Scenarios of the shared model."""
        return self.shared.n_scenarios

    def label(self, unit: int, scenario: int) -> str:
        """A scenario in words."""
        return self.shared.label(unit, scenario)

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Margins of all pools, each under its model."""
        alone = self._alone(lines)
        shared = self.shared.requirement(lines.take(np.flatnonzero(~alone)) if alone.any() else lines, orders)
        own = self.isolated.requirement(self._own(lines, alone), orders.take(np.zeros(0, dtype=np.int64)))
        return replace(
            shared,
            initial=shared.initial + own.initial,
            maintenance=shared.maintenance + own.maintenance,
            components={**shared.components, **{f"{ISOLATED}{name}": amount for name, amount in own.components.items()}},
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """Contributions of one pool under its model."""
        alone = self._alone(lines)
        if not alone.any():
            return self.shared.contributions(lines)
        order = order_by(lines, self.isolated.rank)
        by_line, rest = self.isolated.contributions(lines.take(order))
        back = np.argsort(order)
        return {name: values[back] for name, values in by_line.items()}, rest

    def _own(self, lines: Lines, alone: NDArray[np.bool_]) -> Lines:
        mine = lines.take(np.flatnonzero(alone))
        return mine.take(order_by(mine, self.isolated.rank))

    @staticmethod
    def _alone(lines: Lines) -> NDArray[np.bool_]:
        return np.zeros(len(lines), dtype=np.bool_) if lines.isolated is None else lines.isolated[lines.pool]
