"""How addresses of routes are put together."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import quote

T = TypeVar("T")


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Part:
    """One file of a multipart body.

    Attributes:
        name: The form field.
        filename: The file name that the server is given.
        content: The bytes, or the file to read them from when the request is sent.
    """

    name: str
    filename: str
    content: bytes | Path = field(repr=False)


@dataclass(frozen=True)
class Request:
    """One HTTP request, before the server's address and the credentials are added.

    Attributes:
        method: ``GET``, ``POST``, ….
        path: Below the server's base path, percent-encoded, starting with ``/``.
        query: Names and values, in order.
        headers: Additional headers.
        content: The body, or None.
        fields: Text fields of a multipart body.
        parts: Files of a multipart body.
        timeout: Seconds to wait for an answer, or None for the client's own.
        repeatable: Whether sending it twice has the same effect as sending it once.
        url: An absolute address instead of `path`, for redirects.
        until: The deadline for the whole request, by the client's clock; None for no deadline.
        live: Whether the answer streams for as long as something lasts: then it is never too slow.
        file: The name of the file that it fetches, for messages; ``""`` if the query has it, or for no file.

    The body is not shown: a prompt may contain the key for paid nodes.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes | None = field(default=None, repr=False)
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    parts: tuple[Part, ...] = ()
    timeout: float | None = None
    repeatable: bool = True
    url: str | None = None
    until: float | None = None
    live: bool = False
    file: str = ""

    @property
    def label(self) -> str:
        """Its name in messages: without the query, which might contain a secret."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Attributes:
        status: The HTTP status.
        headers: By lowercase name.
        content: The body; empty if it went into a sink. Not shown: a queue of 0.3.64 contains the keys of the
            users who sent its prompts.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether it is neither an error nor a redirect."""
        return 200 <= self.status < 300


class BodySink(Protocol):
    """Takes the body of an answer as it arrives, so that it need not fit into memory."""

    def start(self, answer: Answer) -> bool:
        """Called with the status and the headers; returns whether it takes the body."""
        ...

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        ...


class Signal(Protocol):
    """Something that a flow can wait for. It may be set from another thread."""

    def set(self) -> None:
        """Wake the waiters."""
        ...

    def clear(self) -> None:
        """Make the next waiter wait."""
        ...

    def is_set(self) -> bool:
        """Whether the signal is set."""
        ...


@dataclass(frozen=True)
class Send:
    """Send a request; gives an `Answer`. Raises `ServerUnreachable` if none arrives in full."""

    request: Request
    sink: BodySink | None = None


@dataclass(frozen=True)
class Sleep:
    """Sleep for some seconds."""

    seconds: float


@dataclass(frozen=True)
class Watch:
    """Wait until a signal is set or the time is up."""

    signal: Signal
    seconds: float


@dataclass(frozen=True)
class Gather:
    """Carry out several flows concurrently, at most `limit` at once; gives their results in order.

    The first error is raised when all have ended.
    """

    flows: Sequence[Generator[Any, Any, Any]]
    limit: int


@dataclass(frozen=True)
class Tell:
    """Call a user function with a value. Its result is awaited if it is awaitable."""

    function: Callable[[Any], object]
    value: Any


@dataclass(frozen=True)
class Begin:
    """Carry out a flow in the background, until it ends or the client is closed. It must not raise."""

    flow: Generator[Any, Any, None]


@dataclass(frozen=True)
class StartSocket:
    """Start the socket's own flow, unless it runs."""


@dataclass(frozen=True)
class OpenSocket:
    """Open the socket. Raises `SocketFailure`."""


@dataclass(frozen=True)
class Transmit:
    """Send a text message over the socket. Raises `SocketFailure`."""

    text: str


@dataclass(frozen=True)
class Receive:
    """The next message of the socket, text or bytes. Raises `SocketFailure`.

    Attributes:
        seconds: How long it may take to arrive; None: no limit.
    """

    seconds: float | None = None


@dataclass(frozen=True)
class CloseSocket:
    """Close the socket, and continue when it is closed."""


Effect: TypeAlias = "Send | Sleep | Watch | Gather | Tell | Begin | StartSocket"


SocketEffect: TypeAlias = "OpenSocket | Transmit | Receive | CloseSocket | Watch"


Flow: TypeAlias = Generator[Effect, Any, T]


SocketFlow: TypeAlias = Generator[SocketEffect, Any, None]


Forward: TypeAlias = Callable[[Request], "Flow[Answer]"]
"""The next step for a request: its flow gives the answer."""


Middleware: TypeAlias = Callable[[Request, Forward], "Flow[Answer]"]
"""Wraps every request: called with the request and the next step, it returns the answer's flow."""


class SocketFailure(Exception):  # it never leaves this package
    """The socket could not be opened, or is closed."""


def send(request: Request, sink: BodySink | None = None) -> Flow[Answer]:
    """Send a request once and return the answer, whatever its status."""
    answer: Answer = yield Send(request, sink)
    return answer


def sleep(seconds: float) -> Flow[None]:
    """Sleep for some seconds."""
    yield Sleep(seconds)


def json_body(value: object) -> bytes:
    """A compact JSON body in UTF-8. A lone surrogate can only be escaped.

    Raises:
        ValueError: It contains NaN or infinity, or is nested too deeply.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _SURROGATE.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()


def prompt_segment(prompt_id: str) -> str:
    """A prompt's id as one path segment.

    Raises:
        TypeError: It is not a string.
        ValueError: It is empty: the route of all prompts.
    """
    check_prompt_id(prompt_id)
    return segment(prompt_id)


def check_prompt_id(prompt_id: object) -> None:
    """Refuse what cannot be a prompt's id, before anything is sent.

    Raises:
        TypeError: It is not a string.
        ValueError: It is empty.
    """
    if not isinstance(prompt_id, str):
        raise TypeError(f"a prompt's id must be a string, not {prompt_id!r:.100}")
    if not prompt_id.strip():
        raise ValueError("a prompt's id must not be empty")


def segment(text: str) -> str:
    """A string as one path segment: slashes and dots in it cannot turn it into another route.

    Raises:
        TypeError: It is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"names and ids must be strings, not {text!r:.100}")
    quoted = quote(text, safe="", errors="surrogatepass")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted
