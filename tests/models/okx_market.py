"""A market of four coins of the three groups, in every kind of contract, and books in it."""

from __future__ import annotations

import numpy as np

from margin.book import Book
from margin.market import Market
from margin.pricing import model_marks

TIME = np.datetime64("2026-02-15T08:00", "ms")
PRICES = {"BTC": 70_000.0, "ETH": 2_000.0, "SOL": 90.0, "XYZ": 0.5}
DAYS = (3, 26, 89)
KINDS = {"USD": "inverse", "USDT": "linear", "USDC": "linear"}


def okx_market(*, usdt=0.9995, usdc=1.0001, vol=1.0, basis=1.0) -> Market:
    """`vol` multiplies all volatilities, `basis` scales what marks and forwards stand away from the index."""
    money = {"USD": 1.0, "USDT": usdt, "USDC": usdc}
    rows = []
    for coin, price in PRICES.items():
        for quote, kind in KINDS.items():
            if kind == "inverse" and coin in {"SOL", "XYZ"}:
                continue
            index = price / money[quote]
            size = (100.0 if coin == "BTC" else 10.0) if kind == "inverse" else float(f"{20 / price:.1g}")
            common = {"contract": kind, "base": coin, "quote": quote, "settlement": coin if kind == "inverse" else quote}
            rows.append(common | {"kind": "perpetual", "mark": index * (1 + 3e-4 * basis), "contract_size": size})
            for days in DAYS[1:]:
                forward = index * (1 + basis * 0.06 * days / 365)
                rows.append(common | {"kind": "future", "mark": forward, "contract_size": size, "days": days})
            if coin in {"BTC", "ETH"} and quote != "USDT":
                for days in DAYS:
                    for moneyness, side in ((0.85, "put"), (1.0, "call"), (1.0, "put"), (1.2, "call")):
                        option = {"kind": "option", "days": days, "strike": round(price * moneyness), "option_type": side}
                        size = 0.01 if coin == "BTC" else 0.1
                        more = {"forward": index * (1 + basis * 0.06 * days / 365), "contract_size": size}
                        smile = 0.5 + 0.2 * abs(moneyness - 1) + 0.1 * (days < 7)
                        rows.append(common | option | more | {"mark": 0.0, "vol": vol * smile})
    names = [_name(row) for row in rows]
    listed = ("kind", "contract", "base", "quote", "settlement", "contract_size", "strike", "option_type")

    def column(field, none=None):
        return [row.get(field, none) for row in rows]

    market = Market.of(
        time=TIME,
        instruments={
            "instrument": names,
            **{f: column(f) for f in listed},
            "expiry": np.array([TIME + np.timedelta64(r["days"], "D") if "days" in r else "NaT" for r in rows], "M8[ms]"),
        },
        quotes={"instrument": names, **{f: column(f) for f in ("mark", "vol", "forward")}},
        indices={
            "index": [f"{c}_{q}" for c in PRICES for q in KINDS],
            "price": [PRICES[c] / money[q] for c in PRICES for q in KINDS],
        },
        currencies={"currency": [*PRICES, *money], "usd": [*PRICES.values(), *money.values()]},
    )
    return market.with_(mark=model_marks(market))


def _name(row) -> str:
    parts = [row["base"], row["quote"], str(row.get("days", "SWAP"))]
    if row["kind"] == "option":
        parts += [str(row["strike"]), row["option_type"][0].upper()]
    return "-".join(parts)


def book_of(market: Market, positions=(), balances=(), orders=(), caps=None, account="a") -> Book:
    """One account: quantity by row, amount by currency, orders as (row, quantity), caps by currency."""
    positions, balances = dict(positions), dict(balances)
    owned = {
        "account": [account] * len(balances),
        "currency": list(balances),
        "amount": np.array(list(balances.values()), dtype=np.float64),
    }
    if caps is not None:
        owned["hedge_cap"] = [caps.get(currency) for currency in balances]
    return Book.of(
        accounts={"account": [account]},
        positions={
            "account": [account] * len(positions),
            "instrument": [str(market.instruments[i]) for i in positions],
            "quantity": np.array(list(positions.values()), dtype=np.float64),
        },
        balances=owned,
        orders={
            "account": [account] * len(orders),
            "instrument": [str(market.instruments[i]) for i, _ in orders],
            "quantity": np.array([q for _, q in orders], dtype=np.float64),
            "price": np.array([market.mark[i] for i, _ in orders], dtype=np.float64),
        },
    )
