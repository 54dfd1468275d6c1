"""Liquidation prices as the venue states them, of positions in pools with others and of isolated ones.

The price of one coin at which a pool's account value meets its maintenance margin (or a share of it), the tier at that price
included, all other marks unchanged; nan where there is no such price. With floored margins the sums that the venue has are met.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from margin.liquidation.excess import joined, own_currency
from margin.liquidation.excess import maintenance as maintenance_terms
from margin.liquidation.moves import of_instruments
from margin.liquidation.prices import nearest_changes
from margin.models.standard import PreparedStandard

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.params import Parameters
    from margin.venues.hyperliquid.figures import PoolFigures, PositionFigures

Array = NDArray[np.float64]


def liquidation_prices(assessment: Assessment, p: Parameters, held: PositionFigures, figures: PoolFigures) -> Array:
    """Price of each position at which its pool is liquidated, shape (n,).

    In portfolio margin the price at which the maintenance margin is met, as the venue states it, and not the one at which the
    ratio is.

    Parameters
    ----------
    assessment : Assessment
    p : Parameters
    held, figures
        Of the assessment, floored or not.
    """
    frozen = p.text("liquidation.price") == "frozen"
    return stated(prices_at(assessment, held, figures.account_value, figures.maintenance, frozen=frozen), p)


def backstop_prices(assessment: Assessment, p: Parameters, held: PositionFigures, figures: PoolFigures) -> Array:
    """Price of each position at which the backstop takes over: where a share of the maintenance margin is met."""
    share = p.number("liquidation.backstop_share")
    return stated(prices_at(assessment, held, figures.account_value, figures.maintenance, share=share), p)


def stated(prices: Array, p: Parameters) -> Array:
    """Prices as the venue states them: none beyond all bounds."""
    return np.where(prices <= p.number("liquidation.largest_price"), prices, np.nan)


def prices_at(
    assessment: Assessment,
    held: PositionFigures,
    account_value: Array,
    maintenance: Array,
    *,
    share: float = 1.0,
    frozen: bool = False,
) -> Array:
    """Price of each position at which ``account value = share * maintenance`` holds in its pool.

    Parameters
    ----------
    assessment : Assessment
    held : PositionFigures
    account_value, maintenance : ndarray of float64, shape (n_rows,)
        Of the pools now; these may be known from elsewhere.
    share : float
    frozen : bool
        The maintenance margin stays as it is (rules of 2023).
    """
    prices = np.full(len(held), np.nan)
    regime, encoded = assessment.regime, assessment.encoded
    account = assessment.results.account[held.row]
    own = {code for code in np.unique(account) if str(encoded.book.accounts[code]) in regime.overrides}
    groups = [(np.flatnonzero(~np.isin(account, list(own))), regime)]
    groups += [(np.flatnonzero(account == code), regime.of(encoded.book.accounts[code])) for code in own]
    for which, rules in groups:
        if not len(which):
            continue
        prepared = replace(rules, overrides={}).prepare(encoded)
        assert isinstance(prepared, PreparedStandard)
        moves = of_instruments(held.lines.take(which), assessment.market, index_follows=False)
        parts = [own_currency(assessment.market, moves)]
        if not frozen:
            terms, tables = maintenance_terms(prepared, moves)
            parts.append((replace(terms, worth=share * terms.worth), tables))
        row = held.row[which]
        excess = account_value[row] - share * maintenance[row]
        liquidation = excess < 0
        below, above = nearest_changes(excess, liquidation, *joined(parts))
        # The excess of a long position rises with the price, so there is one price, on one side.
        down = (held.size[which] > 0) != liquidation
        prices[which] = np.where(down, below, above) * held.mark[which]
    return prices
