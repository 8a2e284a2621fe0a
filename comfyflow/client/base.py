"""What the two clients have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from ..output_file import OutputFile
from .callback import Callbacks, Subscription
from .core import Core
from .event import BaseServerEvent, ServerEvent
from .file_routes import view_url
from .flow import Middleware
from .listening import require_socket
from .result import Resolver

V = TypeVar("V", bound=BaseServerEvent)


class BaseClient:
    """A client, apart from how it waits.

    Args:
        core: What it is.
    """

    def __init__(self, core: Core) -> None:
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
        """Why the socket is not open; empty while it is, and before it was tried."""
        if not self._core.use_socket:
            return "the client was made with websocket=False"
        return self._core.hub.failure

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._core.hub.stop.is_set()

    @property
    def headers(self) -> dict[str, str]:
        """The headers that go to the server with every request. They may hold credentials."""
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
        """Have a function called whenever something comes over the socket, which is opened for it.

        Functions are called one after the other, in the order of the events, beside everything
        else: by a thread of their own, or by a task, which awaits what an ``async def`` gives. They
        may run prompts. What one raises is shown as an error of a thread or task is.

        Args:
            kind: A class of events of `comfyflow.client`, such as ``Progress``, or one that several derive
                from; or the type of a message, ``"progress"``, also one that a node has of its own.
            function: Is given the event.

        Returns:
            A function that ends it.

        Raises:
            ClientError: The client was made with ``websocket=False``.
        """
        return self._subscribe(kind, function, once=False)

    @overload
    def once(self, kind: type[V], function: Callable[[V], object]) -> Callable[[], None]: ...

    @overload
    def once(self, kind: str, function: Callable[[ServerEvent], object]) -> Callable[[], None]: ...

    def once(self, kind: Any, function: Callable[[Any], object]) -> Callable[[], None]:
        """Have a function called with the next event of a kind, and not again; see `on`.

        Args:
            kind: A class of events, or the type of a message.
            function: Is given the event.

        Returns:
            A function that ends it before.

        Raises:
            ClientError: The client was made with ``websocket=False``.
        """
        return self._subscribe(kind, function, once=True)

    @property
    def registered(self) -> tuple[type[BaseServerEvent] | str, ...]:
        """What functions are called for: the kinds that `on` and `once` were given."""
        return self._callbacks.kinds

    def _subscribe(self, kind: Any, function: Callable[[Any], object], once: bool) -> Callable[[], None]:
        if not isinstance(kind, str) and not (isinstance(kind, type) and issubclass(kind, BaseServerEvent)):
            raise TypeError(
                f"on() takes a class of events of comfyflow.client or the type of a message, not {kind!r}"
            )
        require_socket(self._core)
        self._check_callback(function)
        remove = self._callbacks.add(Subscription(kind, function, once))
        self._core.hub.listen(self._callbacks)
        self._call_back()
        return remove

    def _check_callback(self, function: Callable[[Any], object]) -> None:
        """Refuse a function that cannot be called as it wants to be.

        Raises:
            TypeError: It is to be awaited, and nobody can.
        """

    def _call_back(self) -> None:
        """Have the functions called from now on."""
        raise NotImplementedError

    # Requests

    def use(self, middleware: Middleware) -> Callable[[], None]:
        """Have every request go through something, outside of all that it goes through already.

        Args:
            middleware: Is given the request and the way on, as the option ``middleware``.

        Returns:
            A function that takes it out again.
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
        """What every request goes through, outermost first."""
        return tuple(self._core.middleware)

    def reset_cache(self) -> None:
        """Forget what the server has said of itself: kept answers (see ``cache``), and its schema."""
        self._core.cache.clear()
        self._core.schemas.clear()

    # Results

    def register(self, resolver: Resolver[Any, Any]) -> None:
        """Have ``result.resolve(node)`` make this of the outputs of a node class.

        Args:
            resolver: Made by `comfyflow.client.resolver`.
        """
        self._resolvers[resolver.node_class] = resolver

    def view_url(
        self,
        filename: str,
        *,
        subfolder: str = "",
        type: str = "output",  # noqa: A002  # the server's word
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
        return self.view_url(file.name, subfolder=file.subfolder, type=file.type)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.url}>"
