"""Workflows that the user has named on the command line: each is its own tool."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import CommandError
from ..parameters import Parameters
from ..source import Source

_TOLD = 20


@dataclass(frozen=True)
class PublishedWorkflow:
    """A workflow that agents can run by name.

    Attributes:
        name: Its name, as a tool.
        description: What it does.
        json_schema: The JSON Schema of its parameters.
        parameters: The same, as function parameters.
        make: Makes the workflow from valid arguments.
    """

    name: str
    description: str
    json_schema: Mapping[str, Any]
    parameters: Mapping[str, inspect.Parameter]
    make: Callable[[Mapping[str, Any]], Source]

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Read the arguments from a JSON object; all problems are reported together.

        Args:
            values: By parameter name.

        Raises:
            CommandError: A name is unknown, a value is invalid, or one is missing.
        """
        made, wrong = Parameters(self.parameters).read_json(values)
        if wrong:
            raise CommandError("\n".join(f"{each.name} {each.reason}" for each in wrong[:_TOLD]))
        return made
