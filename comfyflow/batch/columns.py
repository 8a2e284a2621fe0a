"""The columns that rows may have: the parameters of the target, and what each cell may contain."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from ..errors import ParameterError
from ..json_types import is_array, is_object
from ..nearest import did_you_mean
from ..parameters import Parameter, Parameters
from ..workflows import WorkflowFunction
from .row import JSON, RowProblem

SEED_NAMES: Final = ("seed", "noise_seed")
LARGEST_SEED: Final = 2**32 - 1
"""The limit of drawn seeds: every node accepts them, and JavaScript and spreadsheets keep them exact."""

_SCALARS: Final = frozenset({bool, int, str, type(None)})
_DEEPEST: Final = 100


class Text(str):
    """A value as the user wrote it, in a cell or on a command line: the column says what it means."""

    __slots__ = ()


class Column(Protocol):
    """One column."""

    @property
    def name(self) -> str:
        """Its name in a row."""
        ...

    @property
    def largest(self) -> float | None:
        """The largest number that it accepts; None if unknown."""
        ...

    def of_text(self, text: str) -> JSON:
        """Parse a string as a JSON value.

        Raises:
            ParameterError: It is not a valid value.
        """
        ...

    def of_value(self, value: Any) -> JSON:
        """Convert a Python value, or one that is already JSON, to a JSON value.

        Raises:
            ParameterError: It is not a valid value, or not one that JSON can hold.
        """
        ...


class Columns(Protocol):
    """All columns that rows may have."""

    def column(self, name: str) -> Column:
        """The column for a name.

        Raises:
            ParameterError: There is none; the reason suggests the nearest name.
        """
        ...

    def seed(self) -> Column:
        """The default column for seeds.

        Raises:
            ParameterError: There is none, or there are several.
        """
        ...

    @property
    def required(self) -> Mapping[str, str]:
        """The columns that every row must have, and the message if one is missing."""
        ...


class ParameterColumn:
    """A parameter of a workflow function as a column.

    Args:
        parameter: The parameter.
    """

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self._takes_any_text = parameter.annotation.is_any_text

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self._parameter.name

    @property
    def largest(self) -> float | None:
        """See `Column`."""
        return self._parameter.annotation.largest

    def of_text(self, text: str) -> JSON:
        """See `Column`. A list is one element, or a JSON array."""
        if self._takes_any_text:
            return str(text)
        return self._as_json(self._parameter.from_texts([str(text)]), str(text))

    def of_value(self, value: Any) -> JSON:
        """See `Column`. NumPy numbers and the like become plain ones."""
        scalar = getattr(value, "item", None)
        if callable(scalar) and getattr(value, "ndim", None) == 0:
            value = scalar()
        return self._as_json(self._parameter.from_json(value), value)

    def _as_json(self, value: Any, given: Any) -> JSON:
        """The JSON form of a value, from which `Parameter.from_json` makes the same value."""
        if type(value) in _SCALARS:
            plain: JSON = value
            return plain
        if type(value) is float:
            return finite(value, self.name)
        for candidate in self._candidates(value, given):
            made = plain_json(candidate, self.name)
            with suppress(ParameterError):
                if _same(self._parameter.from_json(made), value):
                    return made
        if isinstance(given, (str, list, dict)):
            return plain_json(given, self.name)
        kind = type(given).__name__
        raise ParameterError(self.name, f"got a {kind}, which a row cannot hold; give a path or a JSON value")

    def _candidates(self, value: Any, given: Any) -> Iterable[Any]:
        from pydantic_core import to_jsonable_python

        for each in (value, given):
            with suppress(ValueError, TypeError, RecursionError):
                yield to_jsonable_python(each)


class ParameterColumns:
    """The parameters of a workflow function as columns.

    Args:
        parameters: The parameters.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._required: Final = {
            name: f"is missing; it expects {parameters[name].annotation.needs}"
            for name in parameters.missing(())
        }

    @property
    def required(self) -> Mapping[str, str]:
        """See `Columns`."""
        return self._required

    def column(self, name: str) -> Column:
        """See `Columns`; hyphens and underscores are the same."""
        found = self._parameters.find(name) or self._parameters.find(name.replace("-", "_"))
        if found is None:
            known = ", ".join(self._parameters) or "none"
            hint = did_you_mean(name, self._parameters, f"valid parameters: {known}")
            raise ParameterError(name, f"is not a parameter; {hint}")
        return ParameterColumn(found)

    def seed(self) -> Column:
        """See `Columns`: ``seed`` or ``noise_seed``, or the only one whose name ends in one of these."""
        for name in SEED_NAMES:
            if name in self._parameters:
                return self.column(name)
        ending = [name for name in self._parameters if name.endswith("seed")]
        if len(ending) == 1:
            return self.column(ending[0])
        reason = "is not a parameter of the workflow"
        if ending:
            reason += f", but {' and '.join(ending)} are; name one as NAME=COUNT"
        elif self._parameters:
            reason += f"; name the one to vary as NAME=COUNT (parameters: {', '.join(self._parameters)})"
        else:
            reason += ", which has none"
        raise ParameterError("seed", reason)


