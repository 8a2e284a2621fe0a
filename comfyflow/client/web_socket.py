"""The WebSocket: who hears what comes over it, the functions that are called, and keeping it open."""

from __future__ import annotations

import errno
import selectors
import socket
import ssl
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from ..bounds import exceeded, marks
from .event import (
    BaseServerEvent,
    Connected,
    Disconnected,
    Executing,
    NodeMessage,
    Progress,
    PromptEvent,
    ServerEvent,
    SocketImage,
    UnknownMessage,
)
from .flow import CloseSocket, OpenSocket, Receive, Signal, SocketFailure, SocketFlow, Transmit, Watch
from .message import EVENT_CLASSES, FEATURE_FLAGS, parse_message
from .run import Run

if TYPE_CHECKING:
    from .core import Core

T = TypeVar("T")


E = TypeVar("E", bound="PromptEvent | UnknownMessage")


_BACKLOG: Final = 10_000
"""How many events one listener may be behind before it loses the oldest."""


_NAMELESS: Final = (Executing, Progress, SocketImage, NodeMessage)
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
        if self._listeners:
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


@dataclass(eq=False)
class Subscription:
    """A function and what it is called for.

    Attributes:
        kind: A class of events, or the type of a message.
        function: Is given the event.
        once: Whether the first event is the last.
        active: Whether it is still to be called.
    """

    kind: type[BaseServerEvent] | str
    function: Callable[[Any], object]
    once: bool
    active: bool = True

    def wants(self, event: ServerEvent) -> bool:
        """Whether the function is to be called for an event."""
        kind = EVENT_CLASSES.get(self.kind, self.kind) if isinstance(self.kind, str) else self.kind
        if isinstance(kind, str):
            return getattr(event, "type", None) == kind
        return isinstance(event, kind)


@dataclass(frozen=True)
class DueCall:
    """A function that is to be called with an event."""

    subscription: Subscription
    event: ServerEvent


