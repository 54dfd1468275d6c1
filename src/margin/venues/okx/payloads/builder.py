"""Risk units of the position builder's answer beside the ones computed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from margin.venues.okx.payloads.check import Row
from margin.venues.okx.payloads.fields import Record, records
from margin.venues.okx.summary import account_figures

if TYPE_CHECKING:
    from margin.assessment import Assessment

COMPONENTS = {
    "mr1": "scenario_loss", "mr2": "time_decay", "mr3": "term_structure", "mr4": "basis", "mr5": "yield_curve",
    "mr6": "extreme_move", "mr7": "minimum", "mr9": "depeg",
}  # fmt: skip
BORROW = "mr8"


def read_units(payload: object) -> dict[str, Record]:
    """Risk units of an answer of ``account/position-builder``, by coin.

    Raises
    ------
    DataError
        Naming the field at fault.
    """
    units: dict[str, Record] = {}
    for account in records(payload, "builder"):
        for unit in account.records("riskUnitData"):
            units[unit.text("riskUnit").split("-")[0]] = unit
    return units


def compare_units(payload: object, assessment: Assessment) -> tuple[Row, ...]:
    """Components MR1 to MR9 of every risk unit, in USD; MR8 is the account's margin of debts.

    Parameters
    ----------
    payload : payload
        ``account/position-builder``.
    assessment : Assessment
        Of one account under portfolio margin, with the same positions.

    Raises
    ------
    DataError
        If a field is malformed, or the assessment has no unit of that name.
    """
    columns, rows = assessment.unit_columns(), []
    names = [str(columns["unit"][k]) for k in range(len(columns["unit"]))]
    debts = account_figures(assessment, taker_fee=0.0).borrow_mmr
    for coin, record in read_units(payload).items():
        if coin not in names:
            record.refuse("riskUnit", f"{record.text('riskUnit')!r} is no unit of the assessment")
        at = names.index(coin)
        ours = {field: float(columns[name][at]) for field, name in COMPONENTS.items() if name in columns}
        rows += [Row(f"{record.path}.{f}", coin, f, x, record.number(f)) for f, x in ours.items() if record.has(f)]
        if record.has(BORROW):
            rows.append(Row(f"{record.path}.{BORROW}", coin, BORROW, float(debts[0]), record.number(BORROW)))
    return tuple(rows)

