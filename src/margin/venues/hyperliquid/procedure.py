"""What Hyperliquid does to a pool in liquidation: orders on the book, the backstop vault, auto-deleveraging."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from margin.liquidation.backstops import TakeOver
from margin.liquidation.deleveraging import AutoDeleverage, ByGainAndLeverage
from margin.liquidation.procedure import Procedure
from margin.liquidation.state import BACKSTOP
from margin.liquidation.steps import CancelOrders, CloseInParts
from margin.params import ACCEPTED, Day
from margin.venues.hyperliquid.rules import MODES
from margin.venues.presets import check_mode, load_parameters

LIQUIDATED = tuple(mode for mode in MODES if mode != "portfolio_margin")
"""Modes whose procedure is here; the borrow side of portfolio margin is not."""


def procedure(
    mode: str,
    *,
    as_of: Day,
    params: Sequence[str | os.PathLike[str]] = (),
    accept: Sequence[str] = ACCEPTED,
    shorts: Literal["inverted", "literal"] = "inverted",
) -> Procedure:
    """Procedure of an account mode on a day.

    Auto-deleveraging takes pools of negative value before the vault takes those that are only short of margin.

    Parameters
    ----------
    mode : str
    as_of : date or "YYYY-MM-DD"
    params : sequence of paths
    accept : sequence of str
    shorts : {"inverted", "literal"}
        Ranking of shorts: entry over mark, above one in profit; or the expression as the venue prints it.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter has no value.
    """
    check_mode(mode, LIQUIDATED)
    p = load_parameters(__package__, as_of=as_of, params=params, accept=accept)
    steps = (
        CancelOrders(),
        AutoDeleverage(ranking=ByGainAndLeverage(shorts=shorts), price="bankruptcy"),
        TakeOver(holder=BACKSTOP, below=p.number("liquidation.backstop_below")),
        CloseInParts(
            share=p.number("liquidation.share"),
            rounds=1,
            whole_up_to=p.number("liquidation.whole_up_to_usd"),
            cooldown=p.number("liquidation.cooldown_sec"),
        ),
    )
    return Procedure(name=f"hyperliquid {mode}", steps=steps, provenance={"parameters": p.fingerprint()})
