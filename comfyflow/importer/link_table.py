"""Since 1.53 the table of links alone says what is linked [18, a].

What inputs and outputs say of links only matters where both agree with the table: a link stands at the
input that names it, else at the place that the table gives it. A name without a link in the table is
none, and a link that nothing names is made.
"""

from __future__ import annotations

from .javascript import js_text
from .live_graph import SUBGRAPH_INPUT, SUBGRAPH_OUTPUT, Graph, Input, Link, Node


def link_by_table(graph: Graph) -> None:
    """Make inputs, outputs and boundaries say what the table of links says."""
    named = _named_inputs(graph)
    unnamed: list[tuple[Link, Node]] = []
    for link in graph.links.values():
        target = graph.by_key.get(js_text(link.target))
        if target is None or link.target == SUBGRAPH_OUTPUT:
            continue
        slot = named.get((id(target), link.id))
        if slot is None:
            unnamed.append((link, target))
    for link, target in unnamed:
        slot = _slot_by_place(target, link.target_slot)
        if slot is not None and slot.link is None:
            slot.link = link.id
    _link_outputs(graph)
    _link_boundaries(graph)


def _named_inputs(graph: Graph) -> dict[tuple[int, object], Input]:
    """The inputs by node and the link that they name; an input that names another's link names none."""
    named: dict[tuple[int, object], Input] = {}
    for node in graph.nodes:
        for slot in node.inputs:
            if slot.link is None:
                continue
            link = graph.link(slot.link)
            key = (id(node), slot.link)
            if link is None or graph.by_key.get(js_text(link.target)) is not node or key in named:
                slot.link = None
            else:
                named[key] = slot
    return named


def _slot_by_place(node: Node, place: object) -> Input | None:
    """The input at a place of a new node of the class; what was saved with the node counts for others."""
    if not isinstance(place, int) or place < 0:
        return None
    fresh = node.shape.inputs if node.shape is not None else node.inputs
    if place >= len(fresh):
        return None
    name = fresh[place].name
    return next((slot for slot in node.inputs if slot.name == name), None)


def _link_outputs(graph: Graph) -> None:
    links: dict[tuple[str, object], list[object]] = {}
    for link in graph.links.values():
        links.setdefault((js_text(link.origin), link.origin_slot), []).append(link.id)
    for node in graph.nodes:
        first = graph.by_key.get(node.key) is node
        for index, output in enumerate(node.outputs):
            output.links = links.get((node.key, index), []) if first else []


def _link_boundaries(graph: Graph) -> None:
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
