"""Groups, notes and names of subgraphs, from what the importer tells of the editor's canvases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConversionError
from ..graph import ROOT, Graph
from ..graph.canvas import Point
from ..schema import Schema
from .annotation import Annotations, CanvasGroup, CanvasNote


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
        The annotations, by the ids that the nodes have in the prompt; none where the workflow
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
    for number, group in graph.canvas.around(scope_id, position):
        if group.title.strip():
            return CanvasGroup(group.title, scope_id, number)
    return None
