"""The events of running jobs, for all listeners.

A channel keeps the last events of one job, so that a listener can reconnect and continue where it was; one
that was away for too long starts with the whole state.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from ..batch.record import State
from ..bounds import SERVED_PREVIEW
from ..client.feed import Feed
from ..client.run_event import (
    NodeFinished,
    NodePicture,
    NodePreview,
    NodeProgress,
    NodesCached,
    NodeStarted,
    NodeText,
    RunEvent,
    RunNode,
    RunQueued,
    RunStarted,
    ServerAway,
    ServerBack,
)
from ..timeout import within

_KEPT: Final = 64
"""How many events a channel keeps for listeners that reconnect."""
_WAITING: Final = 256
"""How many events a listener may be behind before it gets the whole state instead."""

ENDED: Final[frozenset[State]] = frozenset({"completed", "failed", "invalid", "cancelled"})
"""The final states of a job."""


@dataclass(frozen=True)
class JobEvent:
    """An event of a job.

    Attributes:
        name: ``state``, ``progress``, ``server``, ``preview`` or ``text``.
        data: The data, as JSON; None for the whole state.
        id: The position that a reconnecting listener sends; empty for a preview.
        last: Whether it is the last event.
    """

    name: str
    data: str | None
    id: str = ""
    last: bool = False


class JobListener:
    """The events of one job for one listener; a slow listener loses previews first.

    Args:
        channel: The job's channel.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._events: deque[JobEvent] = deque()
        self._there = asyncio.Event()

    def put(self, event: JobEvent) -> None:
        """Add an event; a preview replaces the previous one."""
        if event.name == "preview":
            self._events = deque(each for each in self._events if each.name != "preview")
        elif len(self._events) >= _WAITING:
            self._events.clear()
            event = JobEvent("state", None, event.id, event.last)
        self._events.append(event)
        self._there.set()

    async def next(self, seconds: float) -> JobEvent | None:
        """The next event; None if none comes in time.

        Args:
            seconds: How long to wait.
        """
        if not self._events:
            self._there.clear()
            try:
                await within(self._there.wait(), seconds)
            except asyncio.TimeoutError:
                return None
        return self._events.popleft() if self._events else None

    def end(self) -> None:
        """End the wait: no more events will come."""
        self._there.set()

    def close(self) -> None:
        """Stop listening."""
        self._channel.leave(self)


class Channel:
    """The events of one job.

    Args:
        new_id: Generates event ids.
        leave: Called when the last listener has left.
    """

    def __init__(self, new_id: Callable[[], str], leave: Callable[[], object]) -> None:
        self.progress: dict[str, Any] = {}
        self.preview: str | None = None
        self.over: Final = asyncio.Event()
        """Set once no more events will come."""
        self.newest: str = ""
        self._new_id = new_id
        self._kept: deque[JobEvent] = deque(maxlen=_KEPT)
        self._listeners: set[JobListener] = set()
        self._leave = leave

    @property
    def ended(self) -> bool:
        """Whether no more events will come."""
        return self.over.is_set()

    @ended.setter
    def ended(self, ended: bool) -> None:
        if ended:
            self.over.set()
        else:
            self.over.clear()

    @property
    def is_heard(self) -> bool:
        """Whether there are listeners."""
        return bool(self._listeners)

    def listen(self) -> JobListener:
        """Listen to events from now on."""
        listener = JobListener(self)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: JobListener) -> None:
        """Remove a listener."""
        self._listeners.discard(listener)
        if not self._listeners:
            self._leave()

    def end(self) -> None:
        """End all waits."""
        self.ended = True
        for listener in self._listeners:
            listener.end()

    def since(self, last: str) -> list[JobEvent] | None:
        """The events after a given one; None if the whole state must be sent.

        Args:
            last: The id of the last event that the listener has received.
        """
        if last and last == self.newest:
            return []
        kept = [*self._kept]
        at = next((index for index, each in enumerate(kept) if each.id == last), None)
        return None if at is None else kept[at + 1 :]

    def tell(self, name: str, data: Any, *, last: bool = False) -> None:
        """Send an event to all listeners.

        Args:
            name: See `JobEvent`.
            data: The data; None for the whole state.
            last: Whether it is the last event.
        """
        text = None if data is None else json.dumps(data)
        if name == "preview":
            event = JobEvent(name, text)
        else:
            self.newest = self._new_id()
            event = JobEvent(name, text, self.newest, last)
            self._kept.append(event)
        for listener in self._listeners:
            listener.put(event)

    def hear(self, event: RunEvent) -> None:
        """Handle an event from the server."""
        if isinstance(event, NodePreview):
            if not isinstance(event, NodePicture) and len(event.image) <= SERVED_PREVIEW:
                self.preview = _data_url(event)
                self.tell("preview", {"node": event.node.node_id, "image": self.preview})
            return
        said = _PROGRESS.get(type(event))
        if said is not None:
            self.progress = said(event)
            self.tell("progress", self.progress)
        elif isinstance(event, NodeText):
            self.tell("text", {**_node(event.node), "text": event.text})
        elif isinstance(event, ServerAway):  # without its reason, which names the server
            self.progress = {"phase": "queued", **self.progress, "server_away": True}
            self.tell("server", {"answers": False})
        elif isinstance(event, ServerBack):
            self.progress = {name: value for name, value in self.progress.items() if name != "server_away"}
            self.tell("server", {"answers": True, "seconds": round(event.seconds, 1)})


