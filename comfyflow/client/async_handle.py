"""A prompt that an `AsyncClient` has sent: wait for it, watch it, cancel it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from .async_driver import AsyncDriver
from .base import BaseHandle
from .options import DEFAULT_TIMEOUT
from .run_event import Outcome, RunDone, RunEvent
from .running import RunStatus
from .waiting import Deadline, Wait

T_co = TypeVar("T_co", covariant=True)


class AsyncHandle(BaseHandle[T_co]):
    """A prompt that the server has. Returned by `AsyncClient.submit`."""

    _driver: AsyncDriver

    async def wait(self, timeout: float | None = DEFAULT_TIMEOUT) -> Outcome:
        """Wait until the prompt has ended, successfully or not.

        Interrupting the wait leaves the prompt running; `cancel` removes it from the server.

        Args:
            timeout: Seconds; None for no limit.

        Raises:
            WaitTimeout: The time is up. The prompt keeps running.
            ServerUnreachable: The server has been unreachable for too long.
        """
        return await self._driver.drive(Wait(self._core, self._run, timeout).outcome())

    async def result(self, timeout: float | None = DEFAULT_TIMEOUT) -> T_co:
        """Wait until the prompt has ended, and return its result.

        Interrupting the wait leaves the prompt running; `cancel` removes it from the server.

        Args:
            timeout: Seconds; None for no limit.

        Raises:
            ExecutionError: A node raised; `PartialSuccess` if other nodes gave their outputs.
            Interrupted: The run was stopped.
            PromptLost: The prompt was deleted, or the server restarted.
            WaitTimeout: The time is up. The prompt keeps running.
            ServerUnreachable: The server has been unreachable for too long.
        """
        return await self._driver.drive(self._result(timeout))

    def events(self, timeout: float | None = DEFAULT_TIMEOUT) -> AsyncIterator[RunEvent]:
        """Yield the prompt's events from its beginning; the last one is `RunDone`.

        Args:
            timeout: Seconds for the whole wait; None for no limit.

        Raises:
            WaitTimeout: The time is up. The prompt keeps running.
            ServerUnreachable: The server has been unreachable for too long.
        """
        return self._watch(timeout)

    async def _watch(self, timeout: float | Deadline | None) -> AsyncIterator[RunEvent]:
        feed = self._run.feed_for(self._core.new_signal())
        waiting = Wait(self._core, self._run, timeout)
        try:
            while True:
                event = await self._driver.drive(waiting.next_event(feed))
                if event is not None:
                    yield event
                if event is None or isinstance(event, RunDone):
                    return
        finally:
            self._run.drop(feed)

    async def status(self) -> RunStatus:
        """Ask the server where the prompt is now."""
        return await self._driver.drive(self._status())

    async def cancel(self, timeout: float = 30.0) -> bool:
        """Remove the prompt from the queue, or stop it, and wait until it is gone.

        Args:
            timeout: Seconds to wait for its end.

        Returns:
            Whether there was anything to cancel.

        Raises:
            WaitTimeout: It is still running.
        """
        return await self._driver.drive(self._cancel(timeout))
