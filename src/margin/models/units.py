"""Risk units: which rows stand together, and the rows of a market that a model is asked about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.contracts import is_option, settlement_value
from margin.errors import DataError
from margin.market import Market
from margin.models.leaves import expiry_leaves, strike_leaves

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Flags = NDArray[np.bool_]
Scalar = TypeVar("Scalar", np.float64, np.bool_)

UNIT_SEPARATOR = "/"
"""Between coin and settlement currency in the names of units that stand apart by both."""

CollateralUnit = Callable[[str], str | None]
"""Currency -> coin whose unit its equity joins, None where it stays out of all units."""


@dataclass(frozen=True, slots=True, eq=False)
class UsedRows:
    """Rows in use (instruments, then currencies) and their units.

    A unit is the underlying coin where pools count in one money, else the price index.

    Attributes
    ----------
    market : Market
        n instruments, m currencies.
    in_usd : bool
        Whether pools count in one money, else in settlement currency.
    used : ndarray of bool, shape (n + m,)
    unit : ndarray of int32, shape (n + m,)
        Unit of each row, -1 for rows that are not in use or in no unit.
    units : tuple of str
        Names of the units.
    leaf : ndarray of int32, shape (n + m,)
        Code of (unit, settlement currency, expiry) of each row.
    strike : ndarray of int32, shape (n + m,)
        Code of (leaf, strike) of each row.
    """

    market: Market
    in_usd: bool
    used: Flags
    unit: Codes
    units: tuple[str, ...]
    leaf: Codes
    strike: Codes

    @classmethod
    def of(
        cls,
        market: Market,
        *,
        in_usd: bool,
        used: Flags,
        collateral_unit: CollateralUnit | None = None,
        admitted: tuple[str, ...] | None = None,
        by_settlement: bool = True,
        unit_by_settlement: bool = False,
    ) -> UsedRows:
        """Units of the rows in use.

        Parameters
        ----------
        market : Market
        in_usd : bool
        used : ndarray of bool, shape (n + m,)
        collateral_unit : callable or None
        admitted : tuple of str or None
            The only units that may be held, all if None.
        by_settlement : bool
            Whether leaves tell settlement currencies apart.
        unit_by_settlement : bool
            Whether units of one money do, too; they are then named ``coin/currency``.

        Raises
        ------
        DataError
            If collateral joins the unit of a coin that the market does not know, or an instrument stands in a unit that is not
            admitted.
        """
        n = len(market)
        names = market.currencies if in_usd else market.indices
        code = np.full(len(used), -1, dtype=np.int64)
        code[:n] = market.base if in_usd else market.index
        if in_usd and collateral_unit is not None:
            for c in np.flatnonzero(used[n:]):
                coin = collateral_unit(market.currencies[c])
                if coin is not None:
                    code[n + c] = _code_of(coin, market)
        code[~used] = -1
        if admitted is not None:
            _refuse_others(market, names, code[:n], admitted)
        placed = code >= 0
        if unit_by_settlement and in_usd:
            money = code.copy()  # coin stands with the contracts that settle in it
            money[:n] = market.settlement
            code[placed] = code[placed] * len(names) + money[placed]
            names = tuple(f"{coin}{UNIT_SEPARATOR}{settled}" for coin in names for settled in names)
        present, number = np.unique(code[placed], return_inverse=True)
        unit = np.full(len(used), -1, dtype=np.int32)
        unit[placed] = number.reshape(-1)
        leaf = expiry_leaves(market, unit, by_settlement=by_settlement)
        return cls(market, in_usd, used, unit, tuple(names[c] for c in present), leaf, strike_leaves(market, leaf))

    @property
    def options(self) -> Flags:
        """Options in use, shape (n + m,)."""
        return np.asarray(self.used & self.padded(is_option(self.market)))

    @property
    def to_pool(self) -> Array:
        """Pool currency per unit of settlement currency, 0 for currencies, shape (n + m,)."""
        return self.padded(settlement_value(self.market) if self.in_usd else np.ones(len(self.market)))

    def padded(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Values of the instruments, and zeros for the currencies."""
        return np.concatenate((values, np.zeros(len(self.market.currencies), dtype=values.dtype)))

    def parameter(self, values: ByName, chosen: Flags) -> Array:
        """A parameter by unit on the chosen rows, nan on the others, shape (n + m,)."""
        return parameter_by_row(values, unit=self.unit, units=self.units, chosen=chosen)


def parameter_by_row(values: ByName, *, unit: Codes, units: tuple[str, ...], chosen: Flags) -> Array:
    """A parameter of the unit of each chosen row, nan on the others; units without a chosen row are not asked for it."""
    of_unit = np.full(len(units) + 1, np.nan)
    for code in np.unique(unit[chosen]):
        of_unit[code] = values.of(units[code])
    return np.where(chosen, of_unit[unit], np.nan)


def _refuse_others(market: Market, names: tuple[str, ...], code: NDArray[np.int64], units: tuple[str, ...]) -> None:
    """Refuse instruments in use whose unit is not among the given ones."""
    wrong = np.flatnonzero((code >= 0) & ~np.isin(code, [names.index(unit) for unit in units if unit in names]))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"it stands in the unit {names[code[row]]}; this model margins {', '.join(units)} only",
            table="instruments",
            column="base",
            row=row,
            key={"instrument": market.instruments[row]},
            count=len(wrong),
            hint="Margin its accounts under the model of that unit.",
        )


def _code_of(coin: str, market: Market) -> int:
    if coin not in market.currencies:
        raise DataError(
            f"collateral joins the unit of the coin {coin!r}, which the market does not know",
            table="currencies",
            column="currency",
            value=coin,
            hint="Add the coin and its USD price.",
        )
    return market.currencies.index(coin)
