"""Where a server is, which credentials are sent there and nowhere else, and what to do if nothing answers."""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit

from ..configuration import DEFAULT_SERVER, named_server
from ..errors import ClientError
from .flow import Answer, Request

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}")


_MISSPELT: Final = re.compile(r"(https?|wss?)(:[\s/\\]*|[\s/\\]{2,})([^\s/\\:].*)", re.IGNORECASE | re.DOTALL)


_PORT: Final = re.compile(r"\d+(?:[/?#]|\Z)")


_MISPLACED: Final = re.compile(r"//|:[^/]*@")
"""A path that no one intends, as in ``http:/ada:word@host``: it must not be shown."""


_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Credentials:
    """Credentials that identify us to a server.

    They are added below httpx's own logging, only to requests to one origin, and are never shown.

    Attributes:
        headers: By name.
        query: Names and values for the query.
        hidden: Other secrets: the key for paid services, which is sent with prompts.
    """

    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    query: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "<Credentials>" if self else "<no Credentials>"

    def __bool__(self) -> bool:
        return bool(self.headers or self.query)

    def hide(self, text: str) -> str:
        """A string with every secret removed."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every form in which a secret may appear in a string, the longest first."""
        found: set[str] = set()
        for value in (*self.headers.values(), *(value for _, value in self.query), *self.hidden):
            kind, _, bare = value.rpartition(" ")
            found.update((value, bare))
            if kind == "Basic":
                with contextlib.suppress(ValueError):
                    found.add(base64.b64decode(bare).decode().partition(":")[2])
        found.update([form(secret) for secret in found for form in (_quoted, quote_plus)])
        return tuple(sorted((secret for secret in found if len(secret) > 3), key=len, reverse=True))


@dataclass(frozen=True)
class Address:
    """A server's address.

    Attributes:
        scheme: ``http`` or ``https``.
        host: The host, an IPv6 address in brackets.
        port: The port.
        base: The path that the server's routes are below: ``""`` or ``/comfy``.
    """

    scheme: str
    host: str
    port: int
    base: str = ""

    @cached_property
    def origin(self) -> str:
        """Scheme, host and port, which credentials are bound to."""
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @cached_property
    def url(self) -> str:
        """The address as people write it."""
        return self.origin + self.base

    @cached_property
    def _root(self) -> str:
        return f"{self.origin}/"

    def url_of(self, path: str, query: tuple[tuple[str, str], ...] = ()) -> str:
        """The address of a route.

        Args:
            path: Percent-encoded, starting with ``/``.
            query: Names and values.
        """
        asked = f"?{urlencode(query, quote_via=quote, errors='surrogatepass')}" if query else ""
        return f"{self.url}{path}{asked}"

    def socket_url(self, client_id: str) -> str:
        """The address of the WebSocket, without credentials."""
        scheme = "wss" if self.scheme == "https" else "ws"
        return f"{scheme}{self.url[len(self.scheme) :]}/ws?clientId={quote(client_id, safe='')}"

    def owns(self, url: str) -> bool:
        """Whether an address has the same origin."""
        if url.startswith(self._root):
            return True
        try:
            parts = urlsplit(url)
            scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
            port = parts.port or _PORTS.get(scheme)
        except ValueError:
            return False
        return (scheme, _host(parts.hostname or ""), port) == (self.scheme, self.host, self.port)

    def __str__(self) -> str:
        return self.url


def read_address(url: str | None = None) -> tuple[Address, Credentials]:
    """Parse the address that a user writes, and the credentials in it.

    Args:
        url: ``http://127.0.0.1:8188``, ``https://user:word@host/base?token=…``, or only
            ``host:port``. None means ``COMFYFLOW_SERVER``, the config file's server, or else
            `DEFAULT_SERVER`: see `named_server`.

    Raises:
        ClientError: It is not a server address.
        TypeError: It is not a string.
        ConfigurationError: The config file cannot be read.
    """
    if url is not None and not isinstance(url, str):
        raise TypeError(
            f"a server's address must be a string like {DEFAULT_SERVER}, not {type(url).__name__}"
        )
    text = (url if url is not None else named_server().url).strip()
    meant = _with_slashes(text)
    if meant:
        raise _no_address(text, meant)
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:
        parts = urlsplit("")
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    try:
        port = _PORTS.get(scheme) if parts.port is None else parts.port
        host = _host(parts.hostname or "")
    except ValueError:
        port, host = None, ""
    if port is None or not host or _MISPLACED.search(parts.path):
        raise _no_address(text)
    if re.search(r"\s", host):
        shown = "".join(redacted(text).split())
        raise _no_address(text, shown if "://" in shown else f"http://{shown}")
    if port == 0:
        advice = f"nothing listens on port 0: ComfyUI's own port is 8188, as in {DEFAULT_SERVER}"
        raise _no_address(text, advice=advice)
    base = parts.path.rstrip("/").removesuffix("/api")
    return Address(scheme, host, port, quote(base, safe="/%:@!$&'()*+,;=~-._")), _credentials_in(parts)


