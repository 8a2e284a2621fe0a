"""Which nodes of a graph stand in which subgraph, as their ids say.

The editor writes a node inside a subgraph as ``12:3``: node 3 in what node 12 of the canvas
stands for. Each such host becomes a call of a function, unless something outside stands between
its nodes: then they are made where the host is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ..graph import Graph

ROOT: Final = ""

MAX_DEPTH: Final = 16
"""How deep functions call one another; what is nested deeper is made in the innermost."""


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
        smallest: A subgraph of fewer nodes is no unit of its own.
    """
    units = _by_ids(graph)
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


def _by_ids(graph: Graph) -> dict[str, Unit]:
    units = {ROOT: Unit(ROOT)}
    for node_id in graph:
        path = ROOT
        for outer in _hosts(node_id):
            if outer not in units:
                units[outer] = Unit(outer)
                units[path].children[outer] = None
            units[path].nodes.append(node_id)
            path = outer
        units[path].nodes.append(node_id)
        units[path].members.append(node_id)
    return units


def _hosts(node_id: str) -> Iterator[str]:
    """The ids of the hosts that a node is in, outer ones first."""
    end = -1
    for _ in range(MAX_DEPTH):
        end = node_id.find(":", end + 1)
        if end < 0:
            return
        if end > 0 and end + 1 < len(node_id):
            yield node_id[:end]


def _dissolve(units: dict[str, Unit], path: str, outer: dict[str, str]) -> None:
    """Give what is in a unit to the one around it."""
    unit = units.pop(path)
    around = units[outer[path]]
    del around.children[path]
    around.children |= unit.children
    around.members.extend(unit.members)
    outer.update(dict.fromkeys(unit.children, outer[path]))


def _torn(graph: Graph, units: dict[str, Unit], path: str) -> list[str]:
    """The children of a unit that something outside of them stands between."""
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
