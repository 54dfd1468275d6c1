"""A folder that a run wrote, opened for reading: the manifest is checked, tables are read in blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin import _arrow
from margin.batch.run import ASSESSMENTS, FORMAT, MANIFEST, UNITS
from margin.errors import DataError

BLOCK = 1 << 17
"""Rows read at a time."""

BEFORE = (
    "account", "pool", "currency", "equity", "collateral_value", "unrealised_pnl", "option_value", "initial_margin",
    "maintenance_margin",
)  # fmt: skip
AFTER = ("worst_unit", "worst_scenario", "utilisation", "initial_utilisation", "available", "excess", "status")
"""Columns of assessments before and after the components, whose names depend on the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a run wrote.

    Attributes
    ----------
    folder : Path
    manifest : Mapping of str to object
    components : tuple of str
        Columns of the assessments that the initial margin is made of.
    """

    folder: Path
    manifest: Mapping[str, Any]
    components: tuple[str, ...]

    @classmethod
    def open(cls, folder: Path) -> Result:
        """Check a folder.

        Raises
        ------
        DataError
            If it is not the result of a run, or of a version that this one does not know.
        """
        path = folder / MANIFEST
        if not path.is_file() or not (folder / ASSESSMENTS).is_file():
            message = f"{folder} is no result: it lacks {MANIFEST if not path.is_file() else ASSESSMENTS}"
            raise DataError(message, hint="Give the output folder of margin-engine run.")
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            version = manifest["format"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not the manifest of a run: {error}", hint="Margin the snapshot again.") from None
        if version not in range(1, FORMAT + 1):
            message = f"{path} has format {version!r}, and this version reads 1 to {FORMAT}"
            raise DataError(message, hint="Use the version that wrote it, or margin the snapshot again.")
        names = _parquet(folder / ASSESSMENTS).schema_arrow.names
        missing = [name for name in (*BEFORE, *AFTER) if name not in names]
        if missing:
            raise DataError(f"{folder / ASSESSMENTS} lacks {', '.join(missing)}", hint="Margin the snapshot again.")
        components = tuple(name for name in names if name not in {*BEFORE, *AFTER})
        return cls(folder, manifest, components)

    @property
    def regime(self) -> str:
        """Name of the rules."""
        return str(self.manifest["regime"])

    @property
    def has_units(self) -> bool:
        """Whether the run wrote a row per risk unit."""
        return (self.folder / UNITS).is_file()

    def usd(self) -> dict[str, float]:
        """USD per unit of each currency that pools are counted in."""
        return {total["currency"]: float(total["usd"]) for total in self.manifest["totals"]}

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """Record batches of the assessments, in order."""
        return _blocks(self.folder / ASSESSMENTS, columns)

    def unit_blocks(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Record batches of the rows by risk unit, in order."""
        return _blocks(self.folder / UNITS, columns)

    def unit_columns(self) -> tuple[str, ...]:
        """Columns of the rows by risk unit."""
        return tuple(_parquet(self.folder / UNITS).schema_arrow.names)


def _parquet(path: Path) -> Any:
    _arrow.pyarrow("reading Parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}", hint="Margin the snapshot again.") from None


def _blocks(path: Path, columns: Sequence[str] | None) -> Iterator[Any]:
    with _parquet(path) as file:
        yield from file.iter_batches(batch_size=BLOCK, columns=None if columns is None else list(columns))


def numbers(batch: Any, column: str) -> NDArray[np.float64]:
    """A column of numbers of a record batch."""
    values: NDArray[np.float64] = batch.column(column).to_numpy(zero_copy_only=False)
    return values


class Vocabulary:
    """Words seen so far, and codes of those in a column: batches bring dictionaries of their own."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self._code: dict[str | None, int] = {None: -1}

    def codes(self, column: Any) -> NDArray[np.int64]:
        """Code of each value of an Arrow column, -1 where it is null."""
        import pyarrow as pa

        if not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        of_batch = [self._new(word) for word in column.dictionary.to_pylist()]
        local = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        codes: NDArray[np.int64] = np.array([*of_batch, -1], dtype=np.int64)[local]
        return codes

    def _new(self, word: str | None) -> int:
        if word not in self._code:
            self._code[word] = len(self.words)
            self.words.append(str(word))
        return self._code[word]
