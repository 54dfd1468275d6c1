"""Margin requirements of real venues, for one account or for every account of an exchange at once.

Names are loaded on first use, so that ``import margin`` costs little more than ``import numpy``.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from margin import synthetic, venues
    from margin.assessment import Assessment
    from margin.book import Book
    from margin.engine import Engine
    from margin.errors import DataError, MarginError, ParameterError
    from margin.ids import Ids
    from margin.io import Snapshot, read_snapshot, write_snapshot
    from margin.kernels import Config, config
    from margin.market import Market
    from margin.pricing import black76
    from margin.regime import Regime

__version__ = "0.1.0"

__all__ = [
    "Assessment",
    "Book",
    "Config",
    "DataError",
    "Engine",
    "Ids",
    "MarginError",
    "Market",
    "ParameterError",
    "Regime",
    "Snapshot",
    "__version__",
    "black76",
    "config",
    "read_snapshot",
    "synthetic",
    "venues",
    "write_snapshot",
]

_HOME = {
    "Assessment": "assessment",
    "Book": "book",
    "Config": "kernels",
    "DataError": "errors",
    "Engine": "engine",
    "Ids": "ids",
    "MarginError": "errors",
    "Market": "market",
    "ParameterError": "errors",
    "Regime": "regime",
    "Snapshot": "io",
    "black76": "pricing",
    "config": "kernels",
    "read_snapshot": "io",
    "write_snapshot": "io",
}
_MODULES = ("synthetic", "venues")


def __getattr__(name: str) -> object:
    """Load an exported name on first use (PEP 562)."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
