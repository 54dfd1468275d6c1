"""Tables of a market and a book, filled from the venue's responses row by row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from margin.book import Book
from margin.market import Market
from margin.venues.binance.fields import Fields

ACCOUNT = "account"
NONE = float("nan")
_DELIVERY = "T08:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A symbol of a response: the contract, its mark, and the position, leg or orders in it.

    Attributes
    ----------
    symbol, base, asset : str
        Contract, its coin and its margin asset.
    inverse : bool
    contract_size : float
        USD (COIN-M) or base units (USD-M) per contract.
    mark : float
    side : str or None
        Leg of a hedged position.
    quantity, entry, leverage : float
    isolated_wallet : float
        NaN where the position shares its pool.
    source : Fields
        Where it was read.
    """

    symbol: str
    base: str
    asset: str
    inverse: bool
    contract_size: float
    mark: float
    side: str | None
    quantity: float
    entry: float
    leverage: float
    isolated_wallet: float = NONE
    source: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A resting order, or the sum of a side's orders."""

    symbol: str
    side: str | None
    quantity: float
    price: float
    leverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Wallet:
    """What is held and borrowed of one asset."""

    asset: str
    amount: float
    loan: float = 0.0


@dataclass(frozen=True, slots=True)
class Tables:
    """What was read of one account."""

    held: Sequence[Held]
    wallets: Sequence[Wallet]
    usd: Mapping[str, float]
    orders: Sequence[Order] = field(default=())

    def market(self, time: object) -> Market:
        """The market of the symbols that were read."""
        contracts = {h.symbol: h for h in self.held}
        names, rows = list(contracts), list(contracts.values())
        index = [f"{h.base}_{'USD' if h.inverse else h.asset}" for h in rows]
        price = {name: self.usd[h.base] if h.inverse else h.mark for name, h in zip(index, rows, strict=True)}
        expiry = [_expiry(h.symbol) for h in rows]
        return Market.of(
            time=time,
            instruments={
                "instrument": names,
                "kind": ["perpetual" if e is None else "future" for e in expiry],
                "contract": ["inverse" if h.inverse else "linear" for h in rows],
                "base": [h.base for h in rows],
                "quote": ["USD" if h.inverse else h.asset for h in rows],
                "settlement": [h.asset for h in rows],
                "index": index,
                "contract_size": [h.contract_size for h in rows],
                "expiry": expiry,
            },
            quotes={"instrument": names, "mark": [h.mark for h in rows]},
            indices={"index": list(price), "price": list(price.values())},
            currencies={"currency": list(self.usd), "usd": list(self.usd.values())},
        )

    def book(self) -> Book:
        """The book of the one account."""
        held = [h for h in self.held if h.quantity]
        positions: dict[str, Any] = {
            "account": [ACCOUNT] * len(held),
            "instrument": [h.symbol for h in held],
            "quantity": [h.quantity for h in held],
            "entry_price": [h.entry for h in held],
            "isolated_collateral": [h.isolated_wallet for h in held],
            "leverage": [h.leverage for h in held],
            "side": [h.side for h in held],
        }
        return Book.of(
            accounts={"account": [ACCOUNT]},
            positions=positions,
            balances={
                "account": [ACCOUNT] * len(self.wallets),
                "currency": [w.asset for w in self.wallets],
                "amount": [w.amount for w in self.wallets],
                "loan": [w.loan for w in self.wallets],
            },
            orders={
                "account": [ACCOUNT] * len(self.orders),
                "instrument": [o.symbol for o in self.orders],
                "quantity": [o.quantity for o in self.orders],
                "price": [o.price for o in self.orders],
                "leverage": [o.leverage for o in self.orders],
                "side": [o.side for o in self.orders],
            },
        )


def _expiry(symbol: str) -> str | None:
    """Delivery time of ``BTCUSD_260327``; None for perpetuals."""
    day = symbol.partition("_")[2]
    return f"20{day[:2]}-{day[2:-2]}-{day[-2:]}{_DELIVERY}" if day.isdigit() else None


def leg_of(row: Fields) -> str | None:
    """Leg that ``positionSide`` names; None for one-way positions."""
    side = row.text("positionSide") if "positionSide" in row else "BOTH"
    if side not in ("BOTH", "LONG", "SHORT"):
        raise row.error("positionSide", f"{side!r} is none of BOTH, LONG, SHORT", "Hand over the response as the venue gives it.")
    return None if side == "BOTH" else side.lower()


def split_symbol(row: Fields, assets: Iterable[str]) -> tuple[str, str]:
    """Base and margin asset of a USD-M symbol, by the margin assets that are known."""
    symbol = row.text("symbol")
    pair = symbol.partition("_")[0]
    known = [row.text("marginAsset")] if "marginAsset" in row else sorted(assets, key=len, reverse=True)
    for asset in known:
        if pair.endswith(asset) and len(pair) > len(asset):
            return pair.removesuffix(asset), asset
    hint = "Give positionRisk v3, which names it, or the account's list of assets."
    raise row.error("symbol", f"the margin asset of {symbol!r} is none of {', '.join(known) or 'nothing'}", hint)


def orders_of(payload: object, held: Sequence[Held]) -> list[Order]:
    """Orders of an openOrders response that may open something; reduce-only and closing orders are left out.

    Raises
    ------
    DataError
        If an order is for a symbol that no position row describes, or has no price.
    """
    rows = {(h.symbol, h.side): h for h in held}
    out = []
    for order in Fields(payload, "openOrders").items():
        if any(name in order and order.flag(name) for name in ("reduceOnly", "closePosition")):
            continue
        symbol, side = order.text("symbol"), leg_of(order)
        if (symbol, side) not in rows:
            hint = "Give its row of positionRisk, which says mark and leverage."
            raise order.error("symbol", f"{symbol!r} is in no row of the positions", hint)
        name = "price" if order.number_or("price", 0) > 0 else "stopPrice"
        price = order.number(name)
        if not price > 0:
            raise order.error(name, f"{price} is not above zero", "Leave orders without a price out.")
        sign = {"BUY": 1, "SELL": -1}.get(order.text("side"))
        if sign is None:
            raise order.error("side", f"{order.text('side')!r} is neither BUY nor SELL", "Hand over the response as it is.")
        quantity = sign * (order.number("origQty") - order.number_or("executedQty", 0))
        out.append(Order(symbol=symbol, side=side, quantity=quantity, price=price, leverage=rows[symbol, side].leverage))
    return [order for order in out if order.quantity]


def summed_orders(held: Sequence[Held]) -> list[Order]:
    """Orders by side from ``bidNotional`` and ``askNotional`` of position rows, as if they all rested at the mark."""
    out = []
    for h in held:
        for name, sign in (("bidNotional", 1), ("askNotional", -1)):
            notional = h.source.number_or(name, 0)
            if notional:
                quantity = sign * abs(notional) / h.mark
                out.append(Order(symbol=h.symbol, side=h.side, quantity=quantity, price=h.mark, leverage=h.leverage))
    return out
