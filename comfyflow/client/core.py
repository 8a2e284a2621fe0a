"""What all flows share: the address, retries, cached answers, and how errors are read."""

from __future__ import annotations

import copy
import json
import os
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from ..bounds import MIB, Bounds, check_json
from ..cache_folder import CacheFolder
from ..client_options import Limits
from ..errors import BoundsError, ClientError, ServerError, ServerUnreachable, WaitTimeout
from ..json_types import is_object
from ..number import read_timeout
from ..schema import Schema
from .address import Address, Credentials, elsewhere, for_answer
from .answer_cache import AnswerCache
from .flow import Answer, BodySink, Flow, Forward, Middleware, Request, Signal, send, sleep
from .web_socket import Hub

if TYPE_CHECKING:
    from .backend import Recognition

T = TypeVar("T")


_MAX_REDIRECTS: Final = 5


_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


_PASSING: Final = frozenset({408, 425, 429})
"""Answers of a busy server: worth asking again, like those from 500 up."""


_LASTING: Final = frozenset({501, 505})
"""A server that cannot do something will not be able to the next time."""


_SHOWN: Final = 400


_WORDS: Final = Bounds(json=4 * MIB, values=200_000)
"""How much of an error answer is read to find its message."""


_LEAST: Final = 0.5
"""Seconds that a server has to answer even if the time is up."""


_SCHEMES: Final = ("http", "https")


_PAGES: Final = ("text/html", "application/xhtml+xml")
"""What a web page says it is."""


_TRAVELLING: Final = frozenset({"accept", "accept-encoding", "if-range", "range", "user-agent"})
"""Request headers that another origin may see; any other may identify us."""


class Core:
    """A client without its connections.

    Args:
        address: Where the server is.
        credentials: Never shown.
        client_id: The id under which the server knows the socket.
        limits: Timeouts and retries.
        bounds: How much a server may send.
        middleware: Wraps every request, outermost first.
        new_signal: Makes a `Signal` of the driver's kind.
        recognition: The protocol spoken there, as far as known.
        use_socket: Whether to use a socket at all.
        cache_seconds: How long lists of what the server has are valid.
        clock: A monotonic clock, in seconds.
    """

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        new_signal: Callable[[], Signal],
        recognition: Recognition,
        *,
        client_id: str | None = None,
        limits: Limits | None = None,
        bounds: Bounds | None = None,
        middleware: Sequence[Middleware] = (),
        use_socket: bool = True,
        cache_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.credentials = credentials
        self.client_id: str = client_id or str(uuid.uuid4())
        self.limits: Limits = limits or Limits()
        self.bounds: Final = bounds or Bounds.from_environment()
        self.middleware: Final[list[Middleware]] = [*middleware]
        """Shared with the copies from `within`: a layer that is added later applies everywhere."""
        self.new_signal = new_signal
        self.recognition: Final = recognition
        self.use_socket = use_socket
        self.partner_api_key: str | None = None
        """For nodes that call paid services, unless a run gives its own."""
        self.trusted: str | None = None
        """The file with the certificates that are configured for this server."""
        self.until: float | None = None
        """When the current work must have ended; see `within`."""
        self.given: float | None = None
        """The seconds that `within` allowed."""
        self.clock = clock
        self.random: Final = random.Random()  # noqa: S311  # jitter
        self.uploads: dict[tuple[int, str, str], Any] = {}
        """Uploaded files, by connection, name and content."""
        self.node_classes: dict[str, Any] = {}
        """The server's answers about single node classes."""
        self.disk: CacheFolder = CacheFolder(None)
        """The cache that is kept between runs."""
        self.schemas: dict[str | None, tuple[float, Schema]] = {}
        self.hub: Hub = Hub(new_signal, self.clock)
        self.cache: AnswerCache = AnswerCache(cache_seconds, clock, lambda: self.hub.connections)

    def within(self, seconds: float | None) -> Core:
        """The same client, with a deadline for everything that is done with it.

        Args:
            seconds: From now on; None for no deadline beyond `limits`.

        Raises:
            TypeError: They are not a number.
        """
        hurried = copy.copy(self)
        hurried.given = given = read_timeout(seconds)
        hurried.until = None if given is None else self.clock() + max(given, 0.0)
        return hurried

    def again(self) -> Core:
        """The same client in another process, without connections: its id must be another, too."""
        other = copy.copy(self)
        other.client_id = f"{self.client_id}-{os.getpid()}"
        other.hub = Hub(self.new_signal, self.clock)
        other.cache = self.cache.again(lambda: other.hub.connections)
        other.uploads = {}
        return other

    def limited(self, limits: Limits) -> Core:
        """The same client with different limits.

        Args:
            limits: The limits.
        """
        other = copy.copy(self)
        other.limits = limits
        return other

    def left(self) -> float | None:
        """The seconds until the deadline that `within` set; None if it set none."""
        return None if self.until is None else max(self.until - self.clock(), 0.0)

    def jitter(self, attempt: int) -> float:
        """The pause before a retry: it doubles each time, with jitter down to half."""
        doubled = self.limits.backoff * float(1 << min(attempt, 30))
        longest = min(doubled, self.limits.backoff_most)
        return longest * self.random.uniform(0.5, 1.0)

    def pause(self, seconds: float) -> Flow[None]:
        """Sleep, but not beyond the deadline that `within` set."""
        left = self.left()
        yield from sleep(seconds if left is None else min(seconds, left))


