"""The synthetic exchange: the same for the same seed, valid at any size, and shaped as promised."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from margin import synthetic, venues
from margin.io import read_snapshot
from margin.synthetic import Exchange
from margin.tables import TABLES

SOME = 4_000


@pytest.fixture(scope="module")
def exchange() -> Exchange:
    return synthetic.exchange(SOME, seed=5, instruments=1_500)


def positions_per_account(exchange: Exchange) -> np.ndarray:
    return np.bincount(exchange.holdings.position_account, minlength=len(exchange.accounts))


def test_same_seed_same_exchange(exchange: Exchange) -> None:
    again = synthetic.exchange(SOME, seed=5, instruments=1_500)
    for name in type(exchange.holdings).__slots__:
        np.testing.assert_array_equal(getattr(exchange.holdings, name), getattr(again.holdings, name))
    assert again.params == exchange.params
    assert again.listed.name.tolist() == exchange.listed.name.tolist()


def test_other_seed_other_exchange(exchange: Exchange) -> None:
    other = synthetic.exchange(SOME, seed=6, instruments=1_500)
    assert len(other.holdings.position_account) != len(exchange.holdings.position_account)


def test_blocks_do_not_repeat_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("margin.synthetic.book.BLOCK", 500)
    h = synthetic.exchange(1_000, seed=5, instruments=300).holdings
    first = h.position_account < 500
    assert first.sum() != (~first).sum() or not np.array_equal(h.position_quantity[first], h.position_quantity[~first])
    assert h.position_account.max() == 999


def test_tables_follow_the_schema(exchange: Exchange) -> None:
    tables = exchange.tables
    assert set(tables) == set(TABLES) - {"accounts"}
    for name, columns in tables.items():
        assert set(TABLES[name].required) <= set(columns) <= set(TABLES[name].names)
        assert len({len(column) for column in columns.values()}) == 1
    assert tables["positions"]["account"].dtype.kind == "U"
    assert tables["positions"]["account"][0] == "acct-0000000"


def test_strings_and_codes_give_the_same_book(exchange: Exchange) -> None:
    tables = exchange.tables
    direct = exchange.book()
    read = type(direct).of(**{name: tables[name] for name in ("positions", "balances", "orders")})
    assert read.accounts == direct.accounts
    assert read.instruments == direct.instruments
    np.testing.assert_array_equal(read.positions.instrument, direct.positions.instrument)
    np.testing.assert_array_equal(read.balances.amount, direct.balances.amount)


def test_market_and_book_are_accepted_and_fit_together(exchange: Exchange) -> None:
    market, book = exchange.market(), exchange.book()
    book.resolve(market)
    assert len(book) == SOME
    type(book).of(**exchange._book_tables(), strict=True)
    assert (book.positions.quantity != 0.0).all()


@pytest.mark.parametrize("time", ["2024-12-27T08:00:00Z", "2025-03-28T07:59:59Z", "2030-12-31T23:00:00Z"])
def test_any_time_gives_a_valid_market(time: str) -> None:
    exchange = synthetic.exchange(20, instruments=200, time=time)
    exchange.book().resolve(exchange.market())


def test_one_account_and_no_more_options_than_needed() -> None:
    exchange = synthetic.exchange(1, instruments=0)
    exchange.book().resolve(exchange.market())
    assert 150 < len(exchange.listed) < 300


def test_names_are_in_the_style_of_the_market(exchange: Exchange) -> None:
    style = re.compile(r"[A-Z]+(_USDC)?-(PERPETUAL|\d{1,2}[A-Z]{3}\d\d(-\d+(d\d+)?-[CP])?)")
    assert all(style.fullmatch(name) for name in exchange.listed.name)
    assert len(set(exchange.listed.name)) == len(exchange.listed)


def test_surface_is_free_of_simple_arbitrage(exchange: Exchange) -> None:
    """Calls fall and puts rise with the strike; call less put is forward less strike."""
    market = exchange.market()
    years, sign = market.years, market.option_sign
    value = np.where(market.inverse, market.mark * market.forward, market.mark)
    chains = {(base, inverse, t) for base, inverse, t in zip(market.base, market.inverse, years, strict=True) if t > 0}
    for base, inverse, t in chains:
        here = (market.base == base) & (market.inverse == inverse) & (years == t)
        call, put = np.flatnonzero(here & (sign == 1)), np.flatnonzero(here & (sign == -1))
        if not len(call):
            continue
        forward = market.forward[call[0]]
        assert (np.diff(value[call]) <= 1e-9 * forward).all()
        assert (np.diff(value[put]) >= -1e-9 * forward).all()
        np.testing.assert_allclose(value[call] - value[put], forward - market.strike[call], atol=1e-9 * forward)


def test_full_size_listing_has_about_five_thousand_instruments() -> None:
    exchange = synthetic.exchange(1)
    assert 4_500 < len(exchange.listed) < 5_500
    assert len(set(exchange.listed.coin.tolist())) == 42


def test_positions_are_heavy_tailed_and_mostly_delta_one() -> None:
    exchange = synthetic.exchange(20_000, seed=2)
    count = positions_per_account(exchange)
    assert count.min() >= 1
    assert count.mean() == pytest.approx(8.0, abs=0.5)
    assert 0.5 < (count <= 5).mean() < 0.8
    assert np.percentile(count, 99.9) > 200
    assert exchange.listed.option[exchange.holdings.position_instrument].mean() == pytest.approx(0.30, abs=0.05)
    share = np.bincount(exchange.listed.coin[exchange.holdings.position_instrument], minlength=42) / count.sum()
    assert share[0] > share[1] > share[2:].max()
    assert share[2:].sum() > 0.1


@pytest.mark.parametrize("positions", [5_000, 20_000, 60_000])
def test_number_of_positions_follows(positions: int) -> None:
    exchange = synthetic.exchange(2_000, positions=positions, seed=1)
    assert len(exchange.holdings.position_account) == pytest.approx(positions, rel=0.2)


def test_market_makers_are_hedged(exchange: Exchange) -> None:
    """Accounts with the most positions hold little delta for their gross."""
    listed, h = exchange.listed, exchange.holdings
    usd = h.position_quantity * (listed.coins_per_contract * listed.delta * listed.coin_price)[h.position_instrument]
    cell = h.position_account.astype(np.int64) * 42 + listed.coin[h.position_instrument]
    net = np.abs(np.bincount(cell, weights=usd, minlength=SOME * 42)).reshape(SOME, 42).sum(axis=1)
    gross = np.bincount(h.position_account, weights=np.abs(usd), minlength=SOME)
    largest = np.argsort(positions_per_account(exchange))[-20:]
    assert np.median(net[largest] / gross[largest]) < 0.5


def test_orders_rest_on_their_side_of_the_mark(exchange: Exchange) -> None:
    h, mark = exchange.holdings, exchange.listed.mark
    assert len(h.order_account) > 0.5 * SOME
    # Options near zero are quoted at the tick, whatever their mark.
    quoted = mark[h.order_instrument] > 0.02
    distance = np.sign(h.order_quantity) * (mark[h.order_instrument] - h.order_price)
    assert (distance[quoted] >= 0).all()
    assert h.order_mmp.any()
    assert not h.order_mmp.all()


def test_written_exchange_is_read_back(exchange: Exchange, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    exchange.write(tmp_path / "exchange")
    snapshot = read_snapshot(tmp_path / "exchange", strict=True)
    book = exchange.book()
    assert snapshot.market.instruments == exchange.market().instruments
    assert snapshot.book.accounts == book.accounts
    np.testing.assert_array_equal(snapshot.book.positions.quantity, book.positions.quantity)
    np.testing.assert_array_equal(snapshot.book.orders.mmp, book.orders.mmp)
    assert [path.read_text(encoding="utf-8") for path in snapshot.params] == [exchange.params]


@pytest.mark.parametrize("name", ["deribit", "okx"])
def test_overlay_is_illustrative_and_replaces_no_parameter_of_a_venue(name: str, exchange: Exchange, tmp_path: Path) -> None:
    layers = tomllib.loads(exchange.params)["layer"]
    assert [(layer["status"], layer["source"]) for layer in layers] == [("illustrative", "synthetic exchange")]
    path = tmp_path / "params.toml"
    path.write_text(exchange.params, encoding="utf-8")
    venue = venues.load(name)
    own = venue.parameters("2026-02-15")
    both = venue.parameters("2026-02-15", params=(path,), accept=("official", "recorded", "third_party", "illustrative"))
    assert len(both) > len(own)
    for parameter, value in own.items():
        assert both.value(parameter) == value


@pytest.fixture(scope="module")
def overlay(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("overlay") / "params.toml"
    path.write_text(exchange.params, encoding="utf-8")
    return path


MODES = [*(("deribit", mode) for mode in venues.load("deribit").MODES), ("okx", "portfolio")]


@pytest.mark.parametrize(("venue", "mode"), MODES)
def test_every_mode_finds_its_parameters(exchange: Exchange, overlay: Path, venue: str, mode: str) -> None:
    accept = ("official", "recorded", "third_party", "illustrative")
    regime = venues.load(venue).regime(mode, as_of="2026-02-15", params=(overlay,), accept=accept)
    assessment = regime.assess(exchange.book(), exchange.market())
    assert np.isfinite(assessment.initial_margin).all()
    assert (assessment.initial_margin >= assessment.maintenance_margin).all()


def test_leverage_brings_some_accounts_into_liquidation(overlay: Path) -> None:
    exchange = synthetic.exchange(10_000, seed=9)
    accept = ("official", "recorded", "third_party", "illustrative")
    regime = venues.load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=(overlay,), accept=accept)
    assessment = regime.assess(exchange.book(), exchange.market())
    columns = assessment.columns()
    assert 0.004 < (assessment.status == 2).mean() < 0.02
    assert (columns["equity"] > 0).mean() > 0.99
    assert 0.1 < np.median(columns["utilisation"]) < 0.4


@pytest.mark.parametrize("wrong", [{"accounts": 0}, {"accounts": 10, "positions": 9}, {"accounts": 10, "seed": -1}])
def test_impossible_sizes_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        synthetic.exchange(**wrong)
