"""A market, rate tables of every kind, and generated accounts for liquidation prices."""

from __future__ import annotations

import numpy as np

from margin.book import Book
from margin.by_name import ByName
from margin.market import Market
from margin.models.futures import FuturesMargin
from margin.models.options import MoneynessMargin, PerPosition
from margin.models.orders import IgnoredOrders
from margin.models.standard import StandardModel
from margin.pools import Collateral, CrossPool, DiscountTiers, IsolatedPool, SegregatedPool
from margin.rates import RateTable
from margin.regime import Regime

NAMES = ("BTC-PERP", "BTC-MAR", "ETH-PERP", "BTC_USDC-PERP", "BTC_USDC-MAR", "ETH_USDC-PERP", "ETH_BTC-PERP")

OPTION_RULE = PerPosition(*(MoneynessMargin(base=0.15, minimum=0.1, maintenance=0.075),) * 2)


def market(options=()):
    """Inverse and linear futures of two coins, one that settles in the other coin, and options if asked for."""
    names = [*NAMES, *options]
    n, m = len(NAMES), len(options)
    march = "2026-03-27T08:00:00Z"
    return Market.of(
        time="2026-02-15T08:00:00Z",
        instruments={
            "instrument": names,
            "kind": ["perpetual", "future", "perpetual", "perpetual", "future", "perpetual", "perpetual", *["option"] * m],
            "contract": [*["inverse"] * 3, *["linear"] * 4, *["inverse"] * m],
            "base": ["BTC", "BTC", "ETH", "BTC", "BTC", "ETH", "ETH", *["BTC"] * m],
            "quote": ["USD", "USD", "USD", "USDC", "USDC", "USDC", "BTC", *["USD"] * m],
            "settlement": ["BTC", "BTC", "ETH", "USDC", "USDC", "USDC", "BTC", *["BTC"] * m],
            "contract_size": [10.0, 10.0, 1.0, 0.001, 0.001, 0.01, 1.0, *[1.0] * m],
            "expiry": [None, march, None, None, march, None, None, *[march] * m],
            "strike": [*[None] * n, *[70000.0] * m],
            "option_type": [*[None] * n, *["call"] * m],
        },
        quotes={
            "instrument": names,
            "mark": [70020.0, 70400.0, 1963.0, 70030.0, 70410.0, 1964.0, 0.02804, *[0.07] * m],
            "forward": [*[None] * n, *[70400.0] * m],
            "vol": [*[None] * n, *[0.5] * m],
        },
        indices={
            "index": ["BTC_USD", "ETH_USD", "BTC_USDC", "ETH_USDC", "ETH_BTC"],
            "price": [70000.0, 1960.0, 70010.0, 1961.0, 0.028],
        },
        currencies={"currency": ["BTC", "ETH", "USDC", "SOL"], "usd": [7e4, 1960.0, 1.0, 150.0]},
    )  # fmt: skip


def tables(kind, *, value):
    """Rate tables in coin or in value whose bounds the generated accounts are near to."""
    bounds = (0.0, 1e5, 5e5, 2e6) if value else (0.0, 2.0, 8.0, 30.0)
    rates = (0.005, 0.01, 0.025, 0.1)
    return {
        "flat": RateTable.flat(0.02),
        "whole": RateTable.whole(bounds, rates),
        "incremental": RateTable.incremental(bounds, rates),
        "scaled": RateTable.size_scaled(0.01, 5e-8 if value else 0.002),
        "falling": RateTable.whole(bounds, rates[::-1]),
    }[kind]


def regime(pool, kind, *, value=False, price="mark", discounted=True):
    """A standard regime of one kind of pool and of tables."""
    table = tables(kind, value=value)
    collateral = Collateral(
        haircut=ByName("haircut", {"BTC": 0.1, "ETH": 0.2, "USDC": 0.05, "SOL": 0.4}),
        tiers={"BTC": DiscountTiers((0.0, 1.0, 5.0), (0.95, 0.8, 0.3))},
    )
    return Regime(
        name=f"{pool} {kind}",
        pool={"cross": CrossPool(), "segregated": SegregatedPool(), "isolated": IsolatedPool()}[pool],
        model=StandardModel(
            futures=FuturesMargin(
                initial=lambda _: table, maintenance=lambda _: table, price=price, tiers_in="value" if value else "coin"
            ),
            options=OPTION_RULE,
            orders=IgnoredOrders(),
        ),
        collateral=collateral if discounted else Collateral(),
    )


def book(n, rng, market, *, instruments=NAMES, free="SOL"):
    """Accounts with one to four positions and enough collateral to be near their limits, or beyond."""
    account, instrument, quantity, entry, assigned, balances = [], [], [], [], [], []
    for i in range(n):
        chosen = rng.choice(instruments, size=rng.integers(1, min(4, len(instruments)) + 1), replace=False)
        for name in chosen:
            row = NAMES.index(name)
            value = 10 ** rng.uniform(4.5, 6.3)  # USD
            usd = market.usd[market.settlement[row]]
            size = value / market.contract_size[row] / (1.0 if market.inverse[row] else usd * market.mark[row])
            account.append(i)
            instrument.append(name)
            quantity.append(rng.choice((-1, 1)) * round(size))
            entry.append(market.mark[row] * rng.uniform(0.97, 1.03))
            assigned.append(value * rng.uniform(0.02, 0.6) / usd)
            settled = market.currencies[market.settlement[row]]
            balances.append((i, settled, value * rng.uniform(-0.05, 0.6) / market.usd[market.currencies.index(settled)]))
        balances.append((i, free, rng.uniform(0, 300)))
    who, currency, amount = zip(*balances, strict=True)
    return Book.of(
        positions={"account": account, "instrument": instrument, "quantity": np.array(quantity, dtype=np.float64),
                   "entry_price": np.array(entry), "isolated_collateral": np.array(assigned)},
        balances={"account": who, "currency": currency, "amount": np.array(amount)},
    )  # fmt: skip
