"""Moves of positions and money between holders, inside one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from margin.liquidation.events import Event
from margin.liquidation.state import FUND, HOUSE, State

if TYPE_CHECKING:
    from margin.market import Market


@dataclass(slots=True, eq=False)
class Draft:
    """A working copy of a state. Every transfer takes one float from one place and gives it to another.

    Attributes
    ----------
    state : State
        Where it starts from, and (after `done`) what became of it.
    market : Market
        Prices at which futures are settled.
    step : str
        Name for events.
    events : list of Event
    """

    state: State
    market: Market
    step: str
    events: list[Event] = field(default_factory=list)
    _places: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        s = self.state
        self.state = replace(s, quantity=s.quantity.copy(), entry=s.entry.copy(), amount=s.amount.copy())

    def pay(self, source: int, target: int, amount: float) -> None:
        """Money from one cell of the ledger to another of the same currency."""
        self.state.amount[source] -= amount
        self.state.amount[target] += amount

    def cost(self, row: int, quantity: float, price: float) -> float:
        """What a buyer of so many contracts at a price pays at once, settlement currency.

        The premium of an option; of a future only the difference to the mark, to which it is settled.
        """
        m = self.market
        size, mark = quantity * float(m.contract_size[row]), float(m.mark[row])
        if m.option_sign[row] != 0:
            return size * price
        return size * (1.0 / mark - 1.0 / price) if m.inverse[row] else size * (price - mark)

    def trade(self, position: int, other: int, quantity: float, price: float) -> float:
        """One position buys so many contracts (sells: negative) from another of the same instrument; money it got."""
        row = int(self.state.row[position])
        cost = self.cost(row, quantity, price)
        self.pay(int(self.state.cell[position]), int(self.state.cell[other]), cost)
        for at, bought in ((position, quantity), (other, -quantity)):
            held = float(self.state.quantity[at])
            now = held + bought
            if held == 0 or held * now < 0:
                self.state.entry[at] = price
            elif held * bought > 0:
                self.state.entry[at] = (held * self.state.entry[at] + bought * price) / now
            self.state.quantity[at] = now
        self._record(position, "trade", other=int(self.state.holder[other]), quantity=quantity, price=price, amount=-cost)
        return -cost

    def give(self, position: int, other: int, quantity: float) -> None:
        """One position hands so many contracts (signed) to another of the same instrument; no money moves here."""
        self.state.quantity[position] -= quantity
        self.state.quantity[other] += quantity
        held = self.state.holder
        self._record(position, "bid", other=int(held[other]), quantity=-quantity, price=float("nan"), amount=0.0)

    def place(self, holder: int, row: int) -> int:
        """Where a holder's netting, sharing position in an instrument stands; a new one of size zero if there is none."""
        s = self.state
        if (holder, row) not in self._places:
            shared = (s.holder == holder) & (s.row == row) & (s.cell < s.shared_cells)
            if s.leg is not None:
                shared &= s.leg == 0
            found = np.flatnonzero(shared)
            if not len(found):
                cell = holder * len(s.currencies) + int(self.market.settlement[row])
                self.state = replace(
                    s,
                    holder=np.append(s.holder, np.int32(holder)),
                    row=np.append(s.row, np.int32(row)),
                    quantity=np.append(s.quantity, 0.0),
                    entry=np.append(s.entry, self.market.mark[row]),
                    cell=np.append(s.cell, np.int64(cell)),
                    leverage=None if s.leverage is None else np.append(s.leverage, np.nan),
                    leg=None if s.leg is None else np.append(s.leg, np.int8(0)),
                )
                found = np.array([len(s.holder)])
            self._places[holder, row] = int(found[0])
        return self._places[holder, row]

    def release(self, position: int) -> None:
        """Free the collateral of a closed isolated position: what is left to its holder, what is missing from the fund."""
        cell, s = int(self.state.cell[position]), self.state
        if s.quantity[position] != 0 or cell < s.shared_cells:
            return
        owner = int(s.owner[cell])
        self.move_cell(cell, *((owner, "release") if s.amount[cell] > 0 else (s.n + FUND, "cover")))

    def balance(self, holder: int, currency: int) -> int:
        """Cell of a holder's balance."""
        return holder * len(self.state.currencies) + currency

    def move_cell(self, cell: int, holder: int, what: str) -> None:
        """All money of a cell, also if it is negative, to the balance of another holder."""
        amount = float(self.state.amount[cell])
        if amount:
            self.pay_holder(cell, holder, amount, what)

    def pay_holder(self, cell: int, holder: int, amount: float, what: str) -> None:
        """Money of a cell to the balance of another holder, on record."""
        currency = int(self.state.currency[cell])
        self.pay(cell, self.balance(holder, currency), amount)
        owner = int(self.state.owner[cell])
        self.record(owner, what, amount=-amount, currency=self.state.currencies[currency], counterparty=self.name(holder))

    def name(self, holder: int) -> str:
        """Account or house in words."""
        n = self.state.n
        return str(self.state.accounts[holder]) if holder < n else HOUSE[holder - n]

    def record(self, holder: int, what: str, **more: object) -> None:
        """Add an event."""
        at = self.state.seconds
        self.events.append(Event(seconds=at, account=self.name(holder), step=self.step, what=what, **more))  # type: ignore[arg-type]

    def _record(self, position: int, what: str, *, other: int, quantity: float, price: float, amount: float) -> None:
        row = int(self.state.row[position])
        self.record(
            int(self.state.holder[position]),
            what,
            instrument=str(self.market.instruments[row]),
            quantity=quantity,
            price=price,
            amount=amount,
            currency=self.market.currencies[int(self.market.settlement[row])],
            counterparty=self.name(other),
        )

    def done(self, earlier: Sequence[Event] = ()) -> tuple[State, tuple[Event, ...]]:
        """The state after all transfers, and the events."""
        return self.state, (*earlier, *self.events)
