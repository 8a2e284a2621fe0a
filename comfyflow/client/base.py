"""What the two clients and their handles share, and the little in which they differ."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Generic, TypeVar, cast, overload

from typing_extensions import ParamSpec

from ..errors import ClientError
from ..option import refuse_unknown
from ..output_file import FileSource, OutputFile
from ..problem import Problem
from .core import Core
from .event import BaseServerEvent, ServerEvent
from .failure import error_of_outcome, partial_success
from .flow import Flow, Middleware, Tell
from .fork import PARTS, begin_again
from .result import Resolver, Result, refuse_async, refuse_awaitable
from .routes.file_routes import fetch, read, view_url
from .routes.node_class_routes import whole_schema
from .run_event import Outcome
from .running import RunStatus, Started, cancel, status
from .waiting import Deadline, Wait, require_socket
from .web_socket import Callbacks, Subscription

if TYPE_CHECKING:
    from ..schema import Schema, Version
    from ..validate import Report
    from .async_client import AsyncClient
    from .async_driver import AsyncDriver
    from .blocking_driver import BlockingDriver
    from .client import Client


P = ParamSpec("P")


T = TypeVar("T")


def blocking(flow: Callable[Concatenate[Core, P], Flow[T]]) -> Callable[Concatenate[Client, P], T]:
    """The flow as a method of `Client`."""

    def method(self: Client, *args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs:
            _refuse_unknown("Client", method, kwargs)
        return self._driver.drive(flow(self._core, *args, **kwargs))

    return cast("Callable[Concatenate[Client, P], T]", _described(method, flow))


def awaiting(
    flow: Callable[Concatenate[Core, P], Flow[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """The flow as a method of `AsyncClient`."""

    async def method(self: AsyncClient, *args: P.args, **kwargs: P.kwargs) -> T:
        if kwargs:
            _refuse_unknown("AsyncClient", method, kwargs)
        return await self._driver.drive(flow(self._core, *args, **kwargs))

    return cast("Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]", _described(method, flow))


def refuse_coroutine(function: Callable[..., Any] | None, name: str) -> None:
    """Refuse an ``async def`` that would never be awaited.

    Args:
        function: The callback.
        name: Its name in the message.

    Raises:
        TypeError: It is one.
    """
    import inspect

    if inspect.iscoroutinefunction(function):
        raise TypeError(
            f"{name} of a Client cannot be an async function: it would never be awaited; use AsyncClient"
        )


def _refuse_unknown(client: str, method: Callable[..., Any], keywords: Iterable[str]) -> None:
    """Raise for an unknown keyword of a method.

    Raises:
        TypeError: There is an unknown keyword.
    """
    import inspect

    refuse_unknown(f"{client}.{method.__name__}", keywords, inspect.signature(method).parameters)


def _described(method: Callable[..., Any], flow: Callable[..., Any]) -> Callable[..., Any]:
    """Make the method under the flow's name, with its documentation and parameters."""
    import inspect

    functools.update_wrapper(method, flow, assigned=("__doc__", "__name__", "__qualname__"), updated=())
    signature = inspect.signature(flow)
    parameters = list(signature.parameters.values())
    own = parameters[0].replace(name="self", annotation=inspect.Parameter.empty)
    returned = str(signature.return_annotation)
    if returned.startswith("Flow["):
        returned = returned[len("Flow[") : -1]
    method.__signature__ = signature.replace(parameters=[own, *parameters[1:]], return_annotation=returned)  # type: ignore[attr-defined]
    del method.__wrapped__  # type: ignore[attr-defined]
    return method


V = TypeVar("V", bound=BaseServerEvent)


T_co = TypeVar("T_co", covariant=True)


