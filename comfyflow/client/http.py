"""Requests and answers in httpx's terms, for both drivers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ClientError, ServerUnreachable
from .core import Core
from .flow import Answer, Request, Send

if TYPE_CHECKING:
    import httpx

LARGEST: Final = 2 * 1024**3
"""The largest answer that is taken into memory, in bytes."""


def build_arguments(core: Core, request: Request, files: ExitStack) -> dict[str, Any]:
    """The arguments of ``httpx.Client.build_request``.

    Args:
        core: The client.
        request: The request.
        files: Closes what is opened here.

    Raises:
        ClientError: A file that is to be sent cannot be read.
    """
    arguments: dict[str, Any] = {
        "method": request.method,
        "url": request.url or core.address.url_of(request.path, request.query),
        "headers": dict(request.headers),
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


def _content(content: bytes | Path, files: ExitStack) -> Any:
    if isinstance(content, bytes):
        return content
    try:
        return files.enter_context(content.open("rb"))
    except OSError as error:
        raise ClientError(f"cannot read {content}: {error.strerror or error}") from None


def with_credentials(core: Core, request: httpx.Request) -> httpx.Request:
    """The request as it goes out: with the credentials, if it goes to their origin.

    This happens below httpx's own logging and event hooks, which see the request without them.
    """
    import httpx

    credentials = core.credentials
    if not credentials or not core.address.owns(str(request.url)):
        return request
    url = request.url.copy_merge_params(dict(credentials.query)) if credentials.query else request.url
    headers = request.headers.copy()
    headers.update(credentials.headers)
    return httpx.Request(
        request.method, url, headers=headers, stream=request.stream, extensions=request.extensions
    )


class Body:
    """Takes the body of an answer: into its sink, or into memory.

    Args:
        core: The client.
        effect: What was sent.
        head: Status and headers.
    """

    def __init__(self, core: Core, effect: Send, head: Answer) -> None:
        self._request = effect.request
        self._head = head
        self._sink = effect.sink if effect.sink is not None and effect.sink.start(head) else None
        self._content = bytearray()
        self._clock = core.clock
        seconds = effect.request.timeout
        self._end = None if seconds is None else core.clock() + seconds

    def write(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises:
            ClientError: They are more than fit into memory.
            httpx.ReadTimeout: The time is over, though they have not stopped coming.
        """
        if self._end is not None and self._clock() > self._end:
            import httpx

            raise httpx.ReadTimeout("the answer still comes")
        if self._sink is not None:
            self._sink.write(chunk)
            return
        self._content += chunk
        if len(self._content) > LARGEST:
            raise ClientError(f"{self._request.label}: the answer is larger than {LARGEST} bytes")

    @property
    def answer(self) -> Answer:
        """The answer, when all has come."""
        if self._sink is not None:
            return self._head
        return Answer(self._head.status, self._head.headers, bytes(self._content))


def closed(request: Request) -> ClientError:
    """The error of a request by a client that was closed; most often an output is saved too late."""
    name = dict(request.query).get("filename") if request.path == "/api/view" else None
    if name is not None:
        return ClientError(
            f"{name} cannot be fetched: this client is closed. Save files before it is, in the block of "
            "`with Client(...) as client:`"
        )
    return ClientError(f"{request.label}: this client is closed; make a new one")


def head_of(response: httpx.Response) -> Answer:
    """Status and headers of a response."""
    headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers)


def unreachable(core: Core, request: Request, error: Exception) -> ServerUnreachable:
    """What an error of httpx means."""
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
        what = f"{request.label} of {where} was not answered in time"
    else:
        what = f"{request.label} of {where} broke off"
    reason = core.credentials.hide(str(error)) or type(error).__name__
    return ServerUnreachable(f"{what}: {reason}", unsent)