def columns_of(given: WorkflowFunction[..., Any] | Parameters | Columns) -> Columns:
    """The columns for a workflow function, for its parameters, or the columns themselves.

    Those of a function are narrowed by the schema of its node classes; see
    `WorkflowFunction.typed_parameters`.

    Args:
        given: Any of these.
    """
    if isinstance(given, WorkflowFunction):
        return ParameterColumns(Parameters(given.typed_parameters()))
    return ParameterColumns(given) if isinstance(given, Parameters) else given


class Converter:
    """Converts values given for rows to JSON values, and reports those that cannot be.

    Args:
        columns: The columns that rows may have.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns: Final = columns
        self._known: dict[str, Column | str] = {}

    def column(self, name: str) -> Column | str:
        """The column of that name, or the reason why there is none."""
        found = self._known.get(name)
        if found is None:
            try:
                found = self.columns.column(name)
            except ParameterError as error:
                found = error.reason
            if len(self._known) < _DEEPEST * _DEEPEST:
                self._known[name] = found
        return found

    def values(self, given: Mapping[str, Any], place: str) -> tuple[dict[str, JSON], tuple[RowProblem, ...]]:
        """One row.

        Args:
            given: Values by column name.
            place: Where they come from.

        Returns:
            The valid values, and the problems.
        """
        made: dict[str, JSON] = {}
        problems: tuple[RowProblem, ...] = ()
        for name, value in given.items():
            found = self.column(name)
            if isinstance(found, str):
                problems += (RowProblem(name, found, place),)
                continue
            if found.name in made:
                problems += (RowProblem(name, f"gives {found.name} a second time", place),)
                continue
            try:
                made[found.name] = cell(found, value)
            except ParameterError as error:
                problems += (RowProblem(name, error.reason, place),)
        return made, problems


def cell(column: Column, value: Any) -> JSON:
    """The JSON value of one cell.

    Args:
        column: Its column.
        value: A `Text`, or a value.

    Raises:
        ParameterError: It is not a valid value.
    """
    return column.of_text(value) if type(value) is Text else column.of_value(value)


def finite(value: float, name: str) -> float:
    """Check that JSON can hold a number.

    Raises:
        ParameterError: It is infinite or NaN.
    """
    if not math.isfinite(value):
        raise ParameterError(name, f"got {value}, which JSON cannot hold; omit the value for the default")
    return value


def plain_json(value: Any, name: str, depth: int = 0) -> JSON:
    """A value with lists for tuples, of which every part can be JSON.

    Raises:
        ParameterError: JSON cannot hold it.
    """
    if type(value) in _SCALARS:
        plain: JSON = value
        return plain
    if isinstance(value, float):
        return finite(float(value), name)
    if depth > _DEEPEST:
        raise ParameterError(name, f"got a value that is nested more than {_DEEPEST} levels deep")
    if isinstance(value, (bool, int)):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if is_array(value):
        return [plain_json(each, name, depth + 1) for each in value]
    if is_object(value) and all(isinstance(key, str) for key in value):
        return {str(key): plain_json(each, name, depth + 1) for key, each in value.items()}
    raise ParameterError(name, f"got a {type(value).__name__}, which JSON cannot hold")


def decode_json(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse JSON as rows allow it: without NaN and infinity.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=pairs)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _same(one: Any, other: Any) -> bool:
    try:
        return type(one) is type(other) and bool(one == other)
    except (ValueError, TypeError):
        return False
