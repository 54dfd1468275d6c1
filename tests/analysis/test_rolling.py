"""The rolling backtest against a plain numpy judge, against option values worked out with scipy, and against the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from margin.analysis.linear_books import linear_days, linear_portfolios
from margin.analysis.margins import historical_margin
from margin.analysis.option_books import OPTION_BOOKS, Leg, OptionBook, option_days
from margin.analysis.rolling import methods, roll
from margin.analysis.study import Span, linear_study, vol_index_study
from margin.analysis.surface import FlatVol
from margin.errors import DataError
from margin.io.daily import Closes

METHODS = methods(window=60, decay=0.94, age_decay=0.98, stress_days=15, stress_weight=0.25)
LEVEL = 0.95


def closes(*, days: int = 90, names: tuple[str, ...] = ("BTC", "ETH", "SOL", "XRP"), seed: int = 3) -> Closes:
    rng = np.random.default_rng(seed)
    x = 0.02 * rng.standard_normal((days, 1)) + 0.02 * rng.standard_normal((days, len(names)))
    dates = np.datetime64("2025-01-01") + np.arange(days)
    return Closes(tuple(str(d) for d in dates), names, 100.0 * np.exp(np.cumsum(x, axis=0)), "usdt")


def judge(loss: np.ndarray, weight: np.ndarray, level: float) -> tuple[float, float]:
    """Value at risk and expected shortfall of weighted losses, by the definitions."""
    order = np.argsort(-loss)
    loss, weight = loss[order], weight[order]
    tail = 1.0 - level
    above = np.cumsum(weight) - weight
    var = loss[np.flatnonzero(np.cumsum(weight) > tail * (1 + 1e-12))[0]]
    part = np.clip(tail - above, 0.0, weight)
    return max(var, 0.0), max(part @ loss / tail, 0.0)


@pytest.mark.parametrize("name", METHODS)
def test_margins_of_linear_portfolios_are_the_judges(name: str) -> None:
    given = closes()
    study = linear_study(given, Span(60), missing="refuse", gross=1000.0)
    rolled = roll(study.days(), study.history, {name: METHODS[name]}, historical_margin(LEVEL))[name]
    assert rolled.dates == study.dates == given.dates[60:-1]
    weights = [[w.get(coin, 0.0) for coin in given.names] for w in linear_portfolios(given.names).values()]
    for t, date in enumerate(rolled.dates):
        row = given.dates.index(date)
        history = METHODS[name](study.history.rows(0, study.history.labels.index(date) + 1))
        for a, weight in enumerate(weights):
            expected = judge(-1000.0 * history.price @ weight, history.weight, LEVEL)
            assert rolled.value_at_risk[t, a] == pytest.approx(expected[0], rel=1e-9)
            assert rolled.expected_shortfall[t, a] == pytest.approx(expected[1], rel=1e-9)
            gain = 1000.0 * (given.price[row + 1] / given.price[row] - 1.0) @ weight
            assert rolled.loss[t, a] == pytest.approx(-gain, rel=1e-9, abs=1e-9)


def test_a_margin_sees_nothing_of_the_future() -> None:
    given = closes()
    study = linear_study(given, Span(60), missing="refuse", gross=1000.0)
    other = given.price.copy()
    other[75:] *= 1.5
    changed = linear_study(replace(given, price=other), Span(60), missing="refuse", gross=1000.0)
    before = roll(study.days(), study.history, METHODS, historical_margin(LEVEL))
    after = roll(changed.days(), changed.history, METHODS, historical_margin(LEVEL))
    known = given.dates.index(given.dates[74]) - 60 + 1
    for name in METHODS:
        assert np.array_equal(before[name].value_at_risk[:known], after[name].value_at_risk[:known])
        assert not np.array_equal(before[name].value_at_risk[known], after[name].value_at_risk[known])


def test_portfolios_have_one_gross_and_the_right_net() -> None:
    found = linear_portfolios(["A", "B", "C", "D", "E", "F", "G"])
    assert list(found) == ["A long", "A short", "B / A pair", "equal weights, 7 coins", "neutral, 4 coins"]
    for weights in found.values():
        assert sum(map(abs, weights.values())) == pytest.approx(1.0)
    assert sum(found["neutral, 4 coins"].values()) == pytest.approx(0.0)
    assert set(found["neutral, 4 coins"]) == {"C", "D", "E", "F"}
    assert list(linear_portfolios(["A"])) == ["A long", "A short"]


def black(forward: float, strike: float, years: float, vol: float, sign: float) -> float:
    d1 = (np.log(forward / strike) + 0.5 * vol**2 * years) / (vol * np.sqrt(years))
    d2 = d1 - vol * np.sqrt(years)
    return float(sign * (forward * scipy.stats.norm.cdf(sign * d1) - strike * scipy.stats.norm.cdf(sign * d2)))


def flat(day: int, price: float, vol: float) -> FlatVol:
    time = np.datetime64("2026-01-01", "ms") + np.timedelta64(day, "D")
    return FlatVol(date=str(time.astype("datetime64[D]")), time=time, price=price, vol=vol)


@pytest.mark.parametrize("ageing", [True, False])
def test_pnl_of_a_hedged_straddle_by_hand(ageing: bool) -> None:
    quotes = [flat(0, 100.0, 0.5), flat(1, 104.0, 0.6)]
    book = OptionBook((Leg(1.0, 0.5, 30, -1.0), Leg(-1.0, 0.5, 30, -1.0)), hedged=True)
    (day,) = option_days({"BTC": quotes}, {"straddle": book}, notional=1000.0, ageing=ageing)
    strikes, signs = day.market.strike[1:], day.market.option_sign[1:]
    earned = delta = 0.0
    left = (29 if ageing else 30) / 365
    for strike, sign in zip(strikes, signs, strict=True):
        earned -= 10.0 * (black(104.0, strike, left, 0.6, sign) - black(100.0, strike, 30 / 365, 0.5, sign))
        d1 = (np.log(100.0 / strike) + 0.125 * 30 / 365) / (0.5 * np.sqrt(30 / 365))
        delta -= 10.0 * sign * scipy.stats.norm.cdf(sign * d1)
    assert day.pnl[0] == pytest.approx(earned - delta * 4.0, rel=1e-9)
    assert np.abs(strikes - 100.0).max() < 3.0
    assert len(day.market) == 3


def test_option_margin_is_the_judges() -> None:
    given = closes(days=70, names=("BTC",))
    rng = np.random.default_rng(9)
    levels = dict(zip(given.dates, (0.5 * np.exp(0.05 * rng.standard_normal(70))).tolist(), strict=True))
    study = vol_index_study("BTC", given, levels, Span(60), notional=1000.0, ageing=True)
    day = next(study.days())
    history = METHODS["plain"](study.history.rows(0, study.history.labels.index(day.date) + 1))
    account = list(day.book.accounts).index("BTC short strangle")
    market, positions = day.market, day.book.positions
    loss = np.zeros(history.n_scenarios)
    for p in np.flatnonzero(positions.account == account):
        row = list(market.instruments).index(day.book.instruments[int(positions.instrument[p])])
        strike, years, vol, sign = market.strike[row], market.years[row], market.vol[row], market.option_sign[row]
        for s in range(history.n_scenarios):
            forward = market.forward[row] * (1 + history.price[s, 0])
            shocked = black(forward, strike, years, vol * (1 + history.vol[s, 0, 0, 0]), sign)
            loss[s] -= positions.quantity[p] * (shocked - market.mark[row])
    found = historical_margin(LEVEL)(history, market, day.book)
    expected = judge(loss, history.weight, LEVEL)
    assert [float(f[account]) for f in found] == pytest.approx(expected, rel=1e-7)


def test_refused() -> None:
    given = closes()
    study = linear_study(given, Span(60), missing="refuse", gross=1.0)
    with pytest.raises(DataError, match="no day to test"):
        roll([], study.history, METHODS, historical_margin(LEVEL))
    days = list(linear_days(given.dates[:2], given.names, given.price, linear_portfolios(given.names), gross=1.0))
    with pytest.raises(DataError, match="2025-01-01 is no date of the history"):
        roll(days, study.history, METHODS, historical_margin(LEVEL))
    fewer = list(linear_days(given.dates[70:72], given.names, given.price[70:72], {"x": {"BTC": 1.0}}, gross=1.0))
    with pytest.raises(DataError, match="the portfolios of 2025-03-12 are not those of the days before"):
        roll([next(study.days()), *fewer], study.history, METHODS, historical_margin(LEVEL))
    with pytest.raises(DataError, match="perpetuals of 4 coins: no day to test with a window of 89 in 2025-01-02"):
        linear_study(given, Span(89), missing="refuse", gross=1.0)
    with pytest.raises(DataError, match=r"no closes of 'DOGE'|no closes of DOGE"):
        vol_index_study("DOGE", given, {}, Span(60), notional=1.0, ageing=True)
    quotes = {"BTC": [flat(0, 1.0, 0.5), flat(1, 1.0, 0.5)], "ETH": [flat(1, 1.0, 0.5), flat(2, 1.0, 0.5)]}
    with pytest.raises(DataError, match="ETH is not quoted on the dates of BTC"):
        next(option_days(quotes, OPTION_BOOKS, notional=1.0, ageing=True))
