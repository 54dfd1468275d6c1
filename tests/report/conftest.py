"""A small exchange margined under two modes, and the page about both."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from margin import batch, synthetic
from margin.params import STATUSES
from margin.report import report
from margin.venues.named import NamedRegime

pytest.importorskip("pyarrow")
pytest.importorskip("jinja2")
pytest.importorskip("plotly")

MODES = ("cross_portfolio", "segregated_standard")


@dataclass(frozen=True)
class Made:
    """Where everything is."""

    snapshot: Path
    results: tuple[Path, ...]
    html: Path
    page: Any


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("report")
    snapshot = folder / "snapshot"
    synthetic.exchange(accounts=400, seed=11).write(snapshot)
    results = []
    for mode in MODES:
        named = NamedRegime(venue="deribit", mode=mode, params=(str(snapshot / "params.toml"),), accept=STATUSES)
        batch.run(snapshot, folder / mode, regime=named, units=True)
        results.append(folder / mode)
    page = report(results, folder / "report.html", stress=True, listed=60, threads=1)
    return Made(snapshot, tuple(results), folder / "report.html", page)
