"""One call from the venue's answers to an assessment, with the venue's own figures beside those computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from margin.venues.hyperliquid import payloads
from margin.venues.hyperliquid.books import dex_token, snapshot
from margin.venues.hyperliquid.fields import Field
from margin.venues.hyperliquid.figures import PoolFigures, PositionFigures, pools, portfolio_ratio, positions
from margin.venues.hyperliquid.payloads import META, SPOT, STATE, Payload
from margin.venues.hyperliquid.prices import liquidation_prices
from margin.venues.hyperliquid.rules import Options, compose, parameters

if TYPE_CHECKING:
    import os

    from margin.assessment import Assessment
    from margin.params import Parameters


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure: its path in the payload, what the venue says (None: no price), what is computed here."""

    path: str
    venue: float | None
    here: float | None


@dataclass(frozen=True, slots=True, eq=False)
class AssessedAccount:
    """One account, from payloads.

    Attributes
    ----------
    assessment : Assessment
    parameters : Parameters
        Of the day, with the payload's margin tables.
    positions : PositionFigures
    pools : PoolFigures
    prices : ndarray of float64, shape (n_positions,)
        Liquidation price of each position, nan where there is none.
    compared : tuple of Compared
    left_out : tuple of str
        Spot tokens that back nothing.
    """

    assessment: Assessment
    parameters: Parameters
    positions: PositionFigures
    pools: PoolFigures
    prices: np.ndarray
    compared: tuple[Compared, ...]
    left_out: tuple[str, ...]

    def __repr__(self) -> str:
        """The figures side by side."""
        rows = [f"{'figure':<52}{'venue':>22}{'here':>22}"]
        rows += [f"{c.path:<52}{_shown(c.venue):>22}{_shown(c.here):>22}" for c in self.compared]
        return "\n".join(rows)


def assess(
    state: Payload | Mapping[str, Payload],
    *,
    meta: Payload | Mapping[str, Payload],
    mode: str = "standard",
    spot: Payload | None = None,
    orders: Payload | None = None,
    leverage: Mapping[str, float] | None = None,
    usd: Mapping[str, float] | None = None,
    as_of: str | None = None,
    params: Sequence[str | os.PathLike[str]] = (),
    options: Options | None = None,
    name: str = "account",
) -> AssessedAccount:
    """Margin one account from the venue's answers.

    Parameters
    ----------
    state : dict, or Mapping of str to dict
        `clearinghouseState`; of several dexes by dex, the first dex being ``""``.
    meta : dict or list, or Mapping of str to these
        `meta` or `metaAndAssetCtxs`, likewise. An order in a coin that is not held needs the latter.
    mode : str
        One of `MODES`.
    spot : dict, optional
        `spotClearinghouseState`; needed but in standard mode.
    orders : list, optional
        `openOrders` or `frontendOpenOrders`.
    leverage : Mapping of str to float, optional
        Leverage chosen for coins that are ordered and not held.
    usd : Mapping of str to float, optional
        Price of collateral tokens, see `lending.oracle_price`.
    as_of : "YYYY-MM-DD", optional
        Day of the parameters, by default that of the state.
    params : sequence of paths
        Parameter files of the user.
    options : Options, optional
    name : str
        Name of the account, for parameters of its own.

    Raises
    ------
    DataError
        If an answer is not what it should be; payload, path and value are named.
    ParameterError
        If a parameter has no value.

    Examples
    --------
    >>> found = assess(state, meta=meta)  # doctest: +SKIP
    >>> found  # doctest: +SKIP
    """
    raw = _by_dex(state, "assetPositions")
    states = {dex: payloads.read_state(payload) for dex, payload in raw.items()}
    metas = {dex: payloads.read_meta(payload, dex) for dex, payload in _by_dex(meta, "universe").items()}
    for dex in states.keys() - metas.keys():
        Field(META, dex or "meta", None).reject("is needed for the positions of this dex", shown=False)
    if mode != "standard" and spot is None:
        Field(SPOT, "balances", None).reject(f"is needed in mode {mode}", shown=False)
    time = np.datetime64(max((each.time for each in states.values()), default=0), "ms")
    tables = {key: value for each in metas.values() for key, value in each.tables.items()}
    p = parameters(as_of or str(time.astype("datetime64[D]")), params=params)
    p = p.with_(tables, source="meta", status="recorded")
    chosen = dict(leverage or {}) | {
        each.coin: each.leverage for s in states.values() for each in s.positions if each.leverage is not None
    }
    totals = {} if spot is None else payloads.read_spot(spot)
    names = payloads.token_names(p, spot)
    backing, left_out = _backing(totals, p, mode, {names.get(each.token, "") for each in metas.values()})
    account, listed = payloads.account_of(
        states,
        metas,
        mode=mode,
        tokens=names,
        spot=totals,
        orders=[] if orders is None else payloads.read_orders(orders, chosen),
        name=name,
        others=backing,
    )
    market, book = snapshot([account], time=time, listed=listed, usd=usd)
    assessment = compose(mode, p, options).assess(book, market)
    held = positions(assessment, step=p.number("rounding.step"))
    strict = {asset.coin for each in metas.values() for asset in each.assets if asset.strict}
    figures = pools(assessment, p, held=held, strict=strict)
    prices = liquidation_prices(assessment, p, held, figures)
    whole = AssessedAccount(assessment, p, held, figures, prices, (), left_out)
    tokens = {dex: dex_token(names[metas[dex].token], dex) for dex in states}
    compared = [*_compared_states(whole, raw, states, tokens, mode), *_compared_spot(whole, spot, mode)]
    return AssessedAccount(assessment, p, held, figures, prices, tuple(compared), left_out)


