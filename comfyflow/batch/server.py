"""One of the servers of a batch: what it has, and prompts sent to it under our own ids."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from ..client import AsyncClient, ClientOptions, Limits, OutOfMemory, Result
from ..client.backend import recognise
from ..client.core import Core, patiently
from ..client.failure import error_of_outcome
from ..client.flow import Answer, Flow, Forward, Request, Watch, sleep
from ..client.inputs import upload_inputs
from ..client.interruption import abandon
from ..client.loop_signal import LoopSignal
from ..client.routes.node_class_routes import class_infos
from ..client.routes.queue_routes import delete_queued, history_entry, interrupt, queue
from ..client.routes.server_routes import free, system_stats
from ..client.run import Run, picture_senders
from ..client.running import Sending, Started, attach, extra_data, queued
from ..client.submission import Submission
from ..client.waiting import Wait, ready_socket, require_pictures
from ..errors import (
    ClientError,
    ExecutionError,
    PromptLost,
    PromptRejected,
    SaveError,
    ServerError,
    ServerUnreachable,
)
from ..graph.prompt import sendable
from ..schema.node_schema import read_node
from ..source import Source
from .embedding import Embedding
from .outputs import save_outputs
from .queue_watch import QueueWatch
from .record import LONGEST_ERROR, Attempt, Ending, SavedOutput
from .schedule import Offer

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds that a server may be away before its rows are sent elsewhere."""

LOOKS: Final = (0.1, 0.3, 0.8)
"""Pauses before each repeated search for a prompt that an earlier process may have sent."""

_OF_THE_PROMPT: Final = (400, 413, 422)
"""Answers that concern the prompt, not the server."""

_FREQUENT: Final = ("/api/prompt", "/api/history/")
"""Requests that are made at least once per row."""

_LONG_PAUSE: Final = 3600.0

_AT_ONCE: Final = 1
"""How many frequent requests a server gets at once: each takes its own connection, and the more connections
there are, the more httpcore has to do for each request.
"""


