"""The texts of errors, and their way through pickle."""

from __future__ import annotations

import pickle

import pytest

from margin import DataError, MarginError, ParameterError
from margin.errors import MissingExtraError

FULL = DataError(
    "nan is not a finite number",
    table="positions",
    column="quantity",
    row=17,
    key={"account": "A-102", "instrument": "BTC-PERPETUAL"},
    value=0.5,
    count=4,
    hint="Remove the rows or give quantities.",
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            FULL,
            (
                "positions.quantity, row 17 (account 'A-102', instrument 'BTC-PERPETUAL'): nan is not a finite number; "
                "3 more rows. Remove the rows or give quantities."
            ),
        ),
        (DataError("it is wrong"), "it is wrong"),
        (DataError("it is wrong", row=3, count=2), "row 3: it is wrong; 1 more row"),
        (DataError("it is wrong", table="orders", hint="Mend it."), "orders: it is wrong. Mend it."),
        (DataError("it is wrong", key={"account": 7}), "(account 7): it is wrong"),
        (ParameterError("pair.X.rate has no value", name="pair.X.rate", scope="2026-01-01"), "pair.X.rate has no value"),
        (MissingExtraError("reading Parquet", "pyarrow"), "reading Parquet needs pyarrow: pip install 'margin-engine[cli]'"),
    ],
)
def test_texts_survive_pickling(error: MarginError, text: str) -> None:
    assert str(error) == text
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == text
    assert vars(again) == vars(error)


def test_location_is_added_not_replaced() -> None:
    inner = DataError("it is wrong", row=2)
    outer = inner.located(table="positions", column="quantity", row=9, key={"account": "A"})
    assert str(outer) == "positions.quantity, row 2 (account 'A'): it is wrong"
    assert str(outer.located(table="other")) == str(outer)


def test_kinds() -> None:
    assert issubclass(DataError, ValueError)
    assert issubclass(ParameterError, LookupError)
    assert issubclass(MissingExtraError, ImportError)
