"""Black-76 on arrays and the value of an option at expiry."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin import kernels
from margin.market import OPTION, Market

Array = NDArray[np.float64]


class Black76(NamedTuple):
    """Value and delta of European options on a forward, undiscounted.

    Attributes
    ----------
    price : ndarray of float64
        Quote currency per coin.
    delta : ndarray of float64
        Derivative of the price with respect to the forward; calls in [0, 1], puts in [-1, 0].
    """

    price: Array
    delta: Array


def black76(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike) -> Black76:
    """Black-76 value and delta of European options, undiscounted.

    Parameters
    ----------
    forward, strike : array_like, quote currency per coin
        Forward >= 0, strike >= 0.
    years : array_like
        Time to expiry in years; at or below zero the option is worth its intrinsic value.
    vol : array_like
        Implied volatility per year, as a fraction; zero gives the intrinsic value.
    sign : array_like
        +1 for a call, -1 for a put.

    Returns
    -------
    Black76
        Arrays of the broadcast shape of the arguments.

    Raises
    ------
    ValueError
        If the arguments do not broadcast together.

    Notes
    -----
    Source: F. Black, The pricing of commodity contracts, Journal of Financial Economics 3 (1976).

    Examples
    --------
    >>> value = black76(100.0, 100.0, 1.0, 0.2, 1)
    >>> round(float(value.price), 6), round(float(value.delta), 6)
    (7.965567, 0.539828)
    """
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (forward, strike, years, vol, sign)))
    shape = arrays[0].shape
    price, delta = kernels.black76(*(np.ascontiguousarray(a).reshape(-1) for a in arrays))
    return Black76(price.reshape(shape), delta.reshape(shape))


def discount_factors(market: Market) -> Array:
    """Discount factor to the expiry of each instrument at its rate floored at zero, shape (n,); nan where it has no rate."""
    return np.asarray(np.exp(-np.maximum(market.rate, 0.0) * market.years))


def model_marks(market: Market) -> Array:
    """Marks in which every option is worth its Black-76 value at the market's own forward and vol, shape (n,).

    Discounted (see `discount_factors`) where the market gives a rate. A linear option is worth its value in quote currency,
    an inverse one that value over the forward; other instruments keep their mark.

    Examples
    --------
    >>> priced = market.with_(mark=model_marks(market))  # doctest: +SKIP
    """
    option = market.kind == OPTION
    forward, years = market.forward[option], market.years[option]
    value = black76(forward, market.strike[option], years, market.vol[option], market.option_sign[option]).price
    discount = discount_factors(market)[option]
    value *= np.where(np.isnan(discount), 1.0, discount)
    marks = market.mark.copy()
    marks[option] = np.where(market.inverse[option], value / forward, value)
    return marks


def option_payoff(price: ArrayLike, strike: ArrayLike, sign: ArrayLike, *, inverse: bool = False) -> Array:
    """Payoff of a European option at expiry, for one coin of underlying.

    Parameters
    ----------
    price : array_like, quote currency per coin
        Delivery price, > 0.
    strike : array_like, quote currency per coin
    sign : array_like
        +1 for a call, -1 for a put.
    inverse : bool
        Paid in the base coin, ``max(sign * (price - strike), 0) / price``, instead of the quote currency.

    Returns
    -------
    ndarray of float64
        Coin (inverse) or quote currency (linear), >= 0.
    """
    delivery = np.asarray(price, dtype=np.float64)
    intrinsic = np.maximum(np.asarray(sign) * (delivery - np.asarray(strike, dtype=np.float64)), 0.0)
    return np.asarray(intrinsic / delivery if inverse else intrinsic)
