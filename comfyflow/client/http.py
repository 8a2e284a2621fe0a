"""Requests as httpx sends them, and the bodies of answers, within bounds."""

from __future__ import annotations

import functools
import logging
import re
import zlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpcore
import httpx

from ..bounds import Unpacker, exceeded
from ..errors import BoundsError, ClientError, ServerUnreachable
from .address import for_connection
from .core import Core
from .flow import Answer, Request, Send
from .pace import Pace

_HTTPX_LOG: Final = logging.getLogger("httpx")


ENCODINGS: Final = "gzip, deflate"
"""The compressions that we accept: those that can be decompressed piece by piece, within bounds."""


def build_arguments(core: Core, request: Request, files: ExitStack) -> dict[str, Any]:
    """The arguments of ``httpx.Client.build_request``.

    Args:
        core: The client.
        request: The request.
        files: Closes what is opened here.

    Raises:
        ClientError: A file to send cannot be read.
    """
    arguments: dict[str, Any] = {
        "method": request.method,
        "url": request.url or core.address.url_of(request.path, request.query),
        "headers": {
            "accept-encoding": ENCODINGS,
            **{name.lower(): value for name, value in request.headers.items()},
        },
    }
    if request.content is not None:
        arguments["content"] = request.content
        arguments["headers"].setdefault("content-type", "application/json")
    if request.parts:
        arguments["data"] = dict(request.fields)
        arguments["files"] = [
            (part.name, (part.filename, _content(part.content, files), "application/octet-stream"))
            for part in request.parts
        ]
    if request.timeout is not None:
        arguments["timeout"] = request.timeout
    return arguments


class DirectRequests:
    """Requests that go to the connection pool without passing through httpx.

    For each request, httpx's client and transport build their own objects, merge headers, and check
    cookies, which takes about as long as the pool's work. They are needed only for auth, hooks, cookies,
    forms, other hosts, and their log.

    Args:
        core: The client.
        http: httpx's client for the same server.
        possible: Whether the pool and its credentials are ours: no transport and no auth was passed in.

    Raises:
        ClientError: The server's name cannot be looked up.
    """

    def __init__(self, core: Core, http: httpx.Client | httpx.AsyncClient, *, possible: bool) -> None:
        self._core = core
        self._http = http
        self._possible = possible
        origin = _origin(core)
        self._url = (origin.raw_scheme, origin.raw_host, origin.port)
        self._host = (b"Host", origin.netloc)
        self._headers = {**http.headers, "accept-encoding": ENCODINGS}
        self._timeout = http.timeout.as_dict()
        self._skipped = len(core.address.origin)

    def take(self, request: Request) -> bool:
        """Whether a request may go this way."""
        return not (
            not self._possible
            or request.url is not None
            or request.parts
            or self._http.cookies
            or any(self._http.event_hooks.values())
            or _HTTPX_LOG.isEnabledFor(logging.INFO)
        )

    def built(self, request: Request) -> httpcore.Request:
        """The request, with the credentials, as the pool takes it."""
        method = request.method.upper()
        named = {**self._headers, **{name.lower(): value for name, value in request.headers.items()}}
        if request.content is not None:
            named.setdefault("content-type", "application/json")
        if request.content or method in _WITH_BODY:
            named.setdefault("content-length", str(len(request.content or b"")))
        for name, value in self._core.credentials.headers.items():
            named[name.lower()] = value
        headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in named.items()]
        if "host" not in named:
            headers.insert(0, self._host)
        given = request.timeout
        scheme, host, port = self._url
        return httpcore.Request(
            method,
            httpcore.URL(scheme=scheme, host=host, port=port, target=self._target(request)),
            headers=headers,
            content=request.content,
            extensions={"timeout": self._timeout if given is None else dict.fromkeys(self._timeout, given)},
        )

    def head(self, request: Request, response: httpcore.Response) -> Answer:
        """Status and headers of a response; httpx's client keeps its cookies."""
        headers = _headers_of(response)
        if "set-cookie" in headers:
            self._keep_cookies(request, response)
        return Answer(response.status, headers)

    def _target(self, request: Request) -> bytes:
        core = self._core
        url = core.address.url_of(request.path, request.query)
        query = core.credentials.query
        if not query and _PLAIN.fullmatch(url, self._skipped):
            return url[self._skipped :].encode()
        parsed = _parsed(url)
        return (parsed.copy_merge_params(dict(query)) if query else parsed).raw_path

    def _keep_cookies(self, request: Request, response: httpcore.Response) -> None:
        url = self._core.address.url_of(request.path, request.query)
        answered = httpx.Response(response.status, headers=response.headers)
        answered.request = httpx.Request(request.method, url)
        self._http.cookies.extract_cookies(answered)


