"""Small rules of liquidation: what is cut, when counterparties are reduced, the price that liquidates a single position.

The prices of a pool that holds more than one thing are found by a solver, not by these closed forms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def contracts_to_close(contracts: float, *, first_maximum: float, partial_from: float) -> float:
    """Contracts that the legacy rule closes: in the upper tiers down to the largest size of the first, else all of them.

    Parameters
    ----------
    contracts : float
        Signed or not; the result is not.
    first_maximum : float
        Largest size of the first tier.
    partial_from : float
        Smallest size that is only cut, the lower bound of the third tier.
    """
    size = abs(contracts)
    return max(size - first_maximum, 0.0) if size >= partial_from else size


class Deleveraging(NamedTuple):
    """Whether counterparties are reduced, and the size of the fund at which they are."""

    threshold: float
    active: bool


def deleveraging(*, average: float, now: float, fraction: float, floor: float) -> Deleveraging:
    """Auto-deleveraging: an insurance fund falls below its average by a fraction, at least by a fixed sum, or is empty.

    Parameters
    ----------
    average : float
        Of the fund over eight hours.
    now : float
        The fund.
    fraction : float
    floor : float
        Least fall that counts.
    """
    threshold = average - max(fraction * average, floor)
    return Deleveraging(threshold, now < threshold or now <= 0)


def liquidation_price(
    quantity: float, *, contract_size: float, mark: float, equity: float, mmr_rate: float, taker_fee: float, inverse: bool
) -> float | None:
    """Mark at which the equity of a pool with one position falls to its maintenance margin and the fee of closing.

    Parameters
    ----------
    quantity : float
        Contracts, signed, not zero.
    contract_size : float
        Base coin per contract; inverse: quote currency.
    mark, equity : float
        The mark, and the equity at it with unrealised P&L, in settlement currency.
    mmr_rate, taker_fee : float
        Fractions.
    inverse : bool

    Returns
    -------
    float or None
        None where no price above zero does.
    """
    size, sign = abs(quantity) * contract_size, np.sign(quantity)
    rate = mmr_rate + taker_fee
    if inverse:
        fixed = equity + sign * size / mark  # coin; what is left when the coin's price is without bound (long)
        price = size * (1 + sign * rate) / (sign * fixed) if fixed else np.inf
    else:
        price = (size * mark - sign * equity) / (size * (1 - sign * rate))
    return float(price) if 0 < price < np.inf else None
