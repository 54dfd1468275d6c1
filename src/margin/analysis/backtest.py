"""Tests of value at risk and expected shortfall against what happened next.

A day on which the loss exceeds the value at risk is a *breach*. If the model is right, breaches come with the probability
``1 - level``, independently of each other; the tests ask how surprising the breaches that came would then be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.errors import DataError

Array = NDArray[np.float64]
Light = Literal["green", "yellow", "red"]

TABLE = "backtest"


@dataclass(frozen=True, slots=True)
class LikelihoodRatio:
    """A likelihood ratio test.

    Attributes
    ----------
    statistic : float
        Twice the logarithm of the likelihood ratio, >= 0.
    p_value : float
        Probability of a statistic at least as large if the model is right, in the limit of many days.
    """

    statistic: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a series of margins was worth.

    Attributes
    ----------
    days, breaches : int
    expected : float
        ``(1 - level) * days``.
    kupiec, independence, coverage : LikelihoodRatio
        See `kupiec`, `independence`, `conditional_coverage`.
    light : {"green", "yellow", "red"}
        See `traffic_light`.
    exceedance : float
        Mean of loss over expected shortfall on the days of a breach: 1 if the shortfall is right, above it if it is too small;
        nan without a breach.
    z2 : float
        See `acerbi_szekely`; nan where an expected shortfall is not positive.
    peak_to_trough : float
        Largest value at risk over smallest of the period: how far a margin asks for more in a storm than in a calm. nan where the
        smallest is not positive.
    largest_rise : float
        Largest value at risk over that of the day before; nan as above, or with one day only.
    """

    days: int
    breaches: int
    expected: float
    kupiec: LikelihoodRatio
    independence: LikelihoodRatio
    coverage: LikelihoodRatio
    light: Light
    exceedance: float
    z2: float
    peak_to_trough: float
    largest_rise: float

    @classmethod
    def of(cls, loss: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike, *, level: float) -> Backtest:
        """Test a series of margins.

        Parameters
        ----------
        loss : array_like, shape (T,)
            Realised losses, positive where money was lost, in order of time.
        value_at_risk, expected_shortfall : array_like, shape (T,)
            What was said the day before; losses positive.
        level : float
            Confidence of both, in (0, 1).

        Raises
        ------
        DataError
            If the series are empty, differ in length or hold a number that is not finite.
        ValueError
            If `level` is outside (0, 1).

        Notes
        -----
        A loss equal to the value at risk is no breach.
        """
        losses, var, shortfall = _series(loss, value_at_risk, expected_shortfall)
        breach = losses > var
        days, count = len(breach), int(breach.sum())
        beyond = losses[breach & (shortfall > 0.0)] / shortfall[breach & (shortfall > 0.0)]
        return cls(
            days=days,
            breaches=count,
            expected=(1.0 - level) * days,
            kupiec=kupiec(count, days, level=level),
            independence=independence(breach),
            coverage=conditional_coverage(breach, level=level),
            light=traffic_light(count, days, level=level),
            exceedance=float(beyond.mean()) if len(beyond) else math.nan,
            z2=acerbi_szekely(losses, var, shortfall, level=level) if (shortfall > 0.0).all() else math.nan,
            peak_to_trough=float(var.max() / var.min()) if var.min() > 0.0 else math.nan,
            largest_rise=float((var[1:] / var[:-1]).max()) if var.min() > 0.0 and days > 1 else math.nan,
        )


def kupiec(breaches: int, days: int, *, level: float) -> LikelihoodRatio:
    """Proportion of failures: whether breaches come as often as they should.

    With x breaches in T days and ``p = 1 - level``::

        LR = -2 ln((1 - p) ** (T - x) * p ** x) + 2 ln((1 - x / T) ** (T - x) * (x / T) ** x)

    chi-square with one degree of freedom; ``0 * ln 0`` is 0, so no breach and all breaches have their limits.

    Parameters
    ----------
    breaches, days : int
        ``0 <= breaches <= days``, ``days >= 1``.
    level : float
        In (0, 1).

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Source: P. Kupiec, Techniques for verifying the accuracy of risk measurement models, Journal of Derivatives 3 (1995).

    Examples
    --------
    >>> round(kupiec(5, 250, level=0.99).statistic, 3)
    1.957
    """
    p = _failure(level)
    if not 0 <= breaches <= days or days < 1:
        raise ValueError(f"breaches={breaches}, days={days}: at least one day, and no more breaches than days")
    statistic = _log_likelihood(days - breaches, breaches) - _log_likelihood_at(days - breaches, breaches, p)
    return _test(2.0 * statistic, degrees=1)


def independence(breach: ArrayLike) -> LikelihoodRatio:
    """Whether a breach is more (or less) likely the day after a breach.

    Of the T - 1 transitions ``n_ij`` go from state i to state j (1 is a breach). A first-order Markov chain with its own
    probability of a breach after each state is compared with one probability for both; chi-square with one degree of freedom.
    Where a state is never left, nothing can be told and the statistic is 0.

    Parameters
    ----------
    breach : array_like of bool, shape (T,)
        In order of time.

    Notes
    -----
    Source: P. Christoffersen, Evaluating interval forecasts, International Economic Review 39 (1998).
    """
    hit = np.asarray(breach, dtype=np.bool_)
    before, after = hit[:-1], hit[1:]
    n00, n01 = int((~before & ~after).sum()), int((~before & after).sum())
    n10, n11 = int((before & ~after).sum()), int((before & after).sum())
    markov = _log_likelihood(n00, n01) + _log_likelihood(n10, n11)
    return _test(2.0 * (markov - _log_likelihood(n00 + n10, n01 + n11)), degrees=1)


