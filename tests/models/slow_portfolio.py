"""Deribit's portfolio margin, written a second time from the venue's rules, one position and one scenario at a time.

Shares no code with the package but the market's columns: the judge of the models.
"""

from __future__ import annotations

import math

EXTENDED = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
PAIR = {
    "BTC": {"range": 0.16, "up": 0.5, "down": 0.25, "floor": 0.5, "m_inc": 0.00005},
    "ETH": {"range": 0.18, "up": 0.4, "down": 0.25, "floor": 0.5, "m_inc": 0.000004},
}
COIN = {"BTC": {"annual": 0.075, "least": 0.01, "damp": 1e5}, "ETH": {"annual": 0.05, "least": 0.005, "damp": 2e5}}
SHORT_POWER, LONG_POWER, MM_FACTOR, THRESHOLD, MAX_DELTA = 0.30, 0.13, 0.8, 2e7, 0.10


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black(forward: float, strike: float, years: float, vol: float, sign: float) -> tuple[float, float]:
    deviation = vol * math.sqrt(years)
    if deviation < 1e-14:
        return max(sign * (forward - strike), 0.0), (sign if sign * (forward - strike) > 0 else 0.0)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    return sign * (forward * normal(sign * d1) - strike * normal(sign * d2)), sign * normal(sign * d1)


def scenarios(coin: str) -> list[tuple[float, str, bool]]:
    reach = PAIR[coin]["range"]
    grid = [(reach * i / 4, vol, False) for i in range(-4, 5) for vol in ("up", "same", "down")]
    return grid + [(x, "up", True) for x in EXTENDED]


def shocked_vol(coin: str, vol: float, days: float, move: str) -> float:
    scale = (30 / days) ** (SHORT_POWER if days < 30 else LONG_POWER)
    if move == "up":
        return max(vol * (1 + PAIR[coin]["up"] * scale), PAIR[coin]["floor"])
    return vol if move == "same" else max(vol * (1 - PAIR[coin]["down"] * scale), 0.0)


def pnl(market, i: int, quantity: float, x: float, move: str, extended: bool, *, usd: bool) -> float:
    """P&L of one position: in USD (cross), else in settlement currency (segregated)."""
    coin = market.currencies[market.base[i]]
    inverse, size = bool(market.inverse[i]), float(market.contract_size[i])
    mark, forward = float(market.mark[i]), float(market.forward[i])
    if market.kind[i] == 2:
        years = float(market.years[i])
        strike, vol, sign = float(market.strike[i]), float(market.vol[i]), float(market.option_sign[i])
        base = black(forward, strike, years, vol, sign)[0]
        shocked = black(forward * (1 + x), strike, years, shocked_vol(coin, vol, years * 365, move), sign)[0]
        gain = size * (shocked / (forward * (1 + x)) - base / forward if inverse else shocked - base)
    else:
        gain = size / mark * x / (1 + x) if inverse else size * mark * x
    reach = PAIR[coin]["range"]
    part = reach / abs(x) if extended else 1.0
    index = float(market.index_price[i])
    if usd:
        money = float(market.usd[market.settlement[i]])
        return quantity * gain * part * (index * (1 + x) if inverse else money)
    edge = math.copysign(reach, x) if extended else x
    return quantity * gain * part * ((1 + x) / (1 + edge) if inverse else 1.0)


def damped(value: float, coin: str, x: float, extended: bool, per_usd: float) -> float:
    if not extended:
        return value
    relief = (max(abs(x) / PAIR[coin]["range"], 1) - 1) * COIN[coin]["damp"] * per_usd
    return value - math.copysign(min(abs(value), relief), value)


def delta(market, i: int, quantity: float) -> float:
    size = float(market.contract_size[i])
    if market.kind[i] == 2:
        inputs = (market.forward[i], market.strike[i], market.years[i], market.vol[i], market.option_sign[i])
        return quantity * size * black(*map(float, inputs))[1]
    return quantity * (size / float(market.mark[i]) if market.inverse[i] else size)


def cross_unit(market, coin: str, positions: dict[int, float], equity: float) -> tuple[float, float, float]:
    """Worst loss, roll shock and delta shock of one coin in USD; `equity` in coin."""
    held = {i: q for i, q in positions.items() if market.currencies[market.base[i]] == coin}
    usd = float(market.usd[market.currencies.index(coin)])
    worst = 0.0
    for x, move, extended in scenarios(coin):
        total = sum(pnl(market, i, q, x, move, extended, usd=True) for i, q in held.items())
        total += equity * usd * x * (PAIR[coin]["range"] / abs(x) if extended else 1.0)
        worst = max(worst, -damped(total, coin, x, extended, 1.0))
    by_leaf: dict[tuple, float] = {}
    rates = {}
    long_options = rest = 0.0
    for i, q in held.items():
        d = delta(market, i, q)
        leaf = (int(market.settlement[i]), str(market.expiry[i]))
        money = 1.0 if market.inverse[i] else float(market.usd[market.settlement[i]])
        by_leaf[leaf] = by_leaf.get(leaf, 0.0) + d * float(market.index_price[i]) * money
        rates[leaf] = max(COIN[coin]["least"], math.exp(COIN[coin]["annual"] * float(market.years[i])) - 1)
        if market.kind[i] == 2 and q > 0:
            long_options += d
        else:
            rest += d
    roll = sum(abs(value) * rates[leaf] for leaf, value in by_leaf.items())
    net = min(max(long_options + rest, rest), 0) if rest < 0 else max(min(long_options + rest, rest), 0)
    index = next((float(market.index_price[i]) for i in held), 0.0)
    worth = abs(net) * index
    shock = min(max(worth - THRESHOLD, 0) * PAIR[coin]["m_inc"] * abs(net), MAX_DELTA * worth)
    return worst, roll, shock


def cross(market, positions: dict[int, float], equity: dict[str, float]) -> tuple[float, float]:
    """Initial margin (without orders) and maintenance margin of a cross portfolio account, USD."""
    risk = 0.0
    for coin in PAIR:
        worst, roll, shock = cross_unit(market, coin, positions, equity.get(coin, 0.0))
        risk += round(worst, 9) + roll + shock
    return round(risk, 9), MM_FACTOR * risk


def segregated_inverse(market, coin: str, positions: dict[int, float]) -> tuple[float, float]:
    """Initial margin (without orders) and maintenance margin of the pool of an inverse coin, in coin."""
    held = {i: q for i, q in positions.items() if market.inverse[i] and market.currencies[market.base[i]] == coin}
    if not held:
        return 0.0, 0.0
    index = float(market.index_price[next(iter(held))])
    worst = 0.0
    for x, move, extended in scenarios(coin):
        total = sum(pnl(market, i, q, x, move, extended, usd=False) for i, q in held.items())
        edge = math.copysign(PAIR[coin]["range"], x) if extended else x
        worst = max(worst, -damped(total, coin, x, extended, 1 / ((1 + edge) * index)))
    by_expiry: dict[str, float] = {}
    years = {}
    for i, q in held.items():
        key = str(market.expiry[i])
        by_expiry[key] = by_expiry.get(key, 0.0) + delta(market, i, q)
        years[key] = float(market.years[i])
    rate = {k: max(COIN[coin]["least"], math.exp(COIN[coin]["annual"] * t) - 1) for k, t in years.items()}
    roll = sum(abs(d) * rate[k] for k, d in by_expiry.items())
    risk = round(worst, 9) + roll
    return round(risk, 9), MM_FACTOR * risk
