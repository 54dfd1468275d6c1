"""The one place that chooses between the compiled kernels and their plain Python twin.

``MARGIN_IMPL=python`` runs everything on the twin, ``MARGIN_IMPL=core`` insists on the compiled kernels; without it they are
used if they can be imported. ``MARGIN_ISA`` forces one of the instruction sets that `config` lists.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import margin
from margin._aligned import aligned_table

if TYPE_CHECKING:
    from margin._core import (
        Numbering,
        accumulate,
        arranged,
        black76,
        black76_grid,
        bounds,
        cell_products,
        cell_sums,
        code_sums,
        encode_bytes,
        encode_int64,
        fold,
        group,
        leaf_sums,
        line_sums,
        lookup_bytes,
        lookup_int64,
        net,
        occurring,
        peaks,
        products,
        profits,
        runs,
        segment_sum,
        split_sums,
        stress,
        stress_after,
        stress_folded,
        stress_structured,
        tail,
        take_bytes,
        tiers,
        translated,
    )

__all__ = [
    "Config",
    "Numbering",
    "accumulate",
    "aligned_table",
    "arranged",
    "black76",
    "black76_grid",
    "bounds",
    "cell_products",
    "cell_sums",
    "code_sums",
    "config",
    "encode_bytes",
    "encode_int64",
    "fold",
    "group",
    "leaf_sums",
    "line_sums",
    "lookup_bytes",
    "lookup_int64",
    "net",
    "occurring",
    "peaks",
    "products",
    "profits",
    "runs",
    "segment_sum",
    "split_sums",
    "stress",
    "stress_after",
    "stress_folded",
    "stress_structured",
    "tail",
    "take_bytes",
    "tiers",
    "translated",
]

_CHOICES = ("core", "python")


@dataclass(frozen=True, slots=True)
class Config:
    """What the kernels run on: the implementation, the instruction set in use, those available, the package version."""

    implementation: str
    isa: str
    isas: tuple[str, ...]
    version: str


def _choose() -> tuple[str, Any]:
    wanted = os.environ.get("MARGIN_IMPL") or ""
    if wanted and wanted not in _CHOICES:
        message = f"MARGIN_IMPL is {wanted!r}; available: {', '.join(_CHOICES)}"
        raise ValueError(message)
    if wanted != "python":
        try:
            from margin import _core
        except ImportError as error:
            if wanted == "core":
                raise
            message = f"the compiled kernels cannot be used, plain Python will be slow: {error}"
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        else:
            return "core", _core
    from margin import _reference

    return "python", _reference


_implementation, _kernels = _choose()
if not TYPE_CHECKING:
    Numbering = _kernels.Numbering
    accumulate = _kernels.accumulate
    arranged = _kernels.arranged
    black76 = _kernels.black76
    black76_grid = _kernels.black76_grid
    bounds = _kernels.bounds
    cell_products = _kernels.cell_products
    cell_sums = _kernels.cell_sums
    code_sums = _kernels.code_sums
    encode_bytes = _kernels.encode_bytes
    encode_int64 = _kernels.encode_int64
    fold = _kernels.fold
    group = _kernels.group
    leaf_sums = _kernels.leaf_sums
    line_sums = _kernels.line_sums
    lookup_bytes = _kernels.lookup_bytes
    lookup_int64 = _kernels.lookup_int64
    net = _kernels.net
    occurring = _kernels.occurring
    peaks = _kernels.peaks
    products = _kernels.products
    profits = _kernels.profits
    runs = _kernels.runs
    segment_sum = _kernels.segment_sum
    split_sums = _kernels.split_sums
    stress = _kernels.stress
    stress_after = _kernels.stress_after
    stress_folded = _kernels.stress_folded
    stress_structured = _kernels.stress_structured
    tail = _kernels.tail
    take_bytes = _kernels.take_bytes
    tiers = _kernels.tiers
    translated = _kernels.translated


def config() -> Config:
    """Tell which kernels are in use.

    Examples
    --------
    >>> import margin
    >>> margin.config().implementation in {"core", "python"}
    True
    """
    if _implementation == "python":
        return Config("python", "base", ("base",), margin.__version__)
    return Config("core", _kernels.isa(), _kernels.isas(), margin.__version__)
