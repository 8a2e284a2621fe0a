"""A service as a process: it listens, ends cleanly, and reports why it could not start."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

from .service import Service

_IDLE_SECONDS: Final = 30


class ServiceProcess:
    """Runs a service until it is stopped.

    Args:
        app: The application.
        service: The service in it, which it starts and closes.
        grace: Seconds that requests have to end when it is stopped.
        connections: The limit of concurrent connections.
    """

    def __init__(self, app: ASGIApp, service: Service, *, grace: int, connections: int) -> None:
        self._service = service
        self._server: Final = _ServiceServer(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                ws="none",
                limit_concurrency=connections,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=grace,
            ),
            service,
        )

    def run(self, listening: socket.socket, began: Callable[[], object]) -> None:
        """Serve until SIGINT or SIGTERM.

        Args:
            listening: The socket.
            began: Called when it has started.

        Raises:
            ComfyflowError: It cannot start: another process has the ledger, or the folder cannot be written
                to.
        """
        asyncio.run(self._run(listening, began))

    async def _run(self, listening: socket.socket, began: Callable[[], object]) -> None:
        await self._service.start()
        try:
            began()
            await self._server.serve(sockets=[listening])
        finally:
            await self._service.close()


class _ServiceServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn's own would let the signal end the process again, with its exit code.
        del frame
        self._service.channels.end()  # event streams would never end by themselves
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True
