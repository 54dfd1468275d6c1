"""Account modes of Hyperliquid: who shares what, what may be borrowed, rules of single accounts; payloads; loans."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin import synthetic
from margin.assessment import Assessment
from margin.errors import DataError, ParameterError
from margin.params import Parameters
from margin.venues.hyperliquid import Options, compose, lending, parameters, payloads, regime
from margin.venues.hyperliquid.account import assess
from margin.venues.hyperliquid.books import Account, Listed, Order, Position, dex_token, snapshot
from margin.venues.hyperliquid.figures import floored, pool_columns, pools, portfolio_ratio, positions
from margin.venues.hyperliquid.overlay import parameter_file

NOW = "2026-09-01T00:00:00Z"


@pytest.fixture(scope="module")
def p() -> Parameters:
    return parameters("2026-09-01")


LISTED = {"BTC": Listed(token="USDC"), "ETH": Listed(token="USDC")}


def assessed(
    p: Parameters,
    mode: str,
    *accounts: Account,
    listed: dict[str, Listed] | None = None,
    options: Options | None = None,
    **usd: float,
) -> Assessment:
    market, book = snapshot(accounts, time=NOW, listed=listed or LISTED, usd=usd)
    return compose(mode, p, options).assess(book, market)


def status(assessment: Assessment) -> list[str]:
    return [str(s) for s in assessment.columns()["status"]]


def test_dexes_and_isolated_positions_stand_apart_in_standard_mode(p: Parameters) -> None:
    p = p.with_({"coin.xyz:TSLA.margin_table": 10}, source="test")
    listed = {"BTC": Listed(token="USDC"), "xyz:TSLA": Listed(token=dex_token("USDC", "xyz"))}
    held = [
        Position(coin="BTC", size=1.0, mark=60_000.0, leverage=20),
        Position(coin="xyz:TSLA", size=-10.0, mark=300.0, leverage=5),
        Position(coin="BTC", size=-0.5, mark=60_000.0, leverage=10, margin=2_500.0),
    ]
    account = Account(name="a", money={"USDC": 4_000.0, "xyz:USDC": 700.0}, positions=held)
    assessment = assessed(p, "standard", account, listed=listed)
    columns = pool_columns(assessment, pools(assessment, p))
    rows = {str(name): i for i, name in enumerate(columns["pool"])}
    assert set(rows) == {"USDC", "xyz:USDC", "BTC"}
    assert columns["initial"][rows["USDC"]] == 3_000.0
    assert columns["transfer_required"][rows["USDC"]] == 6_000.0
    assert columns["withdrawable"][rows["USDC"]] == 0.0
    assert columns["maintenance"][rows["xyz:USDC"]] == pytest.approx(150.0)
    assert columns["withdrawable"][rows["xyz:USDC"]] == pytest.approx(100.0)
    assert columns["withdrawable"][rows["BTC"]] == 0.0  # removable: no more than what lies above a tenth of the notional
    strict = pools(assessment, p, strict={"BTC"})
    assert strict.strict.tolist() == [name == "BTC" for name in columns["pool"]]


def test_equality_does_not_liquidate(p: Parameters) -> None:
    held = [Position(coin="BTC", size=1.0, mark=80_000.0, leverage=20)]
    names = ["below", "at", "above"]
    accounts = [Account(name=n, money={"USDC": 1_000.0 + d}, positions=held) for n, d in zip(names, (-1, 0, 1), strict=True)]
    assert status(assessed(p, "standard", *accounts)) == ["liquidation", "restricted", "restricted"]


def test_a_position_without_leverage_is_refused_unless_the_maximum_is_chosen(p: Parameters) -> None:
    account = Account(name="a", money={"USDC": 1e7}, positions=[Position(coin="BTC", size=1.0, mark=80_000.0)])
    with pytest.raises(DataError, match=r"positions.leverage: 'BTC' is held or ordered without a leverage"):
        assessed(p, "standard", account)
    chosen = assessed(p, "standard", account, options=Options(without_leverage="maximum"))
    assert chosen.initial_margin.tolist() == [2_000.0]
    with pytest.raises(ParameterError, match=r"coin.PENGU.margin_table has no value"):
        assessed(p, "standard", Account(name="a", money={}, positions=[Position(coin="PENGU", size=1.0, mark=1.0, leverage=1)]),
                 listed={"PENGU": Listed(token="USDC")})  # fmt: skip


def test_an_account_of_the_venue_has_leverage_and_table_of_its_own(p: Parameters) -> None:
    own = p.with_({"account.vault.general.every_margin_table": 50, "account.vault.general.every_leverage": 20}, source="test")
    held = [Position(coin="ETH", size=-100.0, mark=2_000.0, leverage=5)]
    accounts = [Account(name=name, money={"USDC": 1e6}, positions=held) for name in ("vault", "user")]
    assessment = assessed(own, "standard", *accounts)
    found = positions(assessment)
    assert found.initial.tolist() == [10_000.0, 40_000.0]
    assert found.maintenance.tolist() == [2_000.0, 4_000.0]
    assert assessment.initial_margin.tolist() == [10_000.0, 40_000.0]


class TestPortfolioMargin:
    held = (Position(coin="BTC", size=1.0, mark=80_000.0, leverage=10),)

    def account(self, usdc: float, **more: float) -> Account:
        return Account(name="a", money={"USDC": usdc, **more}, positions=self.held)

    def test_without_debt_the_ratio_is_maintenance_over_equity(self, p: Parameters) -> None:
        assessment = assessed(p, "portfolio_margin", self.account(1_100.0))
        assert portfolio_ratio(assessment, pools(assessment, p)) == pytest.approx([1_000 / 1_100])
        assert status(assessment) == ["restricted"]
        assert status(assessed(p, "portfolio_margin", self.account(1_050.0))) == ["liquidation"]

    def test_collateral_backs_a_debt_up_to_its_cap(self, p: Parameters) -> None:
        p = p.with_({"portfolio_margin.token.HYPE.user_supply_cap": 900}, source="test")
        assessment = assessed(p, "portfolio_margin", self.account(-10_000.0, HYPE=1_000.0), HYPE=40.0)
        figures = pools(assessment, p)
        credit, need = 900 * 40 * 0.825, 2 * 1_000 + 10_000
        assert figures.credit == pytest.approx([credit])
        assert portfolio_ratio(assessment, figures) == pytest.approx([need / (credit + 1_000)])
        assert figures.available == pytest.approx([-10_000 + 900 * 40 * 0.65 - 8_000])
        assert figures.available_after_maintenance == pytest.approx([-10_000 + credit - 1_000])
        assert status(assessment) == ["healthy"]

    def test_an_account_without_positions_may_owe(self, p: Parameters) -> None:
        for offset, requirement in (("least", 20.0), ("added", 20.0)):
            account = Account(name="a", money={"USDC": -100.0, "HYPE": 10.0})
            made = assessed(p, "portfolio_margin", account, options=Options(min_borrow_offset=offset), HYPE=20.0)  # type: ignore[arg-type]
            want = (2 * requirement + 100) / (10 * 20 * 0.825 + requirement)
            assert portfolio_ratio(made, pools(made, p)) == pytest.approx([want])

    def test_idle_accounts_have_a_pool_and_nothing_else(self, p: Parameters) -> None:
        made = assessed(p, "portfolio_margin", Account(name="a", money={"HYPE": 1.0}), Account(name="b", money={}), HYPE=20.0)
        assert [str(name) for name in made.columns()["pool"]] == ["USDC", "USDC"]
        assert made.columns()["equity"].tolist() == [0.0, 0.0]
        assert portfolio_ratio(made, pools(made, p)).tolist() == [0.0, 0.0]

    def test_what_cannot_be_owed_or_priced_is_refused(self, p: Parameters) -> None:
        with pytest.raises(DataError, match="owes 'HYPE', which is collateral and cannot be borrowed"):
            assessed(p, "portfolio_margin", self.account(0.0, HYPE=-1.0), HYPE=20.0)
        listed = {"BTC": Listed(token="USDC"), "HYPE": Listed(token="USDC", mark=20.0)}
        order = Order(coin="HYPE", size=1.0, price=20.0, leverage=1)
        account = Account(name="a", money={"USDC": 0.0, "HYPE": 1.0}, positions=self.held, orders=[order])
        with pytest.raises(DataError, match="'HYPE' backs a loan and has no USD price"):
            assessed(p, "portfolio_margin", account, listed=listed)

    @given(st.floats(-50_000, 50_000), st.floats(0, 3_000), st.floats(0, 2), st.sampled_from(["least", "added"]))
    def test_the_stated_margin_exceeds_the_collateral_where_the_ratio_exceeds_its_limit(
        self, usdc: float, hype: float, size: float, offset: Any
    ) -> None:
        p = parameters("2026-09-01")
        held = [Position(coin="BTC", size=size, mark=80_000.0, leverage=10)] if size else []
        account = Account(name="a", money={"USDC": usdc, "HYPE": hype}, positions=held)
        made = assessed(p, "portfolio_margin", account, options=Options(min_borrow_offset=offset), HYPE=40.0)
        m, c = size * 80_000 / 80, min(hype, 1e6) * 40 * 0.825
        if usdc < m:
            m = max(m, 20.0) if offset == "least" else m + 20.0
        borrowed = max(0.0, m - usdc)
        want = (m + borrowed) / (max(usdc, m) + c) if m else 0.0
        got = float(portfolio_ratio(made, pools(made, p))[0])
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12)
        if abs(want - 0.95) > 1e-9:
            assert (status(made) == ["liquidation"]) == (want > 0.95)


def test_open_orders_of_a_shared_balance_reserve_more(p: Parameters) -> None:
    order = Order(coin="BTC", size=1.0, price=60_000.0, leverage=10)
    account = Account(name="a", money={"USDC": 10_000.0}, orders=[order])
    listed = {"BTC": Listed(token="USDC", mark=61_000.0)}
    for mode, reserved in (("standard", 6_000.0), ("unified", 6_060.0), ("portfolio_margin", 6_060.0)):
        assert pools(assessed(p, mode, account, listed=listed), p).orders == pytest.approx([reserved])


def test_rules_of_2023_have_no_floor_and_no_modes_of_today() -> None:
    old = parameters("2023-03-31")
    assert old.number("transfer.notional_share") == 0
    with pytest.raises(ParameterError, match=r"portfolio_margin.borrowable has no value on 2023-03-31: first known"):
        regime("portfolio_margin", as_of="2023-03-31")
    with pytest.raises(ParameterError, match="no mode 'cross'; available: standard, unified, portfolio_margin"):
        regime("cross", as_of="2026-09-01")


def test_flooring_keeps_exact_multiples_and_cuts_all_else() -> None:
    exact = np.arange(1, 50_000) / 1e6
    assert (floored(exact * 3 / 3, 1e-6) == exact).all()
    assert (floored(exact + 4e-7, 1e-6) == exact).all()
    assert (floored(exact - 1e-9, 1e-6) < exact).all()


def test_loans() -> None:
    both = [lending.Pledge(units=1, price=80_000, ltv=0.5), lending.Pledge(units=200, price=50, ltv=0.5)]
    assert lending.borrowable(both) == 45_000
    assert lending.borrowable(both, cap=40_000) == 40_000
    assert lending.health_factor(both, 0.0) == float("inf")
    assert lending.oracle_price(spot=40.0, perp_mark=41.0, perp_oracle=39.0, spot_oracle_of_usdc=1.0) == 40.0
    assert lending.reserve_rate(parameters("2026-09-01")).at(0.9) == pytest.approx(0.525)


META = {
    "universe": [
        {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56},
        {"name": "MEGA", "szDecimals": 0, "maxLeverage": 3, "marginTableId": 3, "marginMode": "strictIsolated"},
    ],
    "marginTables": [
        [56, {"marginTiers": [{"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "150000000.0", "maxLeverage": 20}]}]
    ],
    "collateralToken": 0,
}  # fmt: skip
STATE = {
    "assetPositions": [
        {
            "position": {
                "coin": "BTC", "szi": "0.00416", "entryPx": "92499.0", "positionValue": "371.9664", "unrealizedPnl": "-12.82944",
                "returnOnEquity": "-0.8001816236", "liquidationPx": "86405.373661149", "marginUsed": "15.4986", "maxLeverage": 40,
                "leverage": {"type": "cross", "value": 24},
            },
            "type": "oneWay",
        }
    ],
    "crossMaintenanceMarginUsed": "4.64958",
    "crossMarginSummary": {
        "accountValue": "17.013125", "totalMarginUsed": "15.4986", "totalNtlPos": "371.9664", "totalRawUsd": "-354.953275"
    },
    "marginSummary": {
        "accountValue": "17.013125", "totalMarginUsed": "15.4986", "totalNtlPos": "371.9664", "totalRawUsd": "-354.953275"
    },
    "time": 1766000000000,
    "withdrawable": "0.0",
}  # fmt: skip


class TestPayloads:
    def test_one_call_meets_every_figure_of_the_venue(self) -> None:
        found = assess(STATE, meta=META)
        assert len(found.compared) == 7
        for each in found.compared:
            assert each.here == pytest.approx(each.venue, rel=2e-9, abs=2e-6), each.path
        assert "BTC.liquidationPx" in repr(found)

    def test_a_unified_account(self) -> None:
        state = copy.deepcopy(STATE)
        state["assetPositions"] = [
            {
                "position": {
                    "coin": "MEGA", "szi": "75000.0", "positionValue": "3428.625", "marginUsed": "2123.360586",
                    "liquidationPx": None, "leverage": {"type": "isolated", "value": 3, "rawUsd": "-1305.264414"},
                }
            }
        ]  # fmt: skip
        orders = [{"coin": "MEGA", "side": "B", "sz": "5000.0", "limitPx": "0.04185", "reduceOnly": False, "isTrigger": False},
                  {"coin": "MEGA", "side": "A", "sz": "5000.0", "limitPx": "0.06", "reduceOnly": True}]  # fmt: skip
        spot = {
            "balances": [{"coin": "USDC", "token": 0, "total": "2296.35783828", "hold": "2193.808086"},
                         {"coin": "PURR", "token": 1, "total": "7.0", "hold": "0.0"}],
            "tokenToAvailableAfterMaintenance": [[0, "172.99725228"]],
        }  # fmt: skip
        found = assess(state, meta=META, mode="unified", spot=spot, orders=orders)
        after = next(c for c in found.compared if c.path.endswith("[0]"))
        assert after.here == pytest.approx(172.99725228)
        assert found.left_out == ("PURR",)
        assert found.pools.orders.sum() == pytest.approx(70.4475)
        assert found.pools.withdrawable[found.pools.strict].tolist() == [0.0]

    def test_several_dexes(self) -> None:
        other = copy.deepcopy(STATE)
        other["assetPositions"][0]["position"] |= {"coin": "xyz:SPCX", "liquidationPx": None}  # type: ignore[index]
        tiers = [{"lowerBound": "0", "maxLeverage": 40}]
        meta = {"universe": [{"name": "xyz:SPCX", "szDecimals": 2, "maxLeverage": 40, "marginTableId": 56}],
                "marginTables": [[56, {"marginTiers": tiers}]], "collateralToken": 0}  # fmt: skip
        found = assess({"": STATE, "xyz": other}, meta={"": META, "xyz": meta})
        assert found.parameters.numbers("margin_table.xyz-56.max_leverage") == (40.0,)
        assert found.parameters.numbers("margin_table.56.max_leverage") == (40.0, 20.0)
        for each in found.compared:
            if "liquidationPx" not in each.path:
                assert each.here == pytest.approx(each.venue, rel=2e-9, abs=2e-6), each.path
        shared = assess(
            {"": STATE, "xyz": other},
            meta={"": META, "xyz": meta},
            mode="portfolio_margin",
            as_of="2026-09-01",
            usd={"HYPE": 40.0},
            spot={"balances": [{"coin": "USDC", "token": 0, "total": "-10.0"}, {"coin": "HYPE", "token": 150, "total": "5"}],
                  "portfolioMarginRatio": "0.25"},
        )  # fmt: skip
        assert len(shared.assessment) == 1
        ratio = next(c for c in shared.compared if c.path.endswith("portfolioMarginRatio"))
        assert ratio.here == pytest.approx((2 * 20 + 10) / (5 * 40 * 0.825 + 20))

    @pytest.mark.parametrize(
        ("path", "value", "problem"),
        [
            (("assetPositions", 0, "position", "szi"), "abc", r"assetPositions\[0\].position.szi: 'abc' is not a number"),
            (("assetPositions", 0, "position", "szi"), "0", r"position.szi: '0' is no position"),
            (("assetPositions", 0, "position", "positionValue"), "-1", r"position.positionValue: '-1' is not above zero"),
            (("assetPositions", 0, "position", "leverage", "type"), "x", r"leverage.type: 'x' is none of cross, isolated"),
            (("assetPositions", 0, "position", "coin"), "WHO", r"'WHO' is not listed"),
            (("assetPositions",), {}, r"assetPositions: {} is not a list"),
            (("crossMarginSummary", "accountValue"), True, r"crossMarginSummary.accountValue: True is not a number"),
            (("crossMarginSummary",), 5, r"crossMarginSummary: 5 is not an object"),
            (("time",), "1.5", r"time: '1.5' is not a whole number"),
        ],
    )
    def test_a_bad_answer_is_named_with_its_path(self, path: tuple[Any, ...], value: object, problem: str) -> None:
        state: Any = copy.deepcopy(STATE)
        inner = state
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        with pytest.raises(DataError, match=problem):
            assess(state, meta=META)

    def test_a_missing_key_is_named(self) -> None:
        state = {key: value for key, value in STATE.items() if key != "crossMarginSummary"}
        with pytest.raises(DataError, match=r"clearinghouseState.crossMarginSummary: is missing"):
            assess(state, meta=META)
        with pytest.raises(DataError, match=r"spotClearinghouseState.balances: is needed in mode unified"):
            assess(STATE, meta=META, mode="unified")
        with pytest.raises(DataError, match=r"meta.collateralToken: 99 is a token whose name is not known"):
            assess(STATE, meta={**META, "collateralToken": 99})
        with pytest.raises(DataError, match=r"side: 'X' is none of B, A"):
            payloads.read_orders([{"coin": "BTC", "sz": "1", "side": "X", "limitPx": "1"}], {})

    def test_tables_of_a_meta_as_a_parameter_file(self, tmp_path: Path) -> None:
        file = tmp_path / "meta.toml"
        tables = payloads.read_meta(META, "xyz").tables
        file.write_text(parameter_file(tables, as_of="2026-09-01", source="meta", status="recorded"), encoding="utf-8")
        p = parameters("2026-09-02", params=[file])
        assert {name: p.get(name) for name in tables} == {n: tuple(v) if isinstance(v, list) else v for n, v in tables.items()}  # type: ignore[comparison-overlap]


def test_a_retail_book_holds_one_to_five_perpetuals(tmp_path: Path) -> None:
    made = synthetic.retail(3_000, seed=3)
    book, market = made.book(), made.market()
    count = np.bincount(book.positions.account)
    assert (count.min(), count.max()) == (1, 5)
    file = tmp_path / "params.toml"
    file.write_text(made.params, encoding="utf-8")
    rules = regime("standard", as_of="2026-02-15", params=[file], accept=("official", "recorded", "third_party", "illustrative"))
    share = np.bincount(rules.assess(book, market).status, minlength=3) / len(book)
    assert 0.001 < share[2] < 0.02
    again = synthetic.retail(3_000, seed=3)
    assert (again.book().positions.quantity == book.positions.quantity).all()
    with pytest.raises(ValueError, match="at least 1 and 0"):
        synthetic.retail(0)
