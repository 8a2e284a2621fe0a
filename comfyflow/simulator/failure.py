"""Nodes that fail: what the client is sent, and what continues without them.

The policy ``continue_independent`` is that of ComfyUI's pull request 14918 (read, not run): after a
node has raised, only the nodes that depend on it are left out.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..json_types import object_or_empty
from .fault import OutOfMemoryFault
from .node_function import InterruptedRunError

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
        """What events and the history say of them; only a run with an output has a status."""
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
