"""Recorded chains: what they say of themselves holds, nothing is dropped silently, and the crash shows in the requirements."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from margin.errors import DataError
from margin.io import read_snapshot
from margin.venues.deribit import recorded
from margin.venues.deribit.recorded import Chain, Recording

SNAPSHOTS = "deribit_options_2026.csv.gz"
HEADER = (
    "snapshot_utc,instrument,currency,option_type,strike,expiry_ms,ts_ms,mark_price,mark_iv_pct,underlying_price,"
    "underlying_name,index_price,bid_price,ask_price,open_interest,parity_forward"
)
TS, EXPIRY = 1_770_179_043_263, 1_774_598_400_000


@pytest.fixture(scope="module")
def recording(shared_data: Path) -> Recording:
    return Recording.read(shared_data)


def errors(chain: Chain) -> np.ndarray:
    return recorded.reprice(chain.market(), time=chain.row_time)


def test_every_instant_is_found(recording: Recording) -> None:
    found = recorded.instants(recording)
    assert len(found) == 25
    assert [each.name for each in found] == sorted(each.name for each in found)
    assert sum(sum(each.options.values()) for each in found) == len(recording.options["instrument"]) == 23_304 + 6_628 + 326


def test_every_option_of_every_instant_is_in_its_market(recording: Recording) -> None:
    for each in recorded.instants(recording):
        chain = recorded.chain(recording, each.name)
        assert len(chain.row_time) == sum(each.options.values())
        assert set(chain.left_out) <= {"synthetic forward (no listed future)", "underlying named index_price (no listed future)"}
        futures = (recording.futures["snapshot"] == each.name).sum()
        in_market = len(chain.market()) - len(chain.row_time)
        assert in_market == (futures - sum(chain.left_out.values()) if futures else 3)


@pytest.mark.parametrize(
    ("file", "forward", "stated"),
    [
        (SNAPSHOTS, "parity", {0.5: 1.1e-6, 0.9: 7.7e-6, 0.99: 2.5e-5, 1.0: 1.3e-3}),
        ("deribit_btc_options_2026-01.csv.gz", "underlying", {1.0: 4.3e-4}),
        ("deribit_btc_options_2020-05-21.csv.gz", "underlying", {0.5: 3.9e-6, 0.99: 1.1e-4, 1.0: 2.4e-4}),
    ],
)
def test_marks_are_reproduced_as_the_data_states(
    recording: Recording, file: str, forward: str, stated: dict[float, float]
) -> None:
    every = [
        errors(recorded.chain(recording, each.name, forward=forward))  # type: ignore[arg-type]
        for each in recorded.instants(recording)
        if each.file == file
    ]
    for quantile, value in stated.items():
        assert np.quantile(np.concatenate(every), quantile) == pytest.approx(value, rel=0.05)


def test_parity_forward_is_that_of_the_data(recording: Recording) -> None:
    """The rule used where no parity forward is recorded gives the recorded one where it is."""
    options = dict(recording.options)
    given = options["parity"]
    options["parity"] = np.full(len(given), np.nan)
    blank = Recording(options, recording.futures)
    for name in ("2026-02-04T04:24", "2026-02-05T21:29"):
        ours, theirs = (recorded.chain(r, name).tables["quotes"]["forward"] for r in (blank, recording))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=6e-5)  # recorded to four decimals


def test_rows_apart_in_time_are_told(recording: Recording) -> None:
    assert not any("around the market's time" in note for note in recorded.chain(recording, "2026-02-05T21:29").notes)
    apart = recorded.chain(recording, "2020-05-21")
    assert any("-82 s to +79 s" in note for note in apart.notes)
    assert np.ptp(apart.row_time) > np.timedelta64(2, "m")


def test_an_unknown_or_ambiguous_instant_is_refused(recording: Recording) -> None:
    with pytest.raises(DataError, match="no recorded instant starts with"):
        recorded.chain(recording, "2019")
    with pytest.raises(DataError, match="5 recorded instants start with"):
        recorded.chain(recording, "2026-02-0")


def test_a_recorded_instant_becomes_a_snapshot(recording: Recording, tmp_path: Path) -> None:
    chain = recorded.write_snapshot_of(recording, "2020-05-21", tmp_path / "market.json")
    snapshot = read_snapshot(tmp_path / "market.json")
    assert len(snapshot.market) == len(chain.market())
    snapshot.book.resolve(snapshot.market)
    np.testing.assert_array_equal(snapshot.market.mark, chain.market().mark)


def test_lists_and_tables_are_rendered(recording: Recording) -> None:
    assert "2026-02-05T21:29:37Z" in recorded.render_list(recording)
    text = recorded.render_reprice(recording)
    assert "stated in the README of the data: p50 1.1e-6" in text
    assert text.count("all   ") == 6


def test_the_crash_raises_what_short_options_need(recording: Recording) -> None:
    found = {(c.mode, c.account): c for c in recorded.crash_comparison(recording)}
    for coin in ("BTC", "ETH"):
        assert found["segregated_portfolio", f"{coin} short strangle"].ratio > 1.5
        # The margin of an inverse perpetual is fixed in USD, so that it grows in coin as the coin falls.
        assert found["segregated_portfolio", f"{coin} long perpetual"].ratio == pytest.approx(1.2, abs=0.05)
        assert found["cross_portfolio", f"{coin} long perpetual"].ratio == pytest.approx(1.0, abs=0.01)


def test_the_crash_liquidates_long_leverage(recording: Recording) -> None:
    found = {(j.mode, j.kind): j for j in recorded.crash_accounts(recording, each=10)}
    for mode in ("segregated_portfolio", "cross_portfolio"):
        leveraged = found[mode, "long perpetual"]
        assert leveraged.calm_liquidated == 0
        assert leveraged.crash_liquidated > 2
        assert leveraged.crash_utilisation > 2 * leveraged.calm_utilisation
        assert found[mode, "short perpetual"].crash_liquidated == 0
        assert found[mode, "option seller"].crash_utilisation > found[mode, "option seller"].calm_utilisation


def test_example_accounts_are_seeded(recording: Recording) -> None:
    chain = recorded.chain(recording, "2026-02-04T04:24")
    first, again, other = (recorded.example_accounts(chain, each=2, seed=seed)["positions"] for seed in (1, 1, 2))
    assert first["quantity"].tolist() == again["quantity"].tolist()
    assert first["quantity"].tolist() != other["quantity"].tolist()


def written(folder: Path, *rows: str) -> Path:
    with gzip.open(folder / SNAPSHOTS, "wt", encoding="utf-8") as file:
        file.write("\n".join((HEADER, *rows)) + "\n")
    return folder


def row(instrument: str, *, mark: str = "0.05", vol: str = "50", expiry: int = EXPIRY) -> str:
    _, _, strike, letter = instrument.split("-")
    return f"2026-02-04T04:24:03Z,{instrument},BTC,{letter},{strike},{expiry},{TS},{mark},{vol},76000,BTC-27MAR26,76500,,,1,"


def test_rows_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        row("BTC-27MAR26-70000-C", mark="0.12"),
        row("BTC-27MAR26-70000-P", mark="0.04"),
        row("BTC-27MAR26-70000-P", mark="0.05"),
        row("BTC-27MAR26-80000-C", vol=""),
        row("BTC-27MAR26-80000-P", mark=""),
        row("BTC-3FEB26-80000-P", expiry=TS - 1),
        row("BTC-26JUN26-80000-P", expiry=EXPIRY + 1),
        row("BTC-27MAR26-90000-P", mark="0"),
    )
    chain = recorded.chain(folder, "2026-02-04")
    assert chain.left_out == {
        "option listed twice (the first row is kept)": 1,
        "option expired when recorded": 1,
        "option without a mark": 1,
        "option without an implied volatility": 1,
        "option without a forward": 1,
    }
    assert chain.tables["instruments"]["instrument"].tolist() == [
        "BTC-27MAR26-70000-C", "BTC-27MAR26-70000-P", "BTC-27MAR26-90000-P", "BTC-27MAR26",
    ]  # fmt: skip
    assert any(note.startswith("1 options with a recorded mark of 0") for note in chain.notes)
    assert any(note == "no perpetual of BTC is recorded" for note in chain.notes)
    text = recorded.render_chain(chain)
    assert all(reason in text for reason in chain.left_out)


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no recorded option chain"):
        recorded.instants(tmp_path)
