"""Rows of the venue's responses: positions, wallets, collateral rates."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from margin.venues.binance.fields import Fields
from margin.venues.binance.payload_tables import NONE, Held, Wallet, leg_of
from margin.venues.binance.rules import parameters


def merged(root: Fields, positions: Any) -> list[Fields]:
    """Rows of positions: those of the account filled up with those of positionRisk; only what is held or ordered."""
    own = root.at("positions").items() if "positions" in root else []
    risk = {(r.text("symbol"), leg_of(r)): r for r in Fields(positions, "positionRisk").items()}
    rows = {(r.text("symbol"), leg_of(r)): r for r in own}
    out = []
    for key in dict.fromkeys([*rows, *risk]):
        parts = [part[key] for part in (rows, risk) if key in part]
        merged: dict[str, Any] = {}
        for part in parts:
            merged |= {name: value for name, value in part.value.items() if value not in (None, "")}
        row = Fields(merged, parts[-1].path)
        if any(row.number_or(name, 0) for name in ("positionAmt", "bidNotional", "askNotional", "openOrderInitialMargin")):
            out.append(row)
    return out


def held_row(row: Fields, base: str, asset: str, leverages: Mapping[str, float], *, inverse: bool = False) -> Held:
    """A row of positions; marks and entries follow from value and profit where the response has none."""
    symbol, quantity = row.text("symbol"), row.number("positionAmt")
    size = _contract_size(base) if inverse else 1.0
    value = row.number_or(row.name_of("notional", "notionalValue"), 0)
    if "markPrice" in row or not (value and quantity):
        mark = row.number("markPrice")
    else:
        mark = abs(quantity * size / value) if inverse else abs(value / quantity)
    profit = row.name_of("unRealizedProfit", "unrealizedProfit")
    if "entryPrice" in row or not quantity:
        entry = row.number("entryPrice") if quantity else mark
    elif inverse:
        entry = 1 / (1 / mark + row.number(profit) / (quantity * size))
    else:
        entry = mark - row.number(profit) / quantity
    if "leverage" not in row and symbol not in leverages:
        raise row.error("leverage", "missing", "Give symbolConfig, or a version of the response that has it.")
    return Held(
        symbol=symbol,
        base=base,
        asset=asset,
        inverse=inverse,
        contract_size=size,
        mark=mark,
        side=leg_of(row),
        quantity=quantity,
        entry=entry,
        leverage=leverages[symbol] if symbol in leverages else row.number("leverage"),
        isolated_wallet=_isolated_wallet(row, profit),
        source=row,
    )


def _isolated_wallet(row: Fields, profit: str) -> float:
    """Wallet of an isolated position, NaN for one that shares."""
    if "isolated" in row:
        isolated = row.flag("isolated")
    elif "marginType" in row:
        isolated = row.text("marginType").lower() == "isolated"
    else:
        isolated = row.number_or("isolatedWallet", 0) != 0
    if not isolated:
        return NONE
    return row.number("isolatedWallet") if "isolatedWallet" in row else row.number("isolatedMargin") - row.number(profit)


@functools.cache
def _contract_size(coin: str) -> float:
    p = parameters(dt.date.max)
    name = f"coinm.contract_size.{coin}"
    return p.number(name if name in p else "coinm.contract_size.otherwise")


def coin_of(row: Fields) -> tuple[str, str]:
    """Base and margin asset of a COIN-M symbol: its coin, twice."""
    symbol = row.text("symbol")
    coin, quote, _ = symbol.partition("USD")
    if not coin or not quote:
        raise row.error("symbol", f"{symbol!r} is no COIN-M contract", "Hand USD-M positions over as such.")
    return coin, coin


def asset_of(row: Fields) -> str:
    """Asset of an index: ``ADAUSD`` is that of ADA."""
    return row.text("symbol").removesuffix("USD")


def needed(names: Sequence[str], assets: Sequence[Fields], held: Sequence[Held]) -> list[str]:
    """Assets that are held or settled in."""
    settled = {h.asset for h in held}
    pairs = zip(names, assets, strict=True)
    return [name for name, row in pairs if name in settled or row.number("walletBalance")]


def futures_wallets(assets: Sequence[Fields], held: Sequence[Held]) -> list[Wallet]:
    """Cross wallets: as reported, or the wallets less those of isolated positions."""
    out = []
    for row in assets:
        name = row.text("asset")
        isolated = sum(h.isolated_wallet for h in held if h.asset == name and not np.isnan(h.isolated_wallet))
        amount = row.number("crossWalletBalance") if "crossWalletBalance" in row else row.number("walletBalance") - isolated
        out.append(Wallet(asset=name, amount=amount))
    return out


def portfolio_wallet(row: Fields) -> Wallet:
    """An asset over all wallets of portfolio margin; interest is part of the loan."""
    margin = row.number_or("crossMarginFree", 0) + row.number_or("crossMarginLocked", 0)
    margin = row.number("crossMarginAsset") if "crossMarginFree" not in row else margin
    return Wallet(
        asset=row.text("asset"),
        amount=margin + row.number("umWalletBalance") + row.number("cmWalletBalance"),
        loan=row.number("crossMarginBorrowed") + row.number("crossMarginInterest"),
    )


def given_collateral(payload: Any, *, pro: bool) -> dict[str, object]:
    """Collateral rates as parameters: flat, or marginal tiers over USD value."""
    given: dict[str, object] = {}
    for row in Fields(payload, "collateralRate").items():
        asset = row.text("asset")
        if not pro:
            given[f"portfolio_margin.collateral.{asset}"] = row.number("collateralRate")
            continue
        tiers = row.at("collateralInfo").items() if "collateralInfo" in row else []
        tiers.sort(key=lambda tier: tier.number("tierFloor"))
        own = f"portfolio_margin_pro.asset.{asset}"
        given[f"{own}.floor"] = tuple(tier.number("tierFloor") for tier in tiers) or (0,)
        given[f"{own}.ratio"] = tuple(tier.number("collateralRate") for tier in tiers) or (row.number("collateralRate"),)
    return given
