"""Pools that borrow: what a currency may owe against collateral in other currencies, by loan-to-value and with caps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NoReturn

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.market import Market
from margin.pools.collateral import Collateral
from margin.pools.holdings import Holdings, Partition, PoolValue

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LoanTerms:
    """What one collateral currency counts for.

    Attributes
    ----------
    initial, maintenance : float
        Fraction of its worth that may be borrowed, and that counts before a loan is liquidated.
    cap : float
        Most units of one account that count.
    """

    initial: float
    maintenance: float
    cap: float


@dataclass(frozen=True, slots=True)
class LendingPool:
    """One pool for each settlement currency; one that can be borrowed is backed by the whole account's collateral as well.

    Collateral counts ``min(sum over c of min(balance_c, cap_c) * price_c * fraction_c, borrow cap)``, priced in the pool's
    currency; it is counted again for every currency that can be borrowed. Balances in collateral currencies have no pool of
    their own.

    Attributes
    ----------
    borrowable : Mapping of str to float
        Most that may be borrowed, in units, by currency. The first stands for accounts that use none of them.
    collateral : Mapping of str to LoanTerms
    """

    borrowable: Mapping[str, float]
    collateral: Mapping[str, LoanTerms]
    money: ClassVar[str] = "USD"
    in_usd: ClassVar[bool] = False

    def partition(self, holdings: Holdings, market: Market) -> Partition:
        """One pool for each (account, currency) that is used and is no collateral, at least one for each account.

        Raises
        ------
        DataError
            If an account owes a currency that cannot be borrowed, or the market does not know the first that can.
        """
        self._check_debts(holdings, market)
        names = [market.currencies[c] for c in holdings.currencies]
        used = holdings.uses_currency(market)
        used[:, [name in self.collateral for name in names]] = False
        account, held = np.nonzero(used)
        idle = np.flatnonzero(~used.any(axis=1))
        account = np.concatenate((account, idle))
        first = self._first(market) if len(idle) else 0
        currency = np.concatenate((holdings.currencies[held], np.full(len(idle), first))).astype(np.int32)
        order = np.argsort(account, kind="stable")
        of_account, currency = account[order].astype(np.int32), currency[order]
        number = np.full((holdings.n_accounts, len(market.currencies)), -1, dtype=np.int32)
        number[of_account, currency] = np.arange(len(order), dtype=np.int32)
        return Partition(
            position_pool=number[holdings.account, market.settlement[holdings.row]],
            order_pool=number[holdings.order_account, market.settlement[holdings.order_row]],
            account=of_account,
            name=(len(market) + currency).astype(np.int32),
            currency=currency,
        )

    def value(self, holdings: Holdings, partition: Partition, market: Market, collateral: Collateral) -> PoolValue:
        """Equity of each (account, currency) and what its collateral adds, in that currency.

        Raises
        ------
        DataError
            If a collateral currency that is held, or a currency that can be borrowed, has no price.
        """
        credit = [self._credit(holdings, market, initial=initial)[partition.account] for initial in (True, False)]
        cap = np.array([self.borrowable.get(name, 0.0) for name in market.currencies])[partition.currency]
        price = np.where(cap > 0, market.usd[partition.currency], 1.0)
        if np.isnan(price).any():
            _no_price(market, int(partition.currency[np.argmax(np.isnan(price))]))
        initial, maintenance = (np.minimum(worth / price, cap) for worth in credit)
        # An idle account is counted in a currency that perhaps nobody holds: the last of one column more is nobody's.
        cell = partition.account, holdings.column[partition.currency]
        balance, unrealised, option_value = (
            np.pad(amount, ((0, 0), (0, 1)))[cell]
            for amount in (holdings.balance, holdings.worths.unrealised, holdings.worths.option_value)
        )
        settled = balance + unrealised
        equity = settled + option_value
        counted = equity if collateral.counts_option_value else settled
        return PoolValue(
            equity=equity,
            initial_collateral=counted + initial,
            maintenance_collateral=counted + maintenance,
            unrealised=unrealised,
            option_value=option_value,
        )

    def _credit(self, holdings: Holdings, market: Market, *, initial: bool) -> Array:
        """What all collateral of each account counts for, in the market's money, shape (n_accounts,)."""
        total = np.zeros(holdings.n_accounts)
        for column, code in enumerate(holdings.currencies):
            terms = self.collateral.get(market.currencies[code])
            amount = np.maximum(holdings.balance[:, column], 0.0)
            if terms is None or not amount.any():
                continue
            if np.isnan(market.usd[code]):
                _no_price(market, int(code))
            total += np.minimum(amount, terms.cap) * market.usd[code] * (terms.initial if initial else terms.maintenance)
        return total

    def _first(self, market: Market) -> int:
        first = next(iter(self.borrowable))
        if first not in market.currencies:
            problem = f"accounts that use no other currency are counted in {first!r}, which the market does not know"
            raise DataError(problem, table="currencies", column="currency", value=first, hint="Add it and its USD price.")
        return market.currencies.index(first)

    def _check_debts(self, holdings: Holdings, market: Market) -> None:
        for column, code in enumerate(holdings.currencies):
            name = market.currencies[code]
            if name in self.collateral and (holdings.balance[:, column] < 0).any():
                raise DataError(
                    f"an account owes {name!r}, which is collateral and cannot be borrowed",
                    table="balances",
                    column="amount",
                    value=float(holdings.balance[:, column].min()),
                    count=int((holdings.balance[:, column] < 0).sum()),
                    hint=f"Only {', '.join(self.borrowable)} can be owed.",
                )


def _no_price(market: Market, code: int) -> NoReturn:
    name = market.currencies[code]
    problem = f"{name!r} backs a loan and has no USD price"
    raise DataError(problem, table="currencies", column="usd", value=name, hint="Give its price.")
