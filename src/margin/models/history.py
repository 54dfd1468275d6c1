"""Joint scenarios: what prices and volatilities of several underlyings did together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from margin.errors import DataError

Array = NDArray[np.float64]

TABLE = "history"
"""What errors call this table."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class History:
    """Joint scenario returns: one row for each scenario; S scenarios, U underlyings, N tenors, M moneyness nodes.

    Made by `History.of` from moves, by `margin.models.history_levels.history_of_levels` from prices and vols. Rows are in
    order of time, the newest last, wherever an operation speaks of time. Arrays must not be changed.

    Attributes
    ----------
    labels : tuple of str, length S
        What each scenario is, usually a date.
    names : tuple of str, length U
        Underlying coins, as in the currencies of a market.
    price : ndarray of float64, shape (S, U)
        Relative (simple) price moves, > -1.
    vol : ndarray of float64, shape (S, U, N, M)
        Relative changes of implied volatility, > -1, at the nodes; between nodes linear, outside flat.
    tenors : ndarray of float64, shape (N,)
        Days to expiry, ascending.
    moneyness : ndarray of float64, shape (M,)
        ``ln(strike / forward) / sqrt(years)``, ascending.
    weight : ndarray of float64, shape (S,)
        Probability of each scenario, >= 0, adding up to 1.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    price: Array
    vol: Array
    tenors: Array
    moneyness: Array
    weight: Array

    @classmethod
    def of(
        cls,
        *,
        labels: Sequence[str],
        names: Sequence[str],
        price: ArrayLike,
        vol: ArrayLike,
        tenors: ArrayLike,
        moneyness: ArrayLike,
        weight: ArrayLike | None = None,
    ) -> History:
        """Check joint moves and make a history of them.

        Parameters
        ----------
        labels : sequence of str, length S
        names : sequence of str, length U
        price : array_like, shape (S, U)
        vol : array_like, shape (S, U, N, M)
        tenors : array_like, shape (N,), days
        moneyness : array_like, shape (M,)
        weight : array_like, shape (S,), optional
            By default every scenario weighs the same. Weights must add up to 1 within 1e-9 and are then scaled to do so to
            rounding.

        Raises
        ------
        DataError
            If there is no scenario or no underlying, a name is empty or occurs twice, a shape does not fit, nodes do not
            ascend, a number is not finite, a move is -1 or below, or weights are negative or do not add up to 1.

        Examples
        --------
        >>> History.of(labels=["calm", "fall"], names=["BTC"], price=[[0.0], [-0.1]], vol=[[[[0.0]]], [[[0.2]]]],
        ...            tenors=[30.0], moneyness=[0.0]).n_scenarios
        2
        """
        named = _names(names)
        told = tuple(str(label) for label in labels)
        days, nodes = _nodes("tenors", tenors), _nodes("moneyness", moneyness)
        if not told:
            raise DataError("no scenario", table=TABLE, column="labels", hint="Give at least one row of moves.")
        s, u = len(told), len(named)
        moves = _array("price", price, (s, u))
        vols = _array("vol", vol, (s, u, len(days), len(nodes)))
        for column, values in (("price", moves), ("vol", vols)):
            _above_minus_one(column, values, told, named)
        weights = np.full(s, 1.0 / s) if weight is None else _weights(weight, told)
        return cls(labels=told, names=named, price=moves, vol=vols, tenors=days, moneyness=nodes, weight=weights)

    @property
    def n_scenarios(self) -> int:
        """Number of scenarios, S."""
        return len(self.labels)

    @property
    def equally_weighted(self) -> bool:
        """Whether every scenario weighs the same, to rounding."""
        return bool(np.allclose(self.weight, 1.0 / self.n_scenarios, rtol=1e-12, atol=0.0))

    def rows(self, first: int, last: int) -> History:
        """Scenarios ``first .. last - 1``, their weights scaled to add up to 1.

        Raises
        ------
        DataError
            If there are no such rows, or none of them has a weight.
        """
        if not 0 <= first < last <= self.n_scenarios:
            problem = f"rows {first} .. {last - 1} of {self.n_scenarios}"
            raise DataError(problem, table=TABLE, hint="Choose rows that the history has, at least one.")
        kept = self.weight[first:last]
        if not kept.sum() > 0.0:
            raise DataError(f"rows {first} .. {last - 1} have no weight", table=TABLE, column="weight", row=first)
        return replace(
            self,
            labels=self.labels[first:last],
            price=self.price[first:last],
            vol=self.vol[first:last],
            weight=kept / kept.sum(),
        )

    def window(self, n: int) -> History:
        """The newest `n` scenarios. Raises `DataError` if there are fewer."""
        if not 1 <= n <= self.n_scenarios:
            problem = f"a window of {n} scenarios of {self.n_scenarios}"
            raise DataError(problem, table=TABLE, hint="Ask for fewer rows or give a longer history.")
        return self.rows(self.n_scenarios - n, self.n_scenarios)

    def select(self, names: Sequence[str]) -> History:
        """The named underlyings, in that order. Raises `DataError` if one of them is not there."""
        for name in names:
            if name not in self.names:
                problem = f"{name!r} is not an underlying of this history"
                raise DataError(problem, table=TABLE, column="names", value=name, hint=f"It has {', '.join(self.names)}.")
        column = [self.names.index(name) for name in names]
        return replace(self, names=_names(names), price=self.price[:, column], vol=self.vol[:, column])

    def __repr__(self) -> str:
        weighted = "" if self.equally_weighted else ", weighted"
        span = f"{self.n_scenarios} scenarios {self.labels[0]} .. {self.labels[-1]}"
        return f"History({span}, {' '.join(self.names)}, {len(self.tenors)} x {len(self.moneyness)} vol nodes{weighted})"


def _names(names: Sequence[object]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise DataError(f"{names!r} is a text, not a list of names", table=TABLE, column="names", hint=f"Write [{names!r}].")
    if not names:
        raise DataError("no underlying", table=TABLE, column="names", hint="Name at least one coin.")
    named: list[str] = []
    for row, name in enumerate(names):
        if not isinstance(name, str) or not name:
            raise DataError(f"{name!r} is not a name", table=TABLE, column="names", row=row, value=name)
        if name in named:
            raise DataError(f"{name!r} occurs twice", table=TABLE, column="names", row=row, value=name)
        named.append(name)
    return tuple(named)


def _array(column: str, values: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.array(values, dtype=np.float64)
    if array.shape != shape:
        hint = "price is (scenarios, names), vol is (scenarios, names, tenors, moneyness)."
        raise DataError(f"shape {array.shape}, not {shape}", table=TABLE, column=column, hint=hint)
    return array


def _nodes(column: str, values: ArrayLike) -> Array:
    nodes = np.array(values, dtype=np.float64)
    if nodes.ndim != 1 or not len(nodes):
        raise DataError(f"shape {nodes.shape}, not a list of nodes", table=TABLE, column=column, hint="Give at least one node.")
    wrong = ~np.isfinite(nodes) | np.append(False, ~(np.diff(nodes) > 0.0))
    if column == "tenors":
        wrong |= ~(nodes > 0.0)
    if wrong.any():
        row = int(np.argmax(wrong))
        hint = "Nodes are finite and ascend" + (", tenors are above zero days." if column == "tenors" else ".")
        raise DataError(f"{nodes[row]:g} cannot stand there", table=TABLE, column=column, row=row, value=nodes[row], hint=hint)
    return nodes


def _above_minus_one(column: str, values: Array, labels: tuple[str, ...], names: tuple[str, ...]) -> None:
    # Not finite compares false, so one comparison finds both.
    wrong = ~((values > -1.0) & (values < np.inf))
    if not wrong.any():
        return
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    value = values[place]
    key: dict[str, object] = {"label": labels[place[0]], "name": names[place[1]]}
    if len(place) > 2:
        key |= {"tenor": place[2], "moneyness": place[3]}
    problem = f"{value:g} is not above -1" if np.isfinite(value) else f"{value} is not a finite number"
    hint = "Moves are fractions: -0.1 is a fall by a tenth. Leave out rows that were not observed."
    count = int(wrong.reshape(len(labels), -1).any(axis=1).sum())
    raise DataError(problem, table=TABLE, column=column, row=place[0], key=key, value=value, count=count, hint=hint)


def _weights(weight: ArrayLike, labels: tuple[str, ...]) -> Array:
    weights = _array("weight", weight, (len(labels),))
    wrong = ~((weights >= 0.0) & (weights < np.inf))
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"{weights[row]:g} is not a probability"
        raise DataError(problem, table=TABLE, column="weight", row=row, key={"label": labels[row]}, value=weights[row])
    total = float(weights.sum())
    if abs(total - 1.0) > 1e-9:
        raise DataError(f"weights add up to {total:.12g}, not 1", table=TABLE, column="weight", hint="Divide them by their sum.")
    return weights / total
