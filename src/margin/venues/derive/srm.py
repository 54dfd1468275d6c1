"""The standard manager SRM: perpetuals by rate, options netted inside each expiry, base assets as haircut collateral."""

from __future__ import annotations

from margin.by_name import ByName
from margin.models.charges import LONG, SHORT
from margin.models.combine import Factors
from margin.models.expiry_netting import ExpiryNetting
from margin.models.futures import FuturesMargin
from margin.models.options import IndexShareMargin
from margin.models.orders import IgnoredOrders, RefusedOrders
from margin.models.size_charges import SizeCharge
from margin.models.size_shares import (
    SummedCharge,
    confidence_share,
    currency_confidence,
    depeg_share,
    forward_confidence,
    index_confidence,
    mark_confidence,
)
from margin.models.standard import StandardModel
from margin.params import Parameters
from margin.pools import Collateral
from margin.rates import RateTable

PERPETUAL_ORACLE, OPTION_ORACLE, COLLATERAL_ORACLE, DEPEG = "perpetual_oracle", "option_oracle", "collateral_oracle", "depeg"


def srm_model(p: Parameters, *, ignore_orders: bool) -> StandardModel:
    """Requirement under SRM; a unit is a market, named by its coin. All charges are in the initial margin only."""

    def of_market(name: str) -> ByName:
        return ByName(name, lambda coin: market_number(p, coin, name))

    cash = p.text("general.cash")
    depeg = {"threshold": p.number("srm.depeg.threshold"), "factor": p.number("srm.depeg.factor")}
    factor = of_market("oracle_factor")

    def base_threshold(currency: str) -> float:
        """Off where the base asset gives no credit."""
        return market_number(p, currency, "base_conf_threshold") if _credit(p, currency, initial=True) else 0.0

    return StandardModel(
        futures=FuturesMargin(
            initial=lambda coin: RateTable.flat(market_number(p, coin, "perp_im_req")),
            maintenance=lambda coin: RateTable.flat(market_number(p, coin, "perp_mm_req")),
            price="mark",
            by="base",
        ),
        options=ExpiryNetting(
            short=IndexShareMargin(
                base=of_market("option_max_spot_req"),
                minimum=of_market("option_min_spot_req"),
                call_maintenance=of_market("mm_call_spot_req"),
                put_maintenance=of_market("mm_put_spot_req"),
                put_value=of_market("mm_put_mtm_req"),
                put_floor=of_market("mm_offset_scale"),
            ),
            unpaired_initial=of_market("unpaired_im_scale"),
            unpaired_maintenance=of_market("unpaired_mm_scale"),
        ),
        orders=IgnoredOrders() if ignore_orders else RefusedOrders('Leave orders out, or choose Options(orders="ignore").'),
        charges=(
            SizeCharge(
                PERPETUAL_ORACLE,
                confidence_share(
                    "futures",
                    feeds=(index_confidence, mark_confidence),
                    threshold=of_market("perp_conf_threshold"),
                    factor=factor,
                ),
            ),
            SizeCharge(
                OPTION_ORACLE,
                confidence_share(
                    "options",
                    feeds=(index_confidence, forward_confidence, mark_confidence),
                    threshold=of_market("option_conf_threshold"),
                    factor=factor,
                ),
                SHORT,
            ),
            SizeCharge(
                COLLATERAL_ORACLE,
                confidence_share(
                    "collateral",
                    feeds=(currency_confidence,),
                    threshold=ByName("base_conf_threshold", base_threshold),
                    factor=factor,
                ),
                LONG,
            ),
            SummedCharge(
                DEPEG,
                (
                    SizeCharge("futures", depeg_share("futures", **depeg)),
                    SizeCharge("options", depeg_share("options", **depeg), SHORT),
                ),
            ),
        ),
        maintenance=Factors(0),
        collateral_unit=lambda currency: None if currency == cash else currency,
    )


def srm_collateral(p: Parameters) -> Collateral:
    """Credit of base assets at their USD price; option value is in the requirement, not in the collateral."""
    cash = p.text("general.cash")

    def haircut(*, initial: bool) -> ByName:
        return ByName("haircut", lambda currency: 0.0 if currency == cash else 1 - _credit(p, currency, initial=initial))

    return Collateral(
        haircut=haircut(initial=False),
        initial_haircut=haircut(initial=True),
        counts_option_value=False,
        priced_in="usd",
    )


def market_number(p: Parameters, coin: str, name: str) -> float:
    """A parameter of a market; where the market has none of its own, that of all markets."""
    own, common = f"srm.market.{coin}.{name}", f"srm.all.{name}"
    return p.number(common if own not in p and common in p else own)


def _credit(p: Parameters, coin: str, *, initial: bool) -> float:
    """Share of a base asset's worth that counts."""
    share = market_number(p, coin, "base_margin_factor")
    return share * market_number(p, coin, "base_im_scale") if initial else share
