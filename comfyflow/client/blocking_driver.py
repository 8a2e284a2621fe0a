"""The driver that blocks: httpx, threads, and websockets' own thread."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import httpcore
import httpx

from ..client_options import ClientSettings
from ..errors import ClientError
from .connection import ConnectionOptions, ConnectSocket, WebSocket, within_origin
from .core import Core
from .flow import (
    Answer,
    Begin,
    Effect,
    Flow,
    Gather,
    OpenSocket,
    Receive,
    Send,
    Signal,
    Sleep,
    SocketEffect,
    SocketFailure,
    Tell,
    Transmit,
    Watch,
)
from .halt import Halt, Halted, gather
from .http import (
    CONNECTION_ERRORS,
    AnswerBody,
    DirectRequests,
    as_httpx,
    build_arguments,
    closed,
    head_of,
    pace_of,
    pieces,
    unreachable,
    with_credentials,
    without_foreign_cookies,
)
from .pace import Pace, pool_of
from .waiting import next_call
from .web_socket import Callbacks, SharedTls, SharedTlsSocket, socket_failure, socket_flow

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection


T = TypeVar("T")


_CLOSING_SECONDS: Final = 5.0


class _Transport(httpx.BaseTransport):
    """Adds the credentials to requests to their own origin only."""

    def __init__(self, inner: httpx.BaseTransport, core: Core) -> None:
        self._inner = inner
        self._core = core

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(with_credentials(self._core, request))
        return without_foreign_cookies(self._core, request, response)

    def close(self) -> None:
        self._inner.close()


class BlockingDriver:
    """Carries out the effects of flows, one after the other, in the calling thread.

    Args:
        core: The client.
        options: The options it was created with.
        transport: An httpx transport instead of the network.
        connect: Opens sockets instead of websockets.
    """

    awaits: Final = False
    """Whether the value of a user function is awaited."""
    new_signal: Final = threading.Event

    def __init__(
        self,
        core: Core,
        options: ClientSettings,
        transport: httpx.BaseTransport | None,
        connect: ConnectSocket | None = None,
    ) -> None:
        self.core = core
        self._options = ConnectionOptions(core, options)
        inner = transport or self._options.transport(httpx.HTTPTransport)
        self._http = httpx.Client(
            transport=_Transport(inner, core),
            timeout=self._options.timeout,
            event_hooks=self._options.event_hooks,
        )
        self._pool = None if transport is not None else pool_of(inner, httpcore.ConnectionPool)
        self._direct = DirectRequests(core, self._http, possible=self._options.auth is None)
        self._socket = BlockingSocketDriver(core, self._options, connect)
        self._caller: threading.Thread | None = None
        self._beside = Halt()
        core.hub.hang_up = self._socket.hang_up

    def drive(self, flow: Flow[T], halt: Halt | None = None) -> T:
        """Carry out a flow and return what it returns.

        Args:
            flow: The flow; however it ends, by Ctrl-C too, it has cleaned up when this returns.
            halt: Ends it from another thread.
        """
        try:
            effect = next(flow)
            while True:
                try:
                    value = self._perform(effect, halt)
                except Exception as error:  # noqa: BLE001  # the flow decides
                    effect = flow.throw(error)
                else:
                    effect = flow.send(value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def start_socket(self) -> None:
        """Start opening the socket, unless it is open."""
        self._socket.start()

    def call_back(self, callbacks: Callbacks) -> None:
        """Start the thread that calls functions with what comes over the socket.

        Not the socket's thread: a function may wait for a prompt, and so for the socket.
        """
        if self._caller is None:
            self._caller = threading.Thread(
                target=self._call, args=(callbacks,), name="comfyflow-callbacks", daemon=True
            )
            self._caller.start()
        self.start_socket()

    def _call(self, callbacks: Callbacks) -> None:
        while (call := self.drive(next_call(self.core, callbacks.due))) is not None:
            if not call.subscription.active:
                continue
            try:
                call.subscription.function(call.event)
            except Exception as error:  # noqa: BLE001  # shown as an error of the user's own thread
                told = (type(error), error, error.__traceback__, threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(told))

    def close(self) -> None:
        """Close everything. Pending waits end with an error."""
        self.core.hub.close()
        self._beside.halt()
        self._socket.close()
        self._http.close()

    def abandon(self) -> None:
        """Close everything if the client was garbage-collected without being closed."""
        self._beside.halt()
        self._socket.abandon()
        self._http.close()

    def _perform(self, effect: Effect, halt: Halt | None) -> Any:
        if isinstance(effect, Send):
            return self._send(effect, halt)
        if isinstance(effect, Watch):
            return _watch(effect.signal, effect.seconds)
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds) if halt is None else halt.sleep(effect.seconds)
        if isinstance(effect, Gather):
            return gather(self.drive, effect.flows, effect.limit)
        if isinstance(effect, Tell):
            return self.tell(effect.function, effect.value)
        return self._begin(effect.flow) if isinstance(effect, Begin) else self._socket.start()

    def _begin(self, flow: Flow[None]) -> None:
        threading.Thread(target=self._carry_on, args=(flow,), name="comfyflow-events", daemon=True).start()

    def _carry_on(self, flow: Flow[None]) -> None:
        with contextlib.suppress(Halted):
            self.drive(flow, self._beside)

    def tell(self, function: Callable[[Any], Any], value: object) -> Any:
        """Call a user function."""
        return function(value)

    def see_through(self, flow: Flow[T]) -> T:
        """Carry out a flow after the wait was interrupted; a second interrupt ends it."""
        return self.drive(flow)

    def _send(self, effect: Send, halt: Halt | None) -> Answer:
        request = effect.request
        if self._http.is_closed:
            raise closed(request)
        try:
            with pace_of(self.core, request) as pace:
                if self._pool is not None and self._direct.take(request):
                    return self._send_directly(self._pool, effect, pace, halt)
                return self._send_through(effect, pace, halt)
        except CONNECTION_ERRORS as error:
            raise unreachable(self.core, request, as_httpx(error), self._options.proxy) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise unreachable(self.core, request, error, self._options.proxy) from None
        except httpx.InvalidURL as error:
            raise ClientError(f"{request.label}: {self.core.credentials.hide(str(error))}") from None
        except RuntimeError:
            if self._http.is_closed:  # by another thread, between the two lines above
                raise closed(request) from None
            raise

    def _send_directly(
        self, pool: httpcore.ConnectionPool, effect: Send, pace: Pace, halt: Halt | None
    ) -> Answer:
        direct = self._direct
        response = pool.handle_request(direct.built(effect.request))
        pace.headed()
        with contextlib.closing(response):
            body = AnswerBody(self.core, effect, direct.head(effect.request, response))
            return _receive(response, response.iter_stream(), body, halt)

    def _send_through(self, effect: Send, pace: Pace, halt: Halt | None) -> Answer:
        request = effect.request
        own = request.url is None or self.core.address.owns(request.url)
        with ExitStack() as files:
            built = self._http.build_request(**build_arguments(self.core, request, files))
            response = self._http.send(built, stream=True, auth=self._options.auth if own else None)
            pace.headed()
            with contextlib.closing(response):
                read = pieces(response)
                body = AnswerBody(self.core, effect, head_of(response), unpacked=read is not None)
                return _receive(response, response.iter_raw() if read is None else read, body, halt)


def _receive(
    response: httpcore.Response | httpx.Response, chunks: Iterable[bytes], body: AnswerBody, halt: Halt | None
) -> Answer:
    if halt is None:
        for chunk in chunks:
            body.write(chunk)
        return body.answer
    with halt.reading(response):
        for chunk in chunks:
            halt.check()
            body.write(chunk)
    return body.answer


class BlockingSocketDriver:
    """The WebSocket, read by its own thread.

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
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._opening = False
        self._abandoned = False

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._lock:
            if self._thread is None and not self._core.hub.stop.is_set():
                self._thread = threading.Thread(target=self._run, name="comfyflow-socket", daemon=True)
                self._thread.start()

    def hang_up(self) -> None:
        """Break the connection; the thread reopens it."""
        connection = self._connection
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """End the thread. One that waits for a connection ends by itself when the attempt does."""
        self.hang_up()
        thread = self._thread
        if thread is not None and not self._opening and thread is not threading.current_thread():
            thread.join(_CLOSING_SECONDS)

    def abandon(self) -> None:
        """End the thread on behalf of the garbage collector: take no lock, wait for nothing."""
        self._abandoned = True
        opened = getattr(self._connection, "socket", None)
        opened = opened.inner if isinstance(opened, SharedTlsSocket) else opened
        if isinstance(opened, socket.socket):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def _run(self) -> None:
        flow = socket_flow(self._core)
        try:
            effect = next(flow)
            while True:
                if self._abandoned:
                    self._hang_up()
                    self._core.hub.close()
                    return
                try:
                    value = self._perform(effect)
                except SocketFailure as failure:
                    effect = flow.throw(failure)
                else:
                    effect = flow.send(value)
        except StopIteration:
            return

    def _perform(self, effect: SocketEffect) -> Any:
        if isinstance(effect, Watch):
            return _watch(effect.signal, effect.seconds)
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
        if self._abandoned or self._core.hub.stop.is_set():
            connection.close()

    def _opened(self) -> WebSocket:
        if self._connect is not None:
            return self._connect(self._options.socket_request(self._core))
        from websockets.sync import client

        # Of the newer websockets APIs, only this one allows choosing which redirects to follow.
        connect: Any = getattr(client, "reconnect", client.connect)
        arguments = self._options.socket(self._core)
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
        if connection is not None:
            connection.close()

    def _open_connection(self) -> WebSocket:
        if self._connection is None:
            raise SocketFailure("the socket is closed")
        return self._connection


def _watch(signal: Signal, seconds: float) -> None:
    """Wait until a signal is set or the time is up."""
    if not isinstance(signal, threading.Event):
        raise TypeError("a blocking client waits for threading events")
    signal.wait(seconds)
