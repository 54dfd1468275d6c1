"""What a futures account may order with, and move between its cross wallet and an isolated position; margin asset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossWallet:
    """Figures of a cross wallet.

    Attributes
    ----------
    balance : float
        Without unrealised P&L.
    unrealised : float
        Of all cross positions.
    initial, maintenance : float
        Of all cross positions; the initial margin includes their orders.
    isolated_orders : float
        Initial margin of open orders of isolated symbols.
    """

    balance: float
    unrealised: float
    initial: float
    maintenance: float
    isolated_orders: float = 0

    @property
    def available(self) -> float:
        """What is free for orders, never below zero."""
        return max(self.balance + self.unrealised - self.initial - self.isolated_orders, 0.0)

    @property
    def removable(self) -> float:
        """What may leave the wallet."""
        kept = self.balance - self.isolated_orders - self.maintenance
        return max(min(kept, self.balance + self.unrealised - self.initial - self.isolated_orders), 0.0)

    @property
    def addable(self) -> float:
        """What may be added to an isolated position."""
        return max(min(self.balance - self.isolated_orders - self.maintenance, self.available), 0.0)


def removable_from_isolated(
    *, wallet: float, maintenance: float, quantity: float, mark: float, entry: float, leverage: float
) -> float:
    """What may be taken from an isolated USD-M position: its wallet stays above both margins."""
    left = wallet + quantity * (mark - entry) - mark * abs(quantity) / leverage
    return max(min(wallet - maintenance, left), 0.0)
