"""Skew, discounts, the basis, naked shorts, doubt, competing charges and fixed forwards, one at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

import derive_books as books
from margin.book import Book
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.models.charges import GivenCharge
from margin.models.combine import DepegFactor, Factors
from margin.models.confidence import ConfidenceCharge
from margin.models.expiry_charges import ForwardCharge, NakedShortCharge, UnchangedVol
from margin.models.fold import ExpiryDiscount, SignDiscount
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ListedScenarios, Scenario
from margin.models.shocks import DOWN, SAME, SKEW, SMILE, UP, SkewShock
from margin.models.valuation import PLAIN, Valuation
from margin.names import STATUSES
from margin.pools import CrossPool
from margin.regime import Regime
from margin.venues import load
from margin.venues.derive import regime
from margin.venues.derive.rules import Options

from . import slow_derive as slow

DAY = "2025-12-08"
WEEK, YEARLY = 2, 6
"""Positions in `books.SECONDS`."""

STAY, FALL, RISE = Scenario(0.0, SAME), Scenario(-0.1, SAME), Scenario(0.1, SAME)
NO_DISCOUNT = SignDiscount(ExpiryDiscount(1.0, 0.0, 0.0))
PERP = 0


def row(expiry: int, money: int, kind: str) -> int:
    return 1 + 14 * expiry + 2 * money + (kind == "put")


def years(expiry: int) -> float:
    return books.SECONDS[expiry] / slow.YEAR


@pytest.fixture(scope="module")
def calm():
    return books.market(1, calm=True, discounted=False)


def assess(market, held, *, scenarios=(STAY, FALL, RISE), balances=None, **parts):
    model = PortfolioModel(scenarios=ListedScenarios(scenarios), vol_shock=UnchangedVol(), **{"fold": NO_DISCOUNT} | parts)
    return Regime("mine", CrossPool(money="USDC"), model).assess(books.one(market, held, balances or {}), market)


def charge(market, held, charge, **more) -> float:
    return float(assess(market, held, charges=(charge,), **more).unit_columns()[charge.name].sum())


# Skew


def shock(base=0.2, slope=0.0, least=0.01, scale=4.0, vol=0.5, vol_slope=0.0) -> SkewShock:
    return SkewShock(base, slope, least, scale, vol, vol_slope)


def test_skew_is_linear_up_to_its_caps():
    strikes = np.array([-9.0, -2.0, -1.0, 0.0, 1.0, 2.0, 9.0])
    np.testing.assert_allclose(shock().factor(strikes, np.ones(7)), [0.8, 0.8, 0.9, 1.0, 1.1, 1.2, 1.2], rtol=1e-15)


def test_skew_without_time_has_the_least_width():
    np.testing.assert_allclose(shock(slope=-5.0).factor(np.array([0.0, 0.005, 0.01, -1.0]), np.zeros(4)), [1, 1.1, 1.2, 0.8])


def test_skew_with_a_negative_cap_has_the_same_bounds():
    """``min(part, cap)`` at and above the forward, ``max(part, -cap)`` below, as the contract has it."""
    strikes = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0])
    factor = shock(slope=-0.3).factor(strikes, np.ones(7))  # cap -0.1, width 2
    np.testing.assert_allclose(factor, [1.2, 1.1, 1.1, 0.9, 0.9, 0.9, 0.8], rtol=1e-15)


def test_skew_never_makes_a_volatility_negative():
    assert shock(base=3.0).factor(np.array([-5.0]), np.ones(1))[0] == 0.0


def test_width_grows_with_time():
    at = np.array([0.25, 1.0])
    np.testing.assert_allclose(shock(vol_slope=0.5).factor(np.full(2, 0.5), at), 1 + 0.5 * 0.2 / np.array([1.5, 4.0]))


# Discounts


def test_discounts_by_sign(calm):
    gain, loss = ExpiryDiscount(0.9, 0.0, 0.1), ExpiryDiscount(1.2, 0.0, 0.1, sign=1)
    fold = SignDiscount(gain, loss)
    held, mark = row(YEARLY, 3, "call"), calm.mark[row(YEARLY, 3, "call")]
    kept, more = 0.9 * math.exp(-0.1 * years(YEARLY)), 1.2 * math.exp(0.1 * years(YEARLY))
    for quantity, factor in ((2.0, kept), (-2.0, more)):
        result = assess(calm, {held: quantity}, scenarios=(STAY,), fold=fold)
        assert result.unit_columns()["worst_loss"][0] == pytest.approx(-quantity * mark * (factor - 1), rel=1e-13)
    nothing = assess(calm, {held: 0.0}, scenarios=(STAY,), fold=fold)
    assert nothing.unit_columns()["worst_loss"].tolist() == [0.0]
    one_sided = assess(calm, {held: -2.0}, scenarios=(STAY,), fold=SignDiscount(gain))
    assert one_sided.unit_columns()["worst_loss"][0] == pytest.approx(0.0, abs=1e-15 * calm.forward[held])


def test_expiries_are_discounted_apart(calm):
    """A gain of one expiry does not net against a loss of another before the discount."""
    fold = SignDiscount(ExpiryDiscount(0.5, 0.0, 0.0), ExpiryDiscount(2.0, 0.0, 0.0))
    a, b = row(WEEK, 1, "call"), row(YEARLY, 1, "call")
    worst = assess(calm, {a: 1.0, b: -1.0}, scenarios=(STAY,), fold=fold).unit_columns()["worst_loss"][0]
    assert worst == pytest.approx(0.5 * calm.mark[a] + calm.mark[b], rel=1e-13)


def test_a_mark_up_is_capped_by_the_discount_factor(calm):
    rated = calm.with_(rate=np.where(calm.option_sign != 0, 0.03, np.nan))
    capped = ExpiryDiscount(1.5, 0.0, 0.1, sign=1, capped=True)
    assert capped.factor(rated)[row(YEARLY, 0, "put")] == pytest.approx(math.exp(0.03 * years(YEARLY)), rel=1e-15)
    negative = calm.with_(rate=np.where(calm.option_sign != 0, -0.5, np.nan))
    assert capped.factor(negative)[row(YEARLY, 0, "put")] == 1.0  # a rate counts from zero


def test_one_expiry_has_one_rate(calm):
    rate = np.where(calm.option_sign != 0, 0.01, np.nan)
    rate[row(WEEK, 4, "put")] = 0.02
    held = {row(WEEK, 3, "put"): 1.0, row(WEEK, 4, "put"): 1.0}
    fold = SignDiscount(ExpiryDiscount(1.0, 1.0, 0.0))
    with pytest.raises(DataError, match=r"quotes\.rate, row \d+ .*differs from the rate of another option of the same expiry"):
        assess(calm.with_(rate=rate), held, fold=fold)
    assess(calm.with_(rate=rate), {row(WEEK, 3, "put"): 1.0}, fold=fold)  # nobody holds the other


def test_an_option_without_a_rate_is_refused(calm):
    held, unknown = {row(WEEK, 3, "put"): 1.0}, calm.with_(rate=np.full(len(calm), np.nan))
    for parts in ({}, {"fold": None, "valuation": Valuation(discounted=True)}):
        with pytest.raises(DataError, match=r"quotes\.rate.*needs an interest rate"):
            assess(unknown, held, **parts)
    assess(unknown, held, fold=None)
    with pytest.raises(DataError, match=r"quotes\.rate.*needs an interest rate"):
        charge(unknown, held, replace(BASIS, valuation=Valuation(discounted=True)), fold=None)  # nan would vanish


# Charges


BASIS = ForwardCharge("basis", ListedScenarios((FALL, RISE)), 0.5, 2.0, PLAIN)


def loss(market, held: int, quantity: float, move: float) -> float:
    inputs = (float(market.strike[held]), float(market.years[held]), float(market.vol[held]))
    kind = "call" if market.option_sign[held] > 0 else "put"
    forward = float(market.forward[held])
    return -quantity * (slow.black(forward * (1 + move), *inputs, kind) - slow.black(forward, *inputs, kind))


def test_basis_takes_the_worse_move_of_each_expiry(calm):
    near, far = row(WEEK, 3, "call"), row(YEARLY, 3, "call")
    parts = [max(loss(calm, near, 1.0, m) for m in (-0.1, 0.1)) * (0.5 + 2 * years(WEEK)),
             max(loss(calm, far, -1.0, m) for m in (-0.1, 0.1)) * (0.5 + 2 * years(YEARLY))]  # fmt: skip
    assert charge(calm, {near: 1.0}, BASIS) == pytest.approx(parts[0], rel=1e-12)
    assert charge(calm, {near: 1.0, far: -1.0}, BASIS) == pytest.approx(sum(parts), rel=1e-12)


def test_basis_beside_a_future_of_the_same_expiry():
    market = Market.of(
        time="2026-01-01T00:00:00Z",
        instruments={
            "instrument": ["FUTURE", "CALL"], "kind": ["future", "option"], "contract": ["linear"] * 2, "base": ["ETH"] * 2,
            "quote": ["USDC"] * 2, "settlement": ["USDC"] * 2, "contract_size": [1.0] * 2, "expiry": ["2026-04-01T08:00:00Z"] * 2,
            "strike": [None, 100.0], "option_type": [None, "call"],
        },
        quotes={"instrument": ["FUTURE", "CALL"], "mark": [100.0, 9.0], "vol": [None, 0.5], "forward": [None, 100.0]},
        indices={"index": ["ETH_USDC"], "price": [100.0]},
        currencies={"currency": ["USDC"], "usd": [1.0]},
    )  # fmt: skip
    alone, beside = (charge(market, held, BASIS, fold=None) for held in ({1: -1.0}, {0: 3.0, 1: -1.0}))
    assert alone == beside > 0


def test_basis_is_no_matter_of_perpetuals(calm):
    assert charge(calm, {PERP: -7.0}, BASIS) == 0.0


@pytest.mark.parametrize(
    ("legs", "naked"),
    [
        ([(3, "call", -1.0), (3, "put", -1.0)], 2.0),  # a straddle
        ([(3, "call", 1.0), (3, "put", -1.0)], 0.0),  # a synthetic forward
        ([(3, "call", 5.0), (4, "put", -1.0)], 1.0),  # strikes do not net
        ([(3, "call", 5.0), (3, "put", 1.0)], 0.0),
    ],
)
def test_naked_shorts(calm, legs, naked):
    held = {row(WEEK, money, kind): n for money, kind, n in legs} | {PERP: -9.0}
    assert charge(calm, held, NakedShortCharge("naked", 0.01)) == pytest.approx(naked * 0.01 * calm.index_price[0], rel=1e-15)


def test_expiries_of_one_strike_do_not_net(calm):
    held = {row(WEEK, 3, "call"): 5.0, row(YEARLY, 3, "call"): -1.0}
    assert charge(calm, held, NakedShortCharge("naked", 0.01)) == pytest.approx(0.01 * calm.index_price[0], rel=1e-15)


def doubtful(market, **confidence):
    """A market in which some feeds are not sure: perp, index, option."""
    import dataclasses

    of = market.confidence.copy()
    of[PERP] = confidence.get("perp", 1.0)
    of[1:] = confidence.get("option", 1.0)
    return dataclasses.replace(market, confidence=of, index_confidence=np.full(len(market), confidence.get("index", 1.0)))


DOUBT = ConfidenceCharge("doubt", 0.55, 0.4)


@pytest.mark.parametrize(
    ("confidence", "of_options", "of_perpetual"),
    [
        ({}, 0, 0),
        ({"perp": 0.2}, 0.8, 0.8),  # where a perpetual is held its confidence is that of the whole unit
        ({"perp": 0.55}, 0, 0),  # at the threshold it is sure
        ({"index": 0.3}, 0.7, 0.7),
        ({"option": 0.1}, 0.9, 0),
        ({"option": 0.5, "perp": 0.4}, 0.6, 0.6),
    ],
)
def test_doubt_with_and_without_a_perpetual(calm, confidence, of_options, of_perpetual):
    market, option = doubtful(calm, **confidence), row(WEEK, 3, "put")
    spot, of_option = calm.index_price[0], max(1 - min(confidence.get("index", 1.0), confidence.get("option", 1.0)), 0.0)
    alone = 0.4 * 3 * spot * (of_option if of_option > 0.45 else 0.0)
    assert charge(market, {option: -3.0}, DOUBT) == pytest.approx(alone, rel=1e-14)
    both = 0.4 * spot * (3 * of_options + 2 * of_perpetual)
    assert charge(market, {option: 3.0, PERP: -2.0}, DOUBT) == pytest.approx(both, rel=1e-14)


def test_doubt_does_not_depend_on_what_others_hold(calm):
    """The batch holds the perpetual, this account does not."""
    market, model = doubtful(calm, perp=0.1), regime("pm2_eth", as_of=DAY)
    book = books.book(market, 200, 3)
    batch = model.assess(book, market)
    for code in range(200):
        assert model.assess(book.select([code]), market).available[0] == batch.available[code]


# Factors, scenarios, competing charges


def test_factors(calm):
    factors = Factors(2.0, {"worst_loss": DepegFactor(1.5, 0.99, 4.0), "none": 0})
    depegged = calm.with_(usd=np.where(np.array(calm.currencies) == "USDC", 0.9, calm.usd)).counted_in("USDC")
    named = ("worst_loss", "none", "other")
    assert factors.of(named, depegged) == {"worst_loss": pytest.approx(1.5 + 0.09 * 4), "none": 0.0, "other": 2.0}
    assert factors.of(named, calm)["worst_loss"] == 1.5


def test_listed_scenarios():
    listed = ListedScenarios((Scenario(0.5, UP, weight=0.3), Scenario(0.0, SKEW, absolute=True), Scenario(-0.1, DOWN)))
    table = listed.table(("A", "B"))
    assert table.move.tolist() == [[0.5, 0.0, -0.1]] * 2
    assert table.weight.tolist() == [[0.3, 1.0, 1.0]] * 2
    assert table.absolute.tolist() == [False, True, False]
    labels = ["price +50 %, vol up, weight 0.3", "price +0 %, vol skew", "price -10 %, vol down"]
    assert [table.label(1, s) for s in range(3)] == labels
    assert ListedScenarios((Scenario(0, SMILE),)).table(("A",)).label(0, 0) == "price +0 %, vol smile"


def test_no_scenarios_leave_the_competing_charge(calm):
    for amount, worst, label in ((5.0, 5.0, "rival"), (0.0, 0.0, None)):
        result = assess(calm, {PERP: 1.0}, scenarios=(), competing=(GivenCharge("rival", amount),))
        assert result.initial_margin[0] == worst
        assert result.columns()["worst_scenario"][0] == label
        assert sum(result.explain("a").pools[0].rest.values()) == worst


def test_a_price_may_fall_to_zero_where_contracts_are_linear(calm, market):
    nothing = Scenario(-1.0, SAME)
    call, put = row(WEEK, 3, "call"), row(WEEK, 3, "put")
    for held, worth in ((PERP, calm.mark[PERP]), (call, calm.mark[call]), (put, calm.mark[put] - calm.strike[put])):
        worst = assess(calm, {held: 2.0}, scenarios=(nothing,)).unit_columns()["worst_loss"][0]
        assert worst == pytest.approx(max(2 * worth, 0.0), rel=1e-12)
    with pytest.raises(DataError, match=r"instruments\.contract.*BTC-PERPETUAL.*takes the price to zero"):
        assess(market, {0: 1.0}, scenarios=(nothing,), fold=None)
    with pytest.raises(ValueError, match=r"a price move of -1\.5 is below -1"):
        Scenario(-1.5, SAME)


@pytest.mark.parametrize(("times", "wins"), [(0.5, False), (1.0, False), (2.0, True)])
def test_a_competing_charge_wins_where_it_is_larger(calm, times, wins):
    exact = assess(calm, {PERP: 2.0}).unit_columns()["worst_loss"][0]
    result = assess(calm, {PERP: 2.0}, competing=(GivenCharge("rival", times * exact),))
    assert result.unit_columns()["worst_loss"][0] == max(1.0, times) * exact
    assert result.columns()["worst_scenario"][0] == ("rival" if wins else "price -10 %, vol same")
    pool = result.explain("a").pools[0]
    assert pool.rest["rival"] == (times * exact if wins else 0.0)
    assert pool.lines["loss"].sum() + sum(pool.rest.values()) == pytest.approx(max(1.0, times) * exact, rel=1e-15)


def test_units_that_are_not_admitted(calm, market):
    book = books.one(market, {2: 1.0}, {})
    with pytest.raises(DataError, match=r"instruments\.base.*BTC_USDC-PERPETUAL.*unit BTC; this model margins ETH only"):
        regime("pm2_eth", as_of=DAY).assess(book, market)


def test_collateral_that_is_not_listed(calm):
    import dataclasses

    other = dataclasses.replace(calm, currencies=tuple("XYZ" if c == "DRV" else c for c in calm.currencies))
    with pytest.raises(ParameterError, match=r"pm2\.ETH\.collateral\.XYZ"):
        regime("pm2_eth", as_of=DAY).assess(books.one(other, {}, {"XYZ": 1.0}), other)
    with pytest.raises(ParameterError, match="PM1 of ETH holds ETH and USDC, not USDT"):
        regime("pm1_eth", as_of=DAY).assess(books.one(calm, {}, {"USDT": 1.0}), calm)


@pytest.mark.parametrize("mode", ["pm1_eth", "pm2_eth"])
def test_orders_are_refused_or_left_out(mode):
    market = books.market(1, calm=True, discounted=mode == "pm2_eth")
    book = Book.of(orders={"account": ["a"], "instrument": [books.PERPETUAL], "quantity": [1.0], "price": [9.0]})
    with pytest.raises(DataError, match=r"orders\.instrument.*ETH-PERP.*open orders.*not known.*ignore"):
        regime(mode, as_of=DAY).assess(book, market)
    ignored = regime(mode, as_of=DAY, options=Options(orders="ignore")).assess(book, market)
    assert ignored.initial_margin.tolist() == [0.0]


@pytest.mark.parametrize(
    ("scenario", "problem"),
    [('[1.1, "sideways", 1]', "is not .spot multiplier"), ("[1.1]", "is not"), ('[1.1, "abs", 1]', "its multiplier must be 1")],
)
def test_scenarios_that_make_no_sense(tmp_path, scenario, problem):
    path = tmp_path / "own.toml"
    path.write_text(
        f'[[layer]]\nas_of = 2025-12-08\nstatus = "recorded"\nsource = "test"\n[layer.pm2.ETH]\nscenarios = [{scenario}]\n',
        encoding="utf-8",
    )
    with pytest.raises(ParameterError, match=rf"pm2\.ETH\.scenarios.*{problem}"):
        load("derive").regime("pm2_eth", as_of=DAY, params=[path])


# Forwards that a settlement average has fixed in part


@pytest.mark.parametrize("seen", [0.0, 0.25, 1.0])
def test_only_the_open_part_of_a_forward_moves(calm, seen):
    held = row(0, 3, "call")
    market = calm.with_(fixed_forward=np.where(calm.option_sign != 0, seen * calm.forward, 0.0))
    (unit,) = assess(market, {held: 1.0}).explain("a").pools[0].vectors
    forward = float(market.forward[held])
    inputs = (float(market.strike[held]), float(market.years[held]), float(market.vol[held]), "call")
    base = slow.black(forward, *inputs)
    wanted = [slow.black(forward * (seen + (1 - seen) * s), *inputs) - base for s in (1.0, 0.9, 1.1)]
    np.testing.assert_allclose(unit.total, wanted, rtol=0, atol=1e-12 * forward)


def test_what_has_expired_is_worth_its_intrinsic_value(calm):
    held, time = row(0, 2, "call"), books.NOW + np.timedelta64(books.SECONDS[0], "s")
    fixed = np.where(calm.expiry == time, calm.forward, 0.0)
    market = calm.with_(time=time, fixed_forward=fixed)
    (unit,) = assess(market, {held: 1.0}).explain("a").pools[0].vectors
    assert unit.total.tolist() == [0.0, 0.0, 0.0]
    skewed = regime("pm2_eth", as_of=DAY).assess(books.one(market, {held: -1.0}, {}), market)
    intrinsic = float(market.forward[held] - market.strike[held])
    assert intrinsic > 0
    assert skewed.unit_columns()["worst_loss"].tolist() == [0.0]  # a mark-up is capped at 1 where nothing is discounted
    assert skewed.prepared.stress.values.base[held] == pytest.approx(intrinsic, rel=1e-15)


class NoVol:
    """A shock that goes wrong."""

    columns = (SAME,)

    def shocked(self, options):
        return np.full((len(options.vol), 1), np.nan)


@dataclass
class NoCharge:
    """A charge that goes wrong."""

    name: str

    def prepare(self, sensitivities):
        return lambda lines, units, leaves: np.full(len(units), np.nan)


@pytest.mark.parametrize("parts", [
    {"vol_shock": NoVol()},
    {"vol_shock": NoVol(), "fold": NO_DISCOUNT},
    {"charges": (NoCharge("wrong"),)},
    {"competing": (NoCharge("wrong"),)},
    {"minimum": NoCharge("wrong")},
])  # fmt: skip
def test_what_is_no_number_is_never_a_margin_of_zero(calm, parts):
    model = PortfolioModel(**{"scenarios": ListedScenarios((STAY,)), "vol_shock": UnchangedVol()} | parts)
    result = Regime("mine", CrossPool(money="USDC"), model).assess(books.one(calm, {row(WEEK, 3, "put"): 1.0}, {}), calm)
    assert np.isnan(result.initial_margin[0])
    assert STATUSES[result.status[0]] == "restricted"
