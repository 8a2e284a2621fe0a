"""The WebSocket of an `AsyncClient`, read by its own task."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from ..timeout import within
from .connection import AsyncConnectSocket, AsyncWebSocket, ConnectionOptions, within_origin
from .core import Core
from .flow import OpenSocket, Receive, SocketEffect, SocketFailure, Transmit, Watch
from .loop_signal import watch
from .web_socket import socket_failure, socket_flow

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


_CLOSING_SECONDS: Final = 5.0


class AsyncSocketDriver:
    """The WebSocket, read by its own task.

    Args:
        core: The client.
        options: How to connect.
        connect: Opens sockets instead of websockets.
    """

    def __init__(self, core: Core, options: ConnectionOptions, connect: AsyncConnectSocket | None) -> None:
        self._core = core
        self._options = options
        self._connect = connect
        self._connection: AsyncWebSocket | None = None
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._opening = False

    def start(self) -> None:
        """Start the task, unless it runs."""
        if self._task is None and not self._core.hub.stop.is_set():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="comfyflow-socket")

    def hang_up(self) -> None:
        """Break the connection; the task reopens it."""
        if self._connection is not None:
            task = asyncio.get_running_loop().create_task(_close(self._connection))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """End the task. One that is closing its connection may finish, so that nothing is left."""
        task = self._task
        if task is None:
            return
        self.hang_up()
        if not self._opening:
            await asyncio.wait({task}, timeout=_CLOSING_SECONDS)
        task.cancel()
        await asyncio.gather(task, *self._closing, return_exceptions=True)

    async def _run(self) -> None:
        flow = socket_flow(self._core)
        try:
            effect = next(flow)
            while True:
                try:
                    value = await self._perform(effect)
                except SocketFailure as failure:
                    effect = flow.throw(failure)
                else:
                    effect = flow.send(value)
        except StopIteration:
            return

    async def _perform(self, effect: SocketEffect) -> Any:
        if isinstance(effect, Watch):
            return await watch(effect.signal, effect.seconds)
        try:
            if isinstance(effect, Receive):
                return await self._received(effect.seconds)
            if isinstance(effect, OpenSocket):
                return await self._open()
            if isinstance(effect, Transmit):
                return await self._open_connection().send(effect.text)
            return await self._hang_up()
        except Exception as error:
            foreign = self._connect is not None
            failure = socket_failure(error, foreign, asyncio.TimeoutError)  # not an OSError before 3.11
            if failure is None or failure is error:
                raise
            raise failure from (error if foreign else None)

    async def _received(self, seconds: float | None) -> str | bytes:
        coming = self._open_connection().recv()
        if seconds is None:
            return await coming
        try:
            return await within(coming, seconds)
        except asyncio.TimeoutError:  # another class before Python 3.11
            raise SocketFailure("the server sent no greeting") from None

    async def _open(self) -> None:
        self._opening = True
        try:
            connection = self._connection = await self._opened()
        finally:
            self._opening = False
        if self._core.hub.stop.is_set():
            await connection.close()

    async def _opened(self) -> AsyncWebSocket:
        if self._connect is not None:
            return await self._connect(self._options.socket_request(self._core))
        from websockets.asyncio.client import connect

        connection: ClientConnection = await within_origin(connect, self._core.address)(
            **self._options.socket(self._core)
        )
        return connection

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _open_connection(self) -> AsyncWebSocket:
        if self._connection is None:
            raise SocketFailure("the socket is closed")
        return self._connection


async def _close(connection: AsyncWebSocket) -> None:
    """Close a connection; if it cannot be closed it is broken, and the receiver will notice."""
    with contextlib.suppress(Exception):
        await connection.close()
