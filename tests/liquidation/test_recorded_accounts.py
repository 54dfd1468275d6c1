"""The solver against liquidation prices that a venue gave for real accounts: cross pools with tiers, isolated positions."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from margin.liquidation.excess import WHOLE, joined
from margin.liquidation.prices import Terms, nearest_changes
from margin.rates import RateTable, RateTables

AGREES = 1e-6

UNLISTED = "3"
"""Table of the one coin listed after the tables were recorded; its recorded prices imply a maintenance rate of 1/6."""


def read(path):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def recorded(shared_data):
    """Positions with what margins them, as arrays: mark, size, table, equity of the pool (isolated: of the position)."""
    tiers = {}
    for row in read(shared_data / "hyperliquid_margin_tables.csv.gz"):
        numbers = (float(row[c]) for c in ("lower_bound_usdc", "maintenance_rate", "maintenance_deduction_usdc"))
        tiers.setdefault(row["margin_table_id"], []).append(tuple(numbers))
    names = list(tiers)
    columns = [tuple(zip(*tiers[name], strict=True)) for name in names]
    tables = RateTables.of([RateTable(floor, rate, (0.0,) * len(floor), cut) for floor, rate, cut in columns])
    table_of = {
        (row["snapshot_utc"], row["coin"]): row["margin_table_id"] or UNLISTED
        for row in read(shared_data / "hyperliquid_markets.csv.gz")
    }
    equity = {
        (row["snapshot_utc"], row["account"]): float(row["implied_cross_equity_usdc"] or "nan")
        for row in read(shared_data / "hyperliquid_accounts.csv.gz")
    }
    positions = read(shared_data / "hyperliquid_positions.csv.gz")
    pools = {key: i for i, key in enumerate(equity)}
    pool = [pools[row["snapshot_utc"], row["account"]] for row in positions]

    def numbers(name):
        return np.array([float(row[name] or "nan") for row in positions])

    return {
        "tables": tables,
        "table": np.array([names.index(table_of[row["snapshot_utc"], row["coin"]]) for row in positions], dtype=np.int32),
        "pool": np.array(pool),
        "equity": np.array(list(equity.values())),
        "isolated": np.array([row["leverage_type"] == "isolated" for row in positions]),
        "size": numbers("szi"),
        "value": numbers("position_value_usdc"),
        "margin": numbers("margin_used_usdc"),
        "price": numbers("liquidation_px"),
        "checked": np.array([row["liq_recomputed_ok"] for row in positions]),
    }


def solve(excess, size, value, table, tables):
    """Prices of one linear position each: below if long, above if short; nan for none."""
    n = len(size)
    each, nothing, one = np.arange(n, dtype=np.int32), np.zeros(n), np.ones(n, np.int8)
    pnl, margin = (
        Terms(each, nothing, moving, one, np.full(n, sign), np.zeros(n, np.int8), codes)
        for moving, sign, codes in ((np.sign(size) * value, 1.0, np.zeros(n, np.int32)), (value, -1.0, table))
    )
    below, above = nearest_changes(excess, excess <= 0, *joined([(pnl, WHOLE), (margin, tables)]))
    return np.where(size > 0, below, above) * value / np.abs(size)


def maintenance(r, chosen):
    return r["tables"].requirement(r["value"][chosen], r["table"][chosen])


def test_cross_positions(recorded):
    """Where all other positions of the account are known, prices follow from its equity."""
    r = recorded
    cross = np.flatnonzero(~r["isolated"] & np.isfinite(r["equity"][r["pool"]]))
    required = np.bincount(r["pool"][cross], weights=maintenance(r, cross), minlength=len(r["equity"]))
    excess = (r["equity"] - required)[r["pool"][cross]]
    price = solve(excess, r["size"][cross], r["value"][cross], r["table"][cross], r["tables"])
    given = r["price"][cross]
    checkable = np.isin(r["checked"][cross], ["0", "1"])
    both = checkable & ~np.isnan(given)
    error = np.abs(price / given - 1)[both]
    none = checkable & np.isnan(given)
    print(
        f"\ncross: {both.sum()} given, {np.mean(error <= AGREES):.4f} within {AGREES}, median error {np.nanmedian(error):.1e}; "
        f"{none.sum()} without, {np.isnan(price[none]).sum()} of them correctly"
    )
    assert both.sum() > 12_000
    assert np.mean(error <= AGREES) > 0.905
    assert ((error <= AGREES) == (r["checked"][cross][both] == "1")).all()  # the others imply another table than the recorded
    assert np.nanmedian(error) < 1e-12
    assert none.sum() > 5_000
    assert np.isnan(price[none]).all()


def test_isolated_positions(recorded):
    r = recorded
    own = np.flatnonzero(r["isolated"])
    price = solve(r["margin"][own] - maintenance(r, own), r["size"][own], r["value"][own], r["table"][own], r["tables"])
    error = np.abs(price / r["price"][own] - 1)
    print(f"isolated: {len(own)}, largest error {error.max():.1e}")
    assert len(own) > 60
    assert error.max() < 1e-6
