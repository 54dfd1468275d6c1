"""The synthetic market: coins, listed instruments, a smooth volatility surface and marks.

Two large coins have inverse perpetuals, futures and a full inverse option chain, and a linear perpetual; the smaller coins
have linear perpetuals, the first of them linear options too. Names follow the style ``BTC-27MAR26-90000-C``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from margin.pricing import black76

Array = NDArray[np.float64]
Columns = dict[str, NDArray[np.generic]]

YEAR = np.timedelta64(365, "D")
QUOTE = "USDC"
"""Quote and settlement currency of linear contracts."""


@dataclass(frozen=True, slots=True)
class Coin:
    """One underlying.

    Attributes
    ----------
    name : str
    price : float, USD
    vol : float
        Long-run at-the-money volatility per year.
    inverse : float
        USD per contract of its inverse futures; 0 where it has none.
    options : bool
    """

    name: str
    price: float
    vol: float
    inverse: float = 0.0
    options: bool = False


LARGE = (Coin("BTC", 68_700.0, 0.47, 10.0, True), Coin("ETH", 1_965.0, 0.62, 1.0, True))

# Ticker, price in USD, volatility; the first eight list options.
SMALL = tuple(
    Coin(name, price, vol, 0.0, rank < 8)
    for rank, (name, price, vol) in enumerate(
        (
            ("SOL", 86.4, 0.78), ("XRP", 1.47, 0.80), ("DOGE", 0.108, 0.92), ("BNB", 618.0, 0.58), ("ADA", 0.284, 0.88),
            ("AVAX", 9.21, 0.90), ("LINK", 8.83, 0.86), ("TRX", 0.279, 0.45), ("SUI", 0.987, 1.02), ("LTC", 55.1, 0.74),
            ("BCH", 541.0, 0.72), ("DOT", 1.36, 0.88), ("NEAR", 1.05, 0.99), ("UNI", 3.52, 0.95), ("AAVE", 123.0, 0.93),
            ("HYPE", 31.2, 1.05), ("PAXG", 5_012.0, 0.22), ("TON", 1.47, 0.84), ("XLM", 0.167, 0.86), ("HBAR", 0.101, 0.91),
            ("APT", 0.921, 0.98), ("ARB", 0.113, 1.01), ("OP", 0.186, 1.04), ("ATOM", 2.29, 0.83), ("FIL", 0.941, 0.94),
            ("ETC", 8.72, 0.79), ("ICP", 2.44, 0.97), ("INJ", 3.21, 1.03), ("TIA", 0.332, 1.14), ("SEI", 0.0741, 1.08),
            ("WLD", 0.389, 1.17), ("ENA", 0.117, 1.23), ("TAO", 187.0, 1.06), ("FET", 0.163, 1.11), ("LDO", 0.341, 1.07),
            ("CRV", 0.246, 1.09), ("ALGO", 0.0935, 0.93), ("VET", 0.00812, 0.96), ("PEPE", 0.0000043, 1.25), ("WIF", 0.221, 1.31),
        )
    )
)  # fmt: skip

COINS = LARGE + SMALL

# Currencies that are money or a claim on a coin, with what one unit is worth: USD, or coins.
CASH = {"USD": 1.0, "USDC": 1.0, "USDT": 0.9993, "USDE": 0.9991}
CLAIMS = {"STETH": ("ETH", 0.9995)}


@dataclass(frozen=True, slots=True)
class Listing:
    """Every listed instrument, one array entry each; what the book is drawn from.

    Attributes
    ----------
    name, kind, option_type : ndarray of str, shape (n,)
    coin : ndarray of int32
        Position in `COINS`.
    inverse : ndarray of bool
    contract_size, strike, mark, vol, forward, delta : ndarray of float64
        As in the tables; `delta` is dV/dF in coin per coin, 1 for delta-one instruments.
    expiry : ndarray of datetime64[ms]
    """

    name: NDArray[np.str_]
    kind: NDArray[np.str_]
    option_type: NDArray[np.str_]
    coin: NDArray[np.int32]
    inverse: NDArray[np.bool_]
    contract_size: Array
    strike: Array
    mark: Array
    vol: Array
    forward: Array
    delta: Array
    expiry: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.name)

    def take(self, which: NDArray[np.bool_]) -> Listing:
        """Some of the instruments."""
        return Listing(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    @property
    def option(self) -> NDArray[np.bool_]:
        """Which instruments are options."""
        return np.asarray(self.kind == "option")

    @property
    def coin_price(self) -> Array:
        """Index price of each instrument's coin."""
        return prices()[self.coin]

    @property
    def coins_per_contract(self) -> Array:
        """Size of one contract in coin."""
        in_quote = self.inverse & ~self.option
        return np.where(in_quote, self.contract_size / self.mark, self.contract_size)

    def perpetual_of(self, coin: int) -> int:
        """The instrument a market maker hedges `coin` with: its first perpetual."""
        return int(np.flatnonzero((self.coin == coin) & (self.kind == "perpetual"))[0])


