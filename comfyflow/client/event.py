"""What a server says over its WebSocket, as types. `message.parse_message` makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from ..json_types import is_object, text_of

PARTIAL_SUCCESS: Final = "partial_success"
"""What servers call the end of a prompt in which some nodes failed and some outputs came."""


@dataclass(frozen=True)
class BaseServerEvent:
    """What all events of the socket derive from. `ServerEvent` is the union of them."""


@dataclass(frozen=True)
class PromptEvent(BaseServerEvent):
    """Anything that belongs to one prompt.

    Attributes:
        prompt_id: The prompt; None where an old form of the message does not say.
    """

    prompt_id: str | None


@dataclass(frozen=True)
class Connected(BaseServerEvent):
    """The socket is open. What happened while it was not is not told again."""

    again: bool = False


@dataclass(frozen=True)
class Disconnected(BaseServerEvent):
    """The socket is closed; it is opened again."""

    reason: str = ""


@dataclass(frozen=True)
class Status(BaseServerEvent):
    """How many prompts are pending or running, of all clients."""

    queue_remaining: int | None
    sid: str | None = None


@dataclass(frozen=True)
class FeatureFlags(BaseServerEvent):
    """What the server can do."""

    flags: Mapping[str, Any]


@dataclass(frozen=True)
class ExecutionStart(PromptEvent):
    """The server has begun with the prompt."""

    timestamp: float | None = None


@dataclass(frozen=True)
class ExecutionCached(PromptEvent):
    """The nodes that need not run, because their results are still there."""

    nodes: tuple[str, ...] = ()
    timestamp: float | None = None


@dataclass(frozen=True)
class Executing(PromptEvent):
    """A node begins; with no node, the prompt has ended and is in the history.

    Attributes:
        node: The node, perhaps one that another was expanded into (``5.0.0.1``).
        display_node: The node of the prompt that stands for it.
    """

    node: str | None
    display_node: str | None = None


@dataclass(frozen=True)
class Progress(PromptEvent):
    """How far a node is."""

    node: str | None
    value: float
    maximum: float


class NodeState(NamedTuple):
    """What `ProgressState` says of one node.

    Attributes:
        state: ``running`` or ``finished``. A node that failed stays ``running``.
    """

    node_id: str
    value: float
    maximum: float
    state: str
    display_node: str


@dataclass(frozen=True)
class ProgressState(PromptEvent):
    """How far every node is that has begun. It says everything again each time."""

    nodes: Mapping[str, NodeState] = field(default_factory=dict[str, NodeState])


@dataclass(frozen=True)
class Executed(PromptEvent):
    """What a node gave; None for a blocked node, or a cached one that gave nothing."""

    node: str
    display_node: str
    output: Mapping[str, Any] | None


@dataclass(frozen=True)
class ExecutionSummary:
    """What a server says at the end of a prompt in which nodes failed and others went on.

    Servers say it of prompts sent with ``node_failure_policy="continue_independent"`` (after
    0.36). All ids are those of nodes of the prompt.

    Attributes:
        completion_status: ``partial_success``; None where no output was left.
        execution_error_count: How many nodes failed.
        failed_node_ids: The nodes that failed, or that were expanded into one that did.
        blocked_node_ids: The nodes that did not run, because one before them had failed.
        blocked_output_node_ids: Those of them that are outputs.
        successful_output_node_ids: The outputs that came all the same.
        has_errors: Whether any node failed.
    """

    completion_status: str | None = None
    execution_error_count: int = 0
    failed_node_ids: tuple[str, ...] = ()
    blocked_node_ids: tuple[str, ...] = ()
    blocked_output_node_ids: tuple[str, ...] = ()
    successful_output_node_ids: tuple[str, ...] = ()
    has_errors: bool = False

    @property
    def partial(self) -> bool:
        """Whether something failed, whatever else is said."""
        failed = self.execution_error_count > 0 or bool(self.failed_node_ids)
        return self.has_errors or failed or self.completion_status == PARTIAL_SUCCESS


@dataclass(frozen=True)
class ExecutionSuccess(PromptEvent):
    """The prompt has run. The history may not have it yet.

    Attributes:
        summary: Which nodes failed all the same; None where the server does not speak of any.
    """

    timestamp: float | None = None
    summary: ExecutionSummary | None = None


@dataclass(frozen=True)
class ExecutionFailed(PromptEvent):
    """A node raised. Without a timestamp it was only blocked, and the run goes on.

    Attributes:
        summary: Which nodes failed before, where others had gone on.
    """

    node_id: str | None
    node_type: str | None
    exception_type: str
    exception_message: str
    traceback: tuple[str, ...] = ()
    executed: tuple[str, ...] = ()
    timestamp: float | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)
    summary: ExecutionSummary | None = field(default=None, compare=False)

    @property
    def blocked(self) -> bool:
        """Whether it is an ExecutionBlocker's message, which does not end the run."""
        return self.exception_type == "ExecutionBlocked" and self.timestamp is None


