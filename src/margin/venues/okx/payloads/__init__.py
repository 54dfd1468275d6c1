"""Answers of the venue's API as a book, a market and parameters; an account checked against what the venue reports."""

from margin.venues.okx.payloads.account import Reading, read_account
from margin.venues.okx.payloads.builder import compare_units, read_units
from margin.venues.okx.payloads.check import Check, Row, check_account
from margin.venues.okx.payloads.tables import discount_parameters, tier_parameters

__all__ = [
    "Check",
    "Reading",
    "Row",
    "check_account",
    "compare_units",
    "discount_parameters",
    "read_account",
    "read_units",
    "tier_parameters",
]
