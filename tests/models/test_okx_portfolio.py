"""OKX's portfolio margin against its rules written a second time, its limits one by one, and what it refuses."""

from __future__ import annotations

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from margin.errors import DataError, ParameterError
from margin.params import STATUSES
from margin.venues.okx import regime
from margin.venues.okx.rules import Options

from . import slow_okx as slow
from .okx_market import PRICES, book_of, okx_market

DAY = "2026-02-15"
NAMES = {
    "mr1": "scenario_loss", "mr2": "time_decay", "mr3": "term_structure", "mr4": "basis", "mr5": "yield_curve",
    "mr6": "extreme_move", "mr7": "minimum", "mr9": "depeg",
}  # fmt: skip
MARKET = okx_market()
MARKETS = (MARKET, okx_market(usdt=0.97, basis=-2.0), okx_market(usdc=0.83, vol=1.7), okx_market(usdt=1.01, usdc=0.985, vol=0.15))
N = len(MARKET)
ROW = {name: i for i, name in enumerate(MARKET.instruments.to_list())}


@pytest.fixture(scope="module")
def params(tmp_path_factory):
    """Borrow tiers of all currencies."""
    path = tmp_path_factory.mktemp("okx") / "borrow.toml"
    text = '[[layer]]\nas_of = 2020-01-01\nstatus = "illustrative"\nsource = "test"\n'
    for currency, (mmr, imr) in slow.BORROW.items():
        text += f"[layer.borrow.{currency}]\nbounds = [0]\nmmr = [{mmr}]\nimr = [{imr}]\n"
    path.write_text(text, encoding="utf-8")
    return [path]


def of(params=(), **options):
    return regime("portfolio", as_of=DAY, params=params, accept=STATUSES, options=Options(**options))


def official():
    return regime("portfolio", as_of=DAY)


sizes = st.one_of(st.integers(-300, 300), st.sampled_from([-100_000, 50_000, 2_000_000])).map(float)
positions = st.dictionaries(st.integers(0, N - 1), sizes, max_size=12)
balances = st.fixed_dictionaries(
    {}, optional={c: st.integers(-64, 200).map(lambda n, c=c: n * 200 / PRICES.get(c, 1.0)) for c in (*PRICES, "USDT", "USDC")}
)
orders = st.lists(st.tuples(st.integers(0, N - 1), st.sampled_from([-500.0, -20.0, 10.0, 300.0])), max_size=4)
caps = st.one_of(st.none(), st.dictionaries(st.sampled_from([*PRICES]), st.sampled_from([0.0, 0.01, 1.0]), max_size=2))
rules = st.fixed_dictionaries(
    {
        "vol_rule": st.sampled_from(["max_loss", "larger_shift", "points", "fraction"]),
        "close": st.sampled_from(["fee", "fixed"]),
        "interest": st.booleans(),
        "option_basis": st.booleans(),
    }
)


@hypothesis.settings(max_examples=300)
@given(market=st.sampled_from(MARKETS), held=positions, owned=balances, resting=orders, limits=caps, choice=rules)
def test_margins_and_components_follow_the_rules(params, market, held, owned, resting, limits, choice):
    options = {("option_close" if name == "close" else name): value for name, value in choice.items()}
    result = of(params, **options).assess(book_of(market, held, owned, resting, limits), market)
    want = slow.account(market, held, owned, resting, {c: x for c, x in (limits or {}).items() if c in owned}, slow.Rules(**choice))
    size = sum(abs(q * slow.contract(market, i).size * market.index_price[i]) for i, q in held.items() if market.kind[i] == 2)
    size += sum(abs(q * slow.contract(market, i).delta_usd()) for i, q in held.items() if market.kind[i] != 2)
    near = {"rel": 1e-9, "abs": 1e-12 * (size + 1e5)}
    columns = result.unit_columns()
    units = {str(columns["unit"][k]): k for k in range(len(columns["worst_loss"]))}
    for coin, unit in want["units"].items():
        for short, name in NAMES.items():
            got = columns[name][units[coin]] if coin in units and name in columns else 0.0
            assert got == pytest.approx(unit[short], **near), (coin, short)
    assert result.maintenance_margin[0] == pytest.approx(want["maintenance"], **near)
    assert result.initial_margin[0] == pytest.approx(want["initial"], **near)
