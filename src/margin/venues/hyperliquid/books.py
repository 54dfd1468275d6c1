"""Accounts as the venue tells them, as a book and the market that it needs.

The venue keeps a ledger of quote currency for each pool, whose sum with the worth of the positions is the account value. Here a
position counts as entered at its mark, so that the balance of a pool is its account value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.book import Book
from margin.errors import DataError
from margin.market import Market

USD = "USD"

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One position.

    Attributes
    ----------
    coin : str
        As the venue names it, with its dex where it has one of its own (``dex:COIN``).
    size : float
        Coin, signed.
    mark : float
    leverage : float or None
        As chosen.
    margin : float or None
        Worth of an isolated position with the collateral assigned to it; None for a position that shares.
    """

    coin: str
    size: float
    mark: float
    leverage: float | None = None
    margin: float | None = None

    @property
    def value(self) -> float:
        """Notional."""
        return abs(self.size) * self.mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One resting order that may increase a position; size in coin, buy > 0."""

    coin: str
    size: float
    price: float
    leverage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account.

    Attributes
    ----------
    name : str
    money : Mapping of str to float
        What each pool is worth, unrealised P&L included and isolated positions excluded, by token (see `dex_token`);
        in portfolio margin also the collateral, in units.
    positions : sequence of Position
    orders : sequence of Order
        Without reduce-only and trigger orders: those reserve nothing.
    """

    name: str
    money: Mapping[str, float]
    positions: Sequence[Position] = ()
    orders: Sequence[Order] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a market says of a coin beside its marks: the token that it settles in, and a mark for orders without a position."""

    token: str
    mark: float | None = None


def dex_token(token: str, dex: str = "") -> str:
    """Name of the money of an account on a dex: in standard mode it backs that dex alone, and is a currency of its own."""
    return f"{dex}:{token}" if dex else token


def snapshot(
    accounts: Sequence[Account],
    *,
    time: object,
    listed: Mapping[str, Listed],
    usd: Mapping[str, float] | None = None,
) -> tuple[Market, Book]:
    """A market and a book of accounts; parameters and errors as of `tables`.

    Parameters
    ----------
    time : as `Market.of` takes it
    """
    made = tables(accounts, listed=listed, usd=usd)
    market = {name: made.pop(name) for name in ("instruments", "quotes", "indices", "currencies")}
    return Market.of(time=time, **market), Book.of(
        positions=made["positions"], balances=made["balances"], orders=made["orders"], accounts=made["accounts"]
    )


def tables(
    accounts: Sequence[Account], *, listed: Mapping[str, Listed], usd: Mapping[str, float] | None = None
) -> dict[str, Columns]:
    """Every table of a snapshot of accounts.

    An instrument is a coin at a mark: accounts that were read at different times may have seen different marks.

    Parameters
    ----------
    accounts : sequence of Account
    listed : Mapping of str to Listed
        By coin.
    usd : Mapping of str to float, optional
        USD price of tokens. What positions settle in counts as a dollar where it is not named: the venue converts nothing.
        Collateral in other tokens has the price at which it is lent against.

    Raises
    ------
    DataError
        If a coin is not listed, or an order stands in a coin without any mark.
    """
    names = _Instruments(listed)
    held = [(account, p) for account in accounts for p in account.positions]
    rows = [names.of(p.coin, p.mark) for _, p in held]
    ordered = [(account, o) for account in accounts for o in account.orders]
    order_rows = [names.of(o.coin, _mark(account, o.coin, listed)) for account, o in ordered]
    owned = [(account.name, token, amount) for account in accounts for token, amount in account.money.items()]
    entry, assigned = zip(*(_entry(account, p) for account, p in held), strict=True) if held else ((), ())
    settled = dict.fromkeys((each.token for each in listed.values()), 1.0)
    return {
        **names.tables({**settled, **(usd or {})}),
        "accounts": {"account": [account.name for account in accounts]},
        "positions": {
            "account": [account.name for account, _ in held],
            "instrument": rows,
            "quantity": _numbers(p.size for _, p in held),
            "entry_price": _numbers(entry),
            "isolated_collateral": _numbers(assigned),
            "leverage": _numbers(p.leverage for _, p in held),
        },
        "balances": {
            "account": [name for name, _, _ in owned],
            "currency": [token for _, token, _ in owned],
            "amount": _numbers(amount for _, _, amount in owned),
        },
        "orders": {
            "account": [account.name for account, _ in ordered],
            "instrument": order_rows,
            "quantity": _numbers(o.size for _, o in ordered),
            "price": _numbers(o.price for _, o in ordered),
            "leverage": _numbers(o.leverage for _, o in ordered),
        },
    }


@dataclass(slots=True)
class _Instruments:
    """Instruments by coin and mark, as they are met; the first of a coin bears its name."""

    listed: Mapping[str, Listed]
    marks: dict[str, dict[float, str]] = field(default_factory=dict)

    def of(self, coin: str, mark: float) -> str:
        if coin not in self.listed:
            problem = f"{coin!r} is not listed"
            raise DataError(problem, table="positions", column="coin", value=coin, hint="Give the payload that lists it.")
        known = self.marks.setdefault(coin, {})
        return known.setdefault(mark, f"{coin}#{len(known) + 1}" if known else coin)

    def tables(self, usd: Mapping[str, float]) -> dict[str, Columns]:
        rows = [(coin, mark, name) for coin, known in self.marks.items() for mark, name in known.items()]
        n, tokens = len(rows), [self.listed[coin].token for coin, _, _ in rows]
        names = [name for _, _, name in rows]
        return {
            "instruments": {
                "instrument": names,
                "kind": ["perpetual"] * n,
                "contract": ["linear"] * n,
                "base": [coin for coin, _, _ in rows],
                "quote": [USD] * n,
                "settlement": tokens,
                "contract_size": np.ones(n),
                "index": [coin for coin, _, _ in rows],
            },
            "quotes": {"instrument": names, "mark": _numbers(mark for _, mark, _ in rows)},
            "indices": {
                "index": list(self.marks),
                "price": _numbers(next(iter(known)) for known in self.marks.values()),
            },
            "currencies": {"currency": list(usd), "usd": _numbers(usd.values())},
        }


def _mark(account: Account, coin: str, listed: Mapping[str, Listed]) -> float:
    """Mark of an ordered coin: that of the account's position, else that of the market."""
    known = next((p.mark for p in account.positions if p.coin == coin), None)
    mark = listed[coin].mark if known is None and coin in listed else known
    if mark is None:
        problem = f"no mark of {coin!r} is known"
        raise DataError(
            problem, table="orders", column="coin", key={"account": account.name}, value=coin, hint="Give the market's marks."
        )
    return mark


def _entry(account: Account, p: Position) -> tuple[float, float | None]:
    """Entry price and assigned collateral: at the mark, or where an isolated position is worth less than nothing, without any."""
    if p.margin is None or p.margin >= 0:
        return p.mark, p.margin
    entry = p.mark - p.margin / p.size
    if entry <= 0:
        raise DataError(
            f"an isolated short position is worth {p.margin}, more than it could have lost",
            table="positions",
            column="margin",
            key={"account": account.name, "coin": p.coin},
            value=p.margin,
            hint="Check its ledger.",
        )
    return entry, 0.0


def _numbers(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
