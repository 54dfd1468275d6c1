"""Spot margin: Cross Margin Classic and Pro, Isolated Margin. What is borrowed stands in the column ``loan`` of the balances."""

from __future__ import annotations

import itertools
from typing import NoReturn

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.futures import FuturesMargin
from margin.models.loans import LoanMargin, WithLoans
from margin.models.options import PerPosition
from margin.models.orders import RefusedOrders
from margin.models.standard import StandardModel
from margin.params import Parameters
from margin.pools import Collateral, DiscountTiers
from margin.rates import RateTable
from margin.venues.binance.futures import no_options


def margin_leverage(p: Parameters) -> str:
    """The leverage of the account's margin wallet, as sections name it."""
    return f"{p.number('margin.leverage'):g}x"


def classic_model(p: Parameters) -> WithLoans:
    """Cross Margin Classic: margins such that the thresholds of its levels are those of the pool.

    Assets less liabilities reach ``(level - 1) * liabilities`` where assets over liabilities reach the level.
    """

    def above(level: str) -> RateTable:
        return RateTable.flat(p.number(f"cross_margin.classic.{margin_leverage(p)}.{level}") - 1)

    return _wallet(p, LoanMargin(initial=lambda coin: above("borrow"), maintenance=lambda coin: above("liquidation")))


def classic_collateral(p: Parameters) -> Collateral:
    """Assets in full against liquidation, at their collateral ratios against borrowing; assets are not netted with loans."""
    return Collateral(initial_haircut=_ratio(p), initial_tiers=asset_tiers(p), tiers_in="value", apart=("loans",))


def pro_model(p: Parameters) -> WithLoans:
    """Cross Margin Pro: progressive tiers over the value of each coin's liability."""
    return _wallet(p, LoanMargin(lambda coin: loan_table(p, coin, "imr"), lambda coin: loan_table(p, coin, "mmr")))


def loan_table(p: Parameters, coin: str, rate: str) -> RateTable:
    """Tiers of a liability: the rate ("imr", "mmr") of each tier applies to the part inside it."""
    section = f"cross_margin.pro.loan.{coin}"
    return RateTable.incremental(p.numbers(f"{section}.floor"), p.numbers(f"{section}.{rate}"))


def pro_collateral(p: Parameters) -> Collateral:
    """Assets at the liquidation ratio against liquidation, at their collateral ratios against borrowing."""
    name = "cross_margin.pro.liquidation_collateral_ratio"
    return Collateral(
        haircut=ByName("haircut", lambda asset: 1 - p.number(name)),
        initial_haircut=_ratio(p),
        initial_tiers=asset_tiers(p),
        tiers_in="value",
        apart=("loans",),
    )


def isolated_model(p: Parameters) -> WithLoans:
    """Isolated Margin: one account for each pair; its risk ratios are assets over liabilities."""

    def above(ratio: str) -> RateTable:
        return RateTable.flat(p.number(f"isolated_margin.{margin_leverage(p)}.{ratio}") - 1)

    return _wallet(p, LoanMargin(lambda coin: above("initial_ratio"), lambda coin: above("liquidation_ratio")))


def isolated_collateral() -> Collateral:
    """Assets and liabilities in full."""
    return Collateral(apart=("loans",))


def asset_tiers(p: Parameters, section: str = "cross_margin", table: str = "tier") -> dict[str, DiscountTiers]:
    """Tiers of every asset that has a table or tiers of its own; over USD value."""

    def tiers(asset: str) -> DiscountTiers:
        own = f"{section}.asset.{asset}"
        ranked = f"{own}.{table}" in p and f"{own}.floor" not in p
        name = f"{section}.{table}.{p.number(f'{own}.{table}'):g}" if ranked else own
        return DiscountTiers(p.numbers(f"{name}.floor"), p.numbers(f"{name}.ratio"))

    return {asset: tiers(asset) for asset in p.names(f"{section}.asset")}


def max_borrow(table: RateTable, *, owed: float, available: float, cap: float | None = None) -> float:
    """How much more of a coin may be borrowed, in quote currency: initial margin tier by tier until `available` is used up.

    Parameters
    ----------
    table : RateTable
        Initial margin of the liability, see `loan_table`.
    owed : float
        Value of what is owed already, quote currency.
    available : float
        Net collateral less initial margin, quote currency; nothing may be borrowed where it is not above zero.
    cap : float, optional
        Upper bound of the last tier: no more may be owed.
    """
    most = float("inf") if cap is None else cap
    left, value = max(available, 0.0), owed
    bounds = itertools.pairwise((*table.floor, most))
    for (low, high), rate in zip(bounds, table.rate, strict=True):
        if value >= high or value < low or left == 0:
            continue
        step = min(left / rate, high - value) if rate > 0 else high - value
        value, left = value + step, left - rate * step
    return value - owed


def tier_of(table: RateTable, amount: float) -> int:
    """Position of the tier that an amount reaches; a bound belongs to the tier below it."""
    return max(sum(floor < amount for floor in table.floor) - 1, 0)


def _ratio(p: Parameters) -> ByName:
    """Asked for assets without tiers, so that the one without any ratio is refused by name."""
    return ByName("haircut", lambda asset: 1 - p.number(f"cross_margin.asset.{asset}.ratio"))


def _wallet(p: Parameters, loans: LoanMargin) -> WithLoans:
    """A wallet of spot assets and loans; contracts stand in other wallets."""

    def refuse(symbol: str) -> NoReturn:
        message = f"{symbol} is a contract, and a margin wallet holds none. Choose a mode for futures or Portfolio Margin."
        raise ParameterError(message, name="mode", scope=p.as_of.isoformat())

    model = StandardModel(
        futures=FuturesMargin(refuse, refuse, price="mark", by="instrument"),
        options=PerPosition(inverse=no_options(p), linear=no_options(p)),
        orders=RefusedOrders("Leave orders out: spot orders change the margin wallet when they fill."),
    )
    return WithLoans(model, loans)
