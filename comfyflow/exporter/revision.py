"""An editor workflow, changed to what a graph says: what the graph does not say stays as it was.

So bypassed nodes, reroutes, notes, groups, colours, properties and places outlive the way through a prompt or
through Python. Nodes are recognised as `diff` does it, whatever their ids are now.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from ..diff import ABSENT, Diff, InputChange, diff
from ..errors import ConversionError
from ..graph import ROOT, Graph, GraphNode, Link
from ..importer import Conversion, convert_workflow
from ..importer.editor_rules import EditorRules
from ..importer.frontend_widgets import KEY, OPTION
from ..importer.live_graph import IWidget, LGraphNode
from ..importer.node_shape import node_shapes
from ..importer.prompt_writer import ExecutableNode, is_dynamic_prompt
from ..importer.subgraph_host import place_outside
from ..json_types import array_or_empty, is_array, is_list, is_number, is_object, object_or_empty
from ..layout import layout
from ..problem import Problem
from ..schema import Schema
from .board import DraftNode, escaped
from .class_node import saved_value, write_class_node, write_unknown_node
from .comparison import differences, made_by_editor
from .document import input_json, saved_id, saved_node

_LOOKS: Final = ("color", "bgcolor", "flags", "shape", "mode")
"""What a node looks like."""


@dataclass(frozen=True)
class Origin:
    """What a graph has come from, as far as an editor's file tells.

    Attributes:
        document: The file's JSON, a separate copy.
        conversion: The prompt that the editor makes of it.
        found: What is different between that and the graph.
        graph: The graph with the ids that its nodes have in the file, in its scopes and on its canvas.
    """

    document: dict[str, Any]
    conversion: Conversion
    found: Diff
    graph: Graph


def origin_of(document: Mapping[str, Any], graph: Graph, schema: Schema, rules: EditorRules) -> Origin | None:
    """What a graph has of an editor's file; None if they have nothing in common.

    Raises:
        ConversionError: The file is not an editor workflow.
    """
    own: dict[str, Any] = copy.deepcopy(dict(document))
    conversion = convert_workflow(own, schema, editor=rules.name, seed=0)
    before = conversion.graph
    found = diff(before, graph)
    if not found.pairs:
        return None
    return Origin(own, conversion, found, _renamed(graph, before, found, _numbers(own, before)))


def revised(
    origin: Origin, schema: Schema, rules: EditorRules
) -> tuple[dict[str, Any], list[Problem]] | None:
    """The file with what is different written into it, and what the editor will send otherwise.

    None if more than that would be needed.

    Args:
        origin: The file and the graph.
        schema: The server's classes.
        rules: The release of the editor.
    """
    if not _Revision(origin, schema, rules).carried_out():
        return None
    try:
        again = convert_workflow(origin.document, schema, editor=rules.name, seed=0)
    except ConversionError:
        return None
    faults = differences(origin.graph, again, schema, rules)
    lost = [one for one in faults if one.severity == "warning" and one.type != "unknown_class"]
    extra = again.keys() - origin.graph.keys()
    return None if lost or extra else (origin.document, faults)


def with_looks(made: dict[str, Any], origin: Origin) -> None:
    """Give nodes and groups that were written again the looks that they had.

    Args:
        made: What was written; it is changed.
        origin: What the graph came from.
    """
    saved = {str(one.get("id")): one for one in _objects(origin.document.get("nodes"))}
    for node in made["nodes"]:
        before = saved.get(str(node["id"]))
        if before is None or before.get("type") != node["type"]:
            continue
        node.update({name: before[name] for name in _LOOKS if name in before and name != "mode"})
        node["properties"] = {**object_or_empty(before.get("properties")), **node["properties"]}
    if is_list(origin.document.get("groups")):
        made["groups"] = origin.document["groups"]


class _Revision:
    def __init__(self, origin: Origin, schema: Schema, rules: EditorRules) -> None:
        self._origin = origin
        self._schema = schema
        self._rules = rules
        self._shapes = node_shapes(schema, rules)
        self._instances = origin.conversion.instances
        self._resolver = origin.conversion.resolver
        self._holders = dict(_holders(self._instances.values()))
        self._links = RootLinks(origin.document)

    def carried_out(self) -> bool:
        """Whether all that is different could be written into the file."""
        found = self._origin.found
        names = {after: before for before, after in found.pairs.items()}
        changes: dict[str, list[InputChange]] = {}
        for change in (*found.changed, *found.rewired):
            made = made_by_editor(change.before.class_type, self._schema, self._rules)
            if change.input_name not in made:
                changes.setdefault(change.before.node_id, []).append(change)
        anew = [node_id for node_id, held in changes.items() if not self._set_values(node_id, held)]
        if not all(self._instances[node_id].scope.depth == 0 for node_id in anew):
            return False
        if not all(self._remove(node) for node in found.removed):
            return False
        added = [node_id for node_id in self._origin.graph if node_id not in names.values()]
        drafts = {node_id: self._draft(node_id) for node_id in (*anew, *added)}
        self._add(added, drafts)
        if not all(self._rewrite(node_id, drafts[node_id]) for node_id in (*anew, *added)):
            return False
        for retitled in found.retitled:
            if not self._is_default(retitled.after):
                _raw(self._instances[retitled.before.node_id])["title"] = retitled.after.title
        self._links.finish()
        return True

    def _is_default(self, node: GraphNode) -> bool:
        """Whether the title of a node is only what its class is called: then no one has given it one."""
        known = self._schema.get(node.class_type)
        return node.title in ("", node.class_type, known.display_name if known is not None else "")

    def _set_values(self, node_id: str, changes: list[InputChange]) -> bool:
        """Whether the changes of a node are values of plain widgets, which are then put in place."""
        instance = self._instances[node_id]
        places: list[tuple[list[Any], int, Any]] = []
        for change in changes:
            if change.is_rewired or change.new is ABSENT:
                return False
            widget, as_it_is = self._giver(instance, change.input_name)
            if widget is None or widget.kind in (KEY, OPTION):
                return False
            found = self._place(widget)
            if found is None:
                return False
            value = saved_value(change.new)
            if isinstance(value, str) and is_dynamic_prompt(widget) and not as_it_is:
                value = escaped(value)
            places.append((*found, value))
        for values, place, value in places:
            values[place] = value
        return True

    def _giver(self, instance: ExecutableNode, name: str) -> tuple[IWidget | None, bool]:
        """The widget that gives an input its value, and whether the editor sends its text as it is."""
        for index, slot in enumerate(instance.node.inputs):
            if slot.name == name and slot.link is not None:
                source = self._resolver.resolve(instance.scope, instance.node, index)
                return (source.widget if source is not None else None), True
        widget, host = instance.node.widget(name), instance.scope.host
        raised = host.raised.get(id(widget)) if host is not None else None
        return (widget, False) if raised is None else (raised, True)

    def _place(self, widget: IWidget) -> tuple[list[Any], int] | None:
        """Where the value of a widget is saved: a list of values, and the place in it."""
        holder = self._holders.get(id(widget))
        place = widget.origin if isinstance(widget.origin, int) else place_outside(widget.origin)
        values = holder.raw.get("widgets_values") if holder is not None else None
        return (values, place) if place is not None and is_list(values) and place < len(values) else None

    def _remove(self, node: GraphNode) -> bool:
        instance = self._instances[node.node_id]
        if instance.scope.depth:
            return False
        self._links.remove_node(_raw(instance))
        return True

    def _draft(self, node_id: str) -> DraftNode:
        node = self._origin.graph[node_id]
        shape = self._shapes.get(node.class_type)
        return write_unknown_node(node) if shape is None else write_class_node(node, shape, self._rules)

    def _add(self, added: list[str], drafts: Mapping[str, DraftNode]) -> None:
        if not added:
            return
        canvas = layout(self._origin.graph, self._schema)
        for node_id in added:
            made = saved_node(
                drafts[node_id], saved_id(node_id), canvas.positions[node_id], canvas.sizes[node_id]
            )
            self._links.add_node(made)

    def _rewrite(self, node_id: str, draft: DraftNode) -> bool:
        sources: list[tuple[int | str, int] | None] = []
        for slot in draft.inputs:
            source = self._at_root(slot.source) if slot.source is not None else None
            if source is None and slot.source is not None and slot.source.node_id in self._origin.graph:
                return False
            sources.append(source)
        return self._links.rewrite(saved_id(node_id), draft, sources)

    def _at_root(self, link: Link) -> tuple[int | str, int] | None:
        """Where a link starts on the canvas: at a node, or at a subgraph's node that gives it already."""
        node = self._origin.graph.get(link.node_id)
        if node is None:
            return None
        if node.scope == ROOT:
            return saved_id(link.node_id), link.slot
        around = self._origin.graph.around(link.node_id)
        for index, output in enumerate(around[0].outputs):
            if output.source == link:
                return saved_id(around[0].scope_id), index
        return None


