"""Legacy group nodes (``workflow>Name``): several nodes that old editors showed as one [17].

The file keeps the grouped nodes in ``extra.groupNodes``. The group's own widgets are all widgets
inside that are not linked, in the order of the nodes; its inputs and outputs are what is not
linked inside. The nodes inside are sent as ``id:index``.

1.45 takes a combo whose choices the server gives as a list for a socket here: its widget follows those
of its node and is not handed inside. A group with a combo that has an upload button is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ..json_types import array_or_empty, is_array, is_object, object_or_empty
from ..record import replace
from ..schema import InputSchema, NodeSchema, OutputSchema
from .editor_rules import EditorRules
from .frontend_widgets import takes_media
from .javascript import js_text
from .live_graph import BYPASSED, INodeInputSlot, LGraphNode
from .node_setup import fill_class_node, set_value
from .node_shape import NodeShape, NodeShapes
from .virtual_nodes import virtual_role

PREFIXES: Final = ("workflow>", "workflow/")
_SEEDS: Final = ("seed", "noise_seed")
_PRIMITIVE: Final = "PrimitiveNode"
_REROUTE: Final = "Reroute"


class GroupNode:
    """What is behind one group node.

    Attributes:
        types: The classes of the grouped nodes.
        keys: The ids of the grouped nodes in the prompt.
        inner: The grouped nodes; None for one that does not reach the prompt.
        inputs: For each grouped node and input: the group's input that feeds it.
        links: For each grouped node and input: the grouped node and output that feed it.
        outputs: For each output of the group: the grouped node and its output.
    """

    def __init__(self) -> None:
        self.types: list[str] = []
        self.keys: list[str] = []
        self.inner: list[LGraphNode | None] = []
        self.inputs: dict[tuple[int, int], int] = {}
        self.links: dict[tuple[int, int], tuple[int, int]] = {}
        self.outputs: list[tuple[int, int]] = []


class _Plan:
    """The group's class as the editor works it out from the grouped nodes."""

    def __init__(self, saved: Mapping[str, Any], shapes: NodeShapes, lists_are_sockets: bool) -> None:
        self.nodes = [object_or_empty(node) for node in array_or_empty(saved.get("nodes"))]
        self.config = object_or_empty(saved.get("config"))
        self.group = GroupNode()
        self.entries: dict[str, InputSchema] = {}
        self.outputs: list[OutputSchema] = []
        self.widgets: dict[str, tuple[int, str]] = {}
        self._seen: dict[str, int] = {}
        self._count = 0
        self._lists_are_sockets = lists_are_sockets
        self._external: set[tuple[int, int]] = set()
        self._types: dict[tuple[int, int], Any] = {}
        self._primitives: dict[int, str] = {}
        self.written: dict[int, list[tuple[int, str]]] = {}
        self.group.types = [js_text(node.get("type")) for node in self.nodes]
        self._read_links(saved)
        self._linked = set(self.group.links.values())
        waiting: list[tuple[int, NodeShape, list[str], list[str]]] = []
        for index, type_ in enumerate(self.group.types):
            shape = shapes.get(type_)
            if type_ == _PRIMITIVE:
                self._plan_primitive(index)
            elif type_ == _REROUTE:
                self._plan_reroute(index)
            elif shape is not None:
                waiting.append((index, shape, *self._plan_node(index, shape)))
        for index, shape, slots, converted in waiting:
            self._plan_converted(index, shape, slots, converted)

    def _read_links(self, saved: Mapping[str, Any]) -> None:
        for entry in array_or_empty(saved.get("external")):
            if (
                is_array(entry)
                and len(entry) >= 2
                and isinstance(entry[0], int)
                and isinstance(entry[1], int)
            ):
                self._external.add((entry[0], entry[1]))
        for entry in array_or_empty(saved.get("links")):
            if not is_array(entry) or len(entry) < 4 or not all(isinstance(part, int) for part in entry[:4]):
                continue
            if 0 <= entry[0] < len(self.nodes):
                self.group.links[(entry[2], entry[3])] = (entry[0], entry[1])
                self._types.setdefault((entry[0], entry[1]), entry[5] if len(entry) > 5 else None)

    def _plan_primitive(self, index: int) -> None:
        """A primitive node inside is a widget of the group; what it takes is known once its target is."""
        type_ = self._types.get((index, 0))
        if not isinstance(type_, str):
            return
        name = self._name(index, "value", titled=True)
        self.entries[name] = InputSchema(name, type_, True)
        self.widgets[name] = (index, "value")
        self._primitives[index] = name

    def _plan_reroute(self, index: int) -> None:
        """A reroute inside is an input, an output or both of the group, unless it is linked on both sides."""
        fed, feeding = (index, 0) in self.group.links, (index, 0) in self._types
        if fed and feeding and (index, 0) not in self._external:
            return
        type_ = js_text(self._types.get((index, 0)) or "*")
        if not fed:
            name = self._name(index, type_)
            self.entries[name] = InputSchema(name, type_, True, {"forceInput": True})
            self.group.inputs[(index, 0)] = self._count
            self._count += 1
        self._plan_outputs(index, [(type_, type_)])

    def _note_primitive(self, index: int, place: int, entry: InputSchema) -> None:
        """If a primitive node inside feeds that input, give it the input's options."""
        source = self.group.links[(index, place)][0]
        name = self._primitives.get(source)
        if name is None:
            return
        options = {**entry.options, "control_after_generate": True}
        self.entries[name] = replace(self.entries[name], options=options)
        self.written.setdefault(source, []).append((index, entry.name))

    def _plan_node(self, index: int, shape: NodeShape) -> tuple[list[str], list[str]]:
        slots: list[str] = []
        converted: list[tuple[int, str]] = []
        saved = [object_or_empty(slot) for slot in array_or_empty(self.nodes[index].get("inputs"))]
        for entry in shape.entries:
            if not shape.specs[entry.name].widgets or (self._lists_are_sockets and entry.legacy_combo):
                slots.append(entry.name)
                continue
            place = _converted_place(saved, entry.name)
            if place is not None:
                converted.append((place, entry.name))
                continue
            name = self._name(index, entry.name)
            self.entries[name] = self._entry(entry, name)
            self.widgets[name] = (index, entry.name)
        by_name = {entry.name: entry for entry in shape.entries}
        for place, name in enumerate(slots):
            self._plan_input(index, place, by_name[name], name)
        self._plan_outputs(index, shape.outputs)
        return slots, [name for _, name in sorted(converted, key=lambda item: str(item[0]))]

    def _plan_input(self, index: int, place: int, entry: InputSchema, name: str) -> None:
        if (index, place) in self.group.links:
            self._note_primitive(index, place, entry)
            return
        own = self._name(index, name)
        if self._option(index, "input", name).get("visible") is False:
            return
        self.entries[own] = replace(entry, name=own)
        self.group.inputs[(index, place)] = self._count
        self._count += 1

    def _plan_converted(self, index: int, shape: NodeShape, slots: list[str], converted: list[str]) -> None:
        by_name = {entry.name: entry for entry in shape.entries}
        for offset, name in enumerate(converted):
            place = len(slots) + offset
            if (index, place) in self.group.links:
                self._note_primitive(index, place, by_name[name])
                continue
            own = self._name(index, name)
            self.entries[own] = self._entry(by_name[name], own)
            self.widgets[own] = (index, name)
            self.group.inputs[(index, place)] = self._count
            self._count += 1

    def _plan_outputs(self, index: int, outputs: list[tuple[str, str]]) -> None:
        for slot, (name, type_) in enumerate(outputs):
            visible = self._option(index, "output", js_text(slot)).get("visible")
            if visible is None:
                visible = (index, slot) not in self._linked or (index, slot) in self._external
            if visible:
                self.outputs.append(OutputSchema(len(self.outputs), name, type_))
                self.group.outputs.append((index, slot))

    def _option(self, index: int, side: str, name: str) -> Mapping[str, Any]:
        own = object_or_empty(self.config.get(js_text(index)))
        return object_or_empty(object_or_empty(own.get(side)).get(name))

    def _name(self, index: int, input_name: str, titled: bool = False) -> str:
        """The group's name for an input: its own, with the node's title where it is taken."""
        node = self.nodes[index]
        name = self._option(index, "input", input_name).get("name") or self._label(node, input_name)
        key = name
        if name in self._seen or (titled and node.get("title")):
            prefix = f"{node.get('title') or node.get('type')} "
            key = name = f"{prefix}{input_name}"
            if name in self._seen:
                name = f"{prefix}{self._seen[name]} {input_name}"
        self._seen[key] = self._seen.get(key, 1) + 1
        return name

    def _label(self, node: Mapping[str, Any], input_name: str) -> str:
        for slot in array_or_empty(node.get("inputs")):
            if is_object(slot) and slot.get("name") == input_name:
                label = slot.get("label")
                return label if isinstance(label, str) else input_name
        return input_name

    def _entry(self, entry: InputSchema, name: str) -> InputSchema:
        options = dict(entry.options)
        if entry.name in _SEEDS:
            options["control_after_generate"] = "control_after_generate"
        return replace(entry, name=name, required=True, options=options)