def _no_address(text: str, meant: str = "", advice: str = "") -> ClientError:
    """The error for what is not an address.

    Args:
        text: What was given.
        meant: The address that it is likely to be, without secrets.
        advice: What is wrong, if that is known.
    """
    if meant and "…" not in meant:
        advice = f"did you mean {meant}?"
    advice = advice or f"write it like {DEFAULT_SERVER}"
    return ClientError(f"{redacted(text)!r} is not a server address; {advice}")


def _with_slashes(text: str) -> str:
    """An address whose ``://`` is misspelt, spelled right and without secrets; ``""`` for any other."""
    found = _MISSPELT.fullmatch(text)
    if found is None or found[2] == "://":
        return ""
    if found[2] == ":" and ("@" in found[3] or _PORT.match(found[3])):  # a user or a host of that name
        return ""
    return redacted(f"{found[1].lower()}://{found[3]}")


def is_loopback(host: str) -> bool:
    """Whether an address is local to this computer.

    Args:
        host: The address, or a name.
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def redacted(text: str) -> str:
    """An address without anything that may be secret, even if the address cannot be parsed.

    Args:
        text: What a user wrote as an address: ``http://ada:pass/word@host?token=x``.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator or not _SCHEME.fullmatch(scheme):
        scheme, separator, rest = "", "", text.strip()
    plain = re.split(r"[?#]", rest, maxsplit=1)[0]
    if "@" in plain:
        plain = plain.rpartition("@")[2]
    elif "@" in rest:  # a password with a ? in it, or an @ in the query: there is no way to tell
        plain = "…"
    return f"{scheme}{separator}{plain}"


def bearer(token: str) -> str:
    """The value of an ``Authorization`` header for a token."""
    return f"Bearer {token}"


def basic(name: str, password: str) -> str:
    """The value of an ``Authorization`` header for a name and a password."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode("ascii")


def _credentials_in(parts: SplitResult) -> Credentials:
    headers: dict[str, str] = {}
    if parts.username is not None:
        headers["Authorization"] = basic(unquote(parts.username), unquote(parts.password or ""))
    return Credentials(headers, tuple(parse_qsl(parts.query, keep_blank_values=True)))


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _host(host: str) -> str:
    host = host.lower()
    return f"[{host}]" if ":" in host else host


_PLAIN_HTTP: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
"""OpenSSL's reasons when the other side does not speak TLS."""


_OTHER_NAME: Final = frozenset({62, 64})


_EXPIRED: Final = 10


_NOT_YET: Final = 9


_USERS: Final = ("/api/settings", "/api/userdata", "/api/v2/userdata", "/api/users")


_EVERYWHERE: Final = ("/api/system_stats", "/api/object_info", "/api/prompt")
"""Routes that every ComfyUI has: a server without them is not ComfyUI. Other servers answer a POST with 405.
"""


_MORE: Final = "see docs/connecting.md"


