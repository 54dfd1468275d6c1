"""Numbers, times and flags of one column, from whatever holds them to the arrays the engine computes with.

Each function takes a list, tuple, numpy array or Arrow column and returns an array, or raises a `DataError` that names row and
value. Nothing is guessed: text is no number, a number is no flag, a date without a time of day is no time. What is missing
(None, Arrow null) comes out as NaN or NaT where that is allowed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from margin import _arrow
from margin.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Times = NDArray[np.datetime64]

_MS = np.dtype("datetime64[ms]")
_NAT = np.iinfo(np.int64).min
_EARLIEST, _LATEST = np.datetime64("1990-01-01", "ms"), np.datetime64("2200-01-01", "ms")
_TIME_HINT = "Times are UTC: datetimes, ISO 8601 with a time of day (2026-03-27T08:00:00Z) or integer epoch milliseconds."
_EXACT = 2**53


def numbers(values: object, *, nullable: bool = False) -> NDArray[np.float64]:
    """A column of numbers as float64, NaN where missing; integers beyond 2**53 would be rounded and are refused."""
    if _arrow.is_arrow(values):
        plain = _plain_numbers(values) if _arrow.is_streamed(values) else None
        return _numbers_from_arrow(_arrow.read_column(values), nullable) if plain is None else plain
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return np.ascontiguousarray(values, dtype=np.float64)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        _refuse(values, (values > _EXACT) | (values < -_EXACT), "{value} is too large for an exact float64")
        return np.ascontiguousarray(values, dtype=np.float64)
    items = _items(values, "numbers")
    _check_types(items, lambda t: issubclass(t, float | int | np.number | Decimal) and t is not bool, "a number", nullable)
    _refuse(
        items,
        np.array([isinstance(v, int) and abs(v) > _EXACT for v in items], dtype=np.bool_),
        "{value} is too large for an exact float64",
    )
    return np.array([np.nan if v is None else float(v) for v in items], dtype=np.float64)


def times(values: object, *, nullable: bool = False) -> Times:
    """A column of times as datetime64[ms], NaT where missing; digits finer than a millisecond are cut."""
    if _arrow.is_arrow(values):
        result = _times_from_arrow(_arrow.read_column(values), nullable)
    elif isinstance(values, np.ndarray) and values.dtype.kind == "M":
        if np.datetime_data(values.dtype)[0] in ("Y", "M", "W", "D"):
            problem = f"the column holds {values.dtype}, dates without a time of day"
            raise DataError(problem, hint=_TIME_HINT)
        result = np.ascontiguousarray(values, dtype=_MS)
        if not nullable:
            _refuse(values, np.isnat(result), "the time is missing (NaT)", hint=_TIME_HINT)
    elif isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        result = values.astype(np.int64).view(_MS)
    else:
        result = _times_from_items(_items(values, "times"), nullable)
    outside = (result < _EARLIEST) | (result >= _LATEST)
    if outside.any():
        row = int(np.argmax(outside))
        problem = f"{_show_time(result[row])} is outside 1990 .. 2200"
        raise DataError(
            problem,
            row=row,
            value=result[row],
            count=int(outside.sum()),
            hint=f"{_TIME_HINT} Not seconds, not microseconds.",
        )
    return result


def instant(value: object) -> np.datetime64:
    """One time, in any of the forms `times` takes."""
    try:
        return np.datetime64(times([value])[0])
    except DataError as error:
        raise DataError(error.problem, column="time", value=value, hint=error.hint) from None


def flags(values: object) -> NDArray[np.bool_]:
    """A column of booleans."""
    if _arrow.is_arrow(values):
        column = _arrow.read_column(values)
        pa = _arrow.pyarrow()
        _refuse_nulls(column, nullable=False)
        if not pa.types.is_boolean(column.type):
            problem = f"the column holds {column.type}, not true or false"
            raise DataError(problem)
        pieces = [_arrow.bits(chunk) for chunk in column.chunks]
        return np.concatenate([np.zeros(0, np.bool_), *pieces])
    if isinstance(values, np.ndarray) and values.dtype.kind == "b":
        return values
    items = _items(values, "booleans")
    _check_types(items, lambda t: issubclass(t, bool | np.bool_), "true or false", nullable=False)
    return np.array(items, dtype=np.bool_)


def _items(values: object, what: str) -> Sequence[Any]:
    if isinstance(values, np.ndarray):
        if values.dtype.kind not in "OUTSbiuf":
            problem = f"the column holds {values.dtype}, not {what}"
            raise DataError(problem)
        return list(values.tolist())
    if not isinstance(values, list | tuple):
        problem = f"{type(values).__name__} is not a column"
        raise DataError(problem, hint="Give a list, a numpy array or an Arrow column.")
    return values


def _refuse(values: Sequence[Any] | NDArray[Any], wrong: NDArray[np.bool_], problem: str, *, hint: str = "") -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        value = values[row]
        raise DataError(problem.format(value=value), row=row, value=value, count=int(wrong.sum()), hint=hint)


def _check_types(items: Sequence[Any], fits: Callable[[type], bool], what: str, nullable: bool) -> None:
    kinds = set(map(type, items))
    wrong = {kind for kind in kinds if not (fits(kind) or (nullable and kind is type(None)))}
    if not wrong:
        return
    rows = [i for i, value in enumerate(items) if type(value) in wrong]
    value = items[rows[0]]
    if value is None:
        problem = "the value is missing (None)"
    elif isinstance(value, str):
        problem = f"{value!r} is text, not {what}"
    else:
        problem = f"{value!r} ({type(value).__name__}) is not {what}"
    raise DataError(problem, row=rows[0], value=value, count=len(rows))


def _refuse_nulls(column: Any, nullable: bool) -> None:
    missing = None if nullable else _arrow.is_null(column)
    if missing is not None:
        count = int(missing.sum())
        problem = "the value is missing (null)"
        raise DataError(problem, row=int(np.argmax(missing)), count=count)


def _plain(column: Any) -> Any:
    """A dictionary column decoded, others as they are."""
    pa = _arrow.pyarrow()
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(column: Any) -> bool:
    pa = _arrow.pyarrow()
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_string_view(column.type))


def _plain_numbers(column: Any) -> NDArray[np.float64] | None:
    """A column that is all float64, copied piece by piece as it is read; None where there is more to say."""
    numbers, row = np.empty(len(column), dtype=np.float64), 0
    for piece in _arrow.pieces(column):
        if not _arrow.pyarrow().types.is_float64(piece.type) or piece.null_count:
            return None
        numbers[row : row + len(piece)] = _arrow.fixed(piece)
        row += len(piece)
    return numbers if row else None


def _numbers_from_arrow(column: Any, nullable: bool) -> NDArray[np.float64]:
    pa = _arrow.pyarrow()
    column = _plain(column)
    _refuse_nulls(column, nullable)
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if _is_text(column):
        missing = _arrow.is_null(column)
        row = 0 if missing is None else int(np.argmin(missing))
        problem = f"{column[row].as_py()!r} is text, not a number"
        raise DataError(problem, row=row, count=len(column) - column.null_count)
    if pa.types.is_integer(column.type):
        wide = _arrow.fill(column, column.type, column.type.to_pandas_dtype(), 0)
        _refuse(wide, (wide > _EXACT) | (wide < -_EXACT), "{value} is too large for an exact float64")
    elif not (pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        problem = f"the column holds {column.type}, not numbers"
        raise DataError(problem)
    return _arrow.fill(column, pa.float64(), np.float64, np.nan)


def _times_from_arrow(column: Any, nullable: bool) -> Times:
    pa = _arrow.pyarrow()
    column = _plain(column)
    _refuse_nulls(column, nullable)
    if pa.types.is_null(column.type):
        return np.full(len(column), "NaT", dtype=_MS)
    if _is_text(column):
        return _times_from_items(column.to_pylist(), nullable)
    if pa.types.is_date(column.type):
        problem = f"the column holds {column.type}, dates without a time of day"
        raise DataError(problem, hint=_TIME_HINT)
    if pa.types.is_timestamp(column.type):
        # Unsafe casts cut what is finer than a millisecond.
        column = pa.chunked_array(
            [chunk.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64()) for chunk in column.chunks], pa.int64()
        )
    elif not pa.types.is_integer(column.type):
        problem = f"the column holds {column.type}, not times"
        raise DataError(problem, hint=_TIME_HINT)
    return _arrow.fill(column, pa.int64(), np.int64, _NAT).view(_MS)


def _times_from_items(items: Sequence[Any], nullable: bool) -> Times:
    result = np.empty(len(items), dtype=np.int64)
    known: dict[Any, int] = {}
    for row, value in enumerate(items):
        try:
            if value not in known:
                known[value] = _milliseconds(value, nullable)
            result[row] = known[value]
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(str(error), row=row, value=value, hint=_TIME_HINT) from None
    return result.view(_MS)


def _milliseconds(value: Any, nullable: bool) -> int:
    if value is None or value != value:  # NaT and NaN differ from themselves
        if nullable:
            return int(_NAT)
        problem = "the time is missing"
        raise ValueError(problem)
    if isinstance(value, np.datetime64):
        if np.datetime_data(value.dtype)[0] in ("Y", "M", "W", "D"):
            problem = f"{value} has no time of day"
            raise ValueError(problem)
        return int(value.astype(_MS).astype(np.int64))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        value = _from_iso(value)
    if not isinstance(value, datetime):
        problem = f"{value!r} ({type(value).__name__}) is not a time"
        raise TypeError(problem)
    since = (value if value.tzinfo else value.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _from_iso(text: str) -> datetime:
    if len(text) <= 10:
        problem = f"{text!r} has no time of day"
        raise ValueError(problem)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is not an ISO 8601 time"
        raise ValueError(problem) from None


def _show_time(value: np.datetime64) -> str:
    try:
        return str(np.datetime_as_string(value, unit="s"))
    except (OverflowError, ValueError):
        return f"{int(value.astype(np.int64))} ms"
