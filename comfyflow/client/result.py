"""The result of a prompt, typed by its nodes; or the error, if there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeGuard, TypeVar, overload

from ..errors import ClientError, DownloadError, ExecutionError, NodeUsageError, PromptRejected
from ..json_types import is_array
from ..located import Copied
from ..node import Node, OutputNode
from ..output_file import (
    AudioFile,
    AudioOutput,
    FileSource,
    ImageFile,
    ImageOutput,
    LatentFile,
    LatentOutput,
    Model3DFile,
    Model3DOutput,
    NodeOutput,
    OutputFile,
    TextOutput,
    VideoFile,
    VideoOutput,
)
from ..source import Source
from .event import ExecutionSummary
from .failure import NodeFailures
from .run import Run
from .run_event import Outcome

if TYPE_CHECKING:
    from ..validate import Report


R_co = TypeVar("R_co", covariant=True)


R = TypeVar("R", bound=NodeOutput)


O = TypeVar("O", bound=NodeOutput)  # noqa: E741  # an output


T = TypeVar("T")


class Resolver(Generic[O, T]):
    """Converts the output of one node class. Created by `resolver`.

    Args:
        node_class: The class.
        function: Called with the output of a node of the class.
    """

    def __init__(self, node_class: type[OutputNode[O]], function: Callable[[O], T]) -> None:
        self.node_class = node_class
        self.function = function

    def __call__(self, result: Result[O]) -> T:
        """Convert a result whose root is a node of the class."""
        return self.function(result.output)


def _is_resolver(value: object) -> TypeGuard[Resolver[Any, Any]]:
    return isinstance(value, Resolver)


def resolver(node_class: type[OutputNode[O]]) -> Callable[[Callable[[O], T]], Resolver[O, T]]:
    """Decorate a function that converts the output of a node class.

    ::

        @resolver(DetectObjects)
        def boxes(output: NodeOutput) -> list[Box]: ...


        found = client.run(detect(image), resolver=boxes)  # list[Box]: the root's
        every = client.run(detect(image))[boxes]  # tuple[list[Box], ...]: one a node

    With an `AsyncClient` it may be an ``async def``, which reads files by ``await file.aread()``;
    ``run`` awaits it.

    Args:
        node_class: The class, from a generated package.
    """
    return lambda function: Resolver(node_class, function)


def refuse_async(resolver: object) -> None:
    """Refuse an ``async def`` that would never be awaited, before anything is sent.

    Raises:
        ClientError: It is one.
    """
    import inspect

    function = resolver.function if _is_resolver(resolver) else resolver
    if inspect.iscoroutinefunction(function):
        raise _unawaited(resolver)


def refuse_awaitable(made: object, resolver: object) -> None:
    """Refuse a resolver's value that would never be awaited.

    Raises:
        ClientError: It is a coroutine or the like.
    """
    import inspect

    if inspect.isawaitable(made):
        if inspect.iscoroutine(made):
            made.close()
        raise _unawaited(resolver)


def _unawaited(resolver: object) -> ClientError:
    function = resolver.function if _is_resolver(resolver) else resolver
    name = getattr(function, "__name__", "it")
    return ClientError(
        f"the resolver {name} must be awaited, which a Client does not do: make it a plain def "
        "that reads files with file.bytes(), or use an AsyncClient"
    )


class Result(Copied, Generic[R_co]):
    """The result of a prompt.

    A copy has the same client. A pickle has neither that nor its resolvers, but all outputs: names, texts,
    what the nodes reported, and the pictures that came over the socket.

    Args:
        run: The run that has ended.
        prepared: The prompt.
        report: What the server found wrong with the outputs that it dropped.
        source: Fetches files.
        resolvers: Convert the outputs of some classes, for `resolve`.
        awaits: Whether it is an `AsyncClient`'s, so that resolvers may be ``async def``.
    """

    _shared = frozenset({"_resolvers", "_source"})

    def __init__(
        self,
        run: Run,
        prepared: Source,
        report: Report | None,
        source: FileSource,
        resolvers: Mapping[type[Node], Resolver[Any, Any]] | None = None,
        awaits: bool = False,
    ) -> None:
        if run.outcome is None:
            raise ClientError(f"prompt {run.prompt_id} has not ended")
        self.prompt_id: Final = run.prompt_id
        self.outcome: Outcome = run.outcome
        self.prompt: Final = prepared.prompt
        self.report = report
        self._run = run
        self._prepared = prepared
        self._source: FileSource | None = source
        self._resolvers = resolvers or {}
        self._awaits = awaits
        self._made: dict[str, NodeOutput] = {}
        self._failures = NodeFailures(run, self.outcome, self.prompt)

    @property
    def output(self) -> R_co:
        """The output of the workflow's root, in its shape: each node is replaced by its output.

        For prompt JSON, the output of its only output node.

        Raises:
            ClientError: The prompt is JSON, and several of its nodes gave output.
        """
        workflow = self._prepared.workflow
        found: R_co = self._only() if workflow is None else self._given(workflow.root)
        return found

    @overload
    def __getitem__(self, key: OutputNode[R]) -> R: ...

    @overload
    def __getitem__(self, key: Resolver[Any, T]) -> tuple[T, ...]: ...

    @overload
    def __getitem__(self, key: str | Node) -> NodeOutput: ...

    def __getitem__(self, key: Any) -> Any:
        """The output of a node.

        Args:
            key: A node of the workflow, the id of one in the prompt, or a `Resolver`, which gives its value
                for each node of its class; awaitables, if it is an ``async def``.

        Raises:
            GraphError: The node is not in the workflow; `NodeUsageError` for anything else, such as a number.
            ClientError: The prompt has no node with that id.
            PromptRejected: The server dropped this output.
            DownloadError: The node sends its pictures over the socket, which was not open.
            ExecutionError: The node failed, or did not run because one that it needs failed.
        """
        if _is_resolver(key):
            return self._resolved(key)
        if not isinstance(key, (str, Node)):
            shown = f"the class {key.__name__}" if isinstance(key, type) else f"{key!r:.60}"
            raise NodeUsageError(
                f"result[...] takes a node of the workflow, or a node's id as a string, not {shown}; "
                "result.files has all files"
            )
        node_id = key if isinstance(key, str) else self._prepared.id_of(key)
        if node_id not in self._run.nodes and node_id not in self.outcome.outputs:
            raise ClientError(f"the prompt has no node {node_id!r}")
        return self._output(node_id)

    if not TYPE_CHECKING:  # a type checker knows by itself

        def __iter__(self):
            raise TypeError(
                "a Result cannot be iterated over: result.files has all files, result.output the output of "
                "the workflow's root, result.outputs those of all nodes"
            )

        def __contains__(self, _):
            raise TypeError(
                "a Result has no members: result.files has all files, result.output the output of the "
                "workflow's root, result.outputs those of all nodes, by id"
            )

    def resolve(self, node: Node) -> Any:
        """Convert a node's output with the resolver registered for its class.

        Args:
            node: A node of the workflow.

        Raises:
            ClientError: None is registered: see `Client.register`.
        """
        for node_class in type(node).__mro__:
            if node_class in self._resolvers:
                return self._apply(self._resolvers[node_class], self._prepared.id_of(node))
        raise ClientError(f"no resolver is registered for {type(node).__name__}")

    @property
    def outputs(self) -> Mapping[str, NodeOutput]:
        """The outputs of all nodes that gave any, by id; pictures of previews too."""
        return {node_id: self._output(node_id) for node_id in self._ids()}

    @property
    def completion_status(self) -> Literal["success", "partial_success"]:
        """``partial_success`` if nodes failed and others continued, else ``success``.

        A partial success comes only from `PartialSuccess.result`: what `run` returns is complete.
        """
        return "success" if self.outcome.ending == "success" else "partial_success"

    @property
    def failed(self) -> Mapping[str, ExecutionError]:
        """The nodes that failed, by id, each with its exception and the line that created it."""
        return self._failures.failed

    @property
    def blocked(self) -> Mapping[str, ExecutionError]:
        """The nodes that did not run because one before them had failed, by id, each with the reason."""
        return self._failures.blocked

    @property
    def summary(self) -> ExecutionSummary | None:
        """What the server reports about failed and blocked nodes; None if it says nothing."""
        return self.outcome.summary

    @property
    def missing(self) -> Mapping[str, ClientError]:
        """Nodes whose outputs are missing, by id, each with the error that ``result[node]`` raises.

        The server dropped them from the prompt (`PromptRejected`); they failed, or did not run
        because others had failed (`ExecutionError`); or their pictures come over the socket only,
        and it was not open all the time (`DownloadError`).
        """
        found = ((node_id, self._lack(node_id)) for node_id in self._run.nodes)
        return {node_id: error for node_id, error in found if error is not None}

    @property
    def files(self) -> tuple[OutputFile, ...]:
        """Every file of every node."""
        return tuple(file for output in self.outputs.values() for file in output.files)

    def _repr_html_(self) -> str:
        from ..notebook import outputs_html

        return outputs_html(self.outputs, repr(self))

    def __repr__(self) -> str:
        count = len(self.files)
        partial = ", a partial success" if self.completion_status != "success" else ""
        return f"<Result of prompt {self.prompt_id}: {count} file{'' if count == 1 else 's'}{partial}>"

    def _pickled(self) -> Mapping[str, Any]:
        for node_id in self._ids():
            if self._lack(node_id) is None:
                self._output(node_id)  # while the client can say where its files are
        return {"_resolvers": {}, "_source": None}

    def _ids(self) -> list[str]:
        """The nodes that gave output."""
        return list(dict.fromkeys(map(self._owner, (*self.outcome.outputs, *self.outcome.pictures))))

    def _resolved(self, resolver: Resolver[Any, T]) -> tuple[T, ...]:
        nodes = self._prepared.nodes.items()
        wanted = [node_id for node_id, node in nodes if isinstance(node, resolver.node_class)]
        return tuple(self._apply(resolver, node_id) for node_id in wanted)

    def _apply(self, resolver: Resolver[Any, T], node_id: str) -> T:
        made = resolver.function(self._output(node_id))
        if not self._awaits:
            refuse_awaitable(made, resolver)
        return made

    def _given(self, root: object) -> Any:
        from ..workflows import map_root

        return map_root(root, lambda node: self._output(self._prepared.id_of(node)))

    def _only(self) -> Any:
        outputs = list(self.outputs)
        if len(outputs) != 1:
            named = ", ".join(outputs) or "none"
            raise ClientError(f"the prompt has no single output; nodes that gave output: {named}")
        return self._output(outputs[0])

    def _output(self, node_id: str) -> NodeOutput:
        if node_id not in self._made:
            self._made[node_id] = self._make(node_id)
        return self._made[node_id]

    def _make(self, node_id: str) -> NodeOutput:
        lack = self._lack(node_id)
        if lack is not None:
            raise lack
        raw = joined_outputs(
            output for key, output in self.outcome.outputs.items() if node_id in (key, self._owner(key))
        )
        pictures = tuple(
            ImageFile(
                f"{node_id}_{index:05}.{picture.format or 'bin'}",
                type="websocket",
                key="images",
                node_id=node_id,
                prompt_id=self.prompt_id,
                data=picture.image,
            )
            for index, picture in enumerate(self.outcome.pictures.get(node_id, ()), 1)
        )
        node_class = self._prepared.class_of(node_id)
        wanted = getattr(node_class, "_result_class", None)
        class_type = self._run.node(node_id).class_type
        given = (raw, node_id, self.prompt_id, self._source, pictures, class_type)
        if isinstance(wanted, type) and issubclass(wanted, NodeOutput):
            return wanted(*given)
        return _fitting(NodeOutput(*given))(*given)

    def _lack(self, node_id: str) -> ClientError | None:
        """Why a node's output is missing; None if it is not, or if the reason is unknown."""
        if self.report is not None and any(problem.node_id == node_id for problem in self.report.problems):
            return PromptRejected(f"the server dropped node #{node_id}:\n{self.report}", self.report, 200)
        if node_id not in self._ids() and (failure := self._failures.of(node_id)) is not None:
            return failure
        node = self._run.node(node_id)
        blocked = any(self._owner(failure.node_id or "") == node_id for failure in self.outcome.blocked)
        if node_id in self._run.senders and not blocked and not self._run.pictures_whole(node_id):
            return DownloadError(
                f"{node} sends its pictures over the WebSocket, and not all of them came: the socket was "
                "not open all the time. A node that saves them (SaveImage, PreviewImage) needs no socket"
            )
        return None

    def _owner(self, node_id: str) -> str:
        """The prompt's node for an id; the first part of the id, for expanded nodes.

        Output ids are right as they are: the history's ``meta`` of a cached node may name a node of an
        earlier prompt.
        """
        if node_id in self._run.nodes or not self._run.nodes:
            return node_id
        for owner in (self.outcome.owners.get(node_id), node_id.partition(".")[0]):
            if owner in self._run.nodes:
                return owner or node_id
        return node_id


def joined_outputs(outputs: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The outputs of one node that was expanded into several, merged by key."""
    found: dict[str, Any] = {}
    for output in outputs:
        for key, value in output.items():
            known = found.get(key)
            found[key] = [*known, *value] if is_array(known) and is_array(value) else value
    return found


_KINDS: Final[Mapping[type[OutputFile], type[NodeOutput]]] = {
    ImageFile: ImageOutput,
    AudioFile: AudioOutput,
    VideoFile: VideoOutput,
    LatentFile: LatentOutput,
    Model3DFile: Model3DOutput,
}


def _fitting(output: NodeOutput) -> type[NodeOutput]:
    """The output class for a node whose own class defines none."""
    kinds = {type(file) for file in output.files}
    if len(kinds) == 1:
        return _KINDS.get(kinds.pop(), NodeOutput)
    return TextOutput if output.texts and not kinds else NodeOutput
