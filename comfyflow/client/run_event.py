"""The events of one prompt, in the user's terms, and how it ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..json_types import array_or_empty, is_array, is_object, object_or_empty, text_or_empty
from ..problem import Place
from .event import ExecutionFailed, ExecutionInterrupted, ExecutionNodeFailed, ExecutionSummary, SocketImage
from .message import read_failure, read_interruption, read_node_failure, read_summary

if TYPE_CHECKING:
    from PIL.Image import Image

    from .inputs import Upload


Ending: TypeAlias = Literal["success", "partial_success", "error", "interrupted", "lost"]


@dataclass(frozen=True)
class Outcome:
    """How a prompt ended.

    Attributes:
        ending: ``success``; ``partial_success``: nodes failed, but others gave their outputs; ``error``;
            ``interrupted``; or ``lost``: it is now in neither queue nor history.
        outputs: Node outputs by id; ids of expanded nodes too (``5.0.0.1``).
        owners: The prompt's node that an expanded one belongs to.
        pictures: Outputs that nodes sent over the socket, by id.
        failure: The exception, for ``error``.
        node_failures: The exceptions of nodes that did not end the run, in order of arrival.
        summary: What the server reports about failed and blocked nodes; None if it says nothing.
        interruption: Where it was stopped, for ``interrupted``.
        blocked: Nodes that did not run because a node before them blocked them.
        cached: Nodes that did not need to run.
        from_history: Whether this comes from the server's history, or only from its events.
        reason: A sentence about an ending without an event.
        entry: The history's entry.
    """

    ending: Ending
    outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    owners: Mapping[str, str] = field(default_factory=dict[str, str])
    pictures: Mapping[str, tuple[SocketImage, ...]] = field(
        default_factory=dict[str, "tuple[SocketImage, ...]"]
    )
    failure: ExecutionFailed | None = None
    interruption: ExecutionInterrupted | None = None
    blocked: tuple[ExecutionFailed, ...] = ()
    cached: tuple[str, ...] = ()
    from_history: bool = False
    reason: str = ""
    node_failures: tuple[ExecutionNodeFailed, ...] = ()
    summary: ExecutionSummary | None = None
    entry: Mapping[str, Any] | None = field(default=None, repr=False, compare=False)


def read_history_entry(entry: object, prompt_id: str) -> Outcome | None:
    """How a prompt ended, by its entry in the history.

    The messages decide, not ``status_str``: for a cycle found at run time, 0.3.64 and 0.27.0 report
    ``success`` next to an ``execution_error``, and a partial success is reported as ``success`` too.

    Args:
        entry: The value under the prompt's id in ``GET /history/{id}``.
        prompt_id: That id.

    Returns:
        The outcome, or None if the entry does not record an end.
    """
    if not is_object(entry):
        return None
    outputs = {
        node_id: output
        for node_id, output in object_or_empty(entry.get("outputs")).items()
        if is_object(output)
    }
    owners = {
        node_id: shown
        for node_id, said in object_or_empty(entry.get("meta")).items()
        if is_object(said) and isinstance(shown := said.get("display_node"), str)
    }
    status = object_or_empty(entry.get("status"))
    messages = [
        (message[0], object_or_empty(message[1]))
        for message in array_or_empty(status.get("messages"))
        if is_array(message) and len(message) > 1 and isinstance(message[0], str)
    ]
    told = dict(messages)
    failure = told.get("execution_error")
    interruption = told.get("execution_interrupted")
    cached = tuple(
        node_id
        for node_id in array_or_empty(object_or_empty(told.get("execution_cached")).get("nodes"))
        if isinstance(node_id, str)
    )
    failures = tuple(
        read
        for kind, data in messages
        if kind == "execution_node_error"
        and (read := read_node_failure({"prompt_id": prompt_id, **data})) is not None
    )
    summary = _summary(entry, status, told)
    ending = ending_with(_ending(status, told), failures, summary)
    if ending is None:
        return None
    return Outcome(
        ending,
        outputs,
        owners,
        failure=read_failure({"prompt_id": prompt_id, **failure}) if failure is not None else None,
        interruption=(
            read_interruption({"prompt_id": prompt_id, **interruption}) if interruption is not None else None
        ),
        cached=cached,
        from_history=True,
        node_failures=failures,
        summary=summary,
        entry=entry,
    )


def ending_with(
    ending: Ending | None, failures: Collection[ExecutionNodeFailed], summary: ExecutionSummary | None
) -> Ending | None:
    """How a prompt ended, given the nodes that failed without ending it.

    Args:
        ending: The server's own ending: success if any output is left.
        failures: Nodes that failed.
        summary: What the server reports about these nodes.
    """
    failed = bool(failures) or (summary is not None and summary.partial)
    return "partial_success" if ending == "success" and failed else ending


def _summary(
    entry: Mapping[str, Any], status: Mapping[str, Any], told: Mapping[str, Mapping[str, Any]]
) -> ExecutionSummary | None:
    """What a history entry reports about failed nodes: in its last message, and perhaps in its status."""
    last = (told.get(kind) for kind in ("execution_success", "execution_error"))
    places = (*last, status, status.get("execution_summary"), entry.get("execution_summary"))
    found = (read_summary(place) for place in places if is_object(place))
    return next((summary for summary in found if summary is not None), None)


def _ending(status: Mapping[str, Any], told: Mapping[str, Any]) -> Ending | None:
    if "execution_error" in told:
        return "error"
    if "execution_interrupted" in told:
        return "interrupted"
    said = text_or_empty(status.get("status_str"))
    if "execution_success" in told or (said == "success" and status.get("completed") is True):
        return "success"
    return "error" if said == "error" else None


class RunNode:
    """A node of the prompt that runs.

    Args:
        node_id: Its id in the prompt.
        class_type: Its class, ``""`` if the prompt is not known.
        title: Its title.
        places: Where the user's source creates the nodes, by id.
        sink: Whether no other node uses its outputs.
    """

    __slots__ = ("_places", "class_type", "node_id", "sink", "title")

    def __init__(
        self, node_id: str, class_type: str, title: str, places: Mapping[str, Place], sink: bool = False
    ) -> None:
        self.node_id: str = node_id
        self.class_type: str = class_type
        self.title: str = title
        self.sink: bool = sink
        self._places = places

    @property
    def place(self) -> Place | None:
        """Where the user's source creates it, if known."""
        return self._places.get(self.node_id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunNode) and other.node_id == self.node_id

    def __hash__(self) -> int:
        return hash(self.node_id)

    def __str__(self) -> str:
        name = self.title or self.class_type or "node"
        return f"{name} #{self.node_id}"

    def __repr__(self) -> str:
        return f"<{self}>"


