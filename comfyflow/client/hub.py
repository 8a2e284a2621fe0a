"""Where the events of one socket go: to the runs in flight, and to whoever listens to all."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, Protocol, TypeVar

from .event import (
    Connected,
    Disconnected,
    Executing,
    NodeMessage,
    Picture,
    Progress,
    PromptEvent,
    ServerEvent,
    UnknownMessage,
)
from .flow import Signal
from .run import Run

T = TypeVar("T")
E = TypeVar("E", bound="PromptEvent | UnknownMessage")

_BACKLOG: Final = 10_000
"""How many events one listener may be behind before it loses the oldest."""
_NAMELESS: Final = (Executing, Progress, Picture, NodeMessage)
"""What has a form that does not name its prompt."""


class Hearer(Protocol):
    """Takes what comes over the socket, at once and without waiting."""

    def put(self, event: ServerEvent) -> None:
        """Take an event."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


class Listener(Generic[T]):
    """Events for somebody who has not read them yet.

    Args:
        signal: Set when there is something to read.
        limit: How many are kept; the oldest are lost first.
    """

    def __init__(self, signal: Signal, limit: int = _BACKLOG) -> None:
        self.signal = signal
        self.closed: bool = False
        self._events: deque[T] = deque(maxlen=limit)

    def put(self, event: T) -> None:
        """Add an event."""
        self._events.append(event)
        self.signal.set()

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        return bool(self._events)

    def take(self) -> T | None:
        """The next event, or None if there is none at the moment."""
        try:
            return self._events.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self.signal.set()


class Hub:
    """Knows the runs in flight and the state of the socket.

    Args:
        new_signal: Makes a signal of the driver's kind.
        clock: Seconds, monotonic.
    """

    def __init__(self, new_signal: Callable[[], Signal], clock: Callable[[], float]) -> None:
        self.settled: Final = new_signal()
        """Set when the first attempt to connect has come to something."""
        self.stop: Final = new_signal()
        """Set when the client is closed."""
        self.hang_up: Callable[[], None] = lambda: None
        """Breaks the socket, so that it is opened anew; the driver sets it."""
        self.connected: bool = False
        self.connections: int = 0
        self.failure: str = ""
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._listeners: list[weakref.ref[Hearer]] = []
        self._running: str | None = None

    def add(self, run: Run) -> None:
        """Hand this run its events from now on."""
        with self._lock:
            self._runs[run.prompt_id] = run

    def remove(self, run: Run) -> None:
        """This run needs no more events."""
        with self._lock:
            self._runs.pop(run.prompt_id, None)

    def rename(self, run: Run, prompt_id: str) -> None:
        """The server has queued this run under an id of its own, as servers did before ids were sent.

        What it has told of it until now went by, so it is to be asked.
        """
        self.remove(run)
        run.prompt_id = prompt_id
        self.add(run)
        run.missed()

    def listen(self, listener: Hearer) -> None:
        """Hand this listener all events from now on, for as long as somebody keeps it."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known() not in (None, listener)]
            self._listeners.append(weakref.ref(listener))
        if self.stop.is_set():
            listener.close()

    def unlisten(self, listener: Hearer) -> None:
        """This listener wants no more."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known() not in (None, listener)]

    def dispatch(self, event: ServerEvent) -> None:
        """Hand on one event of the socket."""
        if isinstance(event, (PromptEvent, UnknownMessage)):
            event = self._handed(event)
        for listener in self._listening():
            listener.put(event)

    def opened(self) -> None:
        """The socket is open and the server has greeted us."""
        self.connections += 1
        self.connected = True
        self.failure = ""
        self.dispatch(Connected(self.connections > 1))
        self._poke()
        self.settled.set()

    def broken(self, reason: str) -> None:
        """The socket could not be opened, or is closed."""
        was, self.connected, self.failure, self._running = self.connected, False, reason, None
        if was:
            self.dispatch(Disconnected(reason))
        self._poke()
        self.settled.set()

    def close(self) -> None:
        """The client is closed: nobody is to wait any more."""
        self.stop.set()
        self.settled.set()
        for listener in self._listening():
            listener.close()
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.poke()

    def _listening(self) -> list[Hearer]:
        return [listener for known in self._listeners if (listener := known()) is not None]

    def _poke(self) -> None:
        """What was missed must be asked for: a server tells nothing twice."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.missed()

    def _handed(self, event: E) -> E:
        """Hand an event to the run that it belongs to; gives it with the prompt's id, where it had none.

        What is sent to every client and names no prompt may be of somebody else's: it is no news
        of the run, which is asked for all the same.
        """
        if isinstance(event, Executing) and event.prompt_id is not None:
            self._running = event.prompt_id if event.node is not None else None
        prompt_id, news = event.prompt_id, True
        if prompt_id is None:
            node = event.node if isinstance(event, _NAMELESS) else None
            prompt_id, news = self._executing(node), not isinstance(event, (NodeMessage, UnknownMessage))
            if prompt_id is not None and isinstance(event, _NAMELESS):
                event = replace(event, prompt_id=prompt_id)
        run = self._runs.get(prompt_id) if prompt_id is not None else None
        if run is not None:
            run.feed(event, news)
        return event

    def _executing(self, node: str | None) -> str | None:
        """The prompt in flight that the server executes now, if only one can be meant.

        Args:
            node: A node that it has; None for any.
        """
        if self._running is not None:
            run = self._runs.get(self._running)
            return self._running if run is None or run.has(node) else None
        with self._lock:
            runs = list(self._runs.values())
        ids = [run.prompt_id for run in runs if run.started and not run.ended and run.has(node)]
        return ids[0] if len(ids) == 1 else None
