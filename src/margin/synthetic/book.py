"""The synthetic accounts: who holds what, how it is hedged, ordered and collateralised.

Three kinds of accounts. Retail: few positions, mostly in the large perpetuals, leaning one way. Professional: tens of
positions on both sides, some hedged. Market makers: hundreds, mostly options, delta-hedged coin by coin with a perpetual.

Accounts are drawn in blocks, each from its own random stream, so that temporaries stay small at any size.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence
from numpy.typing import NDArray

from margin.synthetic.market import COINS, LARGE, Listing, prices, worth
from margin.synthetic.overlay import haircut, price_range

Array = NDArray[np.float64]
Codes = NDArray[np.int32]
Numbers = NDArray[np.int64]

BLOCK = 1 << 15
"""Accounts drawn at once."""

MEAN_POSITIONS = 8.0

LEAST_PRICE = 1e-8
"""A position was entered for something, however little its mark is."""

RETAIL, PROFESSIONAL, MAKER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Profile:
    """How the accounts of one kind behave.

    Attributes
    ----------
    share : float
        Fraction of all accounts.
    positions, spread : float
        Mean number of positions, and the sigma of its lognormal distribution.
    options : float
        Fraction of the positions that are options.
    notional, sigma : float
        Median notional of a position in USD, and the sigma of its lognormal distribution.
    lean : float
        Probability that a delta-one position goes the account's own way; 0.5 is no direction.
    buys_options : float
        Probability that an option position is long.
    hedged : float
        Fraction of accounts that offset the delta of every coin with its perpetual.
    orders : float
        Mean number of open orders.
    utilisation, scatter : float
        Median of maintenance margin over collateral aimed at, and the sigma of its lognormal distribution.
    """

    share: float
    positions: float
    spread: float
    options: float
    notional: float
    sigma: float
    lean: float
    buys_options: float
    hedged: float
    orders: float
    utilisation: float
    scatter: float


PROFILES = (
    Profile(0.84, 4.15, 0.75, 0.04, 2e3, 1.3, 0.80, 0.65, 0.0, 0.35, 0.17, 0.72),
    Profile(0.15, 20.5, 0.80, 0.16, 2e4, 1.2, 0.65, 0.42, 0.5, 2.0, 0.22, 0.60),
    Profile(0.01, 170.0, 0.70, 0.70, 6e4, 1.0, 0.50, 0.48, 1.0, 25.0, 0.30, 0.30),
)

COLLATERAL = {"USDC": 0.44, "BTC": 0.2, "ETH": 0.12, "USDT": 0.12, "STETH": 0.04, "USDE": 0.03, "SOL": 0.03, "XRP": 0.02}
"""Collateral currencies and how often an account's collateral is in them."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Positions, orders and balances as columns; identifiers are codes.

    ``position_instrument`` and ``order_instrument`` are positions in the listing, ``balance_currency`` in `COLLATERAL`.
    """

    position_account: Codes
    position_instrument: Codes
    position_quantity: Array
    position_entry: Array
    order_account: Codes
    order_instrument: Codes
    order_quantity: Array
    order_price: Array
    order_mmp: NDArray[np.bool_]
    balance_account: Codes
    balance_currency: Codes
    balance_amount: Array
    position_leverage: Array | None = None

    @classmethod
    def concatenated(cls, parts: list[Holdings]) -> Holdings:
        """Holdings of blocks of accounts behind each other."""

        def joined(name: str) -> Any:
            columns = [getattr(part, name) for part in parts]
            return None if columns[0] is None else np.concatenate(columns)

        return cls(**{f.name: joined(f.name) for f in fields(cls)})


def holdings(listed: Listing, *, accounts: int, mean: float, seed: int) -> Holdings:
    """Draw the holdings of `accounts` accounts.

    Parameters
    ----------
    listed : Listing
    accounts : int
    mean : float
        Mean number of positions per account; every account has at least one.
    seed : int
    """
    draw = _Draw(listed, mean / MEAN_POSITIONS)
    parts = []
    for number, first in enumerate(range(0, accounts, BLOCK)):
        rng = Generator(PCG64(SeedSequence(seed, spawn_key=(number,))))
        parts.append(draw.block(rng, first, min(BLOCK, accounts - first)))
    return Holdings.concatenated(parts)


class _Draw:
    """What every block needs: the listing as lookups, and the popularity of instruments."""

    def __init__(self, listed: Listing, size: float) -> None:
        self.listed = listed
        self.size = size
        self.worth = np.array([worth()[name] for name in COLLATERAL])
        self.haircut = np.array([haircut(name) for name in COLLATERAL])
        self.option = listed.option
        self.delta_one = np.flatnonzero(~self.option)
        self.options = np.flatnonzero(self.option)
        popularity = _popularity(listed)
        self.delta_one_cdf = _cdf(popularity[self.delta_one])
        self.options_cdf = _cdf(popularity[self.options])
        self.hedge = np.array([listed.perpetual_of(coin) for coin in range(len(COINS))], dtype=np.int64)
        coins = listed.coins_per_contract
        price = prices()
        self.delta = coins * listed.delta
        self.contract_usd = coins * listed.coin_price
        # Options of small coins and small coins altogether trade in smaller clips.
        self.clip = np.where(listed.coin < len(LARGE), 1.0, 0.3)
        # Inverse options trade in tenths of the dearest coin, everything else in whole contracts.
        self.lot = np.where(self.option & listed.inverse & (price[listed.coin] > 1e4), 0.1, 1.0)
        self.value = np.where(self.option, coins * listed.mark * np.where(listed.inverse, listed.coin_price, 1.0), 0.0)
        self.settled_usd = np.where(listed.inverse, listed.coin_price, 1.0)
        self.range = np.array([price_range(coin.name) for coin in COINS])
        self.price = price

    def block(self, rng: Generator, first: int, n: int) -> Holdings:
        kind = rng.choice(len(PROFILES), size=n, p=[p.share for p in PROFILES])
        key, hedged = self._positions(rng, kind)
        account, row = np.divmod(key, len(self.listed))
        quantity = self._quantities(rng, kind, account, row, hedged)
        scatter = np.where(self.option[row], 0.25, 0.02) * rng.standard_normal(len(row))
        entry = np.maximum(self.listed.mark[row], LEAST_PRICE) * np.exp(scatter)
        who, chosen, size, price, mmp = self._orders(rng, kind, account, row)
        owner, currency, amount = self._balances(rng, kind, account, row, quantity, entry)

        def codes(values: Numbers, start: int = 0) -> Codes:
            return (values + start).astype(np.int32)

        return Holdings(
            position_account=codes(account, first),
            position_instrument=codes(row),
            position_quantity=quantity,
            position_entry=entry,
            order_account=codes(who, first),
            order_instrument=codes(chosen),
            order_quantity=size,
            order_price=price,
            order_mmp=mmp,
            balance_account=codes(owner, first),
            balance_currency=codes(currency),
            balance_amount=amount,
        )

    def _positions(self, rng: Generator, kind: Numbers) -> tuple[Numbers, NDArray[np.bool_]]:
        """Distinct (account, instrument) pairs as sorted keys, and the accounts that hedge."""
        n = len(self.listed)
        spread, mean = _by_kind("spread", kind), _by_kind("positions", kind) * self.size
        count = np.maximum(np.floor(rng.lognormal(np.log(mean) - spread**2 / 2, spread) + 0.5), 1).astype(np.int64)
        options = rng.binomial(count, _by_kind("options", kind))
        delta_one = np.minimum(count - options, len(self.delta_one) // 2)
        options = np.minimum(count - delta_one, len(self.options) // 2)
        keys = np.concatenate(
            (
                _distinct(rng, delta_one, self.delta_one, self.delta_one_cdf, n),
                _distinct(rng, options, self.options, self.options_cdf, n),
            )
        )
        hedged = rng.random(len(kind)) < _by_kind("hedged", kind)
        account, row = np.divmod(keys, n)
        needs = hedged[account] & self.option[row]
        hedges = account[needs] * n + self.hedge[self.listed.coin[row[needs]]]
        return np.unique(np.concatenate((keys, hedges))), hedged

    def _quantities(self, rng: Generator, kind: Numbers, account: Numbers, row: Numbers, hedged: NDArray[np.bool_]) -> Array:
        option, of = self.option[row], kind[account]
        way = rng.random(len(kind)) < 0.6
        with_way = rng.random(len(row)) < _by_kind("lean", of)
        long = np.where(option, rng.random(len(row)) < _by_kind("buys_options", of), way[account] == with_way)
        size = self._contracts(rng, of, row)
        quantity = np.where(long, size, -size)
        # The hedge replaces whatever the account would have had in that perpetual.
        cell = account * len(COINS) + self.listed.coin[row]
        is_hedge = hedged[account] & (self.hedge[self.listed.coin[row]] == row)
        delta = np.where(is_hedge, 0.0, quantity * self.delta[row])
        net = np.bincount(cell, weights=delta, minlength=len(kind) * len(COINS))
        hedge = -net[cell[is_hedge]] * rng.uniform(0.85, 1.1, int(is_hedge.sum())) / self.delta[row[is_hedge]]
        hedge = np.round(hedge)
        quantity[is_hedge] = np.where(hedge == 0.0, np.sign(quantity[is_hedge]), hedge)
        return np.asarray(quantity)

    def _contracts(self, rng: Generator, of: Numbers, row: Numbers) -> Array:
        notional = rng.lognormal(np.log(_by_kind("notional", of) * self.clip[row]), _by_kind("sigma", of))
        lot = self.lot[row]
        return np.asarray(np.maximum(np.round(np.round(notional / self.contract_usd[row] / lot) * lot, 1), lot))

    def _orders(
        self, rng: Generator, kind: Numbers, account: Numbers, row: Numbers
    ) -> tuple[Numbers, Numbers, Array, Array, NDArray[np.bool_]]:
        """Bids below and asks above the mark, in instruments the account holds."""
        count = rng.poisson(_by_kind("orders", kind) * np.where(kind == MAKER, self.size, 1.0))
        held = np.bincount(account, minlength=len(kind))
        start = np.cumsum(held) - held
        who = np.repeat(np.arange(len(kind)), count)
        chosen = row[start[who] + (rng.random(len(who)) * held[who]).astype(np.int64)]
        option = self.option[chosen]
        buy = rng.random(len(who)) < 0.5
        away = np.minimum(rng.exponential(np.where(option, 0.05, 0.006)), 0.9)
        price = self.listed.mark[chosen] * np.where(buy, 1.0 - away, 1.0 + away)
        # A worthless option still has a tick.
        price = np.maximum(price, np.where(self.listed.inverse[chosen], 1e-4, 1e-2) * option)
        size = np.maximum(np.round(0.5 * self._contracts(rng, kind[who], chosen)), self.lot[chosen])
        mmp = (kind[who] == MAKER) & option & (rng.random(len(who)) < 0.6)
        return who, chosen, np.where(buy, size, -size), price, mmp

    def _balances(
        self, rng: Generator, kind: Numbers, account: Numbers, row: Numbers, quantity: Array, entry: Array
    ) -> tuple[Numbers, Numbers, Array]:
        """Collateral for a random utilisation: what is put down is the aim less what the positions are worth already."""
        n = len(kind)
        requirement = self._requirement(n, account, row, quantity)
        sigma = _by_kind("scatter", kind)
        utilisation = _by_kind("utilisation", kind) * np.exp(sigma * rng.standard_normal(n))
        size = quantity * self.listed.contract_size[row]
        mark = self.listed.mark[row]
        pnl = np.where(self.listed.inverse[row], size * (1 / entry - 1 / mark), size * (mark - entry)) * self.settled_usd[row]
        held = np.bincount(account, weights=np.where(self.option[row], quantity * self.value[row], pnl), minlength=n)
        aim = requirement / utilisation
        put_down = np.maximum(aim - held, 0.05 * aim + 20.0)

        currencies = np.minimum(1 + rng.poisson(0.4, n), 3)
        who = np.repeat(np.arange(n), currencies)
        currency = np.searchsorted(_cdf(np.array(list(COLLATERAL.values()))), rng.random(len(who)))
        # Two draws of one currency are one balance.
        pair, inverse = np.unique(who * len(COLLATERAL) + currency, return_inverse=True)
        weight = np.bincount(inverse, weights=rng.exponential(size=len(who)) + 0.05)
        who, currency = np.divmod(pair, len(COLLATERAL))
        share = weight / np.bincount(who, weights=weight, minlength=n)[who]
        return who, currency, put_down[who] * share / (self.worth[currency] * (1.0 - self.haircut[currency]))

    def _requirement(self, n: int, account: Numbers, row: Numbers, quantity: Array) -> Array:
        """Rough maintenance margin of each account in USD, good enough to scale its balance by.

        Net delta per coin at the coin's price range; a little on the gross of everything for basis, volatility and curvature.
        """
        coin = self.listed.coin[row]
        usd = quantity * self.delta[row] * self.price[coin]
        net = np.abs(np.bincount(account * len(COINS) + coin, weights=usd, minlength=n * len(COINS)).reshape(n, -1))
        notional = np.abs(quantity) * self.contract_usd[row]
        short = np.where(self.option[row] & (quantity < 0), notional, 0.0)
        gross = np.bincount(account, weights=0.01 * np.abs(usd) + 0.03 * short, minlength=n)
        return np.asarray(0.8 * (net @ self.range + gross))


def _by_kind(field: str, kind: Numbers) -> Array:
    return np.array([getattr(p, field) for p in PROFILES])[kind]


def _cdf(weight: Array) -> Array:
    cdf = np.cumsum(weight)
    return np.asarray(cdf / cdf[-1])


def _distinct(rng: Generator, count: Numbers, rows: Numbers, cdf: Array, n: int) -> Numbers:
    """About `count` distinct instruments of `rows` for each account, as keys ``account * n + instrument``.

    Repeated draws are drawn again a few times; what is still short then stays short.
    """
    keys = np.zeros(0, dtype=np.int64)
    if len(rows):
        for _ in range(5):
            missing = count - np.bincount(keys // n, minlength=len(count))
            account = np.repeat(np.arange(len(count)), np.maximum(missing, 0))
            drawn = account * n + rows[np.searchsorted(cdf, rng.random(len(account)))]
            keys = np.unique(np.concatenate((keys, drawn)))
    return keys


def _popularity(listed: Listing) -> Array:
    """Zipf over coins, perpetuals before futures, near before far, at the money before the wings."""
    rank = np.arange(len(COINS) - len(LARGE)) + 1.0
    coin = np.concatenate(([0.40, 0.22], 0.38 / rank / np.sum(1.0 / rank)))[listed.coin]
    now = listed.expiry[~np.isnat(listed.expiry)].min()
    years = np.where(np.isnat(listed.expiry), 0.0, (listed.expiry - now) / np.timedelta64(365, "D"))
    with np.errstate(invalid="ignore"):
        moneyness = np.log(listed.strike / listed.forward) / (listed.vol * np.sqrt(years + 0.01))
    wings = np.where(listed.option, np.exp(-0.5 * np.nan_to_num(moneyness) ** 2), 1.0)
    future = np.where(listed.kind == "future", 0.25, 1.0)
    return np.asarray(coin * future * np.exp(-2.0 * years) * wings)
