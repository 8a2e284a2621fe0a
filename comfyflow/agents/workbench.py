"""The state that the tools of one server share: node classes, root, workflows and jobs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import anyio
import anyio.to_thread

from ..bounds import AGENT_ENDED_JOBS, AGENT_JOBS, Bounds, check_json
from ..errors import CommandError
from ..json_types import object_or_empty
from ..nearest import did_you_mean
from ..source import Source, editor_classes, prompt_classes, read_file, read_json
from .answer import one_line
from .job import AgentJob

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..client import AsyncClient
    from ..schema import Schema
    from .published import PublishedWorkflow
    from .root import Root
    from .schema_in_use import SchemaInUse

P = ParamSpec("P")
T = TypeVar("T")


class Workbench:
    """The state that tools share; an asynchronous context manager, which closes what it has opened.

    Args:
        root: The folder that files are named relative to.
        out: The folder that outputs are written to, below the root.
        schema: The node classes.
        connect: Creates a client of the server that runs prompts; called for the first one.
        published: The workflows that are tools, by name.
        wait_seconds: How long a call waits for a prompt before it answers that the prompt is still running.
        allow_paid: Whether nodes that call paid services may run.
    """

    def __init__(
        self,
        root: Root,
        out: Path,
        schema: SchemaInUse,
        connect: Callable[[], AsyncClient],
        published: Mapping[str, PublishedWorkflow] | None = None,
        *,
        wait_seconds: float = 50.0,
        allow_paid: bool = False,
    ) -> None:
        self.root: Final = root
        self.out: Final = out
        self.schema: Final = schema
        self.published: Final = published or {}
        self.wait_seconds: Final = wait_seconds
        self.allow_paid: Final = allow_paid
        self.jobs: Final[dict[str, AgentJob]] = {}
        self._connect = connect
        self._client: AsyncClient | None = None
        self._one_thread: anyio.CapacityLimiter | None = None

    async def __aenter__(self) -> Self:
        self._one_thread = anyio.CapacityLimiter(1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for job in self.jobs.values():
            job.abandon()
        if self._client is not None:
            with anyio.CancelScope(shield=True):
                await self._client.close()

    async def aside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a slow function in a thread; one at a time, because schemas are read on access.

        Args:
            function: What to call.
            args: Its arguments.
            kwargs: Its arguments.
        """
        call = functools.partial(function, *args, **kwargs)
        return await anyio.to_thread.run_sync(call, limiter=self._one_thread)

    def read(self, given: object, parameters: Mapping[str, Any] | None = None) -> tuple[Source, Schema]:
        """A workflow that an agent names or writes, with the node classes for it.

        Args:
            given: Prompt JSON or editor JSON, as a value or a string, a file below the root, or the name of a
                published workflow.
            parameters: The parameters of a published workflow.

        Raises:
            ComfyflowError: It is not one of these, or cannot be read or converted.
        """
        if isinstance(given, str):
            found = self.published.get(given)
            if found is not None:
                return self._published(found, parameters or {})
        if parameters:
            names = ", ".join(self.published) or "there is none"
            near = did_you_mean(given, self.published) if isinstance(given, str) else ""
            raise CommandError(
                f"parameters are for a workflow that is a tool ({names}), not for JSON or a file"
                f"{f'; {near}' if near else ''}"
            )
        prompt, editor, name = self._json(given)
        schema = self.schema.now()
        schema.expect(prompt_classes(object_or_empty(prompt)) | editor_classes(editor))
        return Source.of_json(prompt, editor, schema, name=name, file=name), schema

    def _published(self, workflow: PublishedWorkflow, parameters: Mapping[str, Any]) -> tuple[Source, Schema]:
        self.root.refuse_outside(parameters)
        source = workflow.make(workflow.arguments(parameters))
        schema = self.schema.named() or source.own_schema() or self.schema.now()
        schema.expect(prompt_classes(object_or_empty(source.prompt)))
        return source, schema

    def _json(self, given: object) -> tuple[Any, Mapping[str, Any] | None, str]:
        if not isinstance(given, str):
            check_json(json.dumps(given), Bounds.from_environment(), "the workflow")
            return (*read_json(given), "")
        if given.lstrip()[:1] in ("{", "["):
            check_json(given, Bounds.from_environment(), "the workflow")
            return (*read_file(given.encode("utf-8", "replace"), "the text"), "")
        head = given.rpartition(":")[0]
        if given.endswith(".py") or head.endswith(".py"):
            raise CommandError(
                f"{one_line(given)} is Python, which is not run here. Name it on the command line of "
                "`comfyflow mcp` to make it a tool, or give prompt JSON"
            )
        try:
            file = self.root.file(given)
        except CommandError as error:
            near = did_you_mean(given, self.published)
            raise CommandError(f"{error}{f'; {near}' if near else ''}") from None
        return (*read_file(file, self.root.shown(file)), self.root.shown(file))

    def client(self) -> AsyncClient:
        """The client of the server that runs prompts.

        Raises:
            ComfyflowError: There is none.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def add(self, job: AgentJob) -> None:
        """Send a job, and remember it.

        Args:
            job: The job.

        Raises:
            CommandError: There are too many already.
        """
        running = [each for each in self.jobs.values() if not each.ended]
        if len(running) >= AGENT_JOBS:
            raise CommandError(f"{len(running)} jobs are already on the server: wait for one, or cancel one")
        ended = [each.id for each in self.jobs.values() if each.ended]
        for old in ended[: max(len(ended) - AGENT_ENDED_JOBS + 1, 0)]:
            del self.jobs[old]
        job.start(self.client())
        self.jobs[job.id] = job

    def job(self, job_id: str) -> AgentJob:
        """A job of this server.

        Args:
            job_id: Its id.

        Raises:
            CommandError: There is none.
        """
        found = self.jobs.get(job_id)
        if found is None:
            raise CommandError(f"unknown job {one_line(job_id)!r}; job_status without an id lists them")
        return found
