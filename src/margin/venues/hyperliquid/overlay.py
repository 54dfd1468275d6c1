"""Parameters that come with a market, as the text of a parameter file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence


def parameter_file(values: Mapping[str, object], *, as_of: str, source: str, status: str) -> str:
    """A parameter file of one layer.

    Parameters
    ----------
    values : Mapping of str to number, text or sequence of these
        By name: ``coin.<coin>.margin_table``.
    as_of : "YYYY-MM-DD"
    source, status : str
    """
    sections: dict[str, list[str]] = {}
    for name, value in values.items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, []).append(f"{_quoted(key)} = {_shown(value)}")
    head = ["[[layer]]", f"as_of = {as_of}", f"status = {json.dumps(status)}", f"source = {json.dumps(source)}"]
    body = [
        f"\n[layer.{'.'.join(map(_quoted, section.split('.')))}]\n" + "\n".join(lines) for section, lines in sections.items()
    ]
    return "\n".join([*head, *body]) + "\n"


def _quoted(key: str) -> str:
    """A key as TOML takes it: bare where it may be."""
    return key if key.replace("-", "").replace("_", "").isalnum() and key.isascii() else json.dumps(key)


def _shown(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return json.dumps(value)
