"""What happens to the value of a leaf (an expiry) before leaves are added up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.market import Market
from margin.pricing import check_rates, discount_factors

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ExpiryDiscount:
    """A factor that moves away from one with the time to expiry: ``base * exp(sign * years * (rate * multiple + add))``.

    Attributes
    ----------
    base : float
    multiple : float
        Of the interest rate.
    add : float
        Per year, beside it.
    sign : int
        -1 discounts, +1 marks up.
    capped : bool
        Whether the factor never exceeds the inverse of the discount factor at the interest rate itself.
    """

    base: float
    multiple: float
    add: float
    sign: int = -1
    capped: bool = False

    def factor(self, market: Market) -> Array:
        """Factor of each instrument's expiry, shape (n,); nan where an instrument has no rate."""
        rate = np.maximum(market.rate, 0.0)
        factor: Array = self.base * np.exp(self.sign * market.years * (rate * self.multiple + self.add))
        return np.minimum(1.0 / discount_factors(market), factor) if self.capped else factor


@dataclass(frozen=True, slots=True)
class SignDiscount:
    """The value of an expiry counts in part where it is positive and in excess where it is negative.

    Attributes
    ----------
    positive : ExpiryDiscount
    negative : ExpiryDiscount or None
        None: a negative value counts as it is.
    """

    positive: ExpiryDiscount
    negative: ExpiryDiscount | None = None

    def factors(self, market: Market, options: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Factors of positive and of negative values, one for each instrument; 1 for what is no option.

        Raises
        ------
        DataError
            If an option has no rate.
        """
        check_rates(market, options)
        positive = np.where(options, self.positive.factor(market), 1.0)
        negative = np.ones(len(market)) if self.negative is None else np.where(options, self.negative.factor(market), 1.0)
        return positive, negative