def _origin(core: Core) -> httpx.URL:
    origin = core.address.origin
    try:
        url = httpx.URL(origin)
        url.host.encode()  # httpx decodes it only now
        url.raw_host.decode("ascii").encode("idna")  # as Python does before it looks the name up
    except (httpx.InvalidURL, UnicodeError) as error:
        raise ClientError(f"{origin!r:.300} is not a server address: {error}") from None
    return url


_PLAIN: Final = re.compile(r"(?:/[A-Za-z0-9_~-]+)+(?:\?[A-Za-z0-9_~=&-]*)?")
"""A path and query that httpx would not change."""


_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@functools.lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    return httpx.URL(url)


def _headers_of(response: httpcore.Response) -> Mapping[str, str]:
    """The headers, by lowercase name."""
    headers: dict[str, str] = {}
    try:
        for raw, content in response.headers:
            name, value = raw.decode("ascii").lower(), content.decode("ascii")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    except UnicodeDecodeError:  # httpx knows which encodings servers use
        return {name.lower(): value for name, value in httpx.Headers(response.headers).items()}
    return headers


CONNECTION_ERRORS: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpx.TransportError,
    httpx.DecodingError,
)
"""What the pool and httpx raise if no whole answer arrives."""


def as_httpx(error: Exception) -> httpx.RequestError:
    """An error of the pool as httpx raises it: under the same name."""
    if isinstance(error, httpx.RequestError):
        return error
    kind: type[httpx.RequestError] = getattr(httpx, type(error).__name__, httpx.TransportError)
    raised = kind(str(error))
    raised.__cause__ = error
    return raised


def _content(content: bytes | Path, files: ExitStack) -> Any:
    if isinstance(content, bytes):
        return content
    try:
        return files.enter_context(content.open("rb"))
    except OSError as error:
        raise ClientError(f"cannot read {content}: {error.strerror or error}") from None


def with_credentials(core: Core, request: httpx.Request) -> httpx.Request:
    """The request as it is sent: with the credentials, if it goes to their origin.

    This happens below httpx's own logging and event hooks, which see the request without them.
    """
    credentials = core.credentials
    if not core.address.owns(str(request.url)):
        request.headers.pop("cookie", None)
        return request
    if not credentials:
        return request
    url = request.url.copy_merge_params(dict(credentials.query)) if credentials.query else request.url
    headers = request.headers.copy()
    headers.update(credentials.headers)
    return httpx.Request(
        request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
    )


def without_foreign_cookies(core: Core, request: httpx.Request, response: httpx.Response) -> httpx.Response:
    """The response, with cookies only if it comes from the credentials' origin.

    Cookies ignore ports: those of another port on the same host would come back here.
    """
    if not core.address.owns(str(request.url)):
        response.headers.pop("set-cookie", None)
    return response


def pace_of(core: Core, request: Request) -> Pace:
    """The time limit of a request."""
    return Pace(request.until, core.limits.answer if request.timeout is None else request.timeout)


