"""Hashes of the files that a run reads, computed beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from margin.errors import DataError
from margin.threads import give_way

PIECE = 1 << 24
"""Bytes of a file that are hashed at once: a size that the GIL is hardly ever asked for."""

Hashes = dict[str, dict[str, Any]]


def file_hashes(source: Path, left: Event | None = None) -> Hashes:
    """SHA-256 and size of every input file; some are missing if `left` is set meanwhile, as nobody wants them any more."""
    hashes: Hashes = {}
    for path in _files(source):
        sha256, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                if left is not None and left.is_set():
                    return hashes
                sha256.update(piece)
                size += len(piece)
        hashes[path.name] = {"sha256": sha256.hexdigest(), "bytes": size}
    return hashes


@contextmanager
def hashed_beside(source: Path) -> Iterator[Callable[[], Hashes]]:
    """Hash the input files on a thread that gives way to the others, while the block goes on.

    Yields what waits for the hashes and returns them. It raises a `DataError` if a file has changed since the block began. A
    block that is left without asking does not wait for them.
    """
    states = {path: _state(path) for path in _files(source)}
    left = Event()
    with ThreadPoolExecutor(1, initializer=give_way) as background:
        hashes = background.submit(file_hashes, source, left)

        def found() -> Hashes:
            result = hashes.result()
            for path, state in states.items():
                if _state(path) != state:
                    problem = f"{path} changed while it was read; nothing was written"
                    raise DataError(problem, hint="Run again when whoever writes it has finished.")
            return result

        try:
            yield found
        finally:
            left.set()


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.is_file())
    return [source] if source.is_file() else []


def _state(path: Path) -> tuple[int, int] | None:
    """Size and time of the last change; None where there is no file any more."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
