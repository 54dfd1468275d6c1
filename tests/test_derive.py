"""Derive's SRM as it is shipped: parameters by date, choices by name, what is refused and how."""

from __future__ import annotations

import numpy as np
import pytest

from margin.book import Book
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.venues import available, load
from margin.venues.derive import MODES, parameters, regime
from margin.venues.derive.feeds import borrow_rate
from margin.venues.derive.rules import Options

DAY = "2026-01-15"
COINS = {"ETH": 2000.0, "BTC": 28_000.0, "SNX": 1.0, "DOGE": 0.1, "FOO": 5.0}


@pytest.fixture(scope="module")
def quoted() -> Market:
    """A perpetual, a call and a put of each coin; the call at the spot, the put twice as high."""
    names = [f"{coin}-{kind}" for coin in COINS for kind in ("PERP", "CALL", "PUT")]
    n, price = len(COINS), np.array(list(COINS.values()))
    blank = np.tile([np.nan, 1.0, 1.0], n)
    return Market.of(
        time="2026-01-15T00:00:00Z",
        instruments={
            "instrument": names,
            "kind": ["perpetual", "option", "option"] * n,
            "contract": ["linear"] * 3 * n,
            "base": [coin for coin in COINS for _ in range(3)],
            "quote": ["USD"] * 3 * n,
            "settlement": ["USDC"] * 3 * n,
            "contract_size": [1.0] * 3 * n,
            "expiry": [None, "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z"] * n,
            "strike": np.stack((np.full(n, np.nan), price, 2 * price), axis=1).reshape(-1),
            "option_type": [None, "call", "put"] * n,
        },
        quotes={
            "instrument": names,
            "mark": np.stack((1.01 * price, 0.05 * price, price), axis=1).reshape(-1),
            "vol": blank,
            "forward": blank * np.repeat(price, 3),
        },
        indices={"index": [f"{coin}_USD" for coin in COINS], "price": price},
        currencies={"currency": ["USDC", *COINS, "USDT"], "usd": [1.0, *COINS.values(), 0.999]},
    )


def assess(market, positions=(), balances=(), *, rules=None):
    book = Book.of(
        accounts={"account": ["a"]},
        positions={
            "account": ["a"] * len(positions),
            "instrument": [name for name, _ in positions],
            "quantity": np.array([quantity for _, quantity in positions], dtype=np.float64),
        },
        balances={
            "account": ["a"] * len(balances),
            "currency": [name for name, _ in balances],
            "amount": np.array([amount for _, amount in balances], dtype=np.float64),
        },
    )
    return (rules or regime("srm", as_of=DAY)).assess(book, market)


def test_the_venue_is_listed():
    assert "derive" in available()
    assert load("derive").MODES == MODES
    assert "srm" in MODES
    assert regime("srm", as_of=DAY).name == "derive srm"


@pytest.mark.parametrize(
    ("name", "initial", "maintenance"),
    [
        ("ETH-PERP", 0.066 * 2020, 0.05 * 2020),
        ("DOGE-PERP", 0.1 * 0.101, 0.067 * 0.101),
        ("ETH-CALL", (0.15 + 0.05) * 2000, (0.09 + 0.05) * 2000),
        ("SNX-CALL", 0.35 + 0.05, 0.15 + 0.05),
        # in the money by the whole spot: the floor of 1.05 times the maintenance margin is below 0.15 + 1
        ("BTC-PUT", (0.15 + 1) * 28_000, (0.09 + 1) * 28_000),
        ("SNX-PUT", 1.35, 1.15),
    ],
)
def test_shipped_parameters(quoted, name, initial, maintenance):
    result = assess(quoted, [(name, -3.0)], [("USDC", 1e6)])
    assert result.initial_margin[0] == pytest.approx(3 * initial)
    assert result.maintenance_margin[0] == pytest.approx(3 * maintenance)


def test_credit_of_base_assets(quoted):
    result = assess(quoted, balances=[("ETH", 2.0), ("USDC", -100.0), ("USDT", 10.0), ("SNX", 5.0)])
    usdt, r = 0.98 * 9.99, result.results
    assert r.maintenance_collateral[0] == pytest.approx(0.8 * 4000 - 100 + usdt)
    assert r.initial_collateral[0] == pytest.approx(0.8 * 0.9375 * 4000 - 100 + 0.92 * usdt)
    assert r.equity[0] == pytest.approx(4000 - 100 + 9.99 + 5)


def test_credit_is_in_usd_while_equity_is_in_cash(quoted):
    cheap = quoted.with_(usd=np.where(np.array(quoted.currencies) == "USDC", 0.5, quoted.usd))
    result = assess(cheap, balances=[("ETH", 1.0), ("USDC", 10.0)])
    assert result.results.equity[0] == pytest.approx(2000 / 0.5 + 10)
    assert result.results.maintenance_collateral[0] == pytest.approx(0.8 * 2000 + 10)


