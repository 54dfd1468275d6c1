"""How a loss distribution becomes a number: a tail measure, and its scaling to the time that closing out takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.errors import ParameterError

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXPECTED_SHORTFALL, VALUE_AT_RISK = "expected_shortfall", "value_at_risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class TailMeasure:
    """Value-at-risk or expected shortfall at a confidence level.

    Value-at-risk is the smallest loss x with P(loss > x) <= 1 - level; expected shortfall is the mean of the worst 1 - level,
    the boundary scenario counted in part. `kernels.tail` states both for weighted scenarios. Expected shortfall is
    sub-additive: joining two portfolios never needs more than both apart; value-at-risk is not.

    Attributes
    ----------
    kind : str
        ``"expected_shortfall"`` or ``"value_at_risk"``.
    level : float
        Confidence, between 0 and 1.

    Notes
    -----
    C. Acerbi and D. Tasche, On the coherence of expected shortfall, J. Banking & Finance 26 (2002). BCBS, Minimum capital
    requirements for market risk (d457, 2019), MAR33.3: expected shortfall at a one-tailed 97.5 %. Commission Delegated
    Regulation (EU) 153/2013, Art. 24: confidence intervals of initial margins.
    """

    kind: str
    level: float

    def __post_init__(self) -> None:
        if self.kind not in {EXPECTED_SHORTFALL, VALUE_AT_RISK}:
            raise ValueError(f"kind is {self.kind!r}; expected {EXPECTED_SHORTFALL!r} or {VALUE_AT_RISK!r}")
        if not 0 < self.level < 1:
            raise ValueError(f"level is {self.level!r}; expected 0 < level < 1")

    def shares(self, profit: Array, weight: Array, scenario: int) -> Array:
        """How much each scenario counts in the measure, adding up to 1: its share of the tail, or all of one scenario.

        Parameters
        ----------
        profit, weight : ndarray of float64, shape (S,)
        scenario : int
            The one that is the value-at-risk.
        """
        share = np.zeros(len(weight))
        if self.kind == EXPECTED_SHORTFALL:
            share = np.where(profit < profit[scenario], weight / ((1.0 - self.level) * weight.sum()), 0.0)
        share[scenario] = 1.0 - share.sum()
        return share


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityHorizons:
    """Days that closing out a position in each coin takes, and the cascade that scales a measure to them.

    With the distinct horizons ``H_1 < H_2 < ...``, ``H_0 = 0`` and the measure ``m_j`` of the positions in coins whose horizon is
    at least ``H_j``::

        scaled = sqrt(sum over j of (max(m_j, 0) * sqrt((H_j - H_{j-1}) / base_days)) ** 2)

    With one horizon H for all coins that is the square root of time, ``measure * sqrt(H / base_days)``.

    Attributes
    ----------
    days : ByName
        Horizon by coin, > 0. Every coin of the history needs one, so that an account's margin does not depend on who else is
        in the batch.
    base_days : float
        Days over which the moves of the history were taken, > 0.

    Notes
    -----
    BCBS d457, MAR33.4 and MAR33.5, where the base is 10 days and the shortest horizon equals it; ``H_0 = 0`` extends the first
    term to histories of another base.
    """

    days: ByName
    base_days: float

    def __post_init__(self) -> None:
        if not 0 < self.base_days < np.inf:
            raise ValueError(f"base_days is {self.base_days!r}; expected a finite number above 0")

    def steps(self, names: Sequence[str]) -> tuple[tuple[Flags, float], ...]:
        """For each horizon: which names take part (bool, shape (len(names),)), and the factor of their measure."""
        days = self.days.array(names)
        for name, horizon in zip(names, days, strict=True):
            if not 0 < horizon < np.inf:
                raise ParameterError(
                    f"{self.days.parameter} of {name} is {float(horizon)!r}; expected a finite number of days above 0",
                    name=f"{name}.{self.days.parameter}",
                )
        horizons = np.unique(days)
        factors = np.sqrt(np.diff(horizons, prepend=0.0) / self.base_days)
        return tuple((np.asarray(days >= h), float(factor)) for h, factor in zip(horizons, factors, strict=True))
