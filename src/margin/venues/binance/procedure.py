"""What Binance does to a futures pool in liquidation: one order, takeover by the insurance fund, auto-deleveraging."""

from __future__ import annotations

import os
from collections.abc import Sequence

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.liquidation.backstops import CoverDeficit, TakeOver
from margin.liquidation.deleveraging import AutoDeleverage, ByProfitAndMarginRatio
from margin.liquidation.procedure import Procedure
from margin.liquidation.state import FUND
from margin.liquidation.steps import CancelOrders, CloseInParts, Fee
from margin.params import ACCEPTED, Day
from margin.venues.binance.rules import MODES
from margin.venues.presets import check_mode, load_parameters

LIQUIDATED = tuple(mode for mode in MODES if mode.startswith(("usdm", "coinm")))
"""Modes whose procedure is here: futures."""


def procedure(
    mode: str, *, as_of: Day, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED
) -> Procedure:
    """Procedure of a futures account on a day.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every account needs has no value;
        fees are asked for when a pair is traded.
    """
    check_mode(mode, LIQUIDATED)
    p = load_parameters(__package__, as_of=as_of, params=params, accept=accept)
    rate = ByName("fee", lambda pair: p.number(f"liquidation.fee.{pair}"))
    name = "liquidation.deleveraged_at"
    if p.text(name) != "bankruptcy":
        raise ParameterError(f"{name} is {p.text(name)!r}; only bankruptcy is known", name=name, scope=str(p.as_of))
    steps = (
        CancelOrders(),
        CloseInParts(
            share=p.number("liquidation.order_share"), rounds=1, fee=Fee(futures=rate, options=rate, holder=FUND)
        ),
        TakeOver(holder=FUND, covered=True),
        AutoDeleverage(ranking=ByProfitAndMarginRatio(), price="bankruptcy"),
        CoverDeficit(holder=FUND),
    )
    return Procedure(name=f"binance {mode}", steps=steps, provenance={"parameters": p.fingerprint()})
