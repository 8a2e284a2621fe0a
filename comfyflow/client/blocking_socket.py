"""The WebSocket of the blocking client: one thread opens and closes it, websockets' own reads it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from .connection import ConnectionOptions, ConnectSocket, WebSocket, within_origin
from .core import Core
from .flow import OpenSocket, Receive, Signal, SocketEffect, SocketFailure, SocketFlow, Transmit, Watch
from .thread_signal import ThreadSignal
from .web_socket import SharedTls, SharedTlsSocket, socket_failure, socket_flow

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection


_CLOSING_SECONDS: Final = 5.0


class Relay:
    """Carries the socket's flow from message to message in the thread that reads the connection.

    websockets reads in its own thread. Handing each message to another thread takes longer than all that
    is done with it. The driver's thread takes the flow back as soon as it wants anything but the next
    message, and when the connection ends.

    Args:
        flow: The flow. Only one thread carries it at a time.
    """

    def __init__(self, flow: SocketFlow) -> None:
        self._flow = flow
        self._lock = threading.Lock()
        self._back = ThreadSignal()
        self._early: deque[str | bytes] = deque()
        self._waiting: Receive | None = None
        self._next: SocketEffect | BaseException | None = None
        self._ended = False
        self._stopped = False

    def take(self, message: str | bytes) -> None:
        """Take a message, in the thread that reads."""
        with self._lock:
            if self._stopped:
                return
            if self._waiting is None:
                self._early.append(message)
                return
            self._waiting = None
            try:
                effect = self._flow.send(message)
            except BaseException as error:  # noqa: BLE001  # raised in the driver's thread
                self._next = error
            else:
                if isinstance(effect, Receive):
                    self._waiting = effect
                    return
                self._next = effect
        self._back.set()

    def end(self) -> None:
        """Note that no more messages are taken: the rest, or the error, is in the connection's own queue."""
        with self._lock:
            self._ended = True
        self._back.set()

    def stop(self) -> None:
        """Ignore what still arrives: the connection is given up."""
        with self._lock:
            self._stopped = True

    def carry(self, receive: Receive) -> SocketEffect:
        """Leave the flow to the thread that reads, until the driver's thread is needed.

        Args:
            receive: What the flow waits for.

        Returns:
            The flow's next effect; a `Receive` is for the connection itself.

        Raises:
            TimeoutError: No message came in time.
        """
        with self._lock:
            while self._early:
                effect = self._flow.send(self._early.popleft())
                if not isinstance(effect, Receive):
                    return effect
                receive = effect
            self._waiting = receive
        came = True
        while True:
            with self._lock:
                self._back.clear()
                given, self._next = self._next, None
                if isinstance(given, BaseException):
                    raise given
                if given is not None:
                    return given
                late = not came and self._waiting is receive
                receive = self._waiting
                if self._ended or late:
                    self._waiting = None
                    if self._ended:
                        return receive
                    raise TimeoutError
            came = self._back.wait(receive.seconds)


