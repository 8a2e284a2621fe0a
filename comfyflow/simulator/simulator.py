"""The simulated server: started, used from tests, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from typing_extensions import Self

from ..errors import SimulatorError
from ..schema import Schema
from .assets import Assets
from .executor import Settings
from .failure import Faults, NodeFault
from .folders import Folders, Installed, ModelFiles
from .function_class import SimulatedNodes, SimulatedSchema
from .given import duration, installed, known_class
from .instance import ServerInstance, listening, not_listening
from .live_schema import LiveNodes, simulated_schema
from .node_function import USER_FUNCTIONS, NodeLibrary
from .nodes import CORE
from .profile import DEFAULT_PROFILE, Profile
from .prompt_queue import OCCUPY, foreign_item, with_foreign_work
from .routes import make_app
from .routes.editor_routes import SETTINGS, frontend_folder
from .validation import Replacements

HOST: Final = "127.0.0.1"
STOP_SECONDS: Final = 10.0


@dataclass(frozen=True)
class ReceivedPrompt:
    """A prompt that the simulator accepted.

    Attributes:
        prompt_id: Its id.
        prompt: Its nodes, as they run.
        client_id: Who sent it.
        body: The whole request.
    """

    prompt_id: str
    prompt: Mapping[str, Any]
    client_id: object
    body: Mapping[str, Any]


class Simulator:
    """A ComfyUI server without models: real HTTP and WebSocket, real files, simulated images.

    It listens on its own port, from its own thread, until it is stopped::

        with Simulator() as server:
            client = Client(server.url)

    Args:
        object_info: Its node classes: a schema, an /object_info, or a file with one. None: the
            reference schema of ComfyUI's core nodes.
        profile: The version of ComfyUI that it behaves as: ``0.33.0``, ``0.27.0`` or ``0.3.64``.
        port: Where it listens; 0 picks a free port.
        root: Its folder for input, output, temp and models; None: a temporary one, removed when
            it stops.
        host: The address that it listens on.
        models: Folder (``checkpoints``, ``loras``, …) to the only files in it. ``listed``: the files
            that the schema lists. ``any``: every name that ends like a model file.
        frontend: True serves ComfyUI's editor at ``/``, from the package ``comfyui-frontend-package``; a
            folder is used like its ``static``; False: a page with the latest images.
        node_replacements: What ``/node_replacements`` says (0.14 and later).
        previews: Whether samplers send previews unasked, like a server with ``--preview-method``.
        caption: Whether simulated images get a caption that names them simulated.
        step_seconds: How long a sampling step takes.
        assets: Whether it lists its files as assets, as with ``--enable-assets`` (not before 0.27).

    Raises:
        SimulatorError: The profile is unknown; there is no reference schema, or no editor; `models` or
            `step_seconds` is something else.
        SchemaError: `object_info` cannot be read.
    """

    def __init__(
        self,
        object_info: Schema | Mapping[str, Any] | str | os.PathLike[str] | None = None,
        profile: str = DEFAULT_PROFILE,
        port: int = 0,
        root: str | os.PathLike[str] | None = None,
        *,
        host: str = HOST,
        models: Installed = "any",
        frontend: bool | str | os.PathLike[str] = False,
        node_replacements: Replacements | None = None,
        previews: bool = False,
        caption: bool = True,
        step_seconds: float = 0.0,
        assets: bool = False,
    ) -> None:
        named = Profile.named(profile)
        self.profile: Final = named.with_assets() if assets else named
        self.assets: Assets | None = None
        self.faults: Final = Faults()
        self.prompts: list[ReceivedPrompt] = []
        self.output_order: Callable[[list[str]], list[str]] | None = None
        """In which order the outputs of a prompt run: real servers have a new one at each
        start. None: as they are in the prompt."""
        self.users: dict[str, str] = {"default": "default"}
        self.node_replacements: Replacements = node_replacements or {}
        self.frontend: Final = frontend_folder(frontend)
        self.user_settings: dict[str, Any] = dict(SETTINGS) if self.frontend else {}
        self._installed: Final = installed(models, self.profile.model_folders)
        of_user = NodeLibrary(USER_FUNCTIONS.functions)
        self._added = NodeLibrary(behind=of_user)
        core = NodeLibrary({OCCUPY.class_type: OCCUPY.function}, behind=CORE)
        self._functions = NodeLibrary(
            self._added.functions, behind=NodeLibrary(of_user.functions, behind=core)
        )
        given = simulated_schema(object_info, profile)
        nodes = SimulatedNodes(given.raw, self._added)
        self.schema: Schema = SimulatedSchema(nodes, given.version, given.source, given.files_known)
        self._wanted_port = port
        self._host = host
        self._root = Path(root) if root is not None else None
        self._look = (previews, caption, duration(step_seconds, "step_seconds"))
        self._temporary: Path | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._instance: ServerInstance | None = None
        self._folders: Folders | None = None
        self._port = 0

    def assets_of(self) -> Assets:
        """Its assets.

        Raises:
            SimulatorError: It has none.
        """
        if self.assets is None:
            raise SimulatorError("the simulator has no assets: Simulator(assets=True)")
        return self.assets

    # Starting and stopping

    def start(self) -> Self:
        """Start listening; returns when requests are answered.

        Raises:
            SimulatorError: It is already running, or the port is not available.
        """
        if self._thread is not None:
            raise SimulatorError("the simulator is already running")
        if self._folders is None:
            if self._root is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="comfyflow-simulator-"))
            self._folders = Folders(self._root or self._temporary or Path())
            if self.profile.features.get("assets"):
                self.assets = Assets(self._folders)
        ready = threading.Event()
        failure: list[BaseException] = []
        self._thread = threading.Thread(
            target=self._serve, args=(ready, failure), name="comfyflow-simulator", daemon=True
        )
        self._thread.start()
        ready.wait()
        if failure:
            self._thread.join()
            self._thread = None
            self._remove_temporary()
            raise SimulatorError(not_listening(self._host, self._wanted_port, failure[0]))
        return self

    def stop(self) -> None:
        """Stop listening, end the worker, close every socket; remove a temporary folder."""
        self._halt()
        self._remove_temporary()

    def restart(self) -> None:
        """Stop and start on the same port: queue, history and cache are lost, files are not."""
        port = self.port
        self._halt()
        self._wanted_port = port
        self.start()

    def _halt(self) -> None:
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None or loop is None or stopping is None:
            return
        with contextlib.suppress(RuntimeError):  # its loop may have ended by itself
            loop.call_soon_threadsafe(stopping.set)
        thread.join()
        self._thread = self._loop = self._stopping = None

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = self._folders = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _serve(self, ready: threading.Event, failure: list[BaseException]) -> None:
        try:
            asyncio.run(self._main(ready))
        except (OSError, OverflowError) as error:  # a port that is too large overflows
            failure.append(error)
        finally:
            ready.set()

    async def _main(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        stopping = self._stopping = asyncio.Event()
        instance = self._instance = ServerInstance(self._settings(), self._loop)
        async with listening(make_app(self), self._host, self._wanted_port) as self._port:
            publisher = asyncio.create_task(instance.sockets.publish())
            # What cannot be sent ends a real server's process (recordings, l07 and l19).
            publisher.add_done_callback(lambda _: stopping.set())
            try:
                instance.start()
                ready.set()
                await stopping.wait()
            finally:
                await asyncio.to_thread(instance.close)
                publisher.cancel()
                await asyncio.gather(publisher, return_exceptions=True)
                await instance.sockets.close()

    def _settings(self) -> Settings:
        previews, caption, step_seconds = self._look
        return Settings(
            profile=self.profile,
            schema=with_foreign_work(self.schema),
            library=self._functions,
            folders=self.folders,
            faults=self.faults,
            previews=previews,
            caption=caption,
            step_seconds=step_seconds,
        )

    # What it is

    @property
    def url(self) -> str:
        """Its URL: ``http://127.0.0.1:PORT``."""
        return f"http://{self._host}:{self.port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def folders(self) -> Folders:
        """Its files.

        Raises:
            SimulatorError: It was never started.
        """
        if self._folders is None:
            raise SimulatorError("the simulator has no files until it is started")
        return self._folders

    @property
    def instance(self) -> ServerInstance:
        """Its current life: queue, sockets, worker.

        Raises:
            SimulatorError: It was never started.
        """
        if self._instance is None:
            raise SimulatorError("the simulator was never started")
        return self._instance

    @property
    def models(self) -> ModelFiles:
        """Its model files."""
        return ModelFiles(self.schema, self.folders, self._installed, self.profile.model_folders)

    def live_schema(self, named: Sequence[str] = ()) -> Schema:
        """Its classes, with the files of now in their combos.

        Args:
            named: Model files that count as installed.
        """
        nodes = LiveNodes(self.schema, self.folders, self.models, named)
        return Schema(nodes, self.profile.version, "the simulator")

    def object_info(self, class_type: str | None = None) -> dict[str, Any]:
        """What ``/object_info`` answers.

        Args:
            class_type: One class; None means all.
        """
        nodes = LiveNodes(self.schema, self.folders, self.models, shown=True)
        if class_type is None:
            return dict(nodes)
        return {class_type: nodes[class_type]} if class_type in nodes else {}

    def received(self, body: Mapping[str, Any], prompt_id: str) -> None:
        """Keep a prompt that was accepted in `prompts`."""
        self.prompts.append(ReceivedPrompt(prompt_id, body["prompt"], body.get("client_id"), body))

    # What its nodes do

    def simulate(
        self,
        class_type: str,
        function: Callable[..., Any] | None = None,
        *,
        outputs: Sequence[str] | None = None,
        output_node: bool | None = None,
    ) -> Any:
        """Define what nodes of a class do, in this simulator only; also as a decorator.

        A class that its schema does not have is made of the function; see `simulates`.

        Args:
            class_type: The node's class name.
            function: See `simulates`. None: decorate one.
            outputs: See `simulates`.
            output_node: See `simulates`.

        Raises:
            TypeError: `outputs` is one string.
        """
        registered = self._added.node(class_type, outputs=outputs, output_node=output_node)
        return registered if function is None else registered(function)

    # What goes wrong

    def fail_next(
        self,
        message: str = "simulated failure",
        *,
        exception_type: str = "RuntimeError",
        class_type: str | None = None,
        node_id: str | None = None,
        out_of_memory: bool = False,
    ) -> None:
        """Make the next matching node raise.

        Args:
            message: What it says.
            exception_type: The exception's type, as the client will see it.
            class_type: Only nodes of this class.
            node_id: Only the node of this id.
            out_of_memory: Whether it is an out-of-memory error.

        Raises:
            SimulatorError: It has no such class.
        """
        kind = known_class(class_type, self.schema.raw)
        self.faults.node_faults.append(NodeFault(message, exception_type, kind, node_id, out_of_memory))

    def drop_socket(self, client_id: str | None = None) -> None:
        """Cut WebSocket connections as a network does: no goodbye, no replay.

        Args:
            client_id: Whose; None means all.
        """
        self._on_loop(lambda: self.instance.sockets.drop(client_id))

    @contextlib.contextmanager
    def silent_sockets(self) -> Generator[None, None, None]:
        """Send nothing, although the sockets stay open; messages are lost."""
        self.instance.sockets.silent = True
        try:
            yield
        finally:
            self.instance.sockets.silent = False

    @contextlib.contextmanager
    def stalled_sockets(self) -> Generator[None, None, None]:
        """Hold messages back, as while one client does not read and starves all others.

        They are sent when it is over. HTTP and execution continue.
        """
        sockets = self.instance.sockets
        sockets.stall()
        try:
            yield
        finally:
            sockets.resume()

    @contextlib.contextmanager
    def held_queue(self) -> Generator[None, None, None]:
        """Hold back waiting prompts, so that a test can inspect the queue."""
        queue = self.instance.queue
        queue.hold(True)
        try:
            yield
        finally:
            queue.hold(False)

    def reject_next(
        self,
        kind: str = "prompt_outputs_failed_validation",
        message: str = "Prompt outputs failed validation",
        node_errors: Mapping[str, Any] | None = None,
    ) -> None:
        """Reject the next prompt with a 400, whatever it is.

        Args:
            kind: The error's type.
            message: Its message.
            node_errors: What is said to be wrong with which node.
        """
        error: dict[str, Any] = {"type": kind, "message": message, "details": "", "extra_info": {}}
        self.faults.rejections.append({"error": error, "node_errors": dict(node_errors or {})})

    def lose_reply(self, count: int = 1) -> None:
        """Queue the next prompts, but drop the connection instead of responding."""
        self.faults.lost_replies += count

    def answer_500(self, count: int = 1) -> None:
        """Queue the next prompts, but answer 500."""
        self.faults.server_errors += count

    def delay_reply(self, seconds: float) -> None:
        """Delay the response to a prompt, so that its events come first."""
        self.faults.reply_delay = seconds

    def delay_history(self, seconds: float) -> None:
        """Delay a prompt's history entry after ``execution_success``."""
        self.faults.history_delay = seconds

    def slow_down(self, seconds: float, class_type: str | None = None) -> None:
        """Make nodes take longer; an interrupt waits until they are done, as on real servers.

        Args:
            seconds: How much longer, each.
            class_type: Only nodes of this class.

        Raises:
            SimulatorError: It has no such class.
        """
        self.faults.slow_nodes[known_class(class_type, self.schema.raw)] = seconds

    def kill_worker(self) -> None:
        """End the worker at the next prompt: it stays running forever, later ones wait forever."""
        self.faults.kill_worker = True

    def add_foreign_prompt(self, seconds: float = 0.0, number: float | None = None) -> str:
        """Queue a prompt of another client.

        Args:
            seconds: How long it runs; an interrupt ends it.
            number: Its place in the queue: the lowest goes first. None: behind all.

        Returns:
            Its id.
        """
        instance = self.instance
        item = foreign_item(seconds, instance.next_number(False) if number is None else number)
        instance.queue.put(item)
        return item.prompt_id

    def send(self, kind: str, data: Any, client_id: object = None) -> None:
        """Send a custom message, as custom nodes do.

        Args:
            kind: Its type.
            data: Its data; of bytes, a binary frame is made, and the type does not matter.
            client_id: Whom to; None means everyone.
        """
        self.instance.sockets.send(kind, data, client_id)

    def _on_loop(self, call: Callable[[], Any]) -> Any:
        if self._loop is None:
            raise SimulatorError("the simulator is not running")
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(STOP_SECONDS)
