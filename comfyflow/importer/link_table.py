"""Since 1.53 the table of links alone says what is linked [18, a].

What inputs and outputs say of links only matters where both agree with the table: a link stands at the
input that names it, else at the place that the table gives it. A name without a link in the table is
none, and a link that nothing names is made.
"""

from __future__ import annotations

from typing import Any

from .live_graph import SUBGRAPH_INPUT, SUBGRAPH_OUTPUT, INodeInputSlot, LGraph, LGraphNode, LLink


def link_by_table(graph: LGraph) -> None:
    """Make inputs, outputs and boundaries say what the table of links says."""
    by_key = graph.by_key
    unnamed: dict[Any, tuple[LLink, LGraphNode]] = {}
    for id_, link in graph.links.items():
        target = by_key.get(link.target_key)
        if target is not None:
            unnamed[id_] = (link, target)
    for node in graph.nodes:
        for slot in node.inputs:
            id_ = slot.link
            if id_ is None:
                continue
            known = unnamed.get(id_) if isinstance(id_, (int, float, str)) else None
            if known is None or known[1] is not node:
                slot.link = None
            else:
                del unnamed[id_]
    slots: dict[int, dict[str, INodeInputSlot]] = {}
    for link, target in unnamed.values():
        place = _slot_by_place(target, link.target_slot, slots)
        if place is not None and place.link is None:
            place.link = link.id
    _link_outputs(graph)
    if graph.inputs or graph.outputs:
        _link_boundaries(graph)


def _slot_by_place(
    node: LGraphNode, place: object, slots: dict[int, dict[str, INodeInputSlot]]
) -> INodeInputSlot | None:
    """The input at a place of a new node of the class; what was saved with the node counts for others."""
    if not isinstance(place, int) or place < 0:
        return None
    fresh = node.shape.inputs if node.shape is not None else node.inputs
    if place >= len(fresh):
        return None
    by_name = slots.get(id(node))
    if by_name is None:
        by_name = slots[id(node)] = {slot.name: slot for slot in reversed(node.inputs)}
    return by_name.get(fresh[place].name)


def _link_outputs(graph: LGraph) -> None:
    by_key = graph.by_key
    for node in graph.nodes:
        for output in node.outputs:
            output.links = []
    for link in graph.links.values():
        origin = by_key.get(link.origin_key)
        place = link.origin_slot
        if origin is not None and isinstance(place, int) and 0 <= place < len(origin.outputs):
            origin.outputs[place].links.append(link.id)


def _link_boundaries(graph: LGraph) -> None:
    into: dict[object, list[object]] = {}
    out_of: dict[object, list[object]] = {}
    for link in graph.links.values():
        if link.origin == SUBGRAPH_INPUT:
            into.setdefault(link.origin_slot, []).append(link.id)
        if link.target == SUBGRAPH_OUTPUT:
            out_of.setdefault(link.target_slot, []).append(link.id)
    for boundaries, links in ((graph.inputs, into), (graph.outputs, out_of)):
        for index, boundary in enumerate(boundaries):
            boundary.links = links.get(index, [])
