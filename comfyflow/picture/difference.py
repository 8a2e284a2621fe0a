"""The difference of two workflows as one picture: the second, and what of the first is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..graph import Graph, GraphNode, Link
from .picture import Picture
from .theme import Theme

if TYPE_CHECKING:
    from ..diff import Diff
    from ..schema import Schema


def difference_picture(found: Diff, schema: Schema | None = None, *, theme: Theme = "auto") -> Picture:
    """Draw a difference: what is added, changed and, in broken lines, removed.

    Args:
        found: The difference.
        schema: The classes of the nodes.
        theme: On which ground.
    """
    marks = {node.node_id: "added" for node in found.added}
    for change in (*found.changed, *found.rewired):
        marks[change.after.node_id] = "changed"
    marks.update((retitled.after.node_id, "changed") for retitled in found.retitled)
    names = dict(found.pairs)
    for node in found.removed:
        name = node.node_id
        while name in found.after or name in marks:
            name = f"{name} (removed)"
        names[node.node_id] = name
        marks[name] = "removed"
    gone = [_renamed(node, names) for node in found.removed]
    graph = Graph([*found.after.values(), *gone], found.after.scopes.values(), found.after.canvas)
    return Picture(graph, schema, marks=marks, title="The difference of two workflows", theme=theme)


def _renamed(node: GraphNode, names: dict[str, str]) -> GraphNode:
    """A node of the first workflow, on the canvas of the second."""
    inputs: dict[str, Any] = {
        key: Link(names.get(value.node_id, value.node_id), value.slot) if type(value) is Link else value
        for key, value in node.inputs.items()
    }
    return GraphNode(names[node.node_id], node.class_type, inputs, node.title)