def _converted_place(saved: list[Mapping[str, Any]], name: str) -> int | None:
    for place, slot in enumerate(saved):
        if slot.get("name") == name and object_or_empty(slot.get("widget")).get("name") == name:
            return place
    return None


def group_definitions(
    raw: Mapping[str, Any], shapes: NodeShapes, lists_are_sockets: bool
) -> dict[str, Mapping[str, Any]]:
    """The groups of a workflow that the editor can make, by the type of their nodes.

    Args:
        raw: The workflow.
        shapes: What the server's classes give their nodes.
        lists_are_sockets: Whether combos with a list of choices are sockets of a group.
    """
    saved = object_or_empty(object_or_empty(raw.get("extra")).get("groupNodes"))
    found: dict[str, Mapping[str, Any]] = {}
    for name, group in saved.items():
        nodes = array_or_empty(object_or_empty(group).get("nodes"))
        if nodes and all(_can_be_grouped(node, shapes, lists_are_sockets) for node in nodes):
            for prefix in PREFIXES:
                found[f"{prefix}{name}"] = group
    return found


def _can_be_grouped(node: Any, shapes: NodeShapes, lists_are_sockets: bool) -> bool:
    type_ = js_text(node.get("type")) if is_object(node) else ""
    shape = shapes.get(type_)
    if shape is None:
        return virtual_role(type_) is not None
    return not lists_are_sockets or not any(
        entry.legacy_combo and (takes_media(entry.options) or entry.options.get("audio_upload") is True)
        for entry in shape.entries
    )


