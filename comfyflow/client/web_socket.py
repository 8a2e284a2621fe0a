"""The WebSocket: its listeners, the functions called for its events, and keeping it open."""

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
from .thread_signal import has_lock

if TYPE_CHECKING:
    from .core import Core

T = TypeVar("T")


E = TypeVar("E", bound="PromptEvent | UnknownMessage")


_BACKLOG: Final = 10_000
"""How many events one listener may be behind before it loses the oldest."""


_NAMELESS: Final = (Executing, Progress, SocketImage, NodeMessage)
"""Events with a form that does not name the prompt."""


class Hearer(Protocol):
    """Takes socket events, immediately and without blocking."""

    @property
    def listens(self) -> bool:
        """Whether it still wants events."""
        ...

    def put(self, event: ServerEvent) -> None:
        """Take an event."""
        ...

    def close(self) -> None:
        """Note that no more events will come."""
        ...


class Listener(Generic[T]):
    """Buffered events for a reader.

    Args:
        signal: Set when there is something to read.
        limit: How many are kept; the oldest are dropped first.
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
    def listens(self) -> bool:
        """Whether more events may come."""
        return not self.closed

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
        """Note that no more events will come."""
        self.closed = True
        self.signal.set()


class Hub:
    """Knows the runs in flight and the state of the socket.

    Args:
        new_signal: Makes a signal of the driver's kind.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, new_signal: Callable[[], Signal], clock: Callable[[], float]) -> None:
        self.settled: Final = new_signal()
        """Set when the first attempt to connect has succeeded or failed."""
        self.stop: Final = new_signal()
        """Set when the client is closed."""
        self.hang_up: Callable[[], None] = lambda: None
        """Breaks the socket, so that it is reopened; set by the driver."""
        self.connected: bool = False
        self.connections: int = 0
        self.failure: str = ""
        self._clock = clock
        self._lock = threading.RLock()  # a signal's handler may close the client
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._listeners: list[weakref.ref[Hearer]] = []
        self._running: str | None = None

    def add(self, run: Run) -> None:
        """Pass this run its events from now on."""
        with self._lock:
            self._runs[run.prompt_id] = run

    def remove(self, run: Run) -> None:
        """Stop passing events to this run."""
        with self._lock:
            self._runs.pop(run.prompt_id, None)

    def rename(self, run: Run, prompt_id: str) -> None:
        """Note that the server has queued this run under its own id, as servers did before clients sent ids.

        Its events so far were missed, so the server must be asked.
        """
        self.remove(run)
        run.prompt_id = prompt_id
        self.add(run)
        run.missed()

    def listen(self, listener: Hearer) -> None:
        """Pass this listener all events from now on, for as long as it is referenced."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known() not in (None, listener)]
            self._listeners.append(weakref.ref(listener))
        if self.stop.is_set():
            listener.close()

    def unlisten(self, listener: Hearer) -> None:
        """Stop passing events to this listener."""
        with self._lock:
            self._listeners = [known for known in self._listeners if known() not in (None, listener)]

    @property
    def heard(self) -> bool:
        """Whether anything wants the events of all prompts."""
        return any(listener.listens for listener in self._listening())

    def dispatch(self, event: ServerEvent) -> None:
        """Dispatch one socket event."""
        if isinstance(event, (PromptEvent, UnknownMessage)):
            event = self._handed(event)
        if self._listeners:
            for listener in self._listening():
                listener.put(event)

    def opened(self) -> None:
        """Note that the socket is open and the server has greeted us."""
        self.connections += 1
        self.connected = True
        self.failure = ""
        self.dispatch(Connected(self.connections > 1))
        self._poke()
        self.settled.set()

    def broken(self, reason: str) -> None:
        """Note that the socket could not be opened, or is closed."""
        was, self.connected, self.failure, self._running = self.connected, False, reason, None
        if was:
            self.dispatch(Disconnected(reason))
        self._poke()
        self.settled.set()

    def close(self) -> None:
        """Note that the client is closed, which ends all waits."""
        self.stop.set()
        self.settled.set()
        for listener in self._listening():
            listener.close()
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.poke()

    @property
    def is_held(self) -> bool:
        """Whether this thread is in the middle of what the socket's thread must wait for."""
        return has_lock(self._lock) or any(run.is_held for run in list(self._runs.values()))

    def _listening(self) -> list[Hearer]:
        return [listener for known in self._listeners if (listener := known()) is not None]

    def _poke(self) -> None:
        """Make runs ask for what they missed: a server repeats no event."""
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            run.missed()

    def _handed(self, event: E) -> E:
        """Pass an event to its run; returns it with the prompt's id, if it had none.

        An event that is sent to every client and names no prompt may belong to someone else's: it does not
        count as news of the run, which is polled anyway.
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
        """The prompt in flight that the server is executing, if there is only one candidate.

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
    """A function and the events that it is called for.

    Attributes:
        kind: A class of events, or the type of a message.
        function: Is given the event.
        once: Whether it is called only once.
        active: Whether it is still registered.
    """

    kind: type[BaseServerEvent] | str
    function: Callable[[Any], object]
    once: bool
    active: bool = True

    def wants(self, event: ServerEvent) -> bool:
        """Whether to call the function for an event."""
        kind = EVENT_CLASSES.get(self.kind, self.kind) if isinstance(self.kind, str) else self.kind
        if isinstance(kind, str):
            return getattr(event, "type", None) == kind
        return isinstance(event, kind)


