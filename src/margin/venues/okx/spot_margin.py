"""A position in a spot pair on borrowed money, with its own assets and debt: isolated spot margin.

Source: OKX help "Isolated margin mode" (2022-06-17, updated 2024-04-04); an API example of 2024-08-27 confirms the long side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple


class PairFigures(NamedTuple):
    """Figures of a borrowed position, in the currency of its assets but for the ratio and the price.

    Attributes
    ----------
    mmr : float
        Maintenance margin.
    fee : float
        Fee of closing, part of the denominator of the ratio.
    upl : float
        Unrealised P&L.
    margin_ratio : float
        Net assets over maintenance margin and fee; at 1 or below the position is liquidated.
    liquidation_px : float
        Price at which the ratio is 1.
    """

    mmr: float
    fee: float
    upl: float
    margin_ratio: float
    liquidation_px: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPosition:
    """A long position holds base and owes quote, a short one holds quote and owes base.

    Attributes
    ----------
    side : {"long", "short"}
    asset : float
        What is held, margin included, > 0.
    margin : float
        The part of it that is margin.
    debt : float
        What is owed, interest included, > 0.
    """

    side: Literal["long", "short"]
    asset: float
    margin: float
    debt: float

    def __post_init__(self) -> None:
        if self.side not in ("long", "short"):
            raise ValueError(f"side {self.side!r} is neither 'long' nor 'short'")
        if self.debt <= 0 or self.asset <= 0:
            raise ValueError(f"asset {self.asset!r} and debt {self.debt!r} must be above zero")

    def figures(self, *, mark: float, mmr_rate: float, taker_fee: float) -> PairFigures:
        """Margin, P&L, ratio and liquidation price.

        Parameters
        ----------
        mark : float
            Quote per base.
        mmr_rate : float
            Rate of the tier of the debt (`margin.venues.okx.standard.pair_tiers`).
        taker_fee : float
            Of the spot pair.
        """
        long = self.side == "long"
        owed = self.debt / mark if long else self.debt * mark
        mmr = owed * mmr_rate
        fee = owed * (1 + mmr_rate) * taker_fee
        to_repay = self.debt * (1 + mmr_rate) * (1 + taker_fee)
        return PairFigures(
            mmr=mmr,
            fee=fee,
            upl=self.asset - self.margin - owed,
            margin_ratio=(self.asset - owed) / (mmr + fee),
            liquidation_px=to_repay / self.asset if long else self.asset / to_repay,
        )
