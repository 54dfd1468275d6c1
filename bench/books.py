"""Snapshots of many random positions in the instruments of the synthetic exchange, and the rules they are run under."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from margin import batch, io, synthetic
from margin.market import SPOT
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import PriceVolGrid, ScenarioSet
from margin.params import STATUSES
from margin.pools import CrossPool
from margin.regime import Regime
from margin.venues import load

POSITIONS = 20  # an account
ROWS = 1 << 20  # a row group
MARKET = ("instruments", "quotes", "indices", "currencies")


@dataclass(frozen=True)
class RandomBook:
    """A snapshot folder with so many accounts of `POSITIONS` random positions each, as rows without an order or by account."""

    folder: Path
    accounts: int

    @property
    def positions(self) -> Path:
        return self.folder / "positions.parquet"

    def write(self, market: Path, *, by_account: bool) -> RandomBook:
        """Positions of a thousandth of a contract at least, in a market that lies in another snapshot."""
        self.folder.mkdir()
        for name in (*(f"{table}.parquet" for table in MARKET), "snapshot.json", synthetic.PARAMETERS):
            shutil.copy(market / name, self.folder / name)
        instruments = io.read_snapshot(market).market
        names = pa.array(instruments.instruments.take(np.flatnonzero(instruments.kind != SPOT)).to_list())
        ids = names_of(self.accounts)
        random = np.random.default_rng(5)
        account = np.repeat(np.arange(self.accounts, dtype=np.int32), POSITIONS)
        if not by_account:
            random.shuffle(account)
        with parquet.ParquetWriter(self.positions, SCHEMA) as writer:
            for first in range(0, len(account), ROWS):
                part = account[first : first + ROWS]
                held = random.integers(0, len(names), len(part))
                quantity = np.round(random.normal(scale=10.0, size=len(part)), 3)
                columns = (ids.take(pa.array(part)), names.take(pa.array(held)), pa.array(quantity + (quantity == 0)))
                writer.write_table(pa.table(columns, schema=SCHEMA))
        return self

    def with_balances(self, folder: Path) -> RandomBook:
        """The same positions, and two balances for each account."""
        shutil.copytree(self.folder, folder, copy_function=os.link)
        account = np.repeat(np.arange(self.accounts, dtype=np.int32), len(COINS))
        amount = np.random.default_rng(6).lognormal(sigma=2.0, size=len(account)) * np.tile(list(COINS.values()), self.accounts)
        columns = {
            "account": names_of(self.accounts).take(pa.array(account)),
            "currency": pa.array(list(COINS) * self.accounts),
            "amount": pa.array(amount),
        }
        parquet.write_table(pa.table(columns), folder / "balances.parquet")
        return RandomBook(folder, self.accounts)


COINS = {"BTC": 1.0, "USDC": 50_000.0}

SCHEMA = pa.schema({"account": pa.string(), "instrument": pa.string(), "quantity": pa.float64()})


def names_of(accounts: int) -> pa.Array:
    """String ids of accounts."""
    return pa.array([f"acct-{i:07d}" for i in range(accounts)])


def full_rules(folder: Path) -> Regime:
    """Cross portfolio margin with all its charges."""
    params = (folder / synthetic.PARAMETERS,)
    return load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=params, accept=STATUSES)


def scenarios_only(folder: Path) -> Regime:
    """33 scenarios and nothing else: the requirement is the sum of the units' worst losses."""
    whole = full_rules(folder)
    grid = PriceVolGrid(price_range=whole.model.scenarios.grid.price_range, steps=5)
    model = PortfolioModel(scenarios=ScenarioSet(grid=grid), vol_shock=whole.model.vol_shock)
    return Regime("scenarios", CrossPool(), model, whole.collateral, provenance=whole.provenance)


def run_alone(folder: str, output: str, rules: str, threads: str) -> None:
    """Margin a snapshot twice; print the seconds of the faster run and the most memory the process had.

    The first run pays for memory that the system has not handed out yet.
    """
    regime = {"full": full_rules, "scenarios": scenarios_only}[rules](Path(folder))
    runs = [batch.run(folder, output, regime=regime, threads=int(threads), overwrite=True) for _ in range(2)]
    print(min(run.seconds["total"] for run in runs), runs[-1].peak_memory)


if __name__ == "__main__":
    run_alone(*sys.argv[1:])
