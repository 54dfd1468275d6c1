"""The exchange-wide run: a snapshot in, result files and a summary out."""

from margin.batch.run import run
from margin.batch.summary import AccountRow, CurrencyTotal, RunSummary

__all__ = ["AccountRow", "CurrencyTotal", "RunSummary", "run"]
