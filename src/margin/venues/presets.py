"""What the presets of all venues do alike: find the shipped parameter files, and know the account modes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.resources import as_file, files

from margin.errors import ParameterError
from margin.params import Day, Parameters


def load_parameters(
    package: str,
    *,
    as_of: Day,
    params: Sequence[str | os.PathLike[str]],
    accept: Sequence[str],
    folders: Sequence[str] = (),
) -> Parameters:
    """Parameters of a venue on a day, files of the user last (and winning).

    Parameters
    ----------
    package : str
        The venue's package; its folder ``params`` holds the files.
    as_of : date or "YYYY-MM-DD"
    params : sequence of paths
    accept : sequence of str
        Statuses to take.
    folders : sequence of str
        Folders below ``params`` whose files are read after those beside them.

    Raises
    ------
    ParameterError
        If a file is malformed.
    """
    with as_file(files(package) / "params") as folder:
        shipped = [path for place in ("", *folders) for path in sorted((folder / place).glob("*.toml"))]
        return Parameters.load(*shipped, *params, as_of=as_of, accept=accept)


def check_mode(mode: str, modes: Sequence[str]) -> None:
    """Raise a `ParameterError` that lists the account modes if the venue has no such one."""
    if mode not in modes:
        message = f"no mode {mode!r}; available: {', '.join(modes)}"
        raise ParameterError(message, name="mode", scope="arguments")
