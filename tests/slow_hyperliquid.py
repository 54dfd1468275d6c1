"""The rules of Hyperliquid written a second time: one account, one position at a time, in fractions, without any array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import floor
from typing import Any

Row = Mapping[str, Any]
Tiers = Sequence[tuple[Fraction, Fraction]]
STEP = 1_000_000


def exact(value: float | str) -> Fraction:
    """A number by its printed digits."""
    return Fraction(str(value))


def tiers_of(row: Row) -> Tiers:
    return [(exact(t["lower_bound_usdc"]), exact(t["max_leverage"])) for t in row["margin_tiers"]]


def tier_terms(tiers: Tiers) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Lower bound, maintenance rate and deduction of each tier."""
    out: list[tuple[Fraction, Fraction, Fraction]] = []
    for bound, leverage in tiers:
        rate = 1 / (2 * leverage)
        deduction = out[-1][2] + bound * (rate - out[-1][1]) if out else Fraction(0)
        out.append((bound, rate, deduction))
    return out


def maintenance(tiers: Tiers, value: Fraction) -> Fraction:
    _, rate, deduction = [t for t in tier_terms(tiers) if t[0] <= value][-1]
    return value * rate - deduction


def cut(amount: Fraction) -> Fraction:
    return Fraction(floor(amount * STEP), STEP)


def liquidation_price(
    tiers: Tiers, size: Fraction, mark: Fraction, equity: Fraction, pool_maintenance: Fraction, *, share: Fraction = Fraction(1)
) -> Fraction | None:
    """The mark at which ``equity + size * (x - mark) = share * (others + own(x))``, tier by tier."""
    others = pool_maintenance - maintenance(tiers, abs(size) * mark)
    terms = tier_terms(tiers)
    for i, (bound, rate, deduction) in enumerate(terms):
        root = (share * (others - deduction) - equity + size * mark) / (size - share * abs(size) * rate)
        value = abs(size) * root
        if root > 0 and bound <= value and (i + 1 == len(terms) or value < terms[i + 1][0]):
            return root
    return None


def order_margin(held: Fraction, orders: Sequence[tuple[Fraction, Fraction, Fraction]]) -> Fraction:
    """Initial margin of orders (size, price, leverage) in one coin: what does not reduce, best price first, the worse side."""
    sides = []
    for sign in (1, -1):
        reducible = max(-sign * held, Fraction(0))
        total = Fraction(0)
        side = [o for o in orders if o[0] * sign > 0]
        for size, price, leverage in sorted(side, key=lambda o: -sign * o[1]):
            free = min(reducible, abs(size))
            reducible -= free
            total += (abs(size) - free) * price / leverage
        sides.append(total)
    return max(sides)


def account(inputs: Row) -> dict[str, Any]:
    """Figures of `account_snapshot` in standard mode, current rules."""
    cross = [row for row in inputs["positions"] if row["margin_mode"] == "cross"]
    value = exact(inputs["cross_raw_usd"]) + sum((exact(r["szi"]) * exact(r["mark_px"]) for r in cross), Fraction(0))
    notional = {r["coin"]: abs(exact(r["szi"])) * exact(r["mark_px"]) for r in inputs["positions"]}
    initial = {r["coin"]: cut(notional[r["coin"]] / exact(r["leverage"])) for r in inputs["positions"]}
    required = {r["coin"]: cut(maintenance(tiers_of(r), notional[r["coin"]])) for r in inputs["positions"]}
    pool_initial = sum((initial[r["coin"]] for r in cross), Fraction(0))
    pool_required = sum((required[r["coin"]] for r in cross), Fraction(0))
    pool_notional = sum((notional[r["coin"]] for r in cross), Fraction(0))
    transfer = max(pool_initial, pool_notional / 10)
    orders: dict[str, list[tuple[Fraction, Fraction, Fraction]]] = {}
    for o in inputs.get("open_orders", ()):
        if not o["reduce_only"]:
            size = exact(o["size"]) * (1 if o["side"] == "buy" else -1)
            orders.setdefault(o["coin"], []).append((size, exact(o["limit_px"]), exact(o["leverage"])))
    held = {r["coin"]: exact(r["szi"]) for r in inputs["positions"]}
    ordered = sum((order_margin(held.get(coin, Fraction(0)), rows) for coin, rows in orders.items()), Fraction(0))
    positions, isolated = {}, Fraction(0)
    for r in inputs["positions"]:
        size, mark, coin = exact(r["szi"]), exact(r["mark_px"]), r["coin"]
        equity, pool, used = value, pool_required, initial[coin]
        if r["margin_mode"] == "isolated":
            equity = used = exact(r["isolated_raw_usd"]) + size * mark
            pool = required[coin]
            isolated += equity
        positions[coin] = {
            "margin_used_usdc": used,
            "liquidation_px": liquidation_price(tiers_of(r), size, mark, equity, pool),
            "backstop_px": liquidation_price(tiers_of(r), size, mark, equity, pool, share=Fraction(2, 3)),
        }
    return {
        "cross_account_value_usdc": value,
        "cross_notional_usdc": pool_notional,
        "cross_initial_margin_usdc": pool_initial,
        "cross_maintenance_margin_usdc": pool_required,
        "total_account_value_usdc": value + isolated,
        "transfer_margin_required_usdc": transfer,
        "withdrawable_usdc": max(Fraction(0), value - transfer - ordered),
        "order_margin_reserved_usdc": ordered,
        "positions": positions,
    }
