"""Requests go to the network in one packet, and past httpx's client where it has nothing to do."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from comfyflow.client import Limits
from comfyflow.client.pace import _Outbox
from comfyflow.errors import ServerUnreachable
from tests.clients import KINDS, connected

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server of one connection after the other, that answers each by a function."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                answer(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_and_the_body_of_a_request_come_together(kind: str) -> None:
    pieces: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
            connection.sendall(OK)

    with answering(answer) as url, connected(kind, url, websocket=False) as client:
        client.clear_queue()
        client.free()
    assert len(pieces) == 2, pieces
    assert all(piece.startswith(b"POST ") and piece.endswith(b"}") for piece in pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_answers_and_closes_before_it_has_read_all_is_heard(kind: str) -> None:
    """What is refused for its size is refused so: the answer counts, not the broken pipe."""

    def answer(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(
            b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large"
        )
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 16):  # no reset before the answer is read
            pass

    with answering(answer) as url, connected(kind, url, websocket=False) as client:
        with pytest.raises(Exception, match="413") as caught:
            client.upload_image(b"x" * (1 << 20), name="large.png")
        assert not isinstance(caught.value, ServerUnreachable)


def test_small_pieces_wait_and_large_ones_take_them_along() -> None:
    outbox = _Outbox()
    assert outbox.put(b"head", 3.0) == b""
    assert outbox.put(b"body", 4.0) == b""
    assert outbox
    assert outbox.timeout == 4.0
    assert outbox.take() == b"headbody"
    assert not outbox
    assert outbox.put(b"head", None) == b""
    large = b"x" * (1 << 16)
    assert outbox.put(large, None) == b"head" + large
    assert not outbox
    assert outbox.take() == b""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("logged", [False, True])
def test_a_request_is_the_same_whether_or_not_it_passes_the_client_of_httpx(kind: str, logged: bool) -> None:
    """That client is passed by where it has nothing to do; its log of requests is something to do."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    lines: list[str] = []
    log, handler = logging.getLogger("httpx"), Lines()
    options: dict[str, Any] = {
        "transport": httpx.MockTransport(answer),
        "websocket": False,
        "token": "tok-3f9a7c",
        "headers": {"X-Of-Mine": "yes"},
        "limits": Limits(connect=3, answer=7),
    }
    before = log.level
    log.addHandler(handler)
    try:
        log.setLevel(logging.INFO if logged else logging.WARNING)
        with connected(kind, "http://127.0.0.1:9", **options) as client:
            client.clear_queue()
            client.features()
    finally:
        log.setLevel(before)
        log.removeHandler(handler)
    assert len(lines) == (2 if logged else 0)
    assert [request.method for request in seen] == ["POST", "GET"]
    for request in seen:
        assert dict(request.url.params) == {"token": "tok-3f9a7c"}
        assert request.headers["x-of-mine"] == "yes"
        assert request.headers["host"] == "127.0.0.1:9"
        assert request.headers.get_list("accept-encoding") == ["gzip, deflate"]
        assert request.headers["user-agent"].startswith("python-httpx/")
        assert request.extensions["timeout"] == {"connect": 3, "read": 7, "write": 7, "pool": 7}
    assert seen[0].read() == b'{"clear":true}'
    assert seen[0].headers["content-type"] == "application/json"
    assert seen[0].headers["content-length"] == str(len(seen[0].read()))
