"""Contract arithmetic: what one contract is worth, linear and inverse.

Every array here has one entry per instrument of a market. *Settlement currency* is the quote currency of a linear contract
and the base coin of an inverse one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.market import OPTION, Market

Array = NDArray[np.float64]
Index = NDArray[np.int32]


def is_option(market: Market) -> NDArray[np.bool_]:
    """Which instruments are options, shape (n,)."""
    return np.asarray(market.kind == OPTION)


def coin_per_contract(market: Market) -> Array:
    """Size of one contract in coin, shape (n,).

    Inverse perpetuals and futures are sized in quote currency, so their coin size is taken at the mark.
    """
    return _at_mark(market, otherwise=market.contract_size)


def value_per_contract(market: Market) -> Array:
    """Market value of one contract in settlement currency, shape (n,): coin size for inverse futures, else size times mark."""
    return _at_mark(market, otherwise=market.contract_size * market.mark)


def _at_mark(market: Market, *, otherwise: Array) -> Array:
    """Coin size at the mark of contracts sized in quote currency (inverse, not options); the given values for the others."""
    sized_in_quote = market.inverse & ~is_option(market)
    return np.divide(market.contract_size, market.mark, out=otherwise.copy(), where=sized_in_quote)


def coin_value(market: Market, *, in_usd: bool) -> Array:
    """What one coin of the underlying is worth at the index, shape (n,).

    Parameters
    ----------
    market : Market
    in_usd : bool
        In USD, else in settlement currency (1 for an inverse contract).
    """
    settled = np.where(market.inverse, 1.0, market.index_price)
    return settled * settlement_value(market) if in_usd else settled


def settlement_value(market: Market) -> Array:
    """USD per unit of settlement currency, shape (n,); an inverse contract's coin is valued at the contract's own index."""
    return np.where(market.inverse, market.index_price, market.usd[market.settlement])


def unrealised_pnl(market: Market, row: Index, quantity: Array, entry_price: Array | None) -> Array:
    """Unrealised P&L of futures and perpetuals in settlement currency, one entry per position.

    Linear ``size * (mark - entry)``, inverse ``size_in_quote * (1 / entry - 1 / mark)``. Options carry their whole value in
    `option_value` instead, and positions without an entry price are settled to the mark: both give zero.
    """
    if entry_price is None:
        return np.zeros(len(row))
    options = is_option(market)
    worth = np.divide(1.0, market.mark, out=np.zeros(len(market)), where=~options)  # coin per unit of quote currency
    size = np.where(options, 0.0, market.contract_size)
    return kernels.profits(_codes(row), _numbers(quantity), _numbers(entry_price), size, market.mark, worth, market.inverse)


def entry_value(market: Market, row: Index, quantity: Array, entry_price: Array) -> Array:
    """Value of positions at their entry prices in settlement currency, with the sign of the quantity, one entry per position."""
    size = market.contract_size[row] * quantity
    return np.where((market.inverse & ~is_option(market))[row], size / entry_price, size * entry_price)


def option_worth(market: Market) -> Array:
    """Market value of one contract of each option in settlement currency, zero for others, shape (n,)."""
    return np.where(is_option(market), market.contract_size * market.mark, 0.0)


def option_value(market: Market, row: Index, quantity: Array) -> Array:
    """Market value of option positions in settlement currency, negative when short, one entry per position; zero for others."""
    return kernels.products(_codes(row), _numbers(quantity), option_worth(market))


def _codes(rows: Index) -> Index:
    return np.ascontiguousarray(rows, dtype=np.int32)


def _numbers(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)
