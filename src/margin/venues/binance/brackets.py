"""Leverage brackets: tables, maintenance amounts, and the readers of the venue's own responses and of stored tables."""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from margin.errors import DataError
from margin.rates import RateTable
from margin.venues.binance.fields import Fields

if TYPE_CHECKING:
    import os

    from margin.params import Parameters


def maintenance_amounts(floor: Sequence[float], rate: Sequence[float], given: Sequence[float | None] = ()) -> tuple[float, ...]:
    """Maintenance amount of each bracket: ``amount[k] = amount[k-1] + floor[k] * (rate[k] - rate[k-1])``, the first 0.

    Parameters
    ----------
    floor : sequence of float
        Lower bounds; the first is not used.
    rate : sequence of float
        Maintenance rates, fractions.
    given : sequence of float or None
        Amounts that are known; the recursion goes on from each of them.
    """
    amounts: list[float] = []
    for k, r in enumerate(rate):
        known = given[k] if k < len(given) else None
        follows = amounts[-1] + floor[k] * (r - rate[k - 1]) if k else 0.0
        amounts.append(float(follows if known is None else known))
    return tuple(amounts)


@dataclass(frozen=True, slots=True)
class BracketTable:
    """Brackets of one symbol; the maintenance margin of a notional N in bracket k is ``N * rate[k] - amount[k]``.

    Attributes
    ----------
    symbol : str
    floor : tuple of float
        Lower bound of each bracket, ascending from 0; margin asset (USD-M) or coin (COIN-M). A bound belongs to the bracket
        below.
    rate : tuple of float
        Maintenance rate, fraction.
    amount : tuple of float
        Maintenance amount, unit of the floors.
    max_leverage : tuple of float
        Highest leverage of each bracket; empty where it is not known.
    cap : float or None
        Upper bound of the last bracket, beyond which it goes on.
    """

    symbol: str
    floor: tuple[float, ...]
    rate: tuple[float, ...]
    amount: tuple[float, ...]
    max_leverage: tuple[float, ...] = ()
    cap: float | None = None

    def __post_init__(self) -> None:
        n = len(self.floor)
        if not n or len(self.rate) != n or len(self.amount) != n or len(self.max_leverage) not in (0, n):
            raise DataError(
                f"brackets of {self.symbol!r} have {n} floors, {len(self.rate)} rates, {len(self.amount)} amounts and "
                f"{len(self.max_leverage)} leverages",
                table="brackets",
                key={"symbol": self.symbol},
                hint="Give as many of each.",
            )
        if self.floor[0] != 0 or any(b <= a for a, b in itertools.pairwise(self.floor)):
            raise DataError(
                f"bounds {list(self.floor)} do not ascend from 0",
                table="brackets",
                column="floor",
                key={"symbol": self.symbol},
                hint="Give the brackets in order, the first from 0.",
            )

    @classmethod
    def of(cls, symbol: str, p: Parameters) -> BracketTable:
        """The table of a symbol on a day; a COIN-M contract takes that of its pair unless it has its own.

        Raises
        ------
        ParameterError
            If there is none; the text names the parameter.
        """
        pair, _, contract = symbol.partition("_")
        own = f"bracket.{symbol}"
        by_pair = contract and pair.endswith("USD") and not p.names(own)
        section = f"bracket.{pair}" if by_pair else own
        floor, rate = p.numbers(f"{section}.floor"), p.numbers(f"{section}.mmr")
        given = p.numbers(f"{section}.amount") if f"{section}.amount" in p else ()
        leverage = p.numbers(f"{section}.max_leverage") if f"{section}.max_leverage" in p else ()
        cap = p.number(f"{section}.cap") if f"{section}.cap" in p else None
        table = cls(symbol, floor, rate, maintenance_amounts(floor, rate, given), leverage, cap)
        scale = f"{section}.notional_coef"
        return table.scaled(p.number(scale if scale in p else "bracket.all.notional_coef"))

    @property
    def rates(self) -> RateTable:
        """The maintenance margin as a rate table."""
        return RateTable(self.floor, self.rate, (0.0,) * len(self.floor), self.amount)

    def scaled(self, factor: float) -> BracketTable:
        """The table of an account whose bounds are multiplied; amounts go with them, so that the margin stays continuous."""
        if factor == 1:
            return self
        bounds = tuple(factor * x for x in self.floor)
        amounts = tuple(factor * x for x in self.amount)
        cap = None if self.cap is None else factor * self.cap
        return BracketTable(self.symbol, bounds, self.rate, amounts, self.max_leverage, cap)

    def bracket_of(self, notional: float) -> int:
        """Position of the bracket with ``floor < |notional| <= cap``; the last one beyond all caps."""
        return max(int(np.searchsorted(self.floor, abs(notional), side="left")) - 1, 0)

    def largest_notional(self, leverage: float) -> float | None:
        """Largest notional that a leverage allows, the upper bound of the last bracket that has it; None without an upper bound.

        Raises
        ------
        DataError
            If leverages are not known, or no bracket has this one.
        """
        allowed = [k for k, most in enumerate(self.max_leverage) if most >= leverage]
        if not allowed:
            raise DataError(
                f"no bracket of {self.symbol!r} is known to allow a leverage of {leverage:g}",
                table="brackets",
                column="max_leverage",
                key={"symbol": self.symbol},
                value=leverage,
                hint="Choose a lower leverage, or give max_leverage.",
            )
        return (*self.floor[1:], self.cap)[allowed[-1]]

    def disagreements(self, tolerance: float) -> tuple[int, ...]:
        """Brackets whose amount is not what the recursion gives, as positions.

        Parameters
        ----------
        tolerance : float
            Relative to the amount, or to the step at the floor where that is larger.
        """
        follows = maintenance_amounts(self.floor, self.rate)
        size = [max(abs(a), f * r) for a, f, r in zip(follows, self.floor, self.rate, strict=True)]
        pairs = zip(follows, self.amount, size, strict=True)
        return tuple(k for k, (want, got, scale) in enumerate(pairs) if abs(got - want) > tolerance * scale)

    def given(self) -> dict[str, object]:
        """The table as parameters, for `rules.regime(given=...)`."""
        section = f"bracket.{self.symbol}"
        values: dict[str, object] = {"floor": self.floor, "mmr": self.rate, "amount": self.amount, "notional_coef": 1}
        values["max_leverage"] = self.max_leverage  # also if unknown, so that those of a shipped table do not stay
        values |= {} if self.cap is None else {"cap": self.cap}
        return {f"{section}.{name}": value for name, value in values.items()}


