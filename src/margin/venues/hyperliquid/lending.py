"""Loans against collateral: what may be borrowed, health factor, liquidation thresholds, and the reserve's interest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from margin.interest import KinkedRate, supply_rate
from margin.params import Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """Collateral of one token: units, price in the debt's token, and the fraction of its worth that may be borrowed."""

    units: float
    price: float
    ltv: float

    @property
    def worth(self) -> float:
        """Units at their price."""
        return self.units * self.price


def borrowable(pledges: Sequence[Pledge], *, cap: float = float("inf")) -> float:
    """What may be borrowed against collateral: the sum of its weighted worth, at most a cap."""
    return min(sum(pledge.worth * pledge.ltv for pledge in pledges), cap)


def health_factor(pledges: Sequence[Pledge], borrowed: float) -> float:
    """Weighted worth over debt, infinite without debt."""
    return borrowable(pledges) / borrowed if borrowed > 0 else float("inf")


def liquidation_debt(pledges: Sequence[Pledge], share: float) -> float:
    """Debt beyond which a loan is liquidated: where it has used up a share of the way from the loan to the whole worth."""
    return sum(pledge.worth * (pledge.ltv + (1.0 - pledge.ltv) * share) for pledge in pledges)


def locked_units(borrowed: float, *, price: float, ltv: float) -> float:
    """Units of one token that a debt locks."""
    return borrowed / (ltv * price)


def oracle_price(*, spot: float, perp_mark: float, perp_oracle: float, spot_oracle_of_usdc: float) -> float:
    """Price in USDC at which collateral is lent against: the median of the spot price and two prices of the perpetual."""
    return median((spot, perp_mark / spot_oracle_of_usdc, perp_oracle / spot_oracle_of_usdc))


def reserve_rate(p: Parameters) -> KinkedRate:
    """Yearly borrow rate of a stablecoin by utilisation."""
    return kinked(base=p.number("interest.base"), slope=p.number("interest.slope"), kink=p.number("interest.kink"))


def kinked(*, base: float, slope: float, kink: float) -> KinkedRate:
    """Flat up to the kink, rising by `slope` beyond it."""
    return KinkedRate(minimum=base, slope=0.0, kink=kink, steep_slope=slope)


def reserve_rates(rate: KinkedRate, utilisation: float, *, retained: float) -> tuple[float, float]:
    """Yearly rates that borrowers pay and suppliers receive."""
    paid = rate.at(utilisation)
    return paid, supply_rate(paid, utilisation, retained=retained)
