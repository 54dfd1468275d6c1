"""Accounts along a market path: settle, margin, liquidate, record."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.contracts import is_option, value_per_contract
from margin.liquidation.events import Event, event_columns
from margin.liquidation.impact import Impact, NoImpact
from margin.liquidation.paths import Instant, Path, funding_rates, moved
from margin.liquidation.procedure import Distressed, Procedure, Scene
from margin.liquidation.state import FUND, HOUSE, MARKET, State
from margin.names import STATUSES
from margin.pools.holdings import MONEY

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.book import Book
    from margin.ids import Ids
    from margin.market import Market
    from margin.regime import Regime

Array = NDArray[np.float64]

TOLERANCE = 1e-12
"""Most that the money of a currency may differ from its first sum, relative to the sum of absolute amounts: rounding alone."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Simulation:
    """What happened along a path.

    Attributes
    ----------
    procedure : Procedure
    events : tuple of Event
    times : mapping of str to ndarray
        One entry for each instant: ``seconds``, pools by status before the procedure and ``in_liquidation_after``, ``touched``
        (accounts), worth in USD of ``accounts``, ``fund``, ``backstop``, ``fees`` and ``market``, ``debts`` (negative worth of
        accounts), ``socialised`` and ``deleveraged`` (contracts).
    distressed : mapping of str to sequence
        One entry for each pool in liquidation at each instant, before the procedure: ``seconds``, ``account``, ``equity`` and
        ``maintenance`` in USD.
    accounts : Ids
    first_worth, last_worth : ndarray of float64, shape (n,), USD
        Equity of each account without haircuts.
    start, end : State
    market : Market
        At the end.
    """

    procedure: Procedure
    events: tuple[Event, ...]
    times: Mapping[str, Array]
    distressed: Mapping[str, Any]
    accounts: Ids
    first_worth: Array
    last_worth: Array
    start: State
    end: State
    market: Market

    def event_columns(self) -> dict[str, Any]:
        """Events as columns."""
        return event_columns(self.events)

    def account_columns(self) -> dict[str, Any]:
        """Worth of each account at the start and at the end, and whether a step touched it."""
        names = {event.account for event in self.events}
        touched = np.array([account in names or str(account) in names for account in self.accounts], dtype=np.bool_)
        return {"account": self.accounts, "first_worth": self.first_worth, "last_worth": self.last_worth, "touched": touched}

    def __repr__(self) -> str:
        t = self.times
        return (
            f"Simulation({len(t['seconds'])} instants, {len(self.events)} events, "
            f"{int(np.sum(self.account_columns()['touched']))} of {len(self.accounts)} accounts touched, "
            f"fund {t['fund'][-1] if len(t['fund']) else 0.0:,.0f} USD)"
        )


def simulate(
    book: Book,
    market: Market,
    path: Path,
    *,
    regime: Regime,
    procedure: Procedure,
    fund: Mapping[str, float] | None = None,
    backstop: Mapping[str, float] | None = None,
    impact: Impact | None = None,
    ageing: bool = True,
    threads: int = 1,
    on_instant: Callable[[int], None] | None = None,
) -> Simulation:
    """Let a book live through a market path under a regime and a liquidation procedure.

    At each instant the market moves, futures and funding are settled, all accounts are margined, and the procedure runs once over
    the pools in liquidation. Trades have their impact on the next instants. Deterministic: the same inputs give the same result.

    Parameters
    ----------
    book : Book
    market : Market
        At the start.
    path : Path
    regime : Regime
    procedure : Procedure
    fund, backstop : mapping of str to float, optional
        Money of the insurance fund and of the backstop at the start, by currency.
    impact : Impact, optional
        Price impact of liquidations; without it everything trades at the mark.
    ageing : bool
        Whether time passes for options.
    threads : int
    on_instant : callable, optional
        Called with the number of instants done.

    Raises
    ------
    DataError
        If the path names what the market lacks or goes beyond an expiry.
    ParameterError
        If a parameter that is needed has no value.
    """
    impact = impact or NoImpact()
    state = first = State.of(book, market, fund=fund, backstop=backstop)
    state = replace(state, fund_history=((0.0, _house_worth(state, market)[FUND]),))
    totals = state.totals()
    displaced = np.ones(len(market.currencies))
    now, rows, pools = market, [], []
    events: list[Event] = []
    for done, instant in enumerate(path, start=1):
        then, now = now, moved(market, instant, displaced, ageing=ageing)
        state = settled(state, then, now, instant)
        assessment = regime.assess(state.book().of(now), now, threads=threads)
        in_need = np.unique(assessment.results.account[assessment.status == STATUSES.index("liquidation")])
        kept = {account: auction for account, auction in state.auctions.items() if account in in_need}
        state = replace(state, auctions=kept)
        found: tuple[Event, ...] = ()
        left = 0
        if len(in_need) or _house_worth(state, now)[FUND] < 0:
            scene = Scene.of(state, now, regime, in_need, _maintenance(assessment), impact=impact)
            pools += [(instant.seconds, pool) for pool in scene.pools]
            state, found = procedure.run(scene)
            left = len(scene.after(state).pools)
            displaced = displaced * _left_behind(now, found, impact)
        check_conserved(state, totals)
        events += found
        state = replace(state, fund_history=(*state.fund_history, (instant.seconds, _house_worth(state, now)[FUND])))
        rows.append(_row(state, now, assessment, found, left))
        if on_instant is not None:
            on_instant(done)
    return Simulation(
        procedure=procedure,
        events=tuple(events),
        times=_columns(rows),
        distressed=_distressed_columns(state, pools),
        accounts=book.accounts,
        first_worth=first.worth(market)[: first.n],
        last_worth=state.worth(now)[: state.n],
        start=first,
        end=state,
        market=now,
    )


