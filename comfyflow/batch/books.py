"""Changes to write to the ledger, and the events to emit once they are there."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from .record import (
    Added,
    Attempt,
    Change,
    Completed,
    Ending,
    Returned,
    SavedOutput,
    SetAside,
    Settled,
    State,
    failure_of,
)
from .report import BatchEvent, RowEvent
from .row import Row

_TOGETHER: Final = 0.05
"""Seconds that a change waits for others, to be written with them in one transaction."""

_FEW: Final = 4
"""If changes are fewer than this share of the rows in flight, they wait for others: the servers are busy
enough.
"""


class Alarm(asyncio.Event):
    """Wakes the writer of changes: immediately, or when a change has waited long enough."""

    def __init__(self) -> None:
        super().__init__()
        self._timer: asyncio.TimerHandle | None = None

    def changed(self, waiting: int, in_flight: int) -> None:
        """Wake the writer, if it is time.

        Args:
            waiting: How many changes wait to be written.
            in_flight: How many rows servers have.
        """
        if waiting * _FEW >= in_flight:
            self.set()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER, self.set)

    def clear(self) -> None:
        """Restart the wait."""
        super().clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Books:
    """Changes that wait to be written, in one transaction with those that are about to happen.

    Args:
        on_event: Called with each event.
        wake: Called when there is something to write.
    """

    def __init__(self, on_event: Callable[[BatchEvent], object] | None, wake: Callable[[], None]) -> None:
        self.counts: Counter[State] = Counter()
        """How many rows are in each state, including changes that wait to be written."""
        self.completed: Counter[str] = Counter()
        """How many rows each server has completed in this run."""
        self.failures: Counter[str] = Counter()
        """How many rows were set aside in this run, by the class of failure."""
        self.files: int = 0
        self.ended: int = 0
        self._on_event = on_event
        self._wake = wake
        self._waiting: list[tuple[Change, RowEvent | None]] = []

    @property
    def waiting(self) -> int:
        """How many changes wait to be written."""
        return len(self._waiting)

    def take(self) -> Sequence[tuple[Change, RowEvent | None]]:
        """The changes that wait to be written, each with its event."""
        taken, self._waiting = self._waiting, []
        return taken

    def tell(self, event: BatchEvent | None) -> None:
        """Emit the event of a change that is written."""
        if event is not None and self._on_event is not None:
            self._on_event(event)

    def added(self, row: Row) -> None:
        """Add a row that was read from the sweep."""
        self.counts["pending"] += 1
        self._write(Added(row.number, row.parameters))

    def joined(self, change: Added) -> None:
        """Add a row that is not in a sweep; its event is emitted once it is written."""
        self.counts["pending"] += 1
        self._write(change, RowEvent(change.number, "pending"))

    def sent(self, attempt: Attempt) -> None:
        """Note that a row is sent, which is written already."""
        self._moved("pending", "in_progress")
        self.tell(RowEvent(attempt.row, "in_progress", attempt.server, attempt.prompt_id))

    def has_completed(
        self, attempt: Attempt, files: tuple[SavedOutput, ...], texts: Mapping[str, Any]
    ) -> None:
        """Record a row that has succeeded, with its files on disk."""
        self._moved("in_progress", "completed")
        self.completed[attempt.server] += 1
        self.ended += 1
        self.files += len(files)
        self._write(
            Completed(attempt.row, attempt.prompt_id, time.time(), files, texts),
            RowEvent(attempt.row, "completed", attempt.server, attempt.prompt_id, files=files),
        )

    def returned(self, attempt: Attempt, ending: Ending, error: str) -> None:
        """Record an attempt that failed, whose row waits again."""
        self._moved("in_progress", "pending")
        self._write(
            Returned(attempt.row, attempt.prompt_id, time.time(), ending, error),
            _event(attempt, "pending", ending, error),
        )

    def set_aside(self, row: int | Attempt, ending: Ending, error: str) -> None:
        """Record a row that will not be sent again.

        Args:
            row: The attempt that failed, or the number of a row that was not sent.
            ending: Why.
            error: The error message.
        """
        state: Literal["failed", "invalid", "cancelled"] = "failed"
        if ending == "invalid" or ending == "cancelled":  # type checkers follow this
            state = ending
        failure = failure_of(ending)
        self.ended += 1
        if failure is not None:
            self.failures[failure] += 1
        now = time.time()
        if isinstance(row, Attempt):
            self._moved("in_progress", state)
            change = SetAside(row.row, row.prompt_id, now, state, failure, error)
            self._write(change, _event(row, state, ending, error))
        else:
            self._moved("pending", state)
            event = RowEvent(row, state, failure=failure, error=error)
            self._write(SetAside(row, None, now, state, failure, error), event)

    def settled(self, prompt_id: str, ending: Ending) -> None:
        """Record what happened to a prompt whose row was sent elsewhere."""
        self._write(Settled(prompt_id, time.time(), ending))

    def _moved(self, before: State, after: State) -> None:
        self.counts[before] -= 1
        self.counts[after] += 1

    def _write(self, change: Change, event: RowEvent | None = None) -> None:
        self._waiting.append((change, event))
        self._wake()


def _event(attempt: Attempt, state: State, ending: Ending, error: str) -> RowEvent:
    return RowEvent(attempt.row, state, attempt.server, attempt.prompt_id, failure_of(ending), error)
