"""What clients are made with: every option, with what it is where it is left out.

It stands outside of `client`, which takes long to import: `load_schema` takes these options, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from .bounds import Bounds

if TYPE_CHECKING:
    import ssl

    import httpx

    from .client.flow import Middleware


BackendName: TypeAlias = Literal["auto", "comfyui", "comfy-api-v2"]
"""What is spoken at a server's address; ``auto`` finds out."""


@dataclass(frozen=True)
class Limits:
    """How long a client waits, and how often it tries; seconds.

    Attributes:
        connect: For a connection.
        answer: For the status and the headers of an answer, and between two pieces of it.
        socket: For the WebSocket before a prompt is sent without it.
        quiet: How long the socket may say nothing about a prompt before the server is asked.
        quiet_most: The longest pause between two such questions.
        poll: The first pause between two questions where there is no socket.
        poll_most: The longest one.
        history: How long a prompt that has ended may be missing in the history.
        patience: How long the server may be away while something is waited for.
        retries: How often a request is repeated that did not arrive.
        backoff: The first pause before a repetition; it doubles.
        backoff_most: The longest one.
    """

    connect: float = 10.0
    answer: float = 120.0
    socket: float = 5.0
    quiet: float = 2.0
    quiet_most: float = 10.0
    poll: float = 0.05
    poll_most: float = 1.0
    history: float = 15.0
    patience: float = 120.0
    retries: int = 4
    backoff: float = 0.1
    backoff_most: float = 10.0


class ClientOptions(TypedDict, total=False):
    """What `Client` and `AsyncClient` take beside the server's address.

    Attributes:
        token: Sent as ``?token=…``, as login extensions of ComfyUI want it.
        bearer: Sent as ``Authorization: Bearer …``.
        basic: Name and password, sent as ``Authorization: Basic …``.
        api_key: Sent as ``X-API-Key``, as Comfy Cloud wants it.
        user: Sent as ``Comfy-User``, for a server with several users.
        headers: Further headers. Like all of the above they go to this server only.
        auth: An httpx auth class, for anything else.
        client_id: The id of the socket; a new one by default. Two clients must not share one.
        limits: How long to wait and how often to try.
        bounds: How much the server may send.
        middleware: What every request goes through, outermost first.
        websocket: False does without the socket and asks the server instead.
        cache: Seconds for which lists of what the server has are kept: node classes, models,
            embeddings, extensions. None are kept by default, nor after the socket was away.
        disk_cache: Whether answers that the server has given an ETag are kept between runs, in the cache
            folder (``docs/cache.md``). The server is asked each time whether they still hold.
        event_hooks: As httpx takes them: lists of functions for ``request`` and ``response``.
        verify: For https: a file with the certificate of the server or of who signed it, an SSL
            context, or False, which trusts everybody. None: what is configured, or the system's own.
        proxy: The address of a proxy, instead of the environment's; ``""`` for none.
        partner_api_key: The key for nodes that call paid services, for every prompt.
        backend: What is spoken at the address: ``comfyui``, or ``comfy-api-v2`` (Comfy Cloud,
            ``comfy-api-proxy``). ``auto`` finds out before anything is queued.
    """

    token: str | None
    bearer: str | None
    basic: tuple[str, str] | None
    api_key: str | None
    user: str | None
    headers: Mapping[str, str] | None
    auth: httpx.Auth | None
    client_id: str | None
    limits: Limits | None
    bounds: Bounds | None
    middleware: Sequence[Middleware]
    websocket: bool
    cache: float
    disk_cache: bool
    event_hooks: Mapping[str, list[Callable[..., Any]]] | None
    verify: ssl.SSLContext | bool | str | os.PathLike[str] | None
    proxy: str | None
    partner_api_key: str | None
    backend: BackendName


@dataclass(frozen=True, repr=False)  # it may hold secrets
class ClientSettings:
    """What a client is made with: `ClientOptions`, and what they are where they are left out."""

    token: str | None = None
    bearer: str | None = None
    basic: tuple[str, str] | None = None
    api_key: str | None = None
    user: str | None = None
    headers: Mapping[str, str] | None = None
    auth: httpx.Auth | None = None
    client_id: str | None = None
    limits: Limits | None = None
    bounds: Bounds | None = None
    middleware: Sequence[Middleware] = ()
    websocket: bool = True
    cache: float = 0.0
    disk_cache: bool = True
    event_hooks: Mapping[str, list[Callable[..., Any]]] | None = None
    verify: ssl.SSLContext | bool | str | os.PathLike[str] | None = None
    proxy: str | None = None
    partner_api_key: str | None = None
    backend: BackendName = "auto"
