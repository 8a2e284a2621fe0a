"""TLS connections that one thread reads while another writes: no two calls at once, and nothing is lost."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from comfyflow.client.web_socket import SharedTls, SharedTlsSocket
from comfyflow.simulator import Simulator
from tests.clients import connected
from tests.loop_thread import opened_in_thread
from tests.test_client_secure import ReverseProxy, certificate
from tests.test_client_seed_faults import prompt

__all__ = ["certificate"]


class Watched(ssl.SSLSocket):
    """A TLS socket that notices two calls at once."""

    inside = 0
    overlaps = 0
    counting = threading.Lock()

    def recv(self, *arguments: Any) -> bytes:
        with self._watched():
            return super().recv(*arguments)

    def send(self, *arguments: Any) -> int:
        with self._watched():
            return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        with self._watched():
            super().sendall(*arguments)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        with Watched.counting:
            Watched.overlaps += self.inside > 0
            self.inside += 1
        try:
            yield
        finally:
            with Watched.counting:
                self.inside -= 1


@pytest.fixture
def watching(certificate: Path) -> ssl.SSLContext:
    Watched.overlaps = 0
    context = ssl.create_default_context(cafile=f"{certificate}.crt")
    context.sslsocket_class = Watched
    return context


@pytest.fixture
def shown(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def echo(shown: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that says all again that it hears, over TLS."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    with serving(lambda: asyncio.start_server(answer, "127.0.0.1", 0, ssl=shown)) as port:
        yield port


@contextmanager
def serving(start: Any) -> Iterator[int]:
    @asynccontextmanager
    async def opening() -> AsyncGenerator[int]:
        async with await start() as server:
            yield server.sockets[0].getsockname()[1]

    with opened_in_thread(opening, "tls-server") as (port, _):
        yield port


def opened(port: int, context: ssl.SSLContext) -> SharedTlsSocket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    return SharedTls(context).wrap_socket(raw, server_hostname="127.0.0.1")


def test_much_goes_both_ways_at_once(echo: int, watching: ssl.SSLContext) -> None:
    """More than any buffer holds: who writes has to wait for who reads, in another thread."""
    connection = opened(echo, watching)
    said = bytes(range(256)) * (4 << 12)  # 4 MiB
    sender = threading.Thread(target=connection.sendall, args=(said,))
    sender.start()
    heard = bytearray()
    while len(heard) < len(said):
        data = connection.recv(1 << 16)
        assert data
        heard += data
    sender.join(20)
    assert bytes(heard) == said
    assert Watched.overlaps == 0
    connection.close()


def test_a_wait_ends_with_the_time(echo: int, watching: ssl.SSLContext) -> None:
    connection = opened(echo, watching)
    connection.settimeout(0.05)
    with pytest.raises(TimeoutError):
        connection.recv(100)
    connection.sendall(b"still there")
    connection.settimeout(None)
    assert connection.recv(100) == b"still there"
    connection.close()


@pytest.mark.parametrize("shut", [True, False])
def test_who_reads_is_told_that_the_connection_was_closed_here(
    echo: int, watching: ssl.SSLContext, shut: bool
) -> None:
    connection = opened(echo, watching)
    ended: list[object] = []

    def read() -> None:
        try:
            ended.append(connection.recv(100))
        except OSError as error:
            ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    if shut:
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
    reader.join(20)
    assert len(ended) == 1
    assert ended[0] == b"" or isinstance(ended[0], OSError)
    assert connection.fileno() == -1


def test_no_greeting_is_lost(shown: ssl.SSLContext, watching: ssl.SSLContext) -> None:
    """What a server says first, while the client writes: with websockets alone one in 150 hung."""
    from websockets.sync.client import connect

    async def greet(server: ServerConnection) -> None:
        await server.send("greeting")
        async for message in server:
            await server.send(message)

    async def start() -> Any:
        return serve(greet, "127.0.0.1", 0, ssl=shown)

    shared: Any = SharedTls(watching)
    with serving(start) as port:
        for _ in range(40):
            with connect(f"wss://127.0.0.1:{port}", ssl=shared, proxy=None, close_timeout=5) as opened_one:
                opened_one.send("flags")
                assert opened_one.recv(timeout=20) == "greeting"
                assert opened_one.recv(timeout=20) == "flags"
    assert Watched.overlaps == 0


def test_a_client_reads_and_writes_one_call_at_a_time(
    shown: ssl.SSLContext, watching: ssl.SSLContext
) -> None:
    with (
        Simulator() as server,
        ReverseProxy(server.url, "", shown) as proxy,
        connected("Client", f"https://127.0.0.1:{proxy.port}", verify=watching) as client,
    ):
        for _ in range(3):
            assert client.run(prompt("SaveImageWebsocket"), timeout=30).files
        assert client.connected
        assert isinstance(client._driver._socket._connection.socket, SharedTlsSocket)
    assert Watched.overlaps == 0
