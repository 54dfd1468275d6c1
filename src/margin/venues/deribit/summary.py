"""Figures of an account summary under the venue's own names, and how they follow from each other.

Source: response examples of private/get_account_summary and private/simulate_portfolio (docs.deribit.com) and recorded
production responses of 2026-02-15, which these identities reproduce.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Values of the API's ``margin_model``.
MARGIN_MODELS = ("segregated_sm", "segregated_pm", "cross_sm", "cross_pm")


def complete(figures: Mapping[str, float], *, margin_model: str) -> dict[str, float]:
    """One currency line of an account summary with all figures that follow from the given ones.

    A figure that is given is kept as it is; sessions and options that are not given are zero. With
    ``settled = balance + futures_session_upl + futures_session_rpl``::

        equity          = settled + options_value
        margin_balance  = settled (segregated_sm), equity (segregated_pm)
        delta_total_map = futures_position + options_delta
        delta_total     = delta_total_map - options_value
        available_funds = margin_balance - initial_margin

    A cross account counts in USD, and each of its lines shows ``total_margin_balance_usd``,
    ``total_initial_margin_usd`` and ``total_maintenance_margin_usd`` divided by ``index_price_usd``.

    Parameters
    ----------
    figures : mapping of str to float
        Unit of the line's currency; coin for positions and deltas; USD where the name says so.
    margin_model : str
        One of `MARGIN_MODELS`.

    Returns
    -------
    dict of str to float
        The given figures and those that follow; what does not follow is absent.

    Raises
    ------
    ValueError
        If there is no such margin model.
    """
    if margin_model not in MARGIN_MODELS:
        message = f"margin_model {margin_model!r} is none of {', '.join(MARGIN_MODELS)}"
        raise ValueError(message)
    line = dict(figures)
    options = line.get("options_value", 0.0)
    if "balance" in line:
        settled = line["balance"] + line.get("futures_session_upl", 0.0) + line.get("futures_session_rpl", 0.0)
        line.setdefault("equity", settled + options)
        if margin_model == "segregated_sm":
            line.setdefault("margin_balance", settled)
    if margin_model.startswith("cross"):
        _convert_totals(line)
    else:
        # The option value is what equity and margin balance differ by, in either direction.
        apart = options if margin_model == "segregated_sm" else 0.0
        if "equity" in line:
            line.setdefault("margin_balance", line["equity"] - apart)
        elif "margin_balance" in line:
            line["equity"] = line["margin_balance"] + apart
    if "margin_balance" in line and "initial_margin" in line:
        line.setdefault("available_funds", line["margin_balance"] - line["initial_margin"])
    if "futures_position" in line or "options_delta" in line:
        line.setdefault("delta_total_map", line.get("futures_position", 0.0) + line.get("options_delta", 0.0))
    if "delta_total_map" in line:
        line.setdefault("delta_total", price_adjusted_delta(line["delta_total_map"], options))
    return line


def _convert_totals(line: dict[str, float]) -> None:
    """Figures of a line from the account's totals in USD; the index follows from any figure that is given both ways."""
    names = ("margin_balance", "initial_margin", "maintenance_margin")
    both = [name for name in names if line.get(name) and line.get(f"total_{name}_usd")]
    if "index_price_usd" not in line and both:
        line["index_price_usd"] = line[f"total_{both[0]}_usd"] / line[both[0]]
    for name in names:
        if "index_price_usd" in line and f"total_{name}_usd" in line:
            line.setdefault(name, line[f"total_{name}_usd"] / line["index_price_usd"])


def price_adjusted_delta(delta: float, option_value: float) -> float:
    """Delta less the value of the options that it counts, coin: a premium held in coin moves with the coin itself."""
    return delta - option_value


def initial_margin(maintenance_margin: float, *, mm_factor: float, orders: float = 0.0) -> float:
    """Initial margin of a portfolio margin account from its maintenance margin and the margin of its orders.

    The maintenance margin is `mm_factor` times the risk matrix margin; orders are in the initial margin only.

    Parameters
    ----------
    maintenance_margin : float
    mm_factor : float
        Maintenance margin over risk matrix margin.
    orders : float
        Margin of open orders, of orders under market maker protection and of spot orders.
    """
    return maintenance_margin / mm_factor + orders
