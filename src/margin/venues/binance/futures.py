"""USD-M and COIN-M futures: maintenance by brackets, initial margin by leverage; multi-assets collateral."""

from __future__ import annotations

from typing import NoReturn

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.futures import FuturesMargin
from margin.models.option_corners import ReducedShareMargin
from margin.models.options import PerPosition
from margin.models.order_values import WorseSideValues
from margin.models.standard import StandardModel
from margin.params import Parameters
from margin.pools import Collateral
from margin.rates import RateTable
from margin.venues.binance.brackets import BracketTable


def futures_model(p: Parameters, *, markup: ByName | None = None) -> StandardModel:
    """Each position and each leg on its own: value over leverage, and the maintenance margin of its bracket, at the mark."""
    return StandardModel(
        futures=FuturesMargin(
            initial=lambda symbol: RateTable.flat(0),  # not asked for: the leverage of the position says it
            maintenance=lambda symbol: BracketTable.of(symbol, p).rates,
            price="mark",
            tiers_in="value",
            by="instrument",
            leverage="position",
            markup=markup,
        ),
        options=PerPosition(inverse=no_options(p), linear=no_options(p)),
        orders=WorseSideValues(),
    )


def no_options(p: Parameters) -> ReducedShareMargin:
    """Options stand in wallets of their own."""

    def refuse(unit: str) -> NoReturn:
        coin = unit.partition("_")[0]
        message = f"options of {coin} are not part of this mode. Margin them in the mode 'options'."
        raise ParameterError(message, name=f"option.{coin}", scope=p.as_of.isoformat())

    by_name = ByName("option", refuse)
    return ReducedShareMargin(by_name, by_name, by_name, by_name)


def asset_buffer(p: Parameters, side: str) -> ByName:
    """Buffer of an asset's bid or ask rate in multi-assets mode."""
    return ByName(f"{side}_buffer", lambda asset: p.number(f"multi_assets.{asset}.{side}_buffer"))


def multi_assets_collateral(p: Parameters) -> Collateral:
    """Wallets and profits at the bid rate, debts and losses at the ask rate, each on its own."""
    return Collateral(haircut=asset_buffer(p, "bid"), debt_markup=asset_buffer(p, "ask"), apart=("unrealised",))
