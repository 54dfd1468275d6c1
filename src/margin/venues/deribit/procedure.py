"""What Deribit does to a pool in liquidation: orders, hedge, rounds, insurance fund, winners share what is left.

The venue documents no auto-deleveraging. One look of the simulation stands for as many rounds of a second as are needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Literal

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.liquidation.backstops import CoverDeficit, SocialiseLoss
from margin.liquidation.collateral_step import SellCollateral
from margin.liquidation.hedging import HedgeDelta
from margin.liquidation.procedure import Procedure, Step
from margin.liquidation.state import FUND
from margin.liquidation.steps import CancelOrders, CloseInParts, Fee
from margin.params import ACCEPTED, Day, Parameters
from margin.venues.deribit.rules import MODES
from margin.venues.presets import check_mode, load_parameters

INVERSE_QUOTE = "USD"


def procedure(
    mode: str, *, as_of: Day, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED
) -> Procedure:
    """Procedure of an account mode on a day.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter that every account needs has no value;
        fees of single pairs are asked for when they are traded.
    """
    check_mode(mode, MODES)
    p = load_parameters(__package__, as_of=as_of, params=params, accept=accept)
    fee = Fee(
        futures=ByName("liquidation_fee_future", _fee(p, "liquidation_fee_future")),
        options=ByName("liquidation_fee_option", _fee(p, "liquidation_fee_option")),
        holder=FUND,
    )
    steps: list[Step] = [CancelOrders()]
    if mode.endswith("portfolio"):
        steps.append(HedgeDelta(share=p.number("liquidation.hedge_share"), fee=fee))
    steps.append(CloseInParts(share=p.number("liquidation.round_share"), first="futures", fee=fee))
    if mode.startswith("cross"):
        steps.append(SellCollateral(penalty=ByName("collateral_penalty", p.number("liquidation.collateral_penalty"))))
    steps += [CoverDeficit(holder=FUND), SocialiseLoss(holder=FUND, by=_shared_by(p))]
    return Procedure(name=f"deribit {mode}", steps=tuple(steps), provenance={"parameters": p.fingerprint()})


def _fee(p: Parameters, name: str) -> Callable[[str], float]:
    """Rate of a pair; those of inverse contracts stand under their coin."""

    def rate(pair: str) -> float:
        base, _, quote = pair.rpartition("_")
        return p.number(f"currency.{base}.{name}" if quote == INVERSE_QUOTE else f"pair.{pair}.{name}")

    return rate


def _shared_by(p: Parameters) -> Literal["cash", "profit"]:
    name = "liquidation.loss_shared_by"
    match p.text(name):
        case "cash":
            return "cash"
        case "profit":
            return "profit"
        case other:
            raise ParameterError(f"{name} is {other!r}; choose cash or profit", name=name, scope=str(p.as_of))
