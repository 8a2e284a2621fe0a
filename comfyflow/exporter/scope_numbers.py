"""Which scopes can be subgraphs of the editor with the ids that their nodes have.

The editor numbers inner nodes anew whose numbers are not unique over all canvases. Such nodes are written
flat, under the whole of their ids, which it keeps.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..graph import ROOT, Graph
from .document import saved_id


def with_possible_scopes(graph: Graph) -> Graph:
    """The graph without the scopes whose nodes the editor would number anew.

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
    """All nodes, and the nodes of scopes, each with the scope that it stands in; those of the root first."""
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
    """The graph without some scopes, and without all that they stand in or that stand in those."""
    tops = {_top(graph, scope_id) for scope_id in refused}
    gone: set[str] = set()
    for scope in graph.scopes.values():
        if scope.scope_id in tops or scope.outer in gone:
            gone.add(scope.scope_id)
    nodes = [node.within(ROOT) if node.scope in gone else node for node in graph.values()]
    kept = [scope for scope in graph.scopes.values() if scope.scope_id not in gone]
    return Graph(nodes, kept, graph.canvas)
