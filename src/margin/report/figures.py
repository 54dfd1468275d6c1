"""Charts that a reader may point at, as plain values for plotly.js: heat map, surface, curve.

Bars and waterfalls are no charts here: the page draws them inside the cells of their tables, so that they print, scale and read
aloud as tables do. A surface is drawn flat, with the line of liquidation on it: no ridge hides what lies behind, it prints, and
it needs no WebGL.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from margin.report.accounts import HeatMap
from margin.report.shocked import Surface, VolCurve

LOSS_TO_GAIN = (
    (0.0, "#a31621"), (0.2, "#dd6b4d"), (0.4, "#f6cdb4"), (0.5, "#eef0f2"), (0.6, "#bcd9ea"), (0.8, "#5aa2cf"), (1.0, "#1f5f99"),
)  # fmt: skip
"""Loss red, gain blue: told apart by every kind of colour vision."""

INITIAL, MAINTENANCE, MARK = "#2d7dd2", "#e0801c", "#c0392b"

Figure = dict[str, Any]


def heat_map(found: HeatMap, currency: str) -> Figure:
    """P&L by price move and volatility."""
    trace = {
        "type": "heatmap",
        "x": [percent(move) for move in found.moves],
        "y": list(found.vols),
        "z": _grid(found.pnl),
        "zmid": 0,
        "colorscale": LOSS_TO_GAIN,
        "texttemplate": "%{z:.3s}",
        "hovertemplate": f"price %{{x}}, vol %{{y}}<br>%{{z:,.6~g}} {currency}<extra></extra>",
        "hoverongaps": False,
        "xgap": 1,
        "ygap": 1,
        "colorbar": {"thickness": 10, "tickformat": ".2~s"},
    }
    height = 130 + 44 * len(found.vols)
    figure = _figure([trace], x="price move", y="volatility", height=height, categories=True)
    figure["layout"]["yaxis"]["autorange"] = "reversed"  # in the order of the rows
    return figure


def surface(found: Surface) -> Figure:
    """What is left before liquidation over price and volatility."""
    x, y = ([100 * v for v in values] for values in (found.prices, found.vols))
    field = {
        "type": "contour",
        "x": x,
        "y": y,
        "z": _grid(found.excess),
        "zmid": 0,
        "colorscale": LOSS_TO_GAIN,
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0.5, "color": "#777777"},
        "hovertemplate": "price %{x:+.0f} %, vol %{y:+.0f} %<br>%{z:,.6~g} USD left<extra></extra>",
        "colorbar": {"thickness": 10, "tickformat": ".2~s"},
    }
    edge = {
        "type": "contour",
        "x": x,
        "y": y,
        "z": _grid(found.excess),
        "contours": {"coloring": "none", "start": 0, "end": 0, "size": 1},
        "line": {"width": 3.5, "color": "#111111"},
        "hoverinfo": "skip",
        "showscale": False,
    }
    now = {
        "type": "scatter",
        "mode": "markers",
        "x": [0],
        "y": [0],
        "marker": {"size": 11, "color": "#ffffff", "symbol": "circle", "line": {"width": 3, "color": "#111111"}},
        "hovertemplate": "now<extra></extra>",
    }
    return _figure([field, edge, now], x="price move, %", y="change of vol, %", height=340)


def vol_curve(found: VolCurve) -> Figure:
    """Both margins along volatility, with steps drawn upright and a mark where another scenario becomes the worst."""
    changes, initial = list(found.change), [float(value) for value in found.initial]
    for at, before, after in found.steps:
        place = int(np.searchsorted(changes, at))
        changes[place:place] = [at, at]
        initial[place:place] = [before, after]
    traces: list[Figure] = [
        _line("initial margin", changes, initial, INITIAL, "solid"),
        _line("maintenance margin", found.change, [float(value) for value in found.maintenance], MAINTENANCE, "dash"),
    ]
    if found.switches:
        where = [change for change, _, _ in found.switches]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "another scenario is the worst",
                "x": [100 * change for change in where],
                "y": [float(np.interp(change, found.change, found.initial)) for change in where],
                "text": [f"{before} → {after}" for _, before, after in found.switches],
                "hovertemplate": "vol %{x:+.0f} %<br>%{text}<extra></extra>",
                "marker": {"size": 9, "symbol": "diamond", "color": MARK},
            }
        )
    figure = _figure(traces, x="change of vol, %", y="USD", height=340)
    figure["layout"]["yaxis"]["rangemode"] = "tozero"
    figure["layout"]["showlegend"] = True
    figure["layout"]["legend"] = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}
    figure["layout"]["margin"]["t"] = 60
    return figure


def percent(fraction: float) -> str:
    """A signed move: +16 %."""
    return f"{100 * fraction:+.4g} %"


def _line(name: str, x: Sequence[float], y: Sequence[float], color: str, dash: str) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [100 * change for change in x],
        "y": list(y),
        "line": {"color": color, "width": 2.5, "dash": dash},
        "hovertemplate": f"vol %{{x:+.0f}} %<br>{name} %{{y:,.6~g}} USD<extra></extra>",
    }


def _grid(values: Any) -> list[list[float | None]]:
    """Rows of numbers, None where there is none: JSON has no NaN."""
    return [[float(value) if np.isfinite(value) else None for value in row] for row in values]


def _figure(data: list[Figure], *, x: str, y: str, height: int, categories: bool = False) -> Figure:
    kind = {"type": "category"} if categories else {}
    axis = {"fixedrange": True, "automargin": True, "zeroline": False}
    return {
        "data": data,
        "layout": {
            "height": height,
            "margin": {"l": 10, "r": 10, "t": 12, "b": 10},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12},
            "dragmode": False,
            "showlegend": False,
            "xaxis": {**axis, **kind, "title": {"text": x}},
            "yaxis": {**axis, **kind, "title": {"text": y}},
        },
    }
