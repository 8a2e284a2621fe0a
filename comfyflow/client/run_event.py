"""What happens to one prompt, as a user wants to hear it: by node, and by line of the source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..problem import Place

if TYPE_CHECKING:
    from PIL.Image import Image

    from .inputs import Upload
    from .outcome import Outcome


class RunNode:
    """A node of the prompt that runs.

    Args:
        node_id: Its id in the prompt.
        class_type: Its class, ``""`` where the prompt is not known.
        title: What people call it.
        places: Where the user's source made the nodes, by id.
        sink: Whether no other node uses what it gives.
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
        """Where the user's source made it, where that is known."""
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
    """What all events of a prompt derive from. `RunEvent` is the union of them."""

    prompt_id: str


@dataclass(frozen=True)
class FileUploaded(BaseRunEvent):
    """A file was sent to the server before the prompt was.

    Attributes:
        upload: Which, and for which input.
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
    """The server has begun with it."""


@dataclass(frozen=True)
class NodesCached(BaseRunEvent):
    """These nodes need not run: their results are still there."""

    nodes: tuple[RunNode, ...]


@dataclass(frozen=True)
class NodeEvent(BaseRunEvent):
    """Something that happened to one node of it."""

    node: RunNode


@dataclass(frozen=True)
class NodeStarted(NodeEvent):
    """The node begins. One that is expanded, or that waits for lazy inputs, begins repeatedly."""


@dataclass(frozen=True)
class NodeProgress(NodeEvent):
    """The node has come to step `value` of `maximum`."""

    value: float
    maximum: float


@dataclass(frozen=True)
class NodePreview(NodeEvent):
    """What the node's picture looks like so far. It is no output."""

    image: bytes = field(repr=False)
    format: str

    def pil(self) -> Image:
        """The picture as a Pillow image.

        Raises:
            ImportError: Pillow is not installed (``pip install comfyflow-dsl[images]``).
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
    """What the node says while it runs."""

    text: str


@dataclass(frozen=True)
class NodeOutputs(NodeEvent):
    """The node has given something.

    Attributes:
        raw: What the server says that it gave; None where it gave nothing.
    """

    raw: Mapping[str, Any] | None


@dataclass(frozen=True)
class NodeBlocked(NodeEvent):
    """The node does not run, because something before it blocks it. The run goes on."""

    message: str


@dataclass(frozen=True)
class NodeFailed(NodeEvent):
    """The node raised. The run goes on with what does not need it; see ``node_failure_policy``.

    A failure that ends the run is no `NodeFailed`: `RunDone` tells it.

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
    """A message of a type of its own, as nodes of other packs send them.

    Where it does not name the prompt (``prompt_id`` in its data), it goes to the one that the
    server executes at that moment.

    Attributes:
        type: Its type.
        data: Its data, any JSON value.
    """

    type: str
    data: Any


@dataclass(frozen=True)
class RunDone(BaseRunEvent):
    """The prompt has ended, well or not. Nothing comes after it."""

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
    | RunDone
)
"""Something that happened to a prompt."""
