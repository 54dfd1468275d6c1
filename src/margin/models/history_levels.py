"""A history from levels: moves of prices and of implied volatilities over a horizon, without filling what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.errors import DataError
from margin.models.history import TABLE, History

Array = NDArray[np.float64]
Missing = Literal["refuse", "dates", "names"]

STILL = np.zeros((1, 1))
"""Vol moves of a coin whose volatilities are held still: none, at one node."""


def history_of_levels(
    *,
    dates: Sequence[str],
    names: Sequence[str],
    price: ArrayLike,
    vol: Mapping[str, ArrayLike | None],
    tenors: ArrayLike,
    moneyness: ArrayLike,
    horizon: int,
    overlapping: bool,
    missing: Missing = "refuse",
) -> History:
    """Joint moves over a horizon from observed prices and implied volatilities.

    The log return ``x = ln(level[t + h] / level[t])`` of every price and of every vol node, as the simple move ``exp(x) - 1``
    that a margin model applies: one definition for both, above -1 by construction. A move is labelled with the date on which
    it ends.

    Parameters
    ----------
    dates : sequence of str, length T
        Ascending, in a form that sorts as text (ISO 8601).
    names : sequence of str, length U
    price : array_like, shape (T, U)
        Above zero; nan where not observed.
    vol : mapping of str to array_like of shape (T, N, M) or None
        Levels at the nodes for each name, above zero, nan where not observed. None holds the vols of that coin still, on
        purpose: its options are then repriced at today's vol.
    tenors : array_like, shape (N,), days
    moneyness : array_like, shape (M,)
    horizon : int
        Observations from the start of a move to its end, >= 1: days where the levels are daily.
    overlapping : bool
        A move starts at every observation (more rows, which share observations when the horizon is above 1 and are then not
        independent), else at every `horizon`-th, counted back from the newest.
    missing : {"refuse", "dates", "names"}
        What to do where something was not observed. ``refuse``: an error. ``dates``: keep the common span, from the first to
        the last date on which everything was observed; a gap inside it stays an error. ``names``: keep the coins that were
        observed on every date.

    Raises
    ------
    DataError
        If levels are missing and may not be, are not above zero, dates do not ascend, shapes do not fit or fewer than
        ``horizon + 1`` dates remain.

    Examples
    --------
    >>> history = history_of_levels(
    ...     dates=["2026-01-01", "2026-01-02", "2026-01-03"], names=["BTC"], price=[[100.0], [110.0], [99.0]], vol={"BTC": None},
    ...     tenors=[30.0], moneyness=[0.0], horizon=1, overlapping=True)
    >>> history.labels, history.price[:, 0].round(12).tolist()
    (('2026-01-02', '2026-01-03'), [0.1, -0.1])
    """
    if missing not in ("refuse", "dates", "names"):
        raise ValueError(f"missing={missing!r}: choose from refuse, dates, names")
    if horizon < 1:
        raise ValueError(f"horizon={horizon}: at least one observation")
    told, kept = _dates(dates), list(names)
    n, m = np.size(tenors), np.size(moneyness)
    prices = _levels("price", price, (len(told), len(kept)))
    vols = np.stack([_vol_of(name, vol, (len(told), n, m)) for name in kept], axis=1) if kept else np.empty((len(told), 0, n, m))
    for name in vol:
        if name not in kept:
            raise DataError(f"{name!r} has vols but no prices", table=TABLE, column="vol", value=name)
    seen = np.isfinite(prices) & np.isfinite(vols).all(axis=(2, 3))
    if missing == "names":
        whole = np.asarray(seen.all(axis=0))
        kept = [kept[u] for u in np.flatnonzero(whole)]
        prices, vols, seen = prices[:, whole], vols[:, whole], seen[:, whole]
    if missing == "dates" and seen.all(axis=1).any():
        common = np.flatnonzero(seen.all(axis=1))
        span = slice(int(common[0]), int(common[-1]) + 1)
        told, prices, vols, seen = told[span], prices[span], vols[span], seen[span]
    _refuse_missing(seen, told, kept, missing)
    if len(told) <= horizon:
        hint = f"A move over {horizon} needs {horizon + 1}."
        raise DataError(f"{len(told)} dates", table=TABLE, column="dates", hint=hint)
    end = np.arange(len(told) - 1, horizon - 1, -1 if overlapping else -horizon)[::-1]
    return History.of(
        labels=[told[i] for i in end],
        names=kept,
        price=np.expm1(np.log(prices[end] / prices[end - horizon])),
        vol=np.expm1(np.log(vols[end] / vols[end - horizon])),
        tenors=tenors,
        moneyness=moneyness,
    )


def _dates(dates: Sequence[str]) -> tuple[str, ...]:
    told = tuple(str(date) for date in dates)
    for row in range(1, len(told)):
        if not told[row - 1] < told[row]:
            problem = f"{told[row]} does not come after {told[row - 1]}"
            raise DataError(problem, table=TABLE, column="dates", row=row, value=told[row], hint="Sort by date, one row a date.")
    return told


def _vol_of(name: str, vol: Mapping[str, ArrayLike | None], shape: tuple[int, ...]) -> Array:
    if name not in vol:
        hint = "Give levels, or None to hold them still."
        raise DataError(f"no vols of {name!r}", table=TABLE, column="vol", value=name, hint=hint)
    levels = vol[name]
    return np.ones(shape) if levels is None else _levels("vol", levels, shape)


def _levels(column: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        hint = "price is (dates, names), vol of each name is (dates, tenors, moneyness)."
        raise DataError(f"shape {array.shape}, not {shape}", table=TABLE, column=column, hint=hint)
    wrong = (array <= 0.0) | np.isinf(array)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        problem = f"{array[place]:g} is not a level above zero"
        raise DataError(problem, table=TABLE, column=column, row=place[0], value=array[place], hint="nan says: not observed.")
    return array


def _refuse_missing(seen: NDArray[np.bool_], dates: tuple[str, ...], names: list[str], missing: Missing) -> None:
    if seen.all():
        return
    row, column = (int(i) for i in np.argwhere(~seen)[0])
    hint = {
        "refuse": "Restrict with missing='dates' (the common span) or missing='names' (the coins that are complete).",
        "dates": "The gap lies inside the common span: leave the coin out or give the level. Nothing is filled.",
        "names": "",
    }[missing]
    key = {"date": dates[row], "name": names[column]}
    count = int((~seen).any(axis=1).sum())
    raise DataError("not observed", table=TABLE, column="price or vol", row=row, key=key, count=count, hint=hint)
