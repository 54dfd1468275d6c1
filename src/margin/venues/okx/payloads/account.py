"""Balance, positions and pending orders of one account as a book."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from margin.book import Book
from margin.errors import DataError
from margin.market import Market
from margin.venues.okx.payloads.fields import Record, records
from margin.venues.okx.payloads.instruments import Listed, Prices, market_of
from margin.venues.okx.spot_margin import PairPosition

ACCOUNT = "okx"


@dataclass(frozen=True, slots=True)
class Reading:
    """What payloads say of one account.

    Attributes
    ----------
    book : Book
        Of one account.
    market : Market
    pairs : Mapping of str to PairPosition
        Isolated positions on borrowed money, by instrument and side.
    balance : Record
        The account level of the balance, with the venue's own figures.
    positions : tuple of Record
        Positions that are not empty.
    """

    book: Book
    market: Market
    pairs: Mapping[str, PairPosition]
    balance: Record
    positions: tuple[Record, ...]


def read_account(
    *,
    balance: object,
    instruments: object,
    positions: object = None,
    orders: object = None,
    marks: object = None,
    indices: object = None,
    option_summary: object = None,
    tickers: object = None,
    usd: Mapping[str, float] | None = None,
    time: object = None,
) -> Reading:
    """Read answers of the API, whole or their ``data`` alone.

    Parameters
    ----------
    balance : payload
        ``account/balance``.
    instruments : payload
        ``public/instruments``, rows of several calls together; only those that the account uses are needed.
    positions, orders : payload, optional
        ``account/positions`` and ``trade/orders-pending``.
    marks, indices, option_summary, tickers : payload, optional
        ``public/mark-price``, ``market/index-tickers``, ``public/opt-summary``, ``market/tickers`` of spot pairs. A position
        brings its own mark and index.
    usd : mapping of str to float, optional
        USD per unit by currency; by default as the balance implies (``eqUsd`` over ``eq``), then from the indices.
    time : datetime, optional
        By default the balance's ``uTime``.

    Raises
    ------
    DataError
        Naming the field by its path (``positions[3].pos``) and its value.
    """
    accounts = records(balance, "balance")
    if len(accounts) != 1:
        raise DataError(f"{len(accounts)} accounts where one is wanted", column="balance")
    account = accounts[0]
    held = [p for p in ([] if positions is None else records(positions, "positions")) if p.number("pos") != 0]
    resting = [] if orders is None else records(orders, "orders")
    listed = {record.text("instId"): record for record in records(instruments, "instruments")}
    prices = Prices.of(marks=marks, indices=indices, options=option_summary, tickers=tickers)
    borrowed = [p for p in held if p.text("instType") == "MARGIN"]
    derivatives = [p for p in held if p not in borrowed]
    used = {record.text("instId"): _instrument(record, listed) for record in (*derivatives, *resting)}
    for record in derivatives:
        name = record.text("instId")
        if name not in prices.marks and record.has("markPx"):
            prices.marks[name] = record.number("markPx")
        if used[name].pair not in prices.indices and record.has("idxPx"):
            prices.indices[used[name].pair] = record.positive("idxPx")
    details = account.records("details")
    at = np.datetime64(int(account.positive("uTime")), "ms") if time is None else time
    return Reading(
        book=Book.of(
            accounts={"account": [ACCOUNT]},
            balances=_balances(details),
            positions=_positions(derivatives),
            orders=_orders(resting),
        ),
        market=market_of(used.values(), prices, usd=_usd(details, prices) | dict(usd or {}), time=at),  # type: ignore[arg-type]
        pairs={_pair_name(p): _pair(p) for p in borrowed if p.choice("mgnMode", "cross", "isolated") == "isolated"},
        balance=account,
        positions=tuple(held),
    )


def _instrument(record: Record, listed: Mapping[str, Record]) -> Listed:
    name = record.text("instId")
    if name not in listed:
        record.refuse("instId", f"{name!r} is not in instruments", "Give its row of public/instruments.")
    return Listed.of(listed[name])


def _usd(details: list[Record], prices: Prices) -> dict[str, float]:
    """USD price of every currency of the balance that has one."""
    worth = {}
    for line in details:
        currency, equity, value = line.text("ccy"), line.optional("eq"), line.optional("eqUsd")
        index = prices.indices.get((currency, "USD"))
        if index is not None:
            worth[currency] = index
        elif equity and value and value / equity > 0:
            worth[currency] = value / equity
    return worth


def _balances(details: list[Record]) -> dict[str, Any]:
    """Cash less accrued interest: what isolated positions hold is theirs, and equity of bots stays out."""
    columns: dict[str, Any] = {
        "account": [ACCOUNT] * len(details),
        "currency": [line.text("ccy") for line in details],
        "amount": [line.number("cashBal") - line.or_zero("interest") for line in details],
        "collateral": [line.flag("collateralEnabled", otherwise=True) for line in details],
    }
    if any(line.has("clSpotInUseAmt") for line in details):
        columns["hedge_cap"] = [line.optional("clSpotInUseAmt") for line in details]
    return columns


def _positions(held: list[Record]) -> dict[str, Any]:
    alone = [record.choice("mgnMode", "cross", "isolated") == "isolated" for record in held]
    return {
        "account": [ACCOUNT] * len(held),
        "instrument": [record.text("instId") for record in held],
        "quantity": [_quantity(record, record.number("pos")) for record in held],
        "entry_price": [record.positive("avgPx") for record in held],
        "isolated_collateral": [record.number("margin") if own else None for record, own in zip(held, alone, strict=True)],
        "leverage": [record.optional("lever") for record in held],
        "side": [_side(record) for record in held],
    }


def _orders(resting: list[Record]) -> dict[str, Any]:
    def signed(record: Record) -> float:
        left = record.positive("sz") - record.or_zero("accFillSz")
        return left if record.choice("side", "buy", "sell") == "buy" else -left

    return {
        "account": [ACCOUNT] * len(resting),
        "instrument": [record.text("instId") for record in resting],
        "quantity": [signed(record) for record in resting],
        "price": [record.positive("px") for record in resting],
        "leverage": [record.optional("lever") for record in resting],
        "side": [_side(record) for record in resting],
    }


def _side(record: Record) -> str | None:
    """Leg of a hedged position; None where positions net."""
    if not record.has("posSide"):
        return None
    side = record.choice("posSide", "net", "long", "short")
    return None if side == "net" else side


def _quantity(record: Record, contracts: float) -> float:
    """Signed contracts: the legs of a hedged position are both reported without a sign."""
    side = _side(record)
    return contracts if side is None else abs(contracts) if side == "long" else -abs(contracts)


def _pair_name(record: Record) -> str:
    return f"{record.text('instId')} {'long' if _long(record) else 'short'}"


def _long(record: Record) -> bool:
    """Whether a borrowed position holds the base coin."""
    base, _, quote = record.text("instId").partition("-")
    return record.choice("posCcy", base, quote) == base


def _pair(record: Record) -> PairPosition:
    return PairPosition(
        side="long" if _long(record) else "short",
        asset=record.positive("pos"),
        margin=record.number("margin"),
        debt=abs(record.number("liab")) + record.or_zero("interest"),
    )
