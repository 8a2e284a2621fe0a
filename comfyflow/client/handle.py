"""A prompt that a server has: what one waits for, watches and cancels."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from ..output_file import FileSource
from ..problem import Problem
from .core import Core
from .failure import error_of_outcome, partial_success
from .flow import Flow
from .outcome import Outcome
from .result import Resolver, Result, refuse_awaitable
from .run_event import RunEvent
from .running import DEFAULT_TIMEOUT, RunStatus, Started, cancel, status
from .waiting import Wait

if TYPE_CHECKING:
    from ..validate import Report
    from .awaiting import AwaitingDriver
    from .blocking import BlockingDriver

T_co = TypeVar("T_co", covariant=True)


class HandleCore(Generic[T_co]):
    """What `Handle` and `AsyncHandle` have in common.

    Args:
        core: The client.
        started: The prompt.
        source: Fetches files.
        resolve: What to make of the result; None for the result itself.
        resolvers: What the client makes of the outputs of some classes.
    """

    _awaits: ClassVar[bool] = False
    """Whether what a resolver makes is awaited."""

    def __init__(
        self,
        core: Core,
        started: Started,
        source: FileSource,
        resolve: Callable[[Any], Any] | None,
        resolvers: dict[Any, Resolver[Any, Any]],
    ) -> None:
        self._core = core
        self._started = started
        self._source = source
        self._resolve = resolve
        self._resolvers = resolvers
        self._run = started.run

    @property
    def prompt_id(self) -> str:
        """The prompt's id, by which the server and `Client.attach` know it."""
        return self._run.prompt_id

    @property
    def number(self) -> float | None:
        """Its priority; None where the server's answer was lost."""
        return self._started.number

    @property
    def report(self) -> Report | None:
        """What the server found wrong with outputs that it dropped, or None."""
        return self._started.report

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What may go wrong although the server takes it; see `Report.warnings`."""
        return self._started.warnings

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it has not, as far as is known here."""
        return self._run.outcome

    def _result(self, timeout: float | None) -> Flow[T_co]:
        outcome = yield from Wait(self._core, self._run, timeout).outcome()
        error = error_of_outcome(self._run, outcome)
        if error is not None:
            raise error
        prepared = self._started.prepared
        result: Result[Any] = Result(
            self._run, prepared, self.report, self._source, self._resolvers, self._awaits
        )
        if outcome.ending == "partial_success":
            raise partial_success(self._run, result)
        if self._resolve is None:
            return cast("T_co", result)
        made: Any = self._resolve(result)
        if not self._awaits:
            refuse_awaitable(made, self._resolve)
        return cast("T_co", made)

    def _status(self) -> Flow[RunStatus]:
        return status(self._core, self._run)

    def _cancel(self, timeout: float) -> Flow[bool]:
        return cancel(self._core, self._run, timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of prompt {self.prompt_id}: {self._run.describe()}>"


def is_last(event: RunEvent | None) -> bool:
    """Whether nothing comes after this event."""
    from .run_event import RunDone

    return event is None or isinstance(event, RunDone)


class Handle(HandleCore[T_co]):
    """A prompt that the server has. Made by `Client.submit`."""

    _driver: BlockingDriver

    def wait(self, timeout: float | None = DEFAULT_TIMEOUT) -> Outcome:
        """Wait until the prompt has ended, well or not.

        An interrupt of the wait lets the prompt go on; `cancel` takes it off the server.

        Args:
            timeout: Seconds; None for as long as it takes.

        Raises:
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        return self._driver.drive(Wait(self._core, self._run, timeout).outcome())

    def result(self, timeout: float | None = DEFAULT_TIMEOUT) -> T_co:
        """Wait until the prompt has ended, and give what it gave.

        An interrupt of the wait lets the prompt go on; `cancel` takes it off the server.

        Args:
            timeout: Seconds; None for as long as it takes.

        Raises:
            ExecutionError: A node raised; `PartialSuccess`, where others gave their outputs.
            Interrupted: The run was stopped.
            PromptLost: The prompt was deleted, or the server restarted.
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        return self._driver.drive(self._result(timeout))

    def events(self, timeout: float | None = DEFAULT_TIMEOUT) -> Iterator[RunEvent]:
        """What happens to the prompt, from its beginning; the last one is `RunDone`.

        Args:
            timeout: Seconds for all of it; None for as long as it takes.

        Raises:
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        feed = self._run.feed_for(self._core.new_signal())
        waiting = Wait(self._core, self._run, timeout)
        try:
            while True:
                event = self._driver.drive(waiting.next_event(feed))
                if event is not None:
                    yield event
                if is_last(event):
                    return
        finally:
            self._run.drop(feed)

    def status(self) -> RunStatus:
        """Where the prompt is now, by asking the server."""
        return self._driver.drive(self._status())

    def cancel(self, timeout: float = 30.0) -> bool:
        """Take the prompt out of the queue, or stop it; returns when it is out.

        Args:
            timeout: Seconds to wait for its end.

        Returns:
            Whether there was anything to cancel.

        Raises:
            WaitTimeout: It still runs.
        """
        return self._driver.drive(self._cancel(timeout))


class AsyncHandle(HandleCore[T_co]):
    """A prompt that the server has. Made by `Client.submit`."""

    _awaits = True
    _driver: AwaitingDriver

    async def wait(self, timeout: float | None = DEFAULT_TIMEOUT) -> Outcome:
        """Wait until the prompt has ended, well or not.

        An interrupt of the wait lets the prompt go on; `cancel` takes it off the server.

        Args:
            timeout: Seconds; None for as long as it takes.

        Raises:
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        return await self._driver.drive(Wait(self._core, self._run, timeout).outcome())

    async def result(self, timeout: float | None = DEFAULT_TIMEOUT) -> T_co:
        """Wait until the prompt has ended, and give what it gave.

        An interrupt of the wait lets the prompt go on; `cancel` takes it off the server.

        Args:
            timeout: Seconds; None for as long as it takes.

        Raises:
            ExecutionError: A node raised; `PartialSuccess`, where others gave their outputs.
            Interrupted: The run was stopped.
            PromptLost: The prompt was deleted, or the server restarted.
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        made: Any = await self._driver.drive(self._result(timeout))
        result: T_co = await made if inspect.isawaitable(made) else made
        return result

    async def events(self, timeout: float | None = DEFAULT_TIMEOUT) -> AsyncIterator[RunEvent]:
        """What happens to the prompt, from its beginning; the last one is `RunDone`.

        Args:
            timeout: Seconds for all of it; None for as long as it takes.

        Raises:
            WaitTimeout: The time is over. The prompt goes on.
            ServerUnreachable: The server has been away for too long.
        """
        feed = self._run.feed_for(self._core.new_signal())
        waiting = Wait(self._core, self._run, timeout)
        try:
            while True:
                event = await self._driver.drive(waiting.next_event(feed))
                if event is not None:
                    yield event
                if is_last(event):
                    return
        finally:
            self._run.drop(feed)

    async def status(self) -> RunStatus:
        """Where the prompt is now, by asking the server."""
        return await self._driver.drive(self._status())

    async def cancel(self, timeout: float = 30.0) -> bool:
        """Take the prompt out of the queue, or stop it; returns when it is out.

        Args:
            timeout: Seconds to wait for its end.

        Returns:
            Whether there was anything to cancel.

        Raises:
            WaitTimeout: It still runs.
        """
        return await self._driver.drive(self._cancel(timeout))
