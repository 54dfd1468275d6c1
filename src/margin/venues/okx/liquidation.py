"""Small rules of liquidation: what is cut, when counterparties are reduced, which price of one position liquidates its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from margin.contracts import is_option, value_per_contract
from margin.models.split import PreparedSplit
from margin.models.tiered import PreparedTiered
from margin.venues.okx.ratios import MarginRatios, TakerFees, margin_ratios

if TYPE_CHECKING:
    from collections.abc import Callable

    from margin.book import Book
    from margin.market import Market
    from margin.regime import Regime

RANGE = 100
"""How many times the mark, and what part of it, is searched."""

STEPS = 2 * RANGE
PRECISION = float(np.sqrt(np.finfo(np.float64).eps) / RANGE)
"""Of a price that is searched, as a fraction of the mark."""


def contracts_to_close(contracts: float, *, first_maximum: float, partial_from: float) -> float:
    """Contracts that the legacy rule closes: in the upper tiers down to the largest size of the first, else all of them.

    Parameters
    ----------
    contracts : float
        Signed or not; the result is not.
    first_maximum : float
        Largest size of the first tier.
    partial_from : float
        Smallest size that is only cut, the lower bound of the third tier.
    """
    size = abs(contracts)
    return max(size - first_maximum, 0.0) if size >= partial_from else size


class Deleveraging(NamedTuple):
    """Whether counterparties are reduced, and the size of the fund at which they are."""

    threshold: float
    active: bool


def deleveraging(*, average: float, now: float, fraction: float, floor: float) -> Deleveraging:
    """Auto-deleveraging: an insurance fund falls below its average by a fraction, at least by a fixed sum, or is empty.

    Parameters
    ----------
    average : float
        Of the fund over eight hours.
    now : float
        The fund.
    fraction : float
    floor : float
        Least fall that counts.
    """
    threshold = average - max(fraction * average, floor)
    return Deleveraging(threshold, now < threshold or now <= 0)


def liquidation_price(
    quantity: float, *, contract_size: float, mark: float, equity: float, mmr_rate: float, taker_fee: float, inverse: bool
) -> float | None:
    """Mark at which the equity of a pool with one position falls to its maintenance margin and the fee of closing.

    Parameters
    ----------
    quantity : float
        Contracts, signed, not zero.
    contract_size : float
        Base coin per contract; inverse: quote currency.
    mark, equity : float
        The mark, and the equity at it with unrealised P&L, in settlement currency.
    mmr_rate, taker_fee : float
        Fractions.
    inverse : bool

    Returns
    -------
    float or None
        None where no price above zero does.
    """
    size, sign = abs(quantity) * contract_size, np.sign(quantity)
    rate = mmr_rate + taker_fee
    if inverse:
        fixed = equity + sign * size / mark  # coin; what is left when the coin's price is without bound (long)
        price = size * (1 + sign * rate) / (sign * fixed) if fixed else np.inf
    else:
        price = (size * mark - sign * equity) / (size * (1 - sign * rate))
    return float(price) if 0 < price < np.inf else None


def position_prices(ratios: MarginRatios, fees: TakerFees) -> dict[str, Any]:
    """Liquidation price of every future and perpetual whose pool counts in its settlement currency, other prices unchanged.

    Pools of one currency and isolated positions of the modes futures, multi_currency and portfolio. A pool of all currencies,
    whose collateral is discounted by tiers, is left out: `searched_prices` finds those.

    Returns
    -------
    dict of str to list
        ``account``, ``pool``, ``instrument``, ``quantity``, ``liquidation_px`` (None where no price above zero liquidates).
    """
    assessment, regime = ratios.assessment, ratios.assessment.regime
    market, in_usd = assessment.market, regime.pool.in_usd
    _, partition, lines, orders = regime.group(assessment.encoded, assessment.prepared, 0, len(assessment.book.accounts))
    prepared = assessment.prepared.isolated if isinstance(assessment.prepared, PreparedSplit) else assessment.prepared
    out: dict[str, list[Any]] = {name: [] for name in ("account", "pool", "instrument", "quantity", "liquidation_px")}
    if not isinstance(prepared, PreparedTiered):
        return out
    own = np.zeros(len(partition), dtype=np.bool_) if partition.isolated is None else partition.isolated
    which = (own if in_usd else np.ones(len(partition), dtype=np.bool_))[lines.pool]
    held, rates = prepared.held_rates(lines.take(np.flatnonzero(which)), None if in_usd else orders)
    columns, options, value = assessment.columns(), is_option(market), value_per_contract(market)
    required = assessment.results.maintenance + ratios.liquidation_fee
    for i in np.flatnonzero(~options[held.row]):
        pool, row, quantity = int(held.pool[i]), int(held.row[i]), float(held.quantity[i])
        if quantity == 0:
            continue
        rate, here = float(rates.maintenance[i]), float(abs(quantity) * value[row])
        worth = float(market.usd[market.settlement[row]]) if in_usd else 1.0
        to_pool = float(prepared.to_pool[row])
        others = 0.0 if own[pool] else float(required[pool]) / to_pool - here * (rate + fees.futures)
        price = liquidation_price(
            quantity,
            contract_size=float(market.contract_size[row]),
            mark=float(market.mark[row]),
            equity=float(ratios.collateral[pool]) / worth - others,
            mmr_rate=rate,
            taker_fee=fees.futures,
            inverse=bool(market.inverse[row]),
        )
        for name, value_of in (
            ("account", columns["account"][pool]), ("pool", columns["pool"][pool]), ("instrument", market.instruments[row]),
            ("quantity", quantity), ("liquidation_px", price),
        ):  # fmt: skip
            out[name].append(value_of)
    return out


def searched_prices(regime: Regime, book: Book, market: Market, fees: TakerFees, instrument: str) -> tuple[float, float]:
    """Nearest marks of one future or perpetual, below and above, at which the shared pool of an account is liquidated.

    Works under every mode by assessing the account again and again; all other prices stay, its index among them.

    Parameters
    ----------
    regime : Regime
    book : Book
        Of one account.
    market : Market
    fees : TakerFees
    instrument : str

    Returns
    -------
    (float, float)
        nan where there is none between a hundredth of the mark and a hundred marks; the mark itself where the pool is
        liquidated now.
    """
    row = market.instruments.to_list().index(instrument)
    now = float(market.mark[row])

    def short_of(price: float) -> float:
        mark = market.mark.copy()
        mark[row] = price
        found = margin_ratios(regime, book, market.with_(mark=mark), fees)
        shared = int(np.flatnonzero(found.assessment.results.name < 0)[0])
        return float(found.assessment.maintenance_margin[shared] + found.liquidation_fee[shared] - found.collateral[shared])

    if short_of(now) >= 0:
        return now, now
    return _search(short_of, now, now / RANGE), _search(short_of, now, now * RANGE)


def _search(short_of: Callable[[float], float], now: float, end: float) -> float:
    """Price between two where a figure first rises above zero, nan where it does not at any step."""
    steps = np.geomspace(now, end, STEPS + 1)
    beyond = next((i for i, price in enumerate(steps) if i and short_of(float(price)) >= 0), None)
    if beyond is None:
        return float("nan")
    inside, outside = float(steps[beyond - 1]), float(steps[beyond])
    while abs(outside - inside) > PRECISION * now:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if short_of(middle) >= 0 else (middle, outside)
    return outside
