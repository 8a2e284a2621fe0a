"""The driver that awaits: flows run on the asyncio sides of httpx and websockets."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Any, Final, TypeVar, cast

import httpcore
import httpx

from ..client_options import ClientSettings
from ..errors import ClientError
from ..timeout import ended, finished, shielded
from .async_socket import AsyncSocketDriver
from .connection import AsyncConnectSocket, ConnectionOptions
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
from .loop_signal import LoopSignal, watch
from .pace import Pace, pool_of
from .waiting import next_call
from .web_socket import Callbacks

T = TypeVar("T")


_SENDING_SECONDS: Final = 0.5


_ENDING_SECONDS: Final = 2.0


def _spare_imports() -> None:
    """Keep httpcore from searching for a ``sniffio`` that is not installed.

    It imports ``sniffio`` four times per request. If that is not installed, as with anyio 4.12, Python
    searches the whole path each time, which takes a quarter of a request's processor time.
    """
    if "sniffio" not in sys.modules and importlib.util.find_spec("sniffio") is None:
        sys.modules["sniffio"] = cast("Any", None)


class _Transport(httpx.AsyncBaseTransport):
    """Adds the credentials to requests to their own origin only."""

    def __init__(self, inner: httpx.AsyncBaseTransport, core: Core) -> None:
        self._inner = inner
        self._core = core

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(with_credentials(self._core, request))
        return without_foreign_cookies(self._core, request, response)

    async def aclose(self) -> None:
        await self._inner.aclose()


class AsyncDriver:
    """Carries out the effects of flows; other tasks run while it waits.

    Args:
        core: The client.
        options: The options it was created with.
        transport: An httpx transport instead of the network.
        connect: Opens sockets instead of websockets.
    """

    awaits: Final = True
    """Whether the value of a user function is awaited."""
    new_signal: Final = LoopSignal

    def __init__(
        self,
        core: Core,
        options: ClientSettings,
        transport: httpx.AsyncBaseTransport | None,
        connect: AsyncConnectSocket | None = None,
    ) -> None:
        _spare_imports()
        self.core = core
        self._settings = options
        self._options = ConnectionOptions(core, options)
        inner = transport or self._options.transport(httpx.AsyncHTTPTransport)
        self._http = httpx.AsyncClient(
            transport=_Transport(inner, core),
            timeout=self._options.timeout,
            event_hooks=self._options.event_hooks,
        )
        self._pool = None if transport is not None else pool_of(inner, httpcore.AsyncConnectionPool)
        self._direct = DirectRequests(core, self._http, possible=self._options.auth is None)
        self._sending: set[asyncio.Task[Answer]] = set()
        self._going_on: set[asyncio.Task[Any]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = AsyncSocketDriver(core, self._options, connect)
        self._callbacks: Callbacks | None = None
        self._caller: asyncio.Task[None] | None = None
        core.hub.hang_up = self._socket.hang_up

    async def drive(self, flow: Flow[T]) -> T:
        """Carry out a flow and return what it returns.

        Args:
            flow: The flow; however it ends, by cancellation too, it has cleaned up when this returns.

        Raises:
            ClientError: This is not the client's event loop.
        """
        try:
            self._belong()
            effect = next(flow)
            while True:
                try:
                    value = await self._perform(effect)
                except Exception as error:  # noqa: BLE001  # the flow decides
                    effect = flow.throw(error)
                else:
                    effect = flow.send(value)
        except StopIteration as stop:
            result: T = stop.value
            return result
        finally:
            flow.close()

    def apart(self, core: Core) -> AsyncDriver:
        """A driver for another event loop: with the same options and cookies, and its own connections.

        Args:
            core: The client; its hub is another than this one's.

        Raises:
            ClientError: This one was given a transport, which is its only connection.
        """
        if self._pool is None:
            raise ClientError(
                "an AsyncClient that was given a transport cannot be used in another event loop"
            )
        driver = AsyncDriver(core, self._settings, None)
        driver._http.cookies.update(self._http.cookies)
        return driver

    def start_socket(self) -> None:
        """Start opening the socket, unless it is open. Outside an event loop it waits for one.

        Raises:
            ClientError: This is not the client's event loop.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._belong()
        self._start()

    def _belong(self) -> None:
        """Keep to one event loop: connections do not outlive theirs.

        Raises:
            ClientError: This is another one, or not one of asyncio.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # what awaits is another library
            raise ClientError(
                "an AsyncClient needs asyncio, and no event loop of asyncio runs here, as under trio: run it "
                'with asyncio (anyio: backend="asyncio"), or use Client in a thread'
            ) from None
        if self._loop is loop:
            return
        if self._loop is not None:
            was = "has ended" if self._loop.is_closed() else "is another one"
            raise ClientError(
                f"this AsyncClient belongs to the event loop that first used it, which {was}; make a new "
                "client within each loop (each call of asyncio.run makes a loop), or use Client, which needs "
                "none"
            )
        self._loop = loop

    def _nothing_runs(self) -> bool:
        """Whether there are neither tasks nor connections: the loop has ended, or there has been none."""
        if self._loop is not None:
            return self._loop.is_closed()
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return True
        return False

    def _start(self) -> None:
        self._socket.start()
        if self._callbacks is not None and self._caller is None:
            calling = self._call(self._callbacks)
            self._caller = asyncio.get_running_loop().create_task(calling, name="comfyflow-callbacks")

    def call_back(self, callbacks: Callbacks) -> None:
        """Start the task that calls functions with what comes over the socket."""
        self._callbacks = callbacks
        self.start_socket()

    async def _call(self, callbacks: Callbacks) -> None:
        while (call := await self.drive(next_call(self.core, callbacks.due))) is not None:
            if not call.subscription.active:
                continue
            try:
                await self.tell(call.subscription.function, call.event)
            except Exception as error:  # noqa: BLE001  # shown as an error of the user's own task
                loop = asyncio.get_running_loop()
                said = f"a callback for {type(call.event).__name__} raised"
                loop.call_exception_handler({"message": said, "exception": error})

    async def see_through(self, flow: Flow[T]) -> T:
        """Carry out a flow in its own task: it continues even if the waiting task is cancelled.

        Args:
            flow: The flow; it must not raise.
        """
        task = asyncio.get_running_loop().create_task(self.drive(flow))
        self._going_on.add(task)
        task.add_done_callback(self._going_on.discard)
        with shielded():
            return await asyncio.shield(task)

    async def close(self) -> None:
        """Close everything. Pending waits end with an error.

        Raises:
            ClientError: This is not the client's event loop, which has not ended.
        """
        if self._nothing_runs():
            self.core.hub.close()
            return
        self._belong()
        closing = asyncio.get_running_loop().create_task(self._close(asyncio.current_task()))
        with shielded():
            await finished(closing)

    async def _close(self, caller: asyncio.Task[Any] | None) -> None:
        """Close everything, whether or not the caller is cancelled meanwhile; it is not waited for."""
        if self._going_on:
            await asyncio.wait(self._going_on, timeout=_SENDING_SECONDS)
        self.core.hub.close()
        await _cancelled(self._beside - {caller})
        await self._end_calls(caller)
        await self._socket.close()
        await self._cut(caller)
        await self._http.aclose()
        await asyncio.sleep(0)  # let cancelled tasks of websockets finish

    def abandon(self) -> None:
        """Close everything if the client was garbage-collected without being closed.

        The collector may run in any thread: the loop does the closing if it still runs.
        """
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(_close_abandoned, self)

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Watch):
            return await watch(effect.signal, effect.seconds)
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        if isinstance(effect, Gather):
            return await self._gather(effect)
        if isinstance(effect, Tell):
            return await self.tell(effect.function, effect.value)
        return self._begin(effect.flow) if isinstance(effect, Begin) else self._start()

    def _begin(self, flow: Flow[None]) -> None:
        task = asyncio.get_running_loop().create_task(self.drive(flow), name="comfyflow-events")
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def tell(self, function: Callable[[Any], Any], value: object) -> Any:
        """Call a user function, and await its value if that is awaitable."""
        given = function(value)
        return await given if inspect.isawaitable(given) else given

    async def _gather(self, effect: Gather) -> list[Any]:
        free = asyncio.Semaphore(effect.limit)

        async def one(flow: Flow[Any]) -> Any:
            async with free:
                return await self.drive(flow)

        results = await asyncio.gather(*map(one, effect.flows), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results

    async def _end_calls(self, caller: asyncio.Task[Any] | None) -> None:
        """Let the function that is being called finish, and cancel it if it does not."""
        task = self._caller
        if task is None or task is caller:
            return
        await asyncio.wait({task}, timeout=_SENDING_SECONDS)
        await _cancelled({task})

    async def _cut(self, caller: asyncio.Task[Any] | None) -> None:
        """Let requests in flight finish, and cancel those that do not.

        httpx does not close a connection that is still being made, and asyncio does not always if it is
        cancelled at the moment that the connection is ready.
        """
        if self._sending:
            await asyncio.wait(self._sending, timeout=_SENDING_SECONDS)
        cut = {*self._sending, *self._going_on} - {caller}
        self._sending = set()
        await _cancelled(cut)

    async def _send(self, effect: Send) -> Answer:
        """Send a request in its own task, which `close` can cancel."""
        if self.core.hub.stop.is_set():
            raise closed(effect.request)
        task = asyncio.get_running_loop().create_task(self._exchange(effect))
        self._sending.add(task)
        try:
            await ended(task)
        finally:
            self._sending.discard(task)
        if task.cancelled():
            raise closed(effect.request, begun=True)
        return task.result()

    async def _exchange(self, effect: Send) -> Answer:
        request = effect.request
        try:
            with pace_of(self.core, request) as pace:
                if self._pool is not None and self._direct.take(request):
                    return await self._send_directly(self._pool, effect, pace)
                return await self._send_through(effect, pace)
        except CONNECTION_ERRORS as error:
            raise unreachable(self.core, request, as_httpx(error), self._options.proxy) from None
        except httpx.InvalidURL as error:
            raise ClientError(f"{request.label}: {self.core.credentials.hide(str(error))}") from None

    async def _send_directly(self, pool: httpcore.AsyncConnectionPool, effect: Send, pace: Pace) -> Answer:
        direct = self._direct
        response = await pool.handle_async_request(direct.built(effect.request))
        pace.headed()
        async with contextlib.aclosing(response):
            body = AnswerBody(self.core, effect, direct.head(effect.request, response))
            async for chunk in response.aiter_stream():
                body.write(chunk)
            return body.answer

    async def _send_through(self, effect: Send, pace: Pace) -> Answer:
        request = effect.request
        own = request.url is None or self.core.address.owns(request.url)
        with ExitStack() as files:
            built = self._http.build_request(**build_arguments(self.core, request, files))
            response = await self._http.send(built, stream=True, auth=self._options.auth if own else None)
            pace.headed()
            async with contextlib.aclosing(response):
                read = pieces(response)
                body = AnswerBody(self.core, effect, head_of(response), unpacked=read is not None)
                for chunk in read or ():
                    body.write(chunk)
                if read is None:
                    async for chunk in response.aiter_raw():
                        body.write(chunk)
                return body.answer


async def _cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their end, but not forever: one may wait for this client to be closed."""
    for task in tasks:
        task.cancel()
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_ENDING_SECONDS)
        for task in done:
            if not task.cancelled():
                task.exception()  # asked for, so that Python does not report it as never retrieved


_CLOSING: Final[set[asyncio.Task[None]]] = set()
"""An event loop does not keep tasks alive."""


def _close_abandoned(driver: AsyncDriver) -> None:
    task = asyncio.get_running_loop().create_task(driver.close())
    _CLOSING.add(task)
    task.add_done_callback(_CLOSING.discard)
