"""From the venue's responses to a book, a market, parameters of the account, and an assessment beside the venue's own figures.

Responses are taken as the API gives them (parsed JSON; numbers may be strings). What a figure needs and no response holds is
refused by the path of the field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from margin.venues.binance.brackets import given_brackets
from margin.venues.binance.fields import Fields
from margin.venues.binance.payload_figures import (
    of_account,
    of_positions,
    reported_assets,
    reported_positions,
    reported_totals,
)
from margin.venues.binance.payload_rows import (
    asset_of,
    coin_of,
    futures_wallets,
    given_collateral,
    held_row,
    merged,
    needed,
    portfolio_wallet,
)
from margin.venues.binance.payload_tables import Tables, orders_of, split_symbol, summed_orders
from margin.venues.binance.rules import regime

if TYPE_CHECKING:
    import os

    from margin.assessment import Assessment
    from margin.book import Book
    from margin.market import Market

@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the responses of one account say.

    Attributes
    ----------
    mode : str
        Mode of `rules.regime`.
    book : Book
    market : Market
    given : Mapping of str to value
        Parameters of the account: brackets, collateral rates, buffers.
    reported : Mapping of str to float
        The venue's figures: ``"BTCUSDT BOTH maintMargin"``, ``"USDT marginBalance"``, ``"uniMMR"``.
    open_loss : float
        ``totalMarginOpenLoss`` of portfolio margin, USD.
    """

    mode: str
    book: Book
    market: Market
    given: Mapping[str, object]
    reported: Mapping[str, float]
    open_loss: float = 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure as it is computed here and as the venue reports it."""

    name: str
    ours: float
    theirs: float


@dataclass(frozen=True, slots=True, eq=False)
class Assessed:
    """An assessment of responses, and the venue's figures beside it.

    Attributes
    ----------
    reading : Reading
    assessment : Assessment
    figures : tuple of Figure
        Those that both sides have.
    """

    reading: Reading
    assessment: Assessment
    figures: tuple[Figure, ...]


def assess(reading: Reading, *, as_of: str | None = None, params: Sequence[str | os.PathLike[str]] = ()) -> Assessed:
    """Assess what was read; parameters of the day of the market unless told otherwise."""
    day = as_of or str(reading.market.time.astype("datetime64[D]"))
    assessment = regime(reading.mode, as_of=day, params=params, given=reading.given).assess(reading.book, reading.market)
    ours = {**of_positions(assessment), **of_account(reading.mode, assessment, open_loss=reading.open_loss)}
    pairs = ((name, ours[name], theirs) for name, theirs in reading.reported.items() if name in ours)
    return Assessed(reading, assessment, tuple(Figure(*pair) for pair in pairs))


def read_usdm(
    account: Any,
    *,
    time: object,
    positions: Any = (),
    brackets: Any = None,
    asset_index: Any = None,
    symbol_config: Any = (),
    open_orders: Any = None,
) -> Reading:
    """Read a USD-M account.

    Parameters
    ----------
    account : mapping
        /fapi/v2/account or /fapi/v3/account. ``multiAssetsMargin``, where it is there, chooses the mode.
    time : as for `Market.of`
    positions : list
        /fapi/v2/positionRisk or v3: marks, entries, leverage. Without it marks follow from ``notional``.
    brackets : list, optional
        /fapi/v1/leverageBracket; without it the shipped tables hold.
    asset_index : list, optional
        /fapi/v1/assetIndex: needed in multi-assets mode.
    symbol_config : list
        /fapi/v1/symbolConfig: leverages where no other response has them (v3).
    open_orders : list, optional
        /fapi/v1/openOrders; without it the sums ``bidNotional`` and ``askNotional`` of the positions are taken.

    Raises
    ------
    DataError
        Naming the path of the field.
    """
    root = Fields(account, "account")
    assets = root.at("assets").items()
    names = [row.text("asset") for row in assets]
    leverages = {row.text("symbol"): row.number("leverage") for row in Fields(symbol_config, "symbolConfig").items()}
    multi = "multiAssetsMargin" in root and root.flag("multiAssetsMargin")
    held = []
    for row in merged(root, positions):
        base, asset = split_symbol(row, names)
        held.append(held_row(row, base, asset, leverages))
    index = {} if asset_index is None else {asset_of(row): row for row in Fields(asset_index, "assetIndex").items()}
    # In single-asset mode no figure depends on the price of an asset in USD.
    usd = {name: index[name].number("index") if name in index else 1 for name in names} if not multi else {}
    if multi:
        wanted = Fields({name: row.value for name, row in index.items()}, "assetIndex")
        usd = {name: wanted.at(name).number("index") for name in needed(names, assets, held)}
    given = {} if brackets is None else given_brackets(brackets)
    for name in usd if multi else ():
        for side in ("bid", "ask"):
            given[f"multi_assets.{name}.{side}_buffer"] = index[name].number(f"{side}Buffer")
    wallets = [w for w in futures_wallets(assets, held) if w.asset in usd]
    orders = summed_orders(held) if open_orders is None else orders_of(open_orders, held)
    tables = Tables(held, wallets, usd, orders)
    return Reading(
        mode="usdm_multi" if multi else "usdm_single",
        book=tables.book(),
        market=tables.market(time),
        given=given,
        reported={**reported_positions(held), **(reported_totals(root) if multi else reported_assets(assets))},
    )


def read_coinm(
    account: Any, *, time: object, positions: Any = (), brackets: Any = None, open_orders: Any = (), symbol_config: Any = ()
) -> Reading:
    """Read a COIN-M account: /dapi/v1/account, positionRisk, leverageBracket (v1 by pair or v2 by symbol), openOrders.

    Raises
    ------
    DataError
        Naming the path of the field.
    """
    root = Fields(account, "account")
    assets = root.at("assets").items()
    leverages = {row.text("symbol"): row.number("leverage") for row in Fields(symbol_config, "symbolConfig").items()}
    held = [held_row(row, *coin_of(row), leverages, inverse=True) for row in merged(root, positions)]
    # No figure of segregated coins depends on their prices in USD; a contract's mark stands in.
    usd = {row.text("asset"): 1.0 for row in assets} | {h.base: h.mark for h in held}
    tables = Tables(held, futures_wallets(assets, held), usd, orders_of(open_orders, held))
    return Reading(
        mode="coinm",
        book=tables.book(),
        market=tables.market(time),
        given={} if brackets is None else given_brackets(brackets),
        reported={**reported_positions(held), **reported_assets(assets)},
    )


def read_portfolio_margin(
    account: Any,
    *,
    time: object,
    balances: Any,
    index_prices: Any,
    um_positions: Any = (),
    cm_positions: Any = (),
    um_brackets: Any = None,
    cm_brackets: Any = None,
    collateral_rates: Any = None,
    margin_leverage: float | None = None,
    pro: bool = False,
) -> Reading:
    """Read a Portfolio Margin account.

    Parameters
    ----------
    account : mapping
        /papi/v1/account, or /sapi/v1/portfolio/account of Portfolio Margin Pro.
    time : as for `Market.of`
    balances : list
        /papi/v1/balance.
    index_prices : list
        /sapi/v1/portfolio/asset-index-price.
    um_positions, cm_positions : list
        /papi/v1/um/positionRisk and /papi/v1/cm/positionRisk.
    um_brackets, cm_brackets : list, optional
        /papi/v1/um/leverageBracket and /papi/v1/cm/leverageBracket.
    collateral_rates : list, optional
        /sapi/v1/portfolio/collateralRate, or v2 with tiers; without it the shipped figures hold.
    margin_leverage : float, optional
        Leverage of the margin wallet; needed where something is borrowed.
    pro : bool
        Portfolio Margin Pro.

    Raises
    ------
    DataError
        Naming the path of the field.
    """
    root = Fields(account, "account")
    rows = Fields(balances, "balance").items()
    prices = {row.text("asset"): row for row in Fields(index_prices, "assetIndexPrice").items()}
    wallets = [w for w in map(portfolio_wallet, rows) if w.amount or w.loan]
    um, cm = (Fields(p, name).items() for p, name in ((um_positions, "umPositionRisk"), (cm_positions, "cmPositionRisk")))
    held = [held_row(row, *split_symbol(row, prices), {}) for row in um if row.number("positionAmt")]
    held += [held_row(row, *coin_of(row), {}, inverse=True) for row in cm if row.number("positionAmt")]
    priced = Fields({name: row.value for name, row in prices.items()}, "assetIndexPrice")
    needed = dict.fromkeys([*(w.asset for w in wallets), *(h.asset for h in held)])
    tables = Tables(held, wallets, {name: priced.at(name).number("assetIndexPrice") for name in needed})
    given: dict[str, object] = {}
    for listed in (um_brackets, cm_brackets):
        given |= {} if listed is None else given_brackets(listed)
    given |= {} if collateral_rates is None else given_collateral(collateral_rates, pro=pro)
    given |= {} if margin_leverage is None else {"margin.leverage": margin_leverage}
    names = ("uniMMR", "accountEquity", "actualEquity", "accountInitialMargin", "accountMaintMargin", "totalAvailableBalance")
    return Reading(
        mode="portfolio_margin_pro" if pro else "portfolio_margin",
        book=tables.book(),
        market=tables.market(time),
        given=given,
        reported={**reported_positions(held), **{name: root.number(name) for name in names if name in root}},
        open_loss=0 if pro else root.number_or("totalMarginOpenLoss", 0),
    )
