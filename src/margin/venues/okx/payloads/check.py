"""An account margined here beside what the venue reports of it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.contracts import unrealised_pnl
from margin.market import OPTION
from margin.params import ACCEPTED
from margin.venues.okx.currencies import currency_figures
from margin.venues.okx.liquidation import position_prices
from margin.venues.okx.payloads.account import Reading, read_account
from margin.venues.okx.payloads.tables import discount_parameters, tier_parameters
from margin.venues.okx.ratios import MarginRatios, TakerFees, margin_ratios
from margin.venues.okx.rules import Options, compose, parameters

if TYPE_CHECKING:
    from margin.market import Market
    from margin.regime import Regime
    from margin.venues.okx.payloads.fields import Record

PER_CURRENCY = "futures"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes
    ----------
    path : str
        Field of the payload: ``balance[0].mmr``.
    name : str
        What it is of: the account, a currency, an instrument.
    figure : str
        The field's name.
    ours, venue : float
    """

    path: str
    name: str
    figure: str
    ours: float
    venue: float

    @property
    def relative(self) -> float:
        """Difference over the venue's figure, absolute where that is zero."""
        return (self.ours - self.venue) / abs(self.venue) if self.venue else self.ours


@dataclass(frozen=True, slots=True)
class Check:
    """All figures that the venue reports and this package computes.

    Attributes
    ----------
    reading : Reading
    ratios : MarginRatios
        The assessment, with fees and ratios.
    rows : tuple of Row
    """

    reading: Reading
    ratios: MarginRatios
    rows: tuple[Row, ...]

    def off_by(self, tolerance: float) -> tuple[Row, ...]:
        """The rows whose relative difference exceeds a tolerance."""
        return tuple(row for row in self.rows if not abs(row.relative) <= tolerance)

    def __str__(self) -> str:
        width = max((len(row.path) for row in self.rows), default=0)
        lines = [
            f"{row.path:<{width}}  {row.name:<28} {row.ours:>20.8f} {row.venue:>20.8f} {row.relative:>10.2e}" for row in self.rows
        ]
        return "\n".join([f"{'field':<{width}}  {'of':<28} {'here':>20} {'venue':>20} {'relative':>10}", *lines])


def check_account(
    *,
    mode: str,
    balance: object,
    instruments: object,
    positions: object = None,
    orders: object = None,
    marks: object = None,
    indices: object = None,
    option_summary: object = None,
    tickers: object = None,
    tiers: Mapping[str, object] | None = None,
    discounts: object = None,
    usd: Mapping[str, float] | None = None,
    time: object = None,
    fees: TakerFees | None = None,
    params: Sequence[str | os.PathLike[str]] = (),
    accept: Sequence[str] = ACCEPTED,
    options: Options | None = None,
) -> Check:
    """Margin an account from answers of the API and set the result beside the venue's figures.

    Parameters
    ----------
    mode : str
        ``spot``, ``futures``, ``multi_currency`` or ``portfolio``: the account's ``acctLv`` 1 to 4.
    balance, instruments, positions, orders, marks, indices, option_summary, tickers, usd, time
        As in `read_account`.
    tiers : mapping of str to payload, optional
        Answers of ``public/position-tiers`` by ``instType``.
    discounts : payload, optional
        Answer of ``public/discount-rate-interest-free-quota``.
    fees : TakerFees, optional
        Of the account; by default those of the parameters.
    params, accept, options
        As in `regime`; what payloads say wins over parameter files.

    Returns
    -------
    Check

    Raises
    ------
    DataError
        If a payload is malformed; the text names the field by its path and its value.
    ParameterError
        If a tier, rate or fee is in no payload and in no parameter file.
    """
    reading = read_account(
        balance=balance, instruments=instruments, positions=positions, orders=orders, marks=marks, indices=indices,
        option_summary=option_summary, tickers=tickers, usd=usd, time=time,
    )  # fmt: skip
    day = dt.date.fromisoformat(str(reading.market.time.astype("datetime64[D]")))
    given = tier_parameters(tiers or {}) | ({} if discounts is None else discount_parameters(discounts))
    known = parameters(day, params=params, accept=accept).with_(given, source="API answer", status="recorded")
    regime = compose(mode, known, options or Options(discounted=True))
    fees = fees or TakerFees.of(known)
    ratios = margin_ratios(regime, reading.book, reading.market, fees)
    account, lines = _account(mode, reading, ratios), _currencies(mode, regime, reading, ratios)
    return Check(reading, ratios, (*account, *lines, *_positions(mode, reading, ratios, fees)))


