"""Snapshots on disk (Parquet folders, JSON documents) and tables in Arrow.

pyarrow is imported when a function needs it; a JSON document needs nothing.
"""

from margin.io.arrow import to_arrow, write_parquet, write_table
from margin.io.snapshot import Snapshot, read_snapshot, write_snapshot

__all__ = ["Snapshot", "read_snapshot", "to_arrow", "write_parquet", "write_snapshot", "write_table"]
