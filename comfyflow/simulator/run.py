"""One prompt while it is executed, and the messages that its client gets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .execution_order import DynamicPrompt, ExecutionOrder
from .sockets import Sockets, image_frame, metadata_frame, text_frame

if TYPE_CHECKING:
    from PIL.Image import Image

    from .node_function import NodeResult
    from .prompt_queue import QueueItem


@dataclass
class PromptRun:
    """The state of one prompt.

    Attributes:
        item: The prompt.
        prompt: Its nodes, and those that came while it was executed.
        client_id: The client to notify; None means that there is no client, everyone gets progress, and no
            one the rest.
        messages: What the history will list.
        outputs: Node id to what it gave its client, with its meta.
        executed: Nodes that ran, in order.
        progress: Node id to ``value``, ``max`` and ``state``.
        summary: What is said about the nodes that failed, where the run went on without them.
        summarized: Whether the history has room for that.
        order: What is still to be executed.
        expanded: What nodes gave that have put others in their place, until those are done.
        incomplete: Nodes of which a part was left out.
    """

    item: QueueItem
    sockets: Sockets
    progress_interval: float
    client_id: object = None
    messages: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    executed: list[str] = field(default_factory=list[str])
    progress: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    last_node: str | None = None
    summary: dict[str, Any] | None = None
    summarized: bool = False
    clock: Callable[[], float] = time.monotonic
    _last_sent: dict[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    expanded: dict[str, list[NodeResult]] = field(default_factory=dict[str, "list[NodeResult]"])
    incomplete: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.prompt: DynamicPrompt = DynamicPrompt(self.item.prompt)
        self.order: ExecutionOrder = ExecutionOrder(self.prompt, _no, _no, _no)

    @property
    def prompt_id(self) -> str:
        """The prompt's id."""
        return self.item.prompt_id

    def tell(self, kind: str, data: dict[str, Any], broadcast: bool = False) -> None:
        """Send a message of the run's life, and keep it for the history."""
        data = {**data, "timestamp": int(time.time() * 1000)}
        self.messages.append((kind, data))
        if self.client_id is not None or broadcast:
            self.sockets.send(kind, data, self.client_id)

    def started(self, node_id: str) -> None:
        """A node begins."""
        self.progress[node_id] = {"value": 0.0, "max": 1.0, "state": "running"}
        self._send_progress()
        if self.client_id is not None:
            self.last_node = display = self.prompt.display(node_id)
            data = {"node": node_id, "display_node": display, "prompt_id": self.prompt_id}
            self.sockets.send("executing", data, self.client_id)

    def finished(self, node_id: str, how: str = "finished") -> None:
        """A node is done or was cached; or ``how`` says that it failed (``error``), or was left
        out for one that did (``blocked``).
        """
        state = self.progress.setdefault(node_id, {"value": 0, "max": 1, "state": "pending"})
        state.update(value=state["max"], state=how)
        self._send_progress()

    def advanced(self, node_id: str, value: float, total: float, picture: Image | None, save: bool) -> None:
        """A node tells how far it is.

        Args:
            node_id: Which.
            value: Steps done.
            total: Steps in all.
            picture: What it looks like so far.
            save: Whether the picture is a result (PNG) rather than a preview (JPEG).
        """
        if picture is None and not self._due(node_id, value, total):
            return
        self.progress[node_id] = {"value": value, "max": total, "state": "running"}
        self._send_progress()
        flagged = self.sockets.feature(self.client_id, "supports_preview_metadata")
        image_format = "PNG" if save else "JPEG"
        encoded = _encoded(picture, image_format) if picture is not None else None
        if encoded is not None and flagged:
            told = {"node_id": node_id, "prompt_id": self.prompt_id, **self.prompt.lineage(node_id)}
            self.sockets.send("", metadata_frame(encoded, image_format, told), self.client_id)
        data = {"value": value, "max": total, "prompt_id": self.prompt_id, "node": node_id}
        self.sockets.send("progress", data, self.client_id)
        if encoded is not None and not flagged:
            self.sockets.send("", image_frame(encoded, image_format), self.client_id)

    def showed(self, node_id: str, text: str) -> None:
        """A node shows a line of text, which every client receives."""
        self.sockets.send("", text_frame(node_id, text), None)

    def gave(self, node_id: str, ui: dict[str, Any] | None) -> None:
        """A node has an output for its client."""
        if self.client_id is not None:
            display = self.prompt.display(node_id)
            data = {"node": node_id, "display_node": display, "output": ui, "prompt_id": self.prompt_id}
            self.sockets.send("executed", data, self.client_id)

    def output_entry(self, node_id: str, ui: dict[str, Any]) -> dict[str, Any]:
        """A node's output with its meta. A cached one keeps the id under which it was made."""
        meta = {
            "node_id": node_id,
            "display_node": self.prompt.display(node_id),
            "parent_node": self.prompt.parent(node_id),
            "real_node_id": self.prompt.real(node_id),
        }
        return {"meta": meta, "output": ui}

    def _due(self, node_id: str, value: float, total: float) -> bool:
        """Whether a progress message may be sent: not too often, but always the first and last."""
        now = self.clock()
        sent = self._last_sent.get(node_id)
        if sent is not None and value < total:
            since, share = now - sent[0], abs(value - sent[1]) / total if total else 1.0
            if since < self.progress_interval or (self.progress_interval and share < 0.005):
                return False
        self._last_sent[node_id] = (now, value)
        return True

    def _send_progress(self) -> None:
        nodes = {
            node_id: {
                **state,
                "node_id": node_id,
                "prompt_id": self.prompt_id,
                **self.prompt.lineage(node_id),
            }
            for node_id, state in self.progress.items()
        }
        data = {"prompt_id": self.prompt_id, "nodes": nodes}
        self.sockets.send("progress_state", data, self.client_id)

    def history_entry(self, success: bool) -> dict[str, Any]:
        """What the history keeps: outputs, meta and status."""
        told: dict[str, Any] = {
            "status_str": "success" if success else "error",
            "completed": success,
            "messages": self.messages,
        }
        if self.summarized:
            told["execution_summary"] = self.summary
        return {
            "outputs": {node_id: entry["output"] for node_id, entry in self.outputs.items()},
            "status": told,
            "meta": {node_id: entry["meta"] for node_id, entry in self.outputs.items()},
        }


def _no(*_: str) -> bool:
    return False


def _encoded(picture: Image, image_format: str) -> bytes:
    buffer = BytesIO()
    if image_format == "JPEG":
        picture.convert("RGB").save(buffer, format="JPEG", quality=95)
    else:
        picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
