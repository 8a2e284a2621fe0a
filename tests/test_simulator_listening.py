"""A server that ends leaves no connection open, at whatever moment a client comes."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import aiohttp
import httpx
import pytest
from aiohttp import web

from comfyflow.simulator import Simulator
from comfyflow.simulator.instance import listening, stop_listening
from tests.fault_gateway import FaultGateway
from tests.fault_proxy import FaultProxy

TURNS = range(8)


def ended(client: socket.socket) -> bool:
    """Whether the other side has closed a connection; one that nobody closes raises `TimeoutError`."""
    client.settimeout(10)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("turns", TURNS)
def test_a_connection_that_comes_just_before_the_end_is_closed(turns: int) -> None:
    async def serve() -> socket.socket:
        async with listening(web.Application(), "127.0.0.1") as port:
            client = socket.create_connection(("127.0.0.1", port), 10)  # the loop accepts it afterwards
            for _ in range(turns):
                await asyncio.sleep(0)
        return client

    with asyncio.run(serve()) as client:
        assert ended(client)
    gc.collect()  # a transport that is left open warns, which fails the test


@pytest.mark.parametrize("turns", TURNS)
def test_what_was_accepted_has_reached_its_handler_when_a_server_is_closed(turns: int) -> None:
    met: list[asyncio.StreamWriter] = []

    async def serve() -> bool:
        server = await asyncio.start_server(lambda _, writer: met.append(writer), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        with socket.create_connection(address, 10) as client:
            for _ in range(turns):
                await asyncio.sleep(0)
            await stop_listening(server)
            for writer in met:
                writer.close()
                await writer.wait_closed()
            with suppress(TimeoutError):
                return ended(client)
        return False

    assert asyncio.run(serve())
    assert turns < 4 or len(met) == 1
    gc.collect()


SERVERS: dict[str, Callable[[], Any]] = {
    "Simulator": Simulator,
    "FaultGateway": lambda: FaultGateway(lambda: 9, seed=1, badness=0.0),
    "FaultProxy": lambda: FaultProxy(lambda: 9, seed=1, badness=0.0),
}


class Crowd:
    """Connects again and again, from a thread of its own.

    Attributes:
        met: The connections.
        gathered: Set when there are many.
    """

    def __init__(self, port: int) -> None:
        self.met: list[socket.socket] = []
        self.gathered = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._connect, args=(port,))
        self._thread.start()

    def _connect(self, port: int) -> None:
        while not self._stop.is_set() and len(self.met) < 400:
            try:
                self.met.append(socket.create_connection(("127.0.0.1", port), 0.1))
            except OSError:
                continue
            if len(self.met) == 20:
                self.gathered.set()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)


@pytest.mark.parametrize("kind", SERVERS)
def test_clients_that_crowd_in_while_a_server_ends_are_all_turned_away(kind: str) -> None:
    for _ in range(2):
        with SERVERS[kind]() as server:
            crowd = Crowd(server.port)
            assert crowd.gathered.wait(20)
        crowd.stop()
        for client in crowd.met:
            with client:
                assert ended(client)
    gc.collect()


def test_a_gateway_whose_client_is_gone_closes_its_connection_to_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left open warns whenever it is collected, and fails whichever test runs then."""

    error = aiohttp.ClientConnectionResetError()

    async def prepare() -> None:
        raise error  # which keeps the connection alive, as whoever logs it does

    gone = {**vars(web), "WebSocketResponse": lambda **_: SimpleNamespace(prepare=lambda _: prepare())}
    monkeypatch.setattr("tests.fault_gateway.web", SimpleNamespace(**gone))
    asked = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    asked["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    with Simulator() as server, FaultGateway(lambda: server.port, seed=1, badness=0.0) as gateway:
        assert httpx.get(f"http://127.0.0.1:{gateway.port}/ws", headers=asked).status_code >= 500
        end = time.monotonic() + 20
        while server.instance.sockets._open:
            assert time.monotonic() < end, "the gateway has left its side open"
            time.sleep(0.01)