def settled(state: State, then: Market, now: Market, instant: Instant) -> State:
    """The state at a new instant: futures paid from the old to the new mark, perpetuals their funding."""
    option = is_option(now)
    with np.errstate(divide="ignore", invalid="ignore"):
        move = np.where(now.inverse, 1.0 / then.mark - 1.0 / now.mark, now.mark - then.mark)
    gain = np.where(option, 0.0, now.contract_size * move) - funding_rates(now, instant) * value_per_contract(now)
    inside = state.holder != state.n + MARKET
    paid = np.where(inside, state.quantity * np.where(option, 0.0, gain)[state.row], 0.0)
    revalued = np.where(option, now.contract_size * (now.mark - then.mark), 0.0)[state.row] * state.quantity
    usd = (now.usd * now.money_usd)[now.settlement[state.row]]
    session = state.session + np.bincount(state.holder, weights=(paid + revalued) * usd, minlength=len(state.session))
    return replace(state.paid(paid), seconds=instant.seconds, session=session)


def check_conserved(state: State, totals: Mapping[str, float]) -> None:
    """Raise `ArithmeticError` if the money of a currency is no longer what it was, beyond rounding."""
    for code, (name, now) in enumerate(state.totals().items()):
        scale = math.fsum(np.abs(state.amount[state.currency == code]))
        if not abs(now - totals[name]) <= TOLERANCE * scale:
            raise ArithmeticError(f"{name} is not conserved: {totals[name]!r} became {now!r}")


def _house_worth(state: State, market: Market) -> list[float]:
    return [float(value) for value in state.worth(market)[state.n :]]


def _maintenance(assessment: Assessment) -> Array:
    """Maintenance margin of each account in USD, over its pools."""
    r, market = assessment.results, assessment.market
    usd = np.where(r.currency == MONEY, 1.0, np.nan_to_num(market.usd)[r.currency]) * market.money_usd
    weights = r.maintenance * usd
    return np.bincount(r.account, weights=weights, minlength=len(assessment.book.accounts)).astype(np.float64, copy=False)


def _left_behind(market: Market, events: Sequence[Event], impact: Impact) -> Array:
    """Multiples of the coins' prices that trades with the market leave behind, shape (n_currencies,)."""
    number = {name: row for row, name in enumerate(map(str, market.instruments))}
    traded = np.zeros(len(market))
    for event in events:
        if event.what == "trade" and event.counterparty == HOUSE[MARKET]:
            traded[number[event.instrument]] += event.quantity
    multiple = np.ones(len(market.currencies))
    multiple[market.base] = 1.0 + impact.displaced(market, traded)
    return multiple


def _row(state: State, market: Market, assessment: Assessment, events: Sequence[Event], left: int) -> dict[str, float]:
    worth = state.worth(market)
    users, house = worth[: state.n], worth[state.n :]
    counts = np.bincount(assessment.status, minlength=len(STATUSES))
    usd = dict(zip(market.currencies, (market.usd * market.money_usd).tolist(), strict=True))
    return {
        "seconds": state.seconds,
        **{name: float(counts[i]) for i, name in enumerate(STATUSES)},
        "in_liquidation_after": float(left),
        "touched": float(len({event.account for event in events} - set(HOUSE))),
        "accounts": math.fsum(users),
        **{name: float(house[i]) for i, name in enumerate(HOUSE)},
        "debts": math.fsum(np.minimum(users, 0.0)),
        "socialised": 0.0 - math.fsum(e.amount * usd[e.currency] for e in events if e.what == "socialise"),
        "deleveraged": math.fsum(abs(e.quantity) for e in events if e.step == "auto-deleverage" and e.what == "trade"),
    }


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, Array]:
    names = tuple(rows[0]) if rows else ("seconds", "fund")
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}


def _distressed_columns(state: State, pools: Sequence[tuple[float, Distressed]]) -> dict[str, Any]:
    return {
        "seconds": np.array([seconds for seconds, _ in pools], dtype=np.float64),
        "account": state.accounts.take(np.array([pool.account for _, pool in pools], dtype=np.int64)),
        "equity": np.array([pool.equity * pool.usd for _, pool in pools], dtype=np.float64),
        "maintenance": np.array([pool.maintenance * pool.usd for _, pool in pools], dtype=np.float64),
    }