def prices() -> Array:
    """Index price of every coin in USD, shape (coins,)."""
    return np.array([coin.price for coin in COINS])


def worth() -> dict[str, float]:
    """USD per unit of every currency."""
    coins = {coin.name: coin.price for coin in COINS}
    return coins | CASH | {name: factor * coins[coin] for name, (coin, factor) in CLAIMS.items()}


def listing(time: np.datetime64, instruments: int) -> Listing:
    """List about `instruments` instruments at `time`; the number of strikes gives way, not the number of coins.

    Parameters
    ----------
    time : datetime64
    instruments : int
    """
    rows: list[_Row] = []
    expiries = _expiries(time)
    for number, coin in enumerate(COINS):
        rows.extend(_delta_one(number, coin, time, expiries))
    # Of the remaining instruments 55 % go to the two large chains, over all expiries; the others list every second expiry.
    left = max(instruments - len(rows), 0)
    large = max(round(0.55 * left / (2 * len(LARGE) * len(expiries))), 1)
    optioned = [coin for coin in SMALL if coin.options]
    small = max(round(0.45 * left / (2 * len(optioned) * len(expiries[::2]))), 1)
    for number, coin in enumerate(COINS):
        if coin.options:
            dates, strikes = (expiries, large) if coin.inverse else (expiries[::2], small)
            for expiry in dates:
                rows.extend(_chain(number, coin, time, expiry, strikes))
    return _listing(rows, time)


class _Row(NamedTuple):
    """One instrument before its mark is known."""

    name: str
    kind: str
    coin: int
    contract_size: float
    forward: float
    inverse: bool = False
    expiry: np.datetime64 = np.datetime64("NaT", "ms")
    option_type: str = ""
    strike: float = np.nan
    vol: float = np.nan


def _listing(rows: list[_Row], time: np.datetime64) -> Listing:
    columns = {name: np.array(column) for name, column in zip(_Row._fields, zip(*rows, strict=True), strict=True)}
    option = columns["kind"] == "option"
    forward, inverse = columns.pop("forward"), columns["inverse"]
    mark, delta = forward.copy(), np.ones(len(rows))
    sign = np.where(columns["option_type"][option] == "call", 1.0, -1.0)
    years = (columns["expiry"][option] - time) / YEAR
    price, delta[option] = black76(forward[option], columns["strike"][option], years, columns["vol"][option], sign)
    mark[option] = np.where(inverse[option], price / forward[option], price)
    columns["coin"] = columns["coin"].astype(np.int32)
    return Listing(**columns, forward=forward, mark=mark, delta=delta)


def _delta_one(number: int, coin: Coin, time: np.datetime64, expiries: list[np.datetime64]) -> list[_Row]:
    rows = []
    if coin.inverse:
        rows.append(_Row(f"{coin.name}-PERPETUAL", "perpetual", number, coin.inverse, coin.price * 1.0002, True))
        for expiry in (e for e in expiries if _weekday(e) == FRIDAY):
            name = f"{coin.name}-{_date(expiry)}"
            rows.append(_Row(name, "future", number, coin.inverse, _forward(coin, time, expiry), True, expiry))
    size = float(10.0 ** np.floor(np.log10(20.0 / coin.price)))
    rows.append(_Row(f"{coin.name}_{QUOTE}-PERPETUAL", "perpetual", number, size, coin.price * 0.9999))
    return rows


