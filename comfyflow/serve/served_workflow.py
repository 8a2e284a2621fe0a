"""A served workflow: its name, its parameters, and the problems of invalid values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..batch.columns import Text, cell
from ..batch.refill import Recipe
from ..batch.row import JSON
from ..errors import CommandError, ParameterError
from ..nearest import did_you_mean
from ..parameters import Parameters
from ..workflows.parameters_model import ParametersModel, json_schema

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_LIMITS: Final = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const", "pattern",
    "minLength", "maxLength", "minItems", "maxItems",
)  # fmt: skip
_LONGEST_VALUE: Final = 200
"""The longest part of a refused value that is repeated."""


@dataclass(frozen=True)
class ParameterProblem:
    """A problem of a value given for a parameter.

    Attributes:
        parameter: Its name, as given.
        message: What is wrong, as a sentence that begins with the parameter.
        value: The given value; a long string or large value is cut.
        limit: What the parameter takes, in terms of JSON Schema.
    """

    parameter: str
    message: str
    value: JSON = None
    limit: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class ServedWorkflow:
    """A workflow with its parameters.

    Attributes:
        name: Its name in addresses.
        description: A sentence about it; may be empty.
        recipe: Makes its prompts.
        parameters: Its parameters.
        model: The same as a pydantic model.
        folder: The folder of files that it names itself.
    """

    name: str
    description: str
    recipe: Recipe
    parameters: Parameters
    model: type[ParametersModel]
    folder: Path

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise CommandError(
                f"{self.name!r:.100} cannot be part of an address: the name of a served workflow may have "
                "only "
                "letters, digits, '_', '-' and '.'"
            )

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its parameters.

        Raises:
            ParameterError: A required parameter can be given only in Python.
        """
        return json_schema(self.model, self.name)

    def example(self) -> dict[str, Any]:
        """Example parameters: the defaults, and a value for each required one."""
        properties: Mapping[str, Any] = self.schema["properties"]
        required = self.schema.get("required", [])
        return {
            name: entry["default"] if "default" in entry else _sample(name, entry)
            for name, entry in properties.items()
            if "default" in entry or name in required
        }

    def check(self, given: Mapping[str, Any]) -> tuple[dict[str, JSON], Sequence[ParameterProblem]]:
        """The values in the ledger's form, and all their problems.

        Args:
            given: JSON values, or `Text` from a form, by parameter name.
        """
        made: dict[str, JSON] = {}
        problems: list[ParameterProblem] = []
        for name, value in given.items():
            if self.parameters.find(name) is None:
                known = [*self.parameters]
                hint = did_you_mean(name, known, f"there are: {', '.join(known) or 'none'}")
                problems.append(self.problem(name, f"is not a parameter; {hint}", value))
                continue
            try:
                made[name] = cell(self.recipe.columns.column(name), value)
            except ParameterError as error:
                problems.append(self.problem(name, error.reason, value))
        problems += [
            self.problem(name, f"is missing; it expects {self.parameters[name].annotation.needs}", None)
            for name in self.parameters.missing(given)
        ]
        return made, problems or self._model_problems(made)

    def _model_problems(self, made: Mapping[str, JSON]) -> list[ParameterProblem]:
        """The model's problems, after each value has passed individually."""
        from pydantic import ValidationError

        try:
            self.model.model_validate(made)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            return [
                self.problem(str(each["loc"][0]) if each["loc"] else "", each["msg"], each["input"])
                for each in found
            ]
        return []

    def problem(self, name: str, reason: str, value: Any) -> ParameterProblem:
        """Something that is wrong with a parameter.

        Args:
            name: The parameter, as it was given.
            reason: What is wrong, as what follows its name in a sentence.
            value: What was given.
        """
        limit = limits(self.schema["properties"].get(name, {}))
        shown = name if len(name) <= _LONGEST_VALUE else f"{name[:_LONGEST_VALUE]}…"
        return ParameterProblem(shown, f"{shown} {reason}".strip(), _shown(value), limit)


def limits(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a JSON Schema property takes: its bounds and choices, from its first alternative that has any.

    Args:
        entry: The property.
    """
    found = {key: entry[key] for key in _LIMITS if key in entry}
    for kind in entry.get("anyOf", ()):
        found = found or limits(kind)
    return found


def _sample(name: str, entry: Mapping[str, Any]) -> Any:
    """A valid value for a required parameter."""
    for kind in entry.get("anyOf", ()):
        return _sample(name, kind)
    if "enum" in entry:
        return entry["enum"][0]
    if "const" in entry:
        return entry["const"]
    of_kind: Mapping[str, Any] = {
        "integer": entry.get("minimum", 1),
        "number": entry.get("minimum", 1.0),
        "boolean": True,
        "array": [],
        "object": {},
        "null": None,
    }
    word = "upload:" if entry.get("x-upload") else "a lighthouse at dusk" if "prompt" in name else name
    return of_kind.get(str(entry.get("type")), word)


def _shown(value: Any) -> JSON:
    if isinstance(value, Text):
        value = str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value if not isinstance(value, int) or abs(value) < 1 << 63 else str(value)[:_LONGEST_VALUE]
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
