"""A server on loopback that answers every route with what no server should."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from typing_extensions import Self

PATIENCE: Final = 2.0
"""Seconds after which the server itself stops what has no end."""
_MIB: Final = 1024**2
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
)

NODES: Final[dict[str, Any]] = {
    "Paint": {
        "input": {"required": {"size": ["INT", {"default": 8}], "name": [["a", "b"], {}]}},
        "output": ["IMAGE"],
        "output_name": ["IMAGE"],
        "python_module": "nodes",
        "output_node": False,
    },
    "Save": {
        "input": {"required": {"images": ["IMAGE"]}},
        "output": [],
        "python_module": "nodes",
        "output_node": True,
    },
}


class HostileServer:
    """Answers what its seed says; each case has a seed of its own.

    Args:
        names: Names of files that lead out of a folder.
        elsewhere: An address to which it redirects.
    """

    def __init__(self, names: list[str], elsewhere: str) -> None:
        self.names = names
        self.elsewhere = elsewhere
        self.seed = 0
        self.asked = 0
        self._prompt_id = "x"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)

    def begin(self, seed: int) -> None:
        """Begin a case."""
        self.seed, self.asked = seed, 0

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE * 2)
        with connection:
            try:
                while self._answer(connection):
                    pass
            except (OSError, ValueError):
                return

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one request; says whether the connection goes on."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = connection.recv(65536)
            if not more or len(head) > _MIB:
                return False
            head += more
        lines, _, body = head.partition(b"\r\n\r\n")
        first, *rest = lines.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        while len(body) < int(headers.get("content-length", "0")):
            body += connection.recv(65536)
        method, target, *_ = first.split(" ")
        self.asked += 1
        rng = random.Random(f"{self.seed} {method} {target.split('clientId')[0]} {self.asked}")
        if "sec-websocket-key" in headers and rng.random() < 0.8:
            self._socket(connection, headers["sec-websocket-key"], rng)
            return False
        right = self._right(method, urlsplit(target).path, body, rng)
        if rng.random() < 0.45:
            return _send(connection, right)
        return rng.choice(ANSWERS)(self, connection, right, rng)

    def _right(self, method: str, path: str, body: bytes, rng: random.Random) -> bytes:
        """What a server would say; its names are hostile all the same."""
        name = rng.choice(["a.png", *self.names])
        if path.endswith("/prompt") and method == "POST":
            try:
                self._prompt_id = str(json.loads(body)["prompt_id"])
            except (ValueError, KeyError, TypeError):
                self._prompt_id = "x"
            return _json({"prompt_id": self._prompt_id, "number": 1, "node_errors": {}})
        if "/view" in path:
            return rng.choice([PNG, b"", b"{}", _bomb_picture()])
        if "/upload" in path:
            return _json({"name": name, "subfolder": rng.choice(["", *self.names]), "type": "input"})
        if "/object_info" in path:
            wanted = unquote(path.rpartition("/")[2])
            return _json({wanted: NODES[wanted]} if wanted in NODES else NODES)
        if "/history" in path:
            return _json({self._prompt_id: self._entry(name, rng)})
        return _json(
            {
                "/api/system_stats": {"system": {"comfyui_version": "0.27.0"}, "devices": []},
                "/api/queue": {"queue_running": [], "queue_pending": []},
                "/api/models": ["checkpoints", name],
                "/api/jobs": {"jobs": []},
            }.get(path, {})
        )

    def _entry(self, name: str, rng: random.Random) -> dict[str, Any]:
        file = {"filename": name, "subfolder": rng.choice(["", *self.names]), "type": "output"}
        status = {"status_str": "success", "completed": True, "messages": []}
        prompt = [1, self._prompt_id, {"1": {"class_type": "Save", "inputs": {}}}, {}, ["1"]]
        return {"prompt": prompt, "outputs": {"1": {"images": [file, file]}}, "status": status, "meta": {}}

    def _socket(self, connection: socket.socket, key: str, rng: random.Random) -> None:
        accepted = base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest()).decode()  # noqa: S324
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accepted.encode() + b"\r\n\r\n"
        )
        status = {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "x"}}
        _frame(connection, 1, json.dumps(status).encode())
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            rng.choice(MESSAGES)(self, connection, rng)
            time.sleep(0.01)

    def event(self, rng: random.Random) -> Any:
        """A message of a run, right or changed."""
        data: dict[str, Any] = {"prompt_id": self._prompt_id, "node": "1", "display_node": "1"}
        kind = rng.choice(
            ["execution_start", "executing", "executed", "progress", "progress_state", "execution_success"]
        )
        if kind == "executed":
            data["output"] = self._entry(rng.choice(self.names), rng)["outputs"]["1"]
        if kind == "progress":
            data |= {"value": 1, "max": 2}
        return {"type": kind, "data": changed(data, self.names, rng) if rng.random() < 0.5 else data}


def changed(value: Any, names: list[str], rng: random.Random, chance: float = 0.25) -> Any:
    """A JSON value with parts of it replaced."""
    if rng.random() < chance:
        return junk(names, rng)
    if isinstance(value, dict):
        return {
            (rng.choice(names) if rng.random() < 0.05 else name): changed(entry, names, rng, chance)
            for name, entry in value.items()
        }
    if isinstance(value, list):
        return [changed(entry, names, rng, chance) for entry in value]
    return value


def junk(names: list[str], rng: random.Random) -> Any:
    """A value that is not what anybody expects."""
    deep: Any = 0
    for _ in range(rng.choice([1, 50, 400])):
        deep = [deep] if rng.random() < 0.5 else {"x": deep}
    numbers = [-1, 0.5, 10**400, 1e308, float("nan"), float("-inf")]
    texts = ["", "\0", "\ud800", "x" * 100_000, *names]
    return rng.choice([None, True, *numbers, *texts, [], {}, [[]], [None] * 100, {"": {}}, deep])


def _json(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _bomb_picture() -> bytes:
    """A picture with a text that unpacks to 40 MB."""
    chunk = b"prompt\0\0" + _PACKED
    text = struct.pack(">I", len(chunk)) + b"zTXt" + chunk + struct.pack(">I", zlib.crc32(b"zTXt" + chunk))
    return PNG[:33] + text + PNG[33:]


_PACKED: Final = zlib.compress(b"[" + b"[]," * (13 * _MIB) + b"[]]", 9)
_GZIP_BOMB: Final = gzip.compress(b"[" + b"0," * (20 * _MIB) + b"0]", 9)


def _send(connection: socket.socket, body: bytes, status: str = "200 OK", *more: str) -> bool:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    connection.sendall("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body)
    return True


def _values(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    try:
        value = changed(json.loads(right), server.names, rng)
    except ValueError:
        value = junk(server.names, rng)
    return _send(connection, _json(value))


def _raw(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    body = rng.choice(
        [
            b"",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"[" + b"0," * 400_000 + b"0]",
            b'"' + b"x" * (2 * _MIB) + b'"',
            b"\xff\xfe\xfd",
            right.decode("latin-1").encode("utf-16"),
            b"\xef\xbb\xbf" + right,
            b"\0" + right,
            right[: len(right) // 2],
            b"1" * 5000,
            b"<html>" + b"<" * 10_000,
            rng.randbytes(1000),
        ]
    )
    return _send(connection, body, "200 OK", f"Content-Type: {rng.choice(['text/html', 'x;charset=no', ''])}")


def _status(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    status = rng.choice(
        ["204 No", "206 Part", "304 Same", "400 Bad", "401 No", "404 No", "413 Big", "429 Slow"]
    )
    status = rng.choice([status, "500 Oh", "502 Bad", "503 Off", "599 ?", "700 ?", "100 Go", "101 Other"])
    retry = rng.choice(["Retry-After: 0", "Retry-After: nan", "Retry-After: -1", "Retry-After: x" * 10])
    _send(connection, rng.choice([right, b"", _json({"error": junk(server.names, rng)})]), status, retry)
    return False


def _redirect(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    target = rng.choice(
        [
            server.elsewhere,
            "/",
            "//",
            "http://[",
            "file:///etc/passwd",
            "/again?x=\x7f",
            "ftp://x/",
            "",
            "x" * 9000,
        ]
    )
    return _send(connection, right, "302 There", f"Location: {target}", "Set-Cookie: a=b; Domain=127.0.0.1")


def _broken(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    connection.sendall(
        rng.choice(
            [
                b"",
                b"\x15\x03\x01\0\2\2\x46",
                b"HTTP/9.9 200\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + right,
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nx",
                b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
                b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 20_000 + b"\r\n",
                b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
                b"HTTP/1.1 200 OK\r\nX\xff\xfe: \0\r\n\r\n",
                rng.randbytes(2000),
            ]
        )
    )
    return False


def _packed(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    encoding, body = rng.choice(
        [
            ("gzip", _GZIP_BOMB),
            ("gzip, gzip", gzip.compress(_GZIP_BOMB)),
            ("deflate", zlib.compress(b"\0" * (30 * _MIB), 9)),
            ("gzip", gzip.compress(right)[:-5]),
            ("gzip", right),
            ("br", right),
            ("gzip", gzip.compress(right)),
            ("x" * 500, right),
        ]
    )
    return _send(connection, body, "200 OK", f"Content-Encoding: {encoding}")


def _endless(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + right)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection.sendall(b" " * 65536)
    return False


def _drip(server: HostileServer, connection: socket.socket, right: bytes, rng: random.Random) -> bool:
    first = rng.choice([b"", b"HTTP/1.1 200 OK\r\nX-Y: ", b"HTTP/1.1 200 OK\r\n\r\n"])
    connection.sendall(first)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection.sendall(b" " if first else b"H")
        time.sleep(0.05)
    return False


Answer = Callable[[HostileServer, socket.socket, bytes, random.Random], bool]
ANSWERS: Final[list[Answer]] = [
    _values, _values, _values, _raw, _raw, _status, _redirect, _broken, _packed, _endless, _drip
]  # fmt: skip


def _frame(
    connection: socket.socket, opcode: int, data: bytes, *, end: bool = True, reserved: int = 0
) -> None:
    head = bytes([(0x80 if end else 0) | reserved | opcode])
    if len(data) < 126:
        head += bytes([len(data)])
    elif len(data) < 65536:
        head += struct.pack(">BH", 126, len(data))
    else:
        head += struct.pack(">BQ", 127, len(data))
    connection.sendall(head + data)


def _event(server: HostileServer, connection: socket.socket, rng: random.Random) -> None:
    _frame(connection, 1, _json(server.event(rng)))


def _junk_frame(server: HostileServer, connection: socket.socket, rng: random.Random) -> None:
    _frame(
        connection, rng.choice([1, 2]), rng.choice([b"", _json(junk(server.names, rng)), rng.randbytes(300)])
    )


def _picture_frame(server: HostileServer, connection: socket.socket, rng: random.Random) -> None:
    metadata = _json(changed({"node_id": "1", "image_type": "image/png"}, server.names, rng))
    length = rng.choice([len(metadata), 2**31, 2**32 - 1, 0])
    frames = [
        struct.pack(">II", 1, rng.choice([1, 2, 9])) + PNG,
        struct.pack(">II", 4, length) + metadata + PNG,
    ]
    _frame(
        connection, 2, rng.choice([*frames, struct.pack(">II", 3, 2**31) + b"x", struct.pack(">I", 2**31)])
    )


def _wrong_frame(server: HostileServer, connection: socket.socket, rng: random.Random) -> None:
    rng.choice(
        [
            lambda: _frame(connection, rng.choice([3, 7, 11, 15]), b"x"),
            lambda: _frame(connection, 1, b"x" * 100, reserved=0x40),
            lambda: _frame(connection, 1, b"\xff\xfe"),
            lambda: _frame(connection, 1, b"x" * (3 * _MIB)),
            lambda: connection.sendall(struct.pack(">BBQ", 0x82, 127, 2**62)),
            lambda: _frame(connection, 9, b"x" * 125),
            lambda: _frame(connection, 8, struct.pack(">H", rng.choice([0, 1000, 1009, 4999, 65535]))),
            lambda: [_frame(connection, 0 if index else 2, b"x" * 65536, end=False) for index in range(40)],
        ]
    )()


Message = Callable[[HostileServer, socket.socket, random.Random], None]
MESSAGES: Final[list[Message]] = [_event, _event, _event, _junk_frame, _picture_frame, _wrong_frame]