_NO_BATCH: Final = (
    "a batch needs servers that keep the ids of prompts, and the Comfy API v2 gives jobs its own ids: "
    "give the address of the ComfyUI behind it, or run the rows with client.run. Nothing was sent"
)
"""The error of rows at a Comfy API v2 address."""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended.

    Attributes:
        ending: How.
        error: The error message.
        result: Its result, if it succeeded, for `BatchServer.save`.
        server_gone: Whether the server does not answer.
        files: Its files, once they are saved.
        texts: Its text outputs, by node id, once its files are saved.
    """

    ending: Ending
    error: str = ""
    result: Any = None
    server_gone: bool = False
    files: tuple[SavedOutput, ...] = ()
    texts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class BatchServer:
    """A server of a batch.

    Args:
        url: Its address.
        options: How to connect to it.
        patience: Seconds that it may be away before its rows are sent elsewhere.
        listens: Whether to receive all events of each prompt over the socket, not only its end.
    """

    def __init__(
        self, url: str, options: ClientOptions, patience: float = PATIENCE, *, listens: bool = False
    ) -> None:
        wanted: ClientOptions = {**options}
        wanted["limits"] = dataclasses.replace(options.get("limits") or Limits(), patience=patience)
        self.client: Final = AsyncClient(url, **wanted)
        self.url: Final = self.client.url
        self.leaves_prompts: bool = False
        """Whether a cancelled task leaves its prompt on the server."""
        self._listens: Final = listens
        self._watch: Final = QueueWatch()
        self._nobody: Final = str(uuid.uuid4())
        self._turns: Final = Turns(_AT_ONCE)
        self.client.use(self._turns.take)
        self._embedding: Final = Embedding()
        core = self.client._core
        core.hub.listen(self._watch)
        self._calm: Final = core.limited(
            dataclasses.replace(
                core.limits, poll=core.limits.quiet or core.limits.poll, poll_most=core.limits.quiet_most
            )
        )
        self.runs: Final[dict[int, Run]] = {}
        """The prompts that it has, by row."""

    async def close(self) -> None:
        """Close the connections. Prompts on the server keep running."""
        await self.client.close()

    async def offers(self, classes: Iterable[str]) -> Mapping[str, Offer | None]:
        """Ask for node classes, and the files that their inputs list at this moment.

        Args:
            classes: Their names.

        Raises:
            ClientError: It does not answer, or is not a ComfyUI server.
        """
        core = self.client._core
        await self._drive(system_stats(core))
        infos = await self._drive(class_infos(core, sorted(classes), anew=True))
        return {name: None if info is None else offer(name, info) for name, info in infos.items()}

    async def send(
        self, attempt: Attempt, source: Source, *, uploads: Sequence[object], alone: bool = False
    ) -> Ended:
        """Send a prompt with its files and wait for its end; errors are returned, not raised.

        A cancelled task removes the prompt from the server, unless `leaves_prompts` is set.

        Args:
            attempt: Its row and its id.
            source: The prompt, and where it comes from.
            uploads: The files that it names, to upload.
            alone: Whether to free the server before it.

        Raises:
            Stopped: The task was cancelled.
        """
        if alone:
            try:
                await self.free()
            except ClientError as error:
                return Ended("unsent", str(error), server_gone=True)
        sending = Sending()
        return await self._ended(attempt, sending, self._sent(attempt, source, sending, uploads), known=True)

    async def take_up(self, attempt: Attempt, *, looks: Sequence[float] = LOOKS) -> Ended:
        """Wait for a prompt that an earlier process sent, or was about to send.

        Args:
            attempt: Its row and its id.
            looks: The pauses before each repeated search for it.

        Returns:
            How it ended; ``unsent`` if the server has it in neither queue nor history.
        """
        sending = Sending()
        return await self._ended(attempt, sending, self._taken_up(attempt, sending, looks), known=False)

    async def save(self, attempt: Attempt, given: Result[Any], folder: Path) -> Ended:
        """Write the files of a row that succeeded.

        Args:
            attempt: The row and its prompt.
            given: Its outputs.
            folder: The target folder.

        Returns:
            ``completed`` with its files and texts once they are on disk; or what went wrong with them.

        Raises:
            SaveError: One cannot be written.
        """
        try:
            files = await save_outputs(self.client, given.files, folder, attempt)
        except SaveError:
            raise
        except ServerUnreachable as error:
            return Ended("abandoned", str(error), server_gone=True)
        except ClientError as error:
            return Ended("download", str(error))
        texts = {node_id: list(output.texts) for node_id, output in given.outputs.items() if output.texts}
        return Ended("completed", files=files, texts=texts)

    async def free(self) -> None:
        """Make it unload all models and forget all results.

        Raises:
            ClientError: It does not answer.
        """
        await self._drive(free(self.client._core, unload_models=True, free_memory=True))

    async def remove(self, prompt_ids: Iterable[str]) -> dict[str, Ending]:
        """Remove prompts that are no longer wanted.

        Args:
            prompt_ids: Their ids.

        Returns:
            What happened to each.

        Raises:
            ClientError: It does not answer.
        """
        return await self._drive(_removed(self, tuple(prompt_ids)))

    def doing(self) -> str:
        """What it is doing, as the end of a line; empty if it is doing nothing for this batch."""
        runs = [run for run in self.runs.values() if run.started and not run.ended]
        return runs[0].describe() if runs else ""

    async def _drive(self, flow: Flow[T]) -> T:
        return await self.client._driver.drive(flow)

    async def _ended(self, attempt: Attempt, sending: Sending, flow: Flow[Ended], *, known: bool) -> Ended:
        """The outcome of an attempt by a flow.

        Args:
            attempt: The attempt.
            sending: Its progress.
            flow: The flow.
            known: Whether the server is known not to have it until `sending` indicates it.
        """
        try:
            return await self._drive(flow)
        except asyncio.CancelledError as interrupt:
            if self.leaves_prompts:
                raise
            why = await self.client._driver.see_through(abandon(self.client._core, sending))
            raise Stopped(off=not why and (known or sending.run is not None)) from interrupt
        except ServerUnreachable as error:
            unsent = known and not sending.accepted and (error.unsent or sending.run is None)
            return Ended("unsent" if unsent else "abandoned", _line(error), server_gone=True)
        except PromptRejected as error:
            first = next(iter(error.report.errors), None)
            told = str(error) if first is None else f"{first}\n{error}"
            return Ended("invalid", told[:LONGEST_ERROR])
        except ServerError as error:
            if error.status in _OF_THE_PROMPT:
                return Ended("invalid", _line(error))
            return Ended("abandoned" if sending.accepted else "server_gone", _line(error), server_gone=True)
        except ClientError as error:
            return Ended("invalid", _line(error))
        finally:
            self.runs.pop(attempt.row, None)

    def followed(self, attempt: Attempt, run: Run) -> None:
        """Called when a prompt is about to be sent, or was found; subclasses may follow it."""
        self.runs[attempt.row] = run

    def uploaded(self, source: Source, uploads: Sequence[object]) -> Flow[Mapping[str, Any] | Ended]:
        """The prompt with the server's names of its files, once they are uploaded; or why it cannot be sent.

        Args:
            source: The prompt.
            uploads: The files that it names.
        """
        del uploads  # the server itself knows which inputs take files
        files = yield from upload_inputs(self.client._core, source, None)
        if files.errors:
            said = (f"{error.message} ({error.details})" for each in files.errors.values() for error in each)
            return Ended("invalid", "; ".join(said)[:LONGEST_ERROR])
        return files.prompt

    def _sent(
        self, attempt: Attempt, source: Source, sending: Sending, uploads: Sequence[object]
    ) -> Flow[Ended]:
        core = self.client._core
        if not (yield from recognise(core)).keeps_ids:
            return Ended("invalid", _NO_BATCH)
        prompt = source.prompt if source.workflow is not None else sendable(source.prompt)
        if uploads:
            given = yield from self.uploaded(dataclasses.replace(source, prompt=prompt), uploads)
            if isinstance(given, Ended):
                return given
            prompt = given
            source = dataclasses.replace(source, prompt=prompt)
        extra = extra_data(core, (yield from self._embedding.of(core, source)))
        run = Run(attempt.prompt_id, prompt, core.new_signal, core.clock, source.places)
        run.senders = picture_senders(prompt, None)
        run.polled = not (core.use_socket and (run.senders or self._listens))
        if core.use_socket:
            yield from ready_socket(core, bool(run.senders))
        if not run.polled:
            core.hub.add(run)
        yield from require_pictures(core, run, told=False)
        sending.run = run
        self.followed(attempt, run)
        nobody = self._nobody if run.polled else None
        started = yield from queued(
            core, run, Submission(prompt, extra_data=extra, client_id=nobody), source, sending
        )
        return (yield from self._waited(started))

    def _taken_up(self, attempt: Attempt, sending: Sending, looks: Sequence[float]) -> Flow[Ended]:
        core = self.client._core
        for pause in (0.0, *looks):
            yield from sleep(pause)
            started = yield from patiently(core, lambda: _found(core, attempt.prompt_id))
            if started is not None:
                sending.run, sending.accepted = started.run, True
                self.followed(attempt, started.run)
                return (yield from self._waited(started))
        return Ended("unsent", "the server has it in neither queue nor history")

    def _waited(self, started: Started) -> Flow[Ended]:
        core, run = self.client._core, started.run
        self._watch.add(run)
        try:
            outcome = yield from Wait(self._calm if core.hub.connected else core, run, None).outcome()
        finally:
            self._watch.remove(run)
        error = error_of_outcome(run, outcome)
        if error is not None:
            return Ended(_ending(error), str(error)[:LONGEST_ERROR])
        result: Result[Any] = Result(run, started.prepared, started.report, self.client)
        missing = next(iter(result.missing.values()), None)
        if missing is not None:
            ending: Ending = "invalid" if isinstance(missing, PromptRejected) else "node_error"
            return Ended(ending if not run.senders else "download", str(missing)[:LONGEST_ERROR])
        return Ended("completed", result=result)


class Turns:
    """A middleware that limits concurrent requests.

    Args:
        most: How many may run at once.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._waiting: deque[LoopSignal] = deque()

    def take(self, request: Request, forward: Forward) -> Flow[Answer]:
        """Send a request when its turn comes."""
        if not request.path.startswith(_FREQUENT):
            return (yield from forward(request))
        if self._free:
            self._free -= 1
        else:
            signal = LoopSignal()
            self._waiting.append(signal)
            try:
                while not signal.is_set():
                    yield Watch(signal, _LONG_PAUSE)
            except BaseException:
                if signal.is_set():
                    self._pass_on()
                else:
                    self._waiting.remove(signal)
                raise
        try:
            return (yield from forward(request))
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        if self._waiting:
            self._waiting.popleft().set()
        else:
            self._free += 1


