"""Figures of an account and of its positions under the venue's names: as reported, and as assessed here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from margin.models.loans import PreparedWithLoans
from margin.models.standard import PreparedStandard
from margin.venues.binance import ratios
from margin.venues.binance.fields import Fields
from margin.venues.binance.payload_tables import Held

if TYPE_CHECKING:
    from margin.assessment import Assessment

Figures = dict[str, float]


def _name(symbol: str, side: str | None) -> str:
    return f"{symbol} {(side or 'both').upper()}"


_POSITION = {
    "notional": ("notional", "notionalValue"),
    "unrealizedProfit": ("unRealizedProfit", "unrealizedProfit"),
    "positionInitialMargin": ("positionInitialMargin",),
    "maintMargin": ("maintMargin",),
}
_ASSET = ("marginBalance", "initialMargin", "maintMargin")
_TOTALS = ("totalMarginBalance", "totalInitialMargin", "totalMaintMargin")


def reported_positions(held: Sequence[Held]) -> Figures:
    """What the responses say of each position or leg."""
    out = {}
    for h in held:
        for figure, names in _POSITION.items():
            name = h.source.name_of(*names)
            if h.quantity and name in h.source:
                out[f"{_name(h.symbol, h.side)} {figure}"] = h.source.number(name)
    return out


def reported_assets(assets: Sequence[Fields]) -> Figures:
    """What the account says of each asset."""
    return {f"{row.text('asset')} {name}": row.number(name) for row in assets for name in _ASSET if name in row}


def reported_totals(root: Fields) -> Figures:
    """What the account says of itself, in USD."""
    return {name: root.number(name) for name in _TOTALS if name in root}


def of_positions(assessment: Assessment) -> Figures:
    """Figures of each position or leg, in its margin asset."""
    prepared = assessment.prepared
    prepared = prepared.model if isinstance(prepared, PreparedWithLoans) else prepared
    if not isinstance(prepared, PreparedStandard):
        return {}
    market, futures = assessment.market, prepared.futures
    holdings, _, lines, _ = assessment.regime.group(assessment.encoded, assessment.prepared, 0, len(assessment.book.accounts))
    legs = np.zeros(len(lines), dtype=np.int8) if lines.leg is None else lines.leg
    initial, maintenance = futures.margins(lines)
    side = (None, "long", "short")
    out: Figures = {}
    for i, row in enumerate(lines.row.tolist()):
        name = _name(str(market.instruments[row]), side[legs[i]])
        value = float(lines.quantity[i] * futures.coin[row] * (1 if market.inverse[row] else market.mark[row]))
        own = (holdings.row == row) & (legs[i] == (0 if holdings.leg is None else holdings.leg))
        out[f"{name} notional"] = value
        out[f"{name} unrealizedProfit"] = float(holdings.unrealised[own].sum())
        out[f"{name} positionInitialMargin"] = float(initial[i] / futures.to_pool[row])
        out[f"{name} maintMargin"] = float(maintenance[i] / futures.to_pool[row])
    return out


def of_account(mode: str, assessment: Assessment, *, open_loss: float) -> Figures:
    """Figures of the account as assessed: by asset where pools are, else in USD."""
    r = assessment.results
    if not assessment.regime.pool.in_usd:
        sums = {}
        for c, name in enumerate(assessment.market.currencies):
            for figure, values in zip(_ASSET, (r.equity, r.initial, r.maintenance), strict=True):
                sums[f"{name} {figure}"] = float(values[r.currency == c].sum())
        return sums
    equity, initial, maintenance = (float(v[0]) for v in (r.maintenance_collateral, r.initial, r.maintenance))
    if mode == "usdm_multi":
        return dict(zip(_TOTALS, (equity, initial, maintenance), strict=True))
    adjusted = equity - open_loss
    return {
        "accountEquity": adjusted,
        "actualEquity": float(r.equity[0]),
        "accountInitialMargin": initial,
        "accountMaintMargin": maintenance,
        "uniMMR": ratios.uni_mmr(adjusted, maintenance),
        "totalAvailableBalance": ratios.available(adjusted, initial),
    }
