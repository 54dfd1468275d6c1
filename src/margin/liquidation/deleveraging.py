"""Auto-deleveraging: positions of bankrupt pools are closed against those on the other side that rank first."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from margin.contracts import value_per_contract
from margin.errors import DataError
from margin.liquidation.events import Event
from margin.liquidation.procedure import Distressed, Scene
from margin.liquidation.state import BACKSTOP, HOUSE, MARKET, State
from margin.liquidation.transfers import Draft
from margin.market import Market

Array = NDArray[np.float64]
Offsets = NDArray[np.int64]


class Ranking(Protocol):
    """In which order positions on the other side are closed."""

    def score(self, scene: Scene, positions: Offsets) -> Array:
        """A number for each position, the highest first; none is closed that is not in profit."""


def profit(state: State, market: Market, positions: Offsets) -> Array:
    """P&L of positions since their entry in USD, shape (len(positions),).

    Raises
    ------
    DataError
        If a position has no entry price.
    """
    row, quantity, entry = state.row[positions], state.quantity[positions], state.entry[positions]
    unknown = np.flatnonzero(np.isnan(entry))
    if len(unknown):
        at = int(positions[unknown[0]])
        raise DataError(
            "auto-deleveraging ranks positions by their profit and needs entry prices",
            table="positions",
            column="entry_price",
            key={"account": state.accounts[int(state.holder[at])], "instrument": market.instruments[int(state.row[at])]},
            count=len(unknown),
            hint="Give the column, or leave the step out.",
        )
    mark, size = market.mark[row], quantity * market.contract_size[row]
    inverse = market.inverse[row] & (market.option_sign[row] == 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(inverse, 1.0 / entry - 1.0 / mark, mark - entry)
    return np.asarray(size * gain * market.usd[market.settlement[row]] * market.money_usd)


def _values(scene: Scene, positions: Offsets) -> tuple[Array, Array]:
    """USD value of positions at the mark, >= 0, and what stands behind each: account value, or collateral of its own."""
    state, market = scene.state, scene.market
    row = state.row[positions]
    usd = market.usd[market.settlement[row]] * market.money_usd
    value = np.abs(state.quantity[positions]) * value_per_contract(market)[row] * usd
    behind = state.worth(market)[state.holder[positions]]
    alone = state.cell[positions] >= state.shared_cells
    return value, np.where(alone, state.amount[state.cell[positions]] * usd, behind)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByGainAndLeverage:
    """Price gain times leverage: ``mark / entry * value / account value``.

    Attributes
    ----------
    shorts : {"inverted", "literal"}
        Shorts with ``entry / mark``, which is above one in profit; or as longs.
    """

    shorts: Literal["inverted", "literal"] = "inverted"

    def score(self, scene: Scene, positions: Offsets) -> Array:
        """The product for each position."""
        state, market = scene.state, scene.market
        value, behind = _values(scene, positions)
        gain = market.mark[state.row[positions]] / state.entry[positions]
        if self.shorts == "inverted":
            gain = np.where(state.quantity[positions] < 0, 1.0 / gain, gain)
        return np.asarray(np.divide(gain * value, behind, out=np.full(len(positions), np.inf), where=behind > 0))


@dataclass(frozen=True, slots=True)
class ByProfitAndMarginRatio:
    """Profit over wallet times margin ratio: ``max(0, P&L) / max(1, wallet) * maintenance / (wallet + P&L)``.

    The ratio is that of the account, 0 where wallet and P&L are not positive.
    """

    def score(self, scene: Scene, positions: Offsets) -> Array:
        """The product for each position, money in USD."""
        state, market = scene.state, scene.market
        gained = profit(state, market, positions)
        held = np.flatnonzero(np.isin(state.row, np.unique(state.row[positions])) & (state.holder < state.n))
        known = held[~np.isnan(state.entry[held])]
        by_holder = np.bincount(state.holder[known], weights=profit(state, market, known), minlength=state.n + len(HOUSE))
        holder = state.holder[positions]
        _, behind = _values(scene, positions)
        wallet = behind - by_holder[holder]
        maintenance = np.append(scene.maintenance, np.zeros(len(HOUSE)))[holder]
        ratio = np.divide(maintenance, behind, out=np.zeros(len(positions)), where=behind > 0)
        return np.asarray(np.maximum(gained, 0.0) / np.maximum(wallet, 1.0) * ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoDeleverage:
    """Close every position of bankrupt pools against accounts on the other side in profit, the highest rank first.

    What they do not hold is closed against the market, which stands for those on the other side who are not in the book.

    Attributes
    ----------
    ranking : Ranking
    price : {"mark", "bankruptcy"}
        At the mark, which leaves the loss with the pool; or so much worse for the others that the pool ends at zero.
    """

    ranking: Ranking
    price: Literal["mark", "bankruptcy"]

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Pools with positions and negative equity, in order of accounts."""
        draft = Draft(scene.state, scene.market, "auto-deleverage")
        broken = [pool for pool in scene.pools if pool.equity < 0 and len(pool.positions)]
        excluded = np.array([pool.account for pool in broken], dtype=np.int32)
        for pool in broken:
            shift = self._shift(scene, pool)
            for at in pool.positions:
                self._close(draft, scene, int(at), shift, excluded)
        return draft.done()

    def _shift(self, scene: Scene, pool: Distressed) -> float:
        """Loss of the pool as a fraction of the value of its positions, which is what each price gives."""
        if self.price == "mark":
            return 0.0
        value = math.fsum(_values(scene, pool.positions)[0])
        return min(-pool.equity * pool.usd / value, 1.0 - np.finfo(np.float64).eps) if value > 0 else 0.0

    def _close(self, draft: Draft, scene: Scene, at: int, shift: float, excluded: NDArray[np.int32]) -> None:
        state, market = draft.state, scene.market
        row, left = int(state.row[at]), -float(state.quantity[at])
        price = _moved(market, row, shift if left < 0 else -shift)
        n = state.n
        other = (state.row == row) & (np.sign(state.quantity) == np.sign(left)) & (state.quantity != 0)
        other &= ((state.holder < n) | (state.holder == n + BACKSTOP)) & ~np.isin(state.holder, excluded)
        found = np.flatnonzero(other)
        found = found[profit(state, market, found) > 0]
        score = self.ranking.score(replace(scene, state=state), found)
        for i in found[np.argsort(-score, kind="stable")]:
            if left == 0:
                break
            size = math.copysign(min(abs(left), abs(float(state.quantity[i]))), left)
            draft.trade(at, int(i), size, price)
            draft.release(int(i))
            left = -float(draft.state.quantity[at])
        if left:
            draft.trade(at, draft.place(n + MARKET, row), left, price)
        draft.release(at)


def _moved(market: Market, row: int, shift: float) -> float:
    """The mark moved so that the contract's value at the mark changes hands that much dearer (a fraction of it)."""
    mark = float(market.mark[row])
    if market.inverse[row] and market.option_sign[row] == 0:
        return mark / (1.0 - shift)
    return mark * (1.0 + shift)
