"""The driver that blocks: httpx and threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, Final, TypeVar

import httpcore
import httpx

from ..client_options import ClientSettings
from ..errors import ClientError
from .blocking_socket import BlockingSocketDriver, watch
from .connection import ConnectionOptions, ConnectSocket
from .core import Core
from .flow import (
    Answer,
    Begin,
    Effect,
    Flow,
    Gather,
    Send,
    Sleep,
    Tell,
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
from .thread_signal import ThreadSignal
from .waiting import next_call
from .web_socket import Callbacks

T = TypeVar("T")


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


_NOT_CONNECTED: Final = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpx.ConnectError,
    httpx.ConnectTimeout,
)
"""What is raised before anything was sent."""


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
    new_signal: Final = ThreadSignal

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
        self._calling = threading.RLock()
        self._closer: int | None = None
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
        with self._calling:
            if self._caller is None:
                self._caller = threading.Thread(
                    target=self._call, args=(callbacks,), name="comfyflow-callbacks", daemon=True
                )
                try:
                    self._caller.start()
                except RuntimeError:  # there are too many threads; after a Ctrl-C it runs
                    self._caller = None
                    raise
        self.start_socket()

    def _call(self, callbacks: Callbacks) -> None:
        while (call := self.drive(next_call(self.core, callbacks.due))) is not None:
            if not call.subscription.active:
                continue
            try:
                call.subscription.function(call.event)
            except Exception as error:  # noqa: BLE001  # shown as an error of the user's own thread
                _show(error)
            except SystemExit as ending:  # Python shows none of a thread
                told = RuntimeError("sys.exit() in a callback ends neither the program nor the calls")
                told.__cause__ = ending
                _show(told)

    def close(self) -> None:
        """Close everything. Pending waits end with an error."""
        if self._closer == threading.get_ident():
            return  # the handler of a signal, in the middle of what follows
        self._closer = threading.get_ident()
        try:
            self.core.hub.close()
            self._beside.halt()
            self._socket.close()
            self._http.close()
        finally:
            self._closer = None

    def abandon(self) -> None:
        """Close everything if the client was garbage-collected without being closed."""
        self._beside.halt()
        self._socket.abandon()
        self._http.close()

    def _perform(self, effect: Effect, halt: Halt | None) -> Any:
        if isinstance(effect, Send):
            return self._send(effect, halt)
        if isinstance(effect, Watch):
            return watch(effect.signal, effect.seconds)
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
            if self._http.is_closed:
                raise closed(request, begun=not isinstance(error, _NOT_CONNECTED)) from None
            raise unreachable(self.core, request, as_httpx(error), self._options.proxy) from None
        except httpx.InvalidURL as error:
            raise ClientError(f"{request.label}: {self.core.credentials.hide(str(error))}") from None
        except RuntimeError as error:
            if self._http.is_closed:  # by another thread, between the two lines above, or by a hook
                raise closed(request, begun="Cannot send a request" not in str(error)) from None
            raise
        except Exception as error:
            # An interrupt came while httpcore made a connection ready for the next request. h11 refuses that
            # request, and only then is the connection made ready or closed: it is sent again.
            if not _is_of_h11(error):
                raise
            again = httpx.LocalProtocolError("an interrupt has left a connection in disorder")
            raise unreachable(self.core, request, again, self._options.proxy) from None

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


def _is_of_h11(error: BaseException) -> bool:
    """Whether h11 itself raised an error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith("h11.")


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
        halt.check()  # an end that `halt` made is not that of the answer
    return body.answer


def _show(error: Exception) -> None:
    """Show an error as Python does that of a thread."""
    told = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(told))
