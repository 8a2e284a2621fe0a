"""What a WebSocket is to a client: one can be handed in, for another network or a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class SocketRequest:
    """A WebSocket that is to be opened.

    Attributes:
        url: Its address, with ``clientId`` and whatever credentials go into the query.
        headers: What the handshake sends, credentials among it.
        tls: How a ``wss`` address is to be checked; None for ``ws``, or no check.
        proxy: The address of the proxy to go through, or None.
        timeout: Seconds that it may take.
        largest: The largest message to take, in bytes.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None
    proxy: str | None = field(repr=False)
    timeout: float
    largest: int | None


class Socket(Protocol):
    """An open WebSocket. One thread receives; another may close it, which ends the receiving.

    Whatever a method raises means that the connection is broken; the client opens another.
    """

    def send(self, text: str, /) -> object:
        """Send a text message."""
        ...

    def recv(self) -> str | bytes:
        """The next message, text or binary."""
        ...

    def close(self) -> object:
        """Close it; closing it again does nothing."""
        ...


class AsyncSocket(Protocol):
    """An open WebSocket for asyncio; see `Socket`."""

    async def send(self, text: str, /) -> object:
        """Send a text message."""
        ...

    async def recv(self) -> str | bytes:
        """The next message, text or binary."""
        ...

    async def close(self) -> object:
        """Close it; closing it again does nothing."""
        ...


ConnectSocket: TypeAlias = Callable[[SocketRequest], Socket]
"""Opens a socket for a `Client`."""
AsyncConnectSocket: TypeAlias = Callable[[SocketRequest], Awaitable[AsyncSocket]]
"""Opens a socket for an `AsyncClient`."""