class BaseClient:
    """A client, independent of how it waits."""

    _collected: weakref.finalize[..., BaseClient]

    def _take(self, core: Core) -> None:
        """Begin with a core.

        Args:
            core: Where the server is, and what is known about it.
        """
        self._core = core
        self._resolvers: dict[Any, Resolver[Any, Any]] = {}
        self._callbacks = Callbacks(core.new_signal())

    @property
    def url(self) -> str:
        """The server's address, without credentials."""
        return self._core.address.url

    @property
    def client_id(self) -> str:
        """The id under which the server knows the socket."""
        return self._core.client_id

    @property
    def connected(self) -> bool:
        """Whether the socket is open now."""
        return self._core.hub.connected

    @property
    def socket_error(self) -> str:
        """Why the socket is not open; empty while it is, and before the first attempt."""
        if not self._core.use_socket:
            return "the client was made with websocket=False"
        return self._core.hub.failure

    @property
    def closed(self) -> bool:
        """Whether the client is closed."""
        return self._core.hub.stop.is_set()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that are sent to the server with every request. They may hold credentials."""
        return dict(self._core.credentials.headers)

    def api_url(self, route: str = "") -> str:
        """The address of a route, without credentials.

        Args:
            route: Below ``/api``: ``queue``, ``/history``.
        """
        path = f"/{route.lstrip('/')}" if route else ""
        beside = path.startswith(("/api/", "/internal/")) or path == "/api"
        return self._core.address.url_of(path if beside else f"/api{path}")

    @property
    def ws_url(self) -> str:
        """The address of the WebSocket, without credentials."""
        return self._core.address.socket_url(self._core.client_id)

    # Callbacks

    @overload
    def on(self, kind: type[V], function: Callable[[V], object]) -> Callable[[], None]: ...

    @overload
    def on(self, kind: str, function: Callable[[ServerEvent], object]) -> Callable[[], None]: ...

    def on(self, kind: Any, function: Callable[[Any], object]) -> Callable[[], None]:
        """Call a function for every event of a kind from the socket, which is opened for it.

        Functions are called one after the other, in the order of the events, concurrently with everything
        else: in their own thread, or in a task, which awaits an ``async def``. They may run prompts. An
        exception of one is reported like that of any thread or task.

        Args:
            kind: A class of events of `comfyflow.client`, such as ``Progress``, or a base class of several;
                or a message type, ``"progress"``, including types that custom nodes define.
            function: Called with the event.

        Returns:
            A function that stops the calls.

        Raises:
            ClientError: The client was made with ``websocket=False``.
        """
        return self._subscribe(kind, function, once=False)

    @overload
    def once(self, kind: type[V], function: Callable[[V], object]) -> Callable[[], None]: ...

    @overload
    def once(self, kind: str, function: Callable[[ServerEvent], object]) -> Callable[[], None]: ...

    def once(self, kind: Any, function: Callable[[Any], object]) -> Callable[[], None]:
        """Call a function with the next event of a kind only; see `on`.

        Args:
            kind: A class of events, or a message type.
            function: Called with the event.

        Returns:
            A function that cancels it.

        Raises:
            ClientError: The client was made with ``websocket=False``.
        """
        return self._subscribe(kind, function, once=True)

    @property
    def registered(self) -> tuple[type[BaseServerEvent] | str, ...]:
        """The kinds of events that `on` and `once` registered functions for."""
        return self._callbacks.kinds

    def _subscribe(self, kind: Any, function: Callable[[Any], object], once: bool) -> Callable[[], None]:
        if not isinstance(kind, str) and not (isinstance(kind, type) and issubclass(kind, BaseServerEvent)):
            raise TypeError(f"on() takes an event class of comfyflow.client or a message type, not {kind!r}")
        require_socket(self._core)
        if function is None:
            raise TypeError("a callback must be a function, not None")
        self._refuse_function(function, "a callback")
        remove = self._callbacks.add(Subscription(kind, function, once))
        self._core.hub.listen(self._callbacks)
        self._call_back()
        return remove

    def _refuse_function(self, function: Callable[[Any], object] | None, name: str) -> None:
        """Refuse anything but a function, and an async one that the client cannot await.

        Raises:
            TypeError: It cannot be called, or must be awaited, which this client cannot do.
        """
        if function is not None and not callable(function):
            raise TypeError(f"{name} must be a function, not {function!r}")

    def _refuse_resolver(self, resolver: object) -> None:
        """Refuse anything but a function, and an async resolver that the client cannot await.

        Raises:
            TypeError: It cannot be called.
            ClientError: It must be awaited, which this client cannot do.
        """
        if resolver is not None and not callable(resolver):
            raise TypeError(f"resolver must be a function, not {resolver!r}")

    def _call_back(self) -> None:
        """Start calling the functions."""
        raise NotImplementedError

    # Requests

    def use(self, middleware: Middleware) -> Callable[[], None]:
        """Add a middleware that every request goes through, outside those added before.

        Args:
            middleware: Called with the request and the next step, like the option ``middleware``.

        Returns:
            A function that removes it.
        """
        layers = self._core.middleware
        layers.insert(0, middleware)
        taken = False

        def remove() -> None:
            nonlocal taken
            if not taken:
                taken = True
                layers.remove(middleware)

        return remove

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """Wraps every request, outermost first."""
        return tuple(self._core.middleware)

    def reset_cache(self) -> None:
        """Forget what the server has said about itself: cached answers (see ``cache``) and its schema."""
        self._core.cache.clear()
        self._core.schemas.clear()

    # Results

    def register(self, resolver: Resolver[Any, Any]) -> None:
        """Let ``result.resolve(node)`` use this for the outputs of a node class.

        Args:
            resolver: Made by `comfyflow.client.resolver`.
        """
        self._resolvers[resolver.node_class] = resolver

    def view_url(
        self,
        filename: str,
        *,
        subfolder: str = "",
        type: str = "output",  # noqa: A002  # the server's name for it
        preview: str | None = None,
        channel: str | None = None,
    ) -> str:
        """The address of a file of the server, without credentials.

        Args:
            filename: Its name.
            subfolder: The folder below `type`.
            type: ``output``, ``input`` or ``temp``.
            preview: ``webp`` or ``jpeg``, with ``;`` and a quality: a smaller picture.
            channel: ``rgb``, ``rgba`` or ``a``: only these channels, as PNG.
        """
        return view_url(self._core, filename, subfolder, type, preview, channel)

    def url_of(self, file: OutputFile) -> str:
        """For `OutputFile.url`."""
        request = self._core.recognition.likely.file_request(self._core, file, file.type)
        return self._core.address.url_of(request.path, request.query)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"


class AsyncParts(BaseClient):
    """The part that is specific to an `AsyncClient`: reading its files must be awaited."""

    _driver: AsyncDriver

    def read_file(self, file: OutputFile) -> bytes:
        """For `OutputFile.bytes`, which cannot await: refuses."""
        raise ClientError(f"{file.name} belongs to an AsyncClient: write `await file.aread()`")

    def save_file(self, file: OutputFile, path: Path) -> Path:  # noqa: ARG002
        """For `OutputFile.save`, which cannot await: refuses."""
        raise ClientError(f"{file.name} belongs to an AsyncClient: write `await file.asave(path)`")

    def _read_shown(self, files: Sequence[OutputFile], largest: int) -> list[bytes | ClientError]:
        """For notebooks, which cannot await: see `read_apart`."""
        from .apart import read_apart

        return read_apart(self._driver, files, largest)

    async def _aread_file(self, file: OutputFile) -> bytes:
        """For `OutputFile.aread`."""
        return await self._driver.drive(read(self._core, file))

    async def _asave_file(self, file: OutputFile, path: Path) -> Path:
        """For `OutputFile.asave`."""
        return await self._driver.drive(fetch(self._core, file, path))


class BlockingParts(BaseClient):
    """The part that is specific to a `Client`: it never awaits anything."""

    _driver: BlockingDriver

    if not TYPE_CHECKING:  # type checkers would take any attribute

        def __getattr__(self, name: str) -> Any:
            if name in PARTS and "_beginning" in vars(self):
                begin_again(self)
                return vars(self)[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def read_file(self, file: OutputFile) -> bytes:
        """For `OutputFile.bytes`."""
        return self._driver.drive(read(self._core, file))

    def save_file(self, file: OutputFile, path: Path) -> Path:
        """For `OutputFile.save`."""
        return self._driver.drive(fetch(self._core, file, path))

    async def _aread_file(self, file: OutputFile) -> bytes:
        """For `OutputFile.aread`."""
        import asyncio

        return await asyncio.to_thread(self.read_file, file)

    async def _asave_file(self, file: OutputFile, path: Path) -> Path:
        """For `OutputFile.asave`."""
        import asyncio

        return await asyncio.to_thread(self.save_file, file, path)

    def _refuse_function(self, function: Callable[[Any], object] | None, name: str) -> None:
        super()._refuse_function(function, name)
        refuse_coroutine(function, name)

    def _refuse_resolver(self, resolver: object) -> None:
        super()._refuse_resolver(resolver)
        refuse_async(resolver)

    def _schema_of(self, version: Version | None) -> Schema:
        """For `load_schema`, which must not retry for as long as a run would."""
        return self._driver.drive(whole_schema(self._core, version))


class BaseHandle(Generic[T_co]):
    """A prompt that the server has, independent of how it is waited for.

    Args:
        core: The client.
        started: The prompt.
        source: Fetches files.
        resolve: Converts the result; None for the result itself.
        resolvers: The client's resolvers for the outputs of some classes.
        awaits: Whether a resolver's value is awaited.
    """

    def __init__(
        self,
        core: Core,
        started: Started,
        source: FileSource,
        resolve: Callable[[Any], Any] | None,
        resolvers: dict[Any, Resolver[Any, Any]],
        awaits: bool,
    ) -> None:
        self._core = core
        self._started = started
        self._source = source
        self._resolve = resolve
        self._resolvers = resolvers
        self._awaits = awaits
        self._run = started.run

    @property
    def prompt_id(self) -> str:
        """The prompt's id, by which the server and `Client.attach` know it."""
        return self._run.prompt_id

    @property
    def number(self) -> float | None:
        """Its priority; None if the server's answer was lost."""
        return self._started.number

    @property
    def report(self) -> Report | None:
        """What the server found wrong with the outputs that it dropped, or None."""
        return self._started.report

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What may go wrong although the server accepts it; see `Report.warnings`."""
        return self._started.warnings

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it is not known to have ended."""
        return self._run.outcome

    def _result(self, timeout: float | Deadline | None) -> Flow[T_co]:
        outcome = yield from Wait(self._core, self._run, timeout).outcome()
        error = error_of_outcome(self._run, outcome)
        if error is not None:
            raise error
        prepared = self._started.prepared
        report = self.report or self._core.recognition.likely.dropped(self._run, outcome, self._started)
        result: Result[Any] = Result(self._run, prepared, report, self._source, self._resolvers, self._awaits)
        if outcome.ending == "partial_success":
            raise partial_success(self._run, result)
        if self._resolve is None:
            return cast("T_co", result)
        made: Any = yield Tell(self._resolve, result)
        if not self._awaits:
            refuse_awaitable(made, self._resolve)
        return cast("T_co", made)

    def _status(self) -> Flow[RunStatus]:
        return status(self._core, self._run)

    def _cancel(self, timeout: float) -> Flow[bool]:
        return cancel(self._core, self._run, timeout)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of prompt {self.prompt_id}: {self._run.describe()}>"
