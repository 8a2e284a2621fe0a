"""What a server or a file may send: more ends in an error, and never in a full memory."""

from __future__ import annotations

import contextlib
import copy
import gzip
import inspect
import json
import math
import pickle
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from comfyflow import load_schema
from comfyflow.bounds import MIB, Bounds, Unpacker, unpack_gzip
from comfyflow.client import Limits
from comfyflow.errors import BoundsError, ClientError, SchemaError, ServerUnreachable, SocketUnavailable
from comfyflow.output_file import ImageFile
from tests.clients import KINDS, connected
from tests.test_schema import V1_NODE
from tests.web_server import web_server

SMALL = Bounds(answer=MIB, json=MIB, file=2 * MIB, ratio=1000)
ONCE = Limits(retries=0)


@contextmanager
def serving(write: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server that answers everything with what `write` writes."""

    class Writing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                write(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

    with web_server(Writing) as url:
        yield url


def packed(data: bytes, encoding: str = "gzip") -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Encoding", encoding)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return write


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * 65536)


BOMB = gzip.compress(gzip.compress(b"\0" * (300 * MIB), 9), 9)
"""A few hundred bytes that unpack to 300 MB, if they are unpacked twice."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (packed(gzip.compress(b"\0" * (64 * MIB), 9)), "answer"),
        (packed(zlib.compress(b"\0" * (64 * MIB), 9), "deflate"), "answer"),
        (packed(BOMB, "gzip, gzip"), "compressed as 'gzip, gzip'"),
        (packed(b"\x1b\xff\xff", "br"), "compressed as 'br'"),
        (endless, "larger than 1 MiB; to allow it, set COMFYFLOW_BOUNDS=answer="),
    ],
    ids=["gzip", "deflate", "twice", "another", "endless"],
)
def test_an_answer_that_would_fill_the_memory(kind: str, answer: Any, why: str) -> None:
    with (
        serving(answer) as url,
        connected(kind, url, bounds=SMALL, limits=ONCE) as client,
        pytest.raises(ClientError, match=why),
    ):
        client.view("a.png")


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_answer_does_not_become_huge(kind: str) -> None:
    """By the ratio, whatever the bound for large answers is."""
    with (
        serving(packed(gzip.compress(b"\0" * (40 * MIB), 9))) as url,
        connected(kind, url, limits=ONCE) as client,
        pytest.raises(ClientError, match="200 times its compressed size"),
    ):
        client.view("a.png")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_never_ends_is_not_written_for_ever(kind: str, tmp_path: Path) -> None:
    with (
        serving(endless) as url,
        connected(kind, url, bounds=SMALL, limits=ONCE) as client,
        pytest.raises(ClientError, match="larger than 2 MiB"),
    ):
        client.save(ImageFile("a.png"), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "pack",
    [gzip.compress, zlib.compress, lambda data: zlib.compress(data)[2:-4]],
    ids=["gzip", "zlib", "raw"],
)
def test_packed_answers_are_read(kind: str, pack: Callable[[bytes], bytes]) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    body = json.dumps({"system": {"text": "é" * 100_000}}).encode()
    with serving(packed(pack(body), encoding)) as url, connected(kind, url) as client:
        assert client.system_stats() == json.loads(body)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("body", [gzip.compress(b"{}")[:-9], b"no gzip"], ids=["cut off", "none"])
def test_a_damaged_answer_is_one_that_broke_off(kind: str, body: bytes) -> None:
    with (
        serving(packed(body)) as url,
        connected(kind, url, limits=ONCE) as client,
        pytest.raises(ServerUnreachable, match="broke off"),
    ):
        client.system_stats()


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_of_a_transport_that_unpacked_it(kind: str) -> None:
    """Transports of tests, and hooks that read an answer, have unpacked it already."""
    answer = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b'{"system": 1}')
    )
    with connected(kind, "http://host", transport=httpx.MockTransport(lambda _: answer)) as client:
        assert client.system_stats() == {"system": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_only_drips_has_an_end(kind: str) -> None:
    stop = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not stop.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    with (
        serving(drip) as url,
        connected(kind, url, bounds=Bounds(rate=1000, grace=0), limits=ONCE) as client,
    ):
        with pytest.raises(ServerUnreachable, match="less than 1000 bytes a second"):
            client.system_stats()
        stop.set()


@pytest.mark.parametrize("kind", KINDS)
def test_json_of_too_many_values_is_not_read(kind: str) -> None:
    body = json.dumps({"system": [[]] * 2000}).encode()
    with serving(packed(gzip.compress(body))) as url:
        with (
            connected(kind, url, bounds=Bounds(values=1000)) as client,
            pytest.raises(ClientError, match="more than 1,000 values"),
        ):
            client.system_stats()
        with connected(kind, url) as client:
            assert len(client.system_stats()["system"]) == 2000


def test_a_schema_of_a_server_has_bounds_too() -> None:
    with serving(packed(gzip.compress(b"[" * (64 * MIB), 9))) as url:
        with pytest.raises(SchemaError, match="200 times"):
            load_schema(url)
        with pytest.raises(SchemaError, match="larger than 1 MiB"):
            load_schema(url, bounds=Bounds(answer=MIB, ratio=5000))


def test_a_schema_of_a_file_has_bounds_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = tmp_path / "object_info.json.gz"
    bomb.write_bytes(gzip.compress(b" " * (64 * MIB), 9))
    with pytest.raises(SchemaError, match="200 times its compressed size"):
        load_schema(bomb)
    plain = tmp_path / "object_info.json"
    plain.write_text(json.dumps({"A": V1_NODE, "B": "x" * 2000}))
    with pytest.raises(SchemaError, match=r"larger than 2 KiB; .*COMFYFLOW_BOUNDS=json=") as caught:
        load_schema(plain, bounds=Bounds(json=2048))
    assert str(plain) in str(caught.value)
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "json=2K, values=10M")
    with pytest.raises(SchemaError, match="larger than 2 KiB"):
        load_schema(plain)
    assert list(load_schema(plain, bounds=Bounds())) == ["A"]