def conditional_coverage(breach: ArrayLike, *, level: float) -> LikelihoodRatio:
    """Whether breaches come as often as they should, and independently.

    The sum of the two statistics, chi-square with two degrees of freedom.

    Parameters
    ----------
    breach : array_like of bool, shape (T,)
    level : float

    Notes
    -----
    Source: Christoffersen (1998), see `independence`. `kupiec` counts all T days here, the transitions T - 1 of them; conditional
    on the first day, the sum is the likelihood ratio of the chain against independence with the right probability.
    """
    hit = np.asarray(breach, dtype=np.bool_)
    frequency = kupiec(int(hit.sum()), len(hit), level=level)
    return _test(frequency.statistic + independence(hit).statistic, degrees=2)


def traffic_light(breaches: int, days: int, *, level: float) -> Light:
    """The zone of the supervisors' framework, for any number of days.

    Yellow begins where the probability of that many breaches or fewer, if the model is right, reaches 95 %, red where it reaches
    99.99 %: at 5 and 10 of 250 days and 99 %.

    Notes
    -----
    Source: Basel Committee, Supervisory framework for the use of backtesting in conjunction with the internal models approach to
    market risk capital requirements (January 1996); now MAR99.
    """
    p = _failure(level)
    logs = (
        math.lgamma(days + 1) - math.lgamma(k + 1) - math.lgamma(days - k + 1) + k * math.log(p) + (days - k) * math.log1p(-p)
        for k in range(breaches + 1)
    )
    probability = math.fsum(math.exp(log) for log in logs)
    if probability < 0.95:
        return "green"
    return "yellow" if probability < 0.9999 else "red"


def acerbi_szekely(loss: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike, *, level: float) -> float:
    """Z2: the losses of breaches against the expected shortfall, number and size at once.

    ``Z2 = 1 - sum over breaches of loss / ES / (T * (1 - level))``. Its expectation is 0 if the model is right, and below 0 where
    the expected shortfall is too small; over many shapes of tails -0.7 is near the 5 % quantile at a level of 97.5 % and 250
    days.

    Parameters
    ----------
    loss, value_at_risk, expected_shortfall : array_like, shape (T,)
        As for `Backtest.of`; the expected shortfall above zero.
    level : float

    Raises
    ------
    DataError
        If an expected shortfall is not above zero, or as for `Backtest.of`.

    Notes
    -----
    Source: C. Acerbi, B. Szekely, Backtesting expected shortfall, Risk (December 2014), test 2.
    """
    p = _failure(level)
    losses, var, shortfall = _series(loss, value_at_risk, expected_shortfall)
    if not (shortfall > 0.0).all():
        row = int(np.argmin(shortfall > 0.0))
        raise DataError(f"{shortfall[row]:g} is not above zero", table=TABLE, column="expected_shortfall", row=row)
    breach = losses > var
    return 1.0 - float((losses[breach] / shortfall[breach]).sum()) / (len(losses) * p)


def chi_square_tail(statistic: float, *, degrees: Literal[1, 2]) -> float:
    """Probability that a chi-square variable exceeds `statistic`, in closed form for one and two degrees of freedom."""
    return math.erfc(math.sqrt(statistic / 2.0)) if degrees == 1 else math.exp(-statistic / 2.0)


def _test(statistic: float, *, degrees: Literal[1, 2]) -> LikelihoodRatio:
    # A maximum of a likelihood is never below its value anywhere: what is negative is rounding.
    exact = max(statistic, 0.0)
    return LikelihoodRatio(exact, chi_square_tail(exact, degrees=degrees))


def _failure(level: float) -> float:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level={level}: a confidence between 0 and 1, 0.99 for 99 %")
    return 1.0 - level


def _log_likelihood(no: int, yes: int) -> float:
    """Log likelihood of `no` and `yes` at the frequency they have themselves."""
    return _log_likelihood_at(no, yes, yes / (no + yes)) if no + yes else 0.0


def _log_likelihood_at(no: int, yes: int, p: float) -> float:
    return (no * math.log1p(-p) if no else 0.0) + (yes * math.log(p) if yes else 0.0)


def _series(loss: ArrayLike, value_at_risk: ArrayLike, expected_shortfall: ArrayLike) -> tuple[Array, Array, Array]:
    given = {"loss": loss, "value_at_risk": value_at_risk, "expected_shortfall": expected_shortfall}
    arrays = {column: np.asarray(values, dtype=np.float64) for column, values in given.items()}
    shape = arrays["loss"].shape
    for column, values in arrays.items():
        if values.ndim != 1 or not len(values) or values.shape != shape:
            problem = f"shape {values.shape}, loss has {shape}"
            raise DataError(problem, table=TABLE, column=column, hint="Give one number a day, the same days for all.")
        finite = np.isfinite(values)
        if not finite.all():
            row = int(np.argmin(finite))
            raise DataError(f"{values[row]} is not a finite number", table=TABLE, column=column, row=row, value=values[row])
    return arrays["loss"], arrays["value_at_risk"], arrays["expected_shortfall"]
