"""The rules of one regime in one market, prepared once for all books that are margined in it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment, Results
from margin.book import Book
from margin.encoded import Encoded
from margin.market import SPOT, Market
from margin.models.requirement import Prepared
from margin.regime import Regime, accounts_per_block
from margin.threads import each

Flags = NDArray[np.bool_]


class PricedRules:
    """A regime in a market, and its model ready for every row that was asked about so far.

    A row that no book has used yet makes the model ready anew; what is ready never changes.

    Parameters
    ----------
    regime : Regime
        Without rules of single accounts.
    market : Market
    """

    def __init__(self, regime: Regime, market: Market) -> None:
        self.regime = regime
        self.market = market
        self._ready: tuple[Flags, Flags, Prepared] | None = None
        self._row_of: dict[str | int, int] | None = None

    @property
    def row_of(self) -> Mapping[str | int, int]:
        """Market row of each instrument that may be traded; spot pairs are not among them."""
        if self._row_of is None:
            names = zip(self.market.instruments.to_list(), self.market.kind.tolist(), strict=True)
            self._row_of = {name: row for row, (name, kind) in enumerate(names) if kind != SPOT}
        return self._row_of

    def prepared(self, encoded: Encoded) -> Prepared:
        """The model, ready for the rows of a book in this market."""
        return self.prepared_for(encoded.used_rows(in_usd=self.regime.pool.in_usd), encoded.isolated_rows(), encoded.market)

    def prepared_for(self, used: Flags, isolated: Flags, counted: Market) -> Prepared:
        """The model, ready for some rows; arguments as `Regime.prepare_rows` takes them."""
        if self._ready is not None:
            known, known_isolated, prepared = self._ready
            if not ((used & ~known).any() or (isolated & ~known_isolated).any()):
                return prepared
            used, isolated = used | known, isolated | known_isolated
        self._ready = used, isolated, self.regime.prepare_rows(counted, used, isolated)
        return self._ready[2]

    def assess(self, book: Book, *, threads: int = 1) -> Assessment:
        """Margin a book; the same numbers as those of `Regime.assess`."""
        started = time.perf_counter()
        encoded = self.regime.encode(book, self.market)
        seconds = {"encode": time.perf_counter() - started}
        prepared = self.prepared(encoded)
        seconds["price"] = time.perf_counter() - started - seconds["encode"]
        results = Results.concatenated(each(
            lambda block: self.regime.margins(block[0], encoded.market, prepared, *self.regime.group(encoded, prepared, *block)),
            blocks(encoded),
            threads,
        ))  # fmt: skip
        seconds["stress"] = time.perf_counter() - started - sum(seconds.values())
        return Assessment(regime=self.regime, encoded=encoded, prepared=prepared, results=results, timings=seconds)


def blocks(encoded: Encoded) -> tuple[tuple[int, int], ...]:
    """First and last account (exclusive) of each block of a book, at least one."""
    n, size = len(encoded.book.accounts), accounts_per_block(encoded)
    return tuple((first, min(first + size, n)) for first in range(0, n, size)) or ((0, 0),)
