"""What can be made to go wrong on a simulated server, and what continues without the nodes that fail.

Each fault is one that real servers have (recordings README) or that a network has. They are
asked for in advance and used up one at a time, so that a test says what happens to which prompt.

The policy ``continue_independent`` is that of ComfyUI's pull request 14918 (read, not run): after a
node has raised, only the nodes that depend on it are left out.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ..json_types import object_or_empty
from .node_function import InterruptedRunError

if TYPE_CHECKING:
    from .node_function import NodeContext
    from .prompt_queue import QueueItem


class WorkerKilledError(BaseException):
    """Ends the worker thread; the server continues answering. Never leaves the simulator."""


class OutOfMemoryFault(MemoryError):
    """A node that asks for more memory than there is."""


class InjectedFault(RuntimeError):
    """A node error that a test asked for, under the exception type that it named."""

    def __init__(self, message: str, wire_type: str) -> None:
        super().__init__(message)
        self.wire_type = wire_type


@dataclass(frozen=True)
class NodeFault:
    """A node that fails.

    Attributes:
        message: What it says.
        exception_type: The exception's type on the wire.
        class_type: Which nodes; None means any.
        node_id: Which node, also by the id that clients see; None means any.
        out_of_memory: Whether it is an out-of-memory error.
    """

    message: str
    exception_type: str = "RuntimeError"
    class_type: str | None = None
    node_id: str | None = None
    out_of_memory: bool = False

    def hits(self, context: NodeContext) -> bool:
        """Whether it is meant for this node."""
        ids = (None, context.node_id, context.display_id)
        return self.class_type in (None, context.class_type) and self.node_id in ids

    def error(self) -> Exception:
        """What the node raises."""
        if self.out_of_memory:
            return OutOfMemoryFault(self.message)
        return InjectedFault(self.message, self.exception_type)


@dataclass
class Faults:
    """The faults that are due.

    Attributes:
        node_faults: Used up one by one, by the first node that each is meant for.
        rejections: Bodies of the 400 that the next POSTs of a prompt get.
        lost_replies: How many POSTs of a prompt are carried out but never answered.
        server_errors: How many POSTs of a prompt are carried out but answered 500.
        history_delay: Seconds between a prompt's end and its entry in the history.
        reply_delay: Seconds between queueing a prompt and answering its POST.
        slow_nodes: Class name to seconds that its nodes take longer; None for every class. Like
            most real nodes they cannot be interrupted while they work.
        wait: How that time passes.
        kill_worker: Whether the next prompt ends the worker.
    """

    node_faults: deque[NodeFault] = field(default_factory=deque[NodeFault])
    rejections: deque[dict[str, Any]] = field(default_factory=deque[dict[str, Any]])
    lost_replies: int = 0
    server_errors: int = 0
    history_delay: float = 0.0
    reply_delay: float = 0.0
    slow_nodes: dict[str | None, float] = field(default_factory=dict[str | None, float])
    wait: Callable[[float], None] = time.sleep
    kill_worker: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def before_run(self, _item: QueueItem) -> None:
        """Called as a prompt starts.

        Raises:
            WorkerKilledError: It was asked for.
        """
        with self._lock:
            kill, self.kill_worker = self.kill_worker, False
        if kill:
            raise WorkerKilledError

    def before_node(self, context: NodeContext) -> None:
        """Called before each execution of a node.

        Raises:
            Exception: The fault that is meant for it.
        """
        with self._lock:
            fault = next((fault for fault in self.node_faults if fault.hits(context)), None)
            if fault is not None:
                self.node_faults.remove(fault)
            seconds = self.slow_nodes.get(context.class_type, self.slow_nodes.get(None, 0.0))
        if seconds:
            self.wait(seconds)
        if fault is not None:
            raise fault.error()

    def take_rejection(self) -> dict[str, Any] | None:
        """The next response that rejects a prompt, or None."""
        with self._lock:
            return self.rejections.popleft() if self.rejections else None

    def take_lost_reply(self) -> bool:
        """Whether to drop the response that is about to be sent."""
        with self._lock:
            if self.lost_replies <= 0:
                return False
            self.lost_replies -= 1
            return True

    def take_server_error(self) -> bool:
        """Whether to send a 500 instead of the next response."""
        with self._lock:
            if self.server_errors <= 0:
                return False
            self.server_errors -= 1
            return True

    def clear(self) -> None:
        """Let everything go right again."""
        with self._lock:
            self.node_faults.clear()
            self.rejections.clear()
            self.slow_nodes.clear()
            self.lost_replies = self.server_errors = 0
            self.history_delay = self.reply_delay = 0.0
            self.kill_worker = False


OOM_TYPE: Final = "torch.OutOfMemoryError"
OOM_TIPS: Final = "The server ran out of memory on its device: use a smaller batch or image."

POLICY_KEY: Final = "node_failure_policy"
"""Beside the prompt in the body of ``POST /prompt``, or in ``extra_data``."""
HIDDEN_POLICY_KEY: Final = "_node_failure_policy"
"""Where the server keeps a policy until the prompt runs; no client sees it."""
FAIL_FAST: Final = "fail_fast"
CONTINUE_INDEPENDENT: Final = "continue_independent"
POLICIES: Final = (FAIL_FAST, CONTINUE_INDEPENDENT)

MAX_LISTED: Final = 100
"""How many ids each list of a summary has at most."""


class NodeFailure(Exception):
    """A node raised; never leaves the simulator.

    Args:
        node_id: Which.
        error: What it raised.
        inputs: What it was given; None if that was not known yet.
        in_node: Whether the node's own function raised it, and not the server on its behalf.
    """

    def __init__(
        self,
        node_id: str,
        error: BaseException,
        inputs: Mapping[str, list[Any]] | None,
        in_node: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.node_id = node_id
        self.error = error
        self.inputs = inputs
        self.in_node = in_node

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted in it, which is not a failure of the node."""
        return isinstance(self.error, InterruptedRunError)

    @property
    def is_survivable(self) -> bool:
        """Whether nodes that do not depend on it may continue: out of memory and interrupts end all."""
        return self.in_node and not isinstance(self.error, (InterruptedRunError, MemoryError))

    def told(self) -> dict[str, Any]:
        """What happened, as every message of a failure says it."""
        error = self.error
        out_of_memory = isinstance(error, OutOfMemoryFault)
        shown = {name: [_shown(value) for value in values] for name, values in (self.inputs or {}).items()}
        return {
            "exception_message": f"{error}\n{OOM_TIPS if out_of_memory else ''}",
            "exception_type": OOM_TYPE if out_of_memory else _type_name(error),
            "traceback": traceback.format_tb(error.__traceback__),
            "current_inputs": shown,
        }


