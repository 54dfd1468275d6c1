"""Which position asks for how much: contributions that add up to the requirement, and marginal margin.

A model may net, dampen, cap and take maxima, so the requirement of one position is not defined by the model. What is defined is
the requirement of every set of positions, and one assessment margins many sets at once, each as an account of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from margin.analysis.accounts import code_of
from margin.analysis.tabular import Tabular
from margin.analysis.variants import Variants
from margin.assessment import Assessment
from margin.book import Book
from margin.market import Market
from margin.pools.holdings import MONEY
from margin.regime import Regime

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

EXACT = 10
"""Most positions for which every set is margined (1,024 of them); with more, sets are drawn."""

ORDERS, COLLATERAL = "open orders", "collateral"
LEGS = ("", " long", " short")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attribution(Tabular):
    """Contributions to the requirement of one account, in the currency of each pool; p parts, q pools, f figures.

    Attributes
    ----------
    account : str or int
    regime : str
    parts : tuple of str
        Positions (all rows of one instrument and leg together), all open orders, and last what collateral alone requires.
    quantity : ndarray of float64, shape (p,)
        Contracts; NaN for what is no position.
    pools, currencies : tuple of str, length q
    figures : tuple of str
        ``initial_margin``, ``maintenance_margin`` and the components of the initial margin.
    contribution : ndarray of float64, shape (f, p, q)
        Adds up over the parts to `total`.
    marginal : ndarray of float64, shape (f, p, q)
        Requirement with the part less that without it, all others there; negative for a hedge. NaN for the collateral.
    total : ndarray of float64, shape (f, q)
        As in the assessment.
    n_sets : int
        Sets of positions that were margined.
    exact : bool
        Whether these were all sets.
    """

    account: str | int
    regime: str
    parts: tuple[str, ...]
    quantity: Array
    pools: tuple[str, ...]
    currencies: tuple[str, ...]
    figures: tuple[str, ...]
    contribution: Array
    marginal: Array
    total: Array
    n_sets: int
    exact: bool

    @property
    def title(self) -> str:
        """Account, regime, and how contributions were found."""
        how = "all" if self.exact else "drawn"
        return f"Contributions of account {self.account} under {self.regime} ({self.n_sets} {how} sets of positions)"

    def columns(self) -> dict[str, Any]:
        """One row for each part and pool that it bears on; contributions add up to the margins, component by component."""
        bears = (np.nan_to_num(self.contribution) != 0).any(axis=0) | (np.nan_to_num(self.marginal) != 0).any(axis=0)
        bears[~bears.any(axis=1), 0] = True
        part, pool = np.nonzero(bears)
        # The name of a component that is also that of a margin would hide it; components are parts of the initial margin.
        amounts = {name: self.contribution[f, part, pool] for f, name in enumerate(self.figures)}
        initial, maintenance = (self.marginal[f, part, pool] for f in (0, 1))
        return {
            "part": [self.parts[i] for i in part],
            "pool": [self.pools[i] for i in pool],
            "currency": [self.currencies[i] for i in pool],
            "quantity": self.quantity[part],
            **amounts,
            "marginal_initial": initial,
            "marginal_maintenance": maintenance,
        }


def attribute(
    regime: Regime, book: Book, market: Market, account: str | int, *, draws: int = 64, seed: int = 0
) -> Attribution:
    """Contributions and marginal margins of the positions of one account.

    A contribution is the Shapley value of the requirement: what a position adds when positions come one after the other, on
    average over all orders in which they may come. It adds up exactly, treats equal positions alike, and is the position's own
    requirement where nothing nets. Up to `EXACT` positions every set is margined; with more, orders are drawn, each with its
    reverse, and contributions still add up exactly.

    Parameters
    ----------
    regime : Regime
    book : Book
    market : Market
    account : str or int
    draws : int
        Orders to draw, even, >= 2.
    seed : int
        Of the draws.

    Raises
    ------
    DataError
        If the account is unknown.
    ValueError
        If `draws` is odd or below 2.

    Notes
    -----
    L. Shapley, A value for n-person games (1953); as an allocation of risk capital M. Denault, Coherent allocation of risk
    capital, Journal of Risk 4 (2001).
    """
    if draws < 2 or draws % 2:
        raise ValueError(f"draws={draws}: an even number, 2 or more")
    regime = regime.of(account)
    book = book.select([book.accounts[code_of(book, account)]])
    part, names, quantity = _positions(book)
    has_orders = len(book.orders) > 0
    n = len(names) + has_orders
    exact = n <= EXACT
    sets = _all_sets(n) if exact else _drawn_sets(n, draws, seed)
    variants = Variants.of(book, np.zeros(len(sets), dtype=np.int32))
    owner = variants.book.positions.account
    in_set = sets[owner, part[variants.position]]
    of_orders = sets[variants.book.orders.account, -1] if has_orders else None
    assessment = regime.assess(variants.keeping(positions=in_set, orders=of_orders).book, market)
    whole = int(np.flatnonzero(sets.all(axis=1))[0])
    figures, values, pools, currencies = _by_set(assessment, len(sets), whole)
    contribution, marginal = _exact(sets, values) if exact else _by_order(sets, values, draws)
    empty = int(np.flatnonzero(~sets.any(axis=1))[0])
    return Attribution(
        account=account,
        regime=regime.name,
        parts=(*names, *((ORDERS,) if has_orders else ()), COLLATERAL),
        quantity=np.append(quantity, np.full(1 + has_orders, np.nan)),
        pools=pools,
        currencies=currencies,
        figures=figures,
        contribution=np.concatenate((contribution, values[:, empty][:, None]), axis=1),
        marginal=np.concatenate((marginal, np.full_like(values[:, empty][:, None], np.nan)), axis=1),
        total=values[:, whole],
        n_sets=len(sets),
        exact=exact,
    )


def _positions(book: Book) -> tuple[NDArray[np.int64], list[str], Array]:
    """Part of each position row, and the name and the net quantity of each part."""
    held = book.positions
    leg = np.zeros(len(held), dtype=np.int64) if held.leg is None else held.leg.astype(np.int64)
    keys, first, part = np.unique(held.instrument * np.int64(len(LEGS)) + leg, return_index=True, return_inverse=True)
    rank = np.empty(len(keys), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(keys))  # in the order in which the book has them
    names = [f"{book.instruments[int(key) // len(LEGS)]}{LEGS[int(key) % len(LEGS)]}" for key in keys[np.argsort(first)]]
    part = rank[part.reshape(-1)]
    return part, names, np.bincount(part, weights=held.quantity, minlength=len(keys)).astype(np.float64, copy=False)


def _all_sets(n: int) -> Flags:
    """Every set of n parts, shape (2 ** n, n); the number of a set has a bit for each part."""
    return (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(np.bool_)


def _drawn_sets(n: int, draws: int, seed: int) -> Flags:
    """The sets along `draws` orders, each followed by its reverse; then all but one part, for each part."""
    rng = np.random.Generator(np.random.PCG64(seed))
    orders = chain.from_iterable((order, order[::-1]) for order in (rng.permutation(n) for _ in range(draws // 2)))
    steps = [np.argsort(order)[None, :] < np.arange(n + 1)[:, None] for order in orders]
    return np.concatenate((*steps, ~np.eye(n, dtype=np.bool_)))


def _by_set(
    assessment: Assessment, n_sets: int, whole: int
) -> tuple[tuple[str, ...], Array, tuple[str, ...], tuple[str, ...]]:
    """Figures of each set in each pool, shape (f, n_sets, q); pools that the account has with all its positions come by name."""
    r, columns = assessment.results, assessment.columns()
    names, first = np.unique(r.name, return_index=True)
    pool = np.searchsorted(names, r.name)
    all_figures = {"initial_margin": r.initial, "maintenance_margin": r.maintenance, **r.components}
    values = np.zeros((len(all_figures), n_sets, len(names)))
    for f, amounts in enumerate(all_figures.values()):
        np.add.at(values[f], (r.account, pool), amounts)
    labels = tuple(str(columns["pool"][int(i)]) for i in first)
    money = assessment.market.money
    named = assessment.market.currencies
    currencies = tuple(money if r.currency[i] == MONEY else named[int(r.currency[i])] for i in first)
    return tuple(all_figures), values, labels, currencies


def _exact(sets: Flags, values: Array) -> tuple[Array, Array]:
    """Shapley values and marginals from the values of all sets."""
    n = sets.shape[1]
    size = sets.sum(axis=1)
    weight = np.array([1.0 / (n * comb(n - 1, int(s))) if s < n else 0.0 for s in size])
    number = np.arange(len(sets))
    contribution = np.zeros((len(values), n, values.shape[2]))
    marginal = np.zeros_like(contribution)
    for i in range(n):
        without = number[~sets[:, i]]
        added = values[:, without | (1 << i)] - values[:, without]
        contribution[:, i] = np.einsum("fsq,s->fq", added, weight[without])
        marginal[:, i] = added[:, -1]  # the last set without a part has all others
    return contribution, marginal


def _by_order(sets: Flags, values: Array, draws: int) -> tuple[Array, Array]:
    """Shapley values over drawn orders, and marginals from the sets that lack one part."""
    n = sets.shape[1]
    contribution = np.zeros((len(values), n, values.shape[2]))
    for d in range(draws):
        steps = slice(d * (n + 1), (d + 1) * (n + 1))
        came = np.argmax(np.diff(sets[steps].astype(np.int8), axis=0), axis=1)  # which part each step brings
        contribution[:, came] += np.diff(values[:, steps], axis=1)
    return contribution / draws, values[:, n : n + 1] - values[:, draws * (n + 1) :]
