"""What an engine keeps, when it starts over, and that nothing it handed out changes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis import books
from engine import worlds
from engine.test_engine import same
from margin import Book, Engine, Market, venues
from margin.analysis.what_if import what_if
from margin.errors import DataError

OWN = """
[[layer]]
as_of = 2026-01-01
status = "recorded"
source = "a market maker's agreement"

[layer.account.1.general]
mm_factor = 0.5

[layer.account.4.pair.BTC_USD]
price_range = 0.32
"""


@pytest.fixture
def cross(world_of):
    return world_of("deribit cross_portfolio")


@pytest.fixture
def engine(cross):
    return Engine(cross.regime, worlds.book(cross, np.random.default_rng(5), accounts=6), cross.market)


def later(market, seed=0):
    return worlds.moved(market, np.random.default_rng(seed))


class TestRulesOfSingleAccounts:
    @pytest.fixture
    def rules(self, tmp_path):
        path = tmp_path / "own.toml"
        path.write_text(OWN)
        return venues.load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=(path,))

    def test_hold_after_markets_and_trades(self, cross, rules):
        rng = np.random.default_rng(7)
        engine = Engine(rules, worlds.book(cross, rng, accounts=6), cross.market, threads=2)
        same(engine.assessment, rules.assess(engine.book, cross.market))
        market = later(cross.market)
        same(engine.reprice(market), rules.assess(engine.book, market))
        for accounts in ([0, 1], [1], [4, 5, 1], [2]):
            table = worlds.trades(cross, rng, accounts=6, count=len(accounts)) | {"account": accounts}
            after = engine.trade(table)
            same(after, rules.assess(engine.book.select(after.book.accounts), market))
        same(engine.assessment, rules.assess(engine.book, market))
        same(engine.reprice(cross.market), rules.assess(engine.book, cross.market))

    def test_hold_for_questions(self, cross, rules):
        engine = Engine(rules, worlds.book(cross, np.random.default_rng(7), accounts=6), cross.market)
        for account in (1, 4, 5):
            engine.account(account).what_if("BTC-PERPETUAL", 1000.0)  # rules of its own price it now
            found = engine.account(account).what_if("BTC-PERPETUAL", 1000.0)
            trade = {"instrument": ["BTC-PERPETUAL"], "quantity": [1000.0]}
            wanted = what_if(rules, engine.book, cross.market, trade, account=account).after
            assert found.maintenance_after == pytest.approx(wanted.maintenance_margin[0], rel=1e-12)
            assert found.path == "sums"


class TestReprice:
    def test_more_instruments_and_another_order_start_over(self, cross, engine):
        market = cross.market
        names = market.instruments.to_list()
        fewer = _part(market, range(len(names) - 1, -1, -1))
        same(engine.reprice(fewer), cross.regime.assess(engine.book, fewer))
        assert engine.assessment.timings["encode"] > 0
        same(engine.reprice(market), cross.regime.assess(engine.book, market))

    def test_a_market_that_lacks_an_instrument_changes_nothing(self, cross, engine):
        before = engine.assessment
        lacking = _part(cross.market, [0])
        with pytest.raises(DataError, match="is not in the market"):
            engine.reprice(lacking)
        assert engine.assessment is before
        assert engine.market is cross.market
        same(engine.reprice(later(cross.market)), cross.regime.assess(engine.book, later(cross.market)))

    def test_a_held_currency_without_price_changes_nothing(self, cross, engine):
        before, usd = engine.assessment, cross.market.usd.copy()
        usd[cross.market.currencies.index("ETH")] = np.nan
        with pytest.raises(DataError, match="'ETH' is held and has no USD price"):
            engine.reprice(dataclasses.replace(cross.market, usd=usd))
        assert engine.assessment is before

    def test_price_bands_move(self, world_of):
        """Orders count at their price inside the band."""
        world = world_of("deribit cross_standard")
        market = world.market
        engine = Engine(world.regime, worlds.book(world, np.random.default_rng(3), accounts=6), market)
        before = engine.assessment.initial_margin
        banded = market.with_(max_price=market.mark * 0.5)
        same(engine.reprice(banded), world.regime.assess(engine.book, banded))
        assert (engine.assessment.initial_margin != before).any()

    def test_an_equity_that_vanishes(self, cross):
        """Entered at the mark and without a balance, the coin is a line in other markets only."""
        mark = float(cross.market.mark[0])
        held = {"account": ["a", "b"], "instrument": ["BTC-PERPETUAL"] * 2, "quantity": [1e4, 5.0], "entry_price": [mark] * 2}
        owned = {"account": ["a", "b"], "currency": ["USDC", "BTC"], "amount": [1e5, 1.0]}
        engine = Engine(cross.regime, Book.of(positions=held, balances=owned), cross.market)
        for market in (later(cross.market), later(cross.market, 1), cross.market, later(cross.market)):
            same(engine.reprice(market), cross.regime.assess(engine.book, market))

    @pytest.mark.parametrize("mode", ["cross_portfolio", "segregated_portfolio", "cross_standard"])
    def test_a_trade_in_a_new_unit_numbers_the_others_anew(self, world_of, monkeypatch, mode):
        """Blocks that did not trade hold units under other numbers than before."""
        monkeypatch.setattr("margin.regime.BLOCK", 2)
        world = world_of(f"deribit {mode}")
        names = ["ETH-PERPETUAL", "ETH-27MAR26-2000-C"]
        held = {"account": list(range(6)) * 2, "instrument": [n for n in names for _ in range(6)], "quantity": [30.0, -8.0] * 6}
        book = Book.of(positions=held, balances={"account": list(range(6)), "currency": ["ETH"] * 6, "amount": [40.0] * 6})
        engine = Engine(world.regime, book, world.market)
        engine.trade({"account": [3], "instrument": ["BTC-PERPETUAL"], "quantity": [200.0]})
        same(engine.assessment, world.regime.assess(engine.book, world.market))
        for seed in (1, 2):
            market = later(world.market, seed)
            same(engine.reprice(market), world.regime.assess(engine.book, market))

    def test_threads_change_nothing(self, cross, monkeypatch):
        monkeypatch.setattr("margin.regime.BLOCK", 2)
        book = worlds.book(cross, np.random.default_rng(9), accounts=7)
        engine = Engine(cross.regime, book, cross.market, threads=2)
        market = later(cross.market)
        same(engine.reprice(market), cross.regime.assess(book, market))
        engine.trade({"account": [0, 6], "instrument": ["ETH-PERPETUAL", "BTC_USDC-PERPETUAL"], "quantity": [50.0, -20.0]})
        same(engine.assessment, cross.regime.assess(engine.book, market))
        with pytest.raises(ValueError, match="threads=-1"):
            Engine(cross.regime, book, cross.market, threads=-1)


class TestTrade:
    def test_by_hand(self, cross):
        """A future is a new row at its price; an option is paid for; both from the book that is asked for."""
        held = {"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [100.0], "entry_price": [70_000.0]}
        owned = {"account": ["a", "b"], "currency": ["BTC", "BTC"], "amount": [2.0, 1.0]}
        engine = Engine(cross.regime, Book.of(positions=held, balances=owned), cross.market)
        engine.trade({"instrument": ["BTC-27MAR26"], "quantity": [-50.0], "price": [70_500.0]}, account="b")
        engine.trade({"account": ["a"], "instrument": ["BTC-27MAR26-60000-P"], "quantity": [3.0]})
        wanted = Book.of(
            positions={"account": ["a", "b", "a"], "instrument": ["BTC-PERPETUAL", "BTC-27MAR26", "BTC-27MAR26-60000-P"],
                       "quantity": [100.0, -50.0, 3.0], "entry_price": [70_000.0, 70_500.0, 0.02]},
            balances={"account": ["a", "b", "a"], "currency": ["BTC"] * 3, "amount": [2.0, 1.0, -0.06]},
        )  # fmt: skip
        same(engine.assessment, cross.regime.assess(wanted, cross.market))
        assert engine.book.positions.quantity.tolist() == [100.0, -50.0, 3.0]

    def test_an_error_changes_nothing(self, cross, engine):
        before = engine.assessment
        for trades, words in (
            ({"account": [0], "instrument": ["XXX"], "quantity": [1.0]}, "'XXX' is not in the market"),
            ({"account": [99], "instrument": ["BTC-PERPETUAL"], "quantity": [1.0]}, "account 99 is not in the book"),
            ({"instrument": ["BTC-PERPETUAL"], "quantity": [1.0]}, "no account is named"),
        ):
            with pytest.raises(DataError, match=words):
                engine.trade(trades)
        assert engine.assessment is before

    def test_rules_that_fail_for_the_trade_leave_the_book(self, world_of):
        from margin.errors import ParameterError

        world = world_of("deribit segregated_portfolio")
        engine = Engine(world.regime, worlds.book(world, np.random.default_rng(2), accounts=3), world.market)
        with pytest.raises(ParameterError, match="BTC_USDC"):
            engine.trade({"account": [0], "instrument": ["BTC_USDC-PERPETUAL"], "quantity": [1.0]})
        assert "BTC_USDC-PERPETUAL" not in [engine.book.instruments[int(c)] for c in engine.book.positions.instrument]
        same(engine.assessment, world.regime.assess(engine.book, world.market))

    def test_what_was_handed_out_stays(self, cross, engine):
        first, account = engine.assessment, engine.account(0)
        kept = {name: np.array(column) for name, column in first.columns().items() if isinstance(column, np.ndarray)}
        effect = account.what_if("BTC-PERPETUAL", 500.0)
        engine.trade({"account": [0, 3], "instrument": ["BTC-PERPETUAL"] * 2, "quantity": [500.0, 1.0]})
        assert engine.account(0).figures.initial_margin[0] == pytest.approx(effect.initial_after, rel=1e-12)
        engine.reprice(later(cross.market))
        for name, column in kept.items():
            np.testing.assert_array_equal(first.columns()[name], column)
        assert account.what_if("BTC-PERPETUAL", 500.0) == effect

    def test_a_repr_tells_of_trades(self, engine):
        assert repr(engine).startswith("Engine(deribit cross_portfolio, Book(6 accounts")
        engine.trade({"account": [0], "instrument": ["BTC-PERPETUAL"], "quantity": [1.0]})
        assert "1 accounts traded since" in repr(engine)


class TestQuestions:
    def test_an_instrument_that_nobody_holds_is_priced_on_the_way(self, cross):
        held = {"account": ["a"], "instrument": ["BTC-PERPETUAL"], "quantity": [100.0]}
        book = Book.of(positions=held, balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]})
        engine = Engine(cross.regime, book, cross.market)
        account = engine.account("a")
        slow = account.what_if("ETH-27MAR26-2000-C", -20.0)
        fast = engine.account("a").what_if("ETH-27MAR26-2000-C", -20.0)
        assert (slow.path, fast.path) == ("general", "sums")
        assert fast[:8] == pytest.approx(slow[:8], rel=1e-12, abs=2e-8)

    def test_a_price_is_answered_by_the_whole_account(self, cross, engine):
        found = engine.account(0).what_if("BTC-PERPETUAL", 100.0, price=69_000.0)
        trade = {"instrument": ["BTC-PERPETUAL"], "quantity": [100.0], "price": [69_000.0]}
        wanted = what_if(cross.regime, engine.book, cross.market, trade, account=0).after
        assert found.path == "general"
        assert (found.initial_after, found.available) == (wanted.initial_margin[0], wanted.available[0])

    def test_options_that_do_not_count_are_answered_by_the_whole_account(self, world_of):
        world = world_of("uncounted")
        engine = Engine(world.regime, worlds.book(world, np.random.default_rng(1), accounts=2, held=9), world.market)
        account = engine.account(0)
        paths = {name: account.what_if(name, 1.0).path for name in world.names.tolist()}
        assert {paths[name] for name in paths if name[-2:] in ("-C", "-P")} == {"general"}

    def test_legs_that_do_not_net_are_answered_by_the_whole_account(self, cross):
        held = {"account": ["a"] * 2, "instrument": ["BTC-PERPETUAL"] * 2, "quantity": [100.0, -40.0], "side": ["long", "short"]}
        book = Book.of(positions=held, balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]})
        assert Engine(cross.regime, book, cross.market).account("a").path == "general"

    def test_a_position_that_stands_alone_is_answered_by_the_whole_account(self, world_of):
        world = world_of("split")
        names = ["BTC-PERPETUAL", "ETH-PERPETUAL"]
        held = {"account": ["a"] * 2, "instrument": names, "quantity": [100.0, 10.0], "entry_price": [70_000.0, 1_900.0],
                "isolated_collateral": [0.2, None]}  # fmt: skip
        book = Book.of(positions=held, balances={"account": ["a"], "currency": ["BTC"], "amount": [1.0]})
        account = Engine(world.regime, book, world.market).account("a")
        assert [account.what_if(name, 1.0).path for name in names] == ["general", "sums"]

    @pytest.mark.parametrize(
        ("instrument", "quantity", "words"),
        [("XXX", 1.0, "'XXX' is not in the market"), ("BTC-PERPETUAL", float("nan"), r"trades.quantity, row 0")],
    )
    def test_bad_questions(self, engine, instrument, quantity, words):
        with pytest.raises(DataError, match=words):
            engine.account(0).what_if(instrument, quantity)
        with pytest.raises(DataError, match=words):
            engine.account(0).what_if_each([instrument], [quantity])

    def test_columns_of_different_length(self, engine):
        with pytest.raises(DataError):
            engine.account(0).what_if_each(["BTC-PERPETUAL"], [1.0, 2.0])

    def test_nothing_asked(self, engine):
        assert len(engine.account(0).what_if_each([], []).candidates) == 0

    def test_an_unknown_account(self, engine):
        with pytest.raises(DataError, match="99 is not in the book"):
            engine.account(99)

    def test_candidates_of_several_trades(self):
        book = books.book({"AAA-P": 2.0}, USDC=100.0)
        engine = Engine(books.cross(), book, books.linear_market())
        table = {"candidate": ["x", "x", "y"], "instrument": ["AAA-P", "BBB-P", "BBB-P"], "quantity": [-1.0, 10.0, -10.0]}
        assert engine.account("a").what_if_trades(table).after.initial_margin.tolist() == pytest.approx([20.0, 30.0])


def _part(market: Market, rows) -> Market:
    """A market with some of the instruments, in another order."""
    rows = np.array(rows)
    per_instrument = {
        f.name: getattr(market, f.name)[rows]
        for f in dataclasses.fields(market)
        if isinstance(getattr(market, f.name), np.ndarray) and len(getattr(market, f.name)) == len(market)
        and f.name not in {"usd", "currency_confidence"}
    }  # fmt: skip
    return dataclasses.replace(market, instruments=market.instruments.take(rows), **per_instrument)
