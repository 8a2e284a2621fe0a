"""What can be run, for signatures; `Source` makes a prompt from it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar

from ..graph import Graph
from ..node import Node, OutputNode
from ..output_file import NodeOutput
from ..schema import Schema
from ..schema.package import reference_schema
from ..source import Source, editor_classes, read_json
from .core import Core
from .flow import Flow
from .routes.node_class_routes import of_server

if TYPE_CHECKING:
    from ..importer.workflow_file import WorkflowFile
    from ..workflows import Workflow


Target: TypeAlias = (
    "Workflow[Any] | Node | Graph | Mapping[str, Any] | os.PathLike[str] | str | Source | WorkflowFile"
)
"""A workflow, a node, a graph, prompt JSON, editor JSON, a request body, a file with one of these, or what
`read_workflow` found in it.
"""


Several: TypeAlias = "Workflow[Sequence[Any]] | Workflow[Mapping[str, Any]] | Mapping[str, Any]"
"""A target that may have several outputs, so that its result has no single type."""


R1 = TypeVar("R1", bound=NodeOutput)


R2 = TypeVar("R2", bound=NodeOutput)


R3 = TypeVar("R3", bound=NodeOutput)


R4 = TypeVar("R4", bound=NodeOutput)


R5 = TypeVar("R5", bound=NodeOutput)


R6 = TypeVar("R6", bound=NodeOutput)


if TYPE_CHECKING:
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


def prepare(core: Core, target: object, schema: Schema | None) -> Flow[Source]:
    """Make a prompt from a target.

    The editor's JSON is converted as by ``comfyflow run``: with the server's classes, by the rules of the
    editor that the server requires.

    Args:
        core: The client.
        target: See `Source.of`.
        schema: The schema to convert the editor's JSON with instead.

    Raises:
        ClientError: It cannot be run; the message says what it is.
    """
    if isinstance(target, (Source, Graph)) or not _is_json(target):
        return Source.of(target, schema)
    prompt, editor = read_json(target)
    if prompt is None and schema is None:
        schema = yield from of_server(core, reference_schema(), editor_classes(editor))
    return Source.of_json(prompt, editor, schema)


def _is_json(target: object) -> bool:
    read = sys.modules.get("comfyflow.importer.workflow_file")  # reading a file has imported it
    return isinstance(target, (Mapping, str, bytes, os.PathLike)) or (
        read is not None and isinstance(target, read.WorkflowFile)
    )
