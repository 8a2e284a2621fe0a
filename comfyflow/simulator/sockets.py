"""The WebSocket side of a simulated server: who is connected, and what is sent to whom.

All messages leave through one task, one after the other. So a client that does not read holds
up every other client, as it does on a real server (recordings, l12).
"""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from aiohttp import WSCloseCode, WSMsgType, web

PREVIEW_IMAGE: Final = 1
TEXT: Final = 3
PREVIEW_IMAGE_WITH_METADATA: Final = 4


class Message(NamedTuple):
    """One thing to send: a string message (`data` is JSON) or a binary frame (`data` is bytes)."""

    type: str
    data: Any
    client_id: object


class Sockets:
    """The connected clients.

    Args:
        loop: The server's loop.
        greeting: Gives what a new client is sent: ``status``, and ``executing`` where it owns
            the running prompt.
        features: What the server answers to a client's feature flags.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        greeting: Callable[[str], list[tuple[str, Any]]],
        features: dict[str, Any],
    ) -> None:
        self._loop = loop
        self._greeting = greeting
        self._features = features
        self._connected: dict[object, web.WebSocketResponse] = {}
        self._flags: dict[str, Any] = {}
        self._open: set[web.WebSocketResponse] = set()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._clear = asyncio.Event()
        self._clear.set()
        self.silent = False
        """Whether nothing is sent at all, though the sockets stay open."""

    def send(self, kind: str, data: Any, client_id: object = None) -> None:
        """Queue a message, from any thread.

        Args:
            kind: The message's type; ``""`` for a binary frame.
            data: JSON, or the frame's bytes.
            client_id: Whom to; None means everyone; one that is not connected means no one.
        """
        try:
            self._loop.call_soon_threadsafe(self._outbox.put_nowait, Message(kind, data, client_id))
        except RuntimeError:
            return  # the loop is closed: the server is gone, and so are its clients

    def feature(self, client_id: object, name: str) -> bool:
        """Whether a client has announced a feature.

        Raises:
            AttributeError: Its flags are not object: what breaks its nodes on real servers too.
        """
        flags = self._flags.get(client_id) if isinstance(client_id, str) else None
        if flags is None and client_id not in self._flags:
            return False
        return flags.get(name, False) is True  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]

    async def publish(self) -> None:
        """Send what is queued, for as long as the server lives."""
        while True:
            message = await self._outbox.get()
            await self._clear.wait()
            if not self.silent:
                await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        if message.client_id is None:
            for socket in list(self._connected.values()):
                await _write(socket, message)
        else:
            # A list or an object as id is not a key: the error ends the server, as it ends real ones.
            addressed = self._connected.get(message.client_id)
            if addressed is not None:
                await _write(addressed, message)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until it goes.

        A second socket of the same client takes the first one's place without closing it, and
        when either ends the other is left open and deaf: the server's own trap.
        """
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client_id = request.query.get("clientId", "") or uuid.uuid4().hex
        self._connected.pop(client_id, None)
        self._connected[client_id] = socket
        self._flags[client_id] = {}
        self._open.add(socket)
        try:
            for kind, data in self._greeting(client_id):
                await _write(socket, Message(kind, data, client_id))
            await self._listen(socket, client_id)
        finally:
            self._open.discard(socket)
            self._connected.pop(client_id, None)
            self._flags.pop(client_id, None)
        return socket

    async def _listen(self, socket: web.WebSocketResponse, client_id: str) -> None:
        first = True
        async for incoming in socket:
            if incoming.type != WSMsgType.TEXT:
                continue
            try:
                said: Any = json.loads(incoming.data)
            except (ValueError, RecursionError):
                continue  # bad JSON does not use up the first message
            if not hasattr(said, "get"):
                continue
            if first and said.get("type") == "feature_flags":
                self._flags[client_id] = said.get("data", {})
                await _write(socket, Message("feature_flags", self._features, client_id))
            first = False

    def stall(self) -> None:
        """Stop sending to anybody, as if another client had stopped reading."""
        self._loop.call_soon_threadsafe(self._clear.clear)

    def resume(self) -> None:
        """Send again, beginning with what was held up."""
        self._loop.call_soon_threadsafe(self._clear.set)

    async def drop(self, client_id: str | None = None) -> None:
        """Cut connections without a goodbye.

        Args:
            client_id: Whose; None means all.
        """
        for socket in list(self._open):
            if client_id is None or self._connected.get(client_id) is socket:
                transport = _transport(socket)
                if transport is not None:
                    transport.abort()

    async def close(self) -> None:
        """Close all sockets."""
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"server shutdown")

    @property
    def clients(self) -> tuple[str, ...]:
        """The ids of the connected clients."""
        return tuple(map(str, self._connected))


def _transport(socket: web.WebSocketResponse) -> asyncio.Transport | None:
    request = getattr(socket, "_req", None)
    return getattr(request, "transport", None)


async def _write(socket: web.WebSocketResponse, message: Message) -> None:
    sending: Awaitable[None]
    if isinstance(message.data, bytes):
        sending = socket.send_bytes(message.data)
    else:
        sending = socket.send_str(json.dumps({"type": message.type, "data": message.data}))
    try:
        await sending
    except (ConnectionError, RuntimeError):
        return  # the client has gone; its handler cleans up


def image_frame(image: bytes, image_format: str) -> bytes:
    """Frame 1: a preview as clients without feature flags get it."""
    return struct.pack(">II", PREVIEW_IMAGE, 2 if image_format == "PNG" else 1) + image


def metadata_frame(image: bytes, image_format: str, metadata: dict[str, Any]) -> bytes:
    """Frame 4: a preview that says which node and prompt it belongs to."""
    told = json.dumps({**metadata, "image_type": f"image/{image_format.lower()}"}).encode()
    return struct.pack(">II", PREVIEW_IMAGE_WITH_METADATA, len(told)) + told + image


def text_frame(node_id: str, text: str) -> bytes:
    """Frame 3: a line of text that a node shows while it works."""
    name = node_id.encode()
    return struct.pack(">II", TEXT, len(name)) + name + text.encode()
