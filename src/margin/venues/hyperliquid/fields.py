"""Fields of a payload, read with the path that an error names."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from margin.errors import DataError


@dataclass(frozen=True, slots=True)
class Field:
    """A value of a payload and where it stands.

    Attributes
    ----------
    payload : str
        Name of the payload.
    path : str
        ``assetPositions[3].position.szi``.
    value : object
    """

    payload: str
    path: str
    value: Any

    def __getitem__(self, key: str) -> Field:
        """A key of an object. Raises `DataError` where there is none."""
        if not isinstance(self.value, Mapping):
            self.reject("is not an object")
        if key not in self.value:
            Field(self.payload, self._inner(key), None).reject("is missing", shown=False)
        return Field(self.payload, self._inner(key), self.value[key])

    def get(self, key: str) -> Field | None:
        """A key of an object that may be missing or null."""
        if not isinstance(self.value, Mapping):
            self.reject("is not an object")
        return self[key] if self.value.get(key) is not None else None

    def items(self) -> Iterator[Field]:
        """Elements of a list. Raises `DataError` where it is none."""
        if not isinstance(self.value, list):
            self.reject("is not a list")
        for i, value in enumerate(self.value):
            yield Field(self.payload, f"{self.path}[{i}]", value)

    def pair(self) -> tuple[Field, Field]:
        """A list of two. Raises `DataError` where it is none."""
        both = tuple(self.items())
        if len(both) != 2:
            self.reject("is not a list of two")
        return both[0], both[1]

    def number(self) -> float:
        """A finite number, as a number or in decimal digits. Raises `DataError` where it is none."""
        number = math.nan
        if isinstance(self.value, str | int | float) and not isinstance(self.value, bool):
            with contextlib.suppress(ValueError):
                number = float(self.value)
        if not math.isfinite(number):
            self.reject("is not a number")
        return number

    def positive(self) -> float:
        """A number above zero. Raises `DataError` where it is none."""
        number = self.number()
        if number <= 0:
            self.reject("is not above zero")
        return number

    def whole(self) -> int:
        """A whole number of zero or more. Raises `DataError` where it is none."""
        number = self.number()
        if not number.is_integer() or number < 0:
            self.reject("is not a whole number of zero or more")
        return int(number)

    def text(self) -> str:
        """A text that is not empty. Raises `DataError` where it is none."""
        if not isinstance(self.value, str) or not self.value:
            self.reject("is not a text")
        return self.value

    def flag(self) -> bool:
        """True or false. Raises `DataError` where it is neither."""
        if not isinstance(self.value, bool):
            self.reject("is not true or false")
        return self.value

    def choice(self, *choices: str) -> str:
        """One of some texts. Raises `DataError` where it is none of them."""
        if self.value not in choices:
            self.reject(f"is none of {', '.join(choices)}")
        return str(self.value)

    def reject(self, problem: str, *, shown: bool = True) -> NoReturn:
        """Raise the error of this field."""
        raise DataError(
            f"{self.value!r} {problem}" if shown else problem,
            table=self.payload,
            column=self.path,
            value=self.value,
            hint="Give the payload as the venue answers it.",
        )

    def _inner(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key
