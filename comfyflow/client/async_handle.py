"""A prompt that an `AsyncClient` has sent: what one waits for, watches and cancels."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from .async_driver import AsyncDriver
from .base import BaseHandle
from .options import DEFAULT_TIMEOUT
from .run_event import Outcome, RunDone, RunEvent
from .running import RunStatus
from .waiting import Wait

T_co = TypeVar("T_co", covariant=True)


class AsyncHandle(BaseHandle[T_co]):
    """A prompt that the server has. Made by `AsyncClient.submit`."""

    _driver: AsyncDriver

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
        return await self._driver.drive(self._result(timeout))

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
                if event is None or isinstance(event, RunDone):
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