@dataclass(frozen=True)
class BaseRunEvent:
    """The base class of all events of a prompt. `RunEvent` is their union."""

    prompt_id: str


@dataclass(frozen=True)
class FileUploaded(BaseRunEvent):
    """A file was sent to the server before the prompt was.

    Attributes:
        upload: The upload, with its input.
    """

    upload: Upload


@dataclass(frozen=True)
class RunQueued(BaseRunEvent):
    """It waits in the queue.

    Attributes:
        ahead: How many prompts run or wait before it.
    """

    ahead: int


@dataclass(frozen=True)
class RunStarted(BaseRunEvent):
    """The server has started it."""


@dataclass(frozen=True)
class NodesCached(BaseRunEvent):
    """These nodes need not run: their results are cached."""

    nodes: tuple[RunNode, ...]


@dataclass(frozen=True)
class NodeEvent(BaseRunEvent):
    """An event of one of its nodes."""

    node: RunNode


@dataclass(frozen=True)
class NodeStarted(NodeEvent):
    """The node starts. A node that is expanded, or waits for lazy inputs, starts repeatedly."""


@dataclass(frozen=True)
class NodeProgress(NodeEvent):
    """The node has come to step `value` of `maximum`."""

    value: float
    maximum: float


@dataclass(frozen=True)
class NodePreview(NodeEvent):
    """A preview of the node's unfinished picture. It is not an output."""

    image: bytes = field(repr=False)
    format: str

    def pil(self) -> Image:
        """The picture as a Pillow image.

        Raises:
            MissingExtraError: Pillow is not installed (``pip install 'comfyflow-dsl[images]'``).
        """
        from ..container import open_picture

        picture = open_picture(self.image)
        picture.load()
        return picture


@dataclass(frozen=True)
class NodePicture(NodePreview):
    """A picture that the node gives as its output over the socket, as ``SaveImageWebsocket`` does."""


@dataclass(frozen=True)
class NodeText(NodeEvent):
    """Text that the node shows while it runs."""

    text: str


@dataclass(frozen=True)
class NodeOutputs(NodeEvent):
    """The node has given output.

    Attributes:
        raw: Its output as the server sent it; None if it gave nothing.
    """

    raw: Mapping[str, Any] | None


@dataclass(frozen=True)
class NodeBlocked(NodeEvent):
    """The node does not run because a node before it blocks it. The run continues."""

    message: str


@dataclass(frozen=True)
class NodeFailed(NodeEvent):
    """The node raised. The run continues with the nodes that do not need it; see ``node_failure_policy``.

    A failure that ends the run is not a `NodeFailed`: `RunDone` reports it.

    Attributes:
        exception_type: The exception's type on the server (``ValueError``).
        exception_message: Its text.
        traceback: The server's traceback, a string a line or frame.
    """

    exception_type: str
    exception_message: str
    traceback: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class NodeFinished(NodeEvent):
    """The node has ended."""


@dataclass(frozen=True)
class RunMessage(BaseRunEvent):
    """A message of a custom type, as nodes of other packs send.

    If it does not name the prompt (``prompt_id`` in its data), it goes to the one that the server is
    executing.

    Attributes:
        type: Its type.
        data: Its data, any JSON value.
    """

    type: str
    data: Any


@dataclass(frozen=True)
class ServerAway(BaseRunEvent):
    """The server does not respond while the prompt is waited for; it is asked again and again.

    The prompt may still be running. `ServerBack` follows, or the wait ends with an error.

    Attributes:
        reason: What went wrong.
    """

    reason: str


@dataclass(frozen=True)
class ServerBack(BaseRunEvent):
    """The server responds again.

    Attributes:
        seconds: How long it was away.
    """

    seconds: float


@dataclass(frozen=True)
class RunDone(BaseRunEvent):
    """The prompt has ended, successfully or not. No event follows."""

    outcome: Outcome


RunEvent: TypeAlias = (
    FileUploaded
    | RunQueued
    | RunStarted
    | NodesCached
    | NodeStarted
    | NodeProgress
    | NodePreview
    | NodePicture
    | NodeText
    | NodeOutputs
    | NodeBlocked
    | NodeFailed
    | NodeFinished
    | RunMessage
    | ServerAway
    | ServerBack
    | RunDone
)
"""Something that happened to a prompt."""