def _raw(instance: ExecutableNode) -> dict[str, Any]:
    raw: Any = instance.node.raw
    held: dict[str, Any] = raw
    return held


def _holders(instances: Iterable[ExecutableNode]) -> Iterator[tuple[int, LGraphNode]]:
    """The node with which the value of a widget is saved, by the widget's `id`."""
    for one in instances:
        for widget in one.node.widgets:
            yield id(widget), one.node
        for raised in one.node.raised.values():
            yield id(raised), one.node
        for slot in one.node.inputs:
            if slot.promoted is not None and slot.promoted.own is not None:
                yield id(slot.promoted.own), one.node


def _numbers(document: Mapping[str, Any], before: Graph) -> set[int]:
    """The numbers that nodes of a file have, here or in its subgraphs."""
    parts = {part for node_id in (*before, *before.scopes) for part in node_id.split(":")}
    taken = {number for number in map(saved_id, parts) if isinstance(number, int)}
    last = document.get("last_node_id")
    saved = [last, *(one.get("id") for one in _objects(document.get("nodes")))]
    return taken | {number for number in saved if type(number) is int}


def _renamed(graph: Graph, before: Graph, found: Diff, taken: set[int]) -> Graph:
    """The graph with the ids of the file; what is new is on the workflow's canvas.

    It keeps its id where that is free, else it gets the next number.
    """
    names = {after: ours for ours, after in found.pairs.items()}
    for node_id in graph:
        if node_id in names:
            continue
        number = saved_id(node_id)
        if not isinstance(number, int) or number in taken:
            number = max(taken, default=0) + 1
        taken.add(number)
        names[node_id] = str(number)
    nodes: list[GraphNode] = []
    for node_id, node in graph.items():
        inputs = {
            name: Link(names[value.node_id], value.slot)
            if type(value) is Link and value.node_id in names
            else value
            for name, value in node.inputs.items()
        }
        name = names[node_id]
        scope = before[name].scope if name in before else ROOT
        nodes.append(GraphNode(name, node.class_type, inputs, node.title, node.origin, node.extra, scope))
    order = {node_id: place for place, node_id in enumerate(before)}
    nodes.sort(key=lambda node: order.get(node.node_id, len(order)))
    return Graph(nodes, before.scopes.values(), before.canvas)