def fill_group_node(
    node: LGraphNode,
    saved: Mapping[str, Any],
    shapes: NodeShapes,
    rules: EditorRules,
    lists_are_sockets: bool,
    new_keys: list[str],
    fill: Callable[[LGraphNode], None],
) -> GroupNode:
    """Give a group node its slots and widgets, and make the nodes behind it.

    Args:
        node: The node on the canvas.
        saved: The group as the file keeps it.
        shapes: What the server's classes give their nodes.
        rules: The version of the editor.
        lists_are_sockets: Whether combos with a list of choices are sockets of a group.
        new_keys: The ids of the nodes behind it, where they are not ``id:index``.
        fill: Does to a node behind it what its pack's code does; the group's values come after.
    """
    plan = _Plan(saved, shapes, lists_are_sockets)
    schema = NodeSchema(
        class_type=node.type,
        display_name=node.type,
        category="",
        python_module="",
        inputs=tuple(plan.entries.values()),
        outputs=tuple(plan.outputs),
        is_output_node=False,
        raw={"input_order": {}},
    )
    fill_class_node(node, NodeShape(schema, rules), rules)
    keys = new_keys or [f"{node.key}:{index}" for index in range(len(plan.nodes))]
    plan.group.keys = keys
    for key, inner_saved in zip(keys, plan.nodes, strict=True):
        inner = _inner_node(node, key, inner_saved, shapes, rules)
        if inner is not None:
            fill(inner)
        plan.group.inner.append(inner)
    for name, (index, inner_name) in plan.widgets.items():
        outer = node.widget(name)
        if outer is None:
            continue
        targets = plan.written.get(index) or [(index, inner_name)]
        for place, target_name in targets:
            inner = plan.group.inner[place]
            widget = inner.widget(target_name) if inner is not None else None
            if inner is not None and widget is not None:
                set_value(inner, widget, outer.value, rules, f"group node {node.key}")
    return plan.group


def _inner_node(
    group: LGraphNode, key: str, saved: Mapping[str, Any], shapes: NodeShapes, rules: EditorRules
) -> LGraphNode | None:
    type_ = js_text(saved.get("type"))
    shape = shapes.get(type_)
    if shape is None:
        return None
    node = LGraphNode(key, key, type_, "class", group.graph, saved)
    node.mode = saved.get("mode") or 0
    node.properties = object_or_empty(saved.get("properties"))
    fill_class_node(node, shape, rules)
    return node


def inner_links(group: LGraphNode, plan: GroupNode, index: int) -> Iterator[tuple[INodeInputSlot, str, Any]]:
    """What feeds the inputs of a grouped node: the input, the origin's id, and its output.

    Outside the group only the node at the other end of the link is looked at: reroutes and
    bypassed nodes there are not followed.
    """
    node = plan.inner[index]
    for place, slot in enumerate(node.inputs if node is not None else ()):
        outer = plan.inputs.get((index, place))
        if outer is not None:
            link = group.graph.link(group.inputs[outer].link) if outer < len(group.inputs) else None
            if link is not None:
                yield slot, link.origin_key, link.origin_slot
            continue
        source = plan.links.get((index, place))
        if source is not None and plan.types[source[0]] != _PRIMITIVE:
            yield slot, plan.keys[source[0]], source[1]


def group_output(group: LGraphNode, plan: GroupNode, slot: Any, wanted: Any) -> tuple[str, int] | int | None:
    """What is behind an output of a group node.

    Returns:
        The id and output of the grouped node; for a bypassed group, the input of the group that
        is passed on, or None.
    """
    if group.mode == BYPASSED:
        places = [slot, *range(len(group.inputs))]
        return next((p for p in places if p < len(group.inputs) and group.inputs[p].type == wanted), None)
    if not isinstance(slot, int) or not 0 <= slot < len(plan.outputs):
        return None
    index, inner_slot = plan.outputs[slot]
    for _ in plan.types:
        if plan.types[index] != _REROUTE:
            break
        outer = plan.inputs.get((index, 0))
        if outer is not None:
            return outer if outer < len(group.inputs) else None
        if (index, 0) not in plan.links:
            return None
        index, inner_slot = plan.links[(index, 0)]
    return plan.keys[index], inner_slot
