"""One life of a simulated server, from its start to its end: port, queue, history, sockets, worker."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import ssl
import threading
import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from .executor import Executor, Settings
from .failure import WorkerKilledError
from .prompt_queue import PromptQueue, QueueItem
from .sockets import Sockets

if TYPE_CHECKING:
    from .simulator import Simulator


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


END_SECONDS: Final = 5.0
"""How long the worker is waited for when the server stops."""

_log = logging.getLogger(__name__)


class ServerInstance:
    """What a restart loses.

    Args:
        settings: What the server is like.
        loop: Its loop.
    """

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.sockets: Final = Sockets(loop, self._greeting, settings.profile.features)
        self.queue: Final = PromptQueue(self._tell_status)
        self.executor: Final = Executor(settings, self.sockets)
        settings.faults.wait = self.executor.rest
        self.number: int = 0
        self.started: Final = time.time()
        self.logs: list[dict[str, str]] = []
        self.log_watchers: set[object] = set()
        self._worker = threading.Thread(target=self._work, name="comfyflow-simulator-worker", daemon=True)

    def start(self) -> None:
        """Start the worker."""
        self._worker.start()

    def close(self) -> None:
        """End the worker; the node that it is in ends at its next step."""
        self.executor.closing = True
        self.queue.close()
        if self._worker.is_alive():
            # A user's function may never return; its thread then goes with the process.
            self._worker.join(END_SECONDS)

    @property
    def worker_alive(self) -> bool:
        """Whether prompts are still executed."""
        return self._worker.is_alive()

    def next_number(self, front: bool) -> int:
        """The number of a prompt that brought none. Refused prompts use one up too."""
        number = self.number
        self.number += 1
        return -number if front else number

    def status(self) -> dict[str, Any]:
        """What ``GET /prompt`` and ``status`` messages say."""
        return {"exec_info": {"queue_remaining": self.queue.remaining}}

    def _tell_status(self) -> None:
        self.sockets.send("status", {"status": self.status()})

    def _greeting(self, client_id: str) -> list[tuple[str, Any]]:
        greeting: list[tuple[str, Any]] = [("status", {"status": self.status(), "sid": client_id})]
        run = self.executor.current
        if run is not None and run.client_id == client_id and run.last_node is not None:
            greeting.append(("executing", {"node": run.last_node}))
        return greeting

    def interrupt(self) -> None:
        """Stop what runs at its next step."""
        self.executor.interrupted = True

    def _work(self) -> None:
        try:
            while not self.queue.closed:
                self._work_once()
        except WorkerKilledError:
            _log.info("the worker was killed")
        except Exception:  # noqa: BLE001 (whatever it is: a real server's worker ends by it too)
            _log.info("the worker died; prompts that arrive now wait forever", exc_info=True)
            self.log("the worker died; prompts that arrive now wait forever")

    def _work_once(self) -> None:
        taken = self.queue.get()
        if taken is not None:
            key, item = taken
            self._run(key, item)
        if self.queue.take_flags().get("free_memory"):
            self.executor.cache.clear()

    def _run(self, key: int, item: QueueItem) -> None:
        run, success = self.executor.execute(item)
        if self.settings.faults.history_delay:
            self.executor.rest(self.settings.faults.history_delay)
        self.queue.done(key, run.history_entry(success))
        if run.client_id is not None:
            self.sockets.send("executing", {"node": None, "prompt_id": run.prompt_id}, run.client_id)
        self.log(f"Prompt executed: {item.prompt_id}")

    def log(self, line: str) -> None:
        """Write a line to the log, and to those who follow it."""
        entry = {"t": time.strftime("%Y-%m-%dT%H:%M:%S"), "m": line + "\n"}
        self.logs.append(entry)
        del self.logs[:-300]
        for client_id in list(self.log_watchers):
            self.sockets.send("logs", {"entries": [entry], "size": None}, client_id)


SIMULATOR: web.AppKey[Simulator] = web.AppKey("simulator")


def simulator_of(request: web.Request) -> Simulator:
    """The simulator that was asked."""
    return request.app[SIMULATOR]


def instance_of(request: web.Request) -> ServerInstance:
    """Its current life."""
    return request.app[SIMULATOR].instance


def not_listening(host: str, port: int, error: BaseException) -> str:
    """Why a port is not available, and what to do."""
    where = f"cannot listen on {host}:{port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"{where}: the port is in use. Choose another one, or 0 for any free port"
    if isinstance(error, PermissionError):
        return f"{where}: ports below 1024 need special rights. Choose another one, or 0 for any free port"
    return f"{where}: {error}"
