"""The crash of February 2026 by instant: recorded chains and accounts, the page that shows them, and a folder made by hand."""

from __future__ import annotations

import gzip
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from margin.cli.app import application
from margin.errors import DataError
from margin.market import Market
from margin.venues.deribit import recorded as chains
from margin.venues.deribit.recorded.crash import Contracts
from margin.venues.deribit.recorded.crash_path import COVER, render_path
from margin.venues.hyperliquid import recorded as accounts

PAGE = Path(__file__).parents[1] / "docs" / "crash.md"


def test_option_books_along_the_recorded_chains(shared_data: Path) -> None:
    found = chains.crash_paths(shared_data)
    assert {len(path.instants) for path in found} == {9}
    assert len(found) == 3 * 14
    for path in found:
        assert path.utilisation[0] == pytest.approx(1 / COVER) or (path.coins == 0 and path.utilisation[0] < 1 / COVER)
        assert [s == "healthy" for s in path.status] == [u <= 1 for u in path.utilisation]
    by = {(path.mode, path.account): path for path in found}
    # The same position loses the same coins in both modes, which differ in what was put down.
    outright = by["segregated_portfolio", "BTC long perpetual"]
    standard = by["segregated_standard", "BTC long perpetual"]
    for mine, theirs in zip(outright.equity, standard.equity, strict=True):
        assert mine - theirs == pytest.approx(outright.coins - standard.coins)
    for coin in ("BTC", "ETH"):
        assert by["segregated_portfolio", f"{coin} short strangle"].status[3] == "liquidation"
        assert by["segregated_portfolio", f"{coin} short strangle"].ratio > 1.8
        assert by["cross_portfolio", f"{coin} long perpetual"].ratio == pytest.approx(1.0)
        assert set(by["cross_portfolio", f"{coin} long straddle"].status) == {"healthy"}


def test_days_without_an_instant_are_refused(shared_data: Path) -> None:
    with pytest.raises(DataError, match="no recorded instant from 2026-03-01"):
        chains.crash_paths(shared_data, first="2026-03-01", last="2026-03-02")


def test_a_chain_without_the_expiry_is_refused() -> None:
    perpetual = {"instrument": ["BTC-PERPETUAL"], "kind": ["perpetual"], "contract": ["inverse"], "base": ["BTC"]}
    market = Market.of(
        time="2026-02-04T04:24:00Z",
        instruments={**perpetual, "quote": ["USD"], "settlement": ["BTC"], "contract_size": [10.0]},
        indices={"index": ["BTC_USD"], "price": [76_515.0]},
        quotes={"instrument": ["BTC-PERPETUAL"], "mark": [76_500.0]},
        currencies={"currency": ["BTC"], "usd": [76_515.0]},
    )
    with pytest.raises(DataError, match="no put of BTC that expires on 27MAR26 is recorded at every instant"):
        Contracts(market, "BTC", frozenset({"BTC-PERPETUAL"})).option(-1, 0.25)


def test_accounts_along_the_recorded_marks(shared_data: Path) -> None:
    found = accounts.crash_standings(shared_data)
    cross, isolated = found[:8], found[8:]
    assert [s.liquidated for s in cross] == [0, 2, 5, 5, 3, 4, 5, 4]
    assert [s.unmarked for s in cross] == [0, 0, 0, 3, 3, 0, 0, 0]
    for one, other in zip(cross, isolated, strict=True):
        assert one.collateral == "as recorded"
        assert other.collateral == "isolated"
        # The same positions and the same money, held in other pools.
        assert one.equity == pytest.approx(other.equity)
        assert one.maintenance == pytest.approx(other.maintenance)
        assert one.liquidated <= other.liquidated


def test_the_page_shows_what_the_commands_print(shared_data: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for venue, part in (("deribit", render_path(shared_data)), ("hyperliquid", accounts.render_crash(shared_data))):
        result = CliRunner().invoke(application, ["recorded", "crash", str(shared_data), "--venue", venue])
        assert result.exit_code == 0, result.output
        assert result.output.endswith(part + "\n")
        assert textwrap.indent(part, "    ") in text


FIRST, LATER = "2026-02-04T06:11:08Z", "2026-02-05T05:10:06Z"

FILES = {
    "hyperliquid_accounts": f"""snapshot_utc,account,implied_cross_equity_usdc
{FIRST},both,200
{FIRST},alone,
{LATER},both,200""",
    # Long 1 BTC and short 100 SOL, sharing 200; beside, an isolated long of 1 SOL.
    "hyperliquid_positions": f"""snapshot_utc,account,coin,szi,leverage_type,leverage,position_value_usdc,margin_used_usdc
{FIRST},both,BTC,1,cross,10,1000,100
{FIRST},both,SOL,-100,cross,10,1000,100
{FIRST},alone,SOL,1,isolated,5,10,2""",
    "hyperliquid_markets": f"""snapshot_utc,coin,mark_px,margin_table_id
{FIRST},BTC,1000,10
{FIRST},SOL,10,10
{LATER},BTC,880,""",
    "hyperliquid_margin_tables": "margin_table_id,lower_bound_usdc,max_leverage\n10,0,10",
}


def written(folder: Path, **files: str) -> Path:
    for name, text in {**FILES, **files}.items():
        with gzip.open(folder / f"{name}.csv.gz", "wt", encoding="utf-8") as file:
            file.write(text + "\n")
    return folder


def test_a_folder_by_hand(tmp_path: Path) -> None:
    cross, fell, isolated, alone = accounts.crash_standings(written(tmp_path))
    assert (cross.pools, isolated.pools) == (2, 3)
    assert (cross.equity, cross.initial, cross.maintenance) == pytest.approx((202, 202, 100.5))
    # BTC falls by 120, SOL has no mark and stays: 80 of equity against 44 + 50 of maintenance margin.
    assert (fell.unmarked, fell.unmarked_notional) == (2, 1010)
    assert (fell.equity, fell.maintenance, fell.called, fell.liquidated) == pytest.approx((82, 94.5, 0, 1))
    assert (fell.liquidated_pools, fell.liquidated_notional, fell.liquidated_equity, fell.missing) == (1, 1880, 80, 0)
    # Isolated with 100 each, BTC alone is lost, and lacks 20.
    assert (alone.equity, alone.liquidated, alone.liquidated_so_far) == (82, 1, 1)
    assert (alone.liquidated_pools, alone.liquidated_notional, alone.liquidated_equity, alone.missing) == (1, 880, -20, 20)


def test_a_recovered_account_stays_counted(tmp_path: Path) -> None:
    again = "2026-02-06T05:07:27Z"
    folder = written(
        tmp_path,
        hyperliquid_accounts=FILES["hyperliquid_accounts"] + f"\n{again},both,200",
        hyperliquid_markets=FILES["hyperliquid_markets"] + f"\n{again},BTC,1000,\n{again},SOL,10,",
    )
    back = accounts.crash_standings(folder)[2]
    assert (back.unmarked, back.liquidated, back.liquidated_so_far) == (0, 0, 1)
    assert back.equity == pytest.approx(202)
