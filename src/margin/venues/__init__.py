"""Venues: each package in here composes pools, models and charges into the account modes of one venue."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import TYPE_CHECKING

from margin.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from margin.liquidation.procedure import Procedure

__all__ = ["available", "load", "load_procedure"]


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


def load_procedure(name: str) -> Callable[..., Procedure]:
    """How a venue liquidates: a function of the account mode that makes a `Procedure` with the parameters of a day.

    Parameters
    ----------
    name : str
        One of `available`.

    Raises
    ------
    ParameterError
        If there is no such venue, or nothing here says how it liquidates.
    """
    load(name)
    module = f"{__name__}.{name}.procedure"
    if importlib.util.find_spec(module) is None:
        message = f"nothing here says how {name} liquidates; a procedure of your own can be composed in Python"
        raise ParameterError(message, name="venue", scope="arguments")
    procedure: Callable[..., Procedure] = importlib.import_module(module).procedure
    return procedure
