"""Work of other clients in the queue: a prompt that only takes time."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..schema import Schema
from ..schema.catalogue import layered
from .function_class import SimulatedSchema
from .node_function import NodeContext, NodeFunction
from .prompt_queue import QueueItem


@dataclass(frozen=True)
class HiddenClass:
    """A node class that only the simulator itself uses: no ``/object_info`` lists it.

    Attributes:
        class_type: Its name.
        raw: Its description.
        function: What it does.
    """

    class_type: str
    raw: Mapping[str, Any]
    function: NodeFunction


def _occupy(context: NodeContext, seconds: float) -> None:
    context.sleep(seconds)


def _never_cached(_context: NodeContext, _inputs: Mapping[str, Any]) -> float:
    return float("nan")


OCCUPY: Final = HiddenClass(
    "ComfyflowOccupy",
    {"input": {"required": {"seconds": ["FLOAT", {}]}}, "output": [], "output_node": True},
    NodeFunction.of(_occupy, fingerprint=_never_cached),
)


def with_foreign_work(schema: Schema) -> Schema:
    """A schema with the hidden class."""
    hidden = {OCCUPY.class_type: OCCUPY.raw}
    return SimulatedSchema(layered(hidden, schema.raw), schema.version, schema.source)


def foreign_item(seconds: float, number: float) -> QueueItem:
    """A prompt of another client that takes so long."""
    prompt = {"1": {"class_type": OCCUPY.class_type, "inputs": {"seconds": seconds}}}
    extra_data = {"client_id": f"another-client-{uuid.uuid4().hex}"}
    return QueueItem(number, str(uuid.uuid4()), prompt, extra_data, ["1"], {})
