"""Derive PM2 on a batch of random accounts, beside the same formulas in NumPy. Equality first, then time."""

from __future__ import annotations

import numpy as np
import pytest

import derive_books as books
from margin.venues.derive import regime

ACCOUNTS, BLOCK = 100_000, 2048
YEAR = 31_536_000.0
UP, NONE, DOWN, LINEAR, ABSOLUTE = range(5)


def black(forward, strike, tv, sign):
    ndtr = pytest.importorskip("scipy.special").ndtr
    with np.errstate(divide="ignore"):
        d1 = np.log(forward / strike) / tv + tv / 2
    return sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - tv)))


def option_table(market, p, move, kind):
    """Discounted worth of every option under every scenario and as things stand, shapes (n, S) and (n,)."""

    def number(name):
        return p.number(f"pm2.ETH.{name}")

    rows = slice(1, None)
    forward, strike, years, vol, sign = (
        getattr(market, name)[rows] for name in ("forward", "strike", "years", "vol", "option_sign")
    )
    days, root, k = years * 365, np.sqrt(years), np.log(strike / forward)
    scaled = (30 / np.maximum(days, 1)) ** np.where(days <= 30, number("short_term_power"), number("long_term_power"))
    vols = np.empty((5, len(vol)))
    vols[UP] = np.maximum(vol * (1 + number("vol_range_up") * scaled), number("min_vol_up_shock"))
    vols[NONE] = vol
    vols[DOWN] = vol * np.maximum(1 - number("vol_range_down") * scaled, 0)
    width = np.maximum(
        number("min_k_star"), number("width_scale") * root * (number("vol_param_static") + number("vol_param_scale") * root)
    )
    for code, name, x in ((LINEAR, "linear", k), (ABSOLUTE, "abs", np.abs(k))):
        cap = number(f"{name}_base_cap") + number(f"{name}_c_base") * root
        part = np.where(x >= 0, np.minimum(x * cap / width, cap), np.maximum(x * cap / width, -cap))
        vols[code] = vol * np.maximum(1 + part, 0)
    fixed = market.fixed_forward[rows]
    discount = np.exp(-np.maximum(market.rate[rows], 0) * years)
    shocked = fixed[:, None] + (forward - fixed)[:, None] * (1 + move)
    table = black(shocked, strike[:, None], (vols * root)[kind].T, sign[:, None]) * discount[:, None]
    return table, black(forward, strike, vol * root, sign) * discount, discount


