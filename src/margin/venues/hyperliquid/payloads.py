"""Answers of the venue's info endpoint, as an account, the coins it may hold, and their margin tables.

`clearinghouseState`, `meta` or `metaAndAssetCtxs`, `spotClearinghouseState`, `openOrders` or `frontendOpenOrders`. A bad answer
is a `DataError` that names payload, path and value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from margin.venues.hyperliquid.books import Account, Listed, Order, Position, dex_token
from margin.venues.hyperliquid.fields import Field

if TYPE_CHECKING:
    from margin.params import Parameters

Payload = Any
"""An answer as JSON gives it."""

STATE, META, SPOT, ORDERS = "clearinghouseState", "meta", "spotClearinghouseState", "openOrders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One coin of a `meta`.

    Attributes
    ----------
    coin : str
    table : int or None
        Number of its margin table; None where it has one tier only.
    max_leverage : float
    size_decimals : int
    strict : bool
        Positions are strictly isolated.
    mark, oracle : float or None
        Where the contexts of the assets are given too.
    """

    coin: str
    table: int | None
    max_leverage: float
    size_decimals: int
    strict: bool
    mark: float | None
    oracle: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """One dex.

    Attributes
    ----------
    assets : tuple of Asset
    token : int
        Index of the collateral token.
    tables : Mapping of str to object
        Margin tables, and the table of each coin, by parameter name.
    """

    assets: tuple[Asset, ...]
    token: int
    tables: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One clearinghouse state: an account on one dex.

    Attributes
    ----------
    account_value : float
        Of the cross pool.
    positions : tuple of Position
        As the venue names their coins, isolated ones with their margin.
    time : int
        Epoch milliseconds.
    """

    account_value: float
    positions: tuple[Position, ...]
    time: int

    @property
    def isolated_margin(self) -> float:
        """Margin in all isolated positions."""
        return sum(p.margin for p in self.positions if p.margin is not None)


def read_meta(payload: Payload, dex: str = "") -> Meta:
    """Read a `meta`, or a `metaAndAssetCtxs`, whose contexts give marks.

    A coin without a margin table id has one tier with its maximum leverage. Tables of a dex of its own bear its name.
    """
    contexts: list[Field] | None = None
    meta = Field(META, "", payload)
    if isinstance(payload, list):
        meta, second = Field("metaAndAssetCtxs", "", payload).pair()
        contexts = list(second.items())
    universe = list(meta["universe"].items())
    if contexts is not None and len(contexts) != len(universe):
        meta["universe"].reject(f"lists {len(universe)} coins beside {len(contexts)} contexts", shown=False)
    tables: dict[str, object] = {}
    for entry in (meta.get("marginTables") or Field(META, "marginTables", [])).items():
        number, table = entry.pair()
        tiers = list(table["marginTiers"].items())
        name = f"margin_table.{_table_name(number.whole(), dex)}"
        tables[f"{name}.lower_bound"] = [tier["lowerBound"].number() for tier in tiers]
        tables[f"{name}.max_leverage"] = [tier["maxLeverage"].positive() for tier in tiers]
    assets = tuple(_asset(coin, None if contexts is None else contexts[i]) for i, coin in enumerate(universe))
    for asset in assets:
        tables |= _of_coin(asset, dex, tables)
    token = meta.get("collateralToken")
    return Meta(assets=assets, token=0 if token is None else token.whole(), tables=tables)


def read_state(payload: Payload) -> State:
    """Read a `clearinghouseState`: account value of the cross pool, and positions at the marks that their values imply."""
    state = Field(STATE, "", payload)
    positions = tuple(_position(entry["position"]) for entry in state["assetPositions"].items())
    value = state["crossMarginSummary"]["accountValue"].number()
    return State(account_value=value, positions=positions, time=state["time"].whole())


def read_spot(payload: Payload) -> dict[str, float]:
    """Total of each token of a `spotClearinghouseState`; negative where it is owed."""
    return {each["coin"].text(): each["total"].number() for each in Field(SPOT, "", payload)["balances"].items()}


def read_spot_tokens(payload: Payload) -> dict[int, str]:
    """Name of each token by its index, as far as a `spotClearinghouseState` tells."""
    rows = Field(SPOT, "", payload)["balances"].items()
    return {each["token"].whole(): each["coin"].text() for each in rows if each.get("token") is not None}


def read_orders(payload: Payload, leverage: Mapping[str, float]) -> list[Order]:
    """Read `openOrders` or `frontendOpenOrders`; reduce-only and trigger orders reserve nothing and are left out.

    Parameters
    ----------
    payload : list
    leverage : Mapping of str to float
        Leverage chosen by coin; an order in a coin that is not held needs one here.
    """
    orders = []
    for row in Field(ORDERS, "", payload).items():
        if any((flag := row.get(name)) is not None and flag.flag() for name in ("reduceOnly", "isTrigger")):
            continue
        coin, size = row["coin"].text(), row["sz"].positive()
        orders.append(
            Order(
                coin=coin,
                size=size if row["side"].choice("B", "A") == "B" else -size,
                price=row["limitPx"].positive(),
                leverage=leverage.get(coin),
            )
        )
    return orders


def token_names(p: Parameters, spot: Payload | None) -> dict[int, str]:
    """Names of tokens by index: the first is the cash of the venue; others as the spot state or the parameters name them."""
    known = {int(index): p.text(f"collateral_token.{index}") for index in p.names("collateral_token")}
    named = {} if spot is None else read_spot_tokens(spot)
    return {**known, **named, 0: p.text("general.cash")}


def account_of(
    states: Mapping[str, State],
    metas: Mapping[str, Meta],
    *,
    mode: str,
    tokens: Mapping[int, str],
    spot: Mapping[str, float],
    orders: Sequence[Order],
    name: str,
    others: Mapping[str, float],
) -> tuple[Account, dict[str, Listed]]:
    """One account over its dexes, and the coins that are listed.

    In standard mode each dex has its own money, and spot balances back nothing. Otherwise positions of all dexes with one token
    share its spot total, which contains unrealised P&L and the margin of isolated positions.

    Parameters
    ----------
    states, metas
        By dex; the first dex is ``""``.
    mode : str
    tokens : Mapping of int to str
    spot : Mapping of str to float
        Totals by token.
    orders : sequence of Order
    name : str
    others : Mapping of str to float
        Collateral in further tokens, in units.
    """
    money: dict[str, float] = dict(others)
    listed: dict[str, Listed] = {}
    for dex, meta in metas.items():
        if meta.token not in tokens:
            problem = "is a token whose name is not known: give the spot state, or a parameter collateral_token"
            Field(META, "collateralToken", meta.token).reject(problem)
        token = tokens[meta.token]
        here = dex_token(token, dex) if mode == "standard" else token
        listed |= {asset.coin: Listed(token=here, mark=asset.mark) for asset in meta.assets}
        state = states.get(dex)
        if state is not None and mode == "standard":
            money[here] = state.account_value
        elif state is not None:
            money[here] = money.get(here, spot.get(token, 0.0)) - state.isolated_margin
    held = [p for state in states.values() for p in state.positions]
    return Account(name=name, money=money, positions=held, orders=orders), listed


def _of_coin(asset: Asset, dex: str, known: Mapping[str, object]) -> dict[str, object]:
    """Margin table of a coin by parameter name, with the table itself where it is given by its one leverage only."""
    name = f"coin.{asset.coin}.margin_table"
    if asset.table is None:
        one = f"one-{asset.max_leverage:g}".replace(".", "_")
        table = f"margin_table.{one}"
        return {name: one, f"{table}.lower_bound": [0.0], f"{table}.max_leverage": [asset.max_leverage]}
    own = _table_name(asset.table, dex)
    return {name: own if f"margin_table.{own}.lower_bound" in known else asset.table}


def _table_name(number: int, dex: str) -> int | str:
    return f"{dex}-{number}" if dex else number


def _asset(row: Field, context: Field | None) -> Asset:
    table, isolated, mode = row.get("marginTableId"), row.get("onlyIsolated"), row.get("marginMode")
    mark, oracle = (None if context is None else context.get(name) for name in ("markPx", "oraclePx"))
    return Asset(
        coin=row["name"].text(),
        table=None if table is None else table.whole(),
        max_leverage=row["maxLeverage"].positive(),
        size_decimals=row["szDecimals"].whole(),
        strict=isolated is not None and isolated.flag() if mode is None else mode.text() == "strictIsolated",
        mark=None if mark is None else mark.positive(),
        oracle=None if oracle is None else oracle.positive(),
    )


def _position(row: Field) -> Position:
    size, value, leverage = row["szi"].number(), row["positionValue"].positive(), row["leverage"]
    if size == 0:
        row["szi"].reject("is no position")
    isolated = leverage["type"].choice("cross", "isolated") == "isolated"
    margin = None
    if isolated:
        raw = leverage.get("rawUsd")
        # The ledger is printed to more digits of what matters than the margin, which is derived from it.
        margin = row["marginUsed"].number() if raw is None else raw.number() + (value if size > 0 else -value)
    return Position(
        coin=row["coin"].text(), size=size, mark=value / abs(size), leverage=leverage["value"].positive(), margin=margin
    )
