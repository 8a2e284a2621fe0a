"""A TCP proxy on loopback that drops, delays, truncates and resets connections, by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from typing_extensions import Self


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
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, daemon=True, name="fault-proxy")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = Plan.draw(random.Random(f"{self.seed}/{self._number}"), self.badness)
        self._number += 1
        self.plans[plan.name] += 1
        writers = [writer]
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
        finally:
            for opened in writers:
                _end(opened, plan.reset or plan.refused)


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


def _end(writer: asyncio.StreamWriter, reset: bool) -> None:
    """End a connection; a reset throws away what has not been sent."""
    opened = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        if reset and opened is not None:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:
            writer.close()