class AnswerBody:
    """Takes the body of an answer, as it comes from the network, within the client's bounds.

    Args:
        core: The client.
        effect: What was sent.
        head: Status and headers.
        unpacked: Whether the body is decompressed already: a hook or a test transport has read it.
    """

    def __init__(self, core: Core, effect: Send, head: Answer, unpacked: bool = False) -> None:
        self._request = effect.request
        self._head = head
        self._sink = effect.sink if effect.sink is not None and effect.sink.start(head) else None
        self._content = bytearray()
        self._clock = core.clock
        self._bounds = core.bounds
        self._started = core.clock()
        self._came = self._given = 0
        seconds = effect.request.timeout
        self._end = effect.request.until
        if self._end is None and seconds is not None:
            self._end = core.clock() + seconds
        self._name = "answer" if self._sink is None else "file"
        self._most: int = getattr(core.bounds, self._name)
        coding = "" if unpacked else head.headers.get("content-encoding", "")
        self._unpacker = self._unpacker_of(coding.strip().lower())

    def _unpacker_of(self, coding: str) -> Unpacker | None:
        """The decompressor for an answer.

        Raises:
            ClientError: It is compressed in a way that was not requested.
        """
        if coding in ("", "identity"):
            return None
        if coding not in ("gzip", "x-gzip", "deflate"):
            raise ClientError(
                f"{self._request.label}: the answer is compressed as {coding!r:.40}, "
                f"but only {ENCODINGS} was requested"
            )
        return Unpacker(self._bounds, self._most, self._name, "the answer")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            ClientError: There are too many.
            httpx.ReadTimeout: They arrive too slowly, or the time is up while they still arrive.
            httpx.DecodingError: They are damaged.
        """
        self._came += len(chunk)
        self._check_pace()
        try:
            for piece in (chunk,) if self._unpacker is None else self._unpacker.feed(chunk):
                self._take(piece)
        except BoundsError as error:
            raise ClientError(f"{self._request.label}: {error}") from None
        except zlib.error as error:
            raise httpx.DecodingError(str(error)) from None

    def _take(self, piece: bytes) -> None:
        self._given += len(piece)
        if self._given > self._most:
            raise BoundsError(exceeded(self._name, self._bounds, "the answer"))
        if self._sink is not None:
            self._sink.write(piece)
        else:
            self._content += piece

    def _check_pace(self) -> None:
        now, slow = self._clock(), False
        if self._request.live:
            return
        if self._end is None or now <= self._end:
            passed = now - self._started - self._bounds.grace
            slow = passed > 0 and self._came < passed * self._bounds.rate
            if not slow:
                return
        raise httpx.ReadTimeout(
            f"the answer comes at less than {self._bounds.rate} bytes a second"
            if slow
            else "the answer is still coming"
        )

    @property
    def answer(self) -> Answer:
        """The complete answer.

        Raises:
            httpx.DecodingError: The end is missing.
        """
        if self._unpacker is not None and self._came and not self._unpacker.whole:
            raise httpx.DecodingError("the compressed answer is cut short")
        if self._sink is not None:
            return self._head
        return Answer(self._head.status, self._head.headers, bytes(self._content))


def pieces(response: httpx.Response) -> Iterable[bytes] | None:
    """The body if a hook or a test transport has read it already."""
    return (response.content,) if response.is_stream_consumed else None


def closed(request: Request, *, begun: bool = False) -> ClientError:
    """The error of a request by a closed client; usually an output is saved too late.

    Args:
        request: The request.
        begun: Whether the client was closed after it was begun, so that the server may have got it.
    """
    name = request.file or (dict(request.query).get("filename") if request.path == "/api/view" else None)
    if name:
        return ClientError(
            f"{name} cannot be fetched: this client is closed. Save files before that, in the block of "
            "`with Client(...) as client:`"
        )
    told = f"{request.label}: this client is closed; make a new one"
    if begun and request.method != "GET":
        told += ". It was closed before the answer came: the server may have done what was asked"
    error = ClientError(told)
    error._unsent = not begun
    return error


def head_of(response: httpx.Response) -> Answer:
    """Status and headers of a response."""
    headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers)


def unreachable(
    core: Core, request: Request, error: Exception, proxy: str | None = None
) -> ServerUnreachable:
    """What an httpx error means, and what to do.

    Args:
        core: The client.
        request: What was asked.
        error: What httpx raised.
        proxy: The proxy that it goes through, or None.
    """
    unsent = isinstance(
        error,
        (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.ProxyError,
            httpx.LocalProtocolError,
        ),
    )
    where = core.address.url if request.url is None else "the address that the server points to"
    if unsent:
        what = f"no ComfyUI server answers at {where}"
    elif isinstance(error, httpx.TimeoutException):
        what = f"{request.label} of {where} timed out"
    else:
        what = f"{request.label} of {where} broke off"
    reason = core.credentials.hide(str(error)) or type(error).__name__
    advice = for_connection(core.address, error, proxy) if request.url is None else ""
    said = f"{what}: {reason}" + (f" ({advice})" if advice else "")
    return ServerUnreachable(said, unsent, isinstance(error, httpx.TimeoutException))
