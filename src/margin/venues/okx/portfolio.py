"""Portfolio margin: risk units merged per coin, MR1 to MR9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from margin.by_name import ByName
from margin.models.charges import Charge, ExpiryDeltaCharge, coin_delta
from margin.models.collateral_lines import BorrowCharge
from margin.models.combine import Factors
from margin.models.depeg import DepegCharge, DepegTiers
from margin.models.minimum_charges import DeltaOneCharge, OptionSlippageCharge, ScaledCharge
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ListedGrid
from margin.models.shocks import (
    DOWN,
    DOWN_BY_FRACTION,
    DOWN_BY_LARGER,
    SAME,
    UP,
    UP_BY_FRACTION,
    UP_BY_LARGER,
    DeferredVolShock,
    TenorVolShock,
    UnchangedVol,
)
from margin.models.stress_charges import StressCharge, TermStructureCharge, TimeDecayCharge, UnknownCharge, YieldCurveCharge
from margin.models.units import UNIT_SEPARATOR
from margin.models.valuation import Valuation
from margin.params import Parameters
from margin.rates import RateTable

GROUPS = ("btc_eth", "group2")
OTHERS = "others"
VOL_RULES = {
    "max_loss": (UP, UP_BY_FRACTION, SAME, DOWN, DOWN_BY_FRACTION),
    "larger_shift": (UP_BY_LARGER, SAME, DOWN_BY_LARGER),
    "points": (UP, SAME, DOWN),
    "fraction": (UP_BY_FRACTION, SAME, DOWN_BY_FRACTION),
}
PAIRS = (("USDT", "USD"), ("USDT", "USDC"), ("USDC", "USD"))
DOLLARS = {"USD", "USDT", "USDC"}
"""Currencies whose equity is no position: MR9 is their risk, and it is one of contracts."""
INDEX_MOVES = Valuation(moves="index")


def coin_of(unit: str) -> str:
    """The coin of a unit, whether units are merged or not."""
    return unit.partition(UNIT_SEPARATOR)[0]


@dataclass(frozen=True, slots=True)
class _Coins:
    """Parameters by unit: those of its coin, else of the coin's group."""

    p: Parameters

    def group(self, coin: str) -> str:
        """The group that lists a coin."""
        listed = (group for group in GROUPS if coin in self.p.texts(f"pm.group.{group}.coins"))
        return next(listed, OTHERS)

    def name(self, unit: str, field: str) -> str:
        """Full name of a parameter of a unit."""
        coin = coin_of(unit)
        own = f"pm.coin.{coin}.{field}"
        return own if own in self.p else f"pm.group.{self.group(coin)}.{field}"

    def of(self, field: str) -> ByName:
        """A number by unit."""
        return ByName(field, lambda unit: self.p.number(self.name(unit, field)))

    def both_ways(self, field: str) -> Callable[[str], tuple[float, ...]]:
        """Moves by unit, down and up, with no move between where there are several."""
        return lambda unit: _both_ways(self.p.numbers(self.name(unit, field)))

    def tiers(self, unit: str) -> RateTable:
        """Incremental multipliers of the minimum charge."""
        return RateTable.incremental(*(self.p.numbers(self.name(unit, f"mr7_{part}")) for part in ("bounds", "multipliers")))


