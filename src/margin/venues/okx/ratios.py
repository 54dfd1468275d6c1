"""Margin ratios and order checks of the standard modes, pool by pool: isolated positions, currencies, accounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin.contracts import value_per_contract
from margin.lines import Lines, OrderLines, pool_sums
from margin.market import SPOT
from margin.models.split import PreparedSplit
from margin.models.tiered import PreparedTiered

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.book import Book
    from margin.market import Market
    from margin.params import Parameters
    from margin.regime import Regime

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakerFees:
    """Taker fees of an account's fee tier, fractions.

    Attributes
    ----------
    futures, spot : float
    option : float
        Of the underlying.
    option_cap : float
        Most of an option's fee, a fraction of its mark.
    """

    futures: float
    spot: float
    option: float
    option_cap: float

    @classmethod
    def of(cls, p: Parameters) -> TakerFees:
        """Fees of the regular tier, as far as parameters give them."""
        return cls(**{
            name: p.number(f"fees.{key}")
            for name, key in (
                ("futures", "futures_taker"), ("spot", "spot_taker"), ("option", "option_taker"), ("option_cap", "option_cap")
            )
        })  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MarginRatios:
    """One entry for each pool, in the order of the assessment; amounts in the pool's currency.

    Attributes
    ----------
    assessment : Assessment
    collateral : ndarray of float64
        What stands against the maintenance margin: net of premium to pay and of fees of open orders; ``adjEq`` where a pool holds
        all currencies.
    liquidation_fee : ndarray of float64
    ratio : ndarray of float64
        Collateral over maintenance margin and liquidation fee; liquidation at 1 or below. Infinite where nothing is required.
    """

    assessment: Assessment
    collateral: Array
    liquidation_fee: Array
    ratio: Array

    def columns(self) -> dict[str, Any]:
        """As columns beside account and pool."""
        found = self.assessment.columns()
        return {
            **{name: found[name] for name in ("account", "pool", "currency", "initial_margin", "maintenance_margin")},
            "adjusted_collateral": self.collateral,
            "liquidation_fee": self.liquidation_fee,
            "margin_ratio": self.ratio,
        }


def margin_ratios(regime: Regime, book: Book, market: Market, fees: TakerFees) -> MarginRatios:
    """Margin ratio of every pool of a book under a standard mode, isolated positions of portfolio margin among them.

    The fee of closing counts in the denominator: futures by value, options by size but never above a part of the mark, debts by
    what must be bought. Under portfolio margin derivatives of the shared pool bear none.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    fees : TakerFees

    Raises
    ------
    ValueError
        If accounts have rules of their own; ask for them one by one with `Regime.of`.
    """
    if regime.overrides:
        raise ValueError("the regime has rules of single accounts; ask for each account with regime.of(account)")
    n = max(len(book.accounts), 1)
    assessment = regime.assess(book, market, block=n)
    prepared = assessment.prepared
    _, partition, lines, orders = regime.group(assessment.encoded, prepared, 0, len(book.accounts))
    market, r = assessment.market, assessment.results
    in_usd = regime.pool.in_usd
    to_pool = market.usd[market.settlement] if in_usd else np.ones(len(market))
    closing = _Closing(market, to_pool, fees)
    own = lines.isolated
    shared = np.ones(len(partition), dtype=np.bool_) if own is None else ~own
    bears = ~shared | (not isinstance(prepared, PreparedSplit))
    fee = np.where(bears, closing.positions(lines), 0.0)
    if isinstance(prepared, PreparedTiered | PreparedSplit):
        fee = fee + _debts(prepared, lines, fees)
    collateral = r.maintenance_collateral - closing.orders(orders, len(partition))
    if "order_premium" in r.components:
        collateral = collateral - r.components["order_premium"]
    required = r.maintenance + fee
    ratio = np.divide(collateral, required, out=np.full(len(fee), np.inf), where=required > 0)
    return MarginRatios(assessment, collateral, fee, ratio)


def _debts(prepared: Any, lines: Lines, fees: TakerFees) -> Array:
    """Fee of buying back what is owed, with its maintenance margin, in the pool's currency."""
    model = prepared.model if isinstance(prepared, PreparedTiered) else prepared.shared
    borrow, market = model.borrow, prepared.market if isinstance(prepared, PreparedTiered) else prepared.shared.market
    if borrow is None:
        return np.zeros(lines.n_pools)
    owed = np.flatnonzero((lines.row >= len(market)) & (lines.quantity < 0))
    debt = -lines.quantity[owed] * market.usd[lines.row[owed] - len(market)]
    return fees.spot * (pool_sums(lines.pool[owed], debt, lines.n_pools) + borrow.margin(lines, market).maintenance)


@dataclass(frozen=True, slots=True, eq=False)
class _Closing:
    """Fees of closing positions and of open orders, in the pool's currency."""

    market: Market
    to_pool: Array
    fees: TakerFees

    def per_contract(self, price: Array, row: NDArray[np.int32]) -> Array:
        """Fee of one contract of an option at a price per coin, settlement currency."""
        market = self.market
        underlying = np.where(market.inverse, 1.0, market.index_price)[row]
        return market.contract_size[row] * np.minimum(self.fees.option * underlying, self.fees.option_cap * price)

    def positions(self, lines: Lines) -> Array:
        """Of all positions of each pool."""
        market = self.market
        held = np.flatnonzero(lines.row < len(market))
        row = lines.row[held]
        option = market.option_sign[row] != 0
        fee = np.where(option, self.per_contract(market.mark[row], row), self.fees.futures * value_per_contract(market)[row])
        return pool_sums(lines.pool[held], np.abs(lines.quantity[held]) * fee * self.to_pool[row], lines.n_pools)

    def orders(self, orders: OrderLines, n_pools: int) -> Array:
        """Of all open orders of each pool, at their prices."""
        market, row = self.market, orders.row
        contracts, cost = orders.buy + orders.sell, orders.buy_cost + orders.sell_cost
        average = np.divide(cost, contracts, out=np.zeros(len(orders)), where=contracts > 0)
        option = market.option_sign[row] != 0
        inverse = market.inverse[row] & ~option
        value = market.contract_size[row] * np.where(inverse, orders.buy_inverse + orders.sell_inverse, cost)
        rate = np.where(market.kind[row] == SPOT, self.fees.spot, self.fees.futures)
        fee = np.where(option, contracts * self.per_contract(average, row), rate * value)
        return pool_sums(orders.pool, fee * self.to_pool[row], n_pools)
