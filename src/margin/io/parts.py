"""A Parquet file that is written part by part, while whoever has the parts goes on."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from margin import _arrow
from margin.io.arrow import ROWS, STORED, to_arrow, without_wide_dictionaries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

JOINED = 1 << 16
"""Rows to which short parts are joined before they are written."""

AHEAD = 4
"""Parts that may wait to be written; then whoever adds one waits too."""


class Parts:
    """Takes columns of results, as `to_arrow` does, the same ones each time, and writes them on a thread of its own.

    Numbers are stored plain: of a result hardly one occurs twice, so looking for codes would be in vain.
    """

    def __init__(self, path: Path, background: ThreadPoolExecutor) -> None:
        self._path, self._background = path, background
        self._short: list[Any] = []
        self._under_way: deque[Future[None]] = deque()
        self._writer: Any = None

    def add(self, columns: Mapping[str, Any]) -> None:
        """Some more rows."""
        self._short.append(without_wide_dictionaries(to_arrow(columns)))
        if sum(map(len, self._short)) >= JOINED:
            self._send()

    def send(self) -> None:
        """Begin to write what has been joined so far."""
        if self._short:
            self._send()

    def finish(self) -> None:
        """Write what is left. Without a part there is no file."""
        self.send()
        while self._under_way:
            self._under_way.popleft().result()

    def close(self) -> None:
        """Let go of the file; nothing may be under way."""
        if self._writer is not None:
            self._writer.close()

    def _send(self) -> None:
        table = _arrow.pyarrow().concat_tables(self._short)
        self._short.clear()
        self._under_way.append(self._background.submit(self._write, table))
        if len(self._under_way) > AHEAD:
            self._under_way.popleft().result()

    def _write(self, table: Any) -> None:
        from pyarrow import parquet, types

        if self._writer is None:
            by_codes = [field.name for field in table.schema if types.is_dictionary(field.type)]
            self._writer = parquet.ParquetWriter(self._path, table.schema, **STORED, use_dictionary=by_codes)
        self._writer.write_table(table, row_group_size=ROWS)


@contextmanager
def parquet_parts(path: Path) -> Iterator[Parts]:
    """`Parts` of a file, complete when the block ends. Of a block that fails a part of the file stays: give a temporary path.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    """
    _arrow.pyarrow("writing Parquet")
    background = ThreadPoolExecutor(1)
    parts = Parts(path, background)
    try:
        yield parts
        parts.finish()
    finally:
        background.shutdown(cancel_futures=True)
        parts.close()
