"""Where the events of one socket go: to the runs in flight, and to whoever listens to all."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, TypeVar

from .event import Connected, Disconnected, Executing, Picture, PromptEvent, ServerEvent
from .flow import Signal
from .run import Run

E = TypeVar("E")

_BACKLOG: Final = 10_000
"""How many events one listener may be behind before it loses the oldest."""


class Listener(Generic[E]):
    """Events for somebody who has not read them yet.

    Args:
        signal: Set when there is something to read.
        limit: How many are kept; the oldest are lost first.
    """

    def __init__(self, signal: Signal, limit: int = _BACKLOG) -> None:
        self.signal = signal
        self.closed = False
        self._waiting: deque[E] = deque(maxlen=limit)

    def put(self, event: E) -> None:
        """Add an event."""
        self._waiting.append(event)
        self.signal.set()

    def take(self) -> E | None:
        """The next event, or None if there is none at the moment."""
        try:
            return self._waiting.popleft()
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
        self.settled = new_signal()
        """Set when the first attempt to connect has come to something."""
        self.stop = new_signal()
        """Set when the client is closed."""
        self.hang_up: Callable[[], None] = lambda: None
        """Breaks the socket, so that it is opened anew; the driver sets it."""
        self.connected = False
        self.connections = 0
        self.failure = ""
        self._clock = clock
        self._lock = threading.Lock()
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._listeners: list[Listener[ServerEvent]] = []
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

    def listen(self, listener: Listener[ServerEvent]) -> None:
        """Hand this listener all events from now on."""
        with self._lock:
            self._listeners.append(listener)

    def unlisten(self, listener: Listener[ServerEvent]) -> None:
        """This listener wants no more."""
        with self._lock:
            if listener in self._listeners:
                self._listeners.remove(listener)

    def dispatch(self, event: ServerEvent) -> None:
        """Hand on one event of the socket."""
        if isinstance(event, PromptEvent):
            event = self._attributed(event)
            run = self._runs.get(event.prompt_id) if event.prompt_id is not None else None
            if run is not None:
                run.feed(event)
        for listener in tuple(self._listeners):
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
        for listener in tuple(self._listeners):
            listener.close()
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.poke()

    def _poke(self) -> None:
        """What was missed must be asked for: a server tells nothing twice."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.missed()

    def _attributed(self, event: PromptEvent) -> PromptEvent:
        """The event with the prompt that it belongs to, where an old form does not say."""
        if isinstance(event, Executing) and event.prompt_id is not None:
            self._running = event.prompt_id if event.node is not None else None
        if event.prompt_id is None and isinstance(event, (Picture, Executing)):
            return replace(event, prompt_id=self._running or self._only())
        return event

    def _only(self) -> str | None:
        with self._lock:
            ids = [run.prompt_id for run in self._runs.values() if run.started and not run.ended]
        return ids[0] if len(ids) == 1 else None