def test_the_explanation_names_every_charge(quoted):
    text = repr(assess(quoted, [("ETH-CALL", -1.0), ("ETH-PERP", 2.0)], [("USDC", 1e4)]).explain("a"))
    for word in ("options together", "perpetual_oracle", "option_oracle", "collateral_oracle", "depeg"):
        assert word in text


def test_documentation_is_a_choice(quoted):
    documented = regime("srm", as_of="2026-04-01", options=Options(source="documentation"))
    result = assess(quoted, [("ETH-PERP", 1.0)], rules=documented)
    assert (result.initial_margin[0], result.maintenance_margin[0]) == pytest.approx((202.0, 131.3))
    early = regime("srm", as_of="2026-03-25", options=Options(source="documentation"))
    assert assess(quoted, [("ETH-PERP", 1.0)], rules=early).initial_margin[0] == pytest.approx(0.066 * 2020)


def test_before_the_first_day_nothing_is_known():
    with pytest.raises(ParameterError, match=r"srm\.depeg\.threshold has no value on 2025-12-07: first known on 2025-12-08"):
        regime("srm", as_of="2025-12-07")
    with pytest.raises(ParameterError, match=r"no mode 'pmx'; available: srm, pm1_eth"):
        regime("pmx", as_of=DAY)


@pytest.mark.parametrize(
    ("positions", "balances", "missing"),
    [
        ([("FOO-PERP", 1.0)], [], r"srm\.market\.FOO\.perp_im_req"),
        ([("SNX-PERP", 1.0)], [], r"srm\.market\.SNX\.perp_im_req"),
        ([("DOGE-CALL", 1.0)], [], r"srm\.market\.DOGE\.unpaired_im_scale"),
        ([("FOO-PUT", -1.0)], [], r"srm\.market\.FOO\.option_max_spot_req"),
        ([], [("FOO", 1.0)], r"srm\.market\.FOO\.base_margin_factor"),
        ([], [("DOGE", 1.0)], r"srm\.market\.DOGE\.base_margin_factor"),
    ],
)
def test_markets_without_parameters_are_refused_by_name(quoted, positions, balances, missing):
    with pytest.raises(ParameterError, match=missing + " has no value"):
        assess(quoted, positions, balances)


def test_a_user_lists_a_market(quoted, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[layer]]\nas_of = 2025-01-01\nstatus = "illustrative"\nsource = "test"\n'
        "[layer.srm.market.FOO]\nperp_im_req = 0.2\nperp_mm_req = 0.1\nperp_conf_threshold = 0\n"
    )
    mine = regime("srm", as_of=DAY, params=[path], accept=("official", "recorded", "illustrative"))
    assert assess(quoted, [("FOO-PERP", 10.0)], rules=mine).initial_margin[0] == pytest.approx(0.2 * 50.5)


def test_an_account_may_have_parameters_of_its_own(quoted, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        '[[layer]]\nas_of = 2025-12-08\nstatus = "recorded"\nsource = "test"\n'
        "[layer.account.b.srm.market.ETH]\nperp_im_req = 0.5\n"
    )
    book = Book.of(positions={"account": ["a", "b"], "instrument": ["ETH-PERP"] * 2, "quantity": [1.0, -1.0]})
    result = regime("srm", as_of=DAY, params=[path]).assess(book, quoted)
    assert result.initial_margin == pytest.approx([0.066 * 2020, 0.5 * 2020])
    assert result.unit_columns()["futures_initial"] == pytest.approx(result.initial_margin)


def test_orders_are_refused_unless_ignored(quoted):
    book = Book.of(
        accounts={"account": ["a"]},
        orders={"account": ["a"], "instrument": ["ETH-PERP"], "quantity": [1.0], "price": [1900.0]},
    )
    with pytest.raises(DataError, match="Leave orders out, or choose Options"):
        regime("srm", as_of=DAY).assess(book, quoted)
    ignoring = regime("srm", as_of=DAY, options=Options(orders="ignore"))
    assert ignoring.assess(book, quoted).initial_margin[0] == 0.0


def test_a_market_without_the_cash_asset_is_refused(market):
    without = {"time": "2026-01-01T00:00:00Z"}
    table = {"instrument": ["P"], "kind": ["perpetual"], "contract": ["linear"], "base": ["ETH"], "quote": ["USD"],
             "settlement": ["USD"], "contract_size": [1.0]}  # fmt: skip
    other = Market.of(
        **without,
        instruments=table,
        quotes={"instrument": ["P"], "mark": [1.0]},
        indices={"index": ["ETH_USD"], "price": [1.0]},
        currencies={"currency": ["USD"], "usd": [1.0]},
    )
    with pytest.raises(DataError, match="pools count in USDC, which has no USD price"):
        assess(other, [("P", 1.0)])


def test_borrow_rate_of_cash():
    p = parameters("2026-04-01")
    assert borrow_rate(p).at(0.5) == pytest.approx(0.06)
    assert borrow_rate(p).at(0.95) == pytest.approx(0.02 + 0.08 * 0.85 + 0.9 * 0.1)
