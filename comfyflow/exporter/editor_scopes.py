"""Scopes as the editor can have them.

Which scopes can be subgraphs of the editor with the ids that their nodes have: it numbers inner nodes again
whose numbers are not unique over all canvases. These nodes are written flat, under the whole of their ids,
which it keeps.

Constants at inputs that have no widget, which the editor sends only inside a subgraph: there an input of the
subgraph that nothing is linked to sends the value of the first widget that it feeds, to all that it feeds. So
one more is made, which feeds the input and a muted node that holds the value. On the workflow's own canvas a
primitive node gives the value: the server runs the same, with one node more.

Several uses of one subgraph: what they must have in common, and what may differ between them. Since 1.46
the values saved on the node of a subgraph count, for each use its own; from 1.41 to 1.45 they do not, so that
all uses send the values inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from ..graph import ROOT, Graph, GraphNode, Link, ScopeInput
from ..importer.editor_rules import EditorRules
from ..schema import Schema
from .board import Boards, DraftNode, PromotedValue
from .document import MAX_NODE_ID, saved_id


def with_possible_scopes(graph: Graph) -> Graph:
    """The graph without the scopes whose nodes the editor would number again.

    Scopes of one definition share its numbers.
    """
    if not graph.scopes:
        return graph
    refused: set[str] = set()
    shared = {scope.scope_id: scope.definition for scope in graph.scopes.values() if scope.definition}
    owners: dict[int, str] = {}
    for scope_id, member in _members(graph):
        owner = shared.get(scope_id, scope_id)
        saved = saved_id(member[len(scope_id) + 1 :] if scope_id != ROOT else member)
        if scope_id != ROOT and not (member.startswith(f"{scope_id}:") and isinstance(saved, int)):
            refused.add(scope_id)
        if isinstance(saved, int) and owners.setdefault(saved, owner) != owner:
            refused.add(scope_id)
    return without_scopes(graph, refused) if refused else graph


def flattened(graph: Graph) -> Graph:
    """The graph without scopes; ids stay as they are."""
    return Graph([node.within(ROOT) for node in graph.values()], (), graph.canvas)


def _members(graph: Graph) -> Iterator[tuple[str, str]]:
    """All nodes, and the nodes of scopes, each with the scope that it is in; those of the root first."""
    members = [(node.scope, node_id) for node_id, node in graph.items()]
    members += [(scope.outer, scope.scope_id) for scope in graph.scopes.values()]
    yield from (member for member in members if member[0] == ROOT)
    yield from (member for member in members if member[0] != ROOT)


def _top(graph: Graph, scope_id: str) -> str:
    """The scope at the root that a scope is in."""
    while graph.scopes[scope_id].outer != ROOT:
        scope_id = graph.scopes[scope_id].outer
    return scope_id


def without_scopes(graph: Graph, refused: set[str]) -> Graph:
    """The graph without some scopes, and without all that they are in or that are in those."""
    tops = {_top(graph, scope_id) for scope_id in refused}
    gone: set[str] = set()
    for scope in graph.scopes.values():
        if scope.scope_id in tops or scope.outer in gone:
            gone.add(scope.scope_id)
    nodes = [node.within(ROOT) if node.scope in gone else node for node in graph.values()]
    kept = [scope for scope in graph.scopes.values() if scope.scope_id not in gone]
    return Graph(nodes, kept, graph.canvas)


_HOLDERS: Final[Mapping[type, str]] = {
    bool: "PrimitiveBoolean",
    int: "PrimitiveInt",
    float: "PrimitiveFloat",
    str: "PrimitiveString",
}


def with_holders(graph: Graph, drafts: Mapping[str, DraftNode], schema: Schema) -> tuple[Graph, set[str]]:
    """The graph with nodes that hold stray constants, and the ids of those to mute.

    Args:
        graph: The graph.
        drafts: Its nodes, which say what strays.
        schema: The server's classes; without its primitive ones the constants stay astray.
    """
    strays = [
        (graph[node_id], name)
        for node_id, draft in drafts.items()
        for name in draft.strays
        if _holder(graph[node_id].inputs[name], schema) is not None
    ]
    if not strays:
        return graph, set()
    scopes = dict(graph.scopes)
    nodes = dict(graph.items())
    number = max((each for node_id in (*graph, *scopes) for each in _numbers(node_id)), default=0)
    muted: set[str] = set()
    for node, name in strays:
        number += 1
        value = node.inputs[name]
        holder_id = f"{node.scope}:{number}" if node.scope != ROOT else str(number)
        nodes[holder_id] = GraphNode(
            holder_id, _holder(value, schema) or "", {"value": value}, scope=node.scope
        )
        if node.scope == ROOT:
            known = nodes[node.node_id]
            nodes[node.node_id] = known.with_inputs({**known.inputs, name: Link(holder_id, 0)})
            continue
        muted.add(holder_id)
        scope = scopes[node.scope]
        targets = ((node.node_id, name), (holder_id, "value"))
        entry = ScopeInput(name, type="*", has_value=True, value=value, targets=targets)
        scopes[node.scope] = scope._replace(inputs=(*scope.inputs, entry))
    return Graph(nodes.values(), scopes.values(), graph.canvas), muted


def _holder(value: Any, schema: Schema) -> str | None:
    name = _HOLDERS.get(cast("type[object]", type(value)))
    return name if name is not None and name in schema else None


def _numbers(node_id: str) -> list[int]:
    saved = (saved_id(part) for part in node_id.split(":"))
    return [number for number in saved if isinstance(number, int) and number < MAX_NODE_ID]


def unlike_scopes(
    graph: Graph, boards: Boards, fed: Mapping[tuple[str, str], PromotedValue], rules: EditorRules
) -> set[str]:
    """The scopes that say that they are uses of one definition, and are not.

    Args:
        graph: The graph.
        boards: Its canvases.
        fed: The inputs that take the value of an unlinked input of a subgraph.
        rules: The release of the editor.
    """
    own_values = frozenset(fed) if keeps_own_values(rules) else frozenset[tuple[str, str]]()
    models: dict[str, Any] = {}
    found: set[str] = set()
    for scope in graph.scopes.values():
        if scope.definition:
            told = _told(graph, boards, scope.scope_id, own_values)
            if models.setdefault(scope.definition, told) != told:
                found.add(scope.scope_id)
    return found


def give_own_values(graph: Graph, boards: Boards) -> None:
    """Save on the nodes of subgraphs that are used more than once what each shows."""
    uses: dict[str, int] = {}
    for scope in graph.scopes.values():
        uses[scope.definition] = uses.get(scope.definition, 0) + 1
    for scope in graph.scopes.values():
        if scope.definition and uses[scope.definition] > 1:
            host = boards.host(scope.scope_id)
            host.values = [
                scope.inputs[index].value
                if index < len(scope.inputs) and host.inputs[index].source is None
                else None
                for index in boards.shown(scope.scope_id)
            ]


def keeps_own_values(rules: EditorRules) -> bool:
    """Whether the values saved on the node of a subgraph count."""
    return rules.host_values or rules.host_copies


def _told(graph: Graph, boards: Boards, scope_id: str, own_values: frozenset[tuple[str, str]]) -> Any:
    """All that the definition of a scope says, except for places and for the values that are its own."""
    board = boards.boards[scope_id]
    nodes: list[Any] = []
    for local, draft in board.nodes.items():
        node_id = f"{scope_id}:{local}" if scope_id != ROOT else local
        node = graph.get(node_id)
        inputs = node.inputs if node is not None else {}
        constants = [
            (name, repr(value))
            for name, value in inputs.items()
            if type(value) is not Link and (node_id, name) not in own_values
        ]
        slots = [(slot.name, slot.source, slot.widget) for slot in draft.inputs]
        nodes.append(
            (local, draft.type, node.title if node is not None else None, slots, constants, draft.mode)
        )
    entering = [(entry.name, entry.type, entry.label) for entry in board.inputs]
    leaving = [(entry.name, entry.type, entry.label, entry.source) for entry in board.outputs]
    return (sorted(nodes, key=lambda told: str(told[0])), entering, leaving)
