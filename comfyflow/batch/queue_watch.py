"""When one of many prompts on a server has probably ended, judging by how many remain in its queue.

A server sends a dozen or more events per prompt, including previews. A batch only needs to know that the
prompt has ended, and reads the rest from the history. So its prompts are sent under an id that no socket has,
and the only events left are queue lengths, which every client receives.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

from ..client.event import Connected, Disconnected, ServerEvent, Status
from ..client.run import Run

_PAUSE: Final = 0.1
"""Seconds after which the queue length is compared with the expected one."""


class QueueWatch:
    """Makes waiters look for their prompt in the history when it may be there.

    A hint that comes too early costs a lookup; one that does not come costs the pause until the next lookup.
    """

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._told: set[str] = set()
        self._remaining: int | None = None
        self._due = False

    def add(self, run: Run) -> None:
        """Note that the server has a prompt."""
        self._runs[run.prompt_id] = run
        self._compare_later()

    def remove(self, run: Run) -> None:
        """Note that a prompt has ended."""
        self._runs.pop(run.prompt_id, None)
        self._told.discard(run.prompt_id)

    @property
    def listens(self) -> bool:
        """Whether it wants events: while there are prompts."""
        return bool(self._runs)

    def put(self, event: ServerEvent) -> None:
        """Receive a socket event."""
        if isinstance(event, Status) and event.queue_remaining is not None:
            before, self._remaining = self._remaining, event.queue_remaining
            self._tell(0 if before is None else before - self._remaining)
            self._compare_later()
        elif isinstance(event, (Connected, Disconnected)):
            self._remaining = None
            self._told.clear()
            self._tell(len(self._runs))

    def close(self) -> None:
        """Note that no more events will come."""

    def _tell(self, count: int) -> None:
        """Wake the waiters of the oldest prompts that have not been looked up."""
        fresh = (run for run in self._runs.values() if run.prompt_id not in self._told)
        for run in [*islice(fresh, max(count, 0))]:
            self._told.add(run.prompt_id)
            run.unsure = True
            run.poke()

    def _compare_later(self) -> None:
        if not self._due and self._runs:
            self._due = True
            asyncio.get_running_loop().call_later(_PAUSE, self._compare)

    def _compare(self) -> None:
        self._due = False
        self._told.clear()
        if self._remaining is not None:
            self._tell(len(self._runs) - self._remaining)
