"""What OKX does to an account in liquidation: orders, legs, hedge, cuts by tiers, takeover, auto-deleveraging."""

from __future__ import annotations

import os
from collections.abc import Sequence

from margin.by_name import ByName
from margin.liquidation.backstops import CoverDeficit, FundRule, TakeOver, When
from margin.liquidation.collateral_step import SellCollateral
from margin.liquidation.deleveraging import AutoDeleverage, ByGainAndLeverage
from margin.liquidation.hedging import HedgeDelta
from margin.liquidation.procedure import Procedure, Step
from margin.liquidation.state import FUND
from margin.liquidation.steps import CancelOrders, CutByTiers, Fee, Ladder, OffsetLegs
from margin.params import ACCEPTED, Day, Parameters
from margin.venues.okx.rules import MODES
from margin.venues.presets import check_mode, load_parameters


def procedure(
    mode: str, *, as_of: Day, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED
) -> Procedure:
    """Procedure of an account mode on a day.

    The ranking is price gain times leverage; the venue says profit and leverage, not how they are joined.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every account needs has no value;
        tiers are asked for when a position is cut.
    """
    check_mode(mode, MODES)
    p = load_parameters(__package__, as_of=as_of, params=params, accept=accept)
    fee = Fee(
        futures=ByName("taker_fee", p.number("liquidation.taker_fee")),
        options=ByName("option_taker_fee", p.number("liquidation.option_taker_fee")),
        option_cap=p.number("liquidation.option_fee_cap"),
        holder=FUND,
    )
    deleverage = AutoDeleverage(ranking=ByGainAndLeverage(), price="mark")
    steps: list[Step] = [CancelOrders(), OffsetLegs()]
    if mode.startswith("portfolio"):
        steps.append(HedgeDelta(share=p.number("liquidation.hedge_share"), fee=fee))
    steps += [
        CutByTiers(ladder=lambda pair: _ladder(p, pair), down=int(p.number("liquidation.tiers_down")), fee=fee),
        When(rule=fund_rule(p), step=deleverage),
        TakeOver(holder=FUND, covered=True),
        deleverage,
        SellCollateral(penalty=ByName("penalty", lambda currency: p.number(f"liquidation.penalty.{currency}"))),
        CoverDeficit(holder=FUND),
    ]
    return Procedure(name=f"okx {mode}", steps=tuple(steps), provenance={"parameters": p.fingerprint()})


def fund_rule(p: Parameters) -> FundRule:
    """When the insurance fund is so low that positions are deleveraged."""
    return FundRule(
        fraction=p.number("liquidation.adl_fraction"),
        floor=p.number("liquidation.adl_floor_usd"),
        seconds=p.number("liquidation.adl_average_sec"),
    )


def _ladder(p: Parameters, pair: str) -> Ladder:
    section = f"liquidation.tiers.{pair}"
    return Ladder(cap=p.numbers(f"{section}.contracts"), rate=p.numbers(f"{section}.mmr"))
