"""Historical margin written a second time from its definitions, one position and one scenario at a time.

Shares no code with the package but the columns of the market and of the history: the judge of the model.
"""

from __future__ import annotations

import math

from .slow_portfolio import black


def interpolated(surface, tenors, nodes, days: float, moneyness: float) -> float:
    """Bilinear, flat outside."""

    def weights(grid, x):
        x = min(max(x, grid[0]), grid[-1])
        for i in range(len(grid) - 1):
            if x <= grid[i + 1]:
                part = (x - grid[i]) / (grid[i + 1] - grid[i])
                return {i: 1 - part, i + 1: part}
        return {len(grid) - 1: 1.0}

    return sum(
        a * b * float(surface[i][j])
        for i, a in weights(list(tenors), days).items()
        for j, b in weights(list(nodes), moneyness).items()
    )


def pnl(market, history, i: int, s: int, *, usd: bool) -> float:
    """P&L of one contract in one scenario."""
    u = history.names.index(market.currencies[market.base[i]])
    x = float(history.price[s, u])
    size, mark, inverse = float(market.contract_size[i]), float(market.mark[i]), bool(market.inverse[i])
    if market.kind[i] == 2:
        forward, strike, years = float(market.forward[i]), float(market.strike[i]), float(market.years[i])
        vol, sign = float(market.vol[i]), float(market.option_sign[i])
        moneyness = math.log(strike / forward) / math.sqrt(years)
        change = interpolated(history.vol[s, u], history.tenors, history.moneyness, years * 365, moneyness)
        before = black(forward, strike, years, vol, sign)[0]
        after = black(forward * (1 + x), strike, years, vol * (1 + change), sign)[0]
        gain = size * (after / (forward * (1 + x)) - before / forward if inverse else after - before)
    elif inverse:
        gain = size / mark - size / (mark * (1 + x))
    else:
        gain = size * (mark * (1 + x) - mark)
    if not usd:
        return gain
    return gain * (float(market.index_price[i]) * (1 + x) if inverse else float(market.usd[market.settlement[i]]))


def losses(market, history, positions: dict[int, float], equity: dict[str, float], *, usd: bool) -> list[float]:
    """Loss of the whole pool in each scenario; `equity` by coin, shocked by that coin."""
    out = []
    for s in range(len(history.labels)):
        total = sum(q * pnl(market, history, i, s, usd=usd) for i, q in positions.items())
        for coin, amount in equity.items():
            move = float(history.price[s, history.names.index(coin)])
            total += amount * float(market.usd[market.currencies.index(coin)]) * move
        out.append(-total)
    return out


def measure(loss: list[float], weight: list[float], kind: str, level: float) -> float:
    """Value-at-risk or expected shortfall, never below 0."""
    ordered = sorted(zip(loss, weight, strict=True), reverse=True)
    if kind == "value_at_risk":
        above = 0.0
        for value, share in ordered:
            above += share
            if above > (1 - level) * (1 + 1e-9):
                return max(0.0, value)
    left, total = 1 - level, 0.0
    for value, share in ordered:
        total += min(share, left) * value
        left -= min(share, left)
    return max(0.0, total / (1 - level))


def cascade(market, history, positions, kind, level, days: dict[str, float], base: float, *, usd: bool) -> float:
    """The measure scaled to liquidity horizons, term by term."""
    total, before = 0.0, 0.0
    for horizon in sorted(set(days.values())):
        part = {i: q for i, q in positions.items() if days[market.currencies[market.base[i]]] >= horizon}
        value = measure(losses(market, history, part, {}, usd=usd), history.weight.tolist(), kind, level)
        total += (value * math.sqrt((horizon - before) / base)) ** 2
        before = horizon
    return math.sqrt(total)
