"""Snapshots on disk (Parquet folders, JSON documents) and tables in Arrow.

pyarrow is imported when a function needs it; a JSON document needs nothing.
"""

from margin.io.arrow import to_arrow, write_parquet
from margin.io.parts import parquet_parts
from margin.io.snapshot import Snapshot, read_snapshot, write_snapshot

__all__ = ["Snapshot", "parquet_parts", "read_snapshot", "to_arrow", "write_parquet", "write_snapshot"]
