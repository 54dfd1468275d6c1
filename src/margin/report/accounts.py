"""What a page says about single accounts: they are margined anew, alone, under the rules of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import Figures, usd_per_unit
from margin.assessment import Assessment
from margin.book import Book
from margin.errors import DataError, MarginError
from margin.explanation import PoolExplanation, explain
from margin.market import Market
from margin.models.prepared_portfolio import PreparedPortfolio
from margin.models.stress import UnitVectors
from margin.names import STATUSES
from margin.regime import Regime
from margin.report.results import AFTER, BEFORE
from margin.report.shocked import Surface, VolCurve, curves, surfaces
from margin.venues.named import NamedRegime

Array = NDArray[np.float64]

POOLS, UNITS, HOLDINGS = 4, 3, 15
"""Most pools of an account, units of a pool and holdings of a pool that are drawn; the rest is added up or named."""

@dataclass(frozen=True, slots=True)
class Bar:
    """One step of a waterfall or one contribution; starts where the one before it ended."""

    name: str
    amount: float
    start: float
    total: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class HeatMap:
    """P&L of a risk unit by scenario, in the currency of its pool; NaN where there is no scenario.

    Attributes
    ----------
    unit : str
    moves : tuple of float
        Relative price moves, ascending: columns.
    vols : tuple of str
        What volatilities do: rows.
    pnl : ndarray of float64, shape (len(vols), len(moves))
        Losses as they count, gains in full; of several scenarios at one place the least.
    worst : str
        The worst scenario in words.
    """

    unit: str
    moves: tuple[float, ...]
    vols: tuple[str, ...]
    pnl: Array
    worst: str


@dataclass(frozen=True, slots=True, eq=False)
class PoolDetail:
    """One pool of an account; amounts in `currency`."""

    pool: str
    currency: str
    status: str
    initial: float
    maintenance: float
    collateral: float
    components: tuple[tuple[str, float], ...]
    waterfall: tuple[Bar, ...]
    measure: str
    """What holdings are shown by: the loss in the worst scenario, or the margin on its own."""
    holdings: tuple[tuple[str, float, float], ...]
    """Name, quantity, contribution; largest first, NaN quantity for the sum of the others."""
    maps: tuple[HeatMap, ...]
    units_left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnderMode:
    """An account under one mode of its venue, USD; a reason instead of figures where it cannot be margined."""

    mode: str
    own: bool
    initial: float = np.nan
    maintenance: float = np.nan
    collateral: float = np.nan
    utilisation: float = np.nan
    status: str = ""
    missing: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class AccountDetail:
    """One account; `missing` says what could not be computed and why."""

    account: str
    mode: str
    equity: float
    initial: float
    maintenance: float
    collateral: float
    utilisation: float
    status: str
    pools: tuple[PoolDetail, ...]
    pools_left_out: int
    surface: Surface | None
    curve: VolCurve | None
    modes: tuple[UnderMode, ...]
    missing: tuple[str, ...]


def details(
    named: NamedRegime, regime: Regime, market: Market, book: Book, accounts: Sequence[str]
) -> tuple[AccountDetail, ...]:
    """Margin accounts anew, from every side that a page shows.

    Parameters
    ----------
    named : NamedRegime
        For the other modes of the venue.
    regime : Regime
        The rules of the run.
    market : Market
    book : Book
    accounts : sequence of str
        Integers as text.

    Raises
    ------
    DataError
        If an account is unknown.
    """
    if not accounts:
        return ()
    chosen = book.select([_key(book, account) for account in accounts])
    by_vol: tuple[VolCurve | None, ...] = (None,) * len(accounts)
    by_both: tuple[Surface | None, ...] = (None,) * len(accounts)
    missing: tuple[str, ...] = ()
    try:
        by_both, by_vol = surfaces(regime, chosen, market), curves(regime, chosen, market)
    except MarginError as error:
        missing = (f"Surface and volatility curve are not available: {error}",)
    return tuple(
        _detail(named, regime, market, chosen.select([i], codes=True), by_both[i], by_vol[i], missing)
        for i in range(len(accounts))
    )


def _key(book: Book, account: str) -> str | int:
    if not book.accounts.is_integer:
        return account
    try:
        return int(account)
    except ValueError:
        message = f"accounts of this snapshot are integers, {account!r} is none"
        raise DataError(message, table="accounts", column="account", value=account, hint="Give an account of it.") from None


def _detail(
    named: NamedRegime,
    regime: Regime,
    market: Market,
    book: Book,
    surface: Surface | None,
    curve: VolCurve | None,
    missing: tuple[str, ...],
) -> AccountDetail:
    explanation = explain(regime, book, market)
    assessment, pools = explanation.assessment, explanation.pools
    figures = Figures.of(assessment)
    size = assessment.initial_margin * usd_per_unit(assessment)
    holding = [i for i in np.argsort(-size, kind="stable") if size[i] > 0 or pools[i].names]
    shown = [_pool(pools[i], assessment.prepared) for i in holding[:POOLS]]
    return AccountDetail(
        account=str(explanation.account),
        mode=regime.name,
        equity=float(figures.equity[0]),
        initial=float(figures.initial_margin[0]),
        maintenance=float(figures.maintenance_margin[0]),
        collateral=float(figures.maintenance_collateral[0]),
        utilisation=_utilisation(assessment),
        status=STATUSES[int(figures.status[0])],
        pools=tuple(shown),
        pools_left_out=len(pools) - len(shown),
        surface=surface,
        curve=curve,
        modes=tuple(_under_mode(named, mode, market, book) for mode in named.modes),
        missing=missing,
    )


def _utilisation(assessment: Assessment) -> float:
    """The highest of any pool."""
    return float(assessment.columns()["utilisation"].max(initial=0.0))


def _pool(pool: PoolExplanation, prepared: Any) -> PoolDetail:
    names = component_names(pool)
    figures = pool.figures
    components = tuple((name, figures[name]) for name in names if figures[name])
    measure = "loss" if "loss" in pool.lines else "initial_margin"
    vectors = sorted(pool.vectors, key=lambda v: float(v.shaped.min(initial=0.0)))
    drawn = [v for v in vectors if v.shaped.min(initial=0.0) < 0][:UNITS]
    return PoolDetail(
        pool=pool.pool,
        currency=pool.currency,
        status=pool.status,
        initial=figures["initial_margin"],
        maintenance=figures["maintenance_margin"],
        collateral=figures["excess"] + figures["maintenance_margin"],
        components=components,
        waterfall=waterfall(components, figures["initial_margin"]),
        measure=measure,
        holdings=_holdings(pool, measure),
        maps=tuple(_map(v, prepared, pool.scenarios.get(v.unit, "")) for v in drawn),
        units_left_out=tuple(v.unit for v in vectors if v not in drawn),
    )


def component_names(pool: PoolExplanation) -> tuple[str, ...]:
    """Figures of a pool that are components of its initial margin."""
    return tuple(name for name in pool.figures if name not in {*BEFORE, *AFTER})


def waterfall(components: Sequence[tuple[str, float]], total: float) -> tuple[Bar, ...]:
    """Components one after the other up to their total; what they do not add up to is a bar of its own."""
    bars, level = [], 0.0
    rest = total - sum(amount for _, amount in components)
    known = list(components)
    if abs(rest) > 1e-6 * max(1.0, abs(total)):
        known.append(("floors, offsets and rounding", rest))
    for name, amount in known:
        bars.append(Bar(name, amount, level))
        level += amount
    return (*bars, Bar("initial margin", total, 0.0, total=True))


def _holdings(pool: PoolExplanation, measure: str) -> tuple[tuple[str, float, float], ...]:
    amounts = pool.lines[measure] if pool.lines else np.zeros(0)
    order = np.argsort(-np.abs(amounts), kind="stable")
    rows = [(pool.names[i], float(pool.quantity[i]), float(amounts[i])) for i in order[:HOLDINGS]]
    if len(order) > HOLDINGS:
        rows.append((f"{len(order) - HOLDINGS} others", float("nan"), float(amounts[order[HOLDINGS:]].sum())))
    return tuple(rows)


def _map(vectors: UnitVectors, prepared: Any, worst: str) -> HeatMap:
    assert isinstance(prepared, PreparedPortfolio)
    names = prepared.stress.scenarios.vol
    vols, moves = tuple(dict.fromkeys(names)), tuple(sorted({float(move) for move in vectors.moves}))
    pnl = np.full((len(vols), len(moves)), np.nan)
    counted = np.where(vectors.total < 0, vectors.shaped, vectors.total)
    for vol, move, amount in zip(names, vectors.moves, counted, strict=True):
        row, column = vols.index(vol), moves.index(float(move))
        pnl[row, column] = np.fmin(pnl[row, column], amount)
    return HeatMap(vectors.unit, moves, vols, pnl, worst)


def _under_mode(named: NamedRegime, mode: str, market: Market, book: Book) -> UnderMode:
    own = mode == named.mode
    try:
        regime = named.with_mode(mode)(market)
        assessment = regime.assess(book, market)
    except MarginError as error:
        return UnderMode(mode, own, missing=str(error))
    figures = Figures.of(assessment)
    return UnderMode(
        mode=mode,
        own=own,
        initial=float(figures.initial_margin[0]),
        maintenance=float(figures.maintenance_margin[0]),
        collateral=float(figures.maintenance_collateral[0]),
        utilisation=_utilisation(assessment),
        status=STATUSES[int(figures.status[0])],
    )
