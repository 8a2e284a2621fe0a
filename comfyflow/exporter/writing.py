"""From a graph to the JSON of the editor: to be opened there, or to go along with a prompt."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any, Final

from ..collector import collector_paused
from ..errors import ConversionError, ExportError
from ..graph import ROOT, Canvas, Graph
from ..graph.canvas import Point
from ..graph.prompt import read_prompt
from ..importer.editor_rules import EditorRules, choose_editor
from ..importer.live_graph import MUTED
from ..importer.node_shape import NodeShape, NodeShapes, node_shapes
from ..json_types import object_or_empty
from ..layout import layout
from ..schema import Schema
from ..source import Source
from .board import Boards, DraftNode, promoted_values
from .class_node import write_class_node, write_unknown_node
from .document import Document, uuid_of
from .editor_scopes import (
    give_own_values,
    keeps_own_values,
    unlike_scopes,
    with_holders,
    with_possible_scopes,
    without_scopes,
)
from .source_notes import NOTHING, Told, sections_of, told_by

FRONTEND: Final = "1.45"
"""The release of the editor that is written for, unless another one is asked for."""


def editor_json(
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
        told: What the user's source says about the graph.
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
    if refused := unlike_scopes(graph, boards, fed, rules):
        return editor_json(without_scopes(given, refused), schema, rules, name, by_name=by_name, told=told)
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


_MOST_LAID_OUT: Final = 150
"""Graphs with more nodes than this are in plain columns: a layout would take longer than sending them."""

_COLUMN: Final = 500.0
_ROW: Final = 350.0
_PER_COLUMN: Final = 20


def embedded_workflow(source: Source, schema: Schema) -> dict[str, Any] | None:
    """The editor's workflow of what is sent; None if the editor cannot hold that.

    The editor takes the workflow in a file before the prompt in it. So it must be as good as that: one
    whose values the editor could not name, because the schema does not know their class, is left out.

    Args:
        source: What is sent, with the prompt as the server gets it.
        schema: The classes of the server, as far as they are known.
    """
    graph = read_prompt(source.prompt)
    if not all(node.class_type in schema for node in graph.values()):
        return None
    if source.compiled is not None:
        for node_id, node in graph.items():
            made = source.compiled.graph.get(node_id)
            node.origin = made.origin if made is not None else None
    rules = choose_editor(schema.editor or FRONTEND, schema, {}).rules
    if len(graph) > _MOST_LAID_OUT:
        graph = _in_columns(graph)
    told = told_by(source.workflow)
    try:
        with collector_paused():
            return editor_json(graph.with_spelled_scopes(), schema, rules, source.name, told=told)
    except (ConversionError, ExportError):
        return None


def _in_columns(graph: Graph) -> Graph:
    positions: dict[str, Point] = {
        node_id: (place // _PER_COLUMN * _COLUMN, place % _PER_COLUMN * _ROW)
        for place, node_id in enumerate((*graph, *graph.scopes))
    }
    return Graph(graph.values(), graph.scopes.values(), Canvas(positions))