def given_brackets(payload: object, *, tolerance: float | None = None) -> dict[str, object]:
    """Parameters from the venue's own leverageBracket response.

    Parameters
    ----------
    payload : list or mapping
        As /fapi/v1/leverageBracket, /dapi/v1 (by pair) or /dapi/v2 (by symbol), or the Portfolio Margin endpoints give it: one
        symbol or a list of them. ``notionalCoef`` is applied.
    tolerance : float, optional
        Refuse tables whose ``cum`` is further from the recursion; by default the venue's own amounts are taken as they are.

    Returns
    -------
    dict
        For `rules.regime(given=...)`.

    Raises
    ------
    DataError
        Naming the field and its value.
    """
    listed = Fields(payload, "leverageBracket")
    symbols = [listed] if isinstance(payload, Mapping) else listed.items()
    tables = [_table(symbol) for symbol in symbols]
    if tolerance is not None:
        check(tables, tolerance)
    return {name: value for table in tables for name, value in table.given().items()}


def _table(symbol: Fields) -> BracketTable:
    name = symbol.text("symbol") if "symbol" in symbol else symbol.text("pair")
    rows = sorted(symbol.at("brackets").items(), key=lambda row: row.number("bracket"))
    if not rows:
        raise symbol.error("brackets", "[] holds no bracket", "Leave the symbol out.")
    low = rows[0].name_of("notionalFloor", "qtylFloor", "qtyFloor")  # COIN-M responses write qtylFloor
    high = rows[0].name_of("notionalCap", "qtyCap")
    table = BracketTable(
        symbol=name,
        floor=tuple(row.number(low) for row in rows),
        rate=tuple(row.number("maintMarginRatio") for row in rows),
        amount=tuple(row.number("cum") for row in rows),
        max_leverage=tuple(row.number("initialLeverage") for row in rows),
        cap=rows[-1].number(high),
    )
    return table.scaled(symbol.number("notionalCoef")) if "notionalCoef" in symbol else table


def check(tables: Sequence[BracketTable], tolerance: float) -> None:
    """Raise where maintenance amounts do not follow from floors and rates."""
    for table in tables:
        for k in table.disagreements(tolerance):
            raise DataError(
                f"{table.amount[k]:.12g} is not the amount that floors and rates give, "
                f"{maintenance_amounts(table.floor, table.rate)[k]:.12g}",
                table="brackets",
                column="cum",
                row=k,
                key={"symbol": table.symbol},
                value=table.amount[k],
                hint="Check the table, or take its amounts as they are (no tolerance).",
            )


def stored_tables(path: str | os.PathLike[str]) -> list[BracketTable]:
    """Bracket tables of a CSV file (also gzipped), a row for each bracket.

    Columns: symbol, bracket, notional_floor, notional_cap, maint_margin_rate, max_leverage, cum_maint_amount.

    Raises
    ------
    DataError
        Naming row, column and value.
    """
    file = Path(path)
    content = file.read_bytes()
    text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    by_symbol: dict[str, list[Fields]] = {}
    for number, row in enumerate(csv.DictReader(text.splitlines())):
        fields = Fields(row, f"{file.name}[{number}]")
        by_symbol.setdefault(fields.text("symbol"), []).append(fields)
    tables = []
    for symbol, rows in by_symbol.items():
        rows.sort(key=lambda row: row.number("bracket"))

        def column(name: str, rows: list[Fields] = rows) -> tuple[float, ...]:
            return tuple(row.number(name) for row in rows)

        floor, rate, amount = column("notional_floor"), column("maint_margin_rate"), column("cum_maint_amount")
        tables.append(BracketTable(symbol, floor, rate, amount, column("max_leverage"), column("notional_cap")[-1]))
    return tables
