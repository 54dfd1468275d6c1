"""Currency by currency: equity, what of it counts as collateral, and what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from margin.pools.cross import CrossPool, counted_equity
from margin.pools.partly_isolated import PartlyIsolated, isolated_positions

if TYPE_CHECKING:
    from margin.book import Book
    from margin.market import Market
    from margin.regime import Regime


def currency_figures(regime: Regime, book: Book, market: Market) -> dict[str, Any]:
    """Figures of each (account, currency) that holds something, what isolated positions hold left out.

    Returns
    -------
    dict of str to array, shape (n_rows,)
        ``account``, ``currency``; ``equity`` in units of the currency: balance, unrealised P&L of shared positions and what
        counts of their options; ``discounted_equity`` in USD, after the incremental tiers, debts in full (``disEq``);
        ``liability`` in units, the negative part of the equity.

    Raises
    ------
    ValueError
        If the regime does not count all currencies in one pool.
    """
    pool = regime.pool.shared if isinstance(regime.pool, PartlyIsolated) else regime.pool
    if not isinstance(pool, CrossPool):
        raise ValueError(f"{regime.name} does not discount: its pools hold one currency each")
    encoded = regime.encode(book, market)
    n = len(book.accounts)
    everything = encoded.holdings(0, n)
    alone = isolated_positions(everything)
    holdings = everything.only(~alone, np.ones(len(everything.order_row), dtype=np.bool_))
    equity = counted_equity(holdings, regime.collateral)
    names = [encoded.market.currencies[c] for c in holdings.currencies]
    counted = holdings.as_collateral(equity, np.arange(n, dtype=np.int32))
    kept = regime.collateral.discounted(counted, names, encoded.market.usd[holdings.currencies])
    discounted = kept * np.where(kept == 0, 0.0, pool.prices(holdings, encoded.market, regime.collateral))
    account, column = np.nonzero(holdings.uses_currency(encoded.market) | (equity != 0))
    cell = account, column
    return {
        "account": [book.accounts[int(a)] for a in account],
        "currency": [names[c] for c in column],
        "equity": equity[cell],
        "discounted_equity": discounted[cell],
        "liability": np.maximum(-equity[cell], 0.0),
    }


def available_equity(equity: float, *, frozen: float) -> float:
    """Equity of a currency less what orders, bots and isolated positions bind, never below zero."""
    return max(0.0, equity - frozen)
