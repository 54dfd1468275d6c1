"""Run published vectors: numbers of a venue against what this package computes.

A vector file is a JSON list. Each element holds ``id``, ``venue``, ``kind``, ``inputs``, ``expected``, ``tolerance``
and ``reproduced``, and text for people. A vector is dispatched on venue and kind alone; the adapter sees a copy of
``inputs`` and nothing else. Adapters live with their venue, in ``margin.venues.<venue>.conformance.ADAPTERS``, a
mapping of kind to a function from inputs to results.

What counts: every leaf of ``expected`` must be met within the tolerance, and a leaf that the adapter does not return
has failed. A venue or kind without an adapter is *unsupported*, which is never passed. Vectors with ``reproduced:
false`` are *informative*: run, listed, counted as neither.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from margin import venues
from margin.errors import DataError

Adapter = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Counts = dict[tuple[str, str], dict[str, int]]

#: What can become of a vector.
STATUSES = ("passed", "failed", "unsupported", "informative")

_MISSING = object()
# Two binary64 computations of one formula may differ by this much, relative to the wanted value.
_ROUNDING = 1e-13
# A computed value is moved away from zero by this before it is cut to the decimals that were published.
_CUT = 1e-9
_MAX_DECIMALS = 15
_NEEDED: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("id", "venue", "kind"), (str, "a string")),
    "reproduced": (bool, "true or false"),
    **dict.fromkeys(("inputs", "expected", "tolerance"), (dict, "an object")),
}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far a number may be off: ``|got - want| <= max(abs, rel * |want|, 1e-13 * |want|)``.

    Attributes
    ----------
    rel, abs : float
        Both zero: exact, but for binary64 rounding.
    truncate_decimals : int, optional
        The wanted value was published truncated: the computed value is cut to as many decimals first, toward zero.
    """

    rel: float = 0.0
    abs: float = 0.0
    truncate_decimals: int | None = None

    def accepts(self, got: float, want: float) -> bool:
        """Whether a computed number meets a wanted one."""
        if self.truncate_decimals is not None:
            scale = 10.0**self.truncate_decimals
            got = math.trunc((got + math.copysign(_CUT, got)) * scale) / scale
        return abs(got - want) <= max(self.abs, self.rel * abs(want), _ROUNDING * abs(want))

    def __str__(self) -> str:
        cut = "" if self.truncate_decimals is None else f", cut to {self.truncate_decimals} decimals"
        return f"rel {self.rel:g}, abs {self.abs:g}{cut}"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """The tolerance of every path of a vector.

    Attributes
    ----------
    default : Tolerance
    keys : tuple of (tuple of str, Tolerance)
        Path patterns, split at the dots. ``*`` stands for any one key; a pattern holds for its path and all below it.
    """

    default: Tolerance
    keys: tuple[tuple[tuple[str, ...], Tolerance], ...] = ()

    def at(self, path: tuple[str, ...]) -> Tolerance:
        """The tolerance of a path: of the longest matching pattern, at equal length of the one with fewer ``*``."""
        best, rank = self.default, (0, 0)
        for pattern, tolerance in self.keys:
            depth = _matched(pattern, path)
            if depth and (depth, -pattern.count("*")) > rank:
                best, rank = tolerance, (depth, -pattern.count("*"))
        return best


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A leaf that was not met.

    Attributes
    ----------
    path : str
        Keys and list positions, joined by dots.
    expected, actual : str
        As text; `actual` is "missing" if the adapter did not return the leaf.
    tolerance : str
        Empty for leaves that have to be equal.
    """

    path: str
    expected: str
    actual: str
    tolerance: str = ""

    def __str__(self) -> str:
        allowed = f" (tolerance {self.tolerance})" if self.tolerance else ""
        return f"{self.path or 'result'}: expected {self.expected}, got {self.actual}{allowed}"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one vector.

    Attributes
    ----------
    id, venue, kind : str
    file : str
    status : str
        One of `STATUSES`.
    mismatches : tuple of Mismatch
        Leaves that were not met; also those of informative vectors.
    error : str
        Type and text of what the adapter raised, else empty.
    """

    id: str
    venue: str
    kind: str
    file: str
    status: str
    mismatches: tuple[Mismatch, ...] = ()
    error: str = ""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the vector was not met, a line each; empty if it was."""
        return (f"raised {self.error}",) if self.error else tuple(map(str, self.mismatches))


@dataclass(frozen=True, slots=True)
class Report:
    """Results of a run, in the order of the files.

    Attributes
    ----------
    results : tuple of Result
    """

    results: tuple[Result, ...]

    @property
    def counts(self) -> Counts:
        """Number of vectors by (venue, kind) and status, in order of first occurrence."""
        counts: Counts = {}
        for result in self.results:
            counts.setdefault((result.venue, result.kind), dict.fromkeys(STATUSES, 0))[result.status] += 1
        return counts

    @property
    def totals(self) -> dict[str, int]:
        """Number of vectors by status."""
        found = Counter(result.status for result in self.results)
        return {status: found[status] for status in STATUSES}

    @property
    def ok(self) -> bool:
        """Whether nothing failed; what is unsupported or informative is no failure."""
        return not self.totals["failed"]

    def render(self) -> str:
        """The report as plain text: a table by venue and kind, then failures, then a closing line with the totals."""
        lines = _table(self.counts)
        for title, status in (("Failures", "failed"), ("Informative", "informative")):
            listed = [result for result in self.results if result.status == status]
            if listed:
                lines += ["", f"{title}:"]
            for result in listed:
                lines.append(f"  {result.venue}/{result.kind} {result.id} ({result.file})")
                lines += [f"    {reason}" for reason in result.reasons or ("agrees",)]
        closing = ", ".join(f"{count} {status}" for status, count in self.totals.items())
        return "\n".join([*lines, *([""] if lines else []), closing])

    def to_json(self) -> str:
        """The report as a JSON document with ``totals``, ``counts`` (a list) and ``results``."""
        document = {
            "totals": self.totals,
            "counts": [{"venue": venue, "kind": kind, **found} for (venue, kind), found in self.counts.items()],
            "results": [asdict(result) for result in self.results],
        }
        return json.dumps(document, indent=2)


def venue_adapters(venue: str) -> Mapping[str, Adapter]:
    """The adapters of a venue by kind; none for an unknown venue or one without a module of adapters."""
    name = f"{venues.__name__}.{venue}.conformance"
    if venue not in venues.available() or importlib.util.find_spec(name) is None:
        return {}
    adapters: Mapping[str, Adapter] = importlib.import_module(name).ADAPTERS
    return adapters


def run_files(
    paths: Iterable[str | os.PathLike[str]], *, adapters: Callable[[str], Mapping[str, Adapter]] = venue_adapters
) -> Report:
    """Run all vectors of some files.

    Parameters
    ----------
    paths : iterable of path
        JSON files, each a list of vectors.
    adapters : callable
        From a venue's name to its adapters by kind.

    Returns
    -------
    Report

    Raises
    ------
    DataError
        If a file is not JSON, not a list of vectors, or a vector lacks a key; the text names file and element.
    OSError
        If a file cannot be read.
    """
    found: dict[str, Mapping[str, Adapter]] = {}
    results = []
    for path in paths:
        for vector, tolerances in read_vectors(path):
            venue = vector["venue"]
            if venue not in found:
                found[venue] = adapters(venue)
            results.append(_run(vector, tolerances, os.fspath(path), found[venue].get(vector["kind"])))
    return Report(tuple(results))


def read_vectors(path: str | os.PathLike[str]) -> list[tuple[dict[str, Any], Tolerances]]:
    """Read the vectors of a file with their tolerances. Raises like `run_files`."""
    file = os.fspath(path)
    try:
        document = json.loads(Path(path).read_bytes(), parse_constant=lambda name: _reject(f"{name} is not a number"))
    except ValueError as error:
        message = f"not JSON: {error}"
        raise DataError(message, table=file) from None
    if not isinstance(document, list):
        message = f"not a list of vectors, but {_shown(document)}"
        raise DataError(message, table=file)
    return [(vector, _checked(vector, file, position)) for position, vector in enumerate(document)]


def compare(expected: object, actual: object, tolerances: Tolerances) -> Iterator[Mismatch]:
    """Compare a computed value with a wanted one, leaf by leaf.

    Numbers are compared within their tolerance, strings, booleans and None must be equal, lists must have the same
    length, keys that are not wanted are ignored.
    """
    yield from _compare(expected, actual, tolerances, ())


def _compare(want: object, got: object, tolerances: Tolerances, path: tuple[str, ...]) -> Iterator[Mismatch]:
    got = got.tolist() if hasattr(got, "tolist") else got  # numpy arrays and scalars
    if isinstance(want, Mapping) and (isinstance(got, Mapping) or (got is _MISSING and want)):
        fields = got if isinstance(got, Mapping) else {}
        for key, value in want.items():
            yield from _compare(value, fields.get(key, _MISSING), tolerances, (*path, key))
    elif isinstance(want, list) and isinstance(got, list | tuple) and len(got) == len(want):
        for position, (value, other) in enumerate(zip(want, got, strict=True)):
            yield from _compare(value, other, tolerances, (*path, str(position)))
    elif isinstance(want, int | float) and not isinstance(want, bool):
        tolerance = tolerances.at(path)
        number = isinstance(got, int | float) and not isinstance(got, bool) and math.isfinite(got)
        if not number or not tolerance.accepts(float(got), float(want)):  # type: ignore[arg-type]
            yield Mismatch(".".join(path), _shown(want), _shown(got), str(tolerance))
    elif type(got) is not type(want) or got != want or isinstance(want, Mapping | list):
        yield Mismatch(".".join(path), _shown(want), _shown(got))


def _run(vector: Mapping[str, Any], tolerances: Tolerances, file: str, adapter: Adapter | None) -> Result:
    head = (vector["id"], vector["venue"], vector["kind"], file)
    if adapter is None:
        return Result(*head, "unsupported")
    error = ""
    mismatches: tuple[Mismatch, ...] = ()
    try:
        mismatches = tuple(compare(vector["expected"], adapter(copy.deepcopy(vector["inputs"])), tolerances))
    except Exception as raised:  # noqa: BLE001 - whatever an adapter raises, its vector has failed and the run goes on
        error = f"{type(raised).__name__}: {raised}"
    met = not error and not mismatches
    status = ("passed" if met else "failed") if vector["reproduced"] else "informative"
    return Result(*head, status, mismatches, error)


def _matched(pattern: tuple[str, ...], path: tuple[str, ...]) -> int:
    """How many keys of the path a pattern covers, 0 if it does not match. A key may hold dots itself (``"+0.5"``)."""
    used = 0
    for depth, key in enumerate(path):
        if used == len(pattern):
            return depth
        parts = ("*",) if pattern[used] == "*" else tuple(key.split("."))
        if pattern[used : used + len(parts)] != parts:
            return 0
        used += len(parts)
    return len(path) if used == len(pattern) else 0


def _checked(vector: object, file: str, position: int) -> Tolerances:
    """Check the form of a vector and read its tolerances."""
    key: dict[str, str] = {}
    try:
        if not isinstance(vector, dict):
            _reject(f"{_shown(vector)} is not a vector, an object")
        if isinstance(vector.get("id"), str):
            key["id"] = vector["id"]
        for name, (kind, called) in _NEEDED.items():
            if name not in vector:
                _reject(f"has no key {name!r}")
            if not isinstance(vector[name], kind):
                _reject(f"{name!r} is {_shown(vector[name])}, not {called}")
        if not vector["expected"]:
            _reject("'expected' is empty: nothing would be compared")
        keys = vector["tolerance"].get("keys", {})
        if not isinstance(keys, dict):
            _reject(f"'tolerance.keys' is {_shown(keys)}, not an object")
        each = tuple((tuple(path.split(".")), _tolerance(entry)) for path, entry in keys.items())
        return Tolerances(_tolerance(vector["tolerance"]), each)
    except ValueError as error:
        raise DataError(str(error), table=file, row=position, key=key) from None


def _tolerance(entry: object) -> Tolerance:
    """A tolerance from its JSON form; what it leaves out is zero."""
    if not isinstance(entry, dict):
        _reject(f"a tolerance is {_shown(entry)}, not an object")
    rel, allowed, decimals = entry.get("rel", 0), entry.get("abs", 0), entry.get("truncate_decimals")
    for value in (rel, allowed):
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            _reject(f"a tolerance is {_shown(value)}, not a number >= 0")
    if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= _MAX_DECIMALS):
        _reject(f"'truncate_decimals' is {_shown(decimals)}, not a whole number from 0 to {_MAX_DECIMALS}")
    return Tolerance(float(rel), float(allowed), decimals)


def _reject(message: str) -> NoReturn:
    raise ValueError(message)


def _table(counts: Counts) -> list[str]:
    """Counts as aligned text, a row per venue and kind and one per venue."""
    rows: list[tuple[str, ...]] = [("venue", "kind", *STATUSES)]
    for venue in dict.fromkeys(venue for venue, _ in counts):
        kinds = {kind: found for (other, kind), found in counts.items() if other == venue}
        kinds["(all)"] = {status: sum(found[status] for found in kinds.values()) for status in STATUSES}
        rows += [(venue, kind, *(str(found[status]) for status in STATUSES)) for kind, found in kinds.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    form = "  ".join(f"{{:{'<' if i < 2 else '>'}{width}}}" for i, width in enumerate(widths))
    return [form.format(*row) for row in rows] if counts else []


def _shown(value: object) -> str:
    """A value as a report quotes it."""
    if value is _MISSING:
        return "missing"
    if isinstance(value, Mapping):
        return f"an object with {len(value)} keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 120 else text[:117] + "..."