class Stopped(asyncio.CancelledError):
    """A task was cancelled while a server had its prompt.

    Args:
        off: Whether the prompt was removed from the server; otherwise it may keep running there.
    """

    def __init__(self, off: bool) -> None:
        super().__init__()
        self.off = off


def _found(core: Core, prompt_id: str) -> Flow[Started | None]:
    try:
        return (yield from attach(core, prompt_id))
    except PromptLost:
        return None


def _removed(server: BatchServer, prompt_ids: tuple[str, ...]) -> Flow[dict[str, Ending]]:
    core = server.client._core
    found: dict[str, Ending] = {}
    listed = yield from queue(core)
    waiting = [each for each in prompt_ids if listed.find(each) is not None and not listed.runs(each)]
    if waiting:
        yield from delete_queued(core, waiting)
        listed = yield from queue(core)  # one may have started meanwhile
    for prompt_id in prompt_ids:
        if listed.runs(prompt_id):
            yield from interrupt(core, prompt_id)
        entry = yield from history_entry(core, prompt_id)
        outcome = None if entry is None else entry.outcome
        succeeded = outcome is not None and outcome.ending in ("success", "partial_success")
        found[prompt_id] = "completed" if succeeded else "cancelled"
    return found


def offer(name: str, info: Mapping[str, Any]) -> Offer:
    """What a server offers through a class.

    Args:
        name: The class.
        info: Its entry in ``/object_info``.
    """
    inputs = read_node(name, info).inputs
    return Offer(
        frozenset(each for entry in inputs for each in entry.choices or () if isinstance(each, str)),
        any(entry.options.get(key) for entry in inputs for key in ("remote", "remote_combo")),
    )


def _ending(error: ClientError) -> Ending:
    if isinstance(error, OutOfMemory):
        return "out_of_memory"
    if isinstance(error, PromptLost):
        return "lost"
    return "node_error" if isinstance(error, ExecutionError) else "interrupted"


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0][:LONGEST_ERROR]
