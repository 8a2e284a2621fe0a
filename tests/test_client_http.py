"""Requests go to the network in one packet, and past httpx where it has nothing to do."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comfyflow.client.address import Credentials
from comfyflow.client.flow import Answer, Flow, Forward, Request, segment
from comfyflow.client.http import DirectRequests, build_arguments, with_credentials
from comfyflow.client.pace import _Outbox
from comfyflow.errors import ServerUnreachable
from tests.clients import KINDS, connected
from tests.flows import World

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
def test_a_request_is_the_same_whether_or_not_it_passes_through_httpx(kind: str) -> None:
    """It does where httpx logs requests."""
    heads: dict[bool, list[tuple[str, set[str], str]]] = {False: [], True: []}
    logged, lines = False, list[str]()

    def answer(connection: socket.socket) -> None:
        while piece := connection.recv(1 << 16):
            head, _, body = piece.decode().partition("\r\n\r\n")
            first, *headers = head.split("\r\n")
            named = {
                f"{name.lower()}:{value}" for name, _, value in (line.partition(":") for line in headers)
            }
            heads[logged].append((first, named, body))
            connection.sendall(OK)

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    log, handler = logging.getLogger("httpx"), Lines()
    before = log.level
    log.addHandler(handler)
    options: dict[str, Any] = {"websocket": False, "token": "tok-3f9a7c", "headers": {"X-Of-Mine": "yes"}}
    try:
        with answering(answer) as url:
            for logged in (False, True):
                log.setLevel(logging.INFO if logged else logging.WARNING)
                with connected(kind, url, **options) as client:
                    client.clear_queue()
                    client.features()
    finally:
        log.setLevel(before)
        log.removeHandler(handler)
    assert heads[False] == heads[True]
    assert len(lines) == 2
    (posted, headers, body), (got, _, _) = heads[False]
    assert posted == "POST /api/queue?token=tok-3f9a7c HTTP/1.1"
    assert got == "GET /api/features?token=tok-3f9a7c HTTP/1.1"
    assert body == '{"clear":true}'
    host = url.removeprefix("http://")
    assert headers >= {"x-of-mine: yes", f"host: {host}", "accept-encoding: gzip, deflate"}
    assert headers >= {"content-type: application/json", f"content-length: {len(body)}"}


PATHS = st.lists(st.text(max_size=6), max_size=3).map(lambda parts: f"/{'/'.join(map(segment, parts))}")
QUERIES = st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=2).map(tuple)
NAMES = st.sampled_from(["Accept", "accept-encoding", "Content-Type", "Content-Length", "X-Of-Mine", "Host"])
HEADERS = st.dictionaries(NAMES, st.text(st.characters(min_codepoint=33, max_codepoint=126)), max_size=2)
REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "DELETE", "put"]),
    PATHS,
    QUERIES,
    HEADERS,
    st.none() | st.binary(max_size=4),
    timeout=st.none() | st.just(1.5),
)
TRANSPORT = httpx.MockTransport(lambda _: httpx.Response(200))
URLS = ["http://host", "https://[::1]:8443/b%20se", "http://host:80/a/b"]


def unanswered(request: Request) -> Answer:
    raise AssertionError(request)


@given(st.sampled_from(URLS), REQUESTS, QUERIES, HEADERS)
def test_a_request_for_the_pool_is_the_one_that_httpx_would_send(
    url: str, request: Request, query: tuple[tuple[str, str], ...], headers: dict[str, str]
) -> None:
    core = World(unanswered, url=url).core
    core.credentials = Credentials(headers, query)
    with ExitStack() as files:
        http = httpx.Client(transport=TRANSPORT, timeout=httpx.Timeout(7.0, connect=3.0))
        direct = DirectRequests(core, http, possible=True)
        assert direct.take(request)
        built = direct.built(request)
        sent = with_credentials(core, http.build_request(**build_arguments(core, request, files)))
        assert built.method.decode() == sent.method
        assert built.url.scheme == sent.url.raw_scheme
        assert (built.url.host, built.url.port) == (sent.url.raw_host, sent.url.port)
        assert built.url.target == sent.url.raw_path
        assert sorted((name.lower(), value) for name, value in built.headers) == sorted(
            (name.lower(), value) for name, value in sent.headers.raw
        )
        assert vars(built)["extensions"]["timeout"] == sent.extensions["timeout"]
        assert isinstance(built.stream, Iterable)
        assert b"".join(built.stream) == sent.read()


@pytest.mark.parametrize("kind", KINDS)
def test_cookies_and_headers_of_an_answer_are_read(kind: str) -> None:
    heads: list[str] = []
    answers: list[Answer] = []

    def answer(connection: socket.socket) -> None:
        while piece := connection.recv(1 << 16):
            heads.append(piece.decode().lower())
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Two: a\r\nX-Two: b\r\n"
                b"X-Bar: caf\xc3\xa9\r\nSet-Cookie: session=5f3a; Path=/\r\n\r\n{}"
            )

    def seen(request: Request, forward: Forward) -> Flow[Answer]:
        answers.append((yield from forward(request)))
        return answers[-1]

    with answering(answer) as url, connected(kind, url, websocket=False, middleware=[seen]) as client:
        client.features()
        client.features()
    assert [head.count("cookie: session=5f3a") for head in heads] == [0, 1]
    for answered in answers:
        assert answered.headers["x-two"] == "a, b"
        assert answered.headers["x-bar"] == "caf\u00e9"
