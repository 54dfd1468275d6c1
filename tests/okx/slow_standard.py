"""The standard rules of OKX written a second time: one account at a time, plain loops and numbers."""

from __future__ import annotations

import math


def tier_rates(tiers, size):
    """Rates of the tier of a size, on the whole position."""
    for largest, mmr, imr in tiers:
        if size <= largest:
            return mmr, imr
    raise ValueError(size)


def value(c, contracts, price, to_pool):
    """Value of futures contracts at a price, in the pool's money."""
    return (contracts * c["size"] / price if c["inverse"] else contracts * c["size"] * price) * to_pool


def option_margins(c, mark, factor, params, index, to_pool):
    """Initial and maintenance margin of one short option."""
    a, b, coin, _ = params
    u = 1.0 if c["inverse"] else index
    away = c["strike"] - c["forward"] if c["type"] == "call" else c["forward"] - c["strike"]
    im = max(a, b - max(away, 0.0) / c["forward"]) * u * factor + mark
    mm = (coin * u if c["type"] == "call" else max(coin * u, coin * mark)) * factor + mark
    return im * c["size"] * to_pool, mm * c["size"] * to_pool


def requirement(contracts, positions, orders, tiers, params, *, in_usd, usd, with_orders):
    """Initial and maintenance margin of one pool.

    contracts: name -> dict; positions: list of (name, quantity, leverage, leg); orders: (name, quantity, price, leverage, leg).
    """
    def money(c):
        if not in_usd:
            return 1.0
        return c["index"] if c["inverse"] else usd[c["settle"]]

    def family(name):
        return contracts[name]["family"]

    size = {}
    for name, quantity, _, _ in positions:
        counted = max(-quantity, 0.0) if contracts[name]["kind"] == "option" else abs(quantity)
        size[family(name)] = size.get(family(name), 0.0) + counted
    for name, quantity, _, _, _ in orders:
        if contracts[name]["kind"] == "spot":
            continue
        counted = max(-quantity, 0.0) if contracts[name]["kind"] == "option" else abs(quantity)
        size[family(name)] = size.get(family(name), 0.0) + counted
    initial = maintenance = 0.0
    keys = {(p[0], p[3]) for p in positions} | {(o[0], o[4]) for o in orders if contracts[o[0]]["kind"] != "spot"}
    for name, leg in sorted(keys, key=str):
        c = contracts[name]
        to_pool = money(c)
        held = sum(q for n, q, _, side in positions if (n, side) == (name, leg))
        mine = [(q, p) for n, q, p, _, side in orders if (n, side) == (name, leg)]
        mmr, imr = tier_rates(tiers[c["family"]], size[c["family"]])
        if c["kind"] == "option":
            im, mm = option_margins(c, c["mark"], mmr, params, c["index"], to_pool)
            initial += max(-held, 0.0) * im
            maintenance += max(-held, 0.0) * mm
            buys, sells = [(q, p) for q, p in mine if q > 0], [(-q, p) for q, p in mine if q < 0]
            bought, sold = sum(q for q, _ in buys), sum(q for q, _ in sells)
            if bought:
                price = sum(q * p for q, p in buys) / bought * c["size"] * to_pool
                closing = min(bought, max(-held, 0.0))
                initial += closing * max(price - im, 0.0) + (bought - closing) * price
            if sold:
                price = sum(q * p for q, p in sells) / sold * c["size"] * to_pool
                least = params[3] * (1.0 if c["inverse"] else c["index"]) * c["size"] * to_pool
                initial += (sold - min(sold, max(held, 0.0))) * max(im - price, least)
            continue
        at_mark = value(c, 1.0, c["mark"], to_pool)
        buy = sum(value(c, q, p, to_pool) for q, p in mine if q > 0)
        sell = sum(value(c, -q, p, to_pool) for q, p in mine if q < 0)
        buys, sells = sum(q for q, _ in mine if q > 0), sum(-q for q, _ in mine if q < 0)
        p = abs(held) * at_mark
        if leg is None:
            worst = max(p + buy, sell - p) if held >= 0 else max(buy - p, p + sell)
            count = max(abs(held) + buys, sells - abs(held)) if held >= 0 else max(buys - abs(held), abs(held) + sells)
        else:
            worst = p + (buy if leg == "long" else sell)
            count = abs(held) + (buys if leg == "long" else sells)
        levers = [lev for n, _, lev, side in positions if (n, side) == (name, leg)]
        levers += [lev for n, _, _, lev, side in orders if (n, side) == (name, leg)]
        initial += worst * max(1 / min(levers), imr)
        maintenance += (count if with_orders else abs(held)) * at_mark * mmr
    return initial, maintenance


def discounted(amount, tiers):
    """Incremental discount; a debt in full."""
    if amount <= 0:
        return amount
    kept, lower = 0.0, 0.0
    for upper, rate in tiers:
        kept += rate * max(min(amount, upper) - lower, 0.0)
        lower = upper
    assert amount <= lower or math.isinf(lower)
    return kept


def adjusted_equity(equity, orders, contracts, tiers, usd, off):
    """Discounted equity of all currencies less the losses of pending spot orders."""
    def worth(amounts):
        return sum(discounted(min(x, 0.0) if c in off else x, tiers[c]) * usd[c] for c, x in amounts.items())

    total = worth(equity)
    for name, quantity, price, _, _ in orders:
        c = contracts[name]
        if c["kind"] == "spot":
            after = dict(equity)
            after[c["base"]] = after.get(c["base"], 0.0) + quantity * c["size"]
            after[c["settle"]] = after.get(c["settle"], 0.0) - quantity * c["size"] * price
            total -= max(worth(equity) - worth(after), 0.0)
    return total


def borrow_margins(equity, orders, contracts, tiers, usd):
    """Initial margin of debts as they would be with the spot orders, maintenance margin of debts as they are."""
    after = dict(equity)
    for name, quantity, price, _, _ in orders:
        c = contracts[name]
        if c["kind"] == "spot" and quantity > 0:
            after[c["settle"]] = after.get(c["settle"], 0.0) - quantity * c["size"] * price
        elif c["kind"] == "spot":
            after[c["base"]] = after.get(c["base"], 0.0) + quantity * c["size"]

    def rate(debt, which):
        return [t for t in tiers if t[0] <= debt][-1][which]

    initial = sum(-x * usd[c] * rate(-x, 2) for c, x in after.items() if x < 0)
    return initial, sum(-x * usd[c] * rate(-x, 1) for c, x in equity.items() if x < 0)
