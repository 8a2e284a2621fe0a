"""A TCP proxy on loopback that drops, delays, truncates and resets connections, by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from typing_extensions import Self

from comfyflow.simulator.instance import stop_listening
from tests.loop_thread import opened_in_thread


@dataclass(frozen=True)
class Plan:
    """What happens to one connection.

    Attributes:
        refused: It is reset before anything passes.
        up: After how many bytes from the client it breaks; None for never.
        down: After how many bytes from the server it breaks; None for never.
        reset: Whether it breaks with a reset, not with an orderly end.
        delay: Seconds by which each piece is late.
        pause: Seconds by which one piece is late.
    """

    refused: bool = False
    up: int | None = None
    down: int | None = None
    reset: bool = False
    delay: float = 0.0
    pause: float = 0.0

    @classmethod
    def draw(cls, chance: random.Random, badness: float) -> Plan:
        """A plan of a certain badness: 0 for none, 1 for a fault in every connection."""
        if chance.random() >= badness:
            return cls()
        kind = chance.choice(("refused", "up", "up", "down", "down", "down", "slow", "pause"))
        life = int(chance.expovariate(1 / 4000))
        cuts_up = kind == "up" or (kind in ("slow", "pause") and chance.random() < 0.5)
        return cls(
            refused=kind == "refused",
            up=life if cuts_up else None,
            down=life if kind != "refused" and not cuts_up else None,
            reset=chance.random() < 0.5,
            delay=chance.uniform(0.002, 0.05) if kind == "slow" else 0.0,
            pause=chance.uniform(0.1, 0.6) if kind == "pause" else 0.0,
        )

    @property
    def name(self) -> str:
        """Its kind, for the count."""
        if self.refused:
            return "refused"
        cut = "way up cut" if self.up is not None else "way down cut"
        return f"{'late, ' if self.delay or self.pause else ''}{cut}" if self != Plan() else "good"


@dataclass
class FaultProxy:
    """Stands between clients and a server.

    Attributes:
        target: The server's port; asked for each connection.
        seed: Of the faults: connection number N of a seed always has the same plan.
        badness: How many of the connections have a fault.
        blocked: Connections that begin with a request like this are closed.
        silent: Connections that begin with a request like this are never answered.
    """

    target: Callable[[], int]
    seed: int
    badness: float = 1.0
    blocked: bytes = b""
    silent: bytes = b""
    plans: Counter[str] = field(default_factory=Counter)
    port: int = 0

    def __post_init__(self) -> None:
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.port, _ = self._thread.enter_context(opened_in_thread(self._serving, "fault-proxy"))
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[int]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        yield server.sockets[0].getsockname()[1]
        await stop_listening(server)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = Plan.draw(random.Random(f"{self.seed}/{self._number}"), self.badness)
        self._number += 1
        self.plans[plan.name] += 1
        writers = [writer]
        reset = plan.reset or plan.refused
        try:
            if plan.refused:
                return
            first = await reader.read(65536) if self.blocked or self.silent else b""
            if self.blocked and self.blocked in first:
                return
            if self.silent and self.silent in first:
                while await reader.read(65536):
                    pass
                return
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.target())
            writers.append(up_writer)
            up_writer.write(first)
            pipes = [
                asyncio.ensure_future(_pipe(reader, up_writer, plan.up, plan)),
                asyncio.ensure_future(_pipe(up_reader, writer, plan.down, plan)),
            ]
            try:
                await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pipe in pipes:
                    pipe.cancel()
                await asyncio.gather(*pipes, return_exceptions=True)
        except OSError:
            pass
        except asyncio.CancelledError:
            reset = True
            raise
        finally:
            await _end(writers, reset)


async def _pipe(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None, plan: Plan
) -> None:
    """Carry bytes until one side ends, or so many have passed. What is late is lost with the end."""
    left = limit
    pause = plan.pause
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            if plan.delay or pause:
                await asyncio.sleep(plan.delay + pause)
                pause = 0.0
            if left is not None:
                data, left = data[:left], left - len(data)
            writer.write(data)
            await writer.drain()
            if left is not None and left <= 0:
                return


async def _end(writers: list[asyncio.StreamWriter], reset: bool) -> None:
    """End connections; a reset throws away what has not been sent.

    It waits until they are gone, and if it is cancelled it throws away the rest.
    """
    for opened in writers:
        connection = opened.get_extra_info("socket")
        with contextlib.suppress(OSError):
            if reset and connection is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                opened.transport.abort()
            else:
                opened.close()
    try:
        for opened in writers:
            with contextlib.suppress(OSError):
                await opened.wait_closed()
    except asyncio.CancelledError:
        for opened in writers:
            if opened.get_extra_info("socket").fileno() >= 0:
                opened.transport.abort()
        raise
