"""What can be run, and what is known of it: a workflow, a node, or prompt JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

from ..errors import ClientError
from ..json_types import is_object, text_or_empty
from ..node import Node, OutputNode
from ..output_file import NodeOutput
from ..problem import Place

if TYPE_CHECKING:
    from ..workflows import Compiled

Target: TypeAlias = "Workflow[Any] | Node | Mapping[str, Any]"
"""A workflow, a node, or prompt JSON."""
Several: TypeAlias = "Workflow[Sequence[Any]] | Workflow[Mapping[str, Any]] | Mapping[str, Any]"
"""What may have several outputs, so that its result has no one type."""

R1 = TypeVar("R1", bound=NodeOutput)
R2 = TypeVar("R2", bound=NodeOutput)
R3 = TypeVar("R3", bound=NodeOutput)
R4 = TypeVar("R4", bound=NodeOutput)
R5 = TypeVar("R5", bound=NodeOutput)
R6 = TypeVar("R6", bound=NodeOutput)

if TYPE_CHECKING:
    from ..workflows import Workflow

    One: TypeAlias = Workflow[OutputNode[R1]] | OutputNode[R1]
    Two: TypeAlias = Workflow[tuple[OutputNode[R1], OutputNode[R2]]]
    Three: TypeAlias = Workflow[tuple[OutputNode[R1], OutputNode[R2], OutputNode[R3]]]
    Four: TypeAlias = Workflow[tuple[OutputNode[R1], OutputNode[R2], OutputNode[R3], OutputNode[R4]]]
    Five: TypeAlias = Workflow[
        tuple[OutputNode[R1], OutputNode[R2], OutputNode[R3], OutputNode[R4], OutputNode[R5]]
    ]
    Six: TypeAlias = Workflow[
        tuple[OutputNode[R1], OutputNode[R2], OutputNode[R3], OutputNode[R4], OutputNode[R5], OutputNode[R6]]
    ]
    Many: TypeAlias = Workflow[Sequence[OutputNode[R1]]]
    Named: TypeAlias = Workflow[Mapping[str, OutputNode[R1]]]


class NamedRoot(Protocol):
    """A named tuple, whose fields are those of the result (see `output_of`)."""

    def _asdict(self) -> dict[str, Any]: ...


class DataRoot(Protocol):
    """A dataclass, whose fields are those of the result (see `output_of`)."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


F = TypeVar("F", bound="NamedRoot | DataRoot")


@dataclass(frozen=True)
class Prepared:
    """Something to run, as prompt JSON, with the way back to the user's nodes.

    Attributes:
        prompt: The prompt JSON.
        places: Where the user's source made the nodes, by id.
        compiled: The workflow, or None.
        workflow: The workflow, or None.
    """

    prompt: Mapping[str, Any]
    places: Mapping[str, Place]
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
        return Prepared(compiled.prompt, compiled.places, compiled, target)
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
