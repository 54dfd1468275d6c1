"""A seeded synthetic exchange of any size: markets, accounts, open orders and the parameters they need.

Nothing in it is real; its shape is: many small accounts and a few very large ones, popularity that falls like Zipf's law,
directional retail, delta-hedged market makers, a full option surface, several collateral currencies, and leverage that
leaves about one account in a hundred in liquidation under a cross portfolio regime.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from margin import io
from margin.book import Book
from margin.ids import Coded, Ids
from margin.market import Market
from margin.synthetic.book import COLLATERAL, MEAN_POSITIONS, Holdings, holdings
from margin.synthetic.market import Columns, Listing, listing
from margin.synthetic.market import tables as market_tables
from margin.synthetic.overlay import overlay

__all__ = ["Exchange", "exchange"]
