"""From a graph to the JSON of the editor."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Final

from ..graph import ROOT, Graph
from ..importer.editor_rules import EditorRules
from ..importer.live_graph import MUTED
from ..importer.node_shape import NodeShape, NodeShapes, node_shapes
from ..json_types import object_or_empty
from ..layout import layout
from ..schema import Schema
from .board import Boards, promoted_values
from .class_node import write_class_node, write_unknown_node
from .document import Document, uuid_of
from .draft import DraftNode
from .editor_scopes import (
    give_own_values,
    keeps_own_values,
    unlike,
    with_holders,
    with_possible_scopes,
    without_scopes,
)
from .source_notes import NOTHING, Told, sections_of

FRONTEND: Final = "1.45"
"""The release of the editor that is written for, unless another one is asked for."""


def write_workflow(
    graph: Graph,
    schema: Schema,
    rules: EditorRules,
    name: str,
    *,
    by_name: AbstractSet[str] = frozenset(),
    told: Told = NOTHING,
) -> dict[str, Any]:
    """Write a graph as the editor's JSON.

    Args:
        graph: The graph.
        schema: The classes of the server that the editor will be in front of.
        rules: The release of the editor.
        name: The workflow's name.
        by_name: The nodes whose values are saved by name, as the code of some packs does.
        told: What the user's source says of the graph.
    """
    shapes = node_shapes(schema, rules)
    given = graph = with_possible_scopes(graph)
    drafts = _drafts(graph, shapes, schema, rules, by_name)
    completed, muted = with_holders(graph, drafts, schema)
    if completed is not graph:
        graph = completed
        drafts = _drafts(graph, shapes, schema, rules, by_name)
        for node_id in muted:
            drafts[node_id].mode = MUTED
    fed = promoted_values(graph)
    definitions = {
        scope_id: scope.definition or uuid_of("scope", scope_id, name)
        for scope_id, scope in graph.scopes.items()
    }
    boards = Boards(graph, drafts, fed, definitions)
    if refused := unlike(graph, boards, fed, rules):
        return write_workflow(without_scopes(given, refused), schema, rules, name, by_name=by_name, told=told)
    if keeps_own_values(rules):
        give_own_values(graph, boards)
    canvas = layout(graph, schema, sections=sections_of(graph, told), notes={ROOT: told.notes})
    version = rules.version
    document = Document(
        graph, boards, canvas, _new_names(graph), f"{version.major}.{version.minor}.{version.patch}"
    )
    return document.json(name, {key: scope_id for scope_id, key in reversed(definitions.items())})


def _drafts(
    graph: Graph, shapes: NodeShapes, schema: Schema, rules: EditorRules, by_name: AbstractSet[str]
) -> dict[str, DraftNode]:
    fed: dict[str, set[str]] = {}
    for node_id, name in promoted_values(graph):
        fed.setdefault(node_id, set()).add(name)
    drafts: dict[str, DraftNode] = {}
    for node_id, node in graph.items():
        shape = _shape(node.class_type, shapes, schema)
        if shape is None:
            drafts[node_id] = write_unknown_node(node)
        else:
            drafts[node_id] = write_class_node(
                node, shape, rules, fed.get(node_id, set()), by_name=node_id in by_name
            )
    return drafts


def _shape(class_type: str, shapes: NodeShapes, schema: Schema) -> NodeShape | None:
    """The shape of a class; a prompt calls it by the name in its description, which need not be its key."""
    shape = shapes.get(class_type)
    if shape is None:
        for key in schema.raw:
            if object_or_empty(schema.raw[key]).get("name") == class_type:
                return shapes.get(key)
    return shape


def _new_names(graph: Graph) -> dict[str, str]:
    """Other ids for nodes whose own the editor cannot have."""
    impossible = [node_id for node_id in graph if node_id in ("", "__proto__")]
    free = (str(number) for number in range(1, len(graph) + 2) if str(number) not in graph)
    return {node_id: next(free) for node_id in impossible}