@dataclass(frozen=True)
class ExecutionNodeFailed(PromptEvent):
    """A node raised, and the run goes on with all that does not need it.

    Servers send it (``execution_node_error``) in prompts with
    ``node_failure_policy="continue_independent"``.

    Attributes:
        node_id: The node of the prompt.
        display_node: The node that people are shown: where `node_id` was expanded (a loop, say),
            the one that failed within.
        node_type: The class of `display_node`.
    """

    node_id: str | None
    display_node: str | None
    node_type: str | None
    exception_type: str
    exception_message: str
    traceback: tuple[str, ...] = ()
    timestamp: float | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


@dataclass(frozen=True)
class ExecutionInterrupted(PromptEvent):
    """The run was stopped."""

    node_id: str | None
    node_type: str | None
    executed: tuple[str, ...] = ()
    timestamp: float | None = None


@dataclass(frozen=True)
class SocketImage(PromptEvent):
    """A picture sent over the socket: a live preview, or an output of ``SaveImageWebsocket``.

    Attributes:
        image: The encoded picture.
        format: ``jpeg`` or ``png``; ``""`` where the server says something else.
        node: The node, or None in the old form, which belongs to the node that is executing.
        display_node: The node of the prompt that stands for it.
    """

    image: bytes = field(repr=False)
    format: str
    node: str | None = None
    display_node: str | None = None


@dataclass(frozen=True)
class NodeMessage(PromptEvent):
    """A text that a node shows while it runs, as nodes that call paid services do.

    Servers send it to every client, without the prompt's id.
    """

    node: str
    text: str


@dataclass(frozen=True)
class LogEntries(BaseServerEvent):
    """Lines of the server's log, after `subscribe_logs`."""

    entries: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True)
class AssetEvent(BaseServerEvent):
    """News of the server's assets: ``assets.seed.…`` and ``asset_download``."""

    type: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Notification(BaseServerEvent):
    """A sentence for people (Comfy Cloud)."""

    value: str
    id: str | None = None


@dataclass(frozen=True)
class UnknownMessage(BaseServerEvent):
    """A message of a type that comfyflow does not know: custom nodes send their own.

    Attributes:
        type: Its type.
        data: Its data, any JSON value.
    """

    type: str
    data: Any

    @property
    def prompt_id(self) -> str | None:
        """The prompt that the data names as ``prompt_id``; None where they name none."""
        return text_of(self.data, "prompt_id") if is_object(self.data) else None


@dataclass(frozen=True)
class UnknownFrame(BaseServerEvent):
    """A binary frame of an unknown kind, or a known one that is cut short.

    Attributes:
        kind: Its first four bytes as a number, or None where there are fewer.
        data: All bytes.
    """

    kind: int | None
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class UnreadableMessage(BaseServerEvent):
    """A message that is no JSON, or a known one without what it must have."""

    text: str
    reason: str


ServerEvent: TypeAlias = (
    Connected
    | Disconnected
    | Status
    | FeatureFlags
    | ExecutionStart
    | ExecutionCached
    | Executing
    | Progress
    | ProgressState
    | Executed
    | ExecutionSuccess
    | ExecutionFailed
    | ExecutionNodeFailed
    | ExecutionInterrupted
    | SocketImage
    | NodeMessage
    | LogEntries
    | AssetEvent
    | Notification
    | UnknownMessage
    | UnknownFrame
    | UnreadableMessage
)
"""Anything that comes over the socket."""