def relayed_connection(flow: SocketFlow) -> type[ClientConnection]:
    """The class of connections that hand each whole message to a `Relay`.

    A message in fragments, or one that is not UTF-8, ends that: from then on websockets puts messages
    together, and says what is wrong with them.

    websockets documents neither of the methods that are replaced. Without them, its own class is returned,
    and the driver's thread receives the messages.

    Args:
        flow: What the relay carries.
    """
    from websockets.frames import DATA_OPCODES, Opcode
    from websockets.sync.client import ClientConnection

    if not all(hasattr(ClientConnection, name) for name in ("process_event", "recv_events")):
        return ClientConnection

    class RelayedConnection(ClientConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.relay = Relay(flow)
            self.relays = True
            super().__init__(*args, **kwargs)  # starts to read

        def process_event(self, event: Any) -> None:
            if not self.relays or self.response is None or event.opcode not in DATA_OPCODES:
                super().process_event(event)
                return
            if event.fin and event.opcode is not Opcode.CONT:
                with contextlib.suppress(UnicodeDecodeError):
                    is_text = event.opcode is Opcode.TEXT
                    self.relay.take(str(event.data, "utf-8") if is_text else bytes(event.data))
                    return
            self.relays = False
            super().process_event(event)
            self.relay.end()

        def recv_events(self) -> None:
            try:
                super().recv_events()
            finally:
                self.relay.end()

    return RelayedConnection


class BlockingSocketDriver:
    """The WebSocket and the thread that looks after it.

    Args:
        core: The client.
        options: How to connect.
        connect: Opens sockets instead of websockets.
    """

    def __init__(self, core: Core, options: ConnectionOptions, connect: ConnectSocket | None) -> None:
        self._core = core
        self._options = options
        self._connect = connect
        self._connection: WebSocket | None = None
        self._flow: SocketFlow = socket_flow(core)
        self._relay: Relay | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # a signal's handler may close the client in the middle of `start`
        self._opening = False
        self._abandoned = False
        self._breaking: int | None = None

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None and not self._core.hub.stop.is_set():
                self._thread = threading.Thread(target=self._run, name="comfyflow-socket", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # there are too many threads; after a Ctrl-C it runs
                    self._thread = None
                    raise

    def hang_up(self) -> None:
        """Break the connection; the thread reopens it."""
        connection = self._connection
        if connection is not None:
            self._breaking = threading.get_ident()
            try:
                connection.close()
            finally:
                self._breaking = None

    def close(self) -> None:
        """End the thread. One that waits for a connection ends by itself when the attempt does."""
        interrupted = self._core.hub.is_held or self._breaking == threading.get_ident()
        if interrupted:  # this is the handler of a signal, and the thread ends after that
            self.abandon()
            return
        self.hang_up()
        with self._lock:  # another thread may be starting it
            thread = self._thread
        started = thread is not None and thread.is_alive()
        if thread is not None and started and not self._opening and thread is not threading.current_thread():
            thread.join(_CLOSING_SECONDS)

    def abandon(self) -> None:
        """End the thread on behalf of the garbage collector, or in a signal's handler: take no lock, wait for
        nothing.
        """
        self._abandoned = True
        opened = getattr(self._connection, "socket", None)
        opened = opened.inner if isinstance(opened, SharedTlsSocket) else opened
        if isinstance(opened, socket.socket):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def _run(self) -> None:
        flow = self._flow
        try:
            effect = next(flow)
            while True:
                if self._abandoned:
                    self._hang_up()
                    self._core.hub.close()
                    return
                try:
                    if isinstance(effect, Receive) and self._relay is not None:
                        effect = self._relayed(effect, self._relay)
                        if not isinstance(effect, Receive):
                            continue
                    value = self._perform(effect)
                except SocketFailure as failure:
                    effect = flow.throw(failure)
                else:
                    effect = flow.send(value)
        except StopIteration:
            return

    def _relayed(self, receive: Receive, relay: Relay) -> SocketEffect:
        try:
            return relay.carry(receive)
        except TimeoutError:
            raise SocketFailure("the server sent no greeting") from None

    def _perform(self, effect: SocketEffect) -> Any:
        if isinstance(effect, Watch):
            return watch(effect.signal, effect.seconds)
        try:
            if isinstance(effect, Receive):
                return self._received(effect.seconds)
            if isinstance(effect, OpenSocket):
                return self._open()
            if isinstance(effect, Transmit):
                return self._open_connection().send(effect.text)
            return self._hang_up()
        except Exception as error:
            foreign = self._connect is not None
            failure = socket_failure(error, foreign)
            if failure is None or failure is error:
                raise
            raise failure from (error if foreign else None)

    def _open(self) -> None:
        self._opening = True
        try:
            connection = self._opened()
        finally:
            self._opening = False
        self._connection = connection
        self._relay = getattr(connection, "relay", None)
        if self._abandoned or self._core.hub.stop.is_set():
            connection.close()

    def _opened(self) -> WebSocket:
        if self._connect is not None:
            return self._connect(self._options.socket_request(self._core))
        from websockets.sync import client

        # Of the newer websockets APIs, only this one allows choosing which redirects to follow.
        connect: Any = getattr(client, "reconnect", client.connect)
        arguments = self._options.socket(self._core)
        arguments["create_connection"] = relayed_connection(self._flow)
        if arguments["ssl"] is not None:
            arguments["ssl"] = SharedTls(arguments["ssl"])  # websockets reads in its own thread
        connecting = cast("ClientConnection", within_origin(connect, self._core.address)(**arguments))
        # A connection's own __enter__ does nothing else.
        return connecting.__enter__()

    def _received(self, seconds: float | None) -> str | bytes:
        connection: Any = self._open_connection()
        if seconds is None or self._connect is not None:  # a socket that was passed in has no timeout
            return cast("str | bytes", connection.recv())
        try:
            return cast("str | bytes", connection.recv(timeout=seconds))
        except TimeoutError:
            raise SocketFailure("the server sent no greeting") from None

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        relay, self._relay = self._relay, None
        if relay is not None:
            relay.stop()
        if connection is not None:
            connection.close()

    def _open_connection(self) -> WebSocket:
        if self._connection is None:
            raise SocketFailure("the socket is closed")
        return self._connection


def watch(signal: Signal, seconds: float) -> None:
    """Wait until a signal is set or the time is up."""
    if not isinstance(signal, ThreadSignal):
        raise TypeError("a blocking client waits for signals between threads")
    signal.wait(seconds)
