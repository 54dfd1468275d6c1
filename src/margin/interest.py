"""Interest on borrowed cash: a rate that rises with utilisation, compounded continuously, and shared with suppliers."""

from __future__ import annotations

import math
from dataclasses import dataclass


def utilisation(supplied: float, borrowed: float) -> float:
    """Share of what is supplied that is borrowed: 0 where nothing is borrowed, at most 1.

    Raises
    ------
    ValueError
        If an amount is not zero or above.
    """
    if not (supplied >= 0 and borrowed >= 0):
        message = f"supplied={supplied}, borrowed={borrowed}: amounts must be zero or above"
        raise ValueError(message)
    return borrowed / supplied if borrowed < supplied else float(borrowed > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class KinkedRate:
    """Yearly borrow rate that rises with utilisation, and faster beyond a kink.

    ``minimum + slope * min(u, kink) + steep_slope * max(u - kink, 0)``

    Attributes
    ----------
    minimum : float
        Rate where nothing is borrowed.
    slope : float
        Rise up to the kink, per unit of utilisation.
    kink : float
        Utilisation from which the rate rises faster; 1 for none.
    steep_slope : float
        Rise beyond the kink.
    """

    minimum: float
    slope: float
    kink: float = 1.0
    steep_slope: float = 0.0

    def at(self, utilisation: float) -> float:
        """Rate per year at a utilisation, which counts as 1 where it is above 1."""
        used = min(utilisation, 1.0)
        return self.minimum + self.slope * min(used, self.kink) + self.steep_slope * max(used - self.kink, 0.0)


def supply_rate(borrow_rate: float, utilisation: float, *, retained: float) -> float:
    """Yearly rate that suppliers receive: what borrowers pay, spread over all that is supplied, less the part retained.

    Parameters
    ----------
    borrow_rate : float
        Per year.
    utilisation : float
    retained : float
        Fraction of the interest that suppliers do not get.
    """
    return borrow_rate * utilisation * (1.0 - retained)


def interest_factor(rate: float, years: float) -> float:
    """Growth of a debt less one over a time: ``exp(rate * years) - 1``."""
    return math.expm1(rate * years)
