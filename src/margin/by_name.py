"""Numbers that differ by unit, pair or currency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from margin.errors import ParameterError


@dataclass(frozen=True, slots=True)
class ByName:
    """A parameter that is looked up by the name of a unit, pair or currency, and has no default.

    Attributes
    ----------
    parameter : str
        What the number is, for messages.
    values : float, Mapping or callable
        One number for all names; numbers by name; or a function of the name, which raises `ParameterError` itself.

    Examples
    --------
    >>> ByName("price_range", {"BTC": 0.16, "ETH": 0.18}).array(["ETH", "BTC"])
    array([0.18, 0.16])
    """

    parameter: str
    values: float | Mapping[str, float] | Callable[[str], float]

    def of(self, name: str) -> float:
        """The number of one name; raises `ParameterError` where there is none."""
        if callable(self.values):
            return self.values(name)
        if isinstance(self.values, Mapping):
            if name not in self.values:
                raise ParameterError(
                    f"{self.parameter} of {name} has no value. Give it one, or leave out what needs it.",
                    name=f"{name}.{self.parameter}",
                )
            return float(self.values[name])
        return float(self.values)

    def array(self, names: Iterable[str]) -> NDArray[np.float64]:
        """The numbers of several names."""
        return np.array([self.of(name) for name in names], dtype=np.float64)