def test_a_schema_as_large_as_real_ones_is_read() -> None:
    """107 MB were seen, of a server with long lists of files and many node packs."""
    files = [f"folder/a model with a long name {number:06}.safetensors" for number in range(20_000)]
    node = {**V1_NODE, "input": {"required": {"model": [files, {}]}}}
    text = json.dumps({f"Loader {number}": node for number in range(100)}).encode()
    assert len(text) > 107_000_000
    with serving(packed(gzip.compress(text, 1))) as url:
        assert len(load_schema(url).raw) == 100


@pytest.mark.parametrize("said", ["json", "jsn=2G", "json=2T", "json=-1", "json=2G; rm"])
def test_bounds_that_are_none(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_BOUNDS", said)
    with pytest.raises(BoundsError, match=r"COMFYFLOW_BOUNDS: .* is not a bound; write bounds like json=2G"):
        Bounds.from_environment()


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (
            {"json": "2G"},
            TypeError,
            r"json of Bounds must be a whole .* bytes, not '2G'; write 2 \* GIB$",
        ),
        ({"text": "64k"}, TypeError, r"not '64k'; write 64 \* 1024$"),
        ({"json": "large"}, TypeError, "not 'large'$"),
        ({"message": math.inf}, TypeError, r"not inf; to allow any, write a large number such as 2\*\*60$"),
        ({"answer": None}, TypeError, "not None; to allow any"),
        ({"values": 2.5}, TypeError, r"values of Bounds must be a whole number, not 2\.5$"),
        ({"grace": True}, TypeError, "grace of Bounds must be a whole number, not True$"),
        ({"rate": -1}, ValueError, "rate of Bounds must be at least 0, not -1$"),
    ],
)
def test_bounds_are_checked_as_they_are_made(given: Any, error: type[Exception], told: str) -> None:
    for make in (Bounds, Bounds()._replace):
        with pytest.raises(error, match=told):
            make(**given)


def test_bounds_are_a_tuple_of_plain_numbers() -> None:
    class Count:
        def __index__(self) -> int:
            return 7

    made = Bounds(cast("int", Count()), json=3)
    assert made == (7, 3, *Bounds()[2:])
    assert {type(value) for value in made} == {int}
    assert made._replace(json=4).json == 4
    pickled = pickle.loads(pickle.dumps(made))  # noqa: S301  # our own
    for copied in (copy.deepcopy(made), pickled, made._replace()):
        assert type(copied) is Bounds
        assert copied == made
    assert list(inspect.signature(Bounds).parameters) == list(Bounds._fields)
    with pytest.raises(TypeError, match=r"^Bounds\.__new__\(\) got an unexpected keyword argument 'jsn'"):
        Bounds(jsn=1)


def test_bounds_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFYFLOW_BOUNDS", "json=2G TEXT=64m,rate=0")
    assert Bounds.from_environment() == Bounds(json=2 * 1024**3, text=64 * MIB, rate=0)


def test_unpacking_in_the_smallest_pieces() -> None:
    data = bytes(range(256)) * 40
    unpacker = Unpacker(Bounds(), MIB, "answer", "it")
    whole = gzip.compress(data)
    pieces = [piece for byte in whole for piece in unpacker.feed(bytes([byte]))]
    assert b"".join(pieces) == data
    assert unpacker.whole


def test_a_gzip_file_of_many_parts() -> None:
    parts = b"".join(gzip.compress(b"x" * 10) for _ in range(1000))
    assert unpack_gzip(parts, Bounds(), MIB, "json", "it") == b"x" * 10_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("compression", ["deflate", None])
@pytest.mark.parametrize("size", [MIB, MIB + 1, 3 * MIB])
def test_a_message_of_the_socket_has_a_bound(kind: str, compression: str | None, size: int) -> None:
    """A larger one, compressed or not, is refused with the code that WebSocket has for it."""
    closed: list[int | None] = []
    done = threading.Event()
    around = len(json.dumps({"type": "status", "data": {"sid": "x", "text": ""}}))
    message = json.dumps({"type": "status", "data": {"sid": "x", "text": "0" * (size - around)}})
    assert len(message) == size

    def serve_one(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            socket.send(message)
            for _ in socket:
                pass
        closed.append(socket.close_code)
        done.set()

    with serve(serve_one, "127.0.0.1", 0, compression=compression) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        with connected(kind, url, bounds=Bounds(message=MIB), limits=Limits(retries=0)) as client:
            with contextlib.suppress(SocketUnavailable):  # it may be open for a moment
                client.connect(1 if size > MIB else 30)
            if size <= MIB:
                client.close()
            assert done.wait(30)
        assert done.wait(30)
        server.shutdown()
        thread.join(30)
    assert (closed[0] == 1009) is (size > MIB)
