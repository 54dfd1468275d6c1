"""What can go wrong, told with the place where it went wrong.

Every error raised on purpose is a `MarginError`. An error about data names table, column, row, the identifiers of the row
and the value at fault, counts the rows, and says what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DataError", "MarginError", "MissingExtraError", "ParameterError"]


class MarginError(Exception):
    """Base of every error this package raises on purpose."""


class DataError(MarginError, ValueError):
    """Something in the data handed in is wrong.

    Parameters
    ----------
    problem : str
        What is wrong, with the value: ``"nan is not a finite number"``.
    table, column : str
        Where it is; empty where it is not known (yet).
    row : int, optional
        First row at fault, counted from 0 in the table as it was given.
    key : mapping, optional
        Identifiers of that row, column name to value: ``{"account": "A-102"}``.
    value : object
        The value at fault.
    count : int
        Number of rows at fault, the first included.
    hint : str
        What to do about it, a sentence.
    """

    def __init__(
        self,
        problem: str,
        *,
        table: str = "",
        column: str = "",
        row: int | None = None,
        key: Mapping[str, Any] | None = None,
        value: Any = None,
        count: int = 1,
        hint: str = "",
    ) -> None:
        self.problem = problem
        self.table = table
        self.column = column
        self.row = row
        self.key = dict(key or {})
        self.value = value
        self.count = count
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        place = ".".join(part for part in (self.table, self.column) if part)
        if self.row is not None:
            place += f"{', ' if place else ''}row {self.row}"
        if self.key:
            place = f"{place} ({', '.join(f'{name} {value!r}' for name, value in self.key.items())})".lstrip()
        text = f"{place}: {self.problem}" if place else self.problem
        if self.count > 1:
            text += f"; {self.count - 1} more row{'s' if self.count > 2 else ''}"
        return f"{text}. {self.hint}" if self.hint else text

    def located(
        self, *, table: str = "", column: str = "", row: int | None = None, key: Mapping[str, Any] | None = None
    ) -> DataError:
        """The same error with what was not known where it arose; what is already there stays."""
        return DataError(
            self.problem,
            table=self.table or table,
            column=self.column or column,
            row=row if self.row is None else self.row,
            key=self.key or key,
            value=self.value,
            count=self.count,
            hint=self.hint,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process boundaries in batch runs; the default would lose the keyword arguments.
        return _data_error, (self.problem, dict(self.__dict__))


def _data_error(problem: str, state: dict[str, Any]) -> DataError:
    fields = ("table", "column", "row", "key", "value", "count", "hint")
    return DataError(problem, **{name: state[name] for name in fields})


class ParameterError(MarginError, LookupError):
    """A venue parameter has no (accepted) value.

    Parameters
    ----------
    message : str
        The whole text: it names the parameter, the date and how to supply a value.
    name : str
        The parameter, ``"pair.SOL_USDC.price_range"``.
    scope : str
        What it was asked for: regime, date, accepted statuses.
    """

    def __init__(self, message: str, *, name: str = "", scope: str = "") -> None:
        self.name = name
        self.scope = scope
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return _parameter_error, (str(self), self.name, self.scope)


def _parameter_error(message: str, name: str, scope: str) -> ParameterError:
    return ParameterError(message, name=name, scope=scope)


class MissingExtraError(MarginError, ImportError):
    """An optional package is needed and not installed.

    Parameters
    ----------
    purpose : str
        What needs it, the start of the sentence: ``"reading Parquet"``.
    package : str
        The package that is missing.
    extra : str
        The extra of this distribution that brings it.
    """

    def __init__(self, purpose: str, package: str, *, extra: str = "cli") -> None:
        self.purpose = purpose
        self.package = package
        self.extra = extra
        super().__init__(f"{purpose} needs {package}: pip install 'margin-engine[{extra}]'")

    def __reduce__(self) -> tuple[Any, ...]:
        return _missing_extra, (self.purpose, self.package, self.extra)


def _missing_extra(purpose: str, package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(purpose, package, extra=extra)
