"""Funding of perpetuals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PremiumFunding:
    """Hourly funding rate from how far impact prices stand off the index, clamped.

    With ``premium = (max(impact_bid - index, 0) - max(index - impact_ask, 0)) / index``::

        rate = min(max(premium / hours + interest, -cap), cap)

    Attributes
    ----------
    hours : float
        Time in which the premium is paid once, > 0.
    interest : float
        Fraction per hour that longs pay without a premium.
    cap : float
        Largest rate per hour, either way.
    """

    hours: float
    interest: float
    cap: float

    def rate(self, index: float, *, impact_bid: float, impact_ask: float) -> float:
        """Fraction per hour that a long position pays, negative where it receives.

        Parameters
        ----------
        index, impact_bid, impact_ask : float, quote currency per coin
            Impact prices are the averages at which a standard size would be sold and bought.
        """
        if not (index > 0 and self.hours > 0):
            message = f"index={index}, hours={self.hours}: both must be above zero"
            raise ValueError(message)
        premium = (max(impact_bid - index, 0.0) - max(index - impact_ask, 0.0)) / index
        return min(max(premium / self.hours + self.interest, -self.cap), self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClampedInterestFunding:
    """Funding rate of a period: the average premium, drawn towards an interest rate by no more than a clamp.

    ``rate = premium + min(max(interest - premium, -clamp), clamp)``

    Attributes
    ----------
    interest : float
        Fraction a period.
    clamp : float
        Most by which the premium is moved, >= 0.
    """

    interest: float
    clamp: float

    def rate(self, premium: float) -> float:
        """Fraction a period that a long position pays, negative where it receives."""
        return premium + min(max(self.interest - premium, -self.clamp), self.clamp)

    def hourly(self, premium: float, *, hours: float, cap: float) -> float:
        """The rate of an hour of a period of so many hours, at most `cap` either way."""
        return min(max(self.rate(premium) / hours, -cap), cap)


def funding_received(position: float, *, rate: float, index: float, hours: float) -> float:
    """Funding that a position receives over a time, negative where it pays, in quote currency.

    Parameters
    ----------
    position : float
        Coin, signed.
    rate : float
        Fraction per hour that longs pay.
    index : float, quote currency per coin
    hours : float
    """
    return -position * rate * index * hours
