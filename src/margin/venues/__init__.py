"""Venues: each package in here composes pools, models and charges into the account modes of one venue."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from margin.errors import ParameterError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["available", "load"]


def available() -> tuple[str, ...]:
    """Names of the venues that are installed, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg))


def load(name: str) -> ModuleType:
    """The module of a venue.

    Parameters
    ----------
    name : str
        One of `available`.

    Raises
    ------
    ParameterError
        If there is no such venue; the text lists those that there are.
    """
    if name not in available():
        known = ", ".join(available()) or "none"
        message = f"no venue {name!r}; available: {known}"
        raise ParameterError(message, name="venue", scope="arguments")
    return importlib.import_module(f"{__name__}.{name}")
