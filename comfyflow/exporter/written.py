"""From a graph to a workflow of the editor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ExportError
from ..graph import ROOT, Graph, GraphNode
from ..importer.editor_choice import choose_editor
from ..importer.editor_rules import EditorRules
from ..importer.live_graph import MUTED
from ..importer.node_shape import NodeShape, NodeShapes, node_shapes
from ..problem import Problem
from ..schema import Schema
from .arrangement import layout
from .board import Boards, feeds
from .class_node import write_class_node, write_unknown_node
from .document import Document, saved_id, uuid_of
from .draft import DraftNode
from .size import size_of
from .stray import with_holders


class WrittenWorkflow(dict[str, Any]):
    """A workflow of the editor. It *is* the JSON: a dictionary.

    Attributes:
        warnings: What the editor will not give back as it was, each about one node.
    """

    def __init__(self, workflow: Mapping[str, Any], warnings: list[Problem]) -> None:
        super().__init__(workflow)
        self.warnings = warnings


def write_workflow(graph: Graph, schema: Schema, rules: EditorRules, name: str) -> dict[str, Any]:
    """Write a graph as the editor's JSON.

    Args:
        graph: The graph.
        schema: The classes of the server that the editor will be in front of.
        rules: The release of the editor.
        name: What the workflow is called.
    """
    shapes = node_shapes(schema, rules)
    graph = with_possible_scopes(graph)
    drafts = _drafts(graph, shapes, schema, rules)
    graph, held = with_holders(graph, drafts, schema)
    if held:
        drafts = _drafts(graph, shapes, schema, rules)
        for node_id in held:
            drafts[node_id].mode = MUTED
    fed = feeds(graph)
    definitions = {scope_id: scope.definition or uuid_of("scope", scope_id, name) for scope_id, scope in graph.scopes.items()}
    boards = Boards(graph, drafts, fed, definitions)
    sizes = {draft.node_id: size_of(draft) for board in boards.boards.values() for draft in board.nodes.values()}
    canvas = layout(graph, sizes)
    document = Document(graph, boards, canvas, sizes, _new_names(graph), f"{rules.version.major}.{rules.version.minor}.0")
    shown = {key: scope_id for scope_id, key in reversed(definitions.items())}
    return document.json(name, shown)


def _drafts(graph: Graph, shapes: NodeShapes, schema: Schema, rules: EditorRules) -> dict[str, DraftNode]:
    fed: dict[str, set[str]] = {}
    for node_id, name in feeds(graph):
        fed.setdefault(node_id, set()).add(name)
    return {
        node_id: _draft(node, shapes, schema, rules, fed.get(node_id, set())) for node_id, node in graph.items()
    }


def _draft(node: GraphNode, shapes: NodeShapes, schema: Schema, rules: EditorRules, fed: set[str]) -> DraftNode:
    shape = _shape(node.class_type, shapes, schema)
    return write_unknown_node(node) if shape is None else write_class_node(node, shape, rules, fed)


def _shape(class_type: str, shapes: NodeShapes, schema: Schema) -> NodeShape | None:
    """The shape of a class; a prompt calls it by the name in its description, which may differ from its key."""
    shape = shapes.get(class_type)
    if shape is None:
        for key in schema.raw:
            held = schema.raw[key]
            if isinstance(held, Mapping) and held.get("name") == class_type:
                return shapes.get(key)
    return shape


def _new_names(graph: Graph) -> dict[str, str]:
    """Other ids for nodes whose own the editor cannot have."""
    impossible = [node_id for node_id in graph if node_id in ("", "__proto__")]
    free = (str(number) for number in range(1, len(graph) + 2) if str(number) not in graph)
    return {node_id: next(free) for node_id in impossible}


def with_possible_scopes(graph: Graph) -> Graph:
    """The graph without those scopes whose nodes the editor would number anew.

    It does so with inner numbers that are not unique over all canvases, so these nodes are written flat,
    under the whole of their ids.
    """
    graph = graph.with_spelled_scopes()
    if not graph.scopes:
        return graph
    taken: dict[int, str] = {}
    impossible: set[str] = set()

    def place(member: str, scope_id: str) -> None:
        local = member[len(scope_id) + 1 :] if scope_id != ROOT else member
        saved = saved_id(local)
        fits = scope_id == ROOT or member.startswith(f"{scope_id}:")
        if scope_id != ROOT and (not fits or not isinstance(saved, int)):
            impossible.add(scope_id)
        if isinstance(saved, int):
            other = taken.setdefault(saved, scope_id)
            if other != scope_id:
                impossible.add(scope_id if scope_id != ROOT else other)

    for node_id, node in sorted(graph.items(), key=lambda item: item[1].scope != ROOT):
        place(node_id, node.scope)
    for scope in graph.scopes.values():
        place(scope.scope_id, scope.outer)
    for scope in graph.scopes.values():
        if scope.outer in impossible:
            impossible.add(scope.scope_id)
    tops: set[str] = set()
    for scope_id in impossible:
        while scope_id != ROOT:
            top, scope_id = scope_id, graph.scopes[scope_id].outer
            if scope_id == ROOT:
                tops.add(top)
    return _flattened(graph, tops) if tops else graph


def _flattened(graph: Graph, tops: set[str]) -> Graph:
    gone: set[str] = set()
    for scope in graph.scopes.values():
        if scope.scope_id in tops or scope.outer in gone:
            gone.add(scope.scope_id)
    nodes = [node.within(ROOT) if node.scope in gone else node for node in graph.values()]
    return Graph(nodes, [scope for scope in graph.scopes.values() if scope.scope_id not in gone], graph.canvas)
