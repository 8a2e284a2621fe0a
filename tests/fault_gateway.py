"""What may stand between a client and a server and speaks HTTP: it answers wrongly, by a seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from typing_extensions import Self

from comfyflow.simulator.instance import listening
from tests.loop_thread import opened_in_thread

PAGE = b"<html><body><h1>Starting</h1></body></html>"

BEFORE = ("500", "502", "503", "page", "words", "object", "empty", "reset", "drip")
"""Instead of what the server would answer; it is not asked."""
AFTER = ("500 after", "502 after", "page after", "reset after", "half", "cut")
"""The server has done what it was asked; the answer is lost. ``half`` ends too early, ``cut`` is
half of the text in a whole answer."""
SLOW = ("delay", "late")
"""An answer that is late; a 502, and only then the server is asked."""
WHOLE = frozenset({"words", "object", "empty", "cut"})
"""Not for files: nothing tells half a picture in a whole answer, or a few words, from a file."""

_ANSWERS: dict[str, tuple[int, str, bytes]] = {
    "500": (500, "text/plain", b"500 Internal Server Error"),
    "502": (502, "text/html", PAGE),
    "503": (503, "text/plain", b"busy"),
    "page": (200, "text/html", PAGE),
    "words": (200, "text/plain", b"OK"),
    "object": (200, "application/json", b'{"error": "the upstream is asleep"}'),
    "empty": (200, "application/json", b""),
    "late": (502, "text/html", PAGE),
}


@dataclass
class FaultGateway:
    """Stands in front of a server.

    Args:
        target: The server's port; asked for each request.
        seed: Of the faults.
        badness: How many of the requests have a fault.
    """

    target: Callable[[], int]
    seed: int
    badness: float
    faults: Counter[str] = field(default_factory=Counter)
    """How often each fault was, by route."""
    port: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(f"gateway/{self.seed}")
        self._later: set[asyncio.Task[object]] = set()
        self._thread = ExitStack()

    def __enter__(self) -> Self:
        self.port, _ = self._thread.enter_context(opened_in_thread(self._serving, "fault-gateway"))
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    @asynccontextmanager
    async def _serving(self) -> AsyncGenerator[int]:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._answer)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(auto_decompress=False, connector=connector) as self._session:
            async with listening(app, "127.0.0.1", patience=0.2) as port:
                yield port
            for task in self._later:
                task.cancel()
            await asyncio.gather(*self._later, return_exceptions=True)

    def _draw(self, request: web.Request) -> str:
        """The fault of a request, if it is to have one."""
        if self._chance.random() >= self.badness:
            return ""
        kinds = [*BEFORE, *AFTER, *SLOW]
        if request.path.endswith("/ws"):
            kinds = ["500", "502", "page", "reset"]
        elif request.path.endswith("/view"):
            kinds = [kind for kind in kinds if kind not in WHOLE]
        return self._chance.choice(kinds)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = self._draw(request)
        route = "/".join(request.path.removeprefix("/api").split("/")[:2])
        self.faults[f"{request.method} {route}: {fault or 'good'}"] += 1
        body = await request.read()
        if fault == "late":
            self._run_later(self._delayed(request, body, self._chance.uniform(0.05, 0.4)))
        if fault in _ANSWERS:
            status, kind, content = _ANSWERS[fault]
            return web.Response(status=status, content_type=kind, body=content)
        if fault == "drip":
            return await self._drip(request)
        if fault == "reset":
            return _reset(request)
        if request.path.endswith("/ws"):
            return await self._pipe(request)
        return await self._changed(request, body, fault)

    async def _changed(self, request: web.Request, body: bytes, fault: str) -> web.StreamResponse:
        """The server's answer, or what is made of it."""
        if fault == "delay":
            await asyncio.sleep(self._chance.uniform(0.05, 0.6))
        said = await self._forward(request, body)
        if said is None:
            return web.Response(status=502, content_type="text/html", body=PAGE)
        if fault == "reset after":
            return _reset(request)
        if fault.endswith(" after"):
            status, kind, content = _ANSWERS[fault.removesuffix(" after")]
            return web.Response(status=status, content_type=kind, body=content)
        status, headers, content = said
        if fault == "cut":
            return web.Response(status=status, headers=headers, body=content[: len(content) // 2])
        if fault == "half":
            answer = web.StreamResponse(
                status=status, headers={**headers, "Content-Length": str(len(content))}
            )
            await answer.prepare(request)
            await answer.write(content[: len(content) // 2])
            return _reset(request)
        return web.Response(status=status, headers=headers, body=content)

    async def _forward(self, request: web.Request, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """What the server answers; None where it is not there."""
        kept = ("content-type", "range", "if-range")
        headers = {name: value for name, value in request.headers.items() if name.lower() in kept}
        url = f"http://127.0.0.1:{self.target()}{request.raw_path}"
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, OSError):
            return None
        kept = ("content-type", "content-disposition", "etag", "content-range", "last-modified")
        passed = {name: value for name, value in answer.headers.items() if name.lower() in kept}
        return answer.status, passed, content

    async def _delayed(self, request: web.Request, body: bytes, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._forward(request, body)

    def _run_later(self, work: object) -> None:
        task = asyncio.get_running_loop().create_task(work)  # type: ignore[arg-type]
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        """A header that never comes to its end."""
        transport = request.transport
        assert transport is not None
        transport.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")  # type: ignore[attr-defined]
        while not transport.is_closing():
            transport.write(b"x")  # type: ignore[attr-defined]
            await asyncio.sleep(0.2)
        return _reset(request)

    async def _pipe(self, request: web.Request) -> web.StreamResponse:
        """A WebSocket, both ways."""
        url = f"ws://127.0.0.1:{self.target()}{request.raw_path}"
        try:
            async with self._session.ws_connect(url, max_msg_size=0) as server:
                return await _between(request, server)
        except (aiohttp.ClientError, OSError):
            return web.Response(status=502)


Side = aiohttp.ClientWebSocketResponse | web.WebSocketResponse


async def _between(request: web.Request, server: aiohttp.ClientWebSocketResponse) -> web.StreamResponse:
    """Carry what two sides of a WebSocket say until one of them ends."""
    client = web.WebSocketResponse(max_msg_size=0)
    await client.prepare(request)
    ways = [asyncio.ensure_future(_carry(server, client)), asyncio.ensure_future(_carry(client, server))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        with contextlib.suppress(OSError, aiohttp.ClientError):
            await client.close()
    return client


async def _carry(source: Side, target: Side) -> None:
    with contextlib.suppress(OSError, RuntimeError, aiohttp.ClientError):
        async for message in source:
            if message.type is aiohttp.WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await target.send_bytes(message.data)


def _reset(request: web.Request) -> web.StreamResponse:
    """No answer, or no more of it."""
    if request.transport is not None:
        request.transport.abort()  # type: ignore[attr-defined]
    return web.Response()
