"""Historical margin: value-at-risk or expected shortfall of each pool over joint scenarios."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.lines import Lines, OrderLines, Segments, pool_sums, rank_rows, segments
from margin.market import Market
from margin.models.charges import Sensitivities
from margin.models.history import History
from margin.models.joint_valuation import joint_pnl_table, underlyings
from margin.models.leaves import expiry_leaves, strike_leaves
from margin.models.order_charges import OrderCharge, PreparedOrderCharge
from margin.models.requirement import Requirement, UnitResults
from margin.models.tail_measure import EXPECTED_SHORTFALL, LiquidityHorizons, TailMeasure
from margin.models.valuation import PLAIN, Valuation

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

UNIT = "joint"
"""Name of the one risk unit: in joint scenarios everything nets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoricalModel:
    """A tail measure of each pool's losses over joint scenarios of all underlyings.

    In a joint scenario every position is revalued at what its underlying and its volatility did, and all of them net, as they
    did then: there are no units and no correlations to set. With ``risk = max(measure, 0)``, scaled to liquidity horizons::

        initial     = initial_factor * risk + orders
        maintenance = maintenance_factor * risk

    Attributes
    ----------
    history : History
        Scenarios, with weights; filtered, windowed or stressed ones are histories too.
    measure : TailMeasure
    initial_factor, maintenance_factor : float
        >= 0.
    orders : OrderCharge or None
        What orders add to the initial margin, its parameters by coin; None where they add nothing.
    liquidity : LiquidityHorizons or None
        None where the moves of the history count as they are.
    collateral_unit : callable or None
        Currency -> coin of the history that moves its equity, None where it is not shocked. Where the field itself is None,
        collateral is never shocked. Only pools that count in one money hold shocked collateral.
    valuation : Valuation
        How prices move and what options are worth; by default every price by the move of its coin, without discounting.

    Notes
    -----
    Full repricing over a history: for instance Commission Delegated Regulation (EU) 153/2013, Art. 24 to 28 (margins of central
    counterparties); BCBS d457, MAR33 (expected shortfall, liquidity horizons).
    """

    history: History
    measure: TailMeasure
    initial_factor: float
    maintenance_factor: float
    orders: OrderCharge | None
    liquidity: LiquidityHorizons | None = None
    collateral_unit: Callable[[str], str | None] | None = None
    valuation: Valuation = PLAIN

    def __post_init__(self) -> None:
        for name in ("initial_factor", "maintenance_factor"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected a finite number, 0 or more")

    def prepare(self, market: Market, *, in_usd: bool, used: NDArray[np.bool_]) -> PreparedHistorical:
        """Price every used row under every scenario.

        Raises
        ------
        DataError
            If the history lacks an underlying that is in use.
        ParameterError
            If a coin of the history has no liquidity horizon.
        """
        history = self.history
        underlying = underlyings(market, history, collateral_unit=self.collateral_unit, used=used)
        pnl = joint_pnl_table(market, history, underlying, in_usd=in_usd, valuation=self.valuation)
        heaviest_first = np.argsort(-history.weight, kind="stable")  # few enter the tail of an account after the heavy ones
        pnl[:, : history.n_scenarios] = pnl[:, heaviest_first]
        everything = np.ones(len(history.names), dtype=np.bool_)
        return PreparedHistorical(
            model=self,
            rank=rank_rows(underlying),
            shocked_currencies=underlying[len(market) :] >= 0,
            labels=tuple(history.labels[s] for s in heaviest_first),
            weight=np.ascontiguousarray(history.weight[heaviest_first]),
            pnl=pnl,
            underlying=underlying,
            steps=((everything, 1.0),) if self.liquidity is None else self.liquidity.steps(history.names),
            orders=_prepared_orders(self.orders, market, history, underlying, in_usd=in_usd),
        )


def _prepared_orders(
    orders: OrderCharge | None, market: Market, history: History, underlying: Codes, *, in_usd: bool
) -> PreparedOrderCharge | None:
    """The order rule for one market, coins as its units; what it cannot know here (deltas, money per USD) is nan."""
    if orders is None:
        return None
    sensitivities = Sensitivities.of(
        market,
        unit=underlying,
        units=history.names,
        strike=strike_leaves(market, expiry_leaves(market, underlying)),
        used=underlying >= 0,
        moves=underlying >= 0,
        delta=np.full(len(market), np.nan),
        in_usd=in_usd,
    )
    sensitivities = replace(sensitivities, per_usd=np.full(len(history.names), np.nan))
    return orders.prepare(market, sensitivities, in_usd=in_usd)


@dataclass(frozen=True, slots=True, eq=False)
class PreparedHistorical:
    """`HistoricalModel` for one market; its scenarios in the order of falling weight.

    Attributes
    ----------
    rank : ndarray of int32, shape (n_rows,)
    shocked_currencies : ndarray of bool, shape (n_currencies,)
    labels : tuple of str, length S
    weight : ndarray of float64, shape (S,)
    pnl : ndarray of float64, shape (n_rows, W)
        P&L of one contract under each scenario, padded.
    underlying : ndarray of int32, shape (n_rows,)
        Column of the history, -1 where a row has none.
    steps : tuple
        Of the liquidity cascade: underlyings that take part, and the factor of their measure.
    """

    model: HistoricalModel
    rank: Codes
    shocked_currencies: NDArray[np.bool_]
    labels: tuple[str, ...]
    weight: Array
    pnl: Array
    underlying: Codes
    steps: tuple[tuple[NDArray[np.bool_], float], ...]
    orders: PreparedOrderCharge | None

    @property
    def units(self) -> tuple[str, ...]:
        """The one unit."""
        return (UNIT,)

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios."""
        return len(self.labels)

    def label(self, unit: int, scenario: int) -> str:
        """The label of a scenario in the history."""
        return self.labels[scenario]

    def requirement(self, lines: Lines, orders: OrderLines) -> Requirement:
        """Measures and margins of all pools; the unit reports the worst loss of the history and its scenario."""
        risk = np.zeros(lines.n_pools)
        units = None
        for _, part, factor in self._cascade(lines):
            pools, measured, worst, _, scenario = self._tail(part)
            risk = np.hypot(risk, pool_sums(pools.pool, factor * np.maximum(measured, 0.0), lines.n_pools))
            if units is None:  # the first step holds every line
                units = UnitResults(pools.pool, pools.code, np.maximum(worst, 0.0), scenario, {})
        components = {self.model.measure.kind: self.model.initial_factor * risk}
        if self.orders is not None:
            components |= self.orders(orders, lines.n_pools)
        return Requirement(
            initial=sum(components.values(), np.zeros(lines.n_pools)),
            maintenance=self.model.maintenance_factor * risk,
            components=components,
            units=units,
        )

    def contributions(self, lines: Lines) -> tuple[dict[str, Array], dict[str, float]]:
        """What each line adds to the measure of one pool: its mean loss in the scenarios of the tail (Euler's allocation).

        The contributions add up to the component; all are zero where it is zero. A negative one is a hedge.

        Notes
        -----
        D. Tasche, Capital allocation to business units and sub-portfolios: the Euler principle (2008).
        """
        by_line, squared = np.zeros(len(lines)), 0.0
        for taking_part, part, factor in self._cascade(lines):
            pools, measured, _, at, _ = self._tail(part)
            if not len(pools) or measured[0] <= 0:
                continue
            each = part.quantity[:, None] * self.pnl[part.row, : self.n_scenarios]
            share = self.model.measure.shares(each.sum(axis=0), self.weight, int(at[0]))
            by_line[taking_part] -= factor**2 * measured[0] * (each @ share)
            squared += (factor * measured[0]) ** 2
        scale = 0.0 if squared == 0 else self.model.initial_factor / np.sqrt(squared)
        return {self.model.measure.kind: scale * by_line}, {}

    def _cascade(self, lines: Lines) -> Iterator[tuple[NDArray[np.bool_], Lines, float]]:
        """For each step: which lines take part, these lines, and the factor of their measure."""
        for members, factor in self.steps:
            keep = members[self.underlying[lines.row]]
            part = lines if keep.all() else lines.take(keep)
            yield keep, part, factor

    def _tail(self, lines: Lines) -> tuple[Segments, Array, Array, Codes, Codes]:
        """Pools that hold something; their measure, worst loss, and the scenarios of the value-at-risk and the worst loss."""
        pools = segments(lines, np.zeros(len(self.rank), dtype=np.int32))
        var, shortfall, worst, at, worst_at = kernels.tail(
            pools.start, lines.row, lines.quantity, self.pnl, self.weight, self.model.measure.level
        )
        measured = shortfall if self.model.measure.kind == EXPECTED_SHORTFALL else var
        return pools, measured, worst, at, worst_at
