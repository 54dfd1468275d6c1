"""Correlation stress: the same history with correlations pulled towards one, or broken.

A margin that relies on offsets between coins relies on their correlation. Two questions about it, each answered by a changed
history that any model of scenarios can be run on: what if all coins moved as one, and what if they had nothing to do with each
other? A price and the surface of its own coin are kept together in both.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.models.history import TABLE, History

Array = NDArray[np.float64]

_TOLERANCE = 1e-8
"""Largest error of an imposed correlation that counts as rounding."""


def pulled(history: History, k: float, *, keep: Literal["volatilities", "moves"]) -> History:
    """The history with the correlations of prices pulled towards one by a fraction `k`.

    The log price moves are standardised (weighted mean and volatility of each coin), mixed by a matrix ``A`` so that their
    correlation ``C`` becomes ``(1 - k) * C + k * 1 1'``, and scaled back. Of all mixings with that correlation ``A`` changes the
    moves least in mean square (the optimal transport between two normal distributions)::

        A = C' ** (1/2) (C' ** (1/2) C C' ** (1/2)) ** (-1/2) C' ** (1/2),    C' the target

    It is symmetric and treats the coins alike; with ``k = 0`` it is the identity, with ``k = 1`` every coin moves with the sum of
    the standardised moves: comonotone. What is then taken from the mixture is a choice:

    - ``volatilities``: the mixed moves themselves. The correlation is the target, and each coin keeps mean and volatility of its
      log moves, but its tail is mixed with those of others. The log moves of each vol node are mixed over the coins by the same
      matrix and scaled back to their own volatility, so that a surface still follows its price; vols that are held still stay so.
    - ``moves``: their ranks. Each coin keeps exactly the moves it had, each with that day's move of its own surface, in the order
      of the mixed moves. What holds one coin is margined as before; correlations are near the target, at ``k = 1`` as high as the
      moves of the coins allow.

    Parameters
    ----------
    history : History
        Equally weighted where moves are kept: a weight belongs to a joint row and would not survive.
    k : float
        In [0, 1].
    keep : {"volatilities", "moves"}

    Raises
    ------
    ValueError
        If `k` is outside [0, 1] or `keep` is neither.
    DataError
        If a price never moves, the moves span fewer dimensions than the target needs (fewer scenarios than coins), or moves are
        to be kept and scenarios differ in weight.

    Notes
    -----
    A mixture of two correlation matrices is one itself, so the target is always valid. Changing the moves rather than the matrix
    is the way of C. Finger, A methodology to stress correlations, RiskMetrics Monitor (fourth quarter 1997); this mixing is that
    of D. Dowson and B. Landau, The Frechet distance between multivariate normal distributions, Journal of Multivariate Analysis
    12 (1982). Ranks: R. Iman and W. Conover, A distribution-free approach to inducing rank correlation among input variables,
    Communications in Statistics B 11 (1982).
    """
    return _mixed(history, k, np.ones((len(history.names), len(history.names))), keep)


def loosened(history: History, k: float, *, keep: Literal["volatilities", "moves"]) -> History:
    """The history with the correlations of prices pulled towards none by a fraction `k`.

    As `pulled`, with the target ``(1 - k) * C + k * I``. At ``k = 1`` log moves are uncorrelated, not independent: days on which
    much happened stay days on which much happened. `broken` takes that away too.

    Parameters
    ----------
    history : History
        As in `pulled`.
    k : float
        In [0, 1].
    keep : {"volatilities", "moves"}

    Raises
    ------
    ValueError, DataError
        As in `pulled`.
    """
    return _mixed(history, k, np.eye(len(history.names)), keep)


def _mixed(history: History, k: float, end: Array, keep: str) -> History:
    """The history with correlations ``(1 - k) * C + k * end``."""
    if not 0.0 <= k <= 1.0:
        raise ValueError(f"k={k}: a fraction between 0 and 1")
    if keep not in ("volatilities", "moves"):
        raise ValueError(f"keep={keep!r}: choose from volatilities, moves")
    if keep == "moves":
        _check_equal_weights(history)
    if k == 0.0:
        return history  # the mixing is the identity, but a nearly singular correlation would lose digits on the way to it
    weight = history.weight
    price = np.log1p(history.price)
    mean, deviation = _moments(price, weight)
    if not (deviation > 0.0).all():
        name = history.names[int(np.argmin(deviation > 0.0))]
        raise DataError("the price never moves", table=TABLE, column="price", key={"name": name}, hint="Leave the coin out.")
    standard = (price - mean) / deviation
    correlation = (standard * weight[:, None]).T @ standard
    target = (1.0 - k) * correlation + k * end
    mixing = _mixing(correlation, target)
    if np.abs(mixing @ correlation @ mixing - target).max() > _TOLERANCE:
        problem = f"the moves of {len(history.names)} coins in {history.n_scenarios} scenarios span too few dimensions"
        raise DataError(problem, table=TABLE, column="price", hint="Give more scenarios, or leave out coins that repeat others.")
    if keep == "moves":
        rank = np.argsort(np.argsort(standard @ mixing, axis=0, kind="stable"), axis=0, kind="stable")
        return _reordered(history, np.take_along_axis(np.argsort(price, axis=0, kind="stable"), rank, axis=0))
    vol = np.log1p(history.vol)
    vol_mean, vol_deviation = _moments(vol, weight)
    still = vol_deviation == 0.0
    mixed = np.einsum("sunm,uv->svnm", (vol - vol_mean) / np.where(still, 1.0, vol_deviation), mixing)
    spread = _moments(mixed, weight)[1]
    mixed *= np.where(still, 0.0, vol_deviation) / np.where(spread > 0.0, spread, 1.0)
    return replace(
        history,
        price=np.expm1(mean + standard @ mixing * deviation),
        vol=np.expm1(vol_mean + mixed),
    )


def broken(history: History, *, seed: int) -> History:
    """The history with the coins' joint structure gone: the rows of each coin in a random order of their own.

    Each coin keeps exactly the moves it had, and each price move the move of its own surface on that day; what other coins did on
    the day is drawn anew. Labels become numbers, as a row is no day any more.

    Parameters
    ----------
    history : History
        Equally weighted: a weight belongs to a joint row and would not survive.
    seed : int
        Of the permutations.

    Raises
    ------
    DataError
        If scenarios differ in weight.
    """
    _check_equal_weights(history)
    rng = np.random.Generator(np.random.PCG64(seed))
    n, u = history.price.shape
    order = np.stack([rng.permutation(n) for _ in range(u)], axis=1)
    return replace(_reordered(history, order), labels=tuple(f"broken {row}" for row in range(n)))


def _check_equal_weights(history: History) -> None:
    if not history.equally_weighted:
        hint = "Change the correlations first, then weight."
        raise DataError("scenarios of different weight cannot be permuted", table=TABLE, column="weight", hint=hint)


def _reordered(history: History, row: NDArray[np.intp]) -> History:
    """Price and surface of each coin in an order of its own, `row` of shape (S, U)."""
    coin = np.arange(len(history.names))
    return replace(history, price=history.price[row, coin], vol=history.vol[row, coin])


def _moments(values: Array, weight: Array) -> tuple[Array, Array]:
    """Weighted mean and standard deviation over the first axis."""
    mean = np.tensordot(weight, values, axes=1)
    deviation = np.sqrt(np.tensordot(weight, (values - mean) ** 2, axes=1))
    # Equal numbers differ from their mean by rounding: that is no move.
    return mean, np.where(deviation > 1e-14 * np.abs(mean), deviation, 0.0)


def _mixing(correlation: Array, target: Array) -> Array:
    """The symmetric A with ``A C A = C'``, by pseudo-inverse where ``C' ** (1/2) C C' ** (1/2)`` is singular."""
    root = _power(target, 0.5)
    mixing: Array = root @ _power(root @ correlation @ root, -0.5) @ root
    return mixing


def _power(matrix: Array, exponent: float) -> Array:
    """Power of a symmetric matrix without negative eigenvalues, on the space where these are not zero."""
    value, vector = np.linalg.eigh((matrix + matrix.T) / 2.0)
    large = value > len(value) * np.finfo(np.float64).eps * value[-1]
    power = np.zeros_like(value)
    power[large] = value[large] ** exponent
    result: Array = (vector * power) @ vector.T
    return result
