"""What happened, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from margin.ids import Coded, Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that a step did to one account.

    Attributes
    ----------
    seconds : float
        Since the start of the path.
    account : str or int
    step : str
        Which step of the procedure.
    what : str
        ``cancel``, ``trade``, ``fee``, ``release``, ``sell``, ``buy``, ``take``, ``cover``, ``start``, ``bid`` or ``socialise``.
    instrument : str
        Empty where money alone moved.
    quantity : float
        Contracts that the account bought (sold: negative); 0 where money alone moved.
    price : float
        As mark; NaN where there was none.
    amount : float
        Money that the account got (paid: negative), in `currency`.
    currency : str
    counterparty : str
        Another account, or one of the house.
    """

    seconds: float
    account: str | int
    step: str
    what: str
    instrument: str = ""
    quantity: float = 0.0
    price: float = float("nan")
    amount: float = 0.0
    currency: str = ""
    counterparty: str = ""


def event_columns(events: Sequence[Event]) -> dict[str, Any]:
    """Events as columns, one entry each."""
    texts = ("account", "step", "what", "instrument", "currency", "counterparty")
    columns: dict[str, Any] = {}
    for name in Event.__slots__:
        values = [getattr(event, name) for event in events]
        columns[name] = Coded.of(Ids.of([str(v) for v in values])) if name in texts else np.array(values, dtype=np.float64)
    return columns
