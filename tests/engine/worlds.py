"""Regimes of every kind with markets they apply to; seeded books, trades and moves of the market in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import derive_books
from analysis import books as linear
from margin.book import Book
from margin.market import OPTION, SPOT, Market
from margin.models.hybrid import Buffer, Floor, HybridModel
from margin.models.loans import LoanMargin, WithLoans
from margin.models.split import SplitModel
from margin.params import STATUSES
from margin.pools import Collateral, CrossPool, IsolatedPool, PartlyIsolated, SegregatedPool, SharedOnly
from margin.rates import RateTable
from margin.regime import Regime
from margin.venues import load
from margin.venues.okx.rules import Options
from models.okx_market import PRICES, okx_market
from models.test_historical import model_of

DAY = "2026-02-15"


@dataclass(frozen=True)
class World:
    """A regime and what books in it look like."""

    regime: Regime
    market: Market
    currencies: dict[str, float]
    orders: bool = True
    isolated: bool = False
    loans: bool = False
    inverse_only: bool = False
    path: str = "general"

    @property
    def names(self) -> np.ndarray:
        """What can be traded under the rules and has a price."""
        market = self.market
        return np.array(market.instruments.to_list())[
            (market.kind != SPOT) & (market.mark > 0) & (market.inverse | (not self.inverse_only))
        ]


def deribit(mode: str) -> Regime:
    return load("deribit").regime(mode, as_of=DAY)


COINS = {"BTC": 2.0, "ETH": 30.0, "USDC": 20_000.0}
OKX = {**{coin: 20_000.0 / price for coin, price in PRICES.items()}, "USDT": 30_000.0, "USDC": 20_000.0}
DERIVE = {"USDC": 20_000.0, "ETH": 5.0, "wstETH": 4.0, "USDT": 10_000.0}


def make(name: str, market: Market, params: list) -> World:
    """The world of a name in `NAMES`; `market` is that of the fixture, `params` files with borrow tiers."""
    segregated, cross = deribit("segregated_portfolio").model, deribit("cross_portfolio").model
    kind, _, rest = name.partition(" ")
    if kind == "deribit":
        sums = rest.endswith("portfolio")
        inverse_only = rest == "segregated_portfolio"
        return World(deribit(rest), market, COINS, inverse_only=inverse_only, path="sums" if sums else "general")
    if kind == "okx":
        options = Options(merged_units=rest != "apart")
        rules = load("okx").regime("portfolio", as_of=DAY, params=params, accept=STATUSES, options=options)
        return World(rules, okx_market(), OKX, path="unit")
    if kind == "derive":
        rules = load("derive").regime(rest, as_of="2025-12-08")
        held = DERIVE if rest != "pm1_eth" else {"USDC": 20_000.0, "ETH": 5.0}
        path = "general" if rest == "srm" else "unit"
        return World(rules, derive_books.market(3, calm=rest == "srm"), held, orders=False, path=path)
    hybrid = HybridModel(model=cross, steps=(Floor(name="history", model=model_of()), Buffer(name="buffer", fraction=0.1)))
    split = SplitModel(cross, deribit("cross_standard").model)
    tiers = RateTable.incremental((0, 10_000), (0.1, 0.2))
    lent = WithLoans(cross, LoanMargin(lambda _: RateTable.flat(0.2), lambda _: tiers))
    uncounted = Collateral(counts_option_value=False)
    made = {
        "isolated": World(Regime(name, IsolatedPool(), segregated), market, COINS, isolated=True, inverse_only=True),
        "split": World(Regime(name, PartlyIsolated(CrossPool()), split), market, COINS, isolated=True, path="sums"),
        "historical": World(Regime(name, CrossPool(), model_of()), market, COINS, orders=False),
        "hybrid": World(Regime(name, CrossPool(), hybrid), market, COINS, orders=False),
        "loans": World(Regime(name, SharedOnly(CrossPool()), lent), market, COINS, loans=True, path="sums"),
        "uncounted": World(Regime(name, SegregatedPool(), segregated, uncounted), market, COINS, inverse_only=True, path="sums"),
        "haircuts": World(linear.cross(haircut=0.1), linear.linear_market(), {"USDC": 500.0, "AAA": 3.0}, orders=False),
    }
    return made[kind]


NAMES = (
    *(f"deribit {mode}" for mode in ("segregated_standard", "cross_standard", "segregated_portfolio", "cross_portfolio")),
    "okx merged", "okx apart", "derive pm1_eth", "derive pm2_eth", "derive srm",
    "isolated", "split", "historical", "hybrid", "loans", "uncounted", "haircuts",
)  # fmt: skip


def sizes(market: Market, rng: np.random.Generator, names: np.ndarray) -> np.ndarray:
    """Contracts worth some thousand dollars, now and then many millions, in round numbers, long and short."""
    row = {name: i for i, name in enumerate(market.instruments.to_list())}
    rows = np.array([row[name] for name in names], dtype=np.int64)
    future_in_quote = market.inverse[rows] & (market.kind[rows] != OPTION)
    worth = np.where(future_in_quote, market.contract_size[rows], market.contract_size[rows] * market.index_price[rows])
    scale = rng.choice([20_000.0, 20_000.0, 50e6], len(rows))
    return np.round(rng.normal(0, scale) / worth, 2)


def book(world: World, rng: np.random.Generator, *, accounts: int, held: int = 6, entries: bool | None = None) -> Book:
    """Accounts of 0 to `held` positions, some twice in an instrument, some entered at the mark of now."""
    market, names = world.market, world.names
    listed = np.append(names[0], names[1:][rng.random(len(names) - 1) < 0.6])  # others trade later
    count = rng.integers(0, held + 1, accounts)
    account = np.repeat(np.arange(accounts), count)
    instrument = rng.choice(listed, len(account))
    quantity = sizes(market, rng, instrument)
    row = {name: i for i, name in enumerate(market.instruments.to_list())}
    mark = market.mark[[row[name] for name in instrument]] if len(instrument) else np.zeros(0)
    positions = {"account": account, "instrument": instrument, "quantity": quantity}
    if world.isolated or (rng.random() < 0.6 if entries is None else entries):
        positions["entry_price"] = np.where(rng.random(len(mark)) < 0.3, mark, mark * rng.uniform(0.8, 1.2, len(mark)))
    if world.isolated:
        alone = rng.random(len(account)) < (1.0 if isinstance(world.regime.pool, IsolatedPool) else 0.3)
        collateral = np.where(alone, np.round(rng.uniform(0, 1, len(account)), 3), np.nan)
        _same_collateral_kind(account, instrument, collateral)
        positions["isolated_collateral"] = collateral
    currency = np.array(list(world.currencies))
    owner, code = np.nonzero(rng.random((accounts, len(currency))) < 0.5)
    amount = np.array(list(world.currencies.values()))[code] * rng.normal(1, 1, len(owner))
    balances = {"account": owner, "currency": currency[code], "amount": np.round(amount, 3)}
    if world.loans:
        balances["loan"] = np.where(rng.random(len(owner)) < 0.5, np.abs(balances["amount"]) / 4, 0.0)
    orders = None
    if world.orders:
        some = rng.random(len(instrument)) < 0.3
        other = rng.choice(names, len(instrument))
        price = np.array([market.mark[row[name]] for name in other]) if len(other) else np.zeros(0)
        size = sizes(market, rng, other)
        some &= size != 0
        orders = {"account": account[some], "instrument": other[some], "quantity": size[some], "price": price[some] * 0.99}
    return Book.of(
        accounts={"account": np.arange(accounts)}, positions=positions, balances=balances, orders=orders
    )


def _same_collateral_kind(account: np.ndarray, instrument: np.ndarray, collateral: np.ndarray) -> None:
    """Rows of one account and instrument are isolated together or not at all."""
    first: dict[tuple[int, str], float] = {}
    for i, key in enumerate(zip(account.tolist(), instrument.tolist(), strict=True)):
        known = first.setdefault(key, collateral[i])
        if np.isnan(known) != np.isnan(collateral[i]):
            collateral[i] = known


def moved(market: Market, rng: np.random.Generator) -> Market:
    """The market a little later: every price and vol elsewhere."""

    def by(values: np.ndarray) -> np.ndarray:
        return values * rng.uniform(0.9, 1.1, len(values))

    option = market.kind == OPTION
    return market.with_(
        mark=by(market.mark),
        forward=np.where(option, by(market.forward), market.forward),
        vol=by(market.vol),
        index_price=market.index_price * rng.uniform(0.9, 1.1, len(market.indices))[market.index],
        usd=np.where(np.abs(market.usd - 1) < 0.2, market.usd, by(market.usd)),
    )


def trades(world: World, rng: np.random.Generator, *, accounts: int, count: int, priced: bool = True) -> dict:
    """Trades of some accounts in whatever is listed, some at a price beside the mark."""
    names, market = world.names, world.market
    instrument = rng.choice(names, count)
    row = {name: i for i, name in enumerate(market.instruments.to_list())}
    mark = market.mark[[row[name] for name in instrument]]
    table = {
        "account": rng.integers(0, accounts, count),
        "instrument": instrument,
        "quantity": sizes(market, rng, instrument),
    }
    if priced:
        table["price"] = np.where(rng.random(count) < 0.5, np.nan, mark * rng.uniform(0.95, 1.05, count))
    shared = not isinstance(world.regime.pool, IsolatedPool)
    if world.isolated and (priced or not shared):
        none = (rng.random(count) < 0.5) & shared
        table["isolated_collateral"] = np.where(none, np.nan, np.round(rng.uniform(0, 1, count), 3))
    return table