def _by_dex(payload: Any, key: str) -> Mapping[str, Any]:
    """Payloads by dex; a payload alone is that of the first dex."""
    return payload if isinstance(payload, Mapping) and key not in payload and payload else {"": payload}


def _backing(
    totals: Mapping[str, float], p: Parameters, mode: str, settled: set[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Spot totals that stand beside those of the collateral tokens of dexes: collateral and debts in portfolio margin."""
    rest = {token: total for token, total in totals.items() if token not in settled}
    if mode != "portfolio_margin":
        return {}, tuple(rest)
    counted = {*p.texts("portfolio_margin.collateral"), *p.texts("portfolio_margin.borrowable")}
    backing: dict[str, float] = {}
    left_out = []
    for token, total in rest.items():
        coin = p.text(f"spot_name.{token}") if f"spot_name.{token}" in p else token
        if coin in counted:
            backing[coin] = backing.get(coin, 0.0) + total
        else:
            left_out.append(token)
    return backing, tuple(left_out)


def _compared_states(
    found: AssessedAccount,
    raw: Mapping[str, Payload],
    states: Mapping[str, payloads.State],
    tokens: Mapping[str, str],
    mode: str,
) -> list[Compared]:
    """Figures of each dex. What the venue shows of a shared balance on one dex is an allocation, and is not compared."""
    market, held = found.assessment.market, found.positions
    coin = np.array([market.currencies[base] for base in market.base])[held.instrument] if len(held) else np.zeros(0, dtype=str)
    out = []
    for dex, state in states.items():
        where = f"{dex or STATE}."
        names = {each.coin for each in state.positions}
        here = np.isin(coin, list(names))
        payload = Field(STATE, "", raw[dex])
        shared = here & ~held.isolated
        summary = payload["crossMarginSummary"]
        for path, value in (
            ("totalNtlPos", held.notional[shared].sum()),
            ("totalMarginUsed", held.initial[shared].sum()),
        ):
            out.append(Compared(f"{where}crossMarginSummary.{path}", summary[path].number(), float(value)))
        maintenance = payload["crossMaintenanceMarginUsed"].number()
        out.append(Compared(f"{where}crossMaintenanceMarginUsed", maintenance, float(held.maintenance[shared].sum())))
        if mode == "standard":
            out += _compared_money(found, payload, where, state, tokens[dex])
        for entry in payload["assetPositions"].items():
            out += _compared_position(found, entry["position"], where, coin)
    return out


def _compared_money(found: AssessedAccount, payload: Field, where: str, state: payloads.State, token: str) -> list[Compared]:
    """Account value and what may be withdrawn, where the money of a dex is the dex's own."""
    total = state.account_value + state.isolated_margin
    withdrawable = float(found.pools.withdrawable[_rows(found)[token]])
    return [
        Compared(f"{where}marginSummary.accountValue", payload["marginSummary"]["accountValue"].number(), total),
        Compared(f"{where}withdrawable", payload["withdrawable"].number(), withdrawable),
    ]


def _rows(found: AssessedAccount) -> dict[str, int]:
    """Row of the pool that is shared in each token."""
    currencies, isolated = found.assessment.results.currency, found.pools.isolated
    return {found.assessment.market.currencies[c]: row for row, c in enumerate(currencies) if not isolated[row]}


def _compared_position(found: AssessedAccount, row: Field, where: str, coin: np.ndarray) -> list[Compared]:
    i = int(np.flatnonzero(coin == row["coin"].text())[0])
    held, price = found.positions, float(found.prices[i])
    used = found.pools.account_value[held.row[i]] if held.isolated[i] else held.initial[i]
    stated = row.get("liquidationPx")
    path = f"{where}{row['coin'].text()}"
    return [
        Compared(f"{path}.marginUsed", row["marginUsed"].number(), float(used)),
        Compared(f"{path}.liquidationPx", None if stated is None else stated.number(), None if np.isnan(price) else price),
    ]


def _compared_spot(found: AssessedAccount, spot: Payload | None, mode: str) -> list[Compared]:
    """Figures of the shared balances."""
    if spot is None or mode == "standard":
        return []
    payload, assessment = Field(SPOT, "", spot), found.assessment
    out = []
    names = payloads.token_names(found.parameters, spot)
    after = found.pools.available_after_maintenance
    rows = _rows(found)
    available = payload.get("tokenToAvailableAfterMaintenance")
    for entry in [] if available is None else available.items():
        index, amount = entry.pair()
        row = rows.get(names.get(index.whole(), ""))
        if row is not None:
            out.append(Compared(f"{SPOT}.{entry.path}", amount.number(), float(after[row])))
    ratio = payload.get("portfolioMarginRatio")
    if ratio is not None and assessment.regime.borrowing is not None:
        out.append(Compared(f"{SPOT}.portfolioMarginRatio", ratio.number(), float(portfolio_ratio(assessment, found.pools)[0])))
    return out


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"
