"""What counts more in a history: recent scenarios, today's volatility, a stressed period."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.models.history import TABLE, History

Array = NDArray[np.float64]


def age_weighted(history: History, *, decay: float) -> History:
    """Scenarios weighted by age: each is worth `decay` times the next newer one.

    ``weight[s]`` in proportion to ``decay ** (S - 1 - s)``, times the weight it had; rows are in order of time.

    Parameters
    ----------
    history : History
    decay : float
        In (0, 1]; 1 changes nothing.

    Raises
    ------
    ValueError
        If `decay` is outside (0, 1].

    Notes
    -----
    Source: J. Boudoukh, M. Richardson, R. Whitelaw, The best of both worlds, Risk 11 (May 1998). They use 0.97 to 0.99 on days.
    """
    _check_decay(decay)
    weight = history.weight * decay ** np.arange(history.n_scenarios - 1, -1, -1.0)
    return replace(history, weight=weight / weight.sum())


def filtered(history: History, *, decay: float) -> History:
    """Volatility-scaled history: every move at today's volatility instead of its own day's.

    The log move ``x[s] = ln(1 + move[s])`` becomes ``x[s] * sigma[S] / sigma[s]``, where ``sigma[s]`` is the volatility that was
    expected for row s from the rows before it, and ``sigma[S]`` the one expected now::

        sigma[s + 1] ** 2 = decay * sigma[s] ** 2 + (1 - decay) * x[s] ** 2

    It starts from the mean square over the history, which is known now, so nothing of the future is used. Prices have one ratio
    for each coin. The vol nodes of a coin share one, from the mean square of their log moves: the surface moves by more or by
    less, but in the shape that the day gave it. A factor that never moved stays still.

    Parameters
    ----------
    history : History
        Rows in order of time. Weights are kept.
    decay : float
        In (0, 1); the smoothing of the volatility. 0.94 is what RiskMetrics (1996) uses for days.

    Raises
    ------
    ValueError
        If `decay` is outside (0, 1).

    Notes
    -----
    Sources: J. Hull, A. White, Incorporating volatility updating into the historical simulation method for value-at-risk, Journal
    of Risk 1 (1998); G. Barone-Adesi, K. Giannopoulos, L. Vosper, VaR without correlations for portfolios of derivative
    securities, Journal of Futures Markets 19 (1999), who filter with GARCH in place of the exponential average.
    """
    if not 0.0 < decay < 1.0:
        raise ValueError(f"decay={decay}: a number between 0 and 1")
    price, vol = np.log1p(history.price), np.log1p(history.vol)
    scaled = price * _ratio(price**2, decay)
    surface = vol * _ratio(np.mean(vol**2, axis=(2, 3)), decay)[:, :, None, None]
    return replace(history, price=np.expm1(scaled), vol=np.expm1(surface))


def stressed_rows(history: History, *, n: int) -> History:
    """The `n` consecutive scenarios with the largest realised variance.

    The mean over the coins of the squared log price moves, summed over the window; of equals the latest. The choice does not look
    at a portfolio, so that one period serves every account. Weights of the result are equal.

    Raises
    ------
    DataError
        If the history has fewer than `n` rows.

    Notes
    -----
    A stressed period in the calibration is asked for by Commission Delegated Regulation (EU) 153/2013, Article 28 (1) (b), with a
    weight of at least a quarter, and, chosen by the largest loss of the portfolio, by the Basel market risk standard MAR33.
    """
    if not 1 <= n <= history.n_scenarios:
        problem = f"a stressed period of {n} scenarios of {history.n_scenarios}"
        raise DataError(problem, table=TABLE, hint="Ask for a shorter one or give a longer history.")
    variance = np.mean(np.log1p(history.price) ** 2, axis=1)
    total = np.convolve(variance, np.ones(n), mode="valid")
    first = len(total) - 1 - int(np.argmax(total[::-1]))
    kept = history.rows(first, first + n)
    return replace(kept, weight=np.full(n, 1.0 / n))


def joined(history: History, stressed: History, *, stressed_weight: float) -> History:
    """Two histories as one, the second with a given total weight; its rows come first and are labelled ``stress``.

    Parameters
    ----------
    history, stressed : History
        Of the same names and nodes.
    stressed_weight : float
        In [0, 1]: probability of all stressed scenarios together.

    Raises
    ------
    DataError
        If names or nodes differ.
    ValueError
        If the weight is no probability.
    """
    if not 0.0 <= stressed_weight <= 1.0:
        raise ValueError(f"stressed_weight={stressed_weight}: a probability is between 0 and 1")
    if history.names != stressed.names:
        problem = f"{' '.join(history.names)} cannot be joined with {' '.join(stressed.names)}"
        raise DataError(problem, table=TABLE, column="names", hint="Select the same names in the same order.")
    for column, one, other in (
        ("tenors", history.tenors, stressed.tenors),
        ("moneyness", history.moneyness, stressed.moneyness),
    ):
        if not np.array_equal(one, other):
            raise DataError(f"{one.tolist()} cannot be joined with {other.tolist()}", table=TABLE, column=column)
    return replace(
        history,
        labels=tuple(f"stress {label}" for label in stressed.labels) + history.labels,
        price=np.concatenate((stressed.price, history.price)),
        vol=np.concatenate((stressed.vol, history.vol)),
        weight=np.concatenate((stressed_weight * stressed.weight, (1.0 - stressed_weight) * history.weight)),
    )


def _check_decay(decay: float) -> None:
    if not 0.0 < decay <= 1.0:
        raise ValueError(f"decay={decay}: a number above 0 and at most 1")


def _ratio(square: Array, decay: float) -> Array:
    """Volatility expected after the last row over that expected for each row, shape of `square`: (S, U)."""
    variance = np.empty_like(square)
    level = square.mean(axis=0)
    for s, latest in enumerate(square):
        variance[s] = level
        level = decay * level + (1.0 - decay) * latest
    ratio: Array = np.sqrt(np.divide(level, variance, out=np.ones_like(variance), where=variance > 0.0))
    return ratio
