"""The exchange-wide run: load, assess, check, write."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from margin import io, kernels
from margin.assessment import Assessment
from margin.batch.inputs import hashed_beside
from margin.batch.results import result_folder
from margin.batch.summary import RunSummary, summarise
from margin.errors import DataError
from margin.market import Market
from margin.regime import Regime
from margin.venues.named import NamedRegime

ASSESSMENTS, UNITS, MANIFEST = "assessments.parquet", "units.parquet", "manifest.json"

RATIOS = ("utilisation", "initial_utilisation")
"""Columns that may be infinite: a requirement over no collateral."""

FORMAT = 2
"""Version of the manifest: 2 added what a regime is asked for by, and the snapshot's whole path."""

Progress = Callable[[str, float], None]


def run(
    snapshot: str | Path,
    output: str | Path,
    *,
    regime: Regime | Callable[[Market], Regime],
    threads: int = 0,
    units: bool = False,
    strict: bool = False,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> RunSummary:
    """Margin every account of a snapshot and write the results.

    Parameters
    ----------
    snapshot : path
        Folder of Parquet tables or JSON document; see `margin.io`.
    output : path
        Folder for ``assessments.parquet`` (a row per account and pool), ``manifest.json`` and, on request, ``units.parquet``.
        They appear there when they are complete; a run that fails or is interrupted leaves nothing.
    regime : Regime or callable
        The rules, or a function of the market that gives them (parameters often follow the market's date). Of a `NamedRegime`
        the manifest says how to ask for it again.
    threads : int
        0 takes all processors. Results do not depend on it.
    units : bool
        Write a row per (account, pool, risk unit) with its worst loss, scenario and charges; a standard model has none.
    strict : bool
        Reject duplicate (account, instrument) positions instead of summing them.
    overwrite : bool
        Replace results that the output folder holds.
    on_progress : callable, optional
        Called with the stage (load, assess, write) and the fraction of it that is done, from 0 to 1.

    Returns
    -------
    RunSummary

    Raises
    ------
    DataError
        If the snapshot is wrong, or a result is not a finite number.
    ParameterError
        If a parameter that the book needs has no value.
    OutputExistsError
        If the output folder is not empty and `overwrite` is false.
    """
    show = on_progress or (lambda _stage, _done: None)
    source, folder = Path(snapshot), Path(output)
    clock = _Clock()
    with (
        result_folder(folder, (ASSESSMENTS, UNITS, MANIFEST), overwrite=overwrite) as partial,
        hashed_beside(source) as hashes,
    ):
        show("load", 0.0)
        loaded = io.read_snapshot(source, strict=strict)
        book, market = loaded.book, loaded.market
        clock.lap("load")
        show("load", 1.0)

        rules = regime if isinstance(regime, Regime) else regime(market)
        show("assess", 0.0)
        n_accounts = len(book.accounts)
        with io.parquet_parts(partial(ASSESSMENTS)) as rows, io.parquet_parts(partial(UNITS)) as unit_rows:
            written = 0

            def write(done: int, part: Assessment) -> None:
                nonlocal written
                columns = part.columns()
                _check_finite(columns, first=written)
                rows.add(columns)
                written += len(part)
                if units and (by_unit := part.unit_columns()):
                    unit_rows.add(by_unit)
                if done == n_accounts:  # what is left is written while the results are joined
                    rows.send()
                    unit_rows.send()
                show("assess", done / max(n_accounts, 1))

            assessment = rules.assess(book, market, threads=threads, units=units, on_block=write)
            clock.lap("assess")
            show("assess", 1.0)
            show("write", 0.0)
            summary = summarise(source, folder, assessment)  # while the last results are written
            clock.lap("summary")
        files = hashes()
        clock.lap("write")
        stages = {"load": clock.seconds["load"], **assessment.timings, "write": clock.seconds["write"]}
        summary = replace(summary, seconds={**stages, "total": clock.total}, peak_memory=peak_memory())
        named = replace(regime, as_of=rules.provenance.get("as_of", regime.as_of)) if isinstance(regime, NamedRegime) else None
        manifest = _manifest(summary, assessment, files=files, threads=threads, named=named)
        partial(MANIFEST).write_text(json.dumps(manifest, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    show("write", 1.0)
    return summary


class _Clock:
    """Seconds of each stage, from lap to lap."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def peak_memory() -> int | None:
    """Largest resident size of this process so far, in bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():  # what `getrusage` gives is at least the size of the process that started this one
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="ascii", errors="replace"))
        if found:
            return 1024 * int(found[1])
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _check_finite(columns: Mapping[str, Any], *, first: int) -> None:
    """No number is written that is not one; `first` is the row of the table at which these begin."""
    for name, values in columns.items():
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            continue
        wrong = np.isnan(values) if name in RATIOS else ~np.isfinite(values)
        if wrong.any():
            row = int(np.argmax(wrong))
            message = f"the result {values[row]} is not a finite number; nothing was written"
            raise DataError(
                message,
                table="assessments",
                column=name,
                row=first + row,
                key={"account": columns["account"][row]},
                value=values[row],
                count=int(wrong.sum()),
            )


def _manifest(
    summary: RunSummary,
    assessment: Assessment,
    *,
    files: dict[str, dict[str, Any]],
    threads: int,
    named: NamedRegime | None,
) -> dict[str, Any]:
    """What went into a run and what it gave, enough to repeat and to compare it."""
    config = kernels.config()
    return {
        "format": FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "package": {"name": "margin-engine", "version": config.version},
        "kernels": {"implementation": config.implementation, "isa": config.isa},
        "threads": threads,
        "named": None if named is None else named.record(),
        "parameters": dict(assessment.regime.provenance),
        "snapshot_path": str(Path(summary.snapshot).resolve()),
        "files": files,
        **asdict(summary),
    }