def call(core: Core, request: Request, sink: BodySink | None = None) -> Flow[Answer]:
    """Send a request and return its answer, unless it is an error.

    An idempotent request is repeated, with growing pauses, if no answer came or if the error may be temporary
    (`may_pass`).

    Raises:
        ServerUnreachable: No answer came.
        ServerError: The answer is an error.
    """
    return (yield from call_for(core, request, lambda answer: answer, sink))


def call_for(
    core: Core, request: Request, read: Callable[[Answer], T], sink: BodySink | None = None
) -> Flow[T]:
    """Send a request as `call` does, and return the parsed answer.

    Args:
        core: The client.
        request: The request.
        read: Parses the answer; raises `ServerError` with its status if it does not come from the server, so
            that the request is repeated.
        sink: Takes the body.

    Raises:
        ServerUnreachable: No answer came.
        ServerError: The answer is an error, or cannot be read.
    """
    for attempt in range(core.limits.retries + 1):
        pause = core.jitter(attempt)
        error: ServerError | ServerUnreachable
        try:
            answer = yield from ask(core, request, sink)
            if answer.ok:
                return read(answer)
            pause = max(pause, retry_after(answer))
            error = error_of(core, request, answer)
        except (ServerUnreachable, ServerError) as caught:
            error = caught
        harmless = request.repeatable or (isinstance(error, ServerUnreachable) and error.unsent)
        last = attempt == core.limits.retries or core.left() == 0.0
        if last or not harmless or not may_pass(error):
            raise error
        yield from core.pause(pause)
    raise AssertionError("unreachable")


def patiently(core: Core, start: Callable[[], Flow[T]]) -> Flow[T]:
    """Repeat a flow until the server answers, as long as patience lasts.

    Args:
        core: The client.
        start: Begins the flow, which must be safe to repeat.

    Raises:
        ServerUnreachable: The server has been unreachable for too long.
        ServerError: It answers with an error that waiting does not cure.
    """
    since, attempt = core.clock(), 0
    while True:
        try:
            return (yield from start())
        except (ServerUnreachable, ServerError) as error:
            waited = core.clock() - since
            if not may_pass(error) or waited > core.limits.patience or core.left() == 0.0:
                raise
            yield from core.pause(core.jitter(attempt))
            attempt += 1


def may_pass(error: ServerUnreachable | ServerError) -> bool:
    """Whether an error may be gone on the next attempt.

    An answer of 200 that cannot be read is a proxy's page, or was cut short.
    """
    if isinstance(error, ServerUnreachable):
        return True
    status = error.status
    return status < 300 or status in _PASSING or (status >= 500 and status not in _LASTING)


def about(core: Core, prompt_id: str, flow: Flow[T]) -> Flow[T]:
    """Carry out a flow about one prompt: its errors name the prompt and the deadline.

    Args:
        core: The client.
        prompt_id: The prompt's id.
        flow: The flow.
    """
    try:
        return (yield from flow)
    except ClientError as error:
        told = in_time(core, error).of_prompt(prompt_id)
        if told is error:
            raise
        raise told from None


def in_time(core: Core, error: ClientError, known: str = "") -> ClientError:
    """The error to report: if the deadline that `within` set has passed, that comes first.

    An unreachable server is reported as unreachable; a server that is there but does not answer has timed
    out.

    Args:
        core: The client.
        error: What happened.
        known: What is known about the prompt, as the end of a sentence.
    """
    late = isinstance(error, ServerUnreachable) and (error.timed_out or not error.unsent)
    if not late or core.left() != 0.0:
        return error
    over = WaitTimeout(f"no answer within {core.given or 0.0:.3g} s: {error}{f'; {known}' if known else ''}")
    return over if error.prompt_id is None else over.of_prompt(error.prompt_id)


def ask(core: Core, request: Request, sink: BodySink | None = None) -> Flow[Answer]:
    """Send a request once, through the middleware, and follow redirects; any status returns."""
    left = core.left()
    if left is not None:
        timeout = request.timeout or max(min(left, core.limits.answer), _LEAST)
        request = replace(request, timeout=timeout, until=core.clock() + max(left, _LEAST))
    forward: Forward = lambda asked: _follow(core, asked, sink)  # noqa: E731  # the innermost layer
    if sink is None:
        forward = _wrapped(core.cache.fetch, forward)
    for layer in reversed(core.middleware):
        forward = _wrapped(layer, forward)
    return (yield from forward(request))


