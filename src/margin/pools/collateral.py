"""What a balance counts for: haircuts, incremental discount tiers, negative balances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.errors import DataError
from margin.rates import RateTable

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DiscountTiers:
    """Incremental discount rates: the part of an amount inside a tier counts at that tier's rate.

    Attributes
    ----------
    floor : tuple of float
        Lower bound of each tier in units of the currency, ascending, the first 0.
    rate : tuple of float
        Fraction of its worth at which the part inside the tier counts.
    limit : float
        Largest amount for which rates are known; a larger one is refused.

    Examples
    --------
    >>> DiscountTiers((0.0, 10.0), (1.0, 0.5)).value(np.array([4.0, 30.0]))
    array([ 4., 20.])
    """

    floor: tuple[float, ...]
    rate: tuple[float, ...]
    limit: float = np.inf

    def __post_init__(self) -> None:
        if len(self.floor) != len(self.rate) or not self.floor:
            raise ValueError(f"{len(self.floor)} tier bounds but {len(self.rate)} rates; give one rate for each tier")
        if self.floor[0] != 0 or any(b <= a for a, b in zip(self.floor, self.floor[1:], strict=False)):
            raise ValueError(f"tier bounds {self.floor} must ascend from 0")

    def value(self, amount: Array) -> Array:
        """Discounted amount of each amount >= 0, in units of the currency.

        Raises
        ------
        DataError
            If an amount is above the limit.
        """
        if (amount > self.limit).any():
            largest = float(amount.max())
            problem = f"{largest!r} is held, and discount rates are known up to {self.limit!r}"
            raise DataError(problem, table="balances", column="amount", value=largest, hint="Give the rates beyond.")
        return RateTable.incremental(self.floor, self.rate).requirement(amount)


@dataclass(frozen=True, slots=True)
class Collateral:
    """How balances of several currencies count in one pool.

    A positive amount counts after its haircut (or its discount tiers), a negative one in full, or marked up.

    Attributes
    ----------
    haircut : ByName
        Fraction taken off a positive amount, by currency. A currency that is held and has no haircut is refused.
    initial_haircut : ByName or None
        The same against the initial margin; None where it is `haircut` too.
    tiers : Mapping of str to DiscountTiers
        Currencies with incremental tiers, which then take the place of the haircuts.
    initial_tiers : Mapping of str to DiscountTiers or None
        The same against the initial margin; None where it is `tiers` too.
    tiers_in : {"coin", "value"}
        Whether tiers are over amounts of the currency or over what they are worth in the pool's money.
    debt_markup : ByName
        Fraction added to a negative amount, by currency.
    apart : tuple of {"loans", "unrealised"}
        What is discounted, or marked up, on its own instead of together with the balance of its currency.
    counts_option_value : bool or "short"
        Whether the market value of options is part of the collateral, or only of the equity; "short": that of short options is.
    priced_in : {"money", "usd"}
        Whether collateral counts at its worth in the pool's money, or at its USD price as if that money were worth a dollar.
    spot_orders : {"refused", "loss", "reserved"}
        What open orders in spot pairs take from the collateral: there are none; of a pool of all currencies, by how much each
        filled order would lower it; of a pool of one currency, what the orders would pay.
    """

    haircut: ByName = field(default_factory=lambda: ByName("haircut", 0.0))
    initial_haircut: ByName | None = None
    tiers: Mapping[str, DiscountTiers] = field(default_factory=dict)
    initial_tiers: Mapping[str, DiscountTiers] | None = None
    tiers_in: Literal["coin", "value"] = "coin"
    debt_markup: ByName = field(default_factory=lambda: ByName("debt_markup", 0.0))
    apart: tuple[Literal["loans", "unrealised"], ...] = ()
    counts_option_value: bool | Literal["short"] = True
    priced_in: Literal["money", "usd"] = "money"
    spot_orders: Literal["refused", "loss", "reserved"] = "refused"

    def counted_options(self, value: Array) -> Array:
        """The part of option values that is collateral, one entry per position or amount."""
        if self.counts_option_value == "short":
            return np.minimum(value, 0.0)
        return value if self.counts_option_value else np.zeros_like(value)

    def kept(self, currency: str) -> DiscountTiers:
        """What a positive amount of a currency counts for against the maintenance margin; a haircut is a single tier.

        Raises
        ------
        ParameterError
            If the currency has neither tiers nor a haircut.
        """
        return self.tiers[currency] if currency in self.tiers else DiscountTiers((0.0,), (1.0 - self.haircut.of(currency),))

    def discounted(self, amount: Array, currencies: Sequence[str], worth: Array, *, initial: bool = False) -> Array:
        """Amounts after haircut (or tiers) and markup, in units of each currency.

        Parameters
        ----------
        amount : ndarray of float64, shape (n_accounts, n_currencies)
        currencies : sequence of str, length n_currencies
        worth : ndarray of float64, shape (n_currencies,)
            Pool's money per unit.
        initial : bool
            Against the initial margin, where that has haircuts of its own.

        Raises
        ------
        ParameterError
            If a currency that somebody holds has no haircut.
        """
        haircut = self.initial_haircut if initial and self.initial_haircut is not None else self.haircut
        tiers = self.initial_tiers if initial and self.initial_tiers is not None else self.tiers
        kept: dict[int, Array] = {}
        for c in np.flatnonzero((amount > 0).any(axis=0)).tolist():
            positive, name = np.maximum(amount[:, c], 0.0), currencies[c]
            if name not in tiers:
                kept[c] = positive * (1.0 - haircut.of(name))
            elif self.tiers_in == "coin":
                kept[c] = tiers[name].value(positive)
            else:
                kept[c] = tiers[name].value(positive * worth[c]) / worth[c]
        counted = np.minimum(amount, 0.0)  # both signs are added up, as a choice would be guessed for each amount
        for c in np.flatnonzero((amount < 0).any(axis=0)).tolist():
            counted[:, c] *= 1.0 + self.debt_markup.of(currencies[c])
        for c, value in kept.items():
            counted[:, c] += value
        return counted

    @property
    def initial_differs(self) -> bool:
        """Whether collateral counts differently against the initial margin."""
        return self.initial_haircut is not None or self.initial_tiers is not None
