"""Result files that appear under their names only when they are complete."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from margin.errors import MarginError


class OutputExistsError(MarginError, FileExistsError):
    """The output folder holds something already."""


@contextmanager
def result_folder(folder: Path, names: Sequence[str], *, overwrite: bool = False) -> Iterator[Callable[[str], Path]]:
    """Give temporary paths for result files; rename them when the block ends, remove them when it fails.

    Parameters
    ----------
    folder : Path
        Created if missing (and removed again on failure, if it was created here).
    names : sequence of str
        Every file name that this kind of result may have, in the order of renaming. The last one is the seal: it is
        removed first and renamed last, so where it exists, all files beside it belong to it.
    overwrite : bool
        Replace the files in `names`; other files in the folder are never touched.

    Yields
    ------
    Callable[[str], Path]
        From a name to the temporary path to write to, on the same file system.

    Raises
    ------
    OutputExistsError
        The folder is not empty and `overwrite` is false, or the path is a file.
    """
    if folder.exists() and not folder.is_dir():
        message = f"{folder} is a file; give a folder for the results"
        raise OutputExistsError(message)
    if not overwrite and folder.is_dir() and any(folder.iterdir()):
        message = f"the output folder {folder} is not empty; choose another or allow overwriting (--overwrite)"
        raise OutputExistsError(message)
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    partial = {name: folder / f".{name}.{os.getpid()}.partial" for name in names}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield partial.__getitem__
        for name in reversed(names):
            if partial[name].exists() or name == names[-1]:
                (folder / name).unlink(missing_ok=True)
        for name in names:
            if partial[name].exists():
                partial[name].replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except BaseException:
        for path in partial.values():
            path.unlink(missing_ok=True)
        for path in created:
            if path.exists() and not any(path.iterdir()):
                path.rmdir()
        raise
