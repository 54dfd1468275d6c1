"""Charges beside the worst loss: numbers from other sums of the same positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.by_name import ByName
from margin.contracts import coin_per_contract, coin_value, is_option
from margin.lines import Lines, Segments
from margin.market import Market
from margin.models.units import UNIT_SEPARATOR
from margin.pricing import black76, coin_greeks

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

ALL, LONG, SHORT, GROSS = 0, 1, -1, 2
"""Which lines `kernels.line_sums` counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivities:
    """What charges are computed from; one entry per row (instruments, then currencies, which have none).

    Attributes
    ----------
    market : Market
    in_usd : bool
        Whether pools count in the market's money, else in settlement currency.
    used : ndarray of bool, shape (n_rows,)
        Rows that occur.
    moves : ndarray of bool, shape (n_rows,)
        Rows whose price moves in scenarios; collateral may only be charged.
    strike : ndarray of int32, shape (n_rows,)
        Code of (unit, settlement currency, expiry, strike) of each row.
    units : tuple of str
    unit : ndarray of int32, shape (n_rows,)
        Unit of each row, -1 where it has none.
    holds_instruments : ndarray of bool, shape (n_units,)
        Units in which an instrument is used; only their parameters are asked for.
    delta : ndarray of float64, shape (n_rows,)
        Coin per contract.
    value : ndarray of float64, shape (n_rows,)
        Pool currency per coin.
    index : ndarray of float64, shape (n_units,)
        USD per coin; where a unit has several indices that of its first inverse contract, else of its first.
    per_usd : ndarray of float64, shape (n_units,)
        Pool currency per USD.
    years : ndarray of float64, shape (n_rows,)
        To expiry, 0 without one.
    option : ndarray of bool, shape (n_rows,)
    """

    market: Market
    in_usd: bool
    used: NDArray[np.bool_]
    moves: NDArray[np.bool_]
    units: tuple[str, ...]
    unit: Codes
    strike: Codes
    holds_instruments: NDArray[np.bool_]
    delta: Array
    value: Array
    index: Array
    per_usd: Array
    years: Array
    option: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        market: Market,
        *,
        unit: Codes,
        units: tuple[str, ...],
        strike: Codes,
        used: NDArray[np.bool_],
        moves: NDArray[np.bool_],
        delta: Array,
        in_usd: bool,
    ) -> Sensitivities:
        """Sensitivities of the rows in use.

        Parameters
        ----------
        market : Market
            n instruments, m currencies.
        unit : ndarray of int32, shape (n + m,)
        units : tuple of str
        strike : ndarray of int32, shape (n + m,)
        used, moves : ndarray of bool, shape (n + m,)
        delta : ndarray of float64, shape (n,)
            Coin per contract.
        in_usd : bool
            Whether pools count in one money, else in settlement currency.
        """
        n, none = len(market), np.zeros(len(market.currencies))
        rows = np.flatnonzero(used[:n])
        per_usd = np.ones(len(units))
        if not in_usd:
            settled = np.where(market.inverse, market.index_price, market.usd[market.settlement])
            per_usd[unit[rows]] = 1.0 / settled[rows]
        holds = np.zeros(len(units), dtype=np.bool_)
        holds[unit[rows]] = True
        return cls(
            market=market,
            in_usd=in_usd,
            used=used,
            moves=moves,
            units=units,
            unit=unit,
            strike=strike,
            holds_instruments=holds,
            delta=np.concatenate((np.where(used[:n], delta, 0.0), none)),
            value=np.concatenate((coin_value(market, in_usd=in_usd), none)),
            index=np.array([_index_price(market, listed_rows(market, name, in_usd=in_usd)) for name in units], dtype=np.float64),
            per_usd=per_usd,
            years=np.concatenate((market.years, none)),
            option=np.concatenate((is_option(market), none.astype(np.bool_))),
        )

    @property
    def at_mark(self) -> Array:
        """Pool currency per coin at the mark (of options: the forward) instead of the index, shape (n_rows,)."""
        n = len(self.market)
        ratio = np.ones(len(self.value))
        ratio[:n] = self.market.forward / self.market.index_price
        return self.value * ratio

    def parameter(self, values: ByName) -> Array:
        """A parameter by unit, nan for units without instruments; one nan more for rows without a unit (code -1)."""
        out = np.full(len(self.units) + 1, np.nan)
        for code in np.flatnonzero(self.holds_instruments):
            out[code] = values.of(self.units[code])
        return out


