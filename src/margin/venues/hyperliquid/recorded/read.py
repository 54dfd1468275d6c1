"""The recorded accounts of a data folder, as accounts of one instant with the margin tables that held then.

What a cross pool is worth was not recorded; the files hold what the recorded liquidation prices imply. Cross positions of an
account for which they imply nothing are left out and counted. Every position keeps the mark at which its account was read.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

from margin import io
from margin.errors import DataError
from margin.params import Parameters
from margin.venues.hyperliquid.books import Account, Listed, Position, tables
from margin.venues.hyperliquid.overlay import parameter_file
from margin.venues.hyperliquid.rules import parameters

Row = dict[str, str]

POSITIONS, ACCOUNTS = "hyperliquid_positions.csv.gz", "hyperliquid_accounts.csv.gz"
MARKETS, TABLES = "hyperliquid_markets.csv.gz", "hyperliquid_margin_tables.csv.gz"
TOKEN = "USDC"
SOURCE = "recorded accounts: the margin table whose tiers reproduce the recorded liquidation prices"


@dataclass(frozen=True, slots=True)
class Recording:
    """The rows of the recorded files, in their order.

    Attributes
    ----------
    positions, accounts, markets, margin_tables : tuple of dict
    """

    positions: tuple[Row, ...]
    accounts: tuple[Row, ...]
    markets: tuple[Row, ...]
    margin_tables: tuple[Row, ...]

    @classmethod
    def read(cls, folder: str | Path | Recording) -> Recording:
        """Read the recorded files of a folder.

        Raises
        ------
        DataError
            If the folder lacks one of them.
        """
        if isinstance(folder, Recording):
            return folder
        return cls(*(_rows(Path(folder) / name) for name in (POSITIONS, ACCOUNTS, MARKETS, TABLES)))

    @property
    def instants(self) -> tuple[str, ...]:
        """Times at which accounts were read, ISO 8601."""
        return tuple(dict.fromkeys(row["snapshot_utc"] for row in self.accounts))


@dataclass(frozen=True, slots=True, eq=False)
class Instant:
    """One recorded instant.

    Attributes
    ----------
    name : str
        The time, ISO 8601.
    accounts : tuple of Account
    rows : tuple of dict
        The recorded row of every position, in the order of the accounts' positions.
    listed : Mapping of str to Listed
    tables : Mapping of str to object
        Margin tables by parameter name.
    left_out : Mapping of str to int
        Number of positions by the reason for which they are not there.
    """

    name: str
    accounts: tuple[Account, ...]
    rows: tuple[Row, ...]
    listed: dict[str, Listed]
    tables: dict[str, object]
    left_out: dict[str, int]

    @property
    def day(self) -> str:
        """The UTC day."""
        return self.name.partition("T")[0]

    def parameters(self) -> Parameters:
        """The venue's parameters of the day with the margin tables of the instant."""
        return parameters(self.day).with_(self.tables, source=SOURCE, status="recorded")


def instants(folder: str | Path | Recording) -> list[Instant]:
    """Every instant."""
    recording = Recording.read(folder)
    return [accounts(recording, name) for name in recording.instants]


def accounts(folder: str | Path | Recording, instant: str) -> Instant:
    """The accounts of one instant.

    Raises
    ------
    DataError
        If the instant is not recorded.
    """
    recording = Recording.read(folder)
    name = instant if instant in recording.instants else f"{instant}Z"
    if name not in recording.instants:
        hint = f"Recorded: {', '.join(recording.instants)}."
        raise DataError(f"{instant!r} is not a recorded instant", table=ACCOUNTS, column="snapshot_utc", value=instant, hint=hint)
    equity = {
        row["account"]: float(row["implied_cross_equity_usdc"]) if row["implied_cross_equity_usdc"] else None
        for row in recording.accounts
        if row["snapshot_utc"] == name
    }
    held: dict[str, list[Position]] = {account: [] for account in equity}
    kept: dict[str, list[Row]] = {account: [] for account in equity}
    left_out: dict[str, int] = {}
    here = [row for row in recording.positions if row["snapshot_utc"] == name]
    for row in here:
        account, isolated = row["account"], row["leverage_type"] == "isolated"
        if not isolated and equity[account] is None:
            reason = "cross positions of accounts whose equity no price implies"
            left_out[reason] = left_out.get(reason, 0) + 1
            continue
        held[account].append(_position(row, isolated=isolated))
        kept[account].append(row)
    found = tuple(
        Account(name=account, money={} if worth is None else {TOKEN: worth}, positions=held[account])
        for account, worth in equity.items()
        if held[account]
    )
    return Instant(
        name=name,
        accounts=found,
        rows=tuple(row for account in found for row in kept[account.name]),
        listed={row["coin"]: Listed(token=TOKEN) for row in here},
        tables=_tables(recording, name, here),
        left_out=left_out,
    )


def write_snapshot_of(folder: str | Path | Recording, instant: str, out: str | Path) -> Instant:
    """Write one instant as a snapshot, with a parameter file of its margin tables, and return it.

    Parameters
    ----------
    folder, instant
        As for `accounts`.
    out : path
        Folder of Parquet tables.
    """
    found = accounts(folder, instant)
    io.write_snapshot(out, tables(found.accounts, listed=found.listed), found.name)
    text = parameter_file(found.tables, as_of=found.day, source=SOURCE, status="recorded")
    (Path(out) / "params.toml").write_text(text, encoding="utf-8")
    return found


def _position(row: Row, *, isolated: bool) -> Position:
    size = float(row["szi"])
    return Position(
        coin=row["coin"],
        size=size,
        mark=float(row["position_value_usdc"]) / abs(size),
        leverage=float(row["leverage"]),
        margin=float(row["margin_used_usdc"]) if isolated else None,
    )


def _tables(recording: Recording, instant: str, held: list[Row]) -> dict[str, object]:
    """Margin tables and the table of each coin; a coin without a recorded one is left to the venue's parameters."""
    values: dict[str, object] = {}
    for number in dict.fromkeys(row["margin_table_id"] for row in recording.margin_tables):
        tiers = [row for row in recording.margin_tables if row["margin_table_id"] == number]
        values[f"margin_table.{number}.lower_bound"] = [float(row["lower_bound_usdc"]) for row in tiers]
        values[f"margin_table.{number}.max_leverage"] = [float(row["max_leverage"]) for row in tiers]
    coins = {row["coin"] for row in held}
    for row in recording.markets:
        if row["snapshot_utc"] == instant and row["coin"] in coins and row["margin_table_id"]:
            values[f"coin.{row['coin']}.margin_table"] = int(row["margin_table_id"])
    return values


def _rows(path: Path) -> tuple[Row, ...]:
    if not path.exists():
        hint = f"Expected {POSITIONS}, {ACCOUNTS}, {MARKETS}, {TABLES}."
        raise DataError(f"{path.parent} lacks {path.name}", table=path.name, hint=hint)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