class ChannelFeed(Feed):
    """Passes the events of a run on, immediately.

    Args:
        hear: Receives the events.
    """

    def __init__(self, hear: Callable[[RunEvent], object]) -> None:
        super().__init__(None)
        self._hear = hear

    @override
    def put(self, event: RunEvent) -> None:
        self._hear(event)


class Channels:
    """The channels of all jobs that run or have listeners."""

    def __init__(self) -> None:
        process = uuid.uuid4().hex[:8]
        numbers = itertools.count(1)
        self._new_id: Final = lambda: f"{process}-{next(numbers)}"
        self._channels: dict[int, Channel] = {}

    def __len__(self) -> int:
        return len(self._channels)

    def end(self) -> None:
        """End all waits, so that connections can be closed."""
        for channel in self._channels.values():
            channel.end()

    def of(self, row: int) -> Channel:
        """The channel of a row."""
        channel = self._channels.get(row)
        if channel is None:
            channel = Channel(self._new_id, lambda: self._left(row))
            self._channels[row] = channel
        return channel

    def find(self, row: int) -> Channel | None:
        """The channel of a row; None if it has none."""
        return self._channels.get(row)

    def state(self, row: int, state: State) -> None:
        """Handle a job's change of state."""
        channel = self.of(row)
        channel.ended = state in ENDED
        if state != "in_progress":
            channel.progress, channel.preview = {}, None
        channel.tell("state", None, last=channel.ended)
        if channel.ended and not channel.is_heard:
            self._channels.pop(row, None)

    def _left(self, row: int) -> None:
        channel = self._channels.get(row)
        if channel is not None and channel.ended:
            self._channels.pop(row, None)


def _node(node: RunNode) -> dict[str, Any]:
    return {"node": node.node_id, "class_type": node.class_type, "title": node.title or node.class_type}


def _data_url(event: NodePreview) -> str:
    kind = event.format if event.format in ("jpeg", "png") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(event.image).decode('ascii')}"


_PROGRESS: Final[dict[type[Any], Callable[[Any], dict[str, Any]]]] = {
    RunQueued: lambda event: {"phase": "queued", "ahead": event.ahead},
    RunStarted: lambda _: {"phase": "running"},
    NodesCached: lambda event: {"phase": "running", "cached": len(event.nodes)},
    NodeStarted: lambda event: {"phase": "running", **_node(event.node)},
    NodeFinished: lambda event: {"phase": "running", **_node(event.node), "finished": True},
    NodeProgress: lambda event: {
        "phase": "running",
        **_node(event.node),
        "value": event.value,
        "maximum": event.maximum,
    },
}
