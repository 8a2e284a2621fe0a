"""The events of a server's WebSocket, as types. `message.parse_message` creates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from ..json_types import is_object, text_of

PARTIAL_SUCCESS: Final = "partial_success"
"""What servers call the end of a prompt if some nodes failed and some outputs came."""


@dataclass(frozen=True)
class BaseServerEvent:
    """The base class of all socket events. `ServerEvent` is their union."""


@dataclass(frozen=True)
class PromptEvent(BaseServerEvent):
    """An event that belongs to one prompt.

    Attributes:
        prompt_id: The prompt; None if an old form of the message does not name it.
    """

    prompt_id: str | None


@dataclass(frozen=True)
class Connected(BaseServerEvent):
    """The socket is open. Events from while it was closed are not repeated."""

    again: bool = False


@dataclass(frozen=True)
class Disconnected(BaseServerEvent):
    """The socket is closed; it will be reopened."""

    reason: str = ""


@dataclass(frozen=True)
class Status(BaseServerEvent):
    """The number of pending and running prompts of all clients."""

    queue_remaining: int | None
    sid: str | None = None


@dataclass(frozen=True)
class FeatureFlags(BaseServerEvent):
    """What the server can do."""

    flags: Mapping[str, Any]


@dataclass(frozen=True)
class ExecutionStart(PromptEvent):
    """The server has started the prompt."""

    timestamp: float | None = None


@dataclass(frozen=True)
class ExecutionCached(PromptEvent):
    """The nodes that need not run because their results are cached."""

    nodes: tuple[str, ...] = ()
    timestamp: float | None = None


@dataclass(frozen=True)
class Executing(PromptEvent):
    """A node starts; without a node, the prompt has ended and is in the history.

    Attributes:
        node: The node, which may be the result of an expansion (``5.0.0.1``).
        display_node: The node of the prompt that stands for it.
    """

    node: str | None
    display_node: str | None = None


@dataclass(frozen=True)
class Progress(PromptEvent):
    """The progress of a node."""

    node: str | None
    value: float
    maximum: float


class NodeState(NamedTuple):
    """The state of one node in `ProgressState`.

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
    """The progress of every node that has started. Each event carries the whole state."""

    nodes: Mapping[str, NodeState] = field(default_factory=dict[str, NodeState])


@dataclass(frozen=True)
class Executed(PromptEvent):
    """A node's output; None for a blocked node, or a cached one without output."""

    node: str
    display_node: str
    output: Mapping[str, Any] | None


@dataclass(frozen=True)
class ExecutionSummary:
    """A server's summary of a prompt in which nodes failed and others continued.

    Servers send it for prompts with ``node_failure_policy="continue_independent"`` (after 0.36). All ids are
    those of nodes in the prompt.

    Attributes:
        completion_status: ``partial_success``; None if no output was left.
        execution_error_count: How many nodes failed.
        failed_node_ids: The nodes that failed, or whose expansion contains one that did.
        blocked_node_ids: The nodes that did not run because one before them had failed.
        blocked_output_node_ids: Those that are output nodes.
        successful_output_node_ids: The output nodes that succeeded anyway.
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
        """Whether anything failed, by any of the fields."""
        failed = self.execution_error_count > 0 or bool(self.failed_node_ids)
        return self.has_errors or failed or self.completion_status == PARTIAL_SUCCESS


@dataclass(frozen=True)
class ExecutionSuccess(PromptEvent):
    """The prompt has run. The history may not have it yet.

    Attributes:
        summary: Which nodes failed anyway; None if the server reports none.
    """

    timestamp: float | None = None
    summary: ExecutionSummary | None = None


@dataclass(frozen=True)
class ExecutionFailed(PromptEvent):
    """A node raised. Without a timestamp it was only blocked, and the run continues.

    Attributes:
        summary: Which nodes failed before, if others had continued.
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
    """A node raised, and the run continues with everything that does not need it.

    Servers send it (``execution_node_error``) in prompts with
    ``node_failure_policy="continue_independent"``.

    Attributes:
        node_id: The node of the prompt.
        display_node: The node to show to users: if `node_id` was expanded (such as a loop), the inner node
            that failed.
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
        format: ``jpeg`` or ``png``; ``""`` for anything else.
        node: The node, or None in the old form, which belongs to the node that is executing.
        display_node: The node of the prompt that stands for it.
    """

    image: bytes = field(repr=False)
    format: str
    node: str | None = None
    display_node: str | None = None


@dataclass(frozen=True)
class NodeMessage(PromptEvent):
    """Text that a node shows while it runs, as nodes that call paid services do.

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
    """A notice for users (Comfy Cloud)."""

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
        """The prompt that the data names as ``prompt_id``; None if it names none."""
        return text_of(self.data, "prompt_id") if is_object(self.data) else None


@dataclass(frozen=True)
class UnknownFrame(BaseServerEvent):
    """A binary frame of an unknown kind, or a truncated one of a known kind.

    Attributes:
        kind: Its first four bytes as a number, or None if there are fewer.
        data: All bytes.
    """

    kind: int | None
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class UnreadableMessage(BaseServerEvent):
    """A message that is not JSON, or a known one without its required fields."""

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
