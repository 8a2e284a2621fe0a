"""What editors do to links that the table and the nodes tell differently [18].

1.27 checks links before it loads a workflow. It compares the table of links with what the nodes say about
them, from the last link to the first. An output that does not name its link is given it; one that names a
link which its target does not is freed of it. A link that neither side names any more is taken out of the
table. Later editors can do so too, but only if asked.

The editor is not thorough: it notes what an input should name but does not change it, and where that
note and the input then disagree it gives up and loads the workflow as it was saved.

Since 1.53 the table of links alone says what is linked [a]. What inputs and outputs say about links only
matters where both agree with the table: a link is at the input that names it, else at the place that
the table gives it. A name without a link in the table is not one, and a link that nothing names is made.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

from ..json_types import array_or_empty, is_object
from .javascript import js_text
from .live_graph import SUBGRAPH_INPUT, SUBGRAPH_OUTPUT, INodeInputSlot, LGraph, LGraphNode, LLink
from .saved_form import has_known_form

_MOST_ADDED: Final = 64
"""How many outputs more than it was saved with a node may be given."""

_FIELDS: Final = ("id", "origin_id", "origin_slot", "target_id", "target_slot")


class _Disagreement(Exception):
    """What was noted of an input is not what the input says: the check ends without a result."""


class _Checked:
    """A node, what its outputs name now, and what was noted of its inputs."""

    __slots__ = ("_named", "changed", "noted", "outputs", "raw")

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        self.noted: dict[int, Any] = {}
        self.outputs: dict[int, list[Any]] = {}
        self.changed: dict[tuple[int, Any], str] = {}
        self._named: dict[int, set[Any]] = {}

    def input_link(self, slot: int) -> Any:
        """The link that an input names as it was saved."""
        inputs = array_or_empty(self.raw.get("inputs"))
        return inputs[slot].get("link") if 0 <= slot < len(inputs) and is_object(inputs[slot]) else None

    def input_names(self, slot: int, link_id: Any) -> bool:
        """Whether an input names a link."""
        names: bool = self.input_link(slot) == link_id
        if self.noted and names != (self.noted.get(slot) == link_id):
            raise _Disagreement
        return names

    def input_is_linked(self, slot: int) -> bool:
        """Whether an input names any link."""
        linked = self.input_link(slot) is not None
        if self.noted and linked != (self.noted.get(slot) is not None):
            raise _Disagreement
        return linked

    def note_input(self, slot: int, link_id: Any) -> bool:
        """Note what an input should name, once."""
        if slot in self.noted:
            return False
        self.noted[slot] = link_id
        return True

    def output_links(self, slot: int) -> list[Any]:
        """The links that an output names."""
        if slot in self.outputs:
            return self.outputs[slot]
        outputs = array_or_empty(self.raw.get("outputs"))
        output = outputs[slot] if 0 <= slot < len(outputs) else None
        return array_or_empty(output.get("links")) if is_object(output) else []

    def output_names(self, slot: int, link_id: Any) -> bool:
        """Whether an output names a link; an output may name as many as there are nodes."""
        if slot not in self._named:
            self._named[slot] = {each for each in self.output_links(slot) if isinstance(each, Hashable)}
        return isinstance(link_id, Hashable) and link_id in self._named[slot]

    def change_output(self, slot: int, link_id: Any, add: bool) -> None:
        """Give a link to an output, or take it away."""
        if (slot, link_id) in self.changed:
            if not self.noted:
                raise _Disagreement  # the editor fails while it reports that
            return
        links = self.output_links(slot)
        self.changed[slot, link_id] = "added" if add else "removed"
        if add:
            links.append(link_id)
        elif link_id in links:
            links.remove(link_id)
        self.outputs[slot] = links
        self._named.pop(slot, None)

    def result(self) -> Mapping[str, Any]:
        """The node with its outputs as they are now."""
        if not self.outputs:
            return self.raw
        saved = array_or_empty(self.raw.get("outputs"))
        outputs = [dict(output) if is_object(output) else output for output in saved]
        for slot, links in self.outputs.items():
            if not 0 <= slot < len(outputs) + _MOST_ADDED:
                continue
            while len(outputs) <= slot:
                outputs.append({})
            outputs[slot] = {**outputs[slot], "links": links}
        return {**self.raw, "outputs": outputs}


def with_checked_links(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The workflow as it is after the check; the one given is not changed.

    Only the canvas is checked, and only if the whole workflow has the form that the editor knows.
    """
    links = [entry for entry in array_or_empty(raw.get("links")) if entry]
    nodes: dict[str, _Checked] = {}
    for node in array_or_empty(raw.get("nodes")):
        if is_object(node):
            nodes.setdefault(js_text(node.get("id")), _Checked(node))
    table = [_fields(entry) for entry in links]
    if all(_agrees(nodes, link) for link in table) or not has_known_form(raw):
        return raw
    try:
        for link in reversed(table):
            _check(nodes, link)
        dead = [link[0] for link in reversed(table) if _is_dead(nodes, link)]
    except _Disagreement:
        return raw
    for id_ in reversed(dead):
        place = next((i for i, link in enumerate(table) if link[0] == id_), -1)
        if table:
            del table[place], links[place]
    done = {id(node.raw): node.result() for node in nodes.values()}
    return {**raw, "nodes": [done.get(id(node), node) for node in raw["nodes"]], "links": links}


def _fields(entry: Any) -> tuple[Any, ...]:
    if is_object(entry):
        id_, origin, origin_slot, target, target_slot = (entry.get(name) for name in _FIELDS)
    else:
        id_, origin, origin_slot, target, target_slot = [*array_or_empty(entry)[:5], *[None] * 5][:5]
    return id_, js_text(origin), _slot(origin_slot), js_text(target), _slot(target_slot)


def _slot(value: Any) -> int:
    text = js_text(value)
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 10 else -1


def _agrees(nodes: Mapping[str, _Checked], link: tuple[Any, ...]) -> bool:
    """Whether both sides of a link name it."""
    id_, origin, origin_slot, target, target_slot = link
    if origin not in nodes or target not in nodes:
        return False
    return nodes[origin].output_names(origin_slot, id_) and nodes[target].input_link(target_slot) == id_


def _check(nodes: Mapping[str, _Checked], link: tuple[Any, ...]) -> None:
    id_, origin_id, origin_slot, target_id, target_slot = link
    origin, target = nodes.get(origin_id), nodes.get(target_id)
    if origin is None or target is None:
        if target is not None and target.input_names(target_slot, id_):
            target.note_input(target_slot, None)
        if origin is not None and origin.output_names(origin_slot, id_):
            origin.change_output(origin_slot, id_, add=False)
        return
    at_target = target.input_names(target_slot, id_)
    if not origin.output_names(origin_slot, id_):
        if at_target:
            origin.change_output(origin_slot, id_, add=True)
    elif not at_target and (target.input_is_linked(target_slot) or not target.note_input(target_slot, id_)):
        origin.change_output(origin_slot, id_, add=False)


def _is_dead(nodes: Mapping[str, _Checked], link: tuple[Any, ...]) -> bool:
    """Whether neither side of a link names it."""
    id_, origin_id, origin_slot, target_id, target_slot = link
    origin, target = nodes.get(origin_id), nodes.get(target_id)
    if origin is not None and origin.output_names(origin_slot, id_):
        return False
    return target is None or not target.input_names(target_slot, id_)


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
