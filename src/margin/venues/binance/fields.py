"""Fields of the venue's responses, read with their path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from margin.errors import DataError


@dataclass(frozen=True, slots=True)
class Fields:
    """A value of a response and the path to it; numbers may be strings, as the venue writes them.

    Attributes
    ----------
    value : object
    path : str
    """

    value: Any
    path: str

    def __contains__(self, name: str) -> bool:
        return isinstance(self.value, Mapping) and self.value.get(name) not in (None, "")

    def items(self) -> list[Fields]:
        """Elements of a list."""
        if not isinstance(self.value, list | tuple):
            raise self.error("", f"{_shown(self.value)} is not a list", "Hand over the response as the venue gives it.")
        return [Fields(item, f"{self.path}[{i}]") for i, item in enumerate(self.value)]

    def at(self, name: str) -> Fields:
        """A field of an object."""
        if not isinstance(self.value, Mapping):
            raise self.error("", f"{_shown(self.value)} is not an object", "Hand over the response as the venue gives it.")
        if name not in self.value:
            raise self.error(name, "missing", "Hand over the response as the venue gives it.")
        return Fields(self.value[name], f"{self.path}.{name}")

    def number(self, name: str) -> float:
        """A field as a finite number."""
        value = self.at(name).value
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise self.error(name, f"{_shown(value)} is not a number", "Give a finite number, also as a string.")
        return number

    def number_or(self, name: str, otherwise: float) -> float:
        """A field as a number, where it is there."""
        return self.number(name) if name in self else otherwise

    def text(self, name: str) -> str:
        """A field as a text that is not empty."""
        value = self.at(name).value
        if not isinstance(value, str) or not value:
            raise self.error(name, f"{_shown(value)} is not a text", "Hand over the response as the venue gives it.")
        return value

    def flag(self, name: str) -> bool:
        """A field as true or false."""
        value = self.at(name).value
        if value not in (True, False, "true", "false"):
            raise self.error(name, f"{_shown(value)} is neither true nor false", "Hand over the response as the venue gives it.")
        return value in (True, "true")

    def name_of(self, *names: str) -> str:
        """The first of several names that is there, as responses differ between versions."""
        return next((name for name in names if name in self), names[0])

    def error(self, name: str, problem: str, hint: str) -> DataError:
        """The error of a field: its path, what is wrong, what to do."""
        return DataError(problem, table=self.path, column=name, value=_at(self.value, name), hint=hint)


def _at(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) and name else None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 100 else type(value).__name__
