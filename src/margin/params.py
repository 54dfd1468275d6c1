"""Dated parameters: numbers with a date, a source and a status, resolved for one day.

A parameter file is a list of layers. A layer states from which day its values are known to hold, who says so and how
well that is founded, then gives values in sections::

    [[layer]]
    as_of = 2024-06-17
    status = "official"
    source = "where the numbers can be read"

    [layer.general]
    mm_factor = 0.8

    [layer.pair.BTC_USD]
    price_range = 0.16

`Parameters.load` resolves every parameter on its own. A later file wins over an earlier one, so that a user's file
overrides a shipped one; inside a file the latest accepted layer in force wins, and of two of the same day the better
founded one. Nothing has a default: what no accepted layer gives is an error that names the parameter. Sections
``account.<account>`` hold what differs for one account.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from margin._parameter_files import STATUSES, Day, Leaf, Value, as_day, leaf, malformed, read_file, shown
from margin.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ACCEPTED", "STATUSES", "Day", "Leaf", "Parameters", "Value"]

#: The statuses that `Parameters.load` takes unless told otherwise.
ACCEPTED = STATUSES[:3]

@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters resolved for one day; see `load`.

    Attributes
    ----------
    as_of : datetime.date
    accept : tuple of str
        Statuses that were taken.
    values : mapping of str to Value
        The resolved parameters by name.
    passed_over : mapping of str to tuple of Value
        Values that are not in force on the day or whose status is not accepted, for names without a resolved value.
    """

    as_of: dt.date
    accept: tuple[str, ...]
    values: Mapping[str, Value]
    passed_over: Mapping[str, tuple[Value, ...]]

    @classmethod
    def load(cls, *paths: str | os.PathLike[str], as_of: Day, accept: Sequence[str] = ACCEPTED) -> Parameters:
        """Read parameter files and resolve every parameter for one day.

        Parameters
        ----------
        *paths : path
            TOML files. Where several give a parameter, the last of them wins.
        as_of : date, datetime or "YYYY-MM-DD"
            A datetime with a time zone is taken at its day in UTC.
        accept : sequence of str
            Statuses to take, out of `STATUSES`; values of other statuses are as good as absent.

        Raises
        ------
        ParameterError
            If a file is malformed (the text names file and key), or `as_of` or `accept` is no such value.
        OSError
            If a file cannot be read.
        """
        day = as_day(as_of)
        if day is None:
            message = f"as_of: {as_of!r} is not a date (YYYY-MM-DD)"
            raise ParameterError(message, name="as_of", scope="arguments")
        accepted = (accept,) if isinstance(accept, str) else tuple(accept)
        for status in accepted:
            if status not in STATUSES:
                message = f"accept: {status!r} is not a status; choose from {', '.join(STATUSES)}"
                raise ParameterError(message, name="accept", scope="arguments")
        resolved: dict[str, Value] = {}
        others: dict[str, list[Value]] = {}
        kinds: dict[str, str] = {}
        for path in paths:
            in_file: dict[str, Value] = {}
            for value in read_file(os.fspath(path), kinds):
                if value.as_of > day or value.status not in accepted:
                    others.setdefault(value.name, []).append(value)
                elif value.name not in in_file or _precedence(value) > _precedence(in_file[value.name]):
                    in_file[value.name] = value
            resolved.update(in_file)
        passed_over = {name: tuple(found) for name, found in others.items() if name not in resolved}
        return cls(day, accepted, MappingProxyType(dict(sorted(resolved.items()))), MappingProxyType(passed_over))

    def with_(self, values: Mapping[str, object], *, source: str, status: str = "illustrative") -> Parameters:
        """The same parameters with some of them replaced or added: what a changed number would do, without a file.

        Parameters
        ----------
        values : mapping of str to float, int, bool, str or sequence of these
            By name.
        source : str
        status : str
            One of `STATUSES`; it need not be among the accepted ones.

        Raises
        ------
        ParameterError
            If a value is of no such type, or the status is none.
        """
        if status not in STATUSES:
            malformed(source, "status", f"{status!r} is not a status; choose from {', '.join(STATUSES)}")
        new = {
            name: Value(name, leaf(source, name, value), self.as_of, status, source, source) for name, value in values.items()
        }
        return replace(self, values=MappingProxyType(dict(sorted({**self.values, **new}.items()))))

    def of_account(self, account: str) -> Parameters:
        """The parameters with those of the section ``account.<account>`` in place of the shared ones.

        Raises
        ------
        ParameterError
            If the section holds a name that is not shared: it would change nothing.
        """
        prefix = f"account.{account}."
        own = {name[len(prefix) :]: value for name, value in self.values.items() if name.startswith(prefix)}
        for name, value in own.items():
            if name not in self.values:
                message = f"{value.path}: {value.name} overrides {name}, which has no value on {self.as_of}"
                raise ParameterError(message, name=value.name, scope=self.as_of.isoformat())
        return replace(self, values=MappingProxyType(dict(sorted({**self.values, **own}.items()))))

    def value(self, name: str) -> Value:
        """The parameter with its date, status and source.

        Raises
        ------
        ParameterError
            If no accepted layer in force gives it; the text says what is known instead and how to supply it.
        """
        if name not in self.values:
            raise ParameterError(self._missing(name), name=name, scope=self.as_of.isoformat())
        return self.values[name]

    def get(self, name: str) -> Leaf:
        """The parameter's value, of whatever type. Raises `ParameterError` like `value`."""
        return self.value(name).value

    def number(self, name: str) -> float:
        """The parameter as a float. Raises `ParameterError` if it is missing or no number."""
        value = self.value(name)
        if isinstance(value.value, bool) or not isinstance(value.value, int | float):
            self._mistyped(value, "a number")
        return float(value.value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """The parameter as a tuple of floats. Raises `ParameterError` if it is missing or no list of numbers."""
        value = self.value(name)
        if not isinstance(value.value, tuple):
            self._mistyped(value, "a list of numbers")
        numbers = tuple(float(v) for v in value.value if isinstance(v, int | float) and not isinstance(v, bool))
        if len(numbers) != len(value.value):
            self._mistyped(value, "a list of numbers")
        return numbers

    def rows(self, name: str) -> tuple[tuple[float, ...], ...]:
        """The parameter as rows of floats. Raises `ParameterError` if it is missing or no list of lists of numbers."""
        value = self.value(name)
        rows = []
        for row in value.value if isinstance(value.value, tuple) else (None,):
            if not isinstance(row, tuple) or any(isinstance(x, bool) or not isinstance(x, int | float) for x in row):
                self._mistyped(value, "a list of lists of numbers")
            rows.append(tuple(float(x) for x in row if isinstance(x, int | float)))
        return tuple(rows)

    def texts(self, name: str) -> tuple[str, ...]:
        """The parameter as a tuple of strings. Raises `ParameterError` if it is missing or no list of strings."""
        value = self.value(name)
        if not isinstance(value.value, tuple):
            self._mistyped(value, "a list of strings")
        texts = tuple(v for v in value.value if isinstance(v, str))
        if len(texts) != len(value.value):
            self._mistyped(value, "a list of strings")
        return texts

    def text(self, name: str) -> str:
        """The parameter as a string. Raises `ParameterError` if it is missing or no string."""
        value = self.value(name)
        if not isinstance(value.value, str):
            self._mistyped(value, "a string")
        return value.value

    def flag(self, name: str) -> bool:
        """The parameter as a boolean. Raises `ParameterError` if it is missing or no boolean."""
        value = self.value(name)
        if not isinstance(value.value, bool):
            self._mistyped(value, "true or false")
        return value.value

    def __contains__(self, name: object) -> bool:
        return name in self.values

    def __len__(self) -> int:
        return len(self.values)

    def names(self, section: str) -> tuple[str, ...]:
        """What a section holds, sorted: of ``"pair"`` the pairs, of ``"pair.BTC_USD"`` the keys of that pair."""
        prefix = section + "."
        return tuple(sorted({name[len(prefix) :].split(".")[0] for name in self.values if name.startswith(prefix)}))

    def items(self) -> tuple[tuple[str, Value], ...]:
        """All resolved parameters as (name, value) pairs, sorted by name."""
        return tuple(self.values.items())

    def statuses(self) -> frozenset[str]:
        """The statuses that occur among the resolved parameters."""
        return frozenset(value.status for value in self.values.values())

    def provenance(self) -> dict[str, str]:
        """Day, statuses and fingerprint: what a result says of the parameters behind it."""
        statuses = ", ".join(sorted(self.statuses()))
        return {"as_of": self.as_of.isoformat(), "statuses": statuses, "parameters": self.fingerprint()}

    def fingerprint(self) -> str:
        """SHA-256 in hex of the resolved names and values, whatever their dates, sources and files."""
        content = [[name, _plain(value.value)] for name, value in self.values.items()]
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def _missing(self, name: str) -> str:
        if self.names(name):
            return f"{name} is a section ({', '.join(self.names(name))}), not a value"
        known = self.passed_over.get(name, ())
        accepted = [v.as_of for v in known if v.status in self.accept]
        refused = [v for v in known if v.status not in self.accept]
        text = f"{name} has no value on {self.as_of}"
        if accepted:
            text += f": first known on {min(accepted)}"
        elif refused:
            best = min(refused, key=lambda v: STATUSES.index(v.status))
            article = "an" if best.status[0] in "aeiou" else "a"
            text += f": only {article} {best.status} value exists (since {best.as_of}); "
            text += f"accept it with accept={(*self.accept, best.status)}"
        return f"{text}; give it in a parameter file (--params FILE, params=...)"

    def _mistyped(self, value: Value, wanted: str) -> NoReturn:
        message = f"{value.path}: {value.name} is {shown(value.value)}, not {wanted}"
        raise ParameterError(message, name=value.name, scope=self.as_of.isoformat())


def _precedence(value: Value) -> tuple[dt.date, int]:
    return value.as_of, -STATUSES.index(value.status)


def _plain(value: Leaf) -> object:
    """A value as `Parameters.fingerprint` sees it: 1 and 1.0 are one number."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
