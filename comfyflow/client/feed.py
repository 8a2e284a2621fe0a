"""The events of one prompt on their way to a reader."""

from __future__ import annotations

from collections import deque
from typing import Final

from . import run_event as told
from .flow import Signal
from .run_event import RunEvent

_KEPT: Final = 2_000
"""How many events are kept for a reader that comes late."""

_PREVIEWS: Final = 4
"""How many of these may be previews: pictures are large."""


class Feed:
    """Events of a run for one reader; a slow one loses previews first, then the oldest.

    Args:
        signal: Set when there is something to read, or None without a reader.
        limit: How many events are kept.
        previews: How many previews are kept.
    """

    def __init__(self, signal: Signal | None, limit: int = _KEPT, previews: int = _PREVIEWS) -> None:
        self._signal = signal
        self._events: deque[RunEvent] = deque(maxlen=limit)
        self._limit = previews
        self._previews = 0

    def put(self, event: RunEvent) -> None:
        """Add an event."""
        if type(event) is told.NodePreview:
            if self._previews >= self._limit:
                self._drop_preview()
            else:
                self._previews += 1
        self._events.append(event)
        if self._signal is not None:
            self._signal.set()

    def take(self) -> RunEvent | None:
        """The next event, or None if there is none at the moment."""
        try:
            event = self._events.popleft()
        except IndexError:
            return None
        if type(event) is told.NodePreview:
            self._previews = max(self._previews - 1, 0)
        return event

    @property
    def events(self) -> tuple[RunEvent, ...]:
        """The unread events, the oldest first."""
        return tuple(self._events)

    def wake(self) -> None:
        """Make the reader look again."""
        if self._signal is not None:
            self._signal.set()

    @property
    def signal(self) -> Signal | None:
        """Set when there is something to read."""
        return self._signal

    def copy_for(self, signal: Signal) -> Feed:
        """The same events for another reader."""
        feed = Feed(signal, 10 * _KEPT, 16 * _PREVIEWS)
        for event in self._events:
            feed.put(event)
        return feed

    def _drop_preview(self) -> None:
        for index, event in enumerate(self._events):
            if type(event) is told.NodePreview:
                del self._events[index]
                return
