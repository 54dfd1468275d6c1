"""From components to requirement: what each of them counts for in initial and in maintenance margin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from margin.market import Market

Factor = float | Callable[[Market], float]


@dataclass(frozen=True, slots=True)
class Factors:
    """What each component is multiplied by before they are added up.

    Attributes
    ----------
    otherwise : float or callable
        Factor of every component that is not named.
    named : Mapping of str to (float or callable)
        Factor by component; a callable takes the market.
    """

    otherwise: Factor = 1.0
    named: Mapping[str, Factor] = field(default_factory=dict)

    def of(self, components: Iterable[str], market: Market) -> dict[str, float]:
        """Factor of each component in a market."""
        factors = {name: self.named.get(name, self.otherwise) for name in components}
        return {name: float(factor(market) if callable(factor) else factor) for name, factor in factors.items()}


@dataclass(frozen=True, slots=True)
class DepegFactor:
    """A factor that rises while the money of the pool trades below a dollar: ``base + max(threshold - price, 0) * slope``.

    Attributes
    ----------
    base : float
    threshold : float
        USD.
    slope : float
        By USD.
    """

    base: float
    threshold: float
    slope: float

    def __call__(self, market: Market) -> float:
        """The factor at the price of the market's money."""
        return self.base + max(self.threshold - market.money_usd, 0.0) * self.slope
