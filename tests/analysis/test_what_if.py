"""What-if, cures and survival sizes, by hand and against books that were really changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import books
from margin.analysis.accounts import Figures
from margin.analysis.cure import cure
from margin.analysis.shocks import Shock
from margin.analysis.survival import largest_position, least_collateral
from margin.analysis.what_if import what_if
from margin.book import Book
from margin.errors import DataError
from margin.pools import IsolatedPool
from margin.regime import Regime
from margin.venues import load

MARKET = books.linear_market()


class TestWhatIf:
    def test_by_hand(self):
        book = books.book({"AAA-P": 2.0}, USDC=100.0)
        trades = {"instrument": ["AAA-P", "BBB-P", "AAA-P"], "quantity": [-2.0, 10.0, 1.0], "price": [None, 12.0, None]}
        found = what_if(books.cross(), book, MARKET, trades, account="a")
        assert found.before.initial_margin.tolist() == pytest.approx([20.0] * 3)
        # A closing trade nets; one in another coin at 12 against a mark of 10 loses 20 at once.
        assert found.after.initial_margin.tolist() == pytest.approx([0.0, 30.0, 30.0])
        assert found.after.equity.tolist() == pytest.approx([100.0, 80.0, 100.0])
        assert found.columns()["initial_change"].tolist() == pytest.approx([-20.0, 10.0, 10.0])

    def test_trades_of_one_candidate_are_done_together(self):
        book = books.book({"AAA-P": 2.0}, USDC=100.0)
        trades = {"candidate": ["x", "x", "y"], "instrument": ["AAA-P", "BBB-P", "BBB-P"], "quantity": [-1.0, 10.0, -10.0]}
        found = what_if(books.cross(), book, MARKET, trades, account="a")
        assert list(found.candidates) == ["x", "y"]
        assert found.after.initial_margin.tolist() == pytest.approx([20.0, 30.0])

    @settings(max_examples=20)
    @given(
        held=st.dictionaries(st.sampled_from(["BTC-PERPETUAL", "BTC-27MAR26-70000-C"]), st.floats(-100, 100), min_size=0),
        instrument=st.sampled_from(["BTC-PERPETUAL", "BTC-27MAR26-70000-C", "ETH-27MAR26-2000-C", "BTC_USDC-PERPETUAL"]),
        quantity=st.floats(-50, 50),
        entries=st.booleans(),
    )
    def test_equals_assessing_the_changed_book(self, market, held, instrument, quantity, entries):
        """Bought options are paid for, futures enter at the mark; margins are those of the book after it."""
        regime = load("deribit").regime("cross_portfolio", as_of="2026-02-15")
        row = {str(name): i for i, name in enumerate(market.instruments)}
        balances = {"account": ["a"], "currency": ["BTC"], "amount": [2.0]}

        def positions(quantities):
            names = list(quantities)
            table = {"account": ["a"] * len(names), "instrument": names, "quantity": list(quantities.values())}
            return table | ({"entry_price": [float(market.mark[row[n]]) for n in names]} if entries else {})

        before = Book.of(positions=positions(held) if held else None, balances=balances)
        found = what_if(regime, before, market, {"instrument": [instrument], "quantity": [quantity]}, account="a")
        after = dict(held)
        after[instrument] = after.get(instrument, 0.0) + quantity
        i = row[instrument]
        option = market.option_sign[i] != 0
        settlement = market.currencies[int(market.settlement[i])]
        paid = {"account": ["a", "a"], "currency": ["BTC", settlement],
                "amount": [2.0, -float(market.mark[i] * market.contract_size[i] * quantity) if option else 0.0]}  # fmt: skip
        wanted = Figures.of(regime.assess(Book.of(positions=positions(after), balances=paid), market))
        for name in ("initial_margin", "maintenance_margin", "equity", "available", "excess"):
            assert getattr(found.after, name)[0] == pytest.approx(getattr(wanted, name)[0], rel=1e-9, abs=1e-6), name

    def test_an_isolated_position_is_added_to(self):
        book = Book.of(
            positions={"account": ["a"], "instrument": ["AAA-P"], "quantity": [1.0], "entry_price": [100.0],
                       "isolated_collateral": [20.0]},
        )  # fmt: skip
        regime = Regime("isolated", IsolatedPool(), books.flat())
        found = what_if(regime, book, MARKET, {"instrument": ["AAA-P"], "quantity": [1.0]}, account="a")
        assert (found.after.initial_margin[0], found.after.equity[0]) == (pytest.approx(20.0), pytest.approx(20.0))

    @pytest.mark.parametrize(
        ("trades", "account", "words"),
        [
            ({"instrument": ["XXX"], "quantity": [1.0]}, "a", r"trades.instrument, row 0: 'XXX' is not in the market"),
            ({"instrument": ["AAA-P"], "quantity": [1.0]}, "b", "'b' is not in the book"),
            ({"instrument": ["AAA-P"], "quantity": [1.0]}, None, r"trades.account: the column is missing, and no"),
            ({"instrument": ["AAA-P"], "quantity": [float("nan")]}, "a", r"trades.quantity, row 0"),
            ({"instrument": ["AAA-P"], "amount": [1.0]}, "a", r"trades.quantity: the column is missing"),
            ({"instrument": ["AAA-P"], "quantity": [1.0], "account": ["z"]}, None, r"account 'z' is not in the book"),
        ],
    )
    def test_bad_tables(self, trades, account, words):
        with pytest.raises(DataError, match=words):
            what_if(books.cross(), books.book({"AAA-P": 2.0}, USDC=100.0), MARKET, trades, account=account)

    def test_rules_of_the_account_hold_for_its_variants(self):
        from dataclasses import replace

        regime = replace(books.cross(), overrides={"a": books.cross(books.flat(0.3, 0.2))})
        book = books.book({"AAA-P": 1.0}, USDC=100.0)
        found = what_if(regime, book, MARKET, {"instrument": ["AAA-P"], "quantity": [1.0]}, account="a")
        assert (found.before.initial_margin[0], found.after.initial_margin[0]) == (pytest.approx(30.0), pytest.approx(60.0))


def test_columns_of_balances_outlive_more_balances():
    from margin.analysis.variants import Variants

    owned = {"account": ["a"], "currency": ["AAA"], "amount": [1.0], "hedge_cap": [0.5], "loan": [2.0], "collateral": [False]}
    variants = Variants.of(Book.of(balances=owned), np.zeros(2, dtype=np.int32))
    more = variants.with_balance(np.array([1], dtype=np.int32), "USDC", np.array([5.0])).book.balances
    np.testing.assert_array_equal(more.hedge_cap, [0.5, 0.5, np.nan])
    assert more.loan.tolist() == [2.0, 2.0, 0.0]
    assert more.collateral.tolist() == [False, False, True]


class TestCure:
    def test_by_hand(self):
        # 3 AAA need 30 and 20 BBB 20; 40 are there. Ten too much: sell 1 AAA, or 10 BBB, both of notional 100.
        book = books.book({"AAA-P": 3.0, "BBB-P": 20.0}, USDC=40.0)
        found = cure(books.cross(), book, MARKET, "a")
        cured = {(str(n), s): q for n, s, q in zip(found.instruments, found.side, found.quantity, strict=True)}
        assert cured[("AAA-P", "sell")] == pytest.approx(-1.0, rel=1e-9)
        assert cured[("BBB-P", "sell")] == pytest.approx(-10.0, rel=1e-9)
        assert np.isnan(cured[("AAA-P", "buy")])
        assert found.notional[:2].tolist() == pytest.approx([100.0, 100.0])
        assert (found.after.available[:2] >= 0).all()
        assert "lacks 10.00 USD" in repr(found)

    def test_none_where_no_size_cures(self):
        book = books.book({"AAA-P": 1.0, "BBB-P": 100.0}, USDC=20.0)
        found = cure(books.cross(), book, MARKET, "a", instruments=["AAA-P"])
        assert np.isnan(found.quantity).all()
        assert not found.columns()["cures"].any()

    def test_nothing_to_cure(self):
        found = cure(books.cross(), books.book({"AAA-P": 1.0}, USDC=20.0), MARKET, "a")
        assert len(found.instruments) == 0
        assert "meets its initial margin, 10.00 USD to spare" in repr(found)

    def test_nothing_to_trade(self):
        with pytest.raises(DataError, match="nothing to trade"):
            cure(books.cross(), books.book({}, USDC=-20.0), MARKET, "a")


class TestSurvival:
    def test_largest_position_by_hand(self):
        # After a fall by 20 % a position of q loses 20 q and needs 0.05 * 80 q: 100 = 24 q.
        book = books.book({"AAA-P": 1.0}, USDC=100.0)
        found = largest_position(books.cross(), book, MARKET, "AAA-P", Shock(price=-0.2), largest=1_000.0)
        assert found.size[0] == pytest.approx(100 / 24, rel=1e-9)
        assert found.survives[0]
        stress = largest_position(books.cross(), book, MARKET, "AAA-P", Shock(price=-0.2), largest=1_000.0, requirement="initial")
        assert stress.size[0] == pytest.approx(100 / 28, rel=1e-9)

    def test_what_never_fails_is_not_bounded(self):
        book = books.book({"AAA-P": 1.0}, USDC=100.0)
        found = largest_position(books.cross(), book, MARKET, "AAA-P", Shock(price=0.2), largest=50.0)
        assert (found.size[0], found.bounded[0]) == (50.0, False)

    def test_a_new_position_has_a_side(self):
        book = books.book({"AAA-P": 1.0}, USDC=100.0)
        with pytest.raises(DataError, match="nobody asked about holds 'BBB-P'"):
            largest_position(books.cross(), book, MARKET, "BBB-P", Shock(), largest=10.0)
        # The rise pays 20 and asks 6 for AAA: 114 are left for 2.0 + 0.6 of each BBB.
        found = largest_position(books.cross(), book, MARKET, "BBB-P", Shock(price=0.2), largest=1e4, side="short")
        assert found.size[0] == pytest.approx(-114 / 2.6, rel=1e-9)

    def test_least_collateral_by_hand(self):
        # Five AAA after -20 %: 100 lost, 20 needed. In AAA at a haircut of 10 %, up by 15: 75 % of 80 each.
        book = books.book({"AAA-P": 5.0}, USDC=0.0)
        found = least_collateral(books.cross(haircut=0.1), book, MARKET, "USDC", Shock(price=-0.2), largest=1e4)
        assert found.size[0] == pytest.approx(120.0, rel=1e-9)
        assert not found.survives[0]
        shock = Shock(price=-0.2, haircut=0.15)
        found = least_collateral(books.cross(haircut=0.1), book, MARKET, "AAA", shock, largest=100.0)
        assert found.size[0] == pytest.approx(120 / (0.75 * 80), rel=1e-9)

    def test_no_collateral_may_be_enough(self):
        book = books.book({"AAA-P": 5.0}, USDC=0.0)
        found = least_collateral(books.cross(), book, MARKET, "USDC", Shock(price=-0.2), largest=50.0)
        assert np.isnan(found.size[0])
        assert not found.bounded[0]
