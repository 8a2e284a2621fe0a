"""Waiting for the next event of any kind."""

from __future__ import annotations

from .core import Core
from .event import ServerEvent
from .flow import Flow, StartSocket, Watch
from .hub import Listener
from .waiting import Deadline

_LONG = 3600.0


def next_event(core: Core, listener: Listener[ServerEvent], deadline: Deadline) -> Flow[ServerEvent | None]:
    """The next event; None when the time is over or the client is closed."""
    yield StartSocket()
    while True:
        event = listener.take()
        if event is not None:
            return event
        if listener.closed or core.hub.stop.is_set() or deadline.passed:
            return None
        yield Watch(listener.signal, deadline.within(_LONG))
        listener.signal.clear()