_FIELDS = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")


class RootLinks:
    """Changes nodes and links so that table, inputs and outputs agree.

    Args:
        document: The file's JSON; it is changed.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._lists = document.get("version") == 0.4
        self._table: dict[int, dict[str, Any]] = {}
        for entry in array_or_empty(document.get("links")):
            named = zip(_FIELDS, entry, strict=False) if is_array(entry) else object_or_empty(entry).items()
            link: dict[str, Any] = dict(named)
            if type(link.get("id")) is int:
                self._table[link["id"]] = link
        self._last = max(self._table, default=0)
        self._changed = False

    def add_node(self, node: dict[str, Any]) -> None:
        """Put a node without links onto the canvas."""
        self._document["nodes"] = [*self._document["nodes"], node]
        self._changed = True

    def remove_node(self, node: object) -> None:
        """Take a node and its links away."""
        self._document["nodes"] = [one for one in self._document["nodes"] if one is not node]
        key = _key(object_or_empty(node).get("id"))
        for link in [*self._table.values()]:
            if key in (_key(link.get("origin_id")), _key(link.get("target_id"))):
                self._cut(link["id"])
        self._changed = True

    def rewrite(
        self, node_id: int | str, draft: DraftNode, sources: list[tuple[int | str, int] | None]
    ) -> bool:
        """Give a node the inputs and values of a draft.

        Args:
            node_id: The node.
            draft: What to write it as.
            sources: For each input of the draft the node and output on this canvas that it is linked to.

        Returns:
            Whether all these nodes are there.
        """
        self._changed = True
        node = self._node(node_id)
        if node is None or any(self._node(source[0]) is None for source in sources if source is not None):
            return False
        for link in [*self._table.values()]:
            if _key(link.get("target_id")) == _key(node_id):
                self._cut(link["id"])
        entries: list[dict[str, Any]] = []
        for place, (slot, source) in enumerate(zip(draft.inputs, sources, strict=True)):
            number = None
            if source is not None:
                self._last = number = self._last + 1
                fields = (number, *source, node_id, place, self._give(*source, number))
                self._table[number] = dict(zip(_FIELDS, fields, strict=True))
            entries.append(input_json(slot, number))
        node["inputs"] = entries
        node["widgets_values"] = draft.values
        return True

    def finish(self) -> None:
        """Write the table of links, and the last numbers."""
        if not self._changed:
            return
        links = [*self._table.values()]
        rows = [[link.get(name) for name in _FIELDS] for link in links]
        self._document["links"] = rows if self._lists else links
        numbers = [one["id"] for one in self._nodes() if type(one.get("id")) is int]
        last = {"last_node_id": max(numbers, default=0), "last_link_id": self._last}
        for name, number in last.items():
            if self._lists or name in self._document:
                self._document[name] = max(_number(self._document.get(name)), number)
        state = self._document.get("state")
        if is_object(state):
            known = max(_number(state.get("lastNodeId")), last["last_node_id"])
            self._document["state"] = {**state, "lastNodeId": known, "lastLinkId": self._last}

    def _nodes(self) -> Iterator[dict[str, Any]]:
        return _objects(self._document["nodes"])

    def _node(self, node_id: int | str) -> dict[str, Any] | None:
        return next((one for one in self._nodes() if _key(one.get("id")) == _key(node_id)), None)

    def _give(self, origin: int | str, slot: int, number: int) -> Any:
        """Let an output say that a link starts there; what type it has."""
        node = self._node(origin) or {}
        outputs = [dict(object_or_empty(output)) for output in array_or_empty(node.get("outputs"))]
        while len(outputs) <= slot:
            outputs.append({"name": f"output {len(outputs) + 1}", "type": "*", "links": None})
        outputs[slot]["links"] = [*array_or_empty(outputs[slot].get("links")), number]
        node["outputs"] = outputs
        return outputs[slot].get("type", "*")

    def _cut(self, number: int) -> None:
        del self._table[number]
        for node in self._nodes():
            for slot in _objects(node.get("inputs")):
                if slot.get("link") == number:
                    slot["link"] = None
            for output in _objects(node.get("outputs")):
                links = output.get("links")
                if is_list(links) and number in links:
                    links.remove(number)


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects in a list, to be changed."""
    return (cast("dict[str, Any]", one) for one in array_or_empty(value) if isinstance(one, dict))


def _key(node_id: object) -> str:
    return str(node_id)


def _number(value: Any) -> int:
    return int(value) if is_number(value) and abs(value) < 2**53 else 0
