"""Requests as httpx sends them, and the bodies of answers, within bounds."""

from __future__ import annotations

import functools
import logging
import zlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..bounds import Unpacker, exceeded
from ..errors import BoundsError, ClientError, ServerUnreachable
from .address import for_connection
from .core import Core
from .flow import Answer, Request, Send
from .pace import Pace

if TYPE_CHECKING:
    import httpx


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
        "headers": {"Accept-Encoding": ENCODINGS, **request.headers},
    }
    if request.content is not None:
        arguments["content"] = request.content
        arguments["headers"].setdefault("Content-Type", "application/json")
    if request.parts:
        arguments["data"] = dict(request.fields)
        arguments["files"] = [
            (part.name, (part.filename, _content(part.content, files), "application/octet-stream"))
            for part in request.parts
        ]
    if request.timeout is not None:
        arguments["timeout"] = request.timeout
    return arguments


def goes_directly(http: httpx.Client | httpx.AsyncClient, request: Request, auth: httpx.Auth | None) -> bool:
    """Whether a request may go to the transport without passing through httpx's client.

    The client merges headers, and checks its cookies for each answer, which takes longer than all the work of
    the transport. It is needed only for auth, hooks, cookies, forms, other hosts, and its log.
    """
    return not (
        auth is not None
        or request.url is not None
        or request.parts
        or http.cookies
        or any(http.event_hooks.values())
        or _HTTPX_LOG.isEnabledFor(logging.INFO)
    )


def direct_request(
    http: httpx.Client | httpx.AsyncClient, headers: Mapping[str, str], arguments: Mapping[str, Any]
) -> httpx.Request:
    """The request that ``build_request`` of httpx's client would build, for one that `goes_directly`.

    Args:
        http: The client.
        headers: What the client sends with each request, by lowercase name.
        arguments: See `build_arguments`.
    """
    import httpx

    given = arguments.get("timeout")
    timeout = http.timeout if given is None else httpx.Timeout(given)
    own = {name.lower(): value for name, value in arguments["headers"].items()}
    return httpx.Request(
        arguments["method"],
        _parsed(arguments["url"]),
        headers={**headers, **own},
        content=arguments.get("content"),
        extensions={"timeout": timeout.as_dict()},
    )


@functools.lru_cache(maxsize=64)
def _parsed(url: str) -> httpx.URL:
    import httpx

    return httpx.URL(url)


def keep_cookies(
    http: httpx.Client | httpx.AsyncClient, request: httpx.Request, response: httpx.Response
) -> None:
    """Give httpx's client the cookies of an answer that bypassed it."""
    response.request = request
    if "set-cookie" in response.headers:
        http.cookies.extract_cookies(response)


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
    import httpx

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
        response: Status and headers.
    """

    def __init__(self, core: Core, effect: Send, response: httpx.Response) -> None:
        head = head_of(response)
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
        # A body that a hook or a test transport has read is decompressed already.
        coding = "" if response.is_stream_consumed else head.headers.get("content-encoding", "")
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
            import httpx

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
        import httpx

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
            import httpx

            raise httpx.DecodingError("the compressed answer is cut short")
        if self._sink is not None:
            return self._head
        return Answer(self._head.status, self._head.headers, bytes(self._content))


def pieces(response: httpx.Response) -> Iterable[bytes] | None:
    """The body if a hook or a test transport has read it already."""
    return (response.content,) if response.is_stream_consumed else None


def closed(request: Request) -> ClientError:
    """The error of a request by a closed client; usually an output is saved too late."""
    name = dict(request.query).get("filename") if request.path == "/api/view" else None
    if name is not None:
        return ClientError(
            f"{name} cannot be fetched: this client is closed. Save files before that, in the block of "
            "`with Client(...) as client:`"
        )
    return ClientError(f"{request.label}: this client is closed; make a new one")


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
    import httpx

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
