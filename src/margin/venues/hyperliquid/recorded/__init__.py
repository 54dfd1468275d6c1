"""Recorded accounts of this venue: what third parties kept of real accounts, as books, and how well their prices are met.

- `instants(folder)`: what is recorded.
- `accounts(folder, instant)`: one instant as accounts, with the count of what was left out.
- `write_snapshot_of(folder, instant, out)`: the same, written as a snapshot with its margin tables.
- `agreement(folder)`: liquidation prices computed here against the recorded ones; `render_accounts(folder)` shows it.
"""

from margin.venues.hyperliquid.recorded.compare import Agreement, agreement, render_accounts, render_chain, render_list
from margin.venues.hyperliquid.recorded.read import Instant, Recording, accounts, instants, write_snapshot_of

__all__ = [
    "Agreement",
    "Instant",
    "Recording",
    "accounts",
    "agreement",
    "instants",
    "render_accounts",
    "render_chain",
    "render_list",
    "write_snapshot_of",
]
