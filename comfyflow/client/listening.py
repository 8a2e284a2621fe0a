"""Listening to everything that comes over the socket."""

from __future__ import annotations

from ..errors import ClientError
from .core import Core
from .event import ServerEvent
from .flow import Flow, StartSocket, Watch
from .hub import Listener
from .waiting import Deadline

_LONG = 3600.0


def require_socket(core: Core) -> None:
    """Refuse to listen where nothing can come.

    Raises:
        ClientError: The client does without a socket.
    """
    if not core.use_socket:
        raise ClientError(
            "this client was made with websocket=False, so no events come to it; without events, "
            "handle.events() and on_event tell of a prompt by asking the server"
        )


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
