"""Places for nodes: columns by rank, as far as nothing better is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..graph import ROOT, Canvas, Graph
from ..graph.canvas import Point
from .size import TITLE_BAR, Size

_GAP = 80.0
_BELOW = 30.0


def placed(graph: Graph, sizes: Mapping[str, Size]) -> Canvas:
    """The canvas of a graph with all nodes on it: those that have a place keep it, the others go below.

    Args:
        graph: The graph.
        sizes: The size of each node, and of the node of each scope, by id.
    """
    known = graph.canvas
    new = [node_id for node_id in sizes if node_id not in known.positions]
    if not new:
        return known
    found = layout(graph, sizes)
    if len(new) == len(sizes):
        return replace(found, groups={**found.groups, **known.groups}, notes=known.notes)
    positions = {**known.positions}
    for scope_id in (ROOT, *graph.scopes):
        members = [node_id for node_id in sizes if _outer(graph, node_id) == scope_id]
        old = [node_id for node_id in members if node_id in known.positions]
        added = [node_id for node_id in members if node_id not in known.positions]
        if not added:
            continue
        left = min((known.positions[node_id][0] for node_id in old), default=0.0)
        bottom = max((known.positions[node_id][1] + sizes[node_id][1] for node_id in old), default=0.0)
        first_left = min(found.positions[node_id][0] for node_id in added)
        first_top = min(found.positions[node_id][1] for node_id in added)
        for node_id in added:
            x, y = found.positions[node_id]
            top = bottom + TITLE_BAR + _GAP if old else 0.0
            positions[node_id] = (left + x - first_left, top + y - first_top)
    return replace(known, positions=positions)


def _outer(graph: Graph, member: str) -> str:
    """The scope on whose canvas a node stands, or the node of a scope."""
    return graph[member].scope if member in graph else graph.scopes[member].outer


def layout(graph: Graph, sizes: Mapping[str, Size]) -> Canvas:
    """Place the nodes of each canvas in columns, sources left.

    Args:
        graph: The graph.
        sizes: The size of each node, and of the node of each scope, by id.
    """
    rank: dict[str, int] = {}
    for node_id in _order(graph):
        rank[node_id] = max((rank.get(source, -1) + 1 for source in graph.sources(node_id)), default=0)
    members: dict[str, dict[str, int]] = {scope_id: {} for scope_id in (ROOT, *graph.scopes)}
    for node_id, node in graph.items():
        scope_id, member = node.scope, node_id
        while True:
            known = members[scope_id]
            known[member] = min(known.get(member, rank[node_id]), rank[node_id])
            if scope_id == ROOT:
                break
            scope_id, member = graph.scopes[scope_id].outer, scope_id
    positions: dict[str, Point] = {}
    for held in members.values():
        positions.update(_columns(held, sizes))
    return Canvas(positions)


def _order(graph: Graph) -> list[str]:
    from ..graph.walk import sources_first

    return sources_first(graph, graph.sources)


def _columns(ranks: Mapping[str, int], sizes: Mapping[str, Size]) -> dict[str, Point]:
    columns: dict[int, list[str]] = {}
    for member, rank in ranks.items():
        columns.setdefault(rank, []).append(member)
    placed: dict[str, Point] = {}
    left = 0.0
    for rank in sorted(columns):
        top = 0.0
        for member in columns[rank]:
            placed[member] = (left, top)
            top += sizes[member][1] + TITLE_BAR + _BELOW
        left += max(sizes[member][0] for member in columns[rank]) + _GAP
    return placed
