"""Portfolio Margin Pro SPAN: the published combination, over a scenario model whose every number is the user's.

Published: the maintenance margin is the sum over one risk unit per underlying, plus margin loans, plus the rest. Not published:
moves of prices and volatilities, repricing, contingencies, what nets. Nothing of that is shipped; every ``span.*`` parameter is
asked for by name.
"""

from __future__ import annotations

from margin.by_name import ByName
from margin.models.loans import WithLoans
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import PriceVolGrid, ScenarioSet
from margin.models.shocks import RelativeVolShock
from margin.params import Parameters
from margin.venues.binance.portfolio_margin import with_margin_loans


def span_model(p: Parameters) -> WithLoans:
    """Worst loss of each underlying over a grid of price and volatility moves; margin loans beside it.

    Parameters of the user: ``span.steps``, ``span.vol`` (of "up", "same", "down"), ``span.short_power``, ``span.long_power``,
    ``span.reference_days``, ``span.least_days``, ``span.spot_nets``, and for each coin ``span.coin.<coin>.price_range``,
    ``.vol_up``, ``.vol_down``, ``.least_vol_up``.
    """

    def of_coin(name: str) -> ByName:
        return ByName(name, lambda coin: p.number(f"span.coin.{coin}.{name}"))

    spot_nets = p.flag("span.spot_nets")
    coins = frozenset(p.names("span.coin"))
    model = PortfolioModel(
        scenarios=ScenarioSet(
            grid=PriceVolGrid(
                price_range=of_coin("price_range"), steps=int(p.number("span.steps")), vol=p.texts("span.vol")
            )
        ),
        vol_shock=RelativeVolShock(
            range_up=of_coin("vol_up"),
            range_down=of_coin("vol_down"),
            minimum_up=of_coin("least_vol_up"),
            short_power=ByName("short_power", p.number("span.short_power")),
            long_power=ByName("long_power", p.number("span.long_power")),
            reference_days=p.number("span.reference_days"),
            least_days=p.number("span.least_days"),
        ),
        collateral_unit=lambda asset: asset if spot_nets and asset in coins else None,
    )
    return with_margin_loans(p, model)
