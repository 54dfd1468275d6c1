"""Seeded random markets and books of Derive's portfolio managers, for tests and benchmarks; accounts as the vectors give them."""

from __future__ import annotations

import numpy as np

from margin.book import Book
from margin.ids import Ids
from margin.market import Market
from margin.models.charges import black_delta
from margin.pricing import model_marks

NOW = np.datetime64("2026-03-01T08:00:00", "ms")
SECONDS = (900, 86_400, 7 * 86_400, 30 * 86_400, 45 * 86_400, 180 * 86_400, 400 * 86_400)
"""To each expiry: the first inside the settlement window, the fourth at the reference tenor of volatility ranges."""

MONEYNESS = (0.5, 0.75, 0.9, 1.0, 1.1, 1.3, 2.0)
COLLATERAL = ("ETH", "wstETH", "weETH", "USDT", "BTC", "DRV")
PERPETUAL, CASH, SPOT = "ETH-PERP", "USDC", 2000.0


def market(
    seed: int = 0,
    *,
    discounted: bool = True,
    calm: bool = False,
    expiries: tuple[int, ...] = SECONDS,
    money: tuple[float, ...] = MONEYNESS,
) -> Market:
    """One perpetual and options of ETH; smile, rates, confidences and depeg by seed; `calm`: all feeds sure, no depeg.

    By default 98 options: a call and a put at each of `money` (strike over spot) for each of `expiries` (seconds).
    """
    random = np.random.default_rng(seed)
    spot = SPOT * random.uniform(0.5, 2.0)
    seconds, n = np.repeat(expiries, 2 * len(money)), 2 * len(expiries) * len(money)
    strike = np.round(spot * np.tile(np.repeat(money, 2), len(expiries)), -1)
    expiry = np.repeat(np.arange(len(expiries)), 2 * len(money))
    forward = (spot * random.uniform(0.95, 1.08, len(expiries)))[expiry]
    seen = np.maximum(1 - seconds / 1800, 0.0)
    fixed = forward * seen * random.uniform(0.8, 1.0)
    rate = (random.uniform(-0.05, 0.12, len(expiries)) * random.integers(0, 2, len(expiries)))[expiry]
    vol = random.uniform(0.3, 1.2, len(expiries))[expiry] * (1 + 0.3 * np.log(strike / forward) ** 2)

    def sure(count: int) -> np.ndarray:
        """Confidences, one in three of them low, some exactly at the threshold."""
        drawn = np.where(random.random(count) < 2 / 3, 1.0, random.choice([0.0, 0.2, 0.549, 0.55, 0.6], count))
        return np.ones(count) if calm else drawn

    of_spot = sure(1)[0]  # of the index and of the coin itself: one feed
    feeds = {name: sure(len(expiries))[expiry] for name in ("vol", "forward", "rate")}
    names = [PERPETUAL, *(f"ETH-{s}-{k:g}-{'CP'[i % 2]}" for i, (s, k) in enumerate(zip(seconds, strike, strict=True)))]
    usd = [1.0 if calm else random.choice([1.0, 0.98, 0.9, 1.01]), spot, 1.18 * spot, 1.05 * spot, 0.999, 30 * spot, 0.05]
    out = Market.of(
        time=NOW,
        instruments={
            "instrument": names,
            "kind": ["perpetual", *["option"] * n],
            "contract": ["linear"] * (n + 1),
            "base": ["ETH"] * (n + 1),
            "quote": [CASH] * (n + 1),
            "settlement": [CASH] * (n + 1),
            "contract_size": [1.0] * (n + 1),
            "expiry": np.append(np.datetime64("NaT"), NOW + seconds.astype("m8[s]")),
            "strike": [None, *strike],
            "option_type": [None, *["call", "put"] * (n // 2)],
        },
        quotes={
            "instrument": names,
            "mark": [spot * random.uniform(0.97, 1.03), *[0.0] * n],
            "vol": [None, *vol],
            "forward": [None, *forward],
            "fixed_forward": [None, *fixed],
            "rate": [None, *rate],
            "confidence": [sure(1)[0], *feeds["vol"]],
            "forward_confidence": [None, *feeds["forward"]],
            "rate_confidence": [None, *feeds["rate"]],
        },
        indices={"index": [f"ETH_{CASH}"], "price": [spot], "confidence": [of_spot]},
        currencies={"currency": [CASH, *COLLATERAL], "usd": usd, "confidence": [1.0, of_spot, *sure(len(COLLATERAL) - 1)]},
    )
    return out.with_(mark=model_marks(out, discounted=discounted))


def book(listed: Market, accounts: int, seed: int = 0) -> Book:
    """Accounts of 0 to 24 positions and 0 to 7 currencies, in random order; about one in eight holds collateral only or nothing.

    Half of the accounts hold risk reversals (a put against the call as far on the other side of the forward) and a perpetual
    against their delta, so that skew and basis decide somewhere. Others hold what comes, some instruments twice.
    """
    random = np.random.default_rng(seed)
    n_options = len(listed) - 1
    legs = n_options // len(np.unique(listed.expiry[1:]))  # of an expiry
    size = random.integers(0, 24, accounts) * (random.random(accounts) < 0.9)
    account = np.repeat(np.arange(accounts), size)
    hedged = (random.random(accounts) < 0.5)[account]
    home = random.integers(0, n_options, accounts)  # some hold a neighbourhood of the surface, some all of it
    reach = random.choice([4, legs, n_options], accounts)
    option = (home[account] + (random.random(len(account)) * reach[account]).astype(np.int64)) % n_options
    quantity = random.integers(-200, 201, len(account)) / 16
    place = np.arange(len(account)) - np.repeat(np.cumsum(size) - size, size)
    second = np.flatnonzero(hedged & (place % 2 == 1))
    first = option[second - 1]
    option[second] = first // legs * legs + legs - 1 - first % legs
    quantity[second] = -quantity[second - 1]
    row = np.where(~hedged & (random.random(len(account)) < 0.1), 0, 1 + option)
    delta = np.bincount(account[hedged], (quantity * np.append(0.0, black_delta(listed)[1:])[row])[hedged], accounts)
    hedgers = np.flatnonzero(delta)
    account, row = np.append(account, hedgers), np.append(row, np.zeros(len(hedgers), dtype=row.dtype))
    quantity = np.append(quantity, -np.round(delta[hedgers], 2))
    order = random.permutation(len(account))
    owns = (random.random((accounts, len(COLLATERAL) + 1)) < 0.35) & (size > 0)[:, None]
    owns |= (random.random(accounts) < 0.5)[:, None] & (random.random(owns.shape) < 0.2)
    owner, currency = np.nonzero(owns)
    amount = np.array([10_000.0, 5.0, 4.0, 4.5, 10_000.0, 0.3, 100_000.0])[currency] * random.exponential(1.0, len(owner))
    amount[currency == 0] *= random.choice([-1.0, 1.0], int((currency == 0).sum()))
    return Book.of(
        accounts={"account": np.arange(accounts)},
        positions={
            "account": account[order],
            "instrument": np.array(listed.instruments.to_list())[row[order]],
            "quantity": quantity[order],
        },
        balances={"account": owner, "currency": np.array([CASH, *COLLATERAL])[currency], "amount": amount},
    )


def one(listed: Market, positions: dict[int, float], balances: dict[str, float]) -> Book:
    """A book of one account from quantities by market row and amounts by currency."""
    return Book.of(
        accounts={"account": ["a"]},
        positions={
            "account": ["a"] * len(positions),
            "instrument": Ids.of([str(listed.instruments[row]) for row in positions]),
            "quantity": np.array(list(positions.values()), dtype=np.float64),
        },
        balances={
            "account": ["a"] * len(balances),
            "currency": Ids.of(list(balances)),
            "amount": np.array(list(balances.values()), dtype=np.float64),
        },
    )


def holdings(of: Book, listed: Market, code: int) -> tuple[list[tuple[int, float]], dict[str, float]]:
    """Net positions of an account of a book as (market row, quantity), and its balances."""
    rows, currencies = of.resolve(listed)
    held, owned = np.flatnonzero(of.positions.account == code), np.flatnonzero(of.balances.account == code)
    net: dict[int, float] = {}
    for i in held:
        row = int(rows[of.positions.instrument[i]])
        net[row] = net.get(row, 0.0) + float(of.positions.quantity[i])
    names = [listed.currencies[c] for c in currencies[of.balances.currency[owned]]]
    return list(net.items()), dict(zip(names, of.balances.amount[owned].tolist(), strict=True))


def account(
    listed: Market, positions: list[tuple[int, float]], balances: dict[str, float], params: dict, haircuts: dict
) -> dict:
    """An account as the published vectors give it, of both kinds at once."""
    worth = dict(zip(listed.currencies, (listed.usd * listed.money_usd).tolist(), strict=True))
    sure = dict(zip(listed.currencies, listed.currency_confidence.tolist(), strict=True))
    spot, perp = float(listed.index_price[0]), sum(q for row, q in positions if row == 0)
    options, expiries = [], {}
    for row, quantity in positions:
        if row == 0:
            continue
        seconds = int((listed.expiry[row] - listed.time) / np.timedelta64(1, "s"))
        options.append({
            "sec_to_expiry": seconds, "strike_usd": float(listed.strike[row]), "amount": quantity,
            "type": "call" if listed.option_sign[row] > 0 else "put", "mark_vol": float(listed.vol[row]),
            "vol": float(listed.vol[row]), "vol_confidence": float(listed.confidence[row]),
        })  # fmt: skip
        fixed = float(listed.fixed_forward[row])
        expiries[seconds] = {
            "sec_to_expiry": seconds, "forward_fixed_usd": fixed, "forward_variable_usd": float(listed.forward[row]) - fixed,
            "rate": float(listed.rate[row]), "forward_confidence": float(listed.forward_confidence[row]),
            "rate_confidence": float(listed.rate_confidence[row]), "vol_confidence": float(listed.confidence[row]),
        }  # fmt: skip
    return {
        "cash_usd": balances.get(CASH, 0.0), "spot_price_usd": spot, "stable_price_usd": worth[CASH],
        "spot_confidence": float(listed.index_confidence[0]), "base_amount": balances.get("ETH", 0.0),
        "perp": {
            "position": perp, "price_usd": float(listed.mark[0]), "confidence": float(listed.confidence[0]),
            "unrealised_pnl_usd": 0.0, "unrealised_funding_usd": 0.0,
        },
        "collaterals": [
            {
                "name": name, "amount": amount, "price_usd": worth[name], "confidence": sure[name],
                "mm_haircut": haircuts[name][0], "im_haircut_extra": haircuts[name][1], "risk_cancelling": haircuts[name][2],
            }
            for name, amount in balances.items() if name in haircuts
        ],
        "expiries": list(expiries.values()), "options": options, "params": params,
    }  # fmt: skip