def fetch_json(core: Core, request: Request, fits: Callable[[Any], bool] = lambda _: True) -> Flow[Any]:
    """Send a request and return the JSON value of its answer; None for an empty one.

    Args:
        core: The client.
        request: The request.
        fits: Whether a value has the shape of this route's answer. If not, like an answer that is not JSON,
            it does not come from the server itself, and the request is repeated.

    Raises:
        ServerUnreachable: No answer came.
        ServerError: The answer is an error, is not JSON, or has the wrong shape.
    """

    def read(answer: Answer) -> Any:
        value = parse_json(core, request, answer) if answer.content else None
        if not fits(value):
            raise ServerError(
                f"{request.label} of {core.address} gave an answer that no ComfyUI server gives there",
                answer.status,
                _shown(core, answer),
            )
        return value

    return (yield from call_for(core, request, read))


def tell(core: Core, request: Request) -> Flow[None]:
    """Send a request as `call` does. ComfyUI answers it without a body; a web page comes from something else.

    Raises:
        ServerUnreachable: No answer came.
        ServerError: The answer is an error, or a web page.
    """

    def read(answer: Answer) -> None:
        if _is_page(answer):
            raise _stranger(core, request, answer)

    yield from call_for(core, request, read)


def parse_json(core: Core, request: Request, answer: Answer) -> Any:
    """The JSON value of an answer. ``NaN`` and ``Infinity`` are allowed: servers write them.

    Raises:
        ServerError: It is not JSON.
        ClientError: It is too large.
    """
    try:
        check_json(answer.content, core.bounds, "the answer")
    except BoundsError as error:
        raise ClientError(f"{request.label} of {core.address}: {error}") from None
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        raise _stranger(core, request, answer) from None


def _is_page(answer: Answer) -> bool:
    """Whether an answer is a web page. Some proxies call an empty one so, too."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    begin = answer.content.lstrip()[:1]
    return begin == b"<" or (begin != b"" and kind in _PAGES)


def _stranger(core: Core, request: Request, answer: Answer) -> ServerError:
    """The error of an answer that is not ComfyUI's."""
    page = _is_page(answer)
    what = "a web page" if page else "no JSON"
    hint = f" ({elsewhere(core.address)})" if page else ""
    return ServerError(
        f"{request.label} of {core.address} gave {what}; is that a ComfyUI server?{hint}",
        answer.status,
        _shown(core, answer),
    )


def error_of(core: Core, request: Request, answer: Answer) -> ServerError:
    """Make an error of an answer."""
    said = server_words(answer)
    detail = f": {core.credentials.hide(said)}" if said else ""
    if 300 <= answer.status < 400:
        detail = "; it redirects elsewhere: give the client that address"
    advice = core.recognition.advice(request, answer) or for_answer(
        core.address, request, answer, bool(core.credentials)
    )
    hint = f" ({advice})" if advice else ""
    message = f"{request.label} of {core.address} gave {answer.status}{hint}{detail}"
    return ServerError(message, answer.status, _shown(core, answer))


def server_words(answer: Answer) -> str:
    """The message in an error answer: JSON in one of the servers' forms, or short plain text."""
    try:
        check_json(answer.content, _WORDS, "the answer")
        value: object = json.loads(answer.content)
    except (BoundsError, ValueError, RecursionError):
        text = answer.content[:_SHOWN].decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else text.split("\n", 1)[0]
    if is_object(value):
        for key in ("error", "message", "detail"):
            said = value.get(key)
            if is_object(said):
                said = said.get("message")
            if isinstance(said, str):
                return said[:_SHOWN]
    return ""


def retry_after(answer: Answer) -> float:
    """The seconds that the server asks us to wait, at most a minute."""
    try:
        return min(max(float(answer.headers.get("retry-after", "0")), 0.0), 60.0)
    except ValueError:
        return 0.0


def _wrapped(
    layer: Middleware, forward: Callable[[Request], Flow[Answer]]
) -> Callable[[Request], Flow[Answer]]:
    return lambda request: layer(request, forward)


def _follow(core: Core, request: Request, sink: BodySink | None) -> Flow[Answer]:
    """Send a request; GET and HEAD follow redirects. Another origin gets no credentials."""
    answer = yield from send(request, sink)
    for _ in range(_MAX_REDIRECTS):
        if answer.status not in _REDIRECTS or request.method not in ("GET", "HEAD"):
            break
        target = _target(core, request, answer)
        if target is None:
            break
        headers = request.headers
        if not core.address.owns(target):
            headers = {name: headers[name] for name in headers if name.lower() in _TRAVELLING}
        request = replace(request, url=target, headers=headers)
        answer = yield from send(request, sink)
    return answer


def _target(core: Core, request: Request, answer: Answer) -> str | None:
    """The target of a redirect; None if it cannot be followed."""
    said = answer.headers.get("location", "")
    try:
        target = urljoin(request.url or core.address.url_of(request.path, request.query), said)
        followed = bool(said) and urlsplit(target).scheme in _SCHEMES
    except ValueError:
        return None
    return target if followed else None


def _shown(core: Core, answer: Answer) -> str:
    text = answer.content[: 10 * _SHOWN].decode("utf-8", "replace")
    return core.credentials.hide(text)
