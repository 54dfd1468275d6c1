"""The demonstrations of the OKX document: what it prints is what the engine says of its example snapshot."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from margin.errors import ParameterError
from margin.io import read_snapshot
from margin.market import Market
from margin.params import STATUSES
from margin.pricing import model_marks
from margin.venues.okx import regime
from margin.venues.okx.summary import account_figures

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "okx.md").read_text(encoding="utf-8")
SNAPSHOT = DOCS / "examples" / "okx.json"
MODE = ["--venue", "okx", "--mode", "portfolio"]
ACCEPT = [word for status in STATUSES for word in ("--accept", status)]
LOADED = read_snapshot(SNAPSHOT)
AS_QUOTED = LOADED.market.with_(mark=model_marks(LOADED.market))


def margin(*arguments: object) -> str:
    command = [sys.executable, "-m", "margin", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def unit(account: str, market: Market) -> dict[str, float]:
    """Components of the account's one unit."""
    rules = regime("portfolio", as_of="2026-02-15", accept=STATUSES)
    result = rules.assess(LOADED.book.select([account]), market)
    columns = result.unit_columns()
    return {name: float(column[0]) for name, column in columns.items() if isinstance(column, np.ndarray)}


def with_vols(factor: float) -> Market:
    """Volatilities moved, prices of the coin as they stand; options are worth what they then are."""
    market = AS_QUOTED.with_(vol=AS_QUOTED.vol * factor)
    return market.with_(mark=model_marks(market))


def with_usdt_at(price: float) -> Market:
    """USDT slips: prices in it rise, so that a coin is worth the same dollars everywhere."""
    market = AS_QUOTED
    in_usdt = np.array([market.currencies[c] == "USDT" for c in market.settlement])
    rise = np.where(in_usdt, float(market.usd[market.currencies.index("USDT")]) / price, 1.0)
    usd = np.where([c == "USDT" for c in market.currencies], price, market.usd)
    return market.with_(mark=market.mark * rise, index_price=market.index_price * rise, usd=usd)


def printed(row: str) -> list[float]:
    """Numbers of a row of a table of the document."""
    (line,) = re.findall(rf"^\| {re.escape(row)} \|(.*)\|$", TEXT, re.MULTILINE)
    return [float(cell.replace(",", "")) for cell in line.split("|")]


@pytest.mark.parametrize(("account", "more"), [("basis", []), ("stable", ACCEPT)])
def test_the_examples_run_as_printed(account: str, more: list[str]) -> None:
    assert f"margin-engine explain docs/examples/okx.json {account} --venue okx --mode portfolio" in TEXT
    blocks = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    block = blocks[0 if account == "basis" else 1].strip()
    assert block in margin("explain", SNAPSHOT, account, *MODE, *more)


def test_the_requirement_jumps_when_volatility_rises_and_the_price_stands_still() -> None:
    found = {factor: unit("writer", with_vols(factor)) for factor in (1.0, 1.5, 2.0)}
    for factor, components in found.items():
        row = [components[name] for name in ("scenario_loss", "extreme_move", "maintenance_margin")]
        assert row == pytest.approx(printed(f"{factor:g} x"), abs=0.005)
    assert found[1.5]["maintenance_margin"] > 1.3 * found[1.0]["maintenance_margin"]
    assert found[2.0]["maintenance_margin"] > 1.75 * found[1.0]["maintenance_margin"]
    np.testing.assert_array_equal(with_vols(2.0).index_price, AS_QUOTED.index_price)


def test_a_stablecoin_that_slips_raises_the_requirement_without_a_trade() -> None:
    found = {price: unit("stable", with_usdt_at(price)) for price in (0.9995, 0.99, 0.97)}
    for price, components in found.items():
        row = [components[name] for name in ("scenario_loss", "depeg", "minimum", "maintenance_margin")]
        assert row == pytest.approx(printed(f"USDT at {price:g}"), abs=0.005)
    assert found[0.99]["depeg"] == pytest.approx(found[0.9995]["depeg"], rel=1e-9)
    assert found[0.97]["maintenance_margin"] > 5 * found[0.99]["maintenance_margin"]
    assert found[0.97]["scenario_loss"] < 0.01


@pytest.mark.parametrize(("account", "parameter"), [("writer", "pm.vol.floor"), ("stable", "pm.mr9.bounds")])
def test_official_parameters_refuse_by_name(account: str, parameter: str) -> None:
    with pytest.raises(ParameterError, match=parameter):
        regime("portfolio", as_of="2026-02-15").assess(LOADED.book.select([account]), LOADED.market)


def test_figures_of_accounts() -> None:
    """A debt bears margin and the only liquidation fee; notionals are gross."""
    rules = regime("portfolio", as_of="2026-02-15", accept=STATUSES)
    from margin.book import Book

    book = Book.of(
        positions={"account": ["a", "a", "b"], "instrument": ["BTC-USDT-SWAP", "BTC-USD-SWAP", "BTC-USD-260327-80000-C"],
                   "quantity": [-100.0, 200.0, 5.0]},
        balances={"account": ["a", "a", "b"], "currency": ["USDT", "BTC", "BTC"], "amount": [-10_000.0, 1.0, 1.0]},
    )  # fmt: skip
    result = rules.assess(book, LOADED.market)
    figures = account_figures(result, taker_fee=0.001)
    debt = 10_000 * 0.9995
    assert figures.borrow_mmr.tolist() == pytest.approx([0.02 * debt, 0.0])
    assert figures.liquidation_fee.tolist() == pytest.approx([debt * 1.02 * 0.001, 0.0])
    notional = np.array([70_050 * 0.9995 + 20_000, 0.05 * 70_000])
    np.testing.assert_allclose(figures.account_leverage, notional / figures.adjusted_equity, rtol=1e-12)
    np.testing.assert_array_equal(figures.total_mmr, result.maintenance_margin)
    ratio = figures.adjusted_equity / (figures.total_mmr + figures.liquidation_fee)
    np.testing.assert_allclose(figures.margin_ratio, ratio, rtol=1e-12)
    without = account_figures(result, taker_fee=0.0)
    assert without.margin_ratio[0] > figures.margin_ratio[0]


def test_figures_of_another_mode_are_refused() -> None:
    from margin.venues import load

    rules = load("deribit").regime("segregated_standard", as_of="2026-02-15")
    with pytest.raises(ValueError, match="deribit segregated_standard has no margin of debts"):
        account_figures(rules.assess(LOADED.book.select([]), LOADED.market), taker_fee=0.0)
