"""What can be run, and what is known of it: a workflow, a node, or prompt JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ClientError
from ..json_types import is_array, is_object, text_or_empty
from ..node import Node, is_output, slot_of
from ..problem import Place

if TYPE_CHECKING:
    from ..workflows import Compiled, Workflow

Target: TypeAlias = "Workflow[Any] | Node | Mapping[str, Any]"
"""A workflow, a node, or prompt JSON."""
Several: TypeAlias = "Workflow[Sequence[Any]] | Mapping[str, Any]"
"""What may have several outputs, so that its result has no one type."""


@dataclass(frozen=True)
class Prepared:
    """Something to run, as prompt JSON, with the way back to the user's nodes.

    Attributes:
        prompt: The prompt JSON.
        places: Where the user's source made the nodes, by id.
        root: What the result's ``output`` is taken from: a node id, a tuple of them (nested), or
            None where the prompt is only JSON.
        compiled: The workflow, or None.
        workflow: The workflow, or None.
    """

    prompt: Mapping[str, Any]
    places: Mapping[str, Place]
    root: Any = None
    compiled: Compiled | None = None
    workflow: Workflow[Any] | None = None

    @property
    def nodes(self) -> Mapping[str, Node]:
        """The user's nodes by id; none where the prompt is only JSON."""
        nothing: Mapping[str, Node] = {}
        return self.compiled.nodes if self.compiled is not None else nothing

    def id_of(self, node: Node) -> str:
        """The id of one of the user's nodes.

        Raises:
            GraphError: It is not in the workflow.
        """
        if self.compiled is None:
            raise ClientError("prompt JSON has no nodes of Python; take an output by its node id")
        return self.compiled.id_of(node)

    def class_of(self, node_id: str) -> type[Node] | None:
        """The class of the user's node with that id, if there is one."""
        node = self.nodes.get(node_id)
        return None if node is None else type(node)

    def paths(self) -> dict[tuple[str, str], os.PathLike[str]]:
        """The inputs that were given a path object, by node id and input name."""
        return {
            (node_id, name): value
            for node_id, node in self.nodes.items()
            for name, value in node._inputs.items()
            if isinstance(value, os.PathLike)
        }


def prepare(target: Target) -> Prepared:
    """Compile what is to be run.

    Args:
        target: A workflow, a node, or prompt JSON.

    Raises:
        ClientError: It is none of them.
        CompileError: See `Workflow.compile`.
    """
    from ..workflows import Workflow

    if isinstance(target, Node):
        target = Workflow(target)
    if isinstance(target, Workflow):
        compiled = target.compile()
        return Prepared(compiled.prompt, compiled.places, _ids(target.root, compiled), compiled, target)
    if is_object(target):
        return Prepared(sendable(target), {})
    hint = "; call the function, with its parameters" if callable(target) else ""
    raise ClientError(f"a workflow, a node or prompt JSON can be run, not {type(target).__name__}{hint}")


def sendable(prompt: Mapping[str, Any]) -> Mapping[str, Any]:
    """Prompt JSON as it may be sent.

    A node without ``_meta`` makes 0.27.0 answer 500 where it replaces the class by another; and
    ``is_changed``, which the prompt inside a PNG may have, makes servers take stale results.
    """
    return {node_id: _sendable(node) for node_id, node in prompt.items()}


def _sendable(node: object) -> object:
    if not is_object(node) or ("_meta" in node and "is_changed" not in node):
        return node
    kept = {name: value for name, value in node.items() if name != "is_changed"}
    kept.setdefault("_meta", {"title": text_or_empty(node.get("class_type"))})
    return kept


def _ids(root: Any, compiled: Compiled) -> Any:
    if is_array(root):
        return tuple(_ids(member, compiled) for member in root)
    node = slot_of(root)[0] if is_output(root) else root
    return compiled.ids.get(node)
