# Written by `python -m tools.blocking_twin` from async_client.py: edit that, and run it.
"""The blocking client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from typing_extensions import Self, Unpack

from ..client_options import ClientOptions, ClientSettings
from ..option import refuse_strangers, spelled
from ..output_file import NodeOutput
from . import interruption, running
from .base import BlockingParts, blocking
from .blocking_driver import BlockingDriver
from .connection import ConnectSocket
from .event import ServerEvent
from .fork import begin
from .handle import Handle
from .notebook_progress import notebook_progress
from .options import RunSettings, SubmitOptions, SubmitSettings, WaitOptions, WaitSettings
from .result import Result
from .routes import (
    asset_routes,
    file_routes,
    node_class_routes,
    queue_routes,
    server_routes,
    upload_routes,
    user_routes,
)
from .target import R1, R2, R3, R4, R5, R6, F, Several, Target
from .waiting import Deadline, connect, next_event, require_socket
from .web_socket import Listener

if TYPE_CHECKING:
    import httpx

    from ..workflows import Workflow
    from .target import Five, Four, Many, Named, One, Six, Three, Two


R = TypeVar("R", bound=NodeOutput)


T = TypeVar("T")


@spelled(ClientOptions, ClientSettings)
class Client(BlockingParts):
    """A ComfyUI server, over HTTP and WebSocket.

    ::

        with Client("http://127.0.0.1:8188") as client:
            result = client.run(txt2img("a lighthouse at dusk"))
            client.save(result.output.images[0], "lighthouse.png")

    It may be used from several threads. Its twin for asyncio does the same, awaited. The WebSocket is opened
    when it is first needed.

    Args:
        url: The server; None means ``COMFYFLOW_SERVER``, the config file's, or ``http://127.0.0.1:8188``.
        transport: An httpx transport instead of the network, for tests.
        connect_socket: Opens the WebSocket instead of the websockets package.
        options: Other options: see `ClientOptions`.

    Raises:
        ClientError: The address is not valid.
        TypeError: An option is unknown, or of another type.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        connect_socket: ConnectSocket | None = None,
        **options: Unpack[ClientOptions],
    ) -> None:
        refuse_strangers("Client", options, ClientOptions, "url", "transport", "connect_socket")
        begin(self, BlockingDriver, url, ClientSettings(**options), transport, connect_socket)

    def close(self) -> None:
        """Close all connections. Prompts in flight keep running; pending waits raise `ClientError`."""
        self._collected.detach()
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Running

    @overload
    def run(
        self, target: One[R], *, resolver: Callable[[Result[R]], T], **options: Unpack[WaitOptions]
    ) -> T: ...

    @overload
    def run(self, target: One[R], **options: Unpack[WaitOptions]) -> Result[R]: ...

    @overload
    def run(self, target: Two[R1, R2], **options: Unpack[WaitOptions]) -> Result[tuple[R1, R2]]: ...

    @overload
    def run(self, target: Three[R1, R2, R3], **options: Unpack[WaitOptions]) -> Result[tuple[R1, R2, R3]]: ...

    @overload
    def run(
        self, target: Four[R1, R2, R3, R4], **options: Unpack[WaitOptions]
    ) -> Result[tuple[R1, R2, R3, R4]]: ...

    @overload
    def run(
        self, target: Five[R1, R2, R3, R4, R5], **options: Unpack[WaitOptions]
    ) -> Result[tuple[R1, R2, R3, R4, R5]]: ...

    @overload
    def run(
        self, target: Six[R1, R2, R3, R4, R5, R6], **options: Unpack[WaitOptions]
    ) -> Result[tuple[R1, R2, R3, R4, R5, R6]]: ...

    @overload
    def run(self, target: Many[R], **options: Unpack[WaitOptions]) -> Result[tuple[R, ...]]: ...

    @overload
    def run(self, target: Named[R], **options: Unpack[WaitOptions]) -> Result[dict[str, R]]: ...

    @overload
    def run(
        self, target: Several, *, resolver: Callable[[Result[Any]], T], **options: Unpack[WaitOptions]
    ) -> T: ...

    @overload
    def run(
        self, target: Workflow[F], *, resolver: Callable[[Result[F]], T], **options: Unpack[WaitOptions]
    ) -> T: ...

    @overload
    def run(self, target: Workflow[F], **options: Unpack[WaitOptions]) -> Result[F]: ...

    @overload
    def run(self, target: Mapping[str, Any], **options: Unpack[WaitOptions]) -> Result[NodeOutput]: ...

    @overload
    def run(self, target: Target, **options: Unpack[WaitOptions]) -> Result[Any]: ...

    @spelled(WaitOptions, WaitSettings)
    def run(
        self,
        target: Target,
        *,
        resolver: Callable[[Any], Any] | None = None,
        **options: Unpack[WaitOptions],
    ) -> Any:
        """Run a workflow and wait for its result.

        Ctrl-C cancels the prompt on the
        server too, unless ``on_interrupt="leave"`` is given. After an error or a timeout it keeps running.

        Args:
            target: A workflow, a node, prompt JSON, the editor's JSON, a request body, or a file with one of
                these. Files given to nodes such as ``LoadImage`` are uploaded: paths, bytes, Pillow and NumPy
                pictures. Uploaded files and results of earlier runs are used as they are.
            resolver: Converts the result; its value is returned instead.
            options: How to run it and wait: see `WaitOptions`.

        Returns:
            The `Result`: ``result.output`` is the root's output, ``result[node]`` that of a node.

        Raises:
            ValidationError: The workflow has problems; nothing was sent.
            PromptRejected: The server found problems; nothing was queued.
            ExecutionError: A node raised; `PartialSuccess` if other nodes gave their outputs.
            Interrupted: The run was stopped.
            PromptLost: The prompt was deleted, or the server restarted.
            WaitTimeout: The time is up. A prompt that was sent keeps running; the error has its id.
            ServerUnreachable: The server does not answer, or stays away for too long.
        """
        refuse_strangers("Client.run", options, WaitOptions, "target", "resolver")
        settings = WaitSettings(**options)
        deadline = Deadline(self._core, settings.timeout)
        on_event, attempt = settings.on_event or notebook_progress(), running.Sending()
        cancels = running.cancels(settings)
        self._refuse_function(on_event, "on_event")
        try:
            handle: Handle[Any] = self._submit(target, resolver, settings, deadline.left, attempt)
            if on_event is not None:
                for event in handle._watch(deadline):
                    self._driver.tell(on_event, event)
            return self._driver.drive(handle._result(deadline))
        except BaseException as interrupt:
            if cancels and interruption.is_interrupt(interrupt):
                going_on = self._driver.see_through(interruption.abandon(self._core, attempt))
                interruption.add_note(interrupt, going_on)
            raise

    @overload
    def submit(
        self, target: One[R], *, resolver: Callable[[Result[R]], T], **options: Unpack[SubmitOptions]
    ) -> Handle[T]: ...

    @overload
    def submit(self, target: One[R], **options: Unpack[SubmitOptions]) -> Handle[Result[R]]: ...

    @overload
    def submit(
        self, target: Two[R1, R2], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[tuple[R1, R2]]]: ...

    @overload
    def submit(
        self, target: Three[R1, R2, R3], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[tuple[R1, R2, R3]]]: ...

    @overload
    def submit(
        self, target: Four[R1, R2, R3, R4], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[tuple[R1, R2, R3, R4]]]: ...

    @overload
    def submit(
        self, target: Five[R1, R2, R3, R4, R5], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[tuple[R1, R2, R3, R4, R5]]]: ...

    @overload
    def submit(
        self, target: Six[R1, R2, R3, R4, R5, R6], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[tuple[R1, R2, R3, R4, R5, R6]]]: ...

    @overload
    def submit(self, target: Many[R], **options: Unpack[SubmitOptions]) -> Handle[Result[tuple[R, ...]]]: ...

    @overload
    def submit(self, target: Named[R], **options: Unpack[SubmitOptions]) -> Handle[Result[dict[str, R]]]: ...

    @overload
    def submit(
        self, target: Several, *, resolver: Callable[[Result[Any]], T], **options: Unpack[SubmitOptions]
    ) -> Handle[T]: ...

    @overload
    def submit(
        self, target: Workflow[F], *, resolver: Callable[[Result[F]], T], **options: Unpack[SubmitOptions]
    ) -> Handle[T]: ...

    @overload
    def submit(self, target: Workflow[F], **options: Unpack[SubmitOptions]) -> Handle[Result[F]]: ...

    @overload
    def submit(
        self, target: Mapping[str, Any], **options: Unpack[SubmitOptions]
    ) -> Handle[Result[NodeOutput]]: ...

    @overload
    def submit(self, target: Target, **options: Unpack[SubmitOptions]) -> Handle[Result[Any]]: ...

    @spelled(SubmitOptions, SubmitSettings)
    def submit(
        self,
        target: Target,
        *,
        resolver: Callable[[Any], Any] | None = None,
        **options: Unpack[SubmitOptions],
    ) -> Any:
        """Queue a workflow without waiting for it.

        Args:
            target: See `run`.
            resolver: What ``handle.result()`` converts the result with.
            options: How to run it: see `SubmitOptions`.

        Returns:
            The `Handle`.

        Raises:
            ValidationError: The workflow has problems; nothing was sent.
            PromptRejected: The server found problems; nothing was queued.
            WaitTimeout: The time is up. A prompt that was sent keeps running; the error has its id.
            ServerUnreachable: The server does not answer.
        """
        refuse_strangers("Client.submit", options, SubmitOptions, "target", "resolver")
        settings = SubmitSettings(**options)
        return self._submit(target, resolver, settings, settings.timeout)

    @overload
    def attach(self, prompt_id: str) -> Handle[Result[NodeOutput]]: ...

    @overload
    def attach(self, prompt_id: str, *, resolver: Callable[[Result[NodeOutput]], T]) -> Handle[T]: ...

    def attach(self, prompt_id: str, *, resolver: Callable[[Any], Any] | None = None) -> Any:
        """Attach to a prompt that is on the server: from an earlier program, or from someone else.

        Args:
            prompt_id: Its id.
            resolver: What ``handle.result()`` converts the result with.

        Raises:
            PromptLost: The server does not know it.
            TypeError: The id is not a string.
            ValueError: It is empty.
        """
        self._refuse_resolver(resolver)
        return self._handle(self._driver.drive(running.attach(self._core, prompt_id)), resolver)

    def connect(self, timeout: float | None = None) -> Self:
        """Open the WebSocket. It opens automatically when it is needed; this checks that it can.

        Args:
            timeout: Seconds to try; ``Limits.socket`` by default.

        Returns:
            The client.

        Raises:
            SocketUnavailable: It cannot be opened; the message says why.
            ClientError: The client is closed, or was made with ``websocket=False``.
        """
        self._driver.drive(connect(self._core, timeout))
        return self

    def _call_back(self) -> None:
        self._driver.call_back(self._callbacks)

    def events(self, timeout: float | None = None) -> Iterator[ServerEvent]:
        """Yield everything that comes over the socket from this call on, until the client is closed.

        Events are buffered until they are read: the last 10,000.

        Args:
            timeout: Seconds from now until it ends; None for no limit.

        Raises:
            ClientError: The client was made with ``websocket=False``.
        """
        require_socket(self._core)
        listener: Listener[ServerEvent] = Listener(self._core.new_signal())
        deadline = Deadline(self._core, timeout)
        self._core.hub.listen(listener)
        self._driver.start_socket()
        return self._events(listener, deadline)

    def _events(self, listener: Listener[ServerEvent], deadline: Deadline) -> Iterator[ServerEvent]:
        try:
            while True:
                event = self._driver.drive(next_event(self._core, listener, deadline))
                if event is None:
                    return
                yield event
        finally:
            self._core.hub.unlisten(listener)

    def _submit(
        self,
        target: Target,
        resolve: Callable[[Any], Any] | None,
        settings: RunSettings,
        seconds: float | None,
        attempt: running.Sending | None = None,
    ) -> Handle[Any]:
        self._refuse_resolver(resolve)
        self._refuse_function(settings.on_upload, "on_upload")
        starting = running.start(self._core.within(seconds), target, settings, attempt)
        return self._handle(self._driver.drive(starting), resolve)

    def _handle(self, started: running.Started, resolve: Callable[[Any], Any] | None) -> Handle[Any]:
        handle: Handle[Any] = Handle(self._core, started, self, resolve, self._resolvers, self._driver.awaits)
        handle._driver = self._driver
        return handle

    # Routes

    request: Final = blocking(server_routes.request)
    queue: Final = blocking(queue_routes.queue)
    queue_remaining: Final = blocking(queue_routes.queue_remaining)
    delete_queued: Final = blocking(queue_routes.delete_queued)
    clear_queue: Final = blocking(queue_routes.clear_queue)
    history: Final = blocking(queue_routes.history)
    history_entry: Final = blocking(queue_routes.history_entry)
    delete_history: Final = blocking(queue_routes.delete_history)
    clear_history: Final = blocking(queue_routes.clear_history)
    interrupt: Final = blocking(queue_routes.interrupt)
    jobs: Final = blocking(queue_routes.jobs)
    job: Final = blocking(queue_routes.job)
    cancel_jobs: Final = blocking(queue_routes.cancel_jobs)

    assets: Final = blocking(asset_routes.assets)
    asset: Final = blocking(asset_routes.asset)
    asset_tags: Final = blocking(asset_routes.asset_tags)
    has_asset: Final = blocking(asset_routes.has_asset)
    upload_asset: Final = blocking(asset_routes.upload_asset)

    view: Final = blocking(file_routes.view)
    read: Final = blocking(file_routes.read)
    save: Final = blocking(file_routes.save)
    download: Final = blocking(file_routes.download)
    _download_each: Final = blocking(file_routes.download_each)
    upload_image: Final = blocking(upload_routes.upload_image)
    upload_mask: Final = blocking(upload_routes.upload_mask)

    system_stats: Final = blocking(server_routes.system_stats)
    features: Final = blocking(server_routes.features)
    object_info: Final = blocking(node_class_routes.object_info)
    schema: Final = blocking(node_class_routes.schema)
    free: Final = blocking(server_routes.free)
    embeddings: Final = blocking(server_routes.embeddings)
    extensions: Final = blocking(server_routes.extensions)
    model_folders: Final = blocking(server_routes.model_folders)
    models: Final = blocking(server_routes.models)
    model_files: Final = blocking(server_routes.model_files)
    model_metadata: Final = blocking(server_routes.model_metadata)
    samplers: Final = blocking(node_class_routes.samplers)
    schedulers: Final = blocking(node_class_routes.schedulers)
    checkpoints: Final = blocking(node_class_routes.checkpoints)
    loras: Final = blocking(node_class_routes.loras)
    vaes: Final = blocking(node_class_routes.vaes)
    controlnets: Final = blocking(node_class_routes.controlnets)
    upscale_models: Final = blocking(node_class_routes.upscale_models)
    hypernetworks: Final = blocking(node_class_routes.hypernetworks)
    workflow_templates: Final = blocking(server_routes.workflow_templates)
    translations: Final = blocking(server_routes.translations)
    node_replacements: Final = blocking(server_routes.node_replacements)
    global_subgraphs: Final = blocking(server_routes.global_subgraphs)
    logs: Final = blocking(server_routes.logs)
    log_entries: Final = blocking(server_routes.log_entries)
    subscribe_logs: Final = blocking(server_routes.subscribe_logs)

    users: Final = blocking(user_routes.users)
    create_user: Final = blocking(user_routes.create_user)
    settings: Final = blocking(user_routes.settings)
    setting: Final = blocking(user_routes.setting)
    store_settings: Final = blocking(user_routes.store_settings)
    store_setting: Final = blocking(user_routes.store_setting)
    list_userdata: Final = blocking(user_routes.list_userdata)
    browse_userdata: Final = blocking(user_routes.browse_userdata)
    get_userdata: Final = blocking(user_routes.get_userdata)
    put_userdata: Final = blocking(user_routes.put_userdata)
    move_userdata: Final = blocking(user_routes.move_userdata)
    delete_userdata: Final = blocking(user_routes.delete_userdata)
