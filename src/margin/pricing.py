"""Black-76 on arrays and the value of an option at expiry."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin import kernels
from margin.errors import DataError

if TYPE_CHECKING:
    from margin.market import Market

Array = NDArray[np.float64]

_FAR = 1e3  # squared distance beyond which the normal density underflows


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


def model_marks(market: Market, *, discounted: bool = False) -> Array:
    """Marks with those of options replaced by their Black-76 value at forward and volatility, shape (n,).

    Settlement currency per coin, like `Market.mark`: in coin for an inverse option.

    Parameters
    ----------
    market : Market
    discounted : bool
        Whether to discount at the market's rates; an option without a rate is then refused.

    Raises
    ------
    DataError
        If an option has no rate.
    """
    option = market.option_sign != 0
    rows = np.flatnonzero(option)
    if discounted:
        check_rates(market, option)
    inputs = (market.forward, market.strike, market.years, market.vol, market.option_sign)
    value = black76(*(column[rows] for column in inputs)).price * (discount_factors(market)[rows] if discounted else 1.0)
    mark = market.mark.copy()
    mark[rows] = np.where(market.inverse[rows], value / market.forward[rows], value)
    return mark


class CoinGreeks(NamedTuple):
    """Price and sensitivities of options whose premium is held in the coin itself, per coin of underlying.

    Attributes
    ----------
    price : ndarray of float64
        ``p = Black-76 / forward``, coin.
    delta : ndarray of float64
        ``sign * N(sign * d1) - p``: the coin to hold against a move of the price.
    gamma : ndarray of float64
        ``phi(d1) / (vol * sqrt(years)) - 2 * delta``, the second derivative of p times the squared forward.
    theta : ndarray of float64
        ``-phi(d1) * vol / (2 * sqrt(years))``, coin per year.
    vega : ndarray of float64
        ``phi(d1) * sqrt(years)``, coin by unit of volatility.
    """

    price: Array
    delta: Array
    gamma: Array
    theta: Array
    vega: Array


def coin_greeks(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, sign: ArrayLike) -> CoinGreeks:
    """Black-76 price and sensitivities in coin, without interest; parameters as in `black76`, forward and strike above 0.

    At no time or no volatility the density that gamma, theta and vega hold is 0.
    """
    forward, strike, years, vol, sign = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (forward, strike, years, vol, sign))
    )
    root = np.sqrt(np.maximum(years, 0.0))
    width = vol * root
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(forward / strike) / width + width / 2.0
    density = np.where(width > 0, np.exp(-np.minimum(d1 * d1, _FAR) / 2.0) / np.sqrt(2.0 * np.pi), 0.0)
    value = black76(forward, strike, years, vol, sign)
    price = value.price / forward
    delta = value.delta - price
    over_width = np.divide(density, width, out=np.zeros_like(width), where=width > 0)
    over_root = np.divide(density * vol, 2.0 * root, out=np.zeros_like(width), where=width > 0)
    return CoinGreeks(price, delta, over_width - 2.0 * delta, -over_root, density * root)


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


def check_rates(market: Market, options: NDArray[np.bool_]) -> None:
    """Refuse options without an interest rate, where a rule needs one."""
    wrong = np.flatnonzero(options & np.isnan(market.rate))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            "an option needs an interest rate under this model",
            table="quotes",
            column="rate",
            row=row,
            key={"instrument": market.instruments[row]},
            count=len(wrong),
            hint="Give it as a fraction per year; 0 where there is none.",
        )
