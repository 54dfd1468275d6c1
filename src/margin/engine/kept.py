"""The accounts of a book that share a regime, kept between markets and trades."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from margin.assessment import Assessment, Results
from margin.book import Book
from margin.encoded import Encoded
from margin.engine.block import Block, alike, same_bands, same_order
from margin.engine.rules import PricedRules, blocks
from margin.market import Market
from margin.models.requirement import Prepared
from margin.regime import Regime
from margin.threads import each

Codes = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A book under one regime in one market: encoded, grouped and margined.

    Attributes
    ----------
    codes : ndarray of int32, shape (n_accounts,)
        Its accounts in the whole book.
    rules : PricedRules
    encoded : Encoded
    prepared : Prepared
        The model that numbers the units of the results.
    blocks : tuple of Block
    results : tuple of Results
        One entry for each block.
    seconds : Mapping of str to float
    """

    codes: Codes
    rules: PricedRules
    encoded: Encoded
    prepared: Prepared
    blocks: tuple[Block, ...]
    results: tuple[Results, ...]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, codes: Codes, regime: Regime, book: Book, market: Market, *, threads: int) -> Kept:
        """Encode, price, group and margin the accounts; `book` holds them alone."""
        started = time.perf_counter()
        rules = PricedRules(regime, market)
        encoded = regime.encode(book, market)
        encoded_at = time.perf_counter()
        prepared = rules.prepared(encoded)
        priced_at = time.perf_counter()

        def work(block: tuple[int, int]) -> tuple[Block, Results]:
            new = Block.of(regime, encoded, prepared, *block)
            return new, new.results(regime, encoded.market, prepared)

        grouped, results = zip(*each(work, blocks(encoded), threads), strict=True)
        return cls(codes, rules, encoded, prepared, grouped, results, _seconds(started, encoded_at, priced_at))

    def repriced(self, market: Market, *, threads: int) -> Kept:
        """The same book in another market; nothing is looked up or sorted again where the instruments are the same."""
        before, regime = self.rules.market, self.rules.regime
        if not alike(before, market):
            return Kept.of(self.codes, regime, self.encoded.book, market, threads=threads)
        started = time.perf_counter()
        counted = market.counted_in(regime.pool.money)
        encoded = replace(self.encoded, market=counted)
        encoded_at = time.perf_counter()
        rules = PricedRules(regime, market)
        prepared = rules.prepared(encoded)
        priced_at = time.perf_counter()
        grouped = same_order(self.prepared, prepared) and same_bands(before, market)

        def work(block: Block) -> tuple[Block, Results]:
            if grouped:
                new = block.repriced(regime, encoded, prepared)
            else:
                new = Block.of(regime, encoded, prepared, block.first, block.last)
            return new, new.results(regime, counted, prepared)

        done, results = zip(*each(work, self.blocks, threads), strict=True)
        return Kept(self.codes, rules, encoded, prepared, done, results, _seconds(started, encoded_at, priced_at))

    def traded(self, encoded: Encoded, touched: Codes, after: Assessment) -> Kept:
        """The book after trades.

        Parameters
        ----------
        encoded : Encoded
            The whole book with its new rows.
        touched : ndarray of int32
            Accounts that have traded, ascending.
        after : Assessment
            Of these accounts alone, in this order, under the same rules.
        """
        results = [_renumbered(known, self.prepared, after.prepared) for known in self.results]
        same = same_order(self.prepared, after.prepared)
        grouped = [block if same else block.numbered(after.prepared) for block in self.blocks]
        for b, block in enumerate(self.blocks):
            inside = (block.first <= touched) & (touched < block.last)
            if not inside.any():
                continue
            grouped[b] = Block.of(after.regime, encoded, after.prepared, block.first, block.last)
            new = _taken(after.results, np.flatnonzero(inside[after.results.account]))
            new = replace(new, account=touched[new.account])
            old = _taken(results[b], np.flatnonzero(~np.isin(results[b].account, touched)))
            both, order = Results.concatenated([old, new]), grouped[b].partition
            rows = np.empty(len(both.account), dtype=np.int64)
            wanted = _by_pool(order.account + np.int32(block.first), order.name, order.currency)
            rows[wanted] = _by_pool(both.account, both.name, both.currency)
            results[b] = _taken(both, rows)
        return replace(
            self, encoded=encoded, prepared=after.prepared, blocks=tuple(grouped), results=tuple(results), seconds=after.timings
        )


def _seconds(started: float, encoded: float, priced: float) -> dict[str, float]:
    return {"encode": encoded - started, "price": priced - encoded, "stress": time.perf_counter() - priced}


def _by_pool(account: Codes, name: Codes, currency: Codes) -> NDArray[np.int64]:
    """Order of rows by account and pool; legs of one instrument, which share a name, keep the order that they have."""
    return np.lexsort((currency, name, account))


def _taken(results: Results, order: NDArray[np.int64]) -> Results:
    """Some of the rows, in the order asked for, with their units."""
    arrays = {f.name: getattr(results, f.name)[order] for f in fields(Results) if f.name not in {"components", "units"}}
    components = {name: amount[order] for name, amount in results.components.items()}
    units = results.units
    if units is not None:
        row = np.full(len(results.account), -1, dtype=np.int32)
        row[order] = np.arange(len(order), dtype=np.int32)
        kept = np.flatnonzero(row[units.pool] >= 0)
        units = units.take(kept[np.argsort(row[units.pool[kept]], kind="stable")])
        units = replace(units, pool=row[units.pool])
    return Results(**arrays, components=components, units=units)


def _renumbered(results: Results, before: Prepared, after: Prepared) -> Results:
    """Results with the unit codes of a model that is ready for more rows."""
    units = results.units
    if units is None or before.units == after.units:
        return results
    number = {name: code for code, name in enumerate(after.units)}
    code = np.array([number[name] for name in before.units], dtype=np.int32)
    return replace(results, units=replace(units, unit=code[units.unit]))


