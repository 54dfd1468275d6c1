"""Sell collateral for the currency of a debt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.liquidation.events import Event
from margin.liquidation.procedure import Scene
from margin.liquidation.state import FUND, MARKET, State
from margin.liquidation.transfers import Draft

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SellCollateral:
    """Pay the debts of a pool without positions out of its other currencies, at their prices less a penalty.

    Attributes
    ----------
    penalty : ByName
        Fraction of what is sold that goes to `holder`, by currency sold.
    holder : int
        Who of the house gets the penalty.
    """

    penalty: ByName
    holder: int = FUND

    def apply(self, scene: Scene) -> tuple[State, tuple[Event, ...]]:
        """Every pool without positions; the currency of the largest value is sold first."""
        draft = Draft(scene.state, scene.market, "sell collateral")
        for pool in scene.pools:
            if not (scene.state.quantity[pool.positions] != 0).any():
                pay_debts(draft, pool.cells, penalty=self.penalty, holder=self.holder)
        return draft.done()


def pay_debts(draft: Draft, cells: Offsets, *, penalty: ByName | None = None, holder: int = FUND) -> None:
    """Exchange positive balances among `cells` for negative ones with the market, the largest value first.

    Nothing is exchanged for a currency without a price.
    """
    state, n = draft.state, draft.state.n
    usd = np.nan_to_num(draft.market.usd * draft.market.money_usd)[state.currency]
    for debt in cells[state.amount[cells] < 0]:
        for source in cells[np.argsort(-state.amount[cells] * usd[cells], kind="stable")]:
            owed, there = -float(state.amount[debt]) * usd[debt], float(state.amount[source]) * usd[source]
            if owed <= 0 or there <= 0:
                break
            sold_code, bought_code = int(state.currency[source]), int(state.currency[debt])
            rate = 0.0 if penalty is None else penalty.of(state.currencies[sold_code])
            # All of the source, or as much of it as pays the debt; of which the exact rest of the debt is bought.
            whole = there * (1.0 - rate) <= owed
            sold = float(state.amount[source]) if whole else owed / (1.0 - rate) / usd[source]
            bought = there * (1.0 - rate) / usd[debt] if whole else -float(state.amount[debt])
            fee = rate * sold
            draft.pay_holder(int(source), n + MARKET, sold - fee, "sell")
            if fee:
                draft.pay_holder(int(source), n + holder, fee, "fee")
            draft.pay_holder(draft.balance(n + MARKET, bought_code), int(state.owner[debt]), bought, "buy")