@dataclass
class FailedNodes:
    """The nodes that failed in a run that continues without them.

    Attributes:
        failed: Their ids.
        count: How many failures there were.
        blocked: Nodes that were left out because they depend on one that failed.
        blocked_outputs: The outputs among those.
        outputs: The outputs that were made.
        last: The newest failure.
    """

    failed: set[str] = field(default_factory=set[str])
    count: int = 0
    blocked: set[str] = field(default_factory=set[str])
    blocked_outputs: set[str] = field(default_factory=set[str])
    outputs: set[str] = field(default_factory=set[str])
    last: NodeFailure | None = None

    def add(self, failure: NodeFailure, node_id: str) -> None:
        """Note a failure, under the id of the prompt's node that it belongs to."""
        self.failed.add(node_id)
        self.count += 1
        self.last = failure

    def summary(self) -> dict[str, Any]:
        """What events and the history say about them; only a run with an output has a status."""
        said: dict[str, Any] = {
            "has_errors": True,
            "execution_error_count": self.count,
            "failed_node_ids": _listed(self.failed),
            "blocked_node_ids": _listed(self.blocked - self.failed),
            "blocked_output_node_ids": _listed(self.blocked_outputs),
            "successful_output_node_ids": _listed(self.outputs),
        }
        if self.outputs:
            said["completion_status"] = "partial_success"
        return said


def continues(extra_data: object) -> bool:
    """Whether a prompt was queued to continue without the nodes that fail."""
    return object_or_empty(extra_data).get(HIDDEN_POLICY_KEY) == CONTINUE_INDEPENDENT


def _listed(ids: Collection[str]) -> list[str]:
    return sorted(ids)[:MAX_LISTED]


def _shown(value: object) -> object:
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    named = getattr(error, "wire_type", None)
    if isinstance(named, str):
        return named
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
