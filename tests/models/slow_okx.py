"""OKX's portfolio margin, written a second time from the venue's rules: one unit, one position, one scenario at a time.

Shares no code with the package but the market's columns, and takes its numbers as a plain mapping: the judge of the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

GROUPS = {
    "btc_eth": {"moves": (0.04, 0.08, 0.12), "extreme": 0.24, "annual": 0.05, "perp": 0.002},
    "group2": {"moves": (0.06, 0.12, 0.18), "extreme": 0.36, "annual": 0.15, "perp": 0.008},
    "others": {"moves": (0.08, 0.16, 0.25), "extreme": 0.50, "annual": 0.30, "perp": 0.010},
}
LISTED = {"BTC": "btc_eth", "ETH": "btc_eth"} | dict.fromkeys(
    ("SOL", "DOGE", "PEPE", "XRP", "BNB", "SHIB", "LTC", "ORDI", "WLD", "BCH", "ADA"), "group2"
)
MINIMUM = {"btc_eth": 0.0045, "group2": 0.0070, "others": 0.010}
SMALL_TIERS = ((7e3, 1), (16e3, 2), (29e3, 3), (43e3, 4), (69e3, 5), (95e3, 6), (121e3, 7), (147e3, 8), (math.inf, 9))
LARGE_TIERS = ((250e3, 1), (500e3, 2), (1e6, 4), (2e6, 6), (3e6, 8), (4e6, 10), (math.inf, 12))
TENORS, POINTS, PERCENT, FLOOR = (0, 30, 60), (0.30, 0.25, 0.20), (0.50, 0.35, 0.25), 0.05
CURVE_TENORS = (1, 7, 14, 30, 90, 180, 360, 720)
PC1 = (3, 2, 1.75, 1.5, 1, 0.9, 0.8, 0.7)
PC2 = (4, 3, 2, 1, 0, -0.5, -0.75, -0.9)
CURVE_MOVES = ((5, 0), (-5, 0), (2.5, 3), (2.5, -3), (-2.5, 3), (-2.5, -3), (2, 3), (2, -3), (-2, 3), (-2, -3))
DEPEG = tuple((20e6 * (k + 1) if k < 6 else math.inf, 0.005 * (k + 1)) for k in range(7))
DOLLARS = ("USD", "USDT", "USDC")
BORROW = {"USDT": (0.02, 0.10), "USDC": (0.02, 0.10), "BTC": (0.03, 0.12), "ETH": (0.03, 0.12), "SOL": (0.04, 0.2)} | {
    "XYZ": (0.05, 0.25)
}


@dataclass
class Rules:
    vol_rule: str = "max_loss"
    close: str = "fee"
    interest: bool = True
    option_basis: bool = False
    merged: bool = True
    borrow: dict = field(default_factory=lambda: BORROW)


def between(x: float, xs, ys) -> float:
    if x <= xs[0]:
        return float(ys[0])
    for a, b, y, z in zip(xs, xs[1:], ys, ys[1:], strict=False):
        if x <= b:
            return y + (z - y) * (x - a) / (b - a)
    return float(ys[-1])


def tiered(amount: float, tiers) -> float:
    total, low = 0.0, 0.0
    for high, rate in tiers:
        total += max(min(amount, high) - low, 0.0) * rate
        low = high
    return total


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def black(f: float, k: float, t: float, vol: float, sign: float) -> float:
    width = vol * math.sqrt(t)
    if width == 0:
        return max(sign * (f - k), 0.0)
    d1 = math.log(f / k) / width + width / 2
    return sign * (f * normal(sign * d1) - k * normal(sign * (d1 - width)))


@dataclass
class Contract:
    """One instrument as the rules see it."""

    coin: str
    settle: str
    option: bool
    inverse: bool
    size: float
    mark: float
    index: float
    money: float  # USD per unit of the money of a linear contract
    expiry: str
    days: float
    forward: float
    strike: float
    vol: float
    sign: float

    @property
    def years(self) -> float:
        return self.days / 365

    def usd(self, coin_or_money: float, index: float) -> float:
        return coin_or_money * (index if self.inverse else self.money)

    def option_worth(self, f: float, t: float, vol: float) -> float:
        price = black(f, self.strike, t, vol, self.sign)
        return self.size * (price / f if self.inverse else price)

    def gain(self, s: float, vol: float) -> float:
        """P&L of one contract when the index moves by s of itself, USD."""
        if self.option:
            moved = self.option_worth(self.forward + self.index * s, self.years, vol)
            change = moved - self.option_worth(self.forward, self.years, self.vol)
        elif self.inverse:
            change = self.size * (1 / self.mark - 1 / (self.mark + self.index * s))
        else:
            change = self.size * self.index * s
        return self.usd(change, self.index * (1 + s))

    def d1(self) -> float:
        width = self.vol * math.sqrt(self.years)
        return math.log(self.forward / self.strike) / width + width / 2

    def delta(self) -> float:
        """Coin per contract; of a coin-margined option less its price in coin."""
        if not self.option:
            return self.size / self.mark if self.inverse else self.size
        per_coin = self.sign * normal(self.sign * self.d1())
        if self.inverse:
            per_coin -= black(self.forward, self.strike, self.years, self.vol, self.sign) / self.forward
        return self.size * per_coin

    def vega(self) -> float:
        """USD per unit of volatility and contract."""
        per_coin = math.exp(-self.d1() ** 2 / 2) / math.sqrt(2 * math.pi) * math.sqrt(self.years)
        return self.size * per_coin * (self.index if self.inverse else self.forward * self.money)

    def delta_usd(self) -> float:
        """At the mark (options: the forward)."""
        return self.delta() * self.forward * (1.0 if self.inverse else self.money)


def contract(market, i: int) -> Contract:
    option, inverse = market.kind[i] == 2, bool(market.inverse[i])
    expiry = market.expiry[i]
    return Contract(
        coin=market.currencies[market.base[i]],
        settle="USD" if inverse else market.currencies[market.settlement[i]],
        option=option,
        inverse=inverse,
        size=float(market.contract_size[i]),
        mark=float(market.mark[i]),
        index=float(market.index_price[i]),
        money=float(market.usd[market.settlement[i]]),
        expiry=str(expiry),
        days=0.0 if str(expiry) == "NaT" else float((expiry - market.time).astype("int64")) / 86_400_000,
        forward=float(market.forward[i]) if option else float(market.mark[i]),
        strike=float(market.strike[i]),
        vol=float(market.vol[i]),
        sign=float(market.option_sign[i]),
    )


def states(c: Contract, rule: str) -> dict[str, tuple[float, ...]]:
    """Volatilities of the states that are evaluated as a whole."""
    points = between(c.days, TENORS, POINTS)
    part = between(c.days, TENORS, PERCENT) * c.vol
    low = min(FLOOR, c.vol)
    shifts = {"points": (points,), "fraction": (part,), "larger_shift": (max(points, part),), "max_loss": (points, part)}[rule]
    return {"same": (c.vol,), "up": tuple(c.vol + x for x in shifts), "down": tuple(max(c.vol - x, low) for x in shifts)}


Lines = list  # of (Contract, signed contracts)


def spot_in_use(lines: Lines, equity: float, cap: float) -> float:
    delta = sum(q * c.delta() for c, q in lines)
    return min(equity, cap, max(-delta, 0.0)) if equity > 0 else max(equity, -max(delta, 0.0))


def spot_shock(lines: Lines, worth: float, moves, rules: Rules) -> float:
    """MR1."""
    largest = 0.0
    for move in (0.0, *moves, *(-m for m in moves)):
        for state in ("up", "same", "down"):
            for k in range(2 if rules.vol_rule == "max_loss" and state != "same" else 1):
                total = worth * move
                for c, q in lines:
                    total += q * c.gain(move, states(c, rules.vol_rule)[state][k] if c.option else 0.0)
                largest = max(largest, -total)
    return largest


def theta(options: Lines) -> float:
    """MR2."""
    decay = 0.0
    for c, q in options:
        later = c.option_worth(c.forward, max(c.years - 1 / 365, 0.0), c.vol)
        decay += q * c.usd(later - c.option_worth(c.forward, c.years, c.vol), c.index)
    return abs(decay)


def vega_term(options: Lines) -> float:
    """MR3."""
    by_expiry: dict[str, float] = {}
    for c, q in options:
        by_expiry[c.expiry] = by_expiry.get(c.expiry, 0.0) + q * c.vega() * between(c.days, TENORS, POINTS)
    return 0.5 * min(sum(max(w, 0.0) for w in by_expiry.values()), sum(max(-w, 0.0) for w in by_expiry.values()))


def basis(lines: Lines, p: dict, rules: Rules) -> float:
    """MR4."""
    buckets: dict[str, float] = {}
    rate: dict[str, float] = {}
    for c, q in lines:
        if c.option and not rules.option_basis:
            continue
        buckets[c.expiry] = buckets.get(c.expiry, 0.0) + q * c.delta_usd()
        rate[c.expiry] = max(p["perp"], p["annual"] * c.days / 365)
    return sum(abs(d) * rate[e] for e, d in buckets.items())


def curve(options: Lines) -> float:
    """MR5."""
    largest = 0.0
    for a, b in CURVE_MOVES:
        total = 0.0
        for c, q in options:
            dr = (a * between(c.days, CURVE_TENORS, PC1) + b * between(c.days, CURVE_TENORS, PC2)) / 100
            moved = c.option_worth(c.forward * math.exp(dr * c.years), c.years, c.vol)
            total += q * c.usd(moved - c.option_worth(c.forward, c.years, c.vol), c.index)
        largest = max(largest, -total)
    return largest


def raw_minimum(lines: Lines, group: str, rules: Rules) -> float:
    """MR7 before its multipliers."""
    raw = 0.0
    for c, q in lines:
        if not c.option:
            raw += MINIMUM[group] * abs(q * c.delta_usd())
            continue
        mark = c.mark if c.inverse else c.mark / c.index
        slip = max(0.02, 0.02 * abs(c.delta()) / c.size)
        if q > 0:
            slip = min(slip, mark)
        close = min(0.0003, 0.125 * mark) if rules.close == "fee" else 0.002
        raw += abs(q) * c.size * (slip + close) * c.index * (1.0 if c.inverse else c.money)
    return raw


def depeg(market, lines: Lines) -> float:
    """MR9."""
    cash = dict.fromkeys(DOLLARS, 0.0)
    for c, q in lines:
        if not c.option:
            cash[c.settle] += q * c.delta_usd()
    price = {m: 1.0 if m == "USD" else float(market.usd[market.currencies.index(m)]) for m in DOLLARS}
    charge = 0.0
    for a, b in (("USDT", "USD"), ("USDT", "USDC"), ("USDC", "USD")):
        if cash[a] * cash[b] >= 0:
            continue
        volume = min(abs(cash[a]), abs(cash[b]))
        for m in (a, b):
            cash[m] -= math.copysign(volume, cash[m])
        fall = min(max((0.99 - min(price[a], price[b])) / 0.19, 0.0), 1.0)
        charge += tiered(volume, [(bound, f + (0.40 - f) * fall) for bound, f in DEPEG])
    return charge


def unit(market, coin: str, held: dict[int, float], equity: float, cap: float, rules: Rules) -> dict[str, float]:
    """MR1 to MR7 and MR9 of one unit and its maintenance margin, USD."""
    lines = [(contract(market, i), q) for i, q in held.items()]
    options = [(c, q) for c, q in lines if c.option]
    group = LISTED.get(coin, "others")
    p = GROUPS[group]
    worth = float(market.usd[market.currencies.index(coin)]) * spot_in_use(lines, equity, cap)
    extremes = [-(worth * m + sum(q * c.gain(m, c.vol) for c, q in lines)) for m in (p["extreme"], -p["extreme"])]
    mr = {
        "mr1": spot_shock(lines, worth, p["moves"], rules),
        "mr2": theta(options),
        "mr3": vega_term(options),
        "mr4": basis(lines, p, rules),
        "mr5": curve(options) if rules.interest else 0.0,
        "mr6": 0.5 * max(0.0, *extremes),
        "mr7": tiered(raw_minimum(lines, group, rules), LARGE_TIERS if group == "btc_eth" else SMALL_TIERS),
        "mr9": depeg(market, lines),
    }
    added = mr["mr3"] + mr["mr4"] + mr["mr5"] + mr["mr9"]
    return mr | {"mmr": max(max(mr["mr1"], mr["mr2"], mr["mr6"]) + added, mr["mr7"])}


def account(market, positions, balances, orders=(), caps=None, rules: Rules | None = None) -> dict:
    """Units, margins and debts of an account; positions by row, balances by currency, orders (row, signed quantity)."""
    rules = rules or Rules()
    equity = dict(balances)
    for i, q in positions.items():
        c = contract(market, i)
        if c.option:
            money = market.currencies[market.settlement[i]]
            equity[money] = equity.get(money, 0.0) + q * c.size * c.mark

    def unit_of(i: int) -> str:
        coin, money = (market.currencies[codes[i]] for codes in (market.base, market.settlement))
        return coin if rules.merged else f"{coin}/{money}"

    units, initial = {}, 0.0
    for name in sorted({unit_of(i) for i in (*positions, *(i for i, _ in orders))}):
        coin = name.split("/")[0]
        spot = equity.get(coin, 0.0) if name in {coin, f"{coin}/{coin}"} else 0.0
        mmrs = []
        for side in (0, 1, -1):
            held = {i: q for i, q in positions.items() if unit_of(i) == name}
            for i, q in orders:
                if q * side > 0 and unit_of(i) == name:
                    held[i] = held.get(i, 0.0) + q
            result = unit(market, coin, held, spot, (caps or {}).get(coin, math.inf), rules)
            mmrs.append(result["mmr"])
            if side == 0:
                units[name] = result
        initial += 1.3 * max(mmrs)
    debts = {m: -e * float(market.usd[market.currencies.index(m)]) for m, e in equity.items() if e < 0}
    return {
        "units": units,
        "maintenance": sum(u["mmr"] for u in units.values()) + sum(d * rules.borrow[m][0] for m, d in debts.items()),
        "initial": initial + sum(d * rules.borrow[m][1] for m, d in debts.items()),
    }
