"""What Derive does to a subaccount in liquidation: a Dutch auction. The security module, then all holders of cash bear the loss.

There is no closing of positions on the market and no auto-deleveraging.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from margin.liquidation.auction import PriceDecay
from margin.liquidation.auction_step import DutchAuction
from margin.liquidation.backstops import SocialiseLoss
from margin.liquidation.procedure import Procedure
from margin.liquidation.state import FUND
from margin.liquidation.steps import CancelOrders
from margin.params import ACCEPTED, Day
from margin.venues.derive.rules import MODES
from margin.venues.presets import check_mode, load_parameters


def procedure(
    mode: str, *, as_of: Day, params: Sequence[str | os.PathLike[str]] = (), accept: Sequence[str] = ACCEPTED
) -> Procedure:
    """Procedure of a risk manager on a day; it is the same for all of them.

    Raises
    ------
    ParameterError
        If there is no such mode, or a parameter has no value.
    """
    check_mode(mode, MODES)
    p = load_parameters(__package__, as_of=as_of, params=params, accept=accept)
    auction = DutchAuction(
        decay=PriceDecay(
            start=p.number("auction.starting_mtm_fraction"),
            cutoff=p.number("auction.fast_cutoff_fraction"),
            fast=p.number("auction.fast_length_sec"),
            slow=p.number("auction.slow_length_sec"),
        ),
        buffer=p.number("auction.buffer_fraction"),
        fee_rate=p.number("auction.fee_rate"),
        insolvent_seconds=p.number("auction.insolvent_length_sec"),
        discount=p.number("auction.bidder_discount"),
    )
    steps = (CancelOrders(), auction, SocialiseLoss(holder=FUND, by="cash"))
    return Procedure(name=f"derive {mode}", steps=steps, provenance={"parameters": p.fingerprint()})
