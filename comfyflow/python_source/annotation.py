"""What people wrote around the nodes of a workflow in the editor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConversionError
from ..graph import ROOT, Graph
from ..graph.canvas import Point
from ..schema import Schema


@dataclass(frozen=True)
class CanvasGroup:
    """A group on a canvas.

    Attributes:
        title: What it is called.
        canvas: The id of the host whose subgraph the canvas is; ``""`` is the workflow itself.
        number: Its place among the groups of its canvas.
    """

    title: str
    canvas: str = ""
    number: int = 0


@dataclass(frozen=True)
class CanvasNote:
    """A note on a canvas.

    Attributes:
        text: What it says.
        title: What it is called, or ``""``.
        group: The group that it is in, or None.
    """

    text: str
    title: str = ""
    group: CanvasGroup | None = None


@dataclass(frozen=True)
class Annotations:
    """What the editor knows of a workflow that is in no prompt.

    Attributes:
        subgraphs: What the subgraph of each host is called, by the host's id.
        groups: The group that a node or a host is in, by its id.
        notes: The notes on each canvas, by the host's id; ``""`` is the workflow itself.
        inputs: What the input of a subgraph is called that feeds an input of a node inside: by
            the host's id, the node's id and the input's name.
    """

    subgraphs: Mapping[str, str] = field(default_factory=dict[str, str])
    groups: Mapping[str, CanvasGroup] = field(default_factory=dict[str, CanvasGroup])
    notes: Mapping[str, Sequence[CanvasNote]] = field(default_factory=dict[str, Sequence[CanvasNote]])
    inputs: Mapping[tuple[str, str, str], str] = field(default_factory=dict[tuple[str, str, str], str])


def read_annotations(
    workflow: Mapping[str, Any], schema: Schema, *, editor: str | None = None
) -> Annotations:
    """Read what people wrote around the nodes of a workflow.

    Args:
        workflow: The editor's JSON.
        schema: The schema of its classes.
        editor: The version of the editor whose rules give the nodes their ids; by default the one that
            saved the workflow.

    Returns:
        The annotations, by the ids that the nodes have in the prompt; none if the workflow
        cannot be converted.
    """
    from ..importer import convert_workflow, saved_by

    saved = saved_by(workflow) if editor is None else None
    editor = str(saved) if saved is not None else editor
    try:
        return annotations_of(convert_workflow(workflow, schema, editor=editor, repair=True, seed=0).graph)
    except ConversionError:
        return Annotations()


def annotations_of(graph: Graph) -> Annotations:
    """What a graph tells beside its nodes and links, as far as it is written into Python."""
    stands = {node_id: node.scope for node_id, node in graph.items()}
    stands.update((scope_id, scope.outer) for scope_id, scope in graph.scopes.items())
    groups: dict[str, CanvasGroup] = {}
    for key, position in graph.canvas.positions.items():
        group = _around(graph, stands.get(key, ROOT), position)
        if group is not None:
            groups[key] = group
    return Annotations(
        {key: scope.name or scope.title for key, scope in graph.scopes.items() if scope.title},
        groups,
        {
            key: [CanvasNote(one.text, one.title or "", _around(graph, key, one.position)) for one in notes]
            for key, notes in graph.canvas.notes.items()
        },
        {
            (key, *target): entry.label or entry.name
            for key, scope in graph.scopes.items()
            for entry in scope.inputs
            for target in entry.targets
        },
    )


def _around(graph: Graph, scope_id: str, position: Point) -> CanvasGroup | None:
    """The smallest group with a title that a point lies in."""
    for number, group in graph.canvas.groups_around(scope_id, position):
        if group.title.strip():
            return CanvasGroup(group.title, scope_id, number)
    return None