def listed_rows(market: Market, unit: str, *, in_usd: bool) -> NDArray[np.int64]:
    """Instruments of a unit, held or not: what is taken from them is the same for an account alone and for all at once."""
    if not in_usd:
        return np.flatnonzero(market.index == market.indices.index(unit))
    coin, _, money = unit.partition(UNIT_SEPARATOR)
    listed = market.base == market.currencies.index(coin)
    return np.flatnonzero(listed & (market.settlement == market.currencies.index(money)) if money else listed)


def _index_price(market: Market, rows: NDArray[np.int64]) -> float:
    inverse = rows[market.inverse[rows]]
    first = inverse if len(inverse) else rows
    return float(market.index_price[first[0]]) if len(first) else np.nan


class PreparedCharge(Protocol):
    """A charge made ready for one market."""

    def __call__(self, lines: Lines, units: Segments, leaves: Segments) -> Array:
        """Amount for each run of `units`, >= 0, in the pool's currency."""


class Charge(Protocol):
    """A number that is added to the worst loss of a unit."""

    @property
    def name(self) -> str:
        """Name of the component in results."""

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Take the parameters of the units in use."""


@dataclass(frozen=True, slots=True)
class ExpiryDeltaCharge:
    """Net delta of each expiry at a rate that grows with the time to expiry; expiries do not net against each other.

    ``sum over expiries of |delta| * max(minimum, growth)``, where the growth is ``exp(annual * years) - 1`` (compound) or
    ``annual * years`` (simple). It measures the risk that the basis between expiries moves (rolling a hedge from one expiry to
    another).

    Attributes
    ----------
    name : str
    annual : ByName
        Annualised relative move, by unit.
    minimum : ByName
        Least relative move, by unit; what a perpetual pays.
    growth : {"compound", "simple"}
    options : bool
        Whether the deltas of options count.
    priced_at : {"index", "mark"}
        What a coin of delta is worth.
    """

    name: str
    annual: ByName
    minimum: ByName
    growth: Literal["compound", "simple"] = "compound"
    options: bool = True
    priced_at: Literal["index", "mark"] = "index"

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Rate of each row, times its delta and the worth of a coin."""
        s = sensitivities
        exponent = s.parameter(self.annual)[s.unit] * s.years
        rate = np.maximum(s.parameter(self.minimum)[s.unit], np.expm1(exponent) if self.growth == "compound" else exponent)
        charged = (s.delta != 0) & (self.options | ~s.option)
        worth = s.value if self.priced_at == "index" else s.at_mark
        return PreparedExpiryDelta(np.where(charged, s.delta * worth * rate, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedExpiryDelta:
    """`ExpiryDeltaCharge` for one market.

    Attributes
    ----------
    coefficient : ndarray of float64, shape (n_rows,)
        Rate times worth of the delta of one contract.
    """

    coefficient: Array

    def __call__(self, lines: Lines, units: Segments, leaves: Segments) -> Array:
        """Absolute sums of the leaves, added up by unit."""
        return kernels.leaf_sums(units.start, leaves.start, lines.row, lines.quantity, self.coefficient, GROSS)


@dataclass(frozen=True, slots=True)
class DeltaConcentrationCharge:
    """A charge on the unit's net delta beyond a threshold, for positions too large to be closed at the market.

    Long options may only reduce the delta of everything else::

        d = min(max(d_long_options + d_rest, d_rest), 0)   if d_rest < 0
            max(min(d_long_options + d_rest, d_rest), 0)   otherwise
        charge = min(max(|d| * S - threshold, 0) * increment * |d|, maximum * |d| * S)   in USD

    Attributes
    ----------
    name : str
    threshold : ByName
        USD, by unit.
    increment : ByName
        Fraction per coin of delta, by unit.
    maximum : ByName
        Fraction of the delta's worth, by unit.
    """

    name: str
    threshold: ByName
    increment: ByName
    maximum: ByName

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Deltas of options and of the rest, and the parameters of the units."""
        delta = sensitivities.delta
        column = np.zeros((len(delta), 2), dtype=np.int32)
        column[sensitivities.option] = 1, 2
        threshold, increment, maximum = (
            sensitivities.parameter(p) for p in (self.threshold, self.increment, self.maximum)
        )
        beyond = np.column_stack((sensitivities.index, threshold[:-1], increment[:-1], maximum[:-1], sensitivities.per_usd))
        return PreparedDeltaConcentration(delta, column, np.ascontiguousarray(beyond.T))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedDeltaConcentration:
    """`DeltaConcentrationCharge` for one market.

    Attributes
    ----------
    delta : ndarray of float64, shape (n_rows,)
        Of one contract.
    column : ndarray of int32, shape (n_rows, 2)
        Where a long and a short position of each row counts: 1 and 2 for options, 0 for everything else.
    parameters : ndarray of float64, shape (5, n_units)
        Index, threshold, increment, maximum, and pool currency per USD.
    """

    delta: Array
    column: Codes
    parameters: Array

    def __call__(self, lines: Lines, units: Segments, leaves: Segments) -> Array:
        """The charge on the delta of each unit."""
        linear, bought, sold = kernels.split_sums(units.start, lines.row, lines.quantity, self.delta, self.column, 3)
        rest = linear + sold
        size = np.abs(np.minimum(np.maximum(bought + rest, np.minimum(rest, 0.0)), np.maximum(rest, 0.0)))
        index, threshold = self.parameters[:2]
        charge = np.zeros(len(units))
        over = np.flatnonzero(~(kernels.products(units.code, size, index) <= threshold.take(units.code)) & (size != 0))
        if len(over):  # few are
            beyond = self.parameters[:, units.code[over]]
            charge[over] = beyond_threshold(size[over], *beyond, least=np.minimum, most=np.maximum)
        return charge


def beyond_threshold(
    delta: Any, index: Any, threshold: Any, increment: Any, maximum: Any, per_usd: Any, *, least: Any, most: Any
) -> Any:
    """The formula of `DeltaConcentrationCharge` for a delta >= 0; `least` and `most` are those of arrays or of numbers."""
    worth = delta * index
    excess = most(worth - threshold, 0.0) * increment * delta
    return least(excess, maximum * worth) * per_usd


@dataclass(frozen=True, slots=True)
class GivenCharge:
    """A charge that is known from elsewhere, the same for every unit, in the pool's currency.

    Attributes
    ----------
    name : str
    amount : float
    """

    name: str
    amount: float

    def prepare(self, sensitivities: Sensitivities) -> PreparedCharge:
        """Nothing to do."""
        return lambda lines, units, leaves: np.full(len(units), self.amount)


DeltaBasis = Callable[[Market], Array]
"""Delta of one coin of each option, shape (n,)."""


def black_delta(market: Market) -> Array:
    """Black-76 delta of each option with respect to its forward, nan for other instruments."""
    options = is_option(market)
    inputs = (market.forward, market.strike, market.years, market.vol, market.option_sign)
    delta = np.full(len(market), np.nan)
    delta[options] = black76(*(a[options] for a in inputs)).delta
    return delta


def price_adjusted_delta(market: Market) -> Array:
    """Black-76 delta less the option's mark: the delta of an inverse option whose premium is held in coin."""
    return black_delta(market) - np.where(market.inverse, market.mark, 0.0)


def coin_delta(market: Market) -> Array:
    """Black-76 delta of each option, of an inverse one less its Black-76 price in coin; nan for other instruments.

    As `price_adjusted_delta`, but of the model's price, so that it does not depend on how the option is marked.
    """
    options = is_option(market)
    inputs = (market.forward, market.strike, market.years, market.vol, market.option_sign)
    greeks = coin_greeks(*(a[options] for a in inputs))
    delta = np.full(len(market), np.nan)
    delta[options] = greeks.delta + np.where(market.inverse[options], 0.0, greeks.price)
    return delta


def settlement_decay(minutes_to_expiry: Array, window_minutes: float) -> Array:
    """Share of delta left while the settlement price is averaged: 1 before the window, then linearly down to 0 at expiry."""
    if window_minutes == 0:
        return np.ones_like(minutes_to_expiry)
    return np.clip(np.asarray(minutes_to_expiry) / window_minutes, 0.0, 1.0)


def deltas(market: Market, *, option_delta: DeltaBasis, window_minutes: float) -> Array:
    """Delta of one contract of each instrument in coin, decaying inside the settlement window, shape (n,)."""
    per_coin = np.where(is_option(market), option_delta(market), 1.0)
    minutes = (market.expiry - market.time) / np.timedelta64(1, "m")
    left = np.where(np.isnat(market.expiry), 1.0, settlement_decay(minutes, window_minutes))
    return per_coin * coin_per_contract(market) * left
