"""Files that appear when they are complete: written under a temporary name, then renamed."""

from __future__ import annotations

import os
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from margin.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it becomes `path` at the end, and is removed if something fails.

    Folders above it are made; the temporary name is of this call alone, so that threads do not write into each other's file.
    """
    _writable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _writable(path: Path) -> None:
    if path.is_dir():
        problem = f"{path} is a folder"
        raise DataError(problem, hint="Name a file.")


@contextmanager
def filling(folder: Path, *, last: str, stale: frozenset[str]) -> Iterator[Path]:
    """A temporary folder whose files move into `folder` at the end; until then what was there stays.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    last : str
        The file that says the folder is complete: removed before and moved after all others.
    stale : frozenset of str
        Files that are removed from the folder if they are not written anew.
    """
    if folder.exists() and not folder.is_dir():
        problem = f"{folder} is a file"
        raise DataError(problem, hint="Name a folder, or a document that ends in .json.")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
        yield Path(temporary)
        written = {path.name for path in Path(temporary).iterdir()}
        (folder / last).unlink(missing_ok=True)
        for name in stale - written:
            (folder / name).unlink(missing_ok=True)
        for name in sorted(written, key=lambda name: name == last):
            (Path(temporary) / name).replace(folder / name)
