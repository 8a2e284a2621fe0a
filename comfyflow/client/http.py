"""Requests and answers in httpx's terms, for both drivers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import ClientError, ServerUnreachable
from .core import Core
from .flow import Answer, Request

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
