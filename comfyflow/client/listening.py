"""Having the socket open, and listening to what comes over it."""

from __future__ import annotations

from typing import Any

from ..errors import ClientError, SocketUnavailable
from .callback import Call
from .core import Core
from .event import ServerEvent
from .flow import Flow, StartSocket, Watch
from .hub import Listener
from .run import Run
from .server_routes import system_stats
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


def ready_socket(core: Core, needed: bool = False) -> Flow[None]:
    """Have the socket open, or know that it cannot be had, before a prompt is sent.

    Args:
        core: The client.
        needed: Whether the prompt is worth nothing without it: then it is tried for as long as
            ``Limits.socket`` allows.
    """
    if core.hub.connected:
        return
    left, longest = core.left(), core.limits.socket
    # Time is left for what comes after: a server may answer all but the socket.
    seconds = longest if left is None else min(left / 2, longest)
    if needed:
        yield from _until_open(core, seconds)
    else:
        yield StartSocket()
        yield Watch(core.hub.settled, seconds)


def require_pictures(core: Core, run: Run, told: bool) -> Flow[None]:
    """Refuse a prompt whose pictures nobody would get, while nothing was sent.

    Args:
        core: The client.
        run: The prompt.
        told: Whether it was said of this prompt whether it does without the socket.

    Raises:
        SocketUnavailable: A node sends its pictures over the socket alone, and there is none.
        ServerUnreachable: There is no server either.
    """
    connected = core.hub.connected and not run.polled
    if connected or not run.senders:
        return
    names = ", ".join(str(run.nodes[node_id]) for node_id in sorted(run.senders))
    if not run.polled:
        yield from system_stats(core)  # where nobody is, that is what is to be told
        why = core.hub.failure or "the server has not answered yet"
        why = f"which cannot be opened at {core.address.socket_url(core.client_id)}: {why}"
    elif told:
        why = "which this prompt was told to do without (websocket=False)"
    else:
        why = "which this client was made without (websocket=False)"
    raise SocketUnavailable(
        f"{names} gives pictures over the WebSocket alone, {why}. Nothing was sent. "
        "SaveImage and PreviewImage give the same pictures without it; targets= can leave a node out"
    )


def connect(core: Core, timeout: float | None) -> Flow[None]:
    """Have the socket open; see `Client.connect`."""
    require_socket(core)
    seconds = core.limits.socket if timeout is None else timeout
    yield from _until_open(core, seconds)
    if core.hub.stop.is_set():
        raise ClientError("this client is closed; make a new one")
    if not core.hub.connected:
        why = core.hub.failure or "the server has not answered yet"
        raise SocketUnavailable(
            f"no WebSocket at {core.address.socket_url(core.client_id)} within {seconds:g} s: {why}"
        )


def _until_open(core: Core, seconds: float) -> Flow[None]:
    """Wait until the socket is open, however often it takes to open it."""
    listener: Listener[ServerEvent] = Listener(core.new_signal(), 1)
    core.hub.listen(listener)
    waited = Deadline(core, seconds)
    yield StartSocket()
    while not (core.hub.connected or listener.closed or waited.passed):
        yield Watch(listener.signal, waited.within(_LONG))
        listener.signal.clear()
    core.hub.unlisten(listener)


def next_event(core: Core, listener: Listener[ServerEvent], deadline: Deadline) -> Flow[ServerEvent | None]:
    """The next event; None when the time is over or the client is closed."""
    while (event := listener.take()) is None:
        if not (yield from _arrives(core, listener, deadline)):
            return None
    return event


def next_call(core: Core, due: Listener[Call]) -> Flow[Call | None]:
    """The next function that is to be called; None when the client is closed."""
    endless = Deadline(core, None)
    while (call := due.take()) is None:
        if not (yield from _arrives(core, due, endless)):
            return None
    return call


def _arrives(core: Core, listener: Listener[Any], deadline: Deadline) -> Flow[bool]:
    """Wait until there may be something to take; gives whether anything can come still."""
    yield StartSocket()
    if listener.waiting:
        return True
    if listener.closed or core.hub.stop.is_set() or deadline.passed:
        return False
    yield Watch(listener.signal, deadline.within(_LONG))
    listener.signal.clear()
    return True