def model(p: Parameters, *, vol_rule: str, close: str, interest: bool, option_basis: bool, merged: bool) -> PortfolioModel:
    """Unit MMR = max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5 + MR9, MR7), IMR a multiple of it, debts (MR8) beside both.

    Parameters
    ----------
    p : Parameters
    vol_rule : str
        One of `VOL_RULES`.
    close : {"fee", "fixed"}
        Closing cost of options in the minimum charge.
    interest : bool
        Whether moves of the yield curve are charged (MR5).
    option_basis : bool
        Whether deltas of options count in the basis charge (MR4).
    merged : bool
        Whether a unit holds contracts of all settlement currencies.
    """
    coins = _Coins(p)
    multiplier = p.number("pm.imr_multiplier")
    return PortfolioModel(
        scenarios=ListedGrid(coins.both_ways("mr1_moves"), VOL_RULES[vol_rule]),
        vol_shock=DeferredVolShock(TenorVolShock.columns, lambda: _vol_shock(p)),
        valuation=INDEX_MOVES,
        competing=(
            TimeDecayCharge("time_decay", p.number("pm.mr2_days")),
            StressCharge(
                "extreme_move", ListedGrid(coins.both_ways("mr6_move")), UnchangedVol(), p.number("pm.mr6_share"), INDEX_MOVES
            ),
        ),
        charges=(
            _term_structure(p),
            ExpiryDeltaCharge(
                "basis",
                coins.of("mr4_annualised"),
                coins.of("mr4_perpetual"),
                growth="simple",
                options=option_basis,
                priced_at="mark",
            ),
            *([_yield_curve(p)] if interest else []),
            DepegCharge("depeg", PAIRS, lambda: _depeg_tiers(p)),
        ),
        minimum=ScaledCharge("minimum", (DeltaOneCharge("futures", coins.of("mr7_rate")), _slippage(p, close)), coins.tiers),
        initial=Factors(multiplier),
        order_sets=True,
        borrow=BorrowCharge("borrow", _borrow(p, "imr"), _borrow(p, "mmr")),
        option_delta=coin_delta,
        collateral_unit=lambda currency: None if currency in DOLLARS else currency,
        hedging_only=True,
        unit_by_settlement=not merged,
        leaf_by_settlement=False,
    )


def _vol_shock(p: Parameters) -> TenorVolShock:
    tenors, points, fraction = (p.numbers(f"pm.vol.{name}") for name in ("tenors", "points", "fraction"))
    return TenorVolShock(tenors, points, fraction, p.number("pm.vol.floor"))


def _term_structure(p: Parameters) -> Charge:
    """MR3; refused by name where its share is not known."""
    if "pm.mr3.share" not in p:
        return UnknownCharge("term_structure", "pm.mr3.share")
    share = ByName("share", p.number("pm.mr3.share"))
    return TermStructureCharge("term_structure", p.numbers("pm.vol.tenors"), p.numbers("pm.vol.points"), share)


def _yield_curve(p: Parameters) -> Charge:
    """MR5; refused by name where its moves are not known."""
    if "pm.mr5.moves" not in p:
        return UnknownCharge("yield_curve", "pm.mr5.moves")
    tenors, level, slope = (p.numbers(f"pm.mr5.{name}") for name in ("tenors", "level", "slope"))
    return YieldCurveCharge("yield_curve", tenors, level, slope, tuple((a, b) for a, b in p.rows("pm.mr5.moves")))


def _depeg_tiers(p: Parameters) -> DepegTiers:
    """Tiers of MR9."""
    return DepegTiers(p.numbers("pm.mr9.bounds"), p.numbers("pm.mr9.prices"), p.rows("pm.mr9.factors"))


def _slippage(p: Parameters, close: str) -> OptionSlippageCharge:
    """Minimum charge of options; its parameters are asked for by coin where options are held."""
    section = "pm.option"
    return OptionSlippageCharge(
        "options",
        least=ByName("mr7_slip_min", lambda unit: p.number(f"{section}.{coin_of(unit)}.mr7_slip_min")),
        per_delta=lambda: p.number(f"{section}.mr7_slip_per_delta"),
        close=(lambda: (p.number(f"{section}.mr7_close_fee"), p.number(f"{section}.mr7_close_cap")))
        if close == "fee"
        else (lambda: (p.number(f"{section}.mr7_close_fixed"), np.inf)),
        delta=coin_delta,
    )


def _borrow(p: Parameters, rate: str) -> Callable[[str], RateTable]:
    """Tiers of a currency's debt, on the whole debt, bounds in units of the currency."""
    return lambda currency: RateTable.whole(p.numbers(f"borrow.{currency}.bounds"), p.numbers(f"borrow.{currency}.{rate}"))


def _both_ways(up: tuple[float, ...]) -> tuple[float, ...]:
    return (*(-x for x in reversed(up)), *up) if len(up) == 1 else (*(-x for x in reversed(up)), 0.0, *up)
