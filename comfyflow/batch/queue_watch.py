"""When one of many prompts on a server has probably ended: by how many the server says that remain.

Of each prompt a server tells a dozen events and more, with previews among them. A batch needs to know one
thing, that it is over, and reads the rest from the history. So its prompts are sent under an id that no
socket has, and what is left to hear is the length of the queue, which is told to everybody.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

from ..client.event import Connected, Disconnected, ServerEvent, Status
from ..client.run import Run

_PAUSE: Final = 0.1
"""Seconds after which the length of the queue is compared with what should be in it."""


class QueueWatch:
    """Has whoever waits for a prompt look into the history when it may be there.

    A hint that comes too early costs a look, one that does not come costs the pause until the next one.
    """

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._told: set[str] = set()
        self._remaining: int | None = None
        self._due = False

    def add(self, run: Run) -> None:
        """The server has a prompt."""
        self._runs[run.prompt_id] = run
        self._compare_later()

    def remove(self, run: Run) -> None:
        """A prompt has ended."""
        self._runs.pop(run.prompt_id, None)
        self._told.discard(run.prompt_id)

    def put(self, event: ServerEvent) -> None:
        """Hear an event of the socket."""
        if isinstance(event, Status) and event.queue_remaining is not None:
            before, self._remaining = self._remaining, event.queue_remaining
            self._tell(0 if before is None else before - self._remaining)
            self._compare_later()
        elif isinstance(event, (Connected, Disconnected)):
            self._remaining = None
            self._told.clear()
            self._tell(len(self._runs))

    def close(self) -> None:
        """Nothing more will come."""

    def _tell(self, count: int) -> None:
        """Have the oldest prompts looked for, so many of those that were not."""
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