class Callbacks:
    """The functions of one client, and the calls that are due, in the order of the events.

    Args:
        signal: Set when there is something to call.
    """

    def __init__(self, signal: Signal) -> None:
        self.due: Listener[DueCall] = Listener(signal)
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def add(self, subscription: Subscription) -> Callable[[], None]:
        """Have a function called from now on; gives what ends that."""
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def remove() -> None:
            subscription.active = False
            self._drop(subscription)

        return remove

    @property
    def kinds(self) -> tuple[type[BaseServerEvent] | str, ...]:
        """What functions are called for, each once, in the order in which they were added."""
        return tuple(dict.fromkeys(subscription.kind for subscription in self._subscriptions))

    def put(self, event: ServerEvent) -> None:
        """An event has come: whoever wants it is to be called."""
        for subscription in self._subscriptions:
            if subscription.wants(event):
                if subscription.once:
                    self._drop(subscription)
                self.due.put(DueCall(subscription, event))

    def close(self) -> None:
        """Nothing more will come."""
        self.due.close()

    def _drop(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(known for known in self._subscriptions if known is not subscription)


_RECEIVE: Final = Receive()


def socket_failure(error: Exception, foreign: bool, *more: type[Exception]) -> SocketFailure | None:
    """What an error of a socket means; None for one that is no failure of it.

    Args:
        error: What websockets raised, or a foreign socket.
        foreign: Whether the socket is one that was handed in: whatever it raises, it is broken.
        more: Further classes of errors that mean that it is broken.
    """
    from websockets.exceptions import WebSocketException

    if isinstance(error, SocketFailure):
        return error
    if isinstance(error, (WebSocketException, OSError, EOFError, ValueError, ImportError, *more)):
        return SocketFailure(str(error) or type(error).__name__)
    return SocketFailure(f"{type(error).__name__}: {error}") if foreign else None


def socket_flow(core: Core) -> SocketFlow:
    """Open the socket, hand on what it says, and open it again when it breaks; until the end.

    The old socket is closed before a new one is opened: a real server (0.3.64, 0.27.0) that is
    told goodbye by the first of two sockets with one id makes the other silent. It counts as
    open when the server has greeted us: from then on it knows where to send.
    """
    hub, attempt = core.hub, 0
    while not hub.stop.is_set():
        try:
            yield OpenSocket()
            yield Transmit(FEATURE_FLAGS)
            while True:
                # A greeting may be slow, or never come from what stands between: another try may help.
                receive = _RECEIVE if hub.connected else Receive(core.limits.socket / 2 * (attempt + 1))
                message: str | bytes = yield receive
                most = core.bounds.text_values
                if isinstance(message, str) and len(message) > most and marks(message) > most:
                    raise SocketFailure(exceeded("text_values", core.bounds, "a message"))
                if not hub.connected:
                    hub.opened()
                    attempt = 0
                hub.dispatch(parse_message(message))
        except SocketFailure as failure:
            hub.broken(core.credentials.hide(str(failure)))
        yield CloseSocket()
        if not hub.stop.is_set():
            yield Watch(hub.stop, core.jitter(attempt))
            attempt += 1


_LOOK: Final = 0.5
"""Seconds after which a wait looks whether the connection was closed here."""


class SharedTls:
    """What websockets' ``connect`` takes for an ``ssl.SSLContext``; its connections are `SharedTlsSocket`.

    Args:
        context: Checks the server's certificate.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context

    def wrap_socket(self, sock: socket.socket, server_hostname: str | None = None) -> SharedTlsSocket:
        """Enable TLS on a connection, within the timeout of the socket."""
        return SharedTlsSocket(self._context.wrap_socket(sock, server_hostname=server_hostname))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


class SharedTlsSocket:
    """A TLS connection that is read and written one call at a time; neither waits for the other.

    Args:
        inner: The connection, with its handshake done.
    """

    def __init__(self, inner: ssl.SSLSocket) -> None:
        self.inner = inner
        self._lock = threading.Lock()
        self._timeout = inner.gettimeout()
        inner.setblocking(False)

    def settimeout(self, value: float | None) -> None:
        """How long `recv` and `sendall` wait at most; None for as long as it takes."""
        self._timeout = value

    def recv(self, buflen: int) -> bytes:
        """Some of what the other side says; nothing where it says no more.

        Raises:
            TimeoutError: Nothing came in time.
            OSError: The connection is broken.
        """
        while True:
            try:
                with self._lock:
                    return self.inner.recv(buflen)
            except ssl.SSLWantReadError:
                awaited = selectors.EVENT_READ
            except ssl.SSLWantWriteError:
                awaited = selectors.EVENT_WRITE
            self._wait(awaited)

    def sendall(self, data: Any) -> None:
        """Say all of something.

        Raises:
            TimeoutError: It could not be sent in time.
            OSError: The connection is broken.
        """
        with memoryview(data) as view, view.cast("B") as left:
            sent = 0
            while sent < len(left):
                try:
                    with self._lock:
                        sent += self.inner.send(left[sent:])
                    continue
                except ssl.SSLWantReadError:
                    awaited = selectors.EVENT_READ
                except ssl.SSLWantWriteError:
                    awaited = selectors.EVENT_WRITE
                self._wait(awaited)

    def shutdown(self, how: int) -> None:
        """End the connection below TLS; whoever reads is told. No lock is taken: nobody is waited for."""
        socket.socket.shutdown(self.inner, how)

    def close(self) -> None:
        """Close it."""
        self.inner.close()

    def fileno(self) -> int:
        """The number of the socket, -1 where it is closed."""
        return self.inner.fileno()

    def _wait(self, event: int) -> None:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            while self.inner.fileno() >= 0:  # a selector is not told that a socket is closed
                left = _LOOK if end is None else min(end - time.monotonic(), _LOOK)
                try:
                    selector.register(self.inner, event)
                    ready = selector.select(max(left, 0.0))
                    selector.unregister(self.inner)
                except (ValueError, KeyError):  # closed at this moment
                    break
                if ready:
                    return
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError("timed out")
        raise OSError(errno.EBADF, "the connection was closed meanwhile")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
