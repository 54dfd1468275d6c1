"""A seeded synthetic exchange of any size: markets, accounts, open orders and the parameters they need.

Nothing in it is real; its shape is: many small accounts and a few very large ones, popularity that falls like Zipf's law,
directional retail, delta-hedged market makers, a full option surface, several collateral currencies, and leverage that
leaves about one account in a hundred in liquidation under a cross portfolio regime.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin import io
from margin._values import instant
from margin.book import Book
from margin.ids import Coded, Ids
from margin.market import Market
from margin.synthetic.book import COLLATERAL, MEAN_POSITIONS, Holdings, holdings
from margin.synthetic.market import Columns, Listing, listing
from margin.synthetic.market import tables as market_tables
from margin.synthetic.overlay import overlay
from margin.synthetic.retail import perpetuals, retail_holdings, retail_overlay

__all__ = ["Exchange", "exchange", "retail"]

PARAMETERS = "params.toml"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exchange:
    """A synthetic exchange at one instant. Made by `exchange`.

    Attributes
    ----------
    time : datetime64[ms], UTC
    params : str
        Text of a parameter file, status illustrative: what the synthetic coins need beside a venue's own parameters.
    listed : Listing
        The instruments.
    accounts : Ids
    holdings : Holdings
        Positions, orders and balances, identifiers as codes.
    """

    time: np.datetime64
    params: str
    listed: Listing
    accounts: Ids
    holdings: Holdings

    def __repr__(self) -> str:
        h = self.holdings
        return (
            f"Exchange({self.time}, {len(self.accounts)} accounts, {len(self.listed)} instruments, "
            f"{len(h.position_account)} positions, {len(h.balance_account)} balances, {len(h.order_account)} orders)"
        )

    @property
    def tables(self) -> dict[str, Columns]:
        """Every table as numpy columns, identifiers as strings.

        Made anew at each call. Ten million rows of strings take gigabytes; `book`, `market` and `write` do without them.
        """
        tables = market_tables(self.listed)
        for name, columns in self._book_tables().items():
            tables[name] = {k: c.decode().to_numpy() if isinstance(c, Coded) else c for k, c in columns.items()}
        return tables

    def market(self) -> Market:
        """The market."""
        return Market.of(time=self.time, **market_tables(self.listed))

    def book(self) -> Book:
        """The book of all accounts."""
        tables = self._book_tables()
        return Book.of(positions=tables["positions"], balances=tables["balances"], orders=tables["orders"])

    def write(self, path: str | Path) -> None:
        """Write the snapshot folder, with the parameter file ``params.toml`` in it.

        Raises
        ------
        MissingExtraError
            If pyarrow is not installed.
        """
        io.write_snapshot(path, {**market_tables(self.listed), **self._book_tables()}, self.time)
        (Path(path) / PARAMETERS).write_text(self.params, encoding="utf-8")

    def _book_tables(self) -> dict[str, dict[str, Coded | NDArray[np.generic]]]:
        h = self.holdings
        instruments, currencies = Ids.of(self.listed.name), Ids.of(list(COLLATERAL))
        return {
            "positions": {
                "account": Coded(h.position_account, self.accounts),
                "instrument": Coded(h.position_instrument, instruments),
                "quantity": h.position_quantity,
                "entry_price": h.position_entry,
                **({} if h.position_leverage is None else {"leverage": h.position_leverage}),
            },
            "balances": {
                "account": Coded(h.balance_account, self.accounts),
                "currency": Coded(h.balance_currency, currencies),
                "amount": h.balance_amount,
            },
            "orders": {
                "account": Coded(h.order_account, self.accounts),
                "instrument": Coded(h.order_instrument, instruments),
                "quantity": h.order_quantity,
                "price": h.order_price,
                "mmp": h.order_mmp,
            },
        }


def exchange(
    accounts: int = 100_000,
    *,
    positions: int | None = None,
    seed: int = 0,
    time: object = "2026-02-15T08:00:00Z",
    instruments: int = 5_000,
) -> Exchange:
    """Make a synthetic exchange; the same arguments give the same exchange.

    Parameters
    ----------
    accounts : int
        Number of accounts, >= 1.
    positions : int, optional
        About how many positions in all, by default 8 per account; every account has at least one, so not below `accounts`.
    seed : int
        >= 0.
    time : datetime, datetime64, ISO 8601 string or epoch milliseconds
        The instant, UTC. Expiries follow from it.
    instruments : int
        About how many instruments; the option chains shrink with it, down to one strike an expiry.

    Raises
    ------
    ValueError
        If `accounts` or `positions` is too small, or `seed` negative.

    Examples
    --------
    >>> exchange(1_000, seed=7, instruments=500)
    Exchange(...)
    """
    if accounts < 1 or seed < 0 or (positions is not None and positions < accounts):
        message = f"accounts={accounts}, positions={positions}, seed={seed}: at least 1, one for each account, 0"
        raise ValueError(message)
    at = instant(time)
    listed = listing(at, instruments)
    mean = MEAN_POSITIONS if positions is None else positions / accounts
    names = Ids.of([f"acct-{number:07d}" for number in range(accounts)])
    return Exchange(at, overlay(), listed, names, holdings(listed, accounts=accounts, mean=mean, seed=seed))


def retail(accounts: int = 100_000, *, seed: int = 0, time: object = "2026-02-15T08:00:00Z") -> Exchange:
    """Make the usual retail book: 1 to 5 linear perpetuals an account, one cash balance, leverage chosen, no orders.

    Parameters
    ----------
    accounts : int
        Number of accounts, >= 1.
    seed : int
        >= 0.
    time : datetime, datetime64, ISO 8601 string or epoch milliseconds
        The instant, UTC.

    Raises
    ------
    ValueError
        If `accounts` is too small, or `seed` negative.
    """
    if accounts < 1 or seed < 0:
        message = f"accounts={accounts}, seed={seed}: at least 1 and 0"
        raise ValueError(message)
    at = instant(time)
    listed = perpetuals(listing(at, 0))
    names = Ids.of([f"acct-{number:07d}" for number in range(accounts)])
    return Exchange(at, retail_overlay(), listed, names, retail_holdings(listed, accounts=accounts, seed=seed))
