"""Workflows that the user has named on the command line: each is a tool of its own."""

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
    """A workflow that agents may run by its name.

    Attributes:
        name: Its name, as a tool.
        description: What it does.
        json_schema: Of its parameters.
        parameters: The same, as those of a function.
        make: Makes the workflow of arguments that fit.
    """

    name: str
    description: str
    json_schema: Mapping[str, Any]
    parameters: Mapping[str, inspect.Parameter]
    make: Callable[[Mapping[str, Any]], Source]

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments in an object of JSON; all that is wrong with it is told at once.

        Args:
            values: By the name of the parameter.

        Raises:
            CommandError: A name is unknown, a value does not fit, or one is missing.
        """
        made, wrong = Parameters(self.parameters).read_json(values)
        if wrong:
            raise CommandError("\n".join(f"{each.name} {each.reason}" for each in wrong[:_TOLD]))
        return made