@dataclass(frozen=True)
class DueCall:
    """A function to call with an event."""

    subscription: Subscription
    event: ServerEvent


class Callbacks:
    """The functions of one client, and the calls that are due, in the order of the events.

    Args:
        signal: Set when there is something to call.
    """

    def __init__(self, signal: Signal) -> None:
        self.due: Listener[DueCall] = Listener(signal)
        self._lock = threading.RLock()
        self._subscriptions: tuple[Subscription, ...] = ()

    def add(self, subscription: Subscription) -> Callable[[], None]:
        """Register a function; returns a function that removes it."""
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

        def remove() -> None:
            subscription.active = False
            self._drop(subscription)

        return remove

    @property
    def kinds(self) -> tuple[type[BaseServerEvent] | str, ...]:
        """The kinds that functions are registered for, without duplicates, in order."""
        return tuple(dict.fromkeys(subscription.kind for subscription in self._subscriptions))

    @property
    def listens(self) -> bool:
        """Whether there is a function to call."""
        return bool(self._subscriptions)

    def put(self, event: ServerEvent) -> None:
        """Schedule the functions registered for an event."""
        for subscription in self._subscriptions:
            if subscription.wants(event):
                if subscription.once:
                    self._drop(subscription)
                self.due.put(DueCall(subscription, event))

    def close(self) -> None:
        """Note that no more events will come."""
        self.due.close()

    def _drop(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = tuple(known for known in self._subscriptions if known is not subscription)


_RECEIVE: Final = Receive()


def socket_failure(error: Exception, foreign: bool, *more: type[Exception]) -> SocketFailure | None:
    """What a socket error means; None if it is not a failure of the socket.

    Args:
        error: The exception of websockets, or of a socket that was passed in.
        foreign: Whether the socket was passed in: any exception means that it is broken.
        more: More exception classes that mean that it is broken.
    """
    from websockets.exceptions import WebSocketException

    if isinstance(error, SocketFailure):
        return error
    if isinstance(error, (WebSocketException, OSError, EOFError, ValueError, ImportError, *more)):
        return SocketFailure(str(error) or type(error).__name__)
    return SocketFailure(f"{type(error).__name__}: {error}") if foreign else None


def socket_flow(core: Core) -> SocketFlow:
    """Open the socket, dispatch its events, and reopen it when it breaks, until the client is closed.

    The old socket is closed before a new one is opened: if the first of two sockets with one id closes, a
    real server (0.3.64, 0.27.0) stops sending to the other. The socket counts as open when the server has
    greeted us: from then on it knows where to send.
    """
    hub, attempt = core.hub, 0
    while not hub.stop.is_set():
        try:
            yield OpenSocket()
            yield Transmit(FEATURE_FLAGS)
            while True:
                # A greeting may be slow, or be swallowed by a proxy: another try may help.
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
"""How often a wait checks whether the connection was closed here, in seconds."""


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
    """A TLS connection that can be read and written independently, one call at a time.

    Args:
        inner: The connection, with its handshake done.
    """

    def __init__(self, inner: ssl.SSLSocket) -> None:
        self.inner = inner
        self._lock = threading.Lock()
        self._timeout = inner.gettimeout()
        inner.setblocking(False)

    def settimeout(self, value: float | None) -> None:
        """How long `recv` and `sendall` wait at most; None for no limit."""
        self._timeout = value

    def recv(self, buflen: int) -> bytes:
        """Receive some bytes; empty when the other side has finished.

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
        """Send all bytes.

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
        """End the connection below TLS, which wakes the reader. It takes no lock, so it never blocks."""
        socket.socket.shutdown(self.inner, how)

    def close(self) -> None:
        """Close it."""
        self.inner.close()

    def fileno(self) -> int:
        """The file descriptor of the socket, -1 if it is closed."""
        return self.inner.fileno()

    def _wait(self, event: int) -> None:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        with selectors.DefaultSelector() as selector:
            while self.inner.fileno() >= 0:  # a selector does not notice that a socket is closed
                left = _LOOK if end is None else min(end - time.monotonic(), _LOOK)
                try:
                    selector.register(self.inner, event)
                    ready = selector.select(max(left, 0.0))
                    selector.unregister(self.inner)
                except (ValueError, KeyError):  # closed just now
                    break
                if ready:
                    return
                if end is not None and time.monotonic() >= end:
                    raise TimeoutError("timed out")
        raise OSError(errno.EBADF, "the connection was closed in the meantime")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)
