"""Writing files: folders are made, threads keep apart, wrong targets are named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from margin.errors import DataError
from margin.io import write_parquet, write_snapshot

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def test_folders_above_a_file_are_made(tmp_path):
    write_parquet(pa.table({"a": [1]}), tmp_path / "new" / "deep" / "a.parquet")
    assert pq.read_table(tmp_path / "new" / "deep" / "a.parquet").num_rows == 1


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    path = tmp_path / "a.parquet"
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: write_parquet(pa.table({"a": [i] * 1000}), path), range(40)))
    assert len(set(pq.read_table(path)["a"].to_pylist())) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]


def test_targets_of_the_wrong_kind(tmp_path):
    with pytest.raises(DataError, match="is a folder"):
        write_parquet(pa.table({"a": [1]}), tmp_path)
    (tmp_path / "file").write_text("x")
    tables = {name: {} for name in ("instruments", "quotes", "indices", "currencies")}
    with pytest.raises(DataError):
        write_snapshot(tmp_path / "file", tables, "2026-02-15T08:00:00Z")
    assert (tmp_path / "file").read_text() == "x"