def for_connection(address: Address, error: BaseException, proxy: str | None) -> str:
    """Advice on a connection error; ``""`` if there is none.

    Args:
        address: The server.
        error: What httpx or websockets raised.
        proxy: The proxy that the connection goes through, or None.
    """
    import httpx

    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return _for_certificate(tls)
    if tls is not None and address.scheme == "https" and _speaks_http(tls):
        return f"it does not speak TLS: write http://{address.url.removeprefix('https://')}"
    if proxy is not None and isinstance(
        error, (httpx.ProxyError, httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError)
    ):
        return (
            f"the connection goes through the proxy {redacted(proxy)}, which HTTP_PROXY, "
            f"HTTPS_PROXY, ALL_PROXY or proxy= names: is it running? "
            f'NO_PROXY={address.host} or proxy="" bypasses it'
        )
    if address.scheme == "http" and isinstance(error, (httpx.RemoteProtocolError, httpx.ReadError)):
        secure = f"https://{address.url.removeprefix('http://')}"
        if "illegal request line" in str(error) or "\\x15\\x03" in str(error):  # of an alert, h11 says
            return f"it speaks TLS: write {secure}"
        if "without sending a response" in str(error) or isinstance(error, httpx.ReadError):
            return f"if it speaks TLS, write {secure}"
    if isinstance(error, httpx.ConnectError) and _is_refused(error):
        return _for_refusal(address)
    return ""


def _for_refusal(address: Address) -> str:
    if not is_loopback(address.host.strip("[]")):
        return "ComfyUI answers other machines only if it was started with --listen"
    if address.scheme == "https":
        return "start ComfyUI there"
    return f"start ComfyUI there, or a server without models: comfyflow simulate --port {address.port}"


def for_answer(address: Address, request: Request, answer: Answer, signed: bool) -> str:
    """Advice on an error answer of a server; ``""`` if there is none.

    Args:
        address: The server.
        request: What was asked.
        answer: Its answer.
        signed: Whether credentials were sent with it.
    """
    if answer.status == 401:
        return _for_stranger(request, answer, signed)
    if answer.status == 403:
        return f"the server refuses; are the credentials right? {_MORE}"
    if answer.status == 407:
        return "the proxy requires credentials: http://NAME:PASSWORD@HOST:PORT in HTTP_PROXY or proxy="
    if answer.status == 413:
        return "too large for this server; its limit is set with --max-upload-size"
    if answer.status == 400 and address.scheme == "http" and b"https" in answer.content[:4096].lower():
        return f"it speaks TLS: write https://{address.url.removeprefix('http://')}"
    if answer.status in (404, 405) and request.path in _EVERYWHERE:
        return elsewhere(address)
    return ""


def elsewhere(address: Address) -> str:
    """Advice for an address where something answers that is not ComfyUI."""
    if address.base:
        return f"is {address.base} the right path? {address.origin} answers"
    return f"if ComfyUI is below a path there, include it: {address.url}/comfy"


def _for_stranger(request: Request, answer: Answer, signed: bool) -> str:
    wanted = answer.headers.get("www-authenticate", "").lower()
    if not wanted and request.path.startswith(_USERS):
        return (
            "a server with several users needs to know which one: Client(user=ID), --user ID or "
            "COMFYFLOW_USER; "
            "client.users() lists them"
        )
    if signed:
        first = "the server rejects the credentials that it was given"
    else:
        first = "the server requires credentials"
    if wanted.startswith("basic"):
        return f"{first}: a name and a password, as basic=, --basic or COMFYFLOW_BASIC; {_MORE}"
    if wanted.startswith("bearer"):
        return f"{first}: a token, as bearer=, --bearer or COMFYFLOW_BEARER; {_MORE}"
    return (
        f"{first}: bearer=, basic=, api_key= or token= of the client, --bearer, --basic, --api-key or "
        f"--token, COMFYFLOW_BEARER and so on, or write them into its address; {_MORE}"
    )


def _for_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "its certificate is for another name: use that name"
    if error.verify_code in (_EXPIRED, _NOT_YET):
        return "its certificate has expired or is not valid yet (is this clock right?)"
    return (
        "its certificate is not signed by an authority trusted here: give the authority's certificate "
        "file, or the "
        'certificate itself, as verify="ca.pem", --ca ca.pem or COMFYFLOW_CA'
    )


def _speaks_http(error: ssl.SSLError) -> bool:
    said = f"{error.reason} {error}".upper().replace(" ", "_")
    return any(reason in said for reason in _PLAIN_HTTP)


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind an httpx error."""
    for _ in range(10):
        if error is None or isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _is_refused(error: BaseException | None) -> bool:
    """Whether nothing listens at an address: at the first of them, where a name has several."""
    for _ in range(10):
        if error is None or isinstance(error, ConnectionRefusedError):
            return error is not None
        several = getattr(error, "exceptions", ())
        error = several[0] if several else error.__cause__ or error.__context__
    return False
