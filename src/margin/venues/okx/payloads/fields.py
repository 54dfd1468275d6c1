"""Fields of a payload, each read with its path, so that what is wrong is named: ``positions[3].pos``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from margin.errors import DataError

SUCCESS = "0"
FLAGS = {True: True, False: False, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Record:
    """One object of a payload; the API writes numbers as strings, and an empty string where there is none.

    Attributes
    ----------
    values : Mapping of str to object
    path : str
        Where it stands: ``balance[0].details[2]``.
    """

    values: Mapping[str, Any]
    path: str

    def has(self, name: str) -> bool:
        """Whether a field is there and not empty."""
        return self.values.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A text that must be there."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            self.refuse(name, "is missing" if value in (None, "") else f"{value!r} is not a text")
        return str(value)

    def choice(self, name: str, *known: str) -> str:
        """One of some texts."""
        value = self.text(name)
        if value not in known:
            self.refuse(name, f"{value!r} is none of {', '.join(known)}")
        return value

    def number(self, name: str) -> float:
        """A finite number that must be there."""
        if not self.has(name):
            self.refuse(name, "is missing")
        value = self.values[name]
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            self.refuse(name, f"{value!r} is not a number")
        return number

    def positive(self, name: str) -> float:
        """A number above zero that must be there."""
        value = self.number(name)
        if value <= 0:
            self.refuse(name, f"{self.values[name]!r} is not above zero")
        return value

    def optional(self, name: str) -> float | None:
        """A number, None where the field is missing or empty."""
        return self.number(name) if self.has(name) else None

    def or_zero(self, name: str) -> float:
        """A number, zero where the field is missing or empty: the API leaves out amounts that are not there."""
        return self.number(name) if self.has(name) else 0.0

    def flag(self, name: str, *, otherwise: bool) -> bool:
        """True or false."""
        if not self.has(name):
            return otherwise
        value = self.values[name]
        if not isinstance(value, bool | str) or value not in FLAGS:
            self.refuse(name, f"{value!r} is neither true nor false")
        return FLAGS[value]

    def records(self, name: str) -> list[Record]:
        """A list of objects."""
        return _records(self.values.get(name), f"{self.path}.{name}")

    def refuse(self, name: str, problem: str, hint: str = "") -> NoReturn:
        """Raise the error of one field."""
        raise DataError(problem, column=f"{self.path}.{name}", value=self.values.get(name), hint=hint)


def records(payload: object, name: str) -> list[Record]:
    """The objects of an answer.

    Parameters
    ----------
    payload : str, bytes, mapping or list
        The whole answer, as text or read, or its ``data`` alone.
    name : str
        What it is called in errors.

    Raises
    ------
    DataError
        If it is not JSON, the answer is an error of the venue, or there is no list of objects.
    """
    if isinstance(payload, str | bytes):
        try:
            payload = json.loads(payload)
        except ValueError as error:
            raise DataError(f"not JSON: {error}", column=name) from None
    if isinstance(payload, Mapping):
        code = str(payload.get("code", SUCCESS))
        if code != SUCCESS:
            raise DataError(f"the venue answers with error {code}: {payload.get('msg', '')}", column=f"{name}.code", value=code)
        if "data" not in payload:
            raise DataError("the answer has no data", column=name, hint="Give the whole answer, or the list inside it.")
        payload = payload["data"]
    return _records(payload, name)


def _records(payload: object, path: str) -> list[Record]:
    if not isinstance(payload, list | tuple):
        raise DataError(f"{_shown(payload)} is not a list", column=path, value=payload)
    for i, item in enumerate(payload):
        if not isinstance(item, Mapping):
            raise DataError(f"{_shown(item)} is not an object", column=f"{path}[{i}]", value=item)
    return [Record(item, f"{path}[{i}]") for i, item in enumerate(payload)]


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)[:80]
