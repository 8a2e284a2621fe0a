"""How to connect to a server: credentials, TLS, proxies, and sockets that are passed in."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode

from ..cache_folder import cache_folder
from ..client_options import ClientSettings
from ..configuration import GivenCredentials, given_credentials
from ..errors import ClientError, ConfigurationError
from .address import Address, Credentials, basic, bearer, read_address, redacted
from .api_v2 import ApiV2
from .backend import Recognition
from .comfyui_backend import ComfyUI
from .core import Core
from .flow import Signal
from .pace import keep_pace

if TYPE_CHECKING:
    import ssl

    import httpx


@dataclass(frozen=True)
class SocketRequest:
    """A WebSocket to open.

    Attributes:
        url: Its address, with ``clientId`` and any credentials that belong in the query.
        headers: The headers of the handshake, including credentials.
        tls: How to verify a ``wss`` address; None for ``ws``, or for no verification.
        proxy: The address of the proxy to go through, or None.
        timeout: The time limit, in seconds.
        largest: The largest message to accept, in bytes.
    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None
    proxy: str | None = field(repr=False)
    timeout: float
    largest: int | None


class WebSocket(Protocol):
    """An open WebSocket. One thread receives; another may close it, which ends the receive.

    Any exception of a method means that the connection is broken; the client opens another.
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


class AsyncWebSocket(Protocol):
    """An open WebSocket for asyncio; see `WebSocket`."""

    async def send(self, text: str, /) -> object:
        """Send a text message."""
        ...

    async def recv(self) -> str | bytes:
        """The next message, text or binary."""
        ...

    async def close(self) -> object:
        """Close it; closing it again does nothing."""
        ...


ConnectSocket: TypeAlias = Callable[[SocketRequest], WebSocket]
"""Opens a socket for a `Client`."""


AsyncConnectSocket: TypeAlias = Callable[[SocketRequest], Awaitable[AsyncWebSocket]]
"""Opens a socket for an `AsyncClient`."""


T = TypeVar("T")


_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def make_core(url: str | None, new_signal: Callable[[], Signal], options: ClientSettings) -> Core:
    """Make the core of a client.

    Args:
        url: The server; see `read_address`.
        new_signal: Makes a signal of the driver's kind.
        options: The options that the client was created with.

    Raises:
        ClientError: The address is not valid.
    """
    address, given = read_address(url)
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    others: dict[str, str] = {}
    for configured in given_credentials():
        if configured.server is None or _is_for(configured.server, address):
            _add(headers, query, _typed(configured), configured.headers)
            others.update(configured.values)
    headers.update(given.headers)
    query.update(given.query)
    _add(headers, query, options, options.headers or {})
    _check_headers(headers)
    key = options.partner_api_key or others.get("partner_api_key")
    core = Core(
        address,
        Credentials(headers, tuple(query.items()), (key,) if key else ()),
        new_signal,
        Recognition(ComfyUI(), ApiV2(), options.backend, address.host),
        client_id=options.client_id,
        limits=options.limits,
        bounds=options.bounds,
        middleware=options.middleware,
        use_socket=options.websocket,
        cache_seconds=options.cache,
    )
    core.partner_api_key = key
    core.trusted = others.get("ca")
    core.disk = cache_folder(used=options.disk_cache)
    return core


def _is_for(server: str, address: Address) -> bool:
    """Whether a configured server is the one in use; one that cannot be read is not."""
    try:
        return read_address(server)[0].origin == address.origin
    except ClientError:
        return False


def _typed(configured: GivenCredentials) -> ClientSettings:
    """The options that configured credentials stand for."""
    values = configured.values
    pair: tuple[str, str] | None = None
    if "basic" in values:
        name, colon, password = values["basic"].partition(":")
        if not colon:
            raise ConfigurationError(f"basic, from {configured.by}, must be NAME:PASSWORD")
        pair = (name, password)
    return ClientSettings(
        token=values.get("token"),
        bearer=values.get("bearer"),
        basic=pair,
        api_key=values.get("api_key"),
        user=values.get("user"),
    )


def _add(
    headers: dict[str, str], query: dict[str, str], options: ClientSettings, further: Mapping[str, str]
) -> None:
    """Put the options' credentials into the headers and the query."""
    if (token := options.token) is not None:
        query["token"] = token
    if (name_and_password := options.basic) is not None:
        headers["Authorization"] = basic(*name_and_password)
    if (secret := options.bearer) is not None:
        headers["Authorization"] = bearer(secret)
    if (key := options.api_key) is not None:
        headers["X-API-Key"] = key
    if (user := options.user) is not None:
        headers["Comfy-User"] = user
    headers.update(further)


def _check_headers(headers: Mapping[str, str]) -> None:
    """Refuse what an HTTP header cannot hold, without showing its value.

    Raises:
        ClientError: A name or a value cannot be sent, such as a token that was read with its line end.
    """
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ClientError(f"{name!r:.60} is not an HTTP header name")
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise ClientError(
                f"the value of the header {name} cannot be sent: HTTP takes visible ASCII, without "
                "surrounding spaces or line ends (strip what was read from a file)"
            )


