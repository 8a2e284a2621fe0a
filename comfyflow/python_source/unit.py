"""Which scopes of a graph become functions.

Each use of a subgraph becomes a call of a function, unless something outside is between its
nodes: then they are made where the call would be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..bounds import MAX_SCOPE_DEPTH
from ..graph import ROOT, Graph


@dataclass
class Unit:
    """One subgraph, as it is used once; or the whole graph.

    Attributes:
        path: The id of its host, or `ROOT`.
        members: The nodes that it makes itself.
        children: The units that it calls, in order.
        nodes: All nodes in it, those of its children too.
    """

    path: str
    members: list[str] = field(default_factory=list[str])
    children: dict[str, None] = field(default_factory=dict[str, None])
    nodes: list[str] = field(default_factory=list[str])

    def relative(self, node_id: str) -> str:
        """The id of a node in it, as it is in every use of the same subgraph."""
        return node_id[len(self.path) + 1 :] if self.path else node_id

    def absolute(self, relative: str) -> str:
        """The id of the node that has this relative one."""
        return f"{self.path}:{relative}" if self.path else relative


def find_units(graph: Graph, smallest: int) -> dict[str, Unit]:
    """The units of a graph by path, the root and outer ones first.

    Args:
        graph: The graph; it has no cycle.
        smallest: A subgraph of fewer nodes is not a separate unit.
    """
    units = _by_scopes(graph)
    outer = {child: path for path, unit in units.items() for child in unit.children}
    for path in [path for path, unit in units.items() if path and len(unit.nodes) < smallest]:
        _dissolve(units, path, outer)
    waiting = [ROOT]
    for path in waiting:
        while True:
            torn = _torn(graph, units, path)
            if not torn:
                break
            for child in torn:
                _dissolve(units, child, outer)
        waiting.extend(units[path].children)
    return {path: units[path] for path in waiting}


def _by_scopes(graph: Graph) -> dict[str, Unit]:
    units = {ROOT: Unit(ROOT)}
    for node_id in graph:
        path = ROOT
        for scope in graph.around(node_id)[:MAX_SCOPE_DEPTH]:
            if scope.scope_id not in units:
                units[scope.scope_id] = Unit(scope.scope_id)
                units[path].children[scope.scope_id] = None
            units[path].nodes.append(node_id)
            path = scope.scope_id
        units[path].nodes.append(node_id)
        units[path].members.append(node_id)
    return units


def _dissolve(units: dict[str, Unit], path: str, outer: dict[str, str]) -> None:
    """Give what is in a unit to the one around it."""
    unit = units.pop(path)
    around = units[outer[path]]
    del around.children[path]
    around.children |= unit.children
    around.members.extend(unit.members)
    outer.update(dict.fromkeys(unit.children, outer[path]))


def _torn(graph: Graph, units: dict[str, Unit], path: str) -> list[str]:
    """The children of a unit that something outside of them is between."""
    import networkx as nx

    unit = units[path]
    place = {node_id: node_id for node_id in unit.members}
    for child in unit.children:
        place.update(dict.fromkeys(units[child].nodes, f"{child}:"))
    network: nx.DiGraph[str] = nx.DiGraph()
    for node_id in unit.nodes:
        for _, link in graph[node_id].links:
            source = place.get(link.node_id)
            if source is not None and source != place[node_id]:
                network.add_edge(source, place[node_id])
    circles = [circle for circle in nx.strongly_connected_components(network) if len(circle) > 1]
    return [child for child in unit.children if any(f"{child}:" in circle for circle in circles)]
