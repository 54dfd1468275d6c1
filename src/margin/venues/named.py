"""A regime asked for by name: venue, mode, day and parameter files; can be written down and asked for again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from margin import venues
from margin.errors import DataError, ParameterError
from margin.market import Market
from margin.params import ACCEPTED, Parameters
from margin.regime import Regime

if TYPE_CHECKING:
    from margin.liquidation.procedure import Procedure


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRegime:
    """Which rules, with the parameters of which day. Called with a market it gives the regime.

    Attributes
    ----------
    venue, mode : str
    as_of : str or None
        Day of the parameters; None takes the day of the market.
    params : tuple of str
        Parameter files, later ones win.
    accept : tuple of str
        Statuses of parameters to take.
    """

    venue: str
    mode: str
    as_of: str | None = None
    params: tuple[str, ...] = ()
    accept: tuple[str, ...] = ACCEPTED

    def __call__(self, market: Market) -> Regime:
        """The regime; raises `ParameterError` if there is no such venue or mode, or a parameter has no value."""
        module = venues.load(self.venue)
        as_of = self.as_of or str(market.time.astype("datetime64[D]"))
        regime: Regime = module.regime(self.mode, as_of=as_of, params=self.params, accept=self.accept)
        return regime

    def parameters(self, market: Market) -> Parameters:
        """The parameters it takes; raises `ParameterError` if a file is wrong."""
        as_of = self.as_of or str(market.time.astype("datetime64[D]"))
        found: Parameters = venues.load(self.venue).parameters(as_of=as_of, params=self.params, accept=self.accept)
        return found

    def procedure(self, market: Market) -> Procedure:
        """How the venue liquidates accounts of this mode, with the same parameters; raises `ParameterError` likewise."""
        as_of = self.as_of or str(market.time.astype("datetime64[D]"))
        return venues.load_procedure(self.venue)(self.mode, as_of=as_of, params=self.params, accept=self.accept)

    @property
    def modes(self) -> tuple[str, ...]:
        """Every mode of the venue."""
        modes: tuple[str, ...] = venues.load(self.venue).MODES
        return modes

    def with_mode(self, mode: str) -> NamedRegime:
        """The same under another mode of the venue."""
        return replace(self, mode=mode)

    def record(self) -> dict[str, Any]:
        """What `from_record` reads, ready for JSON."""
        return {
            "venue": self.venue,
            "mode": self.mode,
            "as_of": self.as_of,
            "params": list(self.params),
            "accept": list(self.accept),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> NamedRegime:
        """Read a record; raises `DataError` if something of it is missing."""
        try:
            params, accept = tuple(map(str, record["params"])), tuple(map(str, record["accept"]))
            return cls(venue=record["venue"], mode=record["mode"], as_of=record["as_of"], params=params, accept=accept)
        except (KeyError, TypeError) as error:
            raise DataError(f"no regime can be read from {record!r}: {error}", hint="Write the result again.") from None

    def same_as(self, market: Market, fingerprint: str) -> Regime:
        """The regime, if its parameters are those of an earlier time.

        Raises
        ------
        ParameterError
            If the fingerprint of its parameters is another one.
        """
        regime = self(market)
        found = regime.provenance.get("parameters", "")
        if found != fingerprint:
            message = (
                f"the parameters of {regime.name} are not those of the result any more (fingerprint {found}, not {fingerprint}). "
                "Margin the snapshot again."
            )
            raise ParameterError(message, name="parameters", scope=regime.name)
        return regime