def pm2_in_numpy(market, book, p):
    """Net initial and maintenance margin of every account, shape (2, n_accounts)."""

    def number(name):
        return p.number(f"pm2.ETH.{name}")

    kinds = {"up": UP, "none": NONE, "down": DOWN, "linear": LINEAR, "abs": ABSOLUTE}
    listed = p.get("pm2.ETH.scenarios")
    move = np.array([row[0] for row in listed]) - 1
    kind = np.array([kinds[row[1]] for row in listed])
    weight = np.array([row[2] for row in listed], dtype=float)
    skew = kind >= LINEAR
    table, base, discount = option_table(market, p, move, kind)
    basis = np.array([number("basis_spot_up"), number("basis_spot_down")]) - 1
    moved = option_table(market, p, basis, np.array([NONE, NONE]))[0] - base[:, None]
    years, spot, perp = market.years[1:], market.index_price[0], market.mark[0]
    rate = np.maximum(market.rate[1:], 0)
    gain = number("long_base_static_discount") * np.exp(-years * (rate * number("long_rate_mult") + number("long_rate_add")))
    loss = np.minimum(
        1 / discount,
        number("short_base_static_discount") * np.exp(years * (rate * number("short_rate_mult") + number("short_rate_add"))),
    )
    share = number("basis_add_factor") + number("basis_mult_factor") * years

    n, rows = len(book.accounts), len(market)
    instrument, currency = book.resolve(market)
    account, row, quantity = book.positions.account, instrument[book.positions.instrument], book.positions.quantity
    whole = n * rows < 2**25  # a matrix of everything is the quicker one as long as it is not too large
    if whole:
        held_by_all = np.bincount(account.astype(np.int64) * rows + row, quantity, n * rows).reshape(n, rows)
    else:
        by_account = np.argsort(account, kind="stable")
        account, row, quantity = account[by_account], row[by_account], quantity[by_account]
        start = np.searchsorted(account, np.arange(0, n + BLOCK, BLOCK))
    m = len(market.currencies)
    cell = book.balances.account.astype(np.int64) * m + currency[book.balances.currency]
    cash_code, stable = market.currencies.index("USDC"), market.usd[market.currencies.index("USDC")]
    worth = np.bincount(cell, book.balances.amount, n * m).reshape(n, m) * (market.usd / stable)
    names = [c for c in market.currencies if c != "USDC"]
    coins = [market.currencies.index(c) for c in names]

    def of(field):
        return np.array([p.get(f"pm2.ETH.collateral.{c}.{field}") for c in names], dtype=float)

    cash, worth = worth[:, cash_code], worth[:, coins]
    threshold, charged = number("conf_threshold"), number("conf_margin")

    def doubt(confidence):
        return np.where(confidence < threshold, (1 - confidence) * charged, 0.0)

    port = np.array([market.index_confidence[0], min(market.index_confidence[0], market.confidence[0])])
    feeds = np.minimum.reduce((market.confidence, market.forward_confidence, market.rate_confidence))[1:]
    of_options = doubt(np.minimum(feeds, port[:, None])) * spot
    of_coins = doubt(np.minimum(market.currency_confidence[coins], port[0]))
    cancelling = worth @ of("risk_cancelling")
    starts = np.flatnonzero(np.diff(market.expiry[1:].astype(np.int64), prepend=-1))
    slices = [slice(a, b) for a, b in zip(starts, [*starts[1:], rows - 1], strict=True)]
    factor = number("im_factor") + max(0.0, number("peg_loss_threshold") - stable) * number("peg_loss_factor")

    out = np.empty((2, n))
    for block, first in enumerate(range(0, n, BLOCK)):
        here = slice(first, first + BLOCK)
        if whole:
            held = held_by_all[here]
        else:
            own, count = slice(start[block], start[block + 1]), min(BLOCK, n - first)
            cell = (account[own] - first) * np.int64(rows) + row[own]
            held = np.bincount(cell, quantity[own], count * rows).reshape(count, rows)
        q, options = held[:, 0], held[:, 1:]
        size = np.abs(options)
        total = np.outer(q * perp + cancelling[here], move)
        forward = np.zeros(len(q))
        for own in slices:
            mine = np.ascontiguousarray(options[:, own])
            x = mine @ table[own]
            x *= np.where(x >= 0, gain[own.start], loss[own.start])
            x -= (mine @ base[own])[:, None]
            x[:, skew] = -np.abs(x[:, skew])
            total += x
            forward += np.minimum((mine @ moved[own]).min(axis=1), 0) * share[own.start]
        total *= weight
        worst = np.minimum(total.min(axis=1), forward)
        naked = np.maximum(-(options[:, ::2] + options[:, 1::2]), 0).sum(axis=1) * spot
        notional, has = np.abs(q) * spot, q != 0
        oracle = np.where(has, notional * doubt(port[1]) + size @ of_options[1], size @ of_options[0])
        oracle += np.abs(worth[here]) @ of_coins
        positive = np.maximum(worth[here], 0)
        value = cash[here] + options @ base + worth[here].sum(axis=1)
        value -= notional * number("mm_perp_percent") + naked * number("mm_option_percent") + positive @ of("mm_haircut")
        extra = notional * number("im_perp_percent_extra") + naked * number("im_option_percent_extra") + oracle
        out[0, here] = value + worst * factor - extra - positive @ of("im_haircut_extra")
        out[1, here] = value + worst * number("mm_factor")
    return out


DAY = 86_400
SIZES = {
    "small": {},
    "real": {  # as listed by the venue: eleven expiries, forty strikes
        "expiries": tuple(DAY * d for d in (1, 2, 3, 7, 14, 28, 56, 90, 180, 270, 365)),
        "money": tuple(np.linspace(0.4, 2.5, 40)),
    },
}


@pytest.mark.parametrize("size", SIZES)
def test_pm2_beside_numpy(beside, size):
    from margin.venues.derive.rules import parameters

    market = books.market(7, **SIZES[size])
    book = books.book(market, ACCOUNTS, 7)
    model, p = regime("pm2_eth", as_of="2025-12-08"), parameters("2025-12-08")

    def engine():
        return model.assess(book, market)

    def peer():
        """numpy, dense by expiry, BLAS"""
        return pm2_in_numpy(market, book, p)

    ours, theirs = engine(), peer()
    scale = np.bincount(book.positions.account, np.abs(book.positions.quantity), ACCOUNTS) * 6 * market.index_price[0]
    price = market.usd[book.resolve(market)[1][book.balances.currency]] / 0.9
    scale += np.bincount(book.balances.account, np.abs(book.balances.amount) * price, ACCOUNTS) + 1
    assert (np.abs(ours.available - theirs[0]) <= 1e-12 * scale).all()
    assert (np.abs(ours.excess - theirs[1]) <= 1e-12 * scale).all()
    count = len(book.positions.account)
    beside(engine, peer, name=f"Derive PM2, {ACCOUNTS:,} accounts, {count:,} positions in {len(market)} instruments")
