"""Recorded accounts of this venue: what third parties kept of real accounts, as books, and how well their prices are met.

- `instants(folder)`: what is recorded.
- `accounts(folder, instant)`: one instant as accounts, with the count of what was left out.
- `write_snapshot_of(folder, instant, out)`: the same, written as a snapshot with its margin tables.
- `agreement(folder)`: liquidation prices computed here against the recorded ones; `render_accounts(folder)` shows it.
- `crash_standings(folder)`: the accounts before the crash of February 2026, carried along its marks; `render_crash(folder)`.
"""

from margin.venues.hyperliquid.recorded.compare import Agreement, agreement, render_accounts, render_chain, render_list
from margin.venues.hyperliquid.recorded.crash import Standing, crash_standings, render_crash
from margin.venues.hyperliquid.recorded.read import Instant, Recording, accounts, instants, write_snapshot_of

__all__ = [
    "Agreement",
    "Instant",
    "Recording",
    "Standing",
    "accounts",
    "agreement",
    "crash_standings",
    "instants",
    "render_accounts",
    "render_chain",
    "render_crash",
    "render_list",
    "write_snapshot_of",
]
