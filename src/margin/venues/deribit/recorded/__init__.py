"""Recorded markets of this venue: option chains that third parties kept, as markets and snapshots.

- `instants(folder)`: what is recorded.
- `chain(folder, instant)`: one instant as tables, with the count of what was left out.
- `write_snapshot_of(folder, instant, out)`: the same, written as a snapshot.
- `reprice(market)`: Black-76 against the recorded marks; `render_reprice(folder)` for all of them.
- `crash_comparison(folder)`, `crash_accounts(folder)`: the same positions, and whole seeded accounts, before and in the crash of
  February 2026.
- `crash_paths(folder)`: positions with collateral along every instant of that crash; `render_crash(folder)` shows all three.
- `daily_surfaces(folder)`, `daily_vol_index(folder)`: implied volatilities day by day.
"""

from margin.venues.deribit.recorded.accounts import example_accounts, write_snapshot_of
from margin.venues.deribit.recorded.chains import Chain, Instant, chain, instants
from margin.venues.deribit.recorded.compare import render_chain, render_list, render_reprice, reprice
from margin.venues.deribit.recorded.crash import Comparison, crash_comparison
from margin.venues.deribit.recorded.crash_book import Jump, crash_accounts
from margin.venues.deribit.recorded.crash_path import MarginPath, crash_paths, render_crash
from margin.venues.deribit.recorded.read import Recording
from margin.venues.deribit.recorded.surfaces import daily_surfaces, daily_vol_index

__all__ = [
    "Chain",
    "Comparison",
    "Instant",
    "Jump",
    "MarginPath",
    "Recording",
    "chain",
    "crash_accounts",
    "crash_comparison",
    "crash_paths",
    "daily_surfaces",
    "daily_vol_index",
    "example_accounts",
    "instants",
    "render_chain",
    "render_crash",
    "render_list",
    "render_reprice",
    "reprice",
    "write_snapshot_of",
]