class ConnectionOptions:
    """How to connect, for both drivers.

    Args:
        core: The client.
        options: The options that the client was created with.
    """

    def __init__(self, core: Core, options: ClientSettings) -> None:
        import httpx

        self.auth: Final = options.auth
        named = options.proxy
        self.proxy: Final = environment_proxy(core.address) if named is None else named or None
        self.event_hooks: Final = options.event_hooks
        verify = options.verify
        if verify is None:
            verify = core.trusted or True
        self.tls: ssl.SSLContext | bool = verify if isinstance(verify, bool) else True
        if core.address.scheme == "https":
            self.tls = tls_context(verify)
        limits = core.limits
        self.timeout: Final = httpx.Timeout(limits.answer, connect=limits.connect)

    def transport(self, kind: Callable[..., T]) -> T:
        """Make an httpx transport for this server.

        Raises:
            ClientError: The named proxy cannot be used.
        """
        try:
            verify = tls_context(True) if self.tls is True else self.tls
            return keep_pace(kind(verify=verify, proxy=self.proxy))
        except (ImportError, ValueError) as error:
            raise ClientError(_no_proxy(self.proxy or "", error)) from None

    def socket_request(self, core: Core) -> SocketRequest:
        """The socket to open."""
        import ssl

        address = core.address
        return SocketRequest(
            _with_query(address.socket_url(core.client_id), core.credentials),
            {**core.credentials.headers, **_auth_headers(self.auth, address)},
            self.tls if address.scheme == "https" and isinstance(self.tls, ssl.SSLContext) else None,
            self.proxy,
            core.limits.connect,
            core.bounds.message,
        )

    def socket(self, core: Core) -> dict[str, Any]:
        """The arguments of websockets' ``connect``."""
        request = self.socket_request(core)
        return {
            "uri": request.url,
            "ssl": request.tls,
            "additional_headers": request.headers,
            "proxy": request.proxy,
            "open_timeout": request.timeout,
            "ping_timeout": 60.0,
            "close_timeout": 2.0,
            "max_size": request.largest,
            "max_queue": 16,
            "compression": None if _is_local(core.address) else "deflate",
            "logger": _silent_logger(),
        }


def tls_context(verify: ssl.SSLContext | bool | str | os.PathLike[str]) -> ssl.SSLContext:
    """The TLS context that verifies the server's certificate, for its WebSocket too.

    Raises:
        ClientError: The named file contains no certificate.
    """
    import ssl

    import httpx

    if isinstance(verify, ssl.SSLContext):
        return verify
    if verify is True:
        return _usual_tls_context(*map(os.environ.get, _CERTIFICATES))
    if verify is False:
        return httpx.create_ssl_context(verify=False)
    path = os.fspath(verify)
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        reason = "it contains no certificate in PEM form"
    except OSError as error:
        reason = error.strerror or str(error)
    raise ClientError(f"cannot trust the certificates in {path}: {reason}")


@functools.cache
def _usual_tls_context(*_places: str | None) -> ssl.SSLContext:
    """The context that trusts the usual authorities: reading their certificates takes longer than creating a
    client.

    Args:
        _places: Where the environment says that certificates are; httpx heeds it.
    """
    import httpx

    return httpx.create_ssl_context()


def environment_proxy(address: Address) -> str | None:
    """The environment's proxy for an address, if any."""
    from urllib.request import getproxies, proxy_bypass

    host = address.host.strip("[]")
    if _is_local(address) or proxy_bypass(host):
        return None
    found = getproxies()
    proxy = found.get(address.scheme) or found.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _no_proxy(proxy: str, error: Exception) -> str:
    """Why a proxy cannot be used, without the password in its address."""
    shown = redacted(proxy)
    if isinstance(error, ImportError):
        return f"the proxy {shown} needs more packages: pip install 'httpx[socks]' python-socks"
    return f"{shown!r} is not a proxy address; write it like http://127.0.0.1:3128"


def _is_local(address: Address) -> bool:
    return address.host in ("localhost", "[::1]") or address.host.startswith("127.")


def within_origin(connect: Any, address: Address) -> Any:
    """The ``connect`` of websockets, which follows redirects only within an origin: its headers carry
    credentials.

    Args:
        connect: The class; or a function, as in older versions, which follows no redirects.
        address: The server.
    """
    if not isinstance(connect, type):
        return connect
    follow: Any = getattr(connect, "process_redirect", None)

    def process_redirect(self: Any, failure: Exception) -> Exception | str:
        led: Exception | str = follow(self, failure)
        return led if isinstance(led, Exception) or address.owns(led) else failure

    return type("Connect", (connect,), {"process_redirect": process_redirect})


def _with_query(url: str, credentials: Credentials) -> str:
    return f"{url}&{urlencode(credentials.query)}" if credentials.query else url


def _auth_headers(auth: httpx.Auth | None, address: Address) -> dict[str, str]:
    """The headers that an httpx auth class adds to a request, for the socket's handshake."""
    if auth is None:
        return {}
    import httpx

    request = httpx.Request("GET", address.url_of("/ws"))
    before = set(request.headers)
    try:
        signed = next(auth.sync_auth_flow(request))
    except (StopIteration, RuntimeError, NotImplementedError):
        return {}
    return {name: value for name, value in signed.headers.items() if name not in before}


def _silent_logger() -> Any:
    """A logger that discards everything: websockets logs headers and addresses, with their secrets."""
    import logging

    logger = logging.Logger("comfyflow.websocket", logging.CRITICAL + 1)  # noqa: LOG001  # not a child of the root logger
    logger.propagate = False
    return logger
