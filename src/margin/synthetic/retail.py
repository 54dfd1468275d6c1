"""The usual retail book: a few linear perpetuals an account, one cash balance, a chosen leverage, no orders."""

from __future__ import annotations

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from margin.synthetic.book import BLOCK, COLLATERAL, Holdings
from margin.synthetic.market import COINS, QUOTE, Listing

Array = NDArray[np.float64]

COUNTS = (0.38, 0.27, 0.17, 0.11, 0.07)
"""How often an account holds 1, 2, ... positions."""

NOTIONAL, NOTIONAL_SIGMA = 1_500.0, 1.4
"""Median notional of a position in USD, and the sigma of its lognormal distribution."""

LEVERAGES = (3.0, 5.0, 10.0, 20.0, 40.0)
CHOSEN = (0.25, 0.30, 0.25, 0.15, 0.05)
"""How often an account aims at a leverage; a coin may allow less."""

CUSHION, CUSHION_SIGMA = 1.9, 0.65
"""Median of equity over initial margin, and the sigma of its lognormal distribution."""

LARGE_LEVERAGE = {"BTC": 40.0, "ETH": 25.0, "SOL": 20.0, "XRP": 20.0}
SMALL_LEVERAGE = 10.0
"""Highest leverage by coin, and of all others."""

# Coins whose margin tables venues' own files give; the overlay must not replace them.
KNOWN_TABLES = frozenset({
    "BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "AVAX", "LINK", "TRX", "SUI", "LTC", "BCH", "DOT", "NEAR", "UNI", "AAVE",
    "HYPE", "PAXG", "TON", "APT", "ARB", "WLD", "ENA", "CRV",
})  # fmt: skip


def perpetuals(listed: Listing) -> Listing:
    """The linear perpetuals of a listing."""
    return listed.take((listed.kind == "perpetual") & ~listed.inverse)


def retail_holdings(listed: Listing, *, accounts: int, seed: int) -> Holdings:
    """Draw the holdings of `accounts` accounts, block by block.

    Parameters
    ----------
    listed : Listing
        Linear perpetuals only.
    accounts : int
    seed : int
    """
    blocks = [
        _block(listed, Generator(PCG64(SeedSequence(seed, spawn_key=(1, number)))), first, min(BLOCK, accounts - first))
        for number, first in enumerate(range(0, accounts, BLOCK))
    ]
    return Holdings.concatenated(blocks)


def retail_overlay() -> str:
    """Margin tables of the synthetic coins, as the text of a parameter file: of those that venues' files do not give."""
    head = '[[layer]]\nas_of = 2020-01-01\nstatus = "illustrative"\nsource = "synthetic retail book"\n'
    others = [coin.name for coin in COINS if coin.name not in KNOWN_TABLES]
    return head + "".join(f"\n[layer.coin.{name}]\nmargin_table = {SMALL_LEVERAGE:.0f}\n" for name in others)


def _block(listed: Listing, rng: Generator, first: int, n: int) -> Holdings:
    count = 1 + rng.choice(len(COUNTS), size=n, p=COUNTS)
    # A race in which the popular coins run faster; the first `count` of each account are held.
    speed = 1.0 / (1.0 + listed.coin.astype(np.float64))
    order = np.argsort(rng.standard_exponential((n, len(listed)), dtype=np.float32) / speed.astype(np.float32), axis=1)
    held = np.arange(len(COUNTS)) < count[:, None]
    account, place = np.nonzero(held)
    row = order[account, place]
    mark = listed.mark[row]
    notional = rng.lognormal(np.log(NOTIONAL), NOTIONAL_SIGMA, len(row))
    lots = np.maximum(np.round(notional / (mark * listed.contract_size[row])), 1.0)
    quantity = np.where(rng.random(len(row)) < 0.6, lots, -lots)
    entry = mark * np.exp(0.03 * rng.standard_normal(len(row)))
    most = np.array([LARGE_LEVERAGE.get(coin.name, SMALL_LEVERAGE) for coin in COINS])[listed.coin[row]]
    leverage = np.minimum(rng.choice(LEVERAGES, size=n, p=CHOSEN)[account], most)
    size = lots * listed.contract_size[row]
    initial = np.bincount(account, weights=size * mark / leverage, minlength=n)
    profit = np.bincount(account, weights=np.sign(quantity) * size * (mark - entry), minlength=n)
    balance: Array = initial * rng.lognormal(np.log(CUSHION), CUSHION_SIGMA, n) - profit
    none, no_number = np.zeros(0, dtype=np.int32), np.zeros(0)
    return Holdings(
        position_account=(account + first).astype(np.int32),
        position_instrument=row.astype(np.int32),
        position_quantity=quantity,
        position_entry=entry,
        order_account=none,
        order_instrument=none,
        order_quantity=no_number,
        order_price=no_number,
        order_mmp=np.zeros(0, dtype=np.bool_),
        balance_account=np.arange(first, first + n, dtype=np.int32),
        balance_currency=np.full(n, list(COLLATERAL).index(QUOTE), dtype=np.int32),
        balance_amount=np.asarray(np.round(np.maximum(balance, 1.0), 2), dtype=np.float64),
        position_leverage=leverage,
    )
