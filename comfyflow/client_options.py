"""What clients are made with: every option, with what it is where it is left out.

It is outside of `client`, which takes long to import: `load_schema` takes these options, too.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

from .bounds import Bounds
from .number import read_count, read_seconds

if TYPE_CHECKING:
    import ssl

    import httpx

    from .client.flow import Middleware


BackendName: TypeAlias = Literal["auto", "comfyui", "comfy-api-v2"]
"""What is spoken at a server's address; ``auto`` finds out."""


@dataclass(frozen=True)
class Limits:
    """Timeouts and retries of a client, in seconds, each at most a million.

    Attributes:
        connect: For opening a connection.
        answer: For the status and headers of a response, and between two chunks of it.
        socket: For the WebSocket, before a prompt is sent without one.
        quiet: How long the socket may be silent about a prompt before the server is polled.
        quiet_most: The longest pause between two of these polls.
        poll: The first pause between two polls without a socket.
        poll_most: The longest one.
        history: How long a finished prompt may be missing from the history; ``math.inf`` for no limit.
        patience: How long the server may be unreachable during a wait; ``math.inf`` for no limit.
        retries: How often a request that did not arrive is retried.
        backoff: The first pause before a retry; it doubles each time.
        backoff_most: The longest one.

    Raises:
        TypeError: One is not a number, or `retries` is not a whole number.
        ValueError: One is negative or too large, or 0 where something must take time: `connect`, `answer`,
            `quiet_most`, `poll`, `poll_most`.
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

    def __post_init__(self) -> None:
        for entry in fields(Limits):
            value, name = getattr(self, entry.name), f"{entry.name} of Limits"
            if entry.name == "retries":
                value = read_count(value, name)
            else:
                zero, endless = entry.name not in _NEVER_ZERO, entry.name in _MAYBE_ENDLESS
                value = read_seconds(value, name, zero=zero, endless=endless)
            object.__setattr__(self, entry.name, value)


_NEVER_ZERO: Final = ("connect", "answer", "quiet_most", "poll", "poll_most")
"""A connection that may take no time is never made; a server that is polled without a pause is flooded."""

_MAYBE_ENDLESS: Final = ("history", "patience")
"""They are only compared with a time that has passed."""


class ClientOptions(TypedDict, total=False):
    """The options of `Client` and `AsyncClient`, besides the server's address.

    Attributes:
        token: Sent as ``?token=…``, as ComfyUI login extensions expect.
        bearer: Sent as ``Authorization: Bearer …``.
        basic: Name and password, sent as ``Authorization: Basic …``.
        api_key: Sent as ``X-API-Key``, as Comfy Cloud expects.
        user: Sent as ``Comfy-User``, for a server with several users.
        headers: Extra headers. Like all of the above, they are sent to this server only.
        auth: An httpx auth class, for anything else.
        client_id: The id of the socket; a new one by default. Two clients must not share one.
        limits: Timeouts and retries.
        bounds: How much the server may send.
        middleware: Wraps every request, outermost first.
        websocket: False polls the server instead of opening a socket.
        cache: Seconds for which the server's lists are cached: node classes, models,
            embeddings, extensions. By default none are, nor after the socket was lost.
        disk_cache: Whether responses with an ETag are kept between runs, in the cache folder
            (``docs/cache.md``). They are revalidated each time.
        event_hooks: As in httpx: lists of functions for ``request`` and ``response``.
        verify: For https: a file with the certificate of the server or its issuer, an SSL
            context, or False, which trusts any server. None: the configured certificate, or the system's.
        proxy: The URL of a proxy, instead of the environment's; ``""`` for none.
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

    def __post_init__(self) -> None:
        for name in _TEXTS:
            _check_text(name, getattr(self, name))
        headers, pair = self.headers, self.basic
        _check(
            headers is None or isinstance(headers, Iterable), "headers must be a mapping of names to values"
        )
        for name, value in headers.items() if isinstance(headers, Mapping) else ():
            _check(isinstance(value, str), f"header {name} must be a string, not {type(value).__name__}")
        is_pair = isinstance(pair, (tuple, list)) and [isinstance(each, str) for each in pair] == [True, True]
        _check(pair is None or is_pair, "basic must be (name, password)")
        _check(self.limits is None or isinstance(self.limits, Limits), "limits must be a Limits")
        _check(self.bounds is None or isinstance(self.bounds, Bounds), "bounds must be a Bounds")
        object.__setattr__(self, "cache", read_seconds(self.cache, "cache", endless=True))
        _check(isinstance(self.middleware, Iterable), "middleware must be a list of functions")


_TEXTS = ("token", "bearer", "api_key", "user", "partner_api_key")


def _check_text(name: str, value: object) -> None:
    # The value is not told: it may be a secret.
    _check(value is None or isinstance(value, str), f"{name} must be a string, not {type(value).__name__}")


def _check(is_right: bool, what: str) -> None:
    if not is_right:
        raise TypeError(what)
