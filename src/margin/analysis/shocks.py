"""A shock: what happens to prices, vols, time, haircuts, pegs and correlations, applied to a market and a regime.

A shocked market is a market like any other, so an analysis assesses the whole book anew in it: P&L, option values, collateral
and requirement move together.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.by_name import ByName
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.models.history import History
from margin.models.history_stress import loosened, pulled
from margin.pools import Collateral, DiscountTiers
from margin.pricing import model_marks
from margin.regime import Regime

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shock:
    """What happens, all at once. Every number is 0 where nothing happens, so shocks can be scaled and added.

    Attributes
    ----------
    price : float
        Relative move of every coin, in USD: of each currency that is the base of an instrument. -0.2 is a fall by a fifth.
    coins : Mapping of str to float
        Relative moves of single currencies instead; of collateral too that is no instrument's base.
    follows : Mapping of str to str
        Currency -> coin whose move it takes (a staked coin).
    vol : float
        Relative change of every implied volatility.
    vol_points : float
        Added to every implied volatility, fraction per year.
    days : float
        Days that pass, >= 0. What expires on the way stands at its payoff. Nothing is funded, settled or paid out.
    haircut : float
        Added to every haircut that is not zero, at most up to 1. Where there are discount tiers, it is taken off the rates of
        those currencies that have a rate below one.
    haircuts : Mapping of str to float
        Added to the haircuts of single currencies instead, zero or not.
    depeg : Mapping of str to float
        Fraction of its USD price that a currency loses. Coins keep their USD price: what is quoted in that currency rises.
    correlation : float
        In [-1, 1]: above zero the correlations of a history are pulled towards one by this fraction, below zero towards none.
        Only models of histories have any, and others refuse it.

    Notes
    -----
    With ``f`` the factor on the USD price of each currency, everything quoted as base over quote (index, mark of a future,
    forward, order price band of a future) moves by ``f[base] / f[quote]``. The mark of an option moves by the difference of its
    Black-76 values after and before, at its forward and volatility, from the recorded mark, and not below zero: without a shock
    it is the recorded one. The part of a forward that a settlement average has fixed stays. Funding is left out.

    Examples
    --------
    >>> Shock(price=-0.2, vol=0.5)
    Shock(price -20 %, vol +50 %)
    >>> Shock(price=-1.0).scaled(0.1) + Shock(coins={"ETH": 0.05})
    Shock(price -10 %, ETH -5 %)
    """

    price: float = 0.0
    coins: Mapping[str, float] = field(default_factory=dict)
    follows: Mapping[str, str] = field(default_factory=dict)
    vol: float = 0.0
    vol_points: float = 0.0
    days: float = 0.0
    haircut: float = 0.0
    haircuts: Mapping[str, float] = field(default_factory=dict)
    depeg: Mapping[str, float] = field(default_factory=dict)
    correlation: float = 0.0

    def __post_init__(self) -> None:
        for name, value in self._numbers():
            if not np.isfinite(value):
                raise ValueError(f"{name}={value!r} is not a finite number")

    def _numbers(self) -> list[tuple[str, float]]:
        numbers: list[tuple[str, float]] = []
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name == "follows":
                continue
            numbers += [(f"{f.name}[{k!r}]", v) for k, v in value.items()] if isinstance(value, Mapping) else [(f.name, value)]
        return numbers

    def __repr__(self) -> str:
        """What happens, in words."""
        words = [
            *([f"price {self.price:+.4g}"] if self.price else []),
            *(f"{coin} {move:+.4g}" for coin, move in self.coins.items()),
            *([f"vol {self.vol:+.4g}"] if self.vol else []),
            *([f"vol points {self.vol_points:+.4g}"] if self.vol_points else []),
            *([f"haircut {self.haircut:+.4g}"] if self.haircut else []),
            *(f"haircut of {currency} {up:+.4g}" for currency, up in self.haircuts.items()),
            *(f"depeg of {currency} {-lost:+.4g}" for currency, lost in self.depeg.items()),
            *([f"correlation {self.correlation:+.4g}"] if self.correlation else []),
        ]
        in_percent = [f"{what} {100 * float(value):+.4g} %" for what, value in (word.rsplit(" ", 1) for word in words)]
        return f"Shock({', '.join([*in_percent, *([f'{self.days:g} days'] if self.days else [])])})"

    def scaled(self, by: float) -> Shock:
        """Every number of it times a factor."""

        def times(value: Any) -> Any:
            return {k: by * v for k, v in value.items()} if isinstance(value, Mapping) else by * value

        return Shock(**{f.name: _field(self, f.name, times) for f in dataclasses.fields(self)})

    def __add__(self, other: Shock) -> Shock:
        """Both at once, number by number."""
        if not isinstance(other, Shock):
            return NotImplemented
        return Shock(
            price=self.price + other.price,
            coins=_summed(self.coins, other.coins, self.price, other.price),
            follows={**self.follows, **other.follows},
            vol=self.vol + other.vol,
            vol_points=self.vol_points + other.vol_points,
            days=self.days + other.days,
            haircut=self.haircut + other.haircut,
            haircuts=_summed(self.haircuts, other.haircuts, self.haircut, other.haircut),
            depeg=_summed(self.depeg, other.depeg, 0.0, 0.0),
            correlation=self.correlation + other.correlation,
        )

    def apply(self, market: Market, regime: Regime) -> tuple[Market, Regime]:
        """The market and the rules after the shock.

        Raises
        ------
        DataError
            If a currency is unknown to the market, loses all its price, or a vol falls below zero.
        ParameterError
            If correlations change and the regime's model has none.
        """
        return self.market(market), self.rules(regime)

    def market(self, market: Market) -> Market:
        """The market after the shock."""
        factor = self._factors(market)
        if (factor == 1.0).all() and not (self.vol or self.vol_points or self.days):
            return market
        if self.days < 0:
            raise DataError(f"{self.days:g} days pass", table="shock", column="days", hint="Time does not run backwards.")
        pair = factor[market.base] / factor[market.quote]
        option = market.option_sign != 0
        vol = market.vol * (1.0 + self.vol) + self.vol_points
        if (vol[option] < 0).any():
            row = int(np.flatnonzero(option & (vol < 0))[0])
            problem = f"the volatility of {market.instruments[row]!r} falls to {vol[row]:g}"
            raise DataError(problem, table="shock", column="vol", value=float(vol[row]), hint="Let it fall by less.")
        time = market.time + np.timedelta64(round(self.days * 86_400_000), "ms")
        moved = replace(market, expiry=np.maximum(market.expiry, time)).with_(
            time=time,
            mark=np.where(option, market.mark, market.mark * pair),
            forward=market.fixed_forward + (market.forward - market.fixed_forward) * pair,
            vol=vol,
            index_price=market.index_price * pair,
            min_price=np.where(option, market.min_price, market.min_price * pair),
            max_price=np.where(option, market.max_price, market.max_price * pair),
            usd=market.usd * factor,
        )
        value = model_marks(moved)
        by_difference = np.maximum(market.mark + (value - model_marks(market)), 0.0)
        expired = option & (moved.years == 0.0) & (market.years > 0.0)
        return moved.with_(mark=np.where(option & ~expired, by_difference, value))

    def _factors(self, market: Market) -> Array:
        """Factor on the USD price of each currency, shape (m,)."""
        named = {**self.coins, **self.follows, **self.depeg}
        for currency in (*named, *self.follows.values()):
            if currency not in market.currencies:
                problem = f"the market has no currency {currency!r}"
                raise DataError(problem, table="shock", value=currency, hint=f"It has {', '.join(market.currencies)}.")
        traded = np.zeros(len(market.currencies), dtype=np.bool_)
        traded[market.base] = True
        move = {name: self.coins.get(name, self.price if traded[c] else 0.0) for c, name in enumerate(market.currencies)}
        move |= {name: move[coin] for name, coin in self.follows.items() if name not in self.coins}
        factor = np.array([(1.0 + move[name]) * (1.0 - self.depeg.get(name, 0.0)) for name in market.currencies])
        lost = np.flatnonzero(factor <= 0)
        if len(lost):
            problem = f"the price of {market.currencies[int(lost[0])]} falls to {factor[lost[0]]:g} of what it was"
            raise DataError(problem, table="shock", column="price", hint="A move is above -1, a depeg below 1.")
        return factor

    def rules(self, regime: Regime) -> Regime:
        """The regime after the shock."""
        if not (self.haircut or self.haircuts or self.correlation):
            return regime
        model = regime.model
        if self.correlation:
            if not -1.0 <= self.correlation <= 1.0:
                raise DataError(f"correlation {self.correlation:g} is outside [-1, 1]", table="shock", column="correlation")
            model = _with_correlations(model, self.correlation)
            if model is regime.model:
                raise ParameterError(
                    f"{regime.name} has no history whose correlations could change. Use a historical or hybrid model.",
                    name="history",
                    scope=regime.name,
                )
        collateral = self._collateral(regime.collateral) if self.haircut or self.haircuts else regime.collateral
        own = {account: self.rules(rules) for account, rules in regime.overrides.items()}
        return replace(regime, model=model, collateral=collateral, overrides=own)

    def _collateral(self, collateral: Collateral) -> Collateral:
        def raised(haircut: ByName) -> ByName:
            def of(currency: str) -> float:
                before = haircut.of(currency)
                up = self.haircuts.get(currency, self.haircut if before else 0.0)
                return float(np.clip(before + up, 0.0, 1.0))

            return ByName(haircut.parameter, of)

        def lowered(currency: str, tiers: DiscountTiers) -> DiscountTiers:
            up = self.haircuts.get(currency, self.haircut if min(tiers.rate) < 1 else 0.0)
            return replace(tiers, rate=tuple(float(np.clip(rate - up, 0.0, 1.0)) for rate in tiers.rate))

        initial = collateral.initial_haircut
        return replace(
            collateral,
            haircut=raised(collateral.haircut),
            initial_haircut=None if initial is None else raised(initial),
            tiers={currency: lowered(currency, tiers) for currency, tiers in collateral.tiers.items()},
        )


def _field(shock: Shock, name: str, change: Any) -> Any:
    value = getattr(shock, name)
    return value if name == "follows" else change(value)


def _summed(one: Mapping[str, float], other: Mapping[str, float], else_one: float, else_other: float) -> dict[str, float]:
    return {name: one.get(name, else_one) + other.get(name, else_other) for name in {**one, **other}}


def _with_correlations(part: Any, k: float) -> Any:
    """A model with the correlations of every history in it changed; itself where it holds none."""
    if isinstance(part, History):
        return pulled(part, k, keep="moves") if k > 0 else loosened(part, -k, keep="moves")
    if isinstance(part, tuple):
        changed = tuple(_with_correlations(item, k) for item in part)
        return part if all(a is b for a, b in zip(part, changed, strict=True)) else changed
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return part
    values = {f.name: getattr(part, f.name) for f in dataclasses.fields(part) if f.init}
    changes = {name: _with_correlations(value, k) for name, value in values.items()}
    changes = {name: value for name, value in changes.items() if value is not values[name]}
    return replace(part, **changes) if changes else part
