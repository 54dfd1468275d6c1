"""Dutch auction of a whole account, in parts: its price over time, how much a bid may take and what it pays.

Money of a solvent auction flows from the bidder to the account, of an insolvent one from a fund to the bidder. Figures of an
account are its mark-to-market value (``value``, positive when solvent) and its *net maintenance margin* (``net``, value less
requirement, negative when short); both in the money of its pool.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from margin.errors import ParameterError
from margin.models.portfolio import PortfolioModel
from margin.models.scenarios import ListedScenarios

if TYPE_CHECKING:
    from margin.assessment import Assessment
    from margin.regime import Regime


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDecay:
    """Price factor of a solvent auction: linear in two phases, then zero.

    Attributes
    ----------
    start : float
        Fraction of the value at which the auction starts.
    cutoff : float
        Fraction at the end of the fast phase.
    fast, slow : float
        Length of the two phases in seconds; a phase of no length is skipped.
    """

    start: float
    cutoff: float
    fast: float
    slow: float

    def factor(self, elapsed: float) -> float:
        """Fraction of the value asked for after `elapsed` seconds, >= 0.

        Raises
        ------
        ValueError
            If `elapsed` is negative.
        """
        if elapsed < 0:
            raise ValueError(f"elapsed={elapsed}: an auction has no price before its start")
        if elapsed < self.fast:
            return self.start - (self.start - self.cutoff) * elapsed / self.fast
        if elapsed < self.length:
            return self.cutoff * (1.0 - (elapsed - self.fast) / self.slow)
        return 0.0

    @property
    def length(self) -> float:
        """Seconds until the price is zero."""
        return self.fast + self.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """An account in an auction.

    Attributes
    ----------
    value : float
        Mark-to-market.
    buffered : float
        Net maintenance margin with the buffer on top, which the auction sells down to zero; negative while it runs.
    reserved : float
        Cash that earlier bids paid; it is not sold again.
    """

    value: float
    buffered: float
    reserved: float = 0.0

    @classmethod
    def of(cls, *, value: float, net: float, buffer: float, reserved: float = 0.0) -> Figures:
        """Figures with the buffer as a fraction of the maintenance requirement: ``net + buffer * (net - value)``."""
        return cls(value=value, buffered=net + buffer * (net - value), reserved=reserved)

    def full_price(self, factor: float) -> float:
        """Price of everything that is for sale at a price factor."""
        return (self.value - self.reserved) * factor

    def max_fraction(self, factor: float) -> float:
        """Largest fraction of the account that a bid may take: after it the buffered margin is zero.

        Nothing when the margin is met; everything when even that would not restore it.
        """
        if self.buffered >= 0:
            return 0.0
        kept = self.full_price(factor) + self.reserved
        return min(self.buffered / (self.buffered - kept), 1.0) if kept > 0 else 1.0

    def fee(self, rate: float) -> float:
        """Fee at the start of an auction: on the value of the largest fraction at full price without reserved cash."""
        return rate * self.value * replace(self, reserved=0.0).max_fraction(1.0)

    def bid(self, wanted: float, factor: float) -> Bid:
        """A bid for a fraction of the account, cut to the largest one allowed."""
        limit = self.max_fraction(factor)
        fraction = min(wanted, limit)
        paid = fraction * self.full_price(factor)
        needed = paid + fraction * abs(self.buffered - self.reserved)
        return Bid(fraction=fraction, paid=paid, needed=needed, last=wanted >= limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bid:
    """What a bid comes to.

    Attributes
    ----------
    fraction : float
        Share of every position and of the cash that is not reserved.
    paid : float
        Cash to the account.
    needed : float
        Cash that the bidder must hold.
    last : bool
        Whether it ends the auction.
    """

    fraction: float
    paid: float
    needed: float
    last: bool


def insolvent_offer(*, value: float, net: float, elapsed: float, length: float) -> float:
    """Price of a whole account that is worth less than nothing, <= 0: from its value down to its net margin.

    Parameters
    ----------
    value, net : float
        Mark-to-market and net maintenance margin.
    elapsed, length : float
        Time since the start and until the lowest offer, in one unit; without length the lowest offer holds at once.
    """
    if net >= 0:
        return 0.0
    start = min(value, 0.0)
    share = 1.0 if elapsed >= length else elapsed / length
    return min((net - start) * share + start, 0.0)


def withdrawal_fee(*, unpaid: float, deposits: float) -> float:
    """Fraction of every withdrawal that is kept when `unpaid` of insolvent debt is spread over all holders of cash."""
    return unpaid / (unpaid + deposits) if unpaid > 0 else 0.0


def with_one_scenario(regime: Regime, assessment: Assessment) -> Regime:
    """The regime under which an auctioned account is margined: of all scenarios only its worst one.

    Charges that compete with the scenarios go on doing so. Where one of them is the worst loss, or nothing is at risk, the worst
    of the scenarios alone is taken, the first of equals. A model without listed scenarios is left as it is.

    Parameters
    ----------
    regime : Regime
    assessment : Assessment
        Of the one account, under that regime, when the auction starts.

    Raises
    ------
    ParameterError
        If the model has no scenarios to choose from, or the account holds several risk units with a worst scenario each.
    """
    model = regime.model
    if not isinstance(model, PortfolioModel) or not isinstance(model.scenarios, ListedScenarios):
        return regime
    listed = model.scenarios.scenarios
    if not listed:
        raise ParameterError("an auction under one scenario needs a list of them", name="scenarios", scope=regime.name)
    (pool,) = assessment.explain(assessment.book.accounts[0]).pools
    if len(pool.vectors) > 1:
        message = f"{len(pool.vectors)} risk units have a worst scenario each; an auction under one scenario needs one unit"
        raise ParameterError(message, name="scenarios", scope=regime.name)
    worst = int(pool.vectors[0].total.argmin()) if pool.vectors else 0
    return replace(regime, model=replace(model, scenarios=ListedScenarios((listed[worst],))))
