"""Standard margin: position tiers, options, debts; the discount of collateral; the ladders that announcements describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple, NoReturn

from margin.by_name import ByName
from margin.errors import DataError
from margin.market import FUTURE, OPTION, PERPETUAL, Market
from margin.models.collateral_lines import BorrowCharge
from margin.models.orders import OptionFee
from margin.models.tiered import TieredModel
from margin.models.tiered_options import FactoredOptions
from margin.models.tiers import PositionTiers
from margin.params import Parameters
from margin.pools import DiscountTiers
from margin.rates import RateTable

SECTIONS = {PERPETUAL: "swap", FUTURE: "futures", OPTION: "option"}
WHOLE = Decimal(1)


class Tier(NamedTuple):
    """One tier of a ladder: lower and upper bound, maintenance and initial rate."""

    least: float
    most: float
    mmr: float
    imr: float

    @property
    def max_leverage(self) -> float:
        """Largest leverage, cut to two decimals."""
        return float((WHOLE / Decimal(str(self.imr))).quantize(Decimal("0.01"), rounding=ROUND_DOWN))


class DiscountTier(NamedTuple):
    """One tier of a discount ladder: upper bound in units of the currency, rate."""

    most: float
    rate: float


def model(p: Parameters, *, cross_currency: bool, order_fee: bool) -> TieredModel:
    """Standard margin of derivatives.

    Parameters
    ----------
    p : Parameters
    cross_currency : bool
        Whether a pool holds all currencies: then debts are margined, and orders count in the maintenance margin.
    order_fee : bool
        Whether the fee is part of the formulas of option orders, as before 2026.
    """
    return TieredModel(
        family=family,
        tiers=lambda name: position_tiers(p, name),
        options=options(p, order_fee=order_fee),
        orders_in_maintenance=cross_currency,
        borrow=borrow(p) if cross_currency else None,
    )


def spot_model(p: Parameters, *, borrowing: bool) -> TieredModel:
    """Margin of debts alone; derivatives are refused."""
    return TieredModel(family, _refused, options(p, order_fee=False), borrow=borrow(p) if borrowing else None)


def options(p: Parameters, *, order_fee: bool) -> FactoredOptions:
    """Short options; parameters are asked for where options are held."""

    def number(name: str) -> ByName:
        return ByName(name, lambda coin: p.number(f"option.{name}"))

    return FactoredOptions(
        base=number("base"),
        minimum=number("minimum"),
        maintenance=ByName("maintenance", lambda coin: p.number(f"option.coin.{coin}.maintenance")),
        least_order=number("least_order"),
        fee=(lambda: OptionFee(p.number("fees.option_taker"), p.number("fees.option_cap"))) if order_fee else None,
    )


def borrow(p: Parameters) -> BorrowCharge:
    """Margin of debts, on the whole debt, bounds in units of the currency."""

    def tables(rate: str) -> Callable[[str], RateTable]:
        return lambda currency: RateTable.whole(p.numbers(f"borrow.{currency}.bounds"), p.numbers(f"borrow.{currency}.{rate}"))

    return BorrowCharge("borrow", tables("imr"), tables("mmr"))


def family(market: Market, row: int) -> str:
    """Family of an instrument: ``swap.BTC-USDT``; ``futures.BTC-USD``, all expiries; ``option.`` or ``option_linear.BTC-USD``."""
    kind = int(market.kind[row])
    linear_option = kind == OPTION and not market.inverse[row]
    section = SECTIONS[kind] + ("_linear" if linear_option else "")
    return f"{section}.{market.currencies[market.base[row]]}-{market.currencies[market.quote[row]]}"


def position_tiers(p: Parameters, name: str) -> PositionTiers:
    """Tiers of a family, with the further ones that its steps give."""
    section = f"tiers.{name}"
    maximum = p.numbers(f"{section}.max")
    if name.startswith("option"):
        factor = p.numbers(f"{section}.factor")
        return PositionTiers(maximum, factor, factor)
    return _stepped(p, section, maximum, "step_size")


def pair_tiers(p: Parameters, pair: str, *, borrowed: str) -> PositionTiers:
    """Tiers of the debt of a borrowed position in a pair.

    Parameters
    ----------
    p : Parameters
    pair : str
        ``BTC-USDT``.
    borrowed : {"base", "quote"}
        Which currency is owed; sizes are in it.
    """
    section = f"tiers.margin.{pair}"
    return _stepped(p, section, p.numbers(f"{section}.max_{borrowed}"), f"step_{borrowed}")


def _stepped(p: Parameters, section: str, maximum: tuple[float, ...], step: str) -> PositionTiers:
    mmr, imr = p.numbers(f"{section}.mmr"), p.numbers(f"{section}.imr")
    if f"{section}.{step}" in p:
        last = Tier(0.0, maximum[-1], mmr[-1], imr[-1])
        rate = p.number(f"{section}.step_rate")
        more = further_tiers(last, size=p.number(f"{section}.{step}"), mmr=rate, imr=rate)
        maximum, mmr, imr = (
            (*given, *(getattr(tier, name) for tier in more)) for given, name in ((maximum, "most"), (mmr, "mmr"), (imr, "imr"))
        )
    return PositionTiers(maximum, mmr, imr)


def discounts(p: Parameters) -> dict[str, DiscountTiers]:
    """Discount tiers of every currency that has parameters."""
    return {currency: _discount(p, f"discount.{currency}") for currency in p.names("discount")}


def undiscounted(p: Parameters) -> ByName:
    """What is asked for a currency without tiers: an error that names them."""

    def missing(currency: str) -> float:
        p.numbers(f"discount.{currency}.max")
        return 0.0

    return ByName("discount", missing)


def _discount(p: Parameters, section: str) -> DiscountTiers:
    maximum, rate = p.numbers(f"{section}.max"), p.numbers(f"{section}.rate")
    if f"{section}.least" in p:
        return DiscountTiers((0.0, *maximum), (*rate, p.number(f"{section}.least")))
    return DiscountTiers((0.0, *maximum[:-1]), rate, maximum[-1] if maximum else 0.0)


def further_tiers(last: Tier, *, size: float, mmr: float, imr: float) -> tuple[Tier, ...]:
    """Position tiers beyond the last one printed, by their increments, until no leverage is left.

    Each begins one contract above the one before. Decimal arithmetic, so that rates come out as printed.

    Parameters
    ----------
    last : Tier
    size : float
        Contracts that each tier adds.
    mmr, imr : float
        What each tier adds to the rates.

    Raises
    ------
    ValueError
        If the initial rate does not rise, or the sizes do not.
    """
    if imr <= 0 or size <= 0:
        raise ValueError(f"tiers must rise: size {size}, initial rate {imr}")
    most, low, high = (Decimal(str(x)) for x in (last.most, last.mmr, last.imr))
    steps = [Decimal(str(x)) for x in (size, mmr, imr)]
    tiers = []
    while high < 1:
        least = most + 1
        most, low, high = most + steps[0], low + steps[1], min(high + steps[2], WHOLE)
        tiers.append(Tier(float(least), float(most), float(low), float(high)))
    return tuple(tiers)


def further_discounts(last: DiscountTier, *, size: float, rate: float) -> tuple[DiscountTier, ...]:
    """Discount tiers beyond the last one printed, by their steps, as long as the rate is above zero.

    Parameters
    ----------
    last : DiscountTier
    size : float
        What each tier adds to the bound.
    rate : float
        What each tier adds to the rate, below zero.

    Raises
    ------
    ValueError
        If the rate does not fall, or the bounds do not rise.
    """
    if rate >= 0 or size <= 0:
        raise ValueError(f"discount tiers must rise and their rates fall: size {size}, rate {rate}")
    most, kept, steps = Decimal(str(last.most)), Decimal(str(last.rate)), (Decimal(str(size)), Decimal(str(rate)))
    tiers = []
    while kept > 0:
        most, kept = most + steps[0], max(kept + steps[1], Decimal(0))
        tiers.append(DiscountTier(float(most), float(kept)))
    return tuple(tiers)


def penalty_rates(rates: Sequence[float]) -> tuple[float, ...]:
    """What collateral sold in a liquidation bears in each tier: what its discount rate leaves."""
    return tuple(1.0 - rate for rate in rates)


def _refused(name: str) -> NoReturn:
    raise DataError(
        f"spot mode holds no derivatives, and {name} is held or ordered",
        table="positions",
        column="instrument",
        hint="Choose the mode futures, multi_currency or portfolio.",
    )
