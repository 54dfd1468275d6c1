"""Market paths: shocks in steps, recorded rows, jumps; and the market at each of their instants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.market import DAYS_A_YEAR, OPTION, PERPETUAL, Market
from margin.pricing import model_marks

Array = NDArray[np.float64]

KINDS = ("price", "vol", "usd", "funding")
_YEAR = DAYS_A_YEAR * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """The market at one instant of a path, against its start; what is not named stays as it was.

    Attributes
    ----------
    seconds : float
        Since the start.
    price : mapping of str to float
        USD price of a coin as a multiple of its first.
    vol : mapping of str to float
        Implied volatilities of a coin's options as a multiple.
    usd : mapping of str to float
        Price of a currency as a multiple, on top of its price as a coin: a stablecoin off its peg.
    funding : mapping of str to float
        Paid by longs of a coin's perpetuals since the last instant, as a fraction of their value.
    """

    seconds: float
    price: Mapping[str, float] = field(default_factory=dict)
    vol: Mapping[str, float] = field(default_factory=dict)
    usd: Mapping[str, float] = field(default_factory=dict)
    funding: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Path:
    """Instants in order of time.

    Attributes
    ----------
    instants : tuple of Instant
    """

    instants: tuple[Instant, ...]

    def __post_init__(self) -> None:
        last = 0.0
        for i, instant in enumerate(self.instants):
            if not instant.seconds >= last:
                _refuse(f"{instant.seconds} seconds after {last}", "seconds", i, "Give instants in order of time, from 0 on.")
            last = instant.seconds
            for kind in KINDS:
                for name, value in getattr(instant, kind).items():
                    if not (np.isfinite(value) and (kind == "funding" or value > 0)):
                        _refuse(f"{value} is no {kind}", f"{kind}.{name}", i, "Multiples are above 0, funding is finite.")

    def __len__(self) -> int:
        return len(self.instants)

    def __iter__(self) -> Iterator[Instant]:
        return iter(self.instants)

    @classmethod
    def shock(
        cls,
        *,
        steps: int,
        seconds: float,
        price: Mapping[str, float] | None = None,
        vol: Mapping[str, float] | None = None,
        usd: Mapping[str, float] | None = None,
        funding: Mapping[str, float] | None = None,
    ) -> Path:
        """Relative moves reached in equal steps, each some seconds after the other.

        Parameters
        ----------
        steps : int
        seconds : float
            From one step to the next.
        price, vol, usd : mapping of str to float, optional
            Relative move at the end: ``{"BTC": -0.3}``.
        funding : mapping of str to float, optional
            Rate of every step.
        """
        if steps < 1:
            raise ValueError(f"steps={steps} must be 1 or more")
        ends = {"price": price or {}, "vol": vol or {}, "usd": usd or {}}
        return cls(
            tuple(
                Instant(
                    seconds=i * seconds,
                    funding=dict(funding or {}),
                    **{kind: {name: 1.0 + move * i / steps for name, move in end.items()} for kind, end in ends.items()},
                )
                for i in range(1, steps + 1)
            )
        )

    @classmethod
    def of_columns(cls, columns: Mapping[str, Sequence[float]]) -> Path:
        """A path from a table: ``seconds``, and ``price.BTC``, ``vol.BTC``, ``usd.USDC``, ``funding.BTC`` and the like.

        Raises
        ------
        DataError
            If a column has another name, or a value is missing or of no use.
        """
        named = {name: name.partition(".") for name in columns if name != "seconds"}
        for name, (kind, _, of) in named.items():
            if kind not in KINDS or not of:
                known = ", ".join(f"{kind}.<name>" for kind in KINDS)
                raise DataError(f"no column {name!r} in a path", table="path", column=name, hint=f"Columns are seconds, {known}.")
        if "seconds" not in columns:
            raise DataError("a path needs the column seconds", table="path", column="seconds", hint="Add it.")
        instants = []
        for i, seconds in enumerate(columns["seconds"]):
            values: dict[str, dict[str, float]] = {kind: {} for kind in KINDS}
            for name, (kind, _, of) in named.items():
                values[kind][of] = float(columns[name][i])
            instants.append(Instant(seconds=float(seconds), **values))
        return cls(tuple(instants))

    @classmethod
    def of_moves(cls, coins: Sequence[str], moves: Array, *, seconds: float) -> Path:
        """A path that repeats recorded joint moves of prices.

        Parameters
        ----------
        coins : sequence of str, length c
        moves : ndarray of float64, shape (t, c)
            Relative move of each coin in each step, as in a history of scenarios.
        seconds : float
            From one step to the next.
        """
        level = np.cumprod(1.0 + np.asarray(moves, dtype=np.float64), axis=0)
        return cls(
            tuple(
                Instant(seconds=(i + 1) * seconds, price=dict(zip(coins, row.tolist(), strict=True)))
                for i, row in enumerate(level)
            )
        )

    @classmethod
    def jumps(
        cls,
        coins: Sequence[str],
        *,
        steps: int,
        seconds: float,
        seed: int,
        vol: float,
        jumps_a_year: float,
        jump: float,
        jump_deviation: float,
    ) -> Path:
        """Lognormal prices with jumps that hit all coins at once; the same seed gives the same path.

        Parameters
        ----------
        coins : sequence of str
        steps : int
        seconds : float
        seed : int
        vol : float
            Of the diffusion, per year; it is independent between coins.
        jumps_a_year : float
            Mean number of jumps.
        jump, jump_deviation : float
            Mean and standard deviation of the log move of one jump.
        """
        random = np.random.default_rng(seed)
        years = seconds / _YEAR
        diffusion = random.normal(-vol * vol * years / 2.0, vol * np.sqrt(years), (steps, len(coins)))
        count = random.poisson(jumps_a_year * years, steps)
        jumped = count * jump + np.sqrt(count) * jump_deviation * random.standard_normal(steps)
        return cls.of_moves(coins, np.expm1(diffusion + jumped[:, None]), seconds=seconds)


def moved(start: Market, instant: Instant, displaced: Array | None = None, *, ageing: bool = True) -> Market:
    """The market at an instant of a path.

    A pair moves as its coin does against its quote currency. Futures keep their basis as a fraction; options are priced by
    Black-76 at their moved forward and volatility, and keep what their first mark differed from the model, in coin.

    Parameters
    ----------
    start : Market
    instant : Instant
    displaced : ndarray of float64, shape (n_currencies,), optional
        Further multiples of the coins' prices, left behind by trades.
    ageing : bool
        Whether time passes for options.

    Raises
    ------
    DataError
        If the path names what the market lacks, or goes beyond an expiry.
    """
    price = _by_currency(start, instant.price, "price")
    if displaced is not None:
        price = price * displaced
    usd = price * _by_currency(start, instant.usd, "usd")
    vol = _by_currency(start, instant.vol, "vol")[start.base]
    factor = usd[start.base] / usd[start.quote]
    option = start.kind == OPTION
    time = start.time + np.timedelta64(round(instant.seconds * 1000), "ms") if ageing else start.time
    gone = np.flatnonzero(start.expiry <= time)
    if len(gone):
        problem = f"{start.instruments[int(gone[0])]!r} expires on the path; settlement is not simulated"
        raise DataError(problem, table="path", column="seconds", value=instant.seconds, count=len(gone), hint="End it before.")
    premium = start.mark - model_marks(start)
    market = start.with_(
        time=time,
        mark=np.where(option, start.mark, start.mark * factor),
        forward=start.forward * factor,
        fixed_forward=start.fixed_forward * factor,
        vol=np.where(option, start.vol * vol, start.vol),
        index_price=start.index_price * factor,
        usd=start.usd * usd,
    )
    kept = premium * np.where(start.inverse, 1.0, factor)
    return market.with_(mark=np.where(option, np.maximum(model_marks(market) + kept, 0.0), market.mark))


def funding_rates(market: Market, instant: Instant) -> Array:
    """Funding of each instrument since the last instant, fraction of value, paid by longs; shape (n_instruments,)."""
    rate = _by_currency(market, instant.funding, "funding", otherwise=0.0)
    return np.where(market.kind == PERPETUAL, rate[market.base], 0.0)


def _by_currency(market: Market, given: Mapping[str, float], kind: str, *, otherwise: float = 1.0) -> Array:
    values = np.full(len(market.currencies), otherwise)
    for name, value in given.items():
        if name not in market.currencies:
            problem = f"the path moves {name}, which is not in the market"
            raise DataError(problem, table="path", column=f"{kind}.{name}", hint=f"It has {', '.join(market.currencies)}.")
        values[market.currencies.index(name)] = value
    return values


def _refuse(problem: str, column: str, row: int, hint: str) -> None:
    raise DataError(problem, table="path", column=column, row=row, hint=hint)
