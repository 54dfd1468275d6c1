"""Implied volatilities of a coin at one instant: as listed, as one level for all, and at fixed nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.errors import DataError

Array = NDArray[np.float64]
YEAR = np.timedelta64(365 * 86_400_000, "ms")


def years_to(expiry: ArrayLike, time: np.datetime64) -> Array:
    """Years of 365 days from `time` to each expiry."""
    left: Array = (np.asarray(expiry, dtype="datetime64[ms]") - time) / YEAR
    return left


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ListedVols:
    """The listed strikes of a coin at one instant.

    Attributes
    ----------
    date : str
        Day of the instant.
    time : datetime64[ms], UTC
    price : float
        Of the coin, quote currency.
    expiry : ndarray of datetime64[ms], shape (n,)
    strike, forward, vol : ndarray of float64, shape (n,)
        Strike and forward of the expiry in quote currency, implied vol per year as a fraction.
    """

    date: str
    time: np.datetime64
    price: float
    expiry: NDArray[np.datetime64]
    strike: Array
    forward: Array
    vol: Array

    def quote(self, expiry: np.datetime64, strike: float) -> tuple[float, float] | None:
        """Forward and vol of an option, None if it is not listed."""
        row = np.flatnonzero((self.expiry == expiry) & (self.strike == strike))
        return (float(self.forward[row[0]]), float(self.vol[row[0]])) if len(row) else None

    def candidates(self, days: float) -> tuple[np.datetime64, float, Array, Array]:
        """Expiry nearest to that many days away, its forward, and its listed strikes with their vols."""
        expiries = np.unique(self.expiry)
        nearest = expiries[np.argmin(np.abs(years_to(expiries, self.time) * 365.0 - days))]
        row = self.expiry == nearest
        return nearest, float(self.forward[row][0]), self.strike[row], self.vol[row]

    def at_nodes(self, tenors: ArrayLike, moneyness: ArrayLike) -> Array:
        """Vols at fixed nodes, interpolated linearly in total variance ``vol ** 2 * years``; nothing is extrapolated.

        Along the strikes of each expiry in the moneyness ``ln(strike / forward) / sqrt(years)``, then at that moneyness between
        expiries in time. Where an expiry lists no strikes around a moneyness, the next one that does is taken.

        Parameters
        ----------
        tenors : array_like, shape (N,), days
        moneyness : array_like, shape (M,)

        Returns
        -------
        ndarray of float64, shape (N, M)
            nan at nodes that no listed strikes surround.
        """
        wanted, nodes = np.asarray(tenors, dtype=np.float64) / 365.0, np.asarray(moneyness, dtype=np.float64)
        expiries = np.unique(self.expiry[self.expiry > self.time])
        years = years_to(expiries, self.time)
        variance = np.full((len(expiries), len(nodes)), np.nan)
        for e, expiry in enumerate(expiries):
            row = np.flatnonzero(self.expiry == expiry)
            row = row[np.argsort(self.strike[row])]
            x = np.log(self.strike[row] / self.forward[row]) / np.sqrt(years[e])
            variance[e] = np.interp(nodes, x, self.vol[row] ** 2 * years[e], left=np.nan, right=np.nan)
        vols = np.full((len(wanted), len(nodes)), np.nan)
        for m in range(len(nodes)):
            known = np.isfinite(variance[:, m])
            if known.any():
                total = np.interp(wanted, years[known], variance[known, m], left=np.nan, right=np.nan)
                vols[:, m] = np.sqrt(total / wanted)
        return vols


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatVol:
    """One volatility for every expiry and strike of a coin; forwards are the price.

    Attributes
    ----------
    date : str
    time : datetime64[ms], UTC
    price, vol : float
    """

    date: str
    time: np.datetime64
    price: float
    vol: float

    def quote(self, expiry: np.datetime64, strike: float) -> tuple[float, float] | None:
        """Forward and vol of an option: any is quoted."""
        return self.price, self.vol

    def candidates(self, days: float) -> tuple[np.datetime64, float, Array, Array]:
        """The expiry so many days away, the forward, and strikes every hundredth of the price with their vols."""
        strike = self.price * np.arange(0.3, 3.0, 0.01)
        expiry = self.time + np.timedelta64(round(days * 86_400_000), "ms")
        return expiry, self.price, strike, np.full(len(strike), self.vol)


Quotes = ListedVols | FlatVol
"""What options of a coin can be picked from and valued with."""


def levels_at_nodes(quotes: list[ListedVols], tenors: ArrayLike, moneyness: ArrayLike) -> Array:
    """Vols of several instants at fixed nodes, shape (T, N, M).

    Raises
    ------
    DataError
        If a node is not surrounded by listed strikes at some instant; it names the first, and how many instants there are.
    """
    levels = np.stack([listed.at_nodes(tenors, moneyness) for listed in quotes])
    missing = ~np.isfinite(levels)
    if missing.any():
        t, n, m = (int(i) for i in np.argwhere(missing)[0])
        node = float(np.asarray(tenors)[n]), float(np.asarray(moneyness)[m])
        key = {"date": quotes[t].date, "tenor": node[0], "moneyness": node[1]}
        hint = "Nothing is extrapolated: choose nodes nearer the money or inside the listed expiries."
        count = int(missing.any(axis=(1, 2)).sum())
        raise DataError("no listed strikes around the node", table="surface", row=t, key=key, count=count, hint=hint)
    return levels
