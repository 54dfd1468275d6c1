"""Positions, balances and open orders of a book as columns, one row each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

NET, LONG, SHORT = 0, 1, 2
"""Legs: a position that nets, and the two of a hedged one."""


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Positions of a book, one row each; rows of the same account and instrument add up.

    Attributes
    ----------
    account, instrument : ndarray of int32, shape (n,)
        Codes into the book's accounts and instruments.
    quantity : ndarray of float64, shape (n,), contracts, long > 0
    entry_price : ndarray of float64, shape (n,), as mark, or None
        None: positions are settled to the mark and have no unrealised P&L.
    isolated_collateral : ndarray of float64, shape (n,), settlement currency, or None
        NaN for positions that share what their account has.
    leverage : ndarray of float64, shape (n,), or None
        NaN where none is chosen.
    leg : ndarray of int8, shape (n,), or None
        `NET`, `LONG` or `SHORT`; legs do not net with each other. None: all positions net.
    """

    account: Codes
    instrument: Codes
    quantity: Array
    entry_price: Array | None = None
    isolated_collateral: Array | None = None
    leverage: Array | None = None
    leg: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True, eq=False)
class Balances:
    """Balances of a book, one row each; rows of the same account and currency add up.

    Attributes
    ----------
    account, currency : ndarray of int32, shape (n,)
        Codes into the book's accounts and currencies.
    amount : ndarray of float64, shape (n,), currency units, signed
    hedge_cap : ndarray of float64, shape (n,), currency units, or None
        Most of a positive equity that stands in the risk unit of its coin; nan where there is no limit. Of several rows the
        least.
    collateral : ndarray of bool, shape (n,), or None
        False where the account does not use the currency as collateral. None: all are used.
    loan : ndarray of float64, shape (n,), currency units, >= 0, or None
        Borrowed and not taken off the amount. None: there are no loans.
    """

    account: Codes
    currency: Codes
    amount: Array
    hedge_cap: Array | None = None
    collateral: NDArray[np.bool_] | None = None
    loan: Array | None = None

    def __len__(self) -> int:
        return len(self.account)


@dataclass(frozen=True, slots=True, eq=False)
class Orders:
    """Open orders of a book, one row each.

    Attributes
    ----------
    account, instrument : ndarray of int32, shape (n,)
        Codes into the book's accounts and instruments.
    quantity : ndarray of float64, shape (n,), contracts, buy > 0
    price : ndarray of float64, shape (n,), as mark
    mmp : ndarray of bool, shape (n,)
        Under market maker protection.
    leverage : ndarray of float64, shape (n,), or None
    leg : ndarray of int8, shape (n,), or None
    """

    account: Codes
    instrument: Codes
    quantity: Array
    price: Array
    mmp: NDArray[np.bool_]
    leverage: Array | None = None
    leg: NDArray[np.int8] | None = None

    def __len__(self) -> int:
        return len(self.account)