def _chain(number: int, coin: Coin, time: np.datetime64, expiry: np.datetime64, strikes: int) -> list[_Row]:
    """Calls and puts on `strikes` strikes around the forward of one expiry."""
    forward = _forward(coin, time, expiry)
    years = float((expiry - time) / YEAR)
    at_the_money = _at_the_money(coin, years)
    deviation = at_the_money * float(np.sqrt(years))
    step = _nice(forward * 2.0 * float(np.sinh(2.2 * deviation + 0.06)) / strikes)
    lowest = max(round(forward / step) - strikes // 2, 1)
    inverse = coin.inverse > 0
    size = 1.0 if inverse else float(10.0 ** np.round(np.log10(1_500.0 / coin.price)))
    pair = coin.name if inverse else f"{coin.name}_{QUOTE}"
    rows = []
    for k in range(lowest, lowest + strikes):
        strike = float(f"{k * step:.10g}")
        vol = _smile(at_the_money, float(np.log(strike / forward)) / deviation)
        for option_type in ("call", "put"):
            name = f"{pair}-{_date(expiry)}-{_strike(strike)}-{option_type[0].upper()}"
            rows.append(_Row(name, "option", number, size, forward, inverse, expiry, option_type, strike, vol))
    return rows


def _forward(coin: Coin, time: np.datetime64, expiry: np.datetime64) -> float:
    """Index plus a basis of about 5 % a year, a little steeper at the short end."""
    years = float((expiry - time) / YEAR)
    return float(coin.price * np.exp((0.045 + 0.015 * np.exp(-4.0 * years)) * years))


def _at_the_money(coin: Coin, years: float) -> float:
    return coin.vol * (1.0 + 0.15 * float(np.exp(-8.0 * years)))


def _smile(at_the_money: float, moneyness: float) -> float:
    """A hyperbola in standardised log-moneyness: smooth, positive, steeper towards low strikes."""
    return float(at_the_money * (np.sqrt(1.0 + 0.08 * moneyness**2) - 0.05 * moneyness))


def _nice(step: float) -> float:
    """The round number (1, 2, 2.5 or 5 times a power of ten) nearest to `step`."""
    power = 10.0 ** np.floor(np.log10(step))
    return float(min((m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0)), key=lambda nice: abs(np.log(nice / step))))


FRIDAY = 4


def _weekday(time: np.datetime64) -> int:
    return int((time.astype("datetime64[D]").astype(int) + 3) % 7)  # 1970-01-01 was a Thursday


def _expiries(time: np.datetime64) -> list[np.datetime64]:
    """Three days, three weeks, three months and four quarters ahead, all at 08:00; months end on their last Friday."""
    day = time.astype("datetime64[D]")
    days = [day + k for k in range(400) if (day + k) + np.timedelta64(8, "h") > time]
    fridays = [d for d in days if _weekday(d) == FRIDAY]
    months = [f for f in fridays if f.astype("datetime64[M]") != (f + 7).astype("datetime64[M]")]
    quarters = [m for m in months if int(m.astype("datetime64[M]").astype(int)) % 3 == 2]
    chosen = sorted({*days[:3], *fridays[:3], *months[:3], *quarters[:4]})
    return [(d + np.timedelta64(8, "h")).astype("datetime64[ms]") for d in chosen]


def _date(expiry: np.datetime64) -> str:
    date = expiry.astype("datetime64[D]").item()
    return f"{date.day}{date:%b%y}".upper()


def _strike(strike: float) -> str:
    """Decimal points are written as d: ``1d5``."""
    return np.format_float_positional(strike, trim="-").replace(".", "d")


def tables(listed: Listing) -> dict[str, Columns]:
    """The market tables of a listing: ``instruments``, ``quotes``, ``indices``, ``currencies``."""
    base = np.array([coin.name for coin in COINS])[listed.coin]
    option_type = listed.option_type.astype(object)
    option_type[~listed.option] = None
    band = np.where(listed.option, 0.04 * np.where(listed.inverse, 1.0, listed.forward), 0.03 * listed.mark)
    pairs = [f"{coin.name}_USD" for coin in LARGE] + [f"{coin.name}_{QUOTE}" for coin in COINS]
    pair_prices = [coin.price for coin in LARGE] + [coin.price for coin in COINS]
    return {
        "instruments": {
            "instrument": listed.name,
            "kind": listed.kind,
            "contract": np.where(listed.inverse, "inverse", "linear"),
            "base": base,
            "quote": np.where(listed.inverse, "USD", QUOTE),
            "settlement": np.where(listed.inverse, base, QUOTE),
            "contract_size": listed.contract_size,
            "strike": listed.strike,
            "option_type": option_type,
            "expiry": listed.expiry,
        },
        "quotes": {
            "instrument": listed.name,
            "mark": listed.mark,
            "vol": listed.vol,
            "forward": np.where(listed.option, listed.forward, np.nan),
            "min_price": np.maximum(listed.mark - band, np.where(listed.inverse & listed.option, 0.0001, listed.mark * 1e-4)),
            "max_price": listed.mark + band,
        },
        "indices": {"index": np.array(pairs), "price": np.array(pair_prices)},
        "currencies": {
            "currency": np.array(list(worth())),
            "usd": np.array(list(worth().values())),
        },
    }
