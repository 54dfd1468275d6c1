"""Recorded accounts of Hyperliquid: liquidation prices are met wherever the data's own check says they can."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from margin.cli.app import application
from margin.errors import DataError
from margin.io import read_snapshot
from margin.venues.hyperliquid import recorded
from margin.venues.hyperliquid.recorded import Recording


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> Recording:
    return Recording.read(shared_data)


def test_recorded_liquidation_prices_are_met(recording: Recording) -> None:
    found = recorded.agreement(recording)
    assert len(found) == 11
    for each in found:
        assert each.stated == each.stated_agreeing == each.agreeing, each.instant
        assert each.missing == each.correctly_missing, each.instant
    assert sum(each.checkable for each in found) == 12_379
    assert sum(each.agreeing for each in found) == 11_216
    assert sum(each.missing for each in found) == 5_087
    assert sum(each.positions + each.left_out for each in found) == 18_981


def test_an_instant_is_written_as_a_snapshot(recording: Recording, tmp_path: Path) -> None:
    made = recorded.write_snapshot_of(recording, "2026-02-05T19:52:44", tmp_path / "crash")
    snapshot = read_snapshot(tmp_path / "crash")
    assert len(snapshot.book) == len(made.accounts) == 128
    assert len(snapshot.book.positions) == 1_639
    assert "left out: 1 cross positions" in recorded.render_chain(made)
    with pytest.raises(DataError, match="'2026-02-05' is not a recorded instant"):
        recorded.accounts(recording, "2026-02-05")
    with pytest.raises(DataError, match=r"lacks hyperliquid_positions\.csv\.gz"):
        Recording.read(tmp_path)


def test_the_command_prints_the_agreement(shared_data: Path) -> None:
    result = CliRunner().invoke(application, ["recorded", "accounts", str(shared_data), "--venue", "hyperliquid"])
    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1].split()[:6] == ["all", "1,839", "18,768", "213", "12,379", "11,216"]
    refused = CliRunner().invoke(application, ["recorded", "accounts", str(shared_data), "--venue", "deribit"])
    assert "no accounts are recorded of deribit" in refused.output