def _row(record: Record, name: str, figure: str, ours: float) -> Iterator[Row]:
    """A row where the venue reports the figure."""
    venue = record.optional(figure)
    if venue is not None:
        yield Row(f"{record.path}.{figure}", name, figure, float(ours), venue)


def _account(mode: str, reading: Reading, ratios: MarginRatios) -> Iterator[Row]:
    """Account level: of the pool of all currencies."""
    if mode == PER_CURRENCY:
        return
    columns = ratios.assessment.columns()
    pool = columns["pool"]
    shared = next(i for i in range(len(ratios.ratio)) if pool[i] == "cross")
    figures = {"adjEq": ratios.collateral[shared], "imr": columns["initial_margin"][shared]}
    figures |= {"mmr": columns["maintenance_margin"][shared], "mgnRatio": ratios.ratio[shared]}
    if "borrow" in columns:
        figures["borrowFroz"] = columns["borrow"][shared]
    for figure, ours in figures.items():
        yield from _row(reading.balance, "account", figure, ours)


def _currencies(mode: str, regime: Regime, reading: Reading, ratios: MarginRatios) -> Iterator[Row]:
    """Currency level: margins where a currency is a pool, discounted equity where all stand together."""
    lines = {line.text("ccy"): line for line in reading.balance.records("details")}
    if mode == PER_CURRENCY:
        columns = ratios.assessment.columns()
        for i in range(len(ratios.ratio)):
            name = str(columns["pool"][i])
            if name in lines:
                yield from _row(lines[name], name, "imr", columns["initial_margin"][i])
                yield from _row(lines[name], name, "mmr", columns["maintenance_margin"][i])
                yield from _row(lines[name], name, "mgnRatio", ratios.ratio[i])
        return
    found = currency_figures(regime, reading.book, reading.market)
    for name, equity, kept in zip(found["currency"], found["equity"], found["discounted_equity"], strict=True):
        if name in lines:
            bound = lines[name].or_zero("isoEq") + lines[name].or_zero("stgyEq")
            yield from _row(lines[name], name, "eq", equity + bound)
            yield from _row(lines[name], name, "disEq", kept)


def _positions(mode: str, reading: Reading, ratios: MarginRatios, fees: TakerFees) -> Iterator[Row]:
    """Isolated positions by their pools; under standard margin shared positions by their lines, without what orders add."""
    explained = ratios.assessment.explain(reading.book.accounts[0])
    market, prices = reading.market, position_prices(ratios, fees)
    for record in reading.positions:
        name = record.text("instId")
        alone = record.text("mgnMode") == "isolated"
        if record.text("instType") == "MARGIN":
            continue
        if mode == "portfolio" and not alone:
            continue
        in_usd = mode != PER_CURRENCY
        row = market.instruments.to_list().index(name)
        unit = float(market.usd[market.settlement[row]]) if in_usd else 1.0
        if in_usd and market.inverse[row] and not alone:
            unit = float(market.index_price[row])
        for pool in explained.pools:
            if (pool.pool == name) is not alone or name not in pool.names:
                continue
            at = [i for i, held in enumerate(pool.names) if held == name]
            line = next((i for i in at if np.sign(pool.quantity[i]) == _sign(record)), None)
            if line is not None:
                yield from _row(record, name, "imr", pool.lines["initial_margin"][line] / unit)
                yield from _row(record, name, "mmr", pool.lines["maintenance_margin"][line] / unit)
        yield from _price_rows(record, row, market, prices)


def _price_rows(record: Record, row: int, market: Market, prices: Mapping[str, list[Any]]) -> Iterator[Row]:
    """Unrealised P&L of a future, and its liquidation price where a pool of one currency gives one."""
    if market.kind[row] == OPTION:
        return
    name, quantity = record.text("instId"), _sign(record) * abs(record.number("pos"))
    entry = np.array([record.positive("avgPx")])
    upl = unrealised_pnl(market, np.array([row], dtype=np.int32), np.array([quantity]), entry)
    yield from _row(record, name, "upl", float(upl[0]))
    alone = record.text("mgnMode") == "isolated"
    for i, instrument in enumerate(prices["instrument"]):
        same = instrument == name and np.sign(prices["quantity"][i]) == _sign(record) and (prices["pool"][i] == name) is alone
        if same and prices["liquidation_px"][i] is not None:
            yield from _row(record, name, "liqPx", prices["liquidation_px"][i])


def _sign(record: Record) -> float:
    side = record.text("posSide") if record.has("posSide") else "net"
    return {"long": 1.0, "short": -1.0}.get(side, float(np.sign(record.number("pos"))))


