"""Implied volatility from a parametrised surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.errors import DataError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SviCurve:
    """Raw SVI curve of one expiry: total variance ``w`` by log-moneyness ``k = ln(K / forward)``.

    ::

        w(k) = a + b * (rho * (k - m) + sqrt((k - m)^2 + sigma^2)),   vol = sqrt(w / years)

    Attributes
    ----------
    a, b, rho, m, sigma : float
        Total variance, its slopes, their skew, the place and the width of the bend.
    forward : float, quote currency per coin
        Forward at which the curve was fitted.
    years : float
        Time to expiry at which it was fitted, in years, > 0.

    Notes
    -----
    Source: J. Gatheral, A parsimonious arbitrage-free implied volatility parameterization (Global Derivatives, Madrid, 2004).
    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float
    forward: float
    years: float

    def vol(self, strike: ArrayLike, *, deviations: float = np.inf, most_variance: float = np.inf) -> Array:
        """Implied volatility of strikes, per year, as a fraction; 0 at strike 0.

        Parameters
        ----------
        strike : array_like, quote currency per coin, >= 0
        deviations : float
            The curve is flat beyond ``k = -/+ deviations * sqrt(a + b * sigma)``.
        most_variance : float
            Largest total variance.

        Raises
        ------
        DataError
            If the total variance of a strike is negative, or forward or years are not above zero.
        """
        for name, value in (("forward", self.forward), ("years", self.years)):
            if not value > 0:
                problem = f"{value} is not above zero"
                raise DataError(problem, table="svi", column=name, value=value, hint="Give the feed's own.")
        strikes = np.asarray(strike, dtype=np.float64)
        priced = strikes > 0
        k = np.log(np.where(priced, strikes, self.forward) / self.forward)
        if np.isfinite(deviations):
            bound = deviations * np.sqrt(max(self.a + self.b * self.sigma, 0.0))
            k = np.clip(k, -bound, bound)
        away = k - self.m
        variance = np.minimum(self.a + self.b * (self.rho * away + np.hypot(away, self.sigma)), most_variance)
        wrong = priced & ~(variance >= 0)
        if wrong.any():
            at = float(strikes[wrong].reshape(-1)[0])
            problem = f"total variance {float(variance[wrong].reshape(-1)[0])} is negative at strike {at}"
            raise DataError(problem, table="svi", column="strike", value=at, hint="Give a curve that is positive everywhere.")
        return np.where(priced, np.sqrt(np.maximum(variance, 0.0) / self.years), 0.0)
