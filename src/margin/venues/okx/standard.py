"""Standard margin: position tiers, options, debts; the discount of collateral; the ladders that announcements describe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import ROUND_DOWN, Decimal
from itertools import takewhile
from typing import NamedTuple, NoReturn

from margin.by_name import ByName
from margin.errors import DataError, ParameterError
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
    if f"{section}.{step}" in p and p.number(f"{section}.{step}") != 0:
        last = Tier(0.0, maximum[-1], mmr[-1], imr[-1])
        size, rate = p.number(f"{section}.{step}"), p.number(f"{section}.step_rate")
        if size <= 0 or rate <= 0:
            message = f"{section}: {step} {size} and step_rate {rate} must be above zero; {step} is 0 where no tiers follow"
            raise ParameterError(message, name=f"{section}.{step}", scope=str(p.as_of))
        more = tuple(takewhile(lambda tier: tier.imr <= 1, tier_ladder(last, size=size, mmr=rate, imr=rate)))
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


def tier_ladder(last: Tier, *, size: float, mmr: float, imr: float) -> Iterator[Tier]:
    """Position tiers beyond the last one printed, by their increments, without end.

    Each begins one contract above the one before. Decimal arithmetic, so that rates come out as printed.

    Parameters
    ----------
    last : Tier
    size : float
        Contracts that each tier adds.
    mmr, imr : float
        What each tier adds to the rates.
    """
    most, low, high, size_step, low_step, high_step = (
        Decimal(str(x)) for x in (last.most, last.mmr, last.imr, size, mmr, imr)
    )
    while True:
        least = most + 1
        most, low, high = most + size_step, low + low_step, high + high_step
        yield Tier(float(least), float(most), float(low), float(high))


def discount_ladder(last: DiscountTier, *, size: float, rate: float) -> Iterator[DiscountTier]:
    """Discount tiers beyond the last one printed, by their steps, without end; the rate stays at zero once it is there.

    Parameters
    ----------
    last : DiscountTier
    size : float
        What each tier adds to the bound.
    rate : float
        What each tier adds to the rate, usually below zero.
    """
    most, kept, size_step, rate_step = (Decimal(str(x)) for x in (last.most, last.rate, size, rate))
    while True:
        most, kept = most + size_step, max(kept + rate_step, Decimal(0))
        yield DiscountTier(float(most), float(kept))


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
