"""A prompt that an agent has sent, from validation to its output files."""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..errors import ClientError, ComfyflowError, ExecutionError, PartialSuccess, SaveError, ServerUnreachable

if TYPE_CHECKING:
    from ..client import AsyncClient, AsyncHandle, Result
    from ..client.run_event import RunEvent
    from ..output_file import OutputFile
    from ..source import Source

JobState: TypeAlias = Literal[
    "sending", "queued", "running", "success", "partial_success", "failed", "cancelled", "lost"
]
"""The state of a job. The last five are final."""

_CANCELLING: Final = 30.0


@dataclass(frozen=True)
class JobFile:
    """An output file of a job.

    Attributes:
        path: Where it was written.
        node_id: The node that gave it.
        media_type: Its MIME type.
        size: Its size in bytes.
    """

    path: Path
    node_id: str
    media_type: str
    size: int


class AgentJob:
    """A prompt that an agent has sent. It runs independently; waiting for it only observes it.

    Args:
        name: The name of what is run.
        source: The prompt.
        digest: Its hash.
        out: The folder that its files are written to.
    """

    def __init__(self, name: str, source: Source, digest: str, out: Path) -> None:
        self.id: Final = str(uuid.uuid4())
        self.name: Final = name
        self.digest: Final = digest
        self.state: JobState = "sending"
        self.step: str = "sending"
        self.done: float = 0.0
        self.total: Final = float(max(len(source.prompt), 1))
        self.files: list[JobFile] = []
        self.texts: list[tuple[str, str]] = []
        self.troubles: list[str] = []
        self.seconds: float = 0.0
        self._source = source
        self._out = out
        self._began = time.monotonic()
        self._handle: AsyncHandle[Any] | None = None
        self._ended_nodes: set[str] = set()
        self._changed = asyncio.Event()
        self._sent = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_cancelled = False

    @property
    def ended(self) -> bool:
        """Whether it has ended, successfully or not."""
        return self.state not in ("sending", "queued", "running")

    def start(self, client: AsyncClient) -> None:
        """Send it.

        Args:
            client: The server's client.
        """
        self._task = asyncio.create_task(self._run(client), name=f"job {self.id}")

    async def change(self) -> None:
        """Wait for news."""
        if not self.ended:
            await self._changed.wait()

    async def cancel(self) -> None:
        """Remove it from the server, and wait until it is gone.

        Raises:
            WaitTimeout: It is still running.
            ServerUnreachable: The server does not answer.
        """
        if self.ended:
            return
        self._is_cancelled = True
        await self._sent.wait()
        if self._handle is not None:
            await self._handle.cancel(_CANCELLING)
        while not self.ended:
            await self.change()

    def abandon(self) -> None:
        """Stop following it; the prompt stays on the server."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self, client: AsyncClient) -> None:
        state: JobState = "lost"
        try:
            self._handle = await client.submit(self._source, prompt_id=self.id)
            self._sent.set()
            if self._handle.report is not None:
                self.troubles.append(f"the server dropped outputs:\n{self._handle.report}")
            self._tell("queued", "queued")
            async for event in self._handle.events(None):
                self._see(event)
            state = await self._finish(self._handle)
        except ComfyflowError as error:
            self.troubles.append(str(error))
            other = isinstance(error, (ExecutionError, ServerUnreachable))  # cancelling has not ended it
            state = "cancelled" if self._is_cancelled and not other else "failed"
        finally:
            self._sent.set()
            self.seconds = time.monotonic() - self._began
            self._tell(state, state)

    async def _finish(self, handle: AsyncHandle[Any]) -> JobState:
        try:
            result: Result[Any] = await handle.result(None)
        except PartialSuccess as error:
            self.troubles.append(str(error))
            await self._take(error.result)
            return "partial_success"
        await self._take(result)
        return "success"

    async def _take(self, result: Result[Any]) -> None:
        """Write the files; a failed download does not affect the others."""
        missing = result.missing
        self.troubles += [str(error) for error in missing.values()]
        for node_id in result._ids():
            if node_id in missing:
                continue
            output = result[node_id]
            if output.text:
                self.texts.append((node_id, output.text))
            for file in output.files:
                await self._write(file)

    async def _write(self, file: OutputFile) -> None:
        try:
            path = await file.asave(f"{self._out}/", overwrite=False)
        except SaveError as error:
            raise ClientError(f"{error}. The prompt has run: its files are on the server") from error
        except ClientError as error:
            self.troubles.append(str(error))
        else:
            self.files.append(JobFile(path, file.node_id, file.media_type, path.stat().st_size))

    def _see(self, event: RunEvent) -> None:
        from ..client import (
            NodeFinished,
            NodeProgress,
            NodesCached,
            NodeStarted,
            RunQueued,
            RunStarted,
            ServerAway,
            ServerBack,
        )

        if isinstance(event, RunQueued):
            self._tell("queued", f"queued, {event.ahead} ahead" if event.ahead else "queued")
        elif isinstance(event, RunStarted):
            self._tell("running", "started")
        elif isinstance(event, NodesCached):
            self._ended_nodes |= {node.node_id for node in event.nodes}
            self._advance(0.0)
        elif isinstance(event, NodeStarted):
            self._tell("running", str(event.node))
        elif isinstance(event, NodeProgress):
            share = event.value / event.maximum if event.maximum > 0 else 0.0
            self.step = f"{event.node} {event.value:g}/{event.maximum:g}"
            self._advance(min(max(share, 0.0), 0.999))
        elif isinstance(event, (ServerAway, ServerBack)):
            does = "does not respond" if isinstance(event, ServerAway) else "responds again"
            self._tell(self.state, f"the server {does}")
        elif isinstance(event, NodeFinished):
            self._ended_nodes.add(event.node.node_id)
            self._advance(0.0)

    def _advance(self, share: float) -> None:
        self.done = max(self.done, min(len(self._ended_nodes) + share, self.total))
        self._notify()

    def _tell(self, state: JobState, step: str) -> None:
        self.state, self.step = state, step
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
