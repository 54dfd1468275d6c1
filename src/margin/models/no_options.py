"""Option rule of venues that list no options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from margin.errors import DataError
from margin.lines import Lines
from margin.models.options import OptionMargins, ShortMargin
from margin.models.units import UsedRows

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class NoOptions:
    """Options are an error: there is no rule for them."""

    nets: ClassVar[bool] = False

    def prepare(self, rows: UsedRows) -> PreparedNoOptions:
        """Refuse a market in which somebody holds an option.

        Raises
        ------
        DataError
            Naming the first of them.
        """
        options = np.flatnonzero(rows.options)
        if len(options):
            name = rows.market.instruments[int(options[0])]
            raise DataError(
                f"{name!r} is an option, and these rules have none",
                table="instruments",
                column="kind",
                key={"instrument": name},
                count=len(options),
                hint="Leave options out, or choose rules that margin them.",
            )
        nothing = np.zeros(len(rows.used))
        return PreparedNoOptions(ShortMargin(nothing, nothing))


@dataclass(frozen=True, slots=True, eq=False)
class PreparedNoOptions:
    """`NoOptions` for one market."""

    short: ShortMargin

    def margins(self, lines: Lines) -> OptionMargins:
        """No runs."""
        none = np.zeros(0)
        return OptionMargins(np.array([0], dtype=np.int64), none, none)
