"""A tool: its name, its arguments, what it may do, and its function."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeAlias, TypeVar

from mcp.types import Tool, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..bounds import AGENT_ANSWER, AGENT_ANSWER_MOST
from ..errors import CommandError
from ..nearest import did_you_mean
from .answer import ToolAnswer, one_line
from .workbench import Workbench

Progress: TypeAlias = Callable[[float, float, str], Awaitable[None]]
"""Reports a call's progress to the client: done, total, and the current step."""

_TOLD: Final = 10

LOOKS: Final = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""For tools that only read."""
RUNS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
"""For tools that use server time, and write new files."""
ENDS: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)
"""For tools that stop something on a server."""
WRITES: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""For tools that write a file, perhaps over another."""


class ToolArguments(BaseModel):
    """The arguments of a tool. The docstring is the description that agents see."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", protected_namespaces=())


class BoundedArguments(ToolArguments):
    """The arguments of a tool whose answer may be long."""

    max_bytes: int = Field(
        AGENT_ANSWER, ge=2_000, le=AGENT_ANSWER_MOST, description="The size limit of the answer, in bytes."
    )


A = TypeVar("A", bound=ToolArguments)


@dataclass(frozen=True)
class AgentTool(Generic[A]):
    """One tool.

    Attributes:
        name: Its name for agents.
        title: Its name for users.
        arguments: Its arguments.
        hints: What it may do: clients use this to ask users for permission.
        call: The function.
        output_schema: The schema of the data in its answer, if any.
    """

    name: str
    title: str
    arguments: type[A]
    hints: ToolAnnotations
    call: Callable[[Workbench, A, Progress], Awaitable[ToolAnswer]]
    output_schema: Mapping[str, Any] | None = None

    def listed(self) -> Tool:
        """The tool in the protocol's form."""
        return Tool(
            name=self.name,
            title=self.title,
            description=inspect.cleandoc(self.arguments.__doc__ or ""),
            input_schema=_untitled(self.arguments.model_json_schema()),
            output_schema=dict(self.output_schema) if self.output_schema is not None else None,
            annotations=self.hints,
        )

    async def run(self, bench: Workbench, given: Mapping[str, Any], progress: Progress) -> ToolAnswer:
        """Call it.

        Args:
            bench: The state that tools share.
            given: The arguments, as the client sent them.
            progress: Reports the progress.

        Raises:
            ComfyflowError: It failed.
        """
        try:
            arguments = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise CommandError(self._wrong(error)) from None
        return await self.call(bench, arguments, progress)

    def _wrong(self, error: ValidationError) -> str:
        names = list(self.arguments.model_fields)
        told: list[str] = []
        for each in error.errors(include_url=False, include_context=False)[:_TOLD]:
            where = ".".join(map(str, each["loc"][:2]))
            if each["type"] == "extra_forbidden":
                hint = did_you_mean(str(each["loc"][0]), names, f"there are: {', '.join(names) or 'none'}")
                told.append(f"{one_line(where)} is not an argument of {self.name}; {hint}")
            elif each["type"] == "missing":
                told.append(f"{where} is missing")
            else:
                told.append(f"{one_line(where)}: {each['msg']}, not {one_line(repr(each['input']), 80)}")
        return "\n".join(told)


def _untitled(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without pydantic's titles, and without the docstring, which is the tool's description."""
    schema.pop("description", None)
    schema.pop("title", None)
    for entry in schema.get("properties", {}).values():
        entry.pop("title", None)
    return schema
