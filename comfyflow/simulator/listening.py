"""Listening on a port, and ending it so that no connection is left open."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from typing import Final

from aiohttp import web

ACCEPTING_TURNS: Final = 4
"""Turns of the loop from accepting a connection until its handler waits for a request: the task
that makes its transport, ``connection_made``, the handler's own task; and one in reserve."""


@contextlib.asynccontextmanager
async def listening(
    app: web.Application,
    host: str,
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
    patience: float = 1.0,
) -> AsyncGenerator[int]:
    """Let an app answer until the block ends; gives the port.

    Args:
        app: What answers.
        host: The address to listen on.
        port: Where; 0 picks a free port.
        tls: What the server shows its clients; None: no TLS.
        patience: Seconds that requests have, at the end, to be answered.

    Raises:
        OSError: The port is not available.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=patience)
    await runner.setup()
    try:
        if runner.server is None:
            raise RuntimeError("aiohttp started no server")
        server = await asyncio.get_running_loop().create_server(
            runner.server, host, port, ssl=tls, reuse_address=True
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            await stop_listening(server)
    finally:
        await runner.cleanup()


async def stop_listening(server: asyncio.Server) -> None:
    """Accept no more, let what was accepted reach its handler, and close the server.

    Accepting takes several turns of the loop. ``Server.close`` between them leaves the new
    connection open forever (https://github.com/python/cpython/issues/109564), and a handler that
    does not know of a connection yet cannot close it.

    Args:
        server: The server; what it has accepted is left for its owner to close.
    """
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows accepts in one turn
        for listener in server.sockets:
            loop.remove_reader(listener.fileno())
    for _ in range(ACCEPTING_TURNS):
        await asyncio.sleep(0)
    server.close()
