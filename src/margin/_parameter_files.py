"""Parameter files: layers of dated values, read and checked.

The form of a file is described in `margin.params`.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from margin.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: How well a value is founded, best first: published by the venue, seen in recorded data of the venue, stated by
#: somebody else, made up to show a mechanism.
STATUSES = ("official", "recorded", "third_party", "illustrative")
Day = dt.date | dt.datetime | str
Leaf = float | int | bool | str | tuple["Leaf", ...]


_LARGEST = 1e300
_HEAD = ("as_of", "status", "source")
_KEY = re.compile(r"[A-Za-z0-9_:@-]+")


@dataclass(frozen=True, slots=True)
class Value:
    """One parameter as one layer of a file gives it.

    Attributes
    ----------
    name : str
        Sections and key, joined by dots: ``"pair.BTC_USD.price_range"``.
    value : float, int, bool, str or tuple of these
    as_of : datetime.date
        First day on which the value is known to hold.
    status : str
        One of `STATUSES`.
    source : str
    path : str
        File that gave the value (`Parameters.with_`: its source).
    """

    name: str
    value: Leaf
    as_of: dt.date
    status: str
    source: str
    path: str


def as_day(value: object) -> dt.date | None:
    """The day a value denotes, or None."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, dt.datetime):
        return (value.astimezone(dt.UTC) if value.tzinfo else value).date()
    return value if isinstance(value, dt.date) else None


def read_file(path: str, kinds: dict[str, str]) -> Iterator[Value]:
    """All values of a file, layer by layer; `kinds` keeps over all files which names are sections and which values."""
    with Path(path).open("rb") as file:
        try:
            document = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            malformed(path, "", f"not valid TOML: {error}")
    for key in document:
        if key != "layer":
            malformed(path, key, "unknown key; a parameter file holds [[layer]] tables only")
    layers = document.get("layer", [])
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        malformed(path, "layer", "not a list of tables; write [[layer]]")
    seen: set[tuple[str, dt.date, str]] = set()
    for number, layer in enumerate(layers):
        where = f"layer[{number}]"
        as_of, status, source = _head(path, where, layer)
        for key, section in layer.items():
            if key in _HEAD:
                continue
            if not isinstance(section, dict):
                problem = f"{shown(section)} stands outside a section such as [layer.general]"
                malformed(path, f"{where}.{key}", problem)
            for name, leaf in _leaves(path, where, key, section, kinds):
                if (name, as_of, status) in seen:
                    malformed(path, f"{where}.{name}", f"given twice with as_of {as_of} and status {status}")
                seen.add((name, as_of, status))
                yield Value(name, leaf, as_of, status, source, path)


def _head(path: str, where: str, layer: Mapping[str, object]) -> tuple[dt.date, str, str]:
    """The date, status and source of a layer."""
    for key in _HEAD:
        if key not in layer:
            malformed(path, f"{where}.{key}", "missing; every layer states as_of, status and source")
    as_of, status, source = (layer[key] for key in _HEAD)
    day = as_day(as_of)
    if day is None:
        malformed(path, f"{where}.as_of", f"{shown(as_of)} is not a date (YYYY-MM-DD)")
    if not isinstance(status, str) or status not in STATUSES:
        malformed(path, f"{where}.status", f"{shown(status)} is not a status; choose from {', '.join(STATUSES)}")
    if not isinstance(source, str) or not source.strip():
        malformed(path, f"{where}.source", f"{shown(source)} does not say where the values come from")
    return day, status, source


def _leaves(path: str, where: str, name: str, section: Mapping[str, object], kinds: dict[str, str]) -> Iterator[tuple[str, Leaf]]:
    """Names and values below a section."""
    _fix_kind(path, where, name, "a section", kinds)
    for key, value in section.items():
        inner = f"{name}.{key}"
        if not _KEY.fullmatch(key):
            malformed(path, f"{where}.{name}.{key!r}", "a key consists of letters, digits, _, -, : and @")
        if isinstance(value, dict):
            yield from _leaves(path, where, inner, value, kinds)
        else:
            _fix_kind(path, where, inner, "a value", kinds)
            yield inner, leaf(path, f"{where}.{inner}", value)


def _fix_kind(path: str, where: str, name: str, kind: str, kinds: dict[str, str]) -> None:
    """One name is a section everywhere or a value everywhere."""
    if kinds.setdefault(name, kind) != kind:
        malformed(path, f"{where}.{name}", f"{kind} here, but {kinds[name]} in another layer or file")


def leaf(path: str, where: str, value: object) -> Leaf:
    """A checked, immutable value."""
    if isinstance(value, list | tuple):
        return tuple(leaf(path, f"{where}[{i}]", v) for i, v in enumerate(value))
    if isinstance(value, int | float) and not abs(value) <= _LARGEST:
        malformed(path, where, f"{value:.6g} is not a finite number" if isinstance(value, float) else "a number too large")
    if not isinstance(value, bool | int | float | str):
        malformed(path, where, f"{shown(value)} is not a number, a boolean, a string or a list of these")
    return value


def shown(value: object) -> str:
    """A value as an error text quotes it."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return f"list {list(value)!r}" if isinstance(value, tuple) else repr(value)


def malformed(path: str, key: str, problem: str) -> NoReturn:
    """Raise the error of a file, or of one of its keys."""
    message = f"{path}: {key}: {problem}" if key else f"{path}: {problem}"
    raise ParameterError(message, name=key, scope=path)
