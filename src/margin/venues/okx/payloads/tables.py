"""Position tiers and discount rates of the API as parameters, which win over those that are shipped."""

from __future__ import annotations

from collections.abc import Mapping

from margin.errors import DataError
from margin.venues.okx.payloads.fields import Record, records

KINDS = ("SWAP", "FUTURES", "OPTION", "MARGIN")
UNBOUNDED = 1e300
LINEAR_OPTIONS = "_UM"  # marks the families of options that settle in dollars


def tier_parameters(tiers: Mapping[str, object]) -> dict[str, object]:
    """Parameters ``tiers.<family>`` and ``borrow.<currency>`` from answers of ``public/position-tiers``.

    Parameters
    ----------
    tiers : mapping of str to payload
        By ``instType``: SWAP, FUTURES, OPTION, MARGIN; rows of several calls together. Rows of MARGIN with a ``ccy`` are the
        tiers of that currency's debt, those with an ``instId`` or ``instFamily`` the tiers of an isolated pair.

    Raises
    ------
    DataError
        Naming the field at fault.
    """
    found: dict[str, object] = {}
    for kind, payload in tiers.items():
        if kind not in KINDS:
            raise DataError(f"{kind!r} is none of {', '.join(KINDS)}", column="tiers", value=kind)
        ladders: dict[tuple[str, bool], list[Record]] = {}
        for record in records(payload, f"tiers.{kind}"):
            of_currency = kind == "MARGIN" and record.has("ccy") and not record.has("instId")
            name = record.text("ccy" if of_currency else _name_field(record))
            ladders.setdefault((name, of_currency), []).append(record)
        for (name, of_currency), rows in ladders.items():
            rows.sort(key=lambda record: record.number("tier"))
            if of_currency:
                found |= _borrow(name, rows)
            elif kind == "MARGIN":
                found |= _pair(name, rows)
            else:
                found |= _family(kind, name, rows)
    return found


def discount_parameters(payload: object) -> dict[str, object]:
    """Parameters ``discount.<currency>`` from an answer of ``public/discount-rate-interest-free-quota``.

    Raises
    ------
    DataError
        Naming the field at fault.
    """
    found: dict[str, object] = {}
    for record in records(payload, "discounts"):
        section = f"discount.{record.text('ccy')}"
        tiers = record.records("details")
        if not tiers:
            record.refuse("details", "is empty")
        open_ended = not tiers[-1].has("maxAmt")
        bounded = tiers[:-1] if open_ended else tiers
        found[f"{section}.max"] = _ascending(bounded, "maxAmt")
        found[f"{section}.rate"] = [tier.number("discountRate") for tier in bounded]
        if open_ended:
            found[f"{section}.least"] = tiers[-1].number("discountRate")
        else:
            found[f"{section}.least"] = record.number("minDiscountRate")
    return found


def _name_field(record: Record) -> str:
    return next((name for name in ("instFamily", "uly", "instId") if record.has(name)), "instFamily")


def _family(kind: str, name: str, rows: list[Record]) -> dict[str, object]:
    linear_option = kind == "OPTION" and LINEAR_OPTIONS in name
    section = f"tiers.{kind.lower()}{'_linear' if linear_option else ''}.{name.split('_', maxsplit=1)[0]}"
    found: dict[str, object] = {f"{section}.max": _ascending(rows, "maxSz")}
    if kind == "OPTION":
        return found | {f"{section}.factor": [record.positive("optMgnFactor") for record in rows]}
    found[f"{section}.step_size"] = 0.0  # the answer is whole: steps of announcements do not follow
    return found | {f"{section}.{rate}": [record.number(rate) for record in rows] for rate in ("mmr", "imr")}


def _borrow(currency: str, rows: list[Record]) -> dict[str, object]:
    section = f"borrow.{currency}"
    found: dict[str, object] = {f"{section}.bounds": [0.0, *_ascending(rows[:-1], "maxSz")]}
    return found | {f"{section}.{rate}": [record.number(rate) for record in rows] for rate in ("mmr", "imr")}


def _pair(pair: str, rows: list[Record]) -> dict[str, object]:
    section = f"tiers.margin.{pair}"
    sizes: dict[str, object] = {f"{section}.max_{of}": _ascending(rows, f"{of}MaxLoan") for of in ("base", "quote")}
    sizes |= {f"{section}.step_{of}": 0.0 for of in ("base", "quote")}
    return sizes | {f"{section}.{rate}": [record.number(rate) for record in rows] for rate in ("mmr", "imr")}


def _ascending(rows: list[Record], name: str) -> list[float]:
    """Upper bounds of tiers; the last may be left open."""
    bounds: list[float] = []
    for i, record in enumerate(rows):
        value = UNBOUNDED if i == len(rows) - 1 and not record.has(name) else record.positive(name)
        if bounds and value <= bounds[-1]:
            record.refuse(name, f"{value:g} is not above {bounds[-1]:g}, the bound of the tier before")
        bounds.append(value)
    return bounds
